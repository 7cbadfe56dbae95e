"""A helpdesk of which nothing is known but that its filters can look at a header.

It stands for what docs/headers.md promises to any filter: each fact in a field of its own, whole,
once. What is not known is taken at its worst: no header of ours sets anything by itself.
"""

from email import message_from_bytes
from email.message import Message
from typing import Final

from tests.helpdesks.headers import queue_of
from tests.helpdesks.product import Product, Taken, Ticket
from tests.helpdesks.products import sieve


def take(raw: bytes, _recipient: str) -> Taken:
    """As filters see it that ask for "the header is"."""
    mail = message_from_bytes(raw)
    return Taken(
        robot=_is_robot(mail),
        priority=_only(mail, "X-Mailtriage-Priority"),
        queue=_only(mail, "X-Mailtriage-Skill"),
        language=_only(mail, "X-Mailtriage-Language"),
    )


def by_address(raw: bytes, recipient: str) -> Taken:
    """Where nothing but the address is known to decide; robots as RFC 3834 has them, assumed."""
    return Taken(robot=take(raw, recipient).robot, queue=queue_of(recipient))


def _only(mail: Message, name: str) -> str:
    values = mail.get_all(name, [])
    return str(values[0]) if len(values) == 1 else ""


def _is_robot(mail: Message) -> bool:
    """RFC 3834, section 2: what any automatic responder leaves alone."""
    marks = [str(value).partition(";")[0].strip() for value in mail.get_all("Auto-Submitted", [])]
    if any(mark.lower() != "no" for mark in marks):
        return True
    if str(mail.get("Return-Path", "x")).strip() == "<>":
        return True
    return str(mail.get("Precedence", "")).lower() in ("bulk", "junk", "list")


def joins(raw: bytes, ticket: Ticket) -> bool:
    """By the Message-ID of the first mail (RFC 5322, section 3.6.4), as most do."""
    return sieve.joins(raw, ticket)


PRODUCT: Final = Product(
    profile="generic",
    take=take,
    joins=joins,
    threads="References or In-Reply-To, assumed",
    evidence="documentation: RFC 3834, RFC 5322",
)
