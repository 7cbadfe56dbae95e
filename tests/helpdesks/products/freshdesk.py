"""Freshdesk, as its help pages describe it. Nobody of us has run it.

* Threads: support.freshdesk.com 226802, "Why is a customer's reply to a ticket creating a new
  ticket?": number in the subject, Message-ID, or a unique identifier; then a check of the sender.
* Addresses: 50000009268, "Overview of email channel".
* Conditions of rules: freshworks 50000009491, "Automation rules examples". They know ticket,
  contact and company; a header was not found.
* How it knows robots: not found. What RFC 3834 says is assumed.
"""

import re
from email import message_from_bytes
from typing import Final

from tests.helpdesks.headers import sender_of, subject_of
from tests.helpdesks.product import Product, Taken, Ticket
from tests.helpdesks.products import generic

# 226802: "[#{{ticket.id}}]"; with "Configure prefix for Ticket ID" "[#Freshworks-1234]".
_NUMBER: Final = re.compile(r"\[#(?:[^\[\]#]*-)?(\d+)\]")


def take(raw: bytes, recipient: str) -> Taken:
    """Each support email assigns its group; nothing else of a header is known to count."""
    return generic.by_address(raw, recipient)


def joins(raw: bytes, ticket: Ticket) -> bool:
    """What the check of the sender lets pass is not documented: here, only the requester."""
    mail = message_from_bytes(raw)
    if sender_of(mail) != ticket.customer.lower():
        return False
    subject = subject_of(mail)
    return ticket.number in _NUMBER.findall(subject) or generic.joins(raw, ticket)


def own_reply(ticket: Ticket) -> bytes:
    """Its notice to the requester, with the number in the subject by default."""
    lines = [
        "From: Help <help@desk.example>",
        f"To: {ticket.customer}",
        f"Subject: [#{ticket.number}] Ticket received",
        f"Message-ID: <{ticket.number}@freshdesk.invalid>",
        "",
        "We have received your request.",
        "",
    ]
    return "\r\n".join(lines).encode()


PRODUCT: Final = Product(
    profile="freshdesk",
    take=take,
    joins=joins,
    own_reply=own_reply,
    threads="number in the subject, or Message-ID, from the requester",
    evidence="documentation: support.freshdesk.com 226802, 50000009268",
)
