"""A mailbox that config/helpdesks/sieve/mailtriage.sieve files, with Sieve's vacation in it.

The script is ours, so its rules stand here once more in Python; test_sieve.py holds them to what
sieve-test(1) does with the script. Vacation is re-stated from dovecot/pigeonhole,
src/lib-sieve/plugins/vacation/cmd-vacation.c; tests/e2e/test_robots.py runs it.
"""

import re
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses
from typing import Final

from tests.helpdesks.headers import bare_ids, first, message_id
from tests.helpdesks.product import Product, Taken, Ticket

UNTAGGED: Final = "untagged"
ROBOTS: Final = "robots"
FLAGGED: Final = "flagged"

# cmd-vacation.c, _list_headers.
_LIST_HEADERS: Final = (
    "list-id", "list-owner", "list-subscribe", "list-post", "list-unsubscribe", "list-help",
    "list-archive",
)  # fmt: skip
# cmd-vacation.c, _my_address_headers.
_ADDRESS_HEADERS: Final = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc")

_ROUTE: Final = re.compile(r"[a-z0-9_-]{1,60}")


def take(raw: bytes, recipient: str) -> Taken:
    """Folder as queue, flag as priority; a robot is whom vacation does not answer."""
    mail = message_from_bytes(raw)
    queue = folder(mail)
    return Taken(
        robot=not answers(mail, recipient),
        priority=FLAGGED if queue not in (UNTAGGED, ROBOTS) and flagged(mail) else "",
        queue=queue,
        language=str(mail.get("X-Mailtriage-Language", "")),
    )


def folder(mail: Message) -> str:
    """Where mailtriage.sieve puts it."""
    routes = [str(value).strip() for value in mail.get_all("X-Mailtriage-Route", [])]
    kinds = [str(value).strip().lower() for value in mail.get_all("X-Mailtriage-Kind", [])]
    if len(routes) != 1 or len(kinds) != 1 or not _ROUTE.fullmatch(routes[0]):
        return UNTAGGED
    return ROBOTS if kinds[0] in ("machine", "bounce", "list") else routes[0]


def flagged(mail: Message) -> bool:
    """Whether mailtriage.sieve flags what a person wrote."""

    def says(name: str, word: str) -> bool:
        # Sieve's ":is" asks each field of that name, without regard to case (RFC 5228, 2.7.3, 5.7).
        values = mail.get_all(f"X-Mailtriage-{name}", [])
        return any(str(value).strip().lower() == word for value in values)

    return says("Priority", "urgent") or (says("Tier", "vip") and says("Churn", "high"))


def answers(mail: Message, recipient: str) -> bool:
    """Whether vacation answers: cmd-vacation.c, act_vacation_commit, in its order.

    The envelope sender is that of Return-Path, which Dovecot's LMTP writes; without one it is
    asked nothing. It answers one sender once in seven days, which is not looked at here.
    """
    path = mail.get("Return-Path")
    sender = None if path is None else str(path).strip(" <>")
    if sender == "" or (sender and sender.lower() == recipient.lower()):
        return False
    if any(mail.get(name) is not None for name in _LIST_HEADERS):
        return False
    if any(str(value).lower() != "no" for value in mail.get_all("Auto-Submitted", [])):
        return False
    precedences = {str(value).lower() for value in mail.get_all("Precedence", [])}
    if precedences & {"junk", "bulk", "list"}:
        return False
    # A list of words, of which these two count.
    for value in mail.get_all("X-Auto-Response-Suppress", []):
        if {word.strip().lower() for word in str(value).split(",")} & {"all", "oof"}:
            return False
    if sender and _is_system_address(sender):
        return False
    named = [str(value) for name in _ADDRESS_HEADERS for value in mail.get_all(name, [])]
    return recipient.lower() in {address.lower() for _, address in getaddresses(named)}


def _is_system_address(address: str) -> bool:
    """cmd-vacation.c, _is_system_address: case counts in the last two."""
    beginnings = ("mailer-daemon", "listserv", "majordomo")
    if address.lower().startswith(beginnings):
        return True
    return "-request@" in address or address.startswith("owner-")


def joins(raw: bytes, ticket: Ticket) -> bool:
    """Whether mail programs show it in the thread of that mail (RFC 5256, THREAD=REFS): any
    Message-ID that both name, in whatever folder. Sieve itself looks at one mail at a time."""
    mail = message_from_bytes(raw)
    named = bare_ids(" ".join(first(mail, name) for name in ("References", "In-Reply-To")))
    return message_id(ticket.first) in named


PRODUCT: Final = Product(
    profile="sieve",
    take=take,
    joins=joins,
    threads="References or In-Reply-To, in the mail program",
    evidence="product, Dovecot 2.3.19 with Pigeonhole 0.5.19",
)
