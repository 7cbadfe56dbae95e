"""What only shows when the sections about acknowledgements are seen together."""

import grp
import stat
from typing import Final

from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.report import NOT_FOR_MAIN_CF, Report
from mailtriage.config.sections import Config
from mailtriage.toml_lines import KeyPath

_NOBODY_READS: Final = ("no-reply", "noreply", "do-not-reply", "donotreply", "postmaster")


def check_acks(config: Config, report: Report) -> None:
    """Report what is wrong or doubtful about the desk, the mailboxes and what they answer."""
    _check_desk(config, report)
    _check_state(config, report)
    for name, mailbox in zip(_names(config), config.mailboxes.mailboxes, strict=True):
        _check_mailbox(("mailboxes", name), mailbox, report)
    if config.authentication.level == "lenient" and not (
        config.customers.files or config.customers.redis
    ):
        report(
            ("authentication", "level"),
            '"lenient" is for known customers, and there is no customer list',
            "name one under [customers]",
            warning=True,
        )


def _names(config: Config) -> list[str]:
    return [mailbox.address for mailbox in config.mailboxes.mailboxes]


def _check_desk(config: Config, report: Report) -> None:
    desk = config.desk
    path = ("desk", "listen")
    if desk.listen.kind == "fd":
        report(path, "only the milter can inherit its socket", "name an address")
    for other, listen in (
        ("milter.listen", config.milter.listen),
        ("smtp.listen", config.smtp.listen),
    ):
        if desk.listen == listen:
            report(path, f"the same address as {other}")
    submit = config.ack.submit
    if (desk.listen.path, desk.listen.host, desk.listen.port) == (
        submit.path,
        submit.host,
        submit.port,
    ):
        report(("ack", "submit"), "the same address as desk.listen: nothing would be sent")
    if desk.listen.kind != "fd" and not desk.listen.loopback:
        report(
            path,
            "reachable from other machines",
            "who can connect there can fill its memory; only the local Postfix needs it",
            warning=True,
        )
    if desk.listen.kind == "unix" and desk.socket_mode & stat.S_IWOTH:
        report(
            ("desk", "socket_mode"),
            "every user of this machine can connect",
            'write "0660" and name Postfix\'s group in socket_group',
            warning=True,
        )
    if desk.listen.kind == "unix" and NOT_FOR_MAIN_CF.search(desk.listen.path):
        what = "main.cf has no way to write a path with blanks, commas, braces, quotes or $"
        report(path, what)
    if desk.socket_group:
        try:
            grp.getgrnam(desk.socket_group)
        except KeyError:
            report(("desk", "socket_group"), f'there is no group "{desk.socket_group}" here')


def _check_state(config: Config, report: Report) -> None:
    if config.mailboxes.mailboxes and config.state.scheme != "sqlite":
        report(
            ("state", "url"),
            f"acknowledgements are remembered on this machine only, in {config.state.database}",
            "a customer who is sent to another node may be answered twice",
            warning=True,
        )


def _check_mailbox(path: KeyPath, mailbox: Mailbox, report: Report) -> None:
    answers = mailbox.ack in {"send", "deferred"}
    if mailbox.address.startswith("*@") and answers:
        # Rule E4: an address that nobody set up may be a spammer's guess.
        report(
            (*path, "ack"),
            "an address that is not named is never acknowledged",
            'name those that are, or write ack = "off"',
            warning=True,
        )
        return
    if answers and mailbox.profile == "zammad" and mailbox.subject_style != "re":
        report(
            (*path, "subject_style"),
            "Zammad opens a second ticket for an answer whose subject has a marker in it",
            'write "re"',
            warning=True,
        )
    if answers and mailbox.from_address.partition("@")[0].lower() in _NOBODY_READS:
        report(
            (*path, "from"),
            f"acknowledgements come from {mailbox.from_address}, which looks as if nobody read it",
            "customers answer them (RFC 3834 section 3.1.1)",
            warning=True,
        )
