"""Zendesk Support, as its help pages describe it. Nobody of us has run it.

* What is suspended: support.zendesk.com 4408828416282, "Causes for ticket suspension". The stored
  copy has lost its list of header fields, so every mark of a robot that we know counts here.
* Threads: 8396827889946, "How are incoming emails threaded to tickets?"
* Who may add to a ticket: developer.zendesk.com, "Cause of suspension reference", 5 and 6.
* Conditions of triggers: 4408893545882, "Ticket trigger conditions and actions reference". No
  header was found among them; nothing that we send sets a field of the ticket.
"""

import re
from email import message_from_bytes
from email.message import Message
from typing import Final

from tests.helpdesks.headers import queue_of, sender_of
from tests.helpdesks.product import Product, Taken, Ticket
from tests.helpdesks.products import generic

# The older copy of 4408828416282 names these "or any similar terminology", in the subject and in
# header fields: names and values are both searched here.
_AWAY: Final = re.compile(
    r"vacation|out[-_ ]?of[-_ ]?(the[-_ ]?)?office|auto[-_ ]?reply", re.IGNORECASE
)
_SYSTEM_SENDERS: Final = ("mailer-daemon@", "mail-daemon@", "postmaster@")
_ENCODED_ID: Final = re.compile(r"\[([0-9A-Z]{6}-[0-9A-Z]{4})\]")


def take(raw: bytes, recipient: str) -> Taken:
    """The support address is what a trigger can ask for ("Received at"); suspended is no ticket."""
    mail = message_from_bytes(raw)
    robot = generic.take(raw, recipient).robot or is_suspended(mail)
    return Taken(accepted=not robot, robot=robot, queue=queue_of(recipient))


def is_suspended(mail: Message) -> bool:
    """Whether Zendesk takes it for the mail of a program."""
    if sender_of(mail).startswith(_SYSTEM_SENDERS):
        return True
    if mail.get("X-Autoreply") is not None or mail.get("X-Auto-Response-Suppress") is not None:
        return True
    return any(_AWAY.search(f"{name}: {value}") for name, value in mail.items())


def joins(raw: bytes, ticket: Ticket) -> bool:
    """References and In-Reply-To against the Message-IDs of a ticket, or its encoded id, in square
    brackets, anywhere in the body. Others than the requester are suspended (causes 5 and 6)."""
    mail = message_from_bytes(raw)
    if sender_of(mail) != ticket.customer.lower():
        return False
    body = raw.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")
    known = _ENCODED_ID.search(body)
    return generic.joins(raw, ticket) or (known is not None and known[1] == encoded_id(ticket))


def encoded_id(ticket: Ticket) -> str:
    """A stand-in of the documented form, such as 1G7EOR-0Q2J; how it is made is not documented."""
    digits = ticket.number.rjust(10, "0")[-10:]
    return f"{digits[:6]}-{digits[6:]}"


def own_reply(ticket: Ticket) -> bytes:
    """Its "request received" mail: what is documented of it is the encoded id in the body."""
    lines = [
        "From: Help <help@desk.example>",
        f"To: {ticket.customer}",
        "Subject: [Request received] your request",
        f"Message-ID: <{ticket.number}@zendesk.invalid>",
        "",
        f"Your request has been received. [{encoded_id(ticket)}]",
        "",
    ]
    return "\r\n".join(lines).encode()


PRODUCT: Final = Product(
    profile="zendesk",
    take=take,
    joins=joins,
    own_reply=own_reply,
    threads="References or In-Reply-To, or an id in the body",
    evidence="documentation: support.zendesk.com 8396827889946, 4408828416282",
)
