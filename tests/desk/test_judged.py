"""What the desk finds by itself, what it does not send, and what it says in the log."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailtriage.desk.copy import Copy
from mailtriage.doors.smtp_desk import desk_copy
from mailtriage.mail.model import Client
from tests.support.office import (
    BASE,
    JOE,
    ONE_MAILBOX,
    Office,
    letter,
    letter_with_photo,
    only_text,
    open_office,
)

OpenOne = Callable[..., Office]
TWO = ONE_MAILBOX + '[mailboxes."sales@desk.example"]\n[ack.limits]\ncool_down = "0s"\n'
SALES = "sales@desk.example"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[OpenOne]:
    """`start(toml)`: an office with that configuration."""
    with ExitStack() as opened:

        def start_one(toml: str = ONE_MAILBOX) -> Office:
            return opened.enter_context(open_office(tmp_path, toml))

        yield start_one


@pytest.fixture
def office(start: OpenOne) -> Office:
    """One mailbox, help@desk.example."""
    return start()


# Judged by the desk alone.


def test_our_own_received_does_not_move_the_border_of_trust(office: Office) -> None:
    """Postfix hides it from the milter, and so does the desk from the rules: below it stands what
    our border server wrote, and below the next one what anybody wrote."""
    strangers = (
        "Received: from a (b [203.0.113.9])\r\n\tby mx.evil.example with ESMTP id ABCDEF12; x"
    )
    genuine = letter().partition(b"\r\n")
    believed = genuine[0] + b"\r\n" + strangers.encode() + b"\r\n" + genuine[2]
    assert office.outcome(office.take(believed).copy(tags=0)) == "owed"
    forged = strangers.encode() + b"\r\n" + letter(message_id="<m2@customer.example>")
    assert office.outcome(office.take(forged).copy(tags=0)) == "skipped D7"


def test_the_border_holds_for_a_copy_from_the_smtp_door(office: Office) -> None:
    """There is no Postfix that wrote a Received: on top; the door says what it would have said."""
    strangers = (
        b"Received: from a (b [203.0.113.9])\r\n\tby mx.evil.example with ESMTP id ABCDEF12; x\r\n"
    )
    taken = office.take(letter())
    for raw, expected in ((letter(), "owed"), (strangers + letter(), "skipped D7")):
        message = desk_copy(raw, "0a1b2c3d4e5f")
        hidden = office.take(raw).hidden or taken.hidden
        found = office.outcome(Copy(JOE, hidden, message))
        assert found == expected
        office.connection.execute("DELETE FROM mail")


@pytest.mark.parametrize(
    ("client", "found"),
    [
        (Client("127.0.0.1"), "nothing"),
        (Client("192.0.2.9"), "nothing"),
        (Client("198.51.100.7", login="ann"), "nothing"),
        (Client("198.51.100.7"), "owed"),
    ],
)
def test_what_our_own_people_write_to_a_service_mailbox_is_no_request(
    office: Office, client: Client, found: str
) -> None:
    """The sweeper copies it like any other; the milter would have known whom it came from."""
    taken = office.take(letter(), client=client)
    assert office.outcome(taken.swept(office.sweeper(), tagged=False)) == found


def test_a_robot_leads_to_nothing_by_whatever_way(office: Office) -> None:
    taken = office.take(letter(more="Auto-Submitted: auto-generated"))
    assert taken.hidden == ""
    for tagged in (True, False):
        assert office.outcome(taken.swept(office.sweeper(), tagged=tagged)) == "nothing"
    assert office.mails() == []


@pytest.mark.parametrize("tags", [None, 0], ids=["sealed", "judged by the desk"])
def test_an_alias_is_judged_as_itself(start: OpenOne, tags: int | None) -> None:
    """abuse@ is another name of help@ here, and nobody answers what goes to abuse@ (rule E7)."""
    office = start(BASE + '[mailboxes."help@desk.example"]\naliases = ["abuse@desk.example"]\n')
    taken = office.take(letter(to="abuse@desk.example"), recipients=("abuse@desk.example",))
    assert taken.tags["X-Mailtriage-Ack-Rule"] == "e7"
    assert office.outcome(taken.copy(tags=tags)) == "skipped E7"


def test_a_catch_all_stays_a_catch_all(start: OpenOne) -> None:
    office = start(BASE + '[mailboxes."*@desk.example"]\nfrom = "help@desk.example"\n')
    taken = office.take(letter(to="any@desk.example"), recipients=("any@desk.example",))
    assert taken.tags["X-Mailtriage-Ack-Rule"] == "e4"
    assert (
        office.outcome(taken.swept(office.sweeper("*@desk.example"), tagged=False)) == "skipped E4"
    )


def test_a_mail_without_message_id_whose_body_is_cut_finds_its_mailbox_by_any_address(
    start: OpenOne,
) -> None:
    office = start(TWO)
    raw = letter_with_photo(message_id="", to=f"ann@other.example, {SALES}")
    taken = office.take(raw, recipients=(SALES,))
    assert office.outcome(only_text(taken.copy(tags=0))) == "owed"
    (sent,) = office.owed()
    assert SALES in sent["From"]


# Too late, or not to be made.


@pytest.mark.parametrize("tags", [None, 0], ids=["sealed", "judged by the desk"])
def test_a_mail_of_two_hours_ago_is_not_acknowledged_any_more(
    office: Office, tags: int | None
) -> None:
    """The desk was down; a "we have got your mail" now is worse than none (rule J26)."""
    taken = office.take(letter())
    then = re.search(r"at=(\d+)", taken.tags["X-Mailtriage-Seal"])
    assert then
    received = float(then[1])
    assert office.outcome(taken.copy(tags=tags), now=received + 7200) == "owed"
    assert office.send_all(received + 7200) == []
    assert office.rows() == [("EXPIRED", "J26")]


def test_a_clock_that_runs_ahead_promises_nothing_from_the_future(office: Office) -> None:
    taken = office.take(letter())
    then = re.search(r"at=(\d+)", taken.tags["X-Mailtriage-Seal"])
    assert then
    for tags in (None, 0):
        office.outcome(taken.copy(tags=tags), now=float(then[1]) - 3600)
    assert office.query("SELECT created FROM outbox") == [(float(then[1]) - 3600,)]


def test_what_cannot_be_composed_is_told_once_and_never_tried_again(
    start: OpenOne,
) -> None:
    office = start(BASE + '[mailboxes."help@desk.example"]\nfrom = "hjälp@desk.example"\n')
    taken = office.take(letter())
    found = office.deliver(taken.copy())
    assert found.level == "error"
    assert (found.fields["outcome"], found.fields["rule"]) == ("skipped", "J22")
    assert "cannot send mail" in str(found.fields["why"])
    assert "@" not in str(found.fields["why"]).replace("<address>", "")
    assert office.query("SELECT rule, announced FROM mail") == [("J22", "skipped")]
    assert office.outcome(taken.copy()) == "known F7"


# Modes.


@pytest.mark.parametrize(
    ("mode", "announced", "rows"),
    [
        ("send", "sent", [("READY", "")]),
        ("deferred", "sent", [("WAITING", "")]),
        ("delegate", "delegated", []),
        ("off", "none", []),
    ],
)
@pytest.mark.parametrize("tags", [None, 0], ids=["sealed", "judged by the desk"])
def test_the_mode_of_the_mailbox(
    start: OpenOne, mode: str, announced: str, rows: list[Any], tags: int | None
) -> None:
    office = start(f'{ONE_MAILBOX}ack = "{mode}"\n')
    taken = office.take(letter())
    assert taken.tags["X-Mailtriage-Ack"] == announced
    office.deliver(taken.copy(tags=tags))
    assert office.rows() == rows
    assert office.query("SELECT announced FROM mail") == [(announced,)]


# What is logged.


def values(found: Any) -> Iterator[str]:
    for value in found.fields.values():
        yield str(value)


@pytest.mark.parametrize(
    "raw",
    [
        letter(subject="Geheimnis 4711"),
        letter(subject="Re: Geheimnis 4711", more="In-Reply-To: <geheim@y.example>"),
        letter(sender="geheim@bank.example"),
        letter(subject="Geheimnis 4711", to="geheim@desk.example"),
        letter(more="X-Loop: geheim@desk.example"),
    ],
)
@pytest.mark.parametrize("tags", [None, 0])
def test_nothing_private_is_logged(office: Office, raw: bytes, tags: int | None) -> None:
    found = office.deliver(office.take(raw).copy(tags=tags))
    assert found.fields.keys() <= {"event", "outcome", "rule", "detail", "why"}
    for value in values(found):
        assert re.fullmatch(r"[A-Za-z0-9.-]{1,30}", value), value


def test_no_server_of_ours_says_who_sent_it_which_somebody_should_look_at(office: Office) -> None:
    raw = letter().partition(b"\r\n")[2]
    found = office.deliver(office.take(raw).copy())
    assert (found.level, found.fields["rule"]) == ("warning", "D7")


# The limits count at the desk, whose view is exact.


def acknowledged(office: Office) -> EmailMessage:
    office.outcome(office.take(letter()).copy())
    (sent,) = office.send_all()
    return sent


def test_three_at_once_are_one_acknowledgement(office: Office) -> None:
    """The doors saw nothing of the others when they said that each would be answered."""
    several = [
        office.take(letter(message_id=f"<m{number}@customer.example>")) for number in range(3)
    ]
    assert {taken.tags["X-Mailtriage-Ack"] for taken in several} == {"sent"}
    assert [office.outcome(taken.copy()) for taken in several] == [
        "owed",
        "skipped F2",
        "skipped F2",
    ]


def test_a_reply_belongs_to_its_conversation(office: Office) -> None:
    sent = acknowledged(office)
    reply = letter(
        message_id="<m2@customer.example>",
        subject=f"Re: {sent['Subject']}",
        more=f"In-Reply-To: {sent['Message-ID']}\nReferences: {sent['References']} {sent['Message-ID']}",
    )
    for tags in (None, 0):
        taken = office.take(reply)
        assert office.outcome(taken.copy(tags=tags)) in ("skipped F2", "skipped G1", "known F7")
    assert office.query("SELECT count(*) FROM conversation") == [(1,)]
