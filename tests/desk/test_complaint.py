"""Complaints (RFC 5965): whoever reports our mail as spam is not answered again, and nobody else."""

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from tests.support.office import JOE, ONE_MAILBOX, Office, letter, open_office

OTHERS = Tokens(b"the secret of somebody else, also long enough")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """One mailbox, and no cool-down that would hide why somebody is not answered."""
    with open_office(tmp_path, ONE_MAILBOX + '[ack.limits]\ncool_down = "0s"\n') as office:
        yield office


def complaint(about: EmailMessage, named: str, *, headers_only: bool = False) -> bytes:
    """RFC 5965, with the mail complained about in its third part."""
    kind = "text/rfc822-headers" if headers_only else "message/rfc822"
    body = "" if headers_only else "\r\nHello,\r\n"
    head = "".join(f"{name}: {value}\r\n" for name, value in about.items())
    return (
        "Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom=big.example\r\n"
        "From: <fbl@big.example>\r\nTo: help@desk.example\r\nSubject: complaint\r\n"
        "Date: Mon, 23 Nov 2026 09:00:00 +0100\r\nMessage-ID: <fbl1@big.example>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n"
        f"User-Agent: x/1\r\nVersion: 1\r\n{named}"
        f"--b\r\nContent-Type: {kind}\r\n\r\n{head}{body}--b--\r\n"
    ).encode()


def acknowledged(office: Office) -> EmailMessage:
    office.outcome(office.take(letter()).copy())
    (sent,) = office.send_all()
    return sent


def next_mail(office: Office, sender: str = JOE, message_id: str = "<m9@customer.example>") -> str:
    """What becomes of the next request of the same customer, after the cool-down."""
    taken = office.take(letter(sender=sender, message_id=message_id), sender=sender)
    return taken.tags["X-Mailtriage-Ack-Rule"]


NAMED = "Original-Rcpt-To: <joe@customer.example>\r\n"


@pytest.mark.parametrize("sender", ["fbl@big.example", ""], ids=["a sender", "null sender"])
@pytest.mark.parametrize(
    ("named", "headers_only"),
    [
        (NAMED, False),
        (NAMED, True),
        ("Final-Recipient: rfc822; Joe@Customer.Example\r\n", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("tags", [None, 0], ids=["sealed", "judged by the desk"])
def test_whoever_complains_is_not_answered_again(
    office: Office, sender: str, named: str, headers_only: bool, tags: int | None
) -> None:
    sent = acknowledged(office)
    assert next_mail(office) == "none"
    taken = office.take(complaint(sent, named, headers_only=headers_only), sender=sender)
    assert taken.tags["X-Mailtriage-Ack"] == "skipped"
    found = office.deliver(taken.copy(tags=tags))
    assert (found.level, found.fields) == ("warning", {"event": "complaint"})
    assert next_mail(office) == "a8"


def test_a_complaint_without_the_type_of_a_report_counts_too(office: Office) -> None:
    raw = complaint(acknowledged(office), NAMED).replace(
        b"multipart/report; report-type=feedback-report;", b"multipart/mixed;"
    )
    assert office.deliver(office.take(raw, sender="fbl@big.example").copy()).fields == {
        "event": "complaint"
    }
    assert next_mail(office) == "a8"


def forge(sent: EmailMessage, name: str, value: str) -> EmailMessage:
    del sent[name]
    sent[name] = value
    return sent


def test_a_forged_complaint_leads_to_nothing(office: Office) -> None:
    sent = acknowledged(office)
    mary = "mary@other.example"
    not_ours = OTHERS.ack_message_id(bytes(16), "desk.example")
    for raw in (
        complaint(forge(sent, "Message-ID", not_ours), NAMED),
        complaint(forge(sent, "Message-ID", "<any@desk.example>"), NAMED),
        letter("Original-Rcpt-To: joe@customer.example\n", more="X-ARF: yes"),
    ):
        assert office.outcome(office.take(raw, sender="fbl@big.example").copy()) == "nothing"
    # One's own acknowledgement is no weapon against somebody else.
    raw = complaint(acknowledged_again(office), f"Original-Rcpt-To: {mary}\r\n").replace(
        b"To: joe@customer.example", b"To: mary@other.example"
    )
    assert office.outcome(office.take(raw, sender="fbl@big.example").copy()) == "nothing"
    assert (next_mail(office), next_mail(office, mary)) == ("none", "none")


def acknowledged_again(office: Office) -> EmailMessage:
    office.outcome(office.take(letter(message_id="<m2@customer.example>", subject="b")).copy())
    (sent,) = office.send_all()
    return sent
