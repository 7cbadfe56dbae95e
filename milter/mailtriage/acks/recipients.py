"""Rules E: whom it was written to."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from mailtriage.acks.model import Case, Rule
from mailtriage.acks.robots import without_detail
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.sections import Config
from mailtriage.mail.address import parse_mailboxes
from mailtriage.mail.model import Headers, Mail

MAX_VISIBLE: Final = 10
"""Recipients in To: and Cc: up to which a mail is a letter and not a circular."""

_PRIMARY: Final = ("To", "Bcc", "Resent-To", "Resent-Bcc")
_COPIES: Final = ("Cc", "Resent-Cc")
# RFC 2142 section 4 to 6, and where robots send their reports (RFC 7489, RFC 8460): behind each of
# these sits somebody who must not start a conversation with a machine.
_ROLES: Final = frozenset({
    "abuse", "hostmaster", "mailer-daemon", "noc", "postmaster", "security", "trouble",
})  # fmt: skip
_REPORTS: Final = ("dmarc", "tlsrpt", "tls-rpt")
_CUSTOMERS_TOO: Final = "privacy"
"""Where customers ask for their data: whoever gives it a display name wants it to write."""


def service_mailbox(mail: Mail, config: Config) -> tuple[Mailbox | None, str]:
    """The one service mailbox that a mail is for, and the envelope recipient that led to it.

    All that a mailbox decides about a mail goes by this one: skills, profile, acknowledgement, dry
    run. Of several, the first in To:, then the first in Cc:, then the first in the envelope;
    before the others go those that stand in the configuration by name and acknowledge at all (or
    would, were that not only tried). "+detail" and case do not matter. (None, "") when no recipient
    is a service mailbox.
    """
    if not config.mailboxes.mailboxes:
        return None, ""
    found = [
        (mailbox, recipient)
        for recipient in mail.envelope.recipients
        if (mailbox := mailbox_of(recipient, config)) is not None
    ]
    if not found:
        return None, ""
    if len(found) == 1:
        return found[0]  # as of nearly every mail
    places = _places(mail.headers)

    def rank(candidate: tuple[Mailbox, str]) -> tuple[bool, bool, int]:
        mailbox, recipient = candidate
        named = [places[address] for address in _names(mailbox, recipient) if address in places]
        return (
            mailbox.planned_ack == "off",
            _is_catch_all(recipient, config),
            min(named, default=len(places)),
        )

    return min(found, key=rank)


def mailbox_of(recipient: str, config: Config) -> Mailbox | None:
    """The service mailbox that an envelope recipient is an address of; None when it is of none."""
    # The address as it is goes first: an administrator may give help+de@ an entry of its own.
    by_address = config.mailboxes.by_address
    exact = by_address.get(recipient.lower()) or by_address.get(without_detail(recipient))
    return exact or config.mailboxes.find(recipient)


def _is_catch_all(recipient: str, config: Config) -> bool:
    known = config.mailboxes.by_address
    return recipient.lower() not in known and without_detail(recipient) not in known


def _names(mailbox: Mailbox, recipient: str) -> Iterator[str]:
    """The addresses that stand for the mailbox in a header field; for a catch-all, which has none
    of its own, the one that the mail was sent to."""
    return map(without_detail, (*mailbox.addresses, recipient))


def _places(headers: Headers) -> dict[str, int]:
    """At which place of To:, and Cc: behind it, each address stands first."""
    places: dict[str, int] = {}
    for place, address in enumerate(_addresses(headers, ("To", "Cc"))):
        places.setdefault(address, place)
    return places


def _addresses(headers: Headers, names: tuple[str, ...]) -> Iterator[str]:
    fields = chain.from_iterable(map(headers.fields, names))
    mailboxes = chain.from_iterable(parse_mailboxes(field.raw) for field in fields)
    return (without_detail(mailbox.address) for mailbox in mailboxes)


def _is_named(case: Case, fields: tuple[str, ...]) -> bool:
    if case.mailbox is None:
        return False
    names = set(_names(case.mailbox, case.recipient))
    return any(address in names for address in _addresses(case.mail.headers, fields))


def _not_ours(case: Case) -> str | None:
    if case.mailbox is None:
        return ""
    return "off" if case.mailbox.ack == "off" else None


def _not_named(case: Case) -> str | None:
    return None if _is_named(case, (*_PRIMARY, *_COPIES)) else ""


def _catch_all(case: Case) -> str | None:
    if case.mailbox is None:
        return None
    return "" if _is_catch_all(case.recipient, case.config) else None


def _aside(case: Case) -> str | None:
    if len(set(_addresses(case.mail.headers, ("To", "Cc")))) > MAX_VISIBLE:
        return "recipients"
    copies_too = case.mailbox is not None and case.mailbox.ack_when == "to_cc"
    return None if copies_too or _is_named(case, _PRIMARY) else "cc"


def _role(case: Case) -> str | None:
    if case.mailbox is None:
        return None
    addresses = (case.recipient, case.mailbox.address)
    return next(filter(None, (role_of(address, case.mailbox) for address in addresses)), None)


def role_of(address: str, mailbox: Mailbox) -> str | None:
    """The role for which mail to this address of a mailbox is never acknowledged; None without."""
    local = without_detail(address).rpartition("@")[0]
    if local in _ROLES:
        return local
    if local.startswith(_REPORTS):
        return "reports"
    return local if local == _CUSTOMERS_TOO and not mailbox.name else None


RULES: Final[tuple[Rule, ...]] = (
    Rule("E1", "no recipient is a mailbox that acknowledges", _not_ours),
    Rule("E2", "no field of the header names the mailbox", _not_named),
    Rule("E4", "the address is only known to a catch-all", _catch_all),
    Rule("E6", "the mailbox only gets a copy, or is one of many recipients", _aside),
    Rule("E7", "the mailbox is one that robots report to", _role),
)
