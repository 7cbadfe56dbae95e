"""Faveo Helpdesk Community 2.0.3, re-stated from ladybirdweb/faveo-helpdesk.

app/Http/Controllers/Agent/helpdesk/: MailController.php, TicketWorkflowController.php,
TicketController.php.
"""

from email import message_from_bytes
from email.message import Message
from typing import Final

from tests.helpdesks.headers import queue_of, subject_of
from tests.helpdesks.product import Product, Taken, Ticket


def take(raw: bytes, recipient: str) -> Taken:
    """MailController::fetch and workflow: department, priority, SLA and help topic are those of the
    mailbox that it was fetched from. Nothing tells robots from people."""
    # A number of no ticket: check_ticket calls count() on null, the mail is lost to an exception.
    if token(subject_of(message_from_bytes(raw))):
        return Taken(accepted=False)
    return Taken(queue=queue_of(recipient))


def token(subject: str) -> str:
    """TicketController::check_ticket: from the first "[#" to the next "]", 20 characters of it."""
    parts = subject.split("[#")
    return parts[1].split("]")[0][:20] if len(parts) > 1 else ""


def joins(raw: bytes, ticket: Ticket) -> bool:
    """By the number alone, whoever writes."""
    return token(subject_of(message_from_bytes(raw))) == ticket_number(ticket)


def ticket_number(ticket: Ticket) -> str:
    """As with the format that Faveo is installed with, "$$$$-####-####" (DatabaseSeeder)."""
    digits = f"{int(ticket.number):08d}"
    return f"AAAA-{digits[-8:-4]}-{digits[-4:]}"


def own_reply(ticket: Ticket) -> bytes:
    """TicketController::create_user, `$updated_subject`; Common/PhpMailController::laravelMail sets
    no field but these: no References, no mark of an automatic mail."""
    title = subject_of(message_from_bytes(ticket.first))
    message = Message()
    message["From"] = "Help <billing@desk.example>"
    message["To"] = ticket.customer
    message["Subject"] = f"{title}[#{ticket_number(ticket)}]"
    message["Message-ID"] = f"<{int(ticket.number):032x}@faveo.desk.example>"
    message.set_payload("We have received your request.\n")
    return message.as_bytes().replace(b"\n", b"\r\n")


PRODUCT: Final = Product(
    profile="faveo",
    take=take,
    joins=joins,
    own_reply=own_reply,
    threads="[#number] in the subject, nothing else",
    evidence="source, 2.0.3",
)
