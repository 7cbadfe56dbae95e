"""Bounces of updates and surveys: what is learnt of an address, and what is not."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtriage.desk.bounces import read_bounce
from mailtriage.desk.copy import Copy
from mailtriage.mail.model import Envelope
from mailtriage.mail.read import read_mail
from mailtriage.state.store import Inbound, NewAck
from tests.support.returned import DAY, KEY, KIM, NOW, TOKENS, Desk, copy_of, running_desk

ACK = bytes(range(16, 32))
REPORT = 'Content-Type: multipart/report; report-type=delivery-status; boundary="b/1"\r\n'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Kim was acknowledged, and then told that it takes longer."""
    with running_desk(tmp_path) as desk:
        inbound = Inbound(
            ACK, "help@desk.example", KIM, "Where?", "", "<1@customer.example>", (), NOW - DAY,
            "", "sent", "human", "billing", "normal", "en", "none", "new", NOW,
        )  # fmt: skip
        ack = NewAck(
            ACK, "help@desk.example", KIM, "customer.example", b"x", NOW - DAY, NOW, NOW + DAY
        )
        with desk.store.transaction():
            desk.store.record_inbound(inbound, ack)
            owe(desk, KEY, "SENT")
        desk.connection.execute(
            "INSERT INTO follow_up (conversation, plan, wants, told, since, updates, due, expires)"
            " SELECT id, '{}', 'survey updates', 0, 0, 1, ?, ? FROM conversation",
            (NOW, NOW + DAY),
        )
        yield desk


def owe(desk: Desk, key: bytes, state: str, kind: str = "update") -> None:
    """A mail that follows the acknowledgement."""
    done = state == "SENT"
    private = None if done else "x"
    desk.connection.execute(
        "INSERT INTO outbox (key, mailbox, domain, address, message, plan, state, due, created,"
        " expires, finished, kind, about) VALUES (?, '', '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            key, private, None if done else b"x", private, state, None if done else NOW, NOW,
            NOW + DAY, NOW if done else None, kind, ACK,
        ),
    )  # fmt: skip


def is_followed(desk: Desk) -> bool:
    """Whether anything may still be sent in that conversation."""
    return bool(desk.connection.execute("SELECT 1 FROM follow_up").fetchone())


def status_of(
    status: str = "5.1.1",
    action: str = "failed",
    *,
    final: str = KIM,
    original: str = "",
    diagnostic: str = "",
) -> str:
    """The part for programs (RFC 3464)."""
    lines = ["Reporting-MTA: dns; mx.customer.example", "", f"Final-Recipient: rfc822; {final}"]
    if original:
        lines += [f"Original-Recipient: rfc822;{original}"]
    lines += [f"Action: {action}", f"Status: {status}"]
    if diagnostic:
        lines += [f"Diagnostic-Code: smtp; {diagnostic}"]
    return "\r\n".join([*lines, "", ""])


def bounce(status: str, *, sender: str = "", header: str = REPORT, key: bytes = KEY) -> Copy:
    """A whole report."""
    body = (
        "This is a MIME message.\r\n\r\n--b/1\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        f"\r\n--b/1\r\nContent-Description: Report\r\ncontent-type: message/delivery-status\r\n\r\n"
        f"{status}\r\n--b/1\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n\r\n--b/1--\r\n"
    )
    daemon = "mailer-daemon@mx.customer.example"
    return copy_of("bounce", key=key, sender=sender, author=daemon, header=header, body=body)


@pytest.mark.parametrize("status", ["5.1.1", "5.1.2", "5.1.10", "5.2.1", "5.4.4"])
def test_where_nobody_lives_nothing_is_sent_any_more(desk: Desk, status: str) -> None:
    assert desk.take(bounce(status_of(status))) == "undeliverable"
    assert desk.is_undeliverable()
    assert not is_followed(desk)
    assert desk.take(bounce(status_of(status))) == "undeliverable"  # and once more is the same


