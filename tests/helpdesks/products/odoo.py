"""Odoo's mail gateway, re-stated from odoo/odoo, addons/mail/models/mail_thread.py (after 18.0).

The Helpdesk app itself is not public; it creates its tickets through this gateway. An alias stands
for a team.
"""

import re
from email.message import Message
from email.parser import BytesParser
from typing import Final

from tests.helpdesks.headers import addresses, delivered, first, is_queue, values
from tests.helpdesks.product import Product, Taken, Ticket

LOOP_MARK: Final = "-loop-detection-bounce-email@"
MOST_REFERENCES: Final = 32


def take(raw: bytes, recipient: str) -> Taken:
    """A ticket at every alias that the mail names; bounces and answers to bounces are dropped."""
    mail = delivered(raw, recipient)
    if is_bounce(mail) or answers_a_bounce(mail):
        return Taken(accepted=False, robot=True)
    return Taken(queue=", ".join(aliases(mail)))


def aliases(mail: Message) -> list[str]:
    """message_parse, `recipients`, and message_route, step 2: all of them, not the first."""
    named: list[str] = []
    for name in ("Delivered-To", "To", "Cc", "Resent-To", "Resent-Cc"):
        named += addresses(*values(mail, name))
    return sorted({address for address in named if is_queue(address)})


def is_bounce(mail: Message) -> bool:
    """_detect_is_bounce, without the bounce alias. Auto-Submitted, Precedence and the like are not
    looked at anywhere: mail of robots becomes tickets, and Odoo acknowledges them."""
    sender = next(iter(addresses(*values(mail, "From"))), "")
    if sender.partition("@")[0] == "mailer-daemon":
        return True
    # The second half never holds: get_content_type() has no parameters. It stands so in the source.
    kind = mail.get_content_type()
    return kind == "multipart/report" or "report-type=delivery-status" in kind


def answers_a_bounce(mail: Message) -> bool:
    """_detect_loop_headers: what refers to one of Odoo's own bounces."""
    return any(LOOP_MARK in known for known in (*references(mail), first(mail, "In-Reply-To")))


def joins(raw: bytes, ticket: Ticket) -> bool:
    """message_route, step 1. In-Reply-To counts only where there are no References. Who writes
    does not matter, and to which alias only when that belongs to another application."""
    mail = BytesParser().parsebytes(raw)
    followed = references(mail) or ids(" ".join(values(mail, "In-Reply-To")))
    followed = [known for known in followed if "reply_to" not in known][-MOST_REFERENCES:]
    return bool({ticket_id(ticket.first), own_id(ticket)} & set(followed))


def references(mail: Message) -> list[str]:
    """decode_message_header joins several fields of that name with a blank."""
    return ids(" ".join(values(mail, "References")))


def ids(text: str) -> list[str]:
    """odoo/tools/mail.py, unfold_references: with brackets, white space inside taken out."""
    return [re.sub(r"[\r\n\t ]+", "", known) for known in re.findall(r"<[^<>]+>", text)]


def ticket_id(raw: bytes) -> str:
    """mail_message.message_id of the first mail, with its brackets."""
    return first(BytesParser().parsebytes(raw), "Message-ID")


def own_id(ticket: Ticket) -> str:
    """odoo/tools/mail.py, generate_tracking_message_id: "<random.time-openerp-id-model@host>"."""
    model = f"{ticket.number}-helpdesk.ticket"
    return f"<123456789012345.1795400000.000000000000000-openerp-{model}@odoo>"


def own_reply(ticket: Ticket) -> bytes:
    """The e-mail of the first stage. What else stands in it was not read."""
    return "\r\n".join(
        (
            "From: Help <billing@desk.example>",
            f"To: {ticket.customer}",
            "Subject: Ticket received",
            f"Message-ID: {own_id(ticket)}",
            f"References: {ticket_id(ticket.first)} {own_id(ticket)}",
            "",
            "We have received your request.",
            "",
        )
    ).encode()


PRODUCT: Final = Product(
    profile="odoo",
    take=take,
    joins=joins,
    own_reply=own_reply,
    threads="References; In-Reply-To only without them",
    evidence="source, one file after 18.0",
)
