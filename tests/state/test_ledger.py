"""What is known of earlier mails, asked by the desk and by an analyser: both must say the same."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.state.ledger import NOTHING_KNOWN, History, LedgerQuestion
from mailtriage.state.outbox import Outbox
from mailtriage.state.sqlite_ledger import SqliteLedger
from tests.state.conftest import (
    DAY,
    HOUR,
    JOE,
    MINUTE,
    NOW,
    TOKENS,
    Desk,
    ack_id,
    ack_of,
    inbound,
    key_of,
    question,
)  # fmt: skip

Ask = Callable[[LedgerQuestion], History]


@pytest.fixture(params=["desk", "analyser"])
def ask(request: pytest.FixtureRequest, desk: Desk, database: Path) -> Ask:
    """Both ways to ask."""
    return desk.look_up if request.param == "desk" else SqliteLedger(database, TOKENS).look_up


def test_of_a_stranger_nothing_is_known(ask: Ask) -> None:
    assert ask(question()) == NOTHING_KNOWN


def test_a_mail_that_has_been_through_is_known_by_its_key(ask: Ask, desk: Desk) -> None:
    desk.refuse(inbound("m1"), "B1")
    assert ask(question(key=key_of("m1"))).handled
    assert not ask(question(key=key_of("m2"))).handled


def test_last_acknowledgement_of_this_mailbox(ask: Ask, desk: Desk) -> None:
    desk.acknowledge(inbound("m1", NOW - 90 * DAY))
    desk.acknowledge(inbound("m2", NOW - 9 * MINUTE))
    desk.acknowledge(inbound("m3", NOW - 2 * MINUTE, mailbox="sales@desk.example"))
    assert ask(question()).last_ack == NOW - 9 * MINUTE
    assert ask(question(mailbox="sales@desk.example")).last_ack == NOW - 2 * MINUTE
    assert ask(question(mailbox="press@desk.example")).last_ack == 0
    assert ask(question(address="JOE@customer.example")).last_ack == NOW - 9 * MINUTE
    assert ask(question(address="mary@customer.example")).last_ack == 0


def test_what_was_not_acknowledged_does_not_count(ask: Ask, desk: Desk) -> None:
    desk.refuse(inbound("m1"), "F2")
    known = ask(question())
    assert (known.last_ack, known.to_sender, known.to_network) == (0, 0, 0)


@pytest.mark.parametrize(
    ("minutes_ago", "subject", "same_subject", "to_sender", "today"),
    [
        (179, "Re: [External] where is my  PARCEL?", 1, 1, 1),
        (179, "Another matter", 0, 1, 1),
        (181, "Where is my parcel?", 0, 0, 1),
        (24 * 60 - 1, "Where is my parcel?", 0, 0, 1),
        (24 * 60 + 1, "Where is my parcel?", 0, 0, 0),
    ],
)
def test_acknowledgements_of_a_sender_are_counted(
    ask: Ask, desk: Desk, minutes_ago: int, subject: str,
    same_subject: int, to_sender: int, today: int,
) -> None:  # fmt: skip
    at = NOW - minutes_ago * MINUTE
    desk.acknowledge(inbound("m1", at, subject=subject, mailbox="sales@desk.example"))
    known = ask(question())
    assert known.same_subject == same_subject
    assert known.to_sender == to_sender
    assert known.to_sender_today == today


@pytest.mark.parametrize(
    ("client", "next_client", "counted"),
    [
        ("198.51.100.7", "198.51.100.7", 1),
        ("198.51.100.7", "::ffff:198.51.100.7", 1),
        ("198.51.100.7", "198.51.100.8", 0),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", 1),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", 0),
        ("", "", 0),
        ("unknown", "unknown", 0),
    ],
)
def test_acknowledgements_of_a_network_are_counted(
    ask: Ask, desk: Desk, client: str, next_client: str, counted: int
) -> None:
    desk.acknowledge(inbound("m1", NOW - 59 * MINUTE, network=client))
    desk.acknowledge(inbound("m2", NOW - 61 * MINUTE, network=client))
    asked = question(address="somebody@else.example", network=next_client)
    assert ask(asked).to_network == counted


def test_an_address_that_refused_is_left_alone_for_60_days(
    ask: Ask, desk: Desk, connection: sqlite3.Connection
) -> None:
    desk.acknowledge(inbound("m1"))
    outbox = Outbox(connection)
    outbox.claim(NOW, 60, 10)
    outbox.dead(key_of("m1"), "550 5.1.1 unknown user", undeliverable=True, now=NOW)
    assert ask(question(NOW + 59 * DAY)).undeliverable
    assert not ask(question(NOW + 61 * DAY)).undeliverable
    assert not ask(question(address="mary@customer.example")).undeliverable


def test_a_fault_that_is_not_the_addresss_does_not_count_against_it(
    ask: Ask, desk: Desk, connection: sqlite3.Connection
) -> None:
    desk.acknowledge(inbound("m1"))
    outbox = Outbox(connection)
    outbox.claim(NOW, 60, 10)
    outbox.dead(key_of("m1"), "554 5.6.0 refused", undeliverable=False, now=NOW)
    assert not ask(question()).undeliverable


def test_who_complained(ask: Ask, desk: Desk) -> None:
    with desk.transaction():
        desk.record_complaint("Joe@Customer.Example", NOW)
        desk.record_complaint(JOE, NOW + 5)
        desk.record_complaint("", NOW)
    assert ask(question(NOW + 100 * DAY)).complained
    assert not ask(question(address="mary@customer.example")).complained
    assert not ask(question(address="")).complained


class TestRobots:
    """Rule F13: two short answers to our acknowledgements, each within two minutes of it."""

    @staticmethod
    def exchange(
        desk: Desk, outbox: Outbox, name: str, at: float, *, after: float = 5, short: bool = True,
        marked_late: bool = False, refers_to: str = "",
    ) -> None:  # fmt: skip
        """A mail, its acknowledgement, and an answer to that."""
        desk.acknowledge(inbound(name, at))
        outbox.claim(at, 60, 10)
        if not marked_late:
            outbox.sent([key_of(name)], at)
        references = (f"<{name}@customer.example>", refers_to or ack_id(name))
        desk.refuse(inbound(f"{name}-back", at + after, references=references, short=short))

    def test_the_second_time_it_is_a_robot_for_a_day(
        self, ask: Ask, desk: Desk, connection: sqlite3.Connection
    ) -> None:
        outbox = Outbox(connection)
        self.exchange(desk, outbox, "m1", NOW)
        assert not ask(question(NOW + 10)).robot
        self.exchange(desk, outbox, "m2", NOW + HOUR, after=119)
        assert ask(question(NOW + HOUR + 120)).robot
        assert ask(question(NOW + 24 * HOUR)).robot
        assert not ask(question(NOW + 26 * HOUR)).robot
        assert not ask(question(NOW + HOUR + 120, address="mary@customer.example")).robot

    def test_an_answer_that_overtakes_the_mark_of_its_acknowledgement_is_a_quick_one(
        self, ask: Ask, desk: Desk, connection: sqlite3.Connection
    ) -> None:
        outbox = Outbox(connection)
        self.exchange(desk, outbox, "m1", NOW, marked_late=True)
        self.exchange(desk, outbox, "m2", NOW + HOUR, marked_late=True)
        assert ask(question(NOW + HOUR + 10)).robot

    @pytest.mark.parametrize(
        "human",
        [
            {"after": 121},
            {"short": False},
            {"refers_to": "<somebody@else.example>"},
            {"refers_to": ack_id("m2").replace("<ack.", "<ack.a")},
        ],
    )
    def test_a_human(
        self, ask: Ask, desk: Desk, connection: sqlite3.Connection, human: dict[str, object]
    ) -> None:
        outbox = Outbox(connection)
        self.exchange(desk, outbox, "m1", NOW)
        self.exchange(desk, outbox, "m2", NOW + HOUR, **human)  # type: ignore[arg-type]
        assert not ask(question(NOW + HOUR + 200)).robot

    def test_once_a_week_is_a_quick_human(
        self, ask: Ask, desk: Desk, connection: sqlite3.Connection
    ) -> None:
        outbox = Outbox(connection)
        for week in range(3):
            self.exchange(desk, outbox, f"m{week}", NOW + week * 7 * DAY)
        assert not ask(question(NOW + 14 * DAY + 10)).robot


def test_counts_survive_a_restart(
    desk: Desk, connection: sqlite3.Connection, database: Path
) -> None:
    desk.acknowledge(inbound("m1"))
    connection.close()
    assert SqliteLedger(database, TOKENS).look_up(question()).to_sender == 1


def test_far_more_than_a_thousand_senders_are_remembered(ask: Ask, desk: Desk) -> None:
    with desk.transaction():
        for number in range(1500):
            mail = inbound(f"m{number}", NOW + number, address=f"c{number}@customer.example")
            desk.record_inbound(mail, ack_of(mail))
    for number in (0, 1, 1499):
        asked = question(NOW + HOUR, address=f"c{number}@customer.example")
        assert ask(asked).last_ack == NOW + number


def test_another_secret_knows_nobody(desk: Desk, database: Path) -> None:
    desk.acknowledge(inbound("m1"))
    stranger = SqliteLedger(database, Tokens(b"the secret of somebody else     "))
    assert stranger.look_up(question()) == NOTHING_KNOWN


def test_original_id_only_for_whom_it_was_kept(desk: Desk, database: Path) -> None:
    desk.acknowledge(inbound("m1"), original_id="<m1@customer.example>")
    desk.acknowledge(inbound("m2"))
    for memory in (desk, SqliteLedger(database, TOKENS)):
        assert memory.original_id(key_of("m1"), JOE) == "<m1@customer.example>"
        assert memory.original_id(key_of("m1"), "mary@customer.example") == ""
        assert memory.original_id(key_of("m1"), "") == ""
        assert memory.original_id(key_of("m2"), JOE) == ""
        assert memory.original_id(key_of("m3"), JOE) == ""
