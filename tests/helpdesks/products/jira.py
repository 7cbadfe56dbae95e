"""Jira Service Management Cloud, as its help pages describe it. Nobody of us has run it.

* What is rejected: confluence.atlassian.com 1085191121, "Emails sent by customers are Rejected",
  and support.atlassian.com, "How Jira Service Management processes email requests". Domains on the
  allowlist are exempt.
* Threads: 1155485862, "Incoming email should be a new issue instead of a comment".
* A condition on headers: not found.
"""

import re
from email import message_from_bytes
from email.message import Message
from typing import Final

from tests.helpdesks.headers import queue_of, sender_of, subject_of
from tests.helpdesks.product import Product, Taken, Ticket
from tests.helpdesks.products import generic

PROJECT: Final = "SUP"
"""Key of the project of these tests."""

_KEY: Final = re.compile(r"\b([A-Z][A-Z0-9_]+-\d+)\b")
_AUTOMATIC: Final = ("auto-generated", "auto-replied", "auto-notified")


def take(raw: bytes, recipient: str) -> Taken:
    """Rejected mail makes no issue; the address decides on the project and its request type."""
    robot = is_rejected(message_from_bytes(raw))
    return Taken(accepted=not robot, robot=robot, queue=queue_of(recipient))


def is_rejected(mail: Message) -> bool:
    """1085191121: automatic mail, bulk mail, delivery reports; and Jira's own mail."""
    submitted = [str(value).lower() for value in mail.get_all("Auto-Submitted", [])]
    if any(word in value for value in submitted for word in _AUTOMATIC):
        return True
    if any("bulk" in str(value).lower() for value in mail.get_all("Precedence", [])):
        return True
    if mail.get_content_type() == "multipart/report":
        return str(mail.get_param("report-type")) == "delivery-status"
    null_sender = str(mail.get("Return-Path", "x")).strip() == "<>"
    return null_sender or mail.get("X-JIRA-FingerPrint") is not None


def joins(raw: bytes, ticket: Ticket) -> bool:
    """1155485862: the leftmost issue key of the subject, when the sender is involved in that issue;
    then Message-ID, In-Reply-To and References against those of processed mail."""
    mail = message_from_bytes(raw)
    subject = subject_of(mail)
    key = _KEY.search(subject)
    sender = sender_of(mail)
    if key is not None and key[1] == f"{PROJECT}-{ticket.number}":
        return sender == ticket.customer.lower()
    return generic.joins(raw, ticket)


PRODUCT: Final = Product(
    profile="jira-service-management",
    take=take,
    joins=joins,
    threads="issue key in the subject, then References or In-Reply-To",
    evidence="documentation: confluence.atlassian.com 1155485862, 1085191121",
)
