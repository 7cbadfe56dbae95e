# ruff: noqa: INP001  a file for a tracker, not for a package
"""Roundup's mail gateway, made fit for mail from customers: goes into the tracker's home directory.

Roundup loads interfaces.py by itself and takes the class MailGW from it. Written for Roundup 2.6;
the names used are documented there (docs/customizing: "Changing How the Core Code Works").

Without it roundup-mailgw
* answers a mail with the subject "Help" with its manual, and files nothing;
* sends a mail without a subject back;
* loses a mail whose subject has "[query]", "[file 3]" or the name of another class in brackets;
* sends a mail back when a word of the command line is not in the tracker;
* sets priority and keywords anew with every answer of the customer, over what agents have set;
* sends mail back while the database cannot be reached, instead of waiting.
"""

import os

from roundup import mailgw

NO_SUBJECT = "(no subject)"


class CustomerMail(mailgw.parsedMessage):
    """One mail, written by somebody who has never heard of Roundup."""

    def handle_help(self):
        """A customer who writes "Help" wants help."""

    def check_subject(self):
        if not self.subject.strip():
            self.subject = NO_SUBJECT

    def parse_subject(self):
        """Only "[issue123]" means something: customers write "[query]" and mean nothing by it."""
        super().parse_subject()
        named = self.matches["classname"]
        if named and named.lower() != self.mailgw.default_class:
            title = self.subject[len(self.matches["refwd"] or "") :].strip()
            self.matches.update(classname=None, nodeid=None, args=None, argswhole=None, title=title)

    def get_props(self):
        """The command line speaks of a new issue. What agents have set since is theirs."""
        super().get_props()
        if self.nodeid:
            for name in self.mailgw.get_class_arguments("issue", self.classname):
                self.props.pop(name, None)


class MailGW(mailgw.MailGW):
    """The gateway."""

    parsed_message_class = CustomerMail

    def get_class_arguments(self, class_type, classname=None):
        """The command line's properties: those that the tracker knows; the rest is logged."""
        name = classname or class_type
        settings = self.props_by_class.get(name, [])
        known = {}
        for setting in settings:
            self.props_by_class[name] = [setting]
            try:
                known.update(super().get_class_arguments(class_type, classname))
            except mailgw.MailUsageError as error:
                self.logger.warning("left out, as the tracker refuses it: %s: %s", setting, error)
        if settings:
            self.props_by_class[name] = settings
        return known

    def handle_message(self, message):
        """Mail for the sender is Roundup's to write; of all else Postfix shall try again."""
        refusals = (
            mailgw.MailUsageError,
            mailgw.MailUsageHelp,
            mailgw.Unauthorized,
            mailgw.IgnoreMessage,
        )
        try:
            return super().handle_message(message)
        except refusals:
            raise
        except Exception:
            self.logger.exception("the mail stays in Postfix's queue")
            raise SystemExit(os.EX_TEMPFAIL) from None
