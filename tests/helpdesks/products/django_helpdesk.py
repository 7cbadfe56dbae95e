"""django-helpdesk 2.6.1, with a directory or an IMAP folder for each queue.

Re-stated from django-helpdesk/django-helpdesk, helpdesk/email.py; tests/e2e/test_django_helpdesk.py
runs the real one, and holds these rules to it.
"""

import re
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Final

from tests.helpdesks.product import Product, Taken, Ticket

HIGH: Final = "2. High"
NORMAL: Final = "3. Normal"
"""Ticket.PRIORITY_CHOICES in helpdesk/models.py, as its pages show them."""

SLUG: Final = "billing"
"""Of the queue that the tickets of the tests are in."""
SLUGS: Final = (SLUG, "billing-de", "support")

# email.py, STRIPPED_SUBJECT_STRINGS: taken out wherever they stand.
_STRIPPED: Final = ("Re: ", "Fw: ", "RE: ", "FW: ", "Automatic reply: ")


def read(raw: bytes) -> EmailMessage:
    """The mail as extract_email_metadata has it."""
    return message_from_bytes(raw, policy=policy.default)


def take(raw: bytes, recipient: str) -> Taken:
    """A new mail. The queue is the one whose directory Postfix filed it in: its address."""
    mail = read(raw)
    return Taken(
        robot=is_autoreply(mail), priority=priority(mail), queue=recipient.partition("@")[0]
    )


def priority(mail: EmailMessage) -> str:
    """email.py, extract_email_metadata: the first of each field, whole, in lower case only."""
    words = {str(mail.get("priority", "")), str(mail.get("importance", ""))}
    return HIGH if {"high", "important", "1", "urgent"} & words else NORMAL


def is_autoreply(mail: EmailMessage) -> bool:
    """email.py, is_autoreply. Neither Precedence nor the envelope sender is looked at."""
    submitted = mail.get("Auto-Submitted")
    return any((
        bool(submitted) and str(submitted).lower() != "no",
        str(mail.get("X-Auto-Response-Suppress", "")) in ("DR", "AutoReply", "All"),
        bool(mail.get("List-Id")),
        bool(mail.get("List-Unsubscribe")),
    ))  # fmt: skip


def subject(mail: EmailMessage) -> str:
    """email.py, extract_email_subject and decode_mail_headers."""
    parts = decode_header(str(mail.get("subject", "Comment from e-mail")))
    text = " ".join(
        part.decode(charset or "ascii", "replace") if isinstance(part, bytes) else part
        for part, charset in parts
    )
    for affix in _STRIPPED:
        text = text.replace(affix, "")
    return text.strip()


def ticket_number(text: str) -> str:
    """email.py, get_ticket_id_from_subject_slug, for the queue of the mail and then all others."""
    for slug in SLUGS:
        # The last one counts: what stands before it is taken greedily.
        found = re.match(rf".*\[{slug}-(?P<id>\d+)\]", text)
        if found:
            return found["id"]
    return ""


def joins(raw: bytes, ticket: Ticket) -> bool:
    """email.py, create_object_from_email_message: In-Reply-To, whole, and never References; then
    the number in the subject. Who writes is not asked."""
    mail = read(raw)
    first = str(read(ticket.first).get("Message-Id", "")).strip()
    answered = mail.get("In-Reply-To")
    if answered is not None and first and str(answered).strip() == first:
        return True
    return ticket_number(subject(mail)) == ticket.number


def own_reply(ticket: Ticket) -> bytes:
    """email.py, send_info_email; templated_email.py, send_templated_mail, which makes the subject of
    HELPDESK_EMAIL_SUBJECT_TEMPLATE; the Message-ID is Django's, and forgotten."""
    first = read(ticket.first)
    mail = EmailMessage(policy=policy.SMTP)
    mail["Subject"] = f"[{SLUG}-{ticket.number}] {subject(first)} (Opened)"
    mail["From"] = f"Billing <{SLUG}@desk.example>"
    mail["To"] = parseaddr(str(first["From"]))[1]
    mail["Date"] = "Mon, 23 Nov 2026 09:00:05 +0100"
    mail["Message-ID"] = "<179542080512.4711.8151030815103081510@helpdesk.desk.example>"
    mail["In-Reply-To"] = str(first["Message-Id"])
    mail["Auto-Submitted"] = "auto-replied"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Precedence"] = "auto_reply"
    mail.set_content("This is a courtesy e-mail to confirm that your request has been received.\n")
    return mail.as_bytes()


PRODUCT: Final = Product(
    profile="django-helpdesk",
    take=take,
    joins=joins,
    own_reply=own_reply,
    threads="In-Reply-To, or [queue-number] in the subject",
    evidence="product: 2.6.1",
)
