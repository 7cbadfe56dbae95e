"""An order for an acknowledgement, the configuration that it is for, and how to read the result."""

import email.policy
import quopri
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

from mailtriage.acks.compose import KbLink, Order
from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config, load

TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")
NOW = 1_795_596_730.0  # Wednesday, 25 November 2026, 08:52 UTC
KB = KbLink("Correct an invoice", "https://help.desk.example/invoices#correct", "Choose Correct.")
ORDER = Order(
    key=b"0123456789abcdef",
    mailbox="help@desk.example",
    to="joe@customer.example",
    language="en",
    subject="Where is my parcel?",
    message_id="<m2@customer.example>",
    references=("<m0@customer.example>", "<m1@customer.example>"),
    received=NOW - 5,
    skill="delivery",
    priority="normal",
    generic="",
    by=NOW + 86_400,
    opening="closed",
    opens=NOW + 3600,
    late=False,
    busy=False,
    kb=KB,
    ticket="",
)
ALLOWED = {
    "From", "Reply-To", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References",
    "Auto-Submitted", "X-Auto-Response-Suppress", "X-Mailtriage-Loop", "X-Mailtriage-Ref",
    "Content-Type", "Content-Transfer-Encoding", "MIME-Version", "Content-Language",
}  # fmt: skip

BASE = """\
[calendars.office]
timezone = "Europe/Berlin"
[mailboxes."help@desk.example"]
name = "Desk Support"
urgent = "+49 30 1234 (Mon–Fr 8–18)"
privacy = "https://desk.example/privacy"
[mailboxes."hilfe@desk.example"]
name = "Bürgerservice, \u201eKöln\u201c"
from = "service@bücher.example"
reply_to = "antwort@desk.example"
subject_style = "re"
[mailboxes."*@catch.example"]
[mailboxes."hilfe@bücher.example"]
[mailboxes."plain@desk.example"]
"""

Make = Callable[..., bytes]


def read_config(directory: Path, text: str) -> Config:
    file = directory / "mailtriage.toml"
    file.write_text(text, encoding="utf-8")
    return load([file]).config


def parsed(message: bytes) -> EmailMessage:
    found = message_from_bytes(message, policy=email.policy.strict)
    assert isinstance(found, EmailMessage)
    return found


def body(message: bytes) -> str:
    return quopri.decodestring(message.partition(b"\r\n\r\n")[2]).decode().replace("\r\n", "\n")