@pytest.mark.parametrize("status", ["5.2.2", "5.2.3", "5.1.8", "5.7.1", "5.6.0", "5.0.0"])
def test_a_mail_refused_for_another_reason_ends_updates_and_marks_nobody(
    desk: Desk, status: str
) -> None:
    """A filter did not like it, or the mailbox is full: the next question is answered as ever."""
    assert desk.take(bounce(status_of(status))) == "stopped"
    assert not desk.is_undeliverable()
    assert not is_followed(desk)


@pytest.mark.parametrize(
    ("diagnostic", "outcome"),
    [
        ("550 5.1.1 <kim@customer.example>: no such user", "undeliverable"),
        ("550-5.1.1 The email account that you tried to reach does not exist.", "undeliverable"),
        ("550 5.7.1 we do not like you", "stopped"),
        ("550 no such user", "stopped"),
        ("550 5.1.12345 odd", "stopped"),
    ],
)
def test_a_status_that_says_nothing_is_explained_by_the_reply(
    desk: Desk, diagnostic: str, outcome: str
) -> None:
    """Exim writes 5.0.0 for every failure."""
    assert desk.take(bounce(status_of("5.0.0", diagnostic=diagnostic))) == outcome


@pytest.mark.parametrize(
    ("final", "original", "outcome"),
    [
        ("kim@old.example", "", "stopped"),
        ("kim@old.example", KIM, "undeliverable"),
        ("Kim@Customer.Example", "", "undeliverable"),
        ("", "", "stopped"),
        ("somebody@bank.example", "", "stopped"),
    ],
)
def test_only_the_address_that_we_wrote_to_is_marked(
    desk: Desk, final: str, original: str, outcome: str
) -> None:
    """Kim's provider forwards to an address that has gone; and nobody marks anybody else's."""
    assert desk.take(bounce(status_of(final=final, original=original))) == outcome
    assert desk.is_undeliverable() is (outcome == "undeliverable")
    assert not desk.is_undeliverable("somebody@bank.example")


@pytest.mark.parametrize(
    ("status", "action", "outcome"),
    [
        ("4.4.1", "delayed", "temporary"),
        ("4.4.7", "failed", "temporary"),
        ("2.0.0", "delivered", "delivered"),
        ("2.0.0", "relayed", "delivered"),
        ("odd", "failed", "temporary"),
    ],
)
def test_what_may_still_arrive_changes_nothing(
    desk: Desk, status: str, action: str, outcome: str
) -> None:
    assert desk.take(bounce(status_of(status, action))) == outcome
    assert is_followed(desk)
    assert not desk.is_undeliverable()


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": "vacation@customer.example"},
        {"header": "Auto-Submitted: auto-replied (vacation)\r\n"},
        {"header": "Content-Type: text/plain\r\nX-Failed-Recipients: kim@customer.example\r\n"},
        {"header": REPORT.replace("delivery-status", "disposition-notification")},
        {"header": REPORT.replace("multipart/report", "multipart/mixed")},
    ],
)
def test_only_a_report_without_reverse_path_is_one(desk: Desk, changes: dict[str, str]) -> None:
    """Out-of-office notes and people answer to that address as well."""
    assert desk.take(bounce(status_of(), **changes)) == "no-report"
    assert is_followed(desk)


@pytest.mark.parametrize(
    "copy",
    [
        bounce("no fields at all"),
        bounce(""),
        copy_of("bounce", sender="", header=REPORT, body=""),
        copy_of("bounce", sender="", header=REPORT.replace("boundary", "border"), body="--b/1"),
        copy_of("bounce", sender="", header=REPORT, body="--b/1\r\n--b/1\r\n--b/1--"),
        copy_of("bounce", sender="", header=REPORT, body="\0\xff\r\n--b/1\xff"),
    ],
)
def test_a_report_that_cannot_be_read_says_nothing(desk: Desk, copy: Copy) -> None:
    assert desk.take(copy) == "unreadable"
    assert is_followed(desk)


