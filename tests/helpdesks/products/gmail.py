"""Gmail and Google Workspace, as their help pages describe them. Nobody of us has run it.

* Filters: developers.google.com, Gmail API, users.settings.filters: from, to, subject, query,
  attachment and size. No header.
* Conversations: support.google.com/mail 5900, "Group emails into conversations": a changed subject
  breaks one off.
* Rules of Workspace: support.google.com/a 1346934, "Set up rules for advanced email content
  filtering", with the RE2 patterns of 1346938. The patterns in README.md are tested in test_saas.py.
* How it knows robots: not found. RFC 3834 is assumed.
"""

import re
from email import message_from_bytes
from email.message import Message
from typing import Final

from tests.helpdesks.headers import subject_of
from tests.helpdesks.product import Product, Taken, Ticket
from tests.helpdesks.products import generic

_PREFIX: Final = re.compile(r"^\s*(?:re|aw|sv|antw|res)\s*:\s*", re.IGNORECASE)


def take(raw: bytes, recipient: str) -> Taken:
    """The label that a filter on the address gives ("deliveredto:")."""
    return generic.by_address(raw, recipient)


def joins(raw: bytes, ticket: Ticket) -> bool:
    """A reference to the first mail, and the same subject but for "Re:"; how exactly a changed
    subject is told is not documented."""
    same = topic(message_from_bytes(raw)) == topic(message_from_bytes(ticket.first))
    return same and generic.joins(raw, ticket)


def topic(mail: Message) -> str:
    """The subject without prefixes of replies."""
    subject = subject_of(mail)
    while (shorter := _PREFIX.sub("", subject)) != subject:
        subject = shorter
    return " ".join(subject.split())


PRODUCT: Final = Product(
    profile="gmail",
    take=take,
    joins=joins,
    threads="References, and the same subject",
    evidence="documentation: support.google.com/mail 5900, Gmail API filters",
)
