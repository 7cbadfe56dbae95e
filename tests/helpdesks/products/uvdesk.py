"""UVdesk, re-stated from uvdesk/mailbox-component 1.1.4 and uvdesk/core-framework 1.1.7.

Services/MailboxService.php, processMail and searchExistingTickets, unless another file is named.
"""

from email import message_from_bytes
from email.message import Message
from typing import Final, Literal

from tests.helpdesks.headers import addresses, delivered, first, is_queue
from tests.helpdesks.product import Product, Taken, Ticket

Fate = Literal["ticket", "reply", "thrown away"]


def take(raw: bytes, recipient: str) -> Taken:
    """The mailbox is what a workflow sees as "To Email"
    (uvdesk/automation-bundle, EventListener/WorkflowListener.php, checkCondition)."""
    mail = delivered(raw, recipient)
    if is_loop(mail) or not addresses(first(mail, "From") or first(mail, "Sender")):
        return Taken(accepted=False, robot=True)
    return Taken(queue=mailbox(mail))


def mailbox(mail: Message) -> str:
    """The last of the addresses whose IMAP user name is that address; of each field the first
    (php-mime-mail-parser, Parser::decodeHeader)."""
    to = first(mail, "Delivered-To") or first(mail, "X-Forwarded-To") or first(mail, "To")
    named = addresses(to or first(mail, "Cc"))
    return next((address for address in reversed(named) if is_queue(address)), "")


def is_loop(mail: Message) -> bool:
    """Any value of the first three. Of Auto-Submitted only this one word, so that what says
    "auto-generated", or "auto-replied; owner-email=…", becomes a ticket."""
    marks = ("Precedence", "X-Autoreply", "X-Autorespond")
    if any(first(mail, name) for name in marks) or first(mail, "Auto-Submitted") == "auto-replied":
        return True
    # getMailboxByEmail: mail from an address that it fetches itself.
    return any(is_queue(address) for address in addresses(first(mail, "From")))


def fate(raw: bytes, ticket: Ticket) -> Fate:
    """What becomes of a later mail; trash and spam are not looked at."""
    mail = message_from_bytes(raw)
    if is_loop(mail):
        return "thrown away"
    if not _knows(mail, ticket):
        return "ticket"
    # The ticket is found, by References; yet without In-Reply-To it was "already processed".
    return "reply" if first(mail, "In-Reply-To") else "thrown away"


def joins(raw: bytes, ticket: Ticket) -> bool:
    """Whoever writes: strangers become collaborators of the ticket."""
    return fate(raw, ticket) == "reply"


def _knows(mail: Message, ticket: Ticket) -> bool:
    original = first(message_from_bytes(ticket.first), "Message-ID")
    # Workflow/Actions/Ticket/MailCustomer.php adds the id of what it sends to those of the ticket.
    kept = f"{original} {own_id(ticket)}"
    parent = first(mail, "In-Reply-To")
    # core-framework, ThreadRepository::findThreadByRefrenceId: LIKE '%…%'.
    if parent and parent.lower() in kept.lower():
        return True
    # Split at blanks alone, and compared with the ids of customers' and agents' mails.
    return original in first(mail, "References").split(" ")


def own_id(ticket: Ticket) -> str:
    """Swift Mailer and Symfony: 32 hexadecimal digits and a host."""
    return f"<{int(ticket.number):032x}@uvdesk.desk.example>"


def own_reply(ticket: Ticket) -> bytes:
    """The workflow "Ticket created", action "Mail to customer": core-framework,
    Services/EmailService.php, sendMail. It has no mark of an automatic mail."""
    original = first(message_from_bytes(ticket.first), "Message-ID")
    return "\r\n".join(
        (
            "From: Help <billing@desk.example>",
            f"To: {ticket.customer}",
            f"Subject: Ticket #{ticket.number} has been created",
            f"Message-ID: {own_id(ticket)}",
            f"References: {original}",
            "",
            "We have received your request.",
            "",
        )
    ).encode()


PRODUCT: Final = Product(
    profile="uvdesk",
    take=take,
    joins=joins,
    own_reply=own_reply,
    threads="In-Reply-To or References, never without In-Reply-To",
    evidence="source, mailbox-component 1.1.4",
)