@pytest.mark.parametrize("kind", ["update", "survey"])
def test_what_waits_for_the_same_person_is_not_sent(desk: Desk, kind: str) -> None:
    owe(desk, b"next update or s", "READY", kind)
    desk.take(bounce(status_of()))
    found = desk.connection.execute(
        "SELECT state, rule, address FROM outbox WHERE key = ?", (b"next update or s",)
    )
    assert found.fetchone() == ("SUPPRESSED", "A8", None)


def test_a_survey_that_bounces_is_known_by_its_own_row(desk: Desk) -> None:
    key = b"a survey of old."
    desk.ask(key)
    assert desk.take(bounce(status_of(), key=key)) == "undeliverable"


def test_a_report_about_a_survey_of_long_ago_is_no_report_of_a_mail_system(desk: Desk) -> None:
    """None tries for two weeks. Who passes the mail on passes on its return address."""
    key = b"a survey of old."
    desk.ask(key, asked=NOW - 15 * DAY)
    assert desk.take(bounce(status_of(), key=key)) == "unknown"
    assert not desk.is_undeliverable()
    desk.ask(b"a later survey..", asked=NOW - 13 * DAY)
    assert desk.take(bounce(status_of(), key=b"a later survey..")) == "undeliverable"


@pytest.mark.parametrize(
    "said",
    ["550 5.1.0 <help@desk.example> sender rejected", "550 5.1.0 Authentication required"],
)
def test_what_may_be_about_our_own_address_marks_nobody(desk: Desk, said: str) -> None:
    """5.1.0 is about "an address" (RFC 3463 section 3.2), and servers mean the sender by it."""
    assert desk.take(bounce(status_of("5.1.0", diagnostic=said))) == "stopped"
    assert not desk.is_undeliverable()


def test_no_address_is_longer_than_an_address(desk: Desk) -> None:
    """What is looked up is looked up in the one thread that writes."""
    long = read_bounce(
        "",
        read_mail([("Content-Type", REPORT.partition(": ")[2].encode())], b""),
        bounce(status_of(final="a@" + "\u00fc" * 20_000, original=KIM)).message.partition(
            b"\r\n\r\n"
        )[2],
    )
    assert long.recipients == (KIM,)


def test_what_we_never_sent_or_have_forgotten_is_unknown(desk: Desk) -> None:
    assert desk.take(bounce(status_of(), key=bytes(16))) == "unknown"
    assert is_followed(desk)


def test_a_report_on_another_recipient_that_arrived_hides_no_failure(desk: Desk) -> None:
    two = (
        status_of("2.0.0", "delivered", final="a@b.example") + status_of().partition("\r\n\r\n")[2]
    )
    assert desk.take(bounce(two)) == "undeliverable"


def reading(size: int) -> float:
    """Seconds for a report whose parts are that many octets of whatever takes longest."""
    mail = read_mail(
        [("Content-Type", REPORT.partition(": ")[2].encode())], b"", envelope=Envelope()
    )
    bodies = (b"\n--b/1\n" * (size // 7), b"\n\n" * (size // 2), b"a:\r\n " * (size // 5))
    part = b"--b/1\r\nContent-Type: message/delivery-status\r\n\r\n"
    began = time.process_time()
    for body in bodies:
        read_bounce("", mail, part + body)
        read_bounce("", mail, body)
    return time.process_time() - began


def test_hostile_reports_cost_no_more_than_they_are_long() -> None:
    small, large = (min(reading(size) for _ in range(3)) for size in (60_000, 600_000))
    assert large < 10 * 4 * max(small, 0.002)


def test_the_pseudonym_alone_stands_in_the_database(desk: Desk) -> None:
    desk.take(bounce(status_of()))
    (whom,) = desk.connection.execute("SELECT address FROM mark").fetchone()
    assert whom == TOKENS.pseudonym("address", KIM)
