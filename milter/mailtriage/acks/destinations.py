"""Rules I: where an answer goes.

To the reverse-path (RFC 3834 section 4), never to Sender:, and to Reply-To: only for web forms that
the administrator has named: whoever fills in a form writes any address he likes there. I1 to I3 say
where an answer goes and forbid none; where there is no address, A1, A2 and A11 do.
"""

import re
from collections.abc import Iterator
from typing import Final

from mailtriage.acks.authentication import dkim_passes, dmarc_passes
from mailtriage.acks.border import without_comments
from mailtriage.acks.domains import aligned, is_within
from mailtriage.acks.model import Authentication, Case, Destination, Rule, Source
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.sections import Config
from mailtriage.mail.address import parse_mailboxes
from mailtriage.mail.model import Client, Headers, Mail

_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_MAX_FIELD: Final = 4096
"""Bytes; a longer field holds more than one mailbox, whatever it says."""


def destination(
    mail: Mail, config: Config, mailbox: Mailbox | None, authentication: Authentication
) -> Destination:
    """Where the acknowledgement would go.

    Addresses that forwarders (SRS) and BATV made out of others stay as they are: both take bounces
    and other mail with the null reverse-path back.
    """
    sender = mail.envelope.sender
    if not sender:
        return Destination("")
    if is_form(mail.client, authentication, config):
        visitor = address_of(mail, "reply-to")
        if visitor:
            return Destination(visitor, "reply-to")
    elif mailbox is not None and mailbox.ack_to == "from":
        author = address_of(mail, "from")
        if author and _sent_by_another(sender, author) and _is_author(author, authentication):
            return Destination(author, "from")
    return Destination(address_of(mail, "sender"))


def address_of(mail: Mail, source: Source) -> str:
    """The address of a destination that is known to come from there."""
    if source == "sender":
        return _lower_domain(mail.envelope.sender)
    return _lone_mailbox(mail.headers, "From" if source == "from" else "Reply-To")


def is_form(client: Client, authentication: Authentication, config: Config) -> bool:
    """Whether a web form that may be answered by its Reply-To: wrote the mail.

    By the client's address or login, or because the mail is authenticated for one of the domains
    (or for one below it): a name in From: alone is anybody's.
    """
    forms = config.ack.forms
    if forms.clients.contains(client.address) or (client.login and client.login in forms.logins):
        return True
    return any(
        is_within(domain, form)
        for domain in _authenticated_domains(authentication)
        for form in forms.domains
    )


def _authenticated_domains(authentication: Authentication) -> Iterator[str]:
    for one in (authentication.spf, authentication.dmarc, *authentication.dkim):
        if one is not None and one.result == "pass" and one.domain:
            yield one.domain


def _sent_by_another(sender: str, author: str) -> bool:
    return not aligned(sender.rpartition("@")[2], author.rpartition("@")[2])


def _is_author(author: str, authentication: Authentication) -> bool:
    domain = author.rpartition("@")[2]
    return dmarc_passes(authentication, domain) or dkim_passes(authentication, domain)


def _lone_mailbox(headers: Headers, name: str) -> str:
    """The mailbox of a field that is there once and names exactly one; else empty.

    Groups do not count (RFC 6854 section 4: there is nobody to be answered), nor lists of which
    all mailboxes but one are broken.
    """
    fields = headers.fields(name)
    if len(fields) != 1 or len(fields[0].raw) > _MAX_FIELD:
        return ""
    raw = fields[0].raw
    bare = without_comments(_QUOTED.sub("", raw.decode("utf-8", "replace")))
    found = parse_mailboxes(raw)
    if len(found) != 1 or any(mark in bare for mark in ",:;"):
        return ""
    # Case of the local part is for its own server to judge (RFC 5321 section 2.4).
    written = re.search(re.escape(found[0].address), bare, re.IGNORECASE)
    return _lower_domain(written[0] if written else found[0].address)


def _lower_domain(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _form(case: Case) -> str | None:
    if case.destination.source == "reply-to":
        # Nobody is to be flooded by somebody else who fills in our form.
        return "repeated" if case.history.to_sender_today else None
    unanswerable = is_form(case.mail.client, case.authentication, case.config)
    return "reply-to" if unanswerable else None


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "I4",
        "a web form does not say whom to answer, or its visitor was answered within a day",
        _form,
        uses_history=True,
    ),
)
