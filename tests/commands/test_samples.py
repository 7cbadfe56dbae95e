"""The sample mails of the demonstration: every kind of mail that a service desk gets, made up."""

import email
import email.policy
import email.utils
import ipaddress
import re
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailtriage.demo.embedded import AUTHSERV_ID, CUSTOMERS, RECIPIENT, sample_files, vouched_for
from mailtriage.mail.read import read_message
from mailtriage.triage.model import Tier

FILES = sample_files()
MADE_UP = re.compile(r"(^|\.)(example|invalid|test)$")
"""Top-level domains that nobody can have (RFC 2606)."""
DOCUMENTATION = [
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "127.0.0.0/8", "10.0.0.0/8")
]  # fmt: skip
"""Networks for examples (RFC 5737, RFC 3849), and those that lead nowhere."""


def parsed(file: Path) -> EmailMessage:
    """The mail as Python's own parser sees it."""
    return email.message_from_bytes(file.read_bytes(), policy=email.policy.default)


def texts(mail: EmailMessage) -> list[EmailMessage]:
    return [part for part in mail.walk() if part.get_content_maintype() == "text"]


def encoded(mail: EmailMessage, encoding: str) -> bool:
    return any(part.get("Content-Transfer-Encoding", "") == encoding for part in texts(mail))


def plain_text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return str(part.get_content()) if part is not None else ""


def is_reply_with_quote_and_disclaimer(mail: EmailMessage) -> bool:
    text = plain_text(mail)
    return bool(
        mail["In-Reply-To"]
        and re.search(r"^(>|Von: |From: )", text, re.MULTILINE)
        and re.search(r"confidential|vertraulich", text)
    )


def is_web_form(mail: EmailMessage) -> bool:
    """Written by a program, answered to the customer, the text in fields."""
    fields = re.findall(r"^[\w -]+: \S", plain_text(mail), re.MULTILINE)
    return bool(mail["Reply-To"]) and mail["Reply-To"] != mail["From"] and len(fields) >= 3


def is_delivery_report(mail: EmailMessage) -> bool:
    return (
        mail.get_content_type() == "multipart/report"
        and mail.get_param("report-type") == "delivery-status"
        and mail["Return-Path"] == "<>"
    )


def is_from_a_vip(mail: EmailMessage) -> bool:
    _, address = email.utils.parseaddr(mail["From"])
    return CUSTOMERS.tier((address, address.partition("@")[2]))[0] is Tier.VIP


KINDS: dict[str, Callable[[EmailMessage], bool]] = {
    "plain": lambda mail: (
        mail.get_content_type() == "text/plain"
        and mail.get("Content-Transfer-Encoding", "7bit") == "7bit"
    ),
    "HTML only": lambda mail: {part.get_content_type() for part in texts(mail)} == {"text/html"},
    "quoted reply with disclaimer": is_reply_with_quote_and_disclaimer,
    "base64": lambda mail: encoded(mail, "base64"),
    "quoted-printable": lambda mail: encoded(mail, "quoted-printable"),
    "attachment": lambda mail: any(part.get_filename() for part in mail.iter_attachments()),
    "encrypted": lambda mail: mail.get_content_type() == "multipart/encrypted",
    "mailing list": lambda mail: "List-Id" in mail,
    "bounce": is_delivery_report,
    "out of office": lambda mail: mail.get("Auto-Submitted", "").startswith("auto-replied"),
    "VIP": is_from_a_vip,
    "web form": is_web_form,
}
"""What the samples are to show; that a customer is angry and leaves is seen by the tags."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_among_them(kind: str) -> None:
    assert [file.name for file in FILES if KINDS[kind](parsed(file))]


def test_forged_fields_come_in_every_disguise() -> None:
    # Python's parser takes a blank before the colon for the end of the header; MTAs do not.
    headers = [file.read_bytes().partition(b"\n\n")[0].decode("latin-1") for file in FILES]
    forged = [re.findall(r"(?im)^(x-mailtriage[\w-]*)( *):", header) for header in headers]
    (fields,) = [found for found in forged if found]
    names = [name for name, _ in fields]
    assert len(names) >= 5
    assert len({name.lower() for name in names}) < len(names), "repeated"
    assert any(not name.startswith("X-Mailtriage") for name in names), "in odd case"
    assert any(blank for _, blank in fields), "with a blank before the colon"


def test_there_are_many_in_many_languages() -> None:
    assert len(FILES) >= 14
    assert len({language_of(file) for file in FILES}) >= 8


def language_of(file: Path) -> str:
    """`02-sv-html-only.eml` is in Swedish."""
    return file.stem.split("-")[1]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_whoever_may_be_answered_has_written_to_the_desk(file: Path) -> None:
    """An acknowledgement needs a service address in To: (rule E2) and a word for the sender."""
    mail = read_message(file.read_bytes())
    named = any(RECIPIENT in value for value in mail.headers.values("To"))
    assert named or "List-Id" in mail.headers
    vouched = vouched_for(file.read_bytes(), mail.from_address)
    assert vouched.count(f"Authentication-Results: {AUTHSERV_ID};".encode()) == 1
    assert vouched.endswith(file.read_bytes()), "nothing else is changed"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nobody_real_is_named(file: Path) -> None:
    mail = parsed(file)
    words = file.read_bytes().decode("latin-1") + "".join(
        str(part.get_content()) for part in texts(mail)
    )
    for domain in re.findall(r"@([\w-]+(?:\.[\w-]+)*\.[a-z]{2,})\b", words):
        assert MADE_UP.search(domain), domain
    for host in re.findall(r"https?://([\w.-]+)", words):
        assert MADE_UP.search(host.rstrip(".")), host
    for address in re.findall(r"(?<=\[)\d+\.\d+\.\d+\.\d+(?=\])", words):
        assert any(ipaddress.ip_address(address) in network for network in DOCUMENTATION), address


def test_the_readme_beside_them_names_them_all() -> None:
    text = (FILES[0].parent / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w.-]+)` \|", text, re.MULTILINE) == [file.name for file in FILES]
