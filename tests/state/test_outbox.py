"""The life of an acknowledgement, from the desk to Postfix."""

import sqlite3
from collections.abc import Callable

import pytest

from mailtriage.state.outbox import Claimed, Outbox, OutboxRow, key_text
from mailtriage.state.sqlite import StateError
from tests.state.conftest import (
    DAY,
    HOUR,
    JOE,
    MINUTE,
    NOW,
    TOKENS,
    Desk,
    ack_of,
    inbound,
    key_of,
)  # fmt: skip

StateOf = Callable[[str], tuple[str, str]]
LEASE = 60.0


@pytest.fixture
def outbox(connection: sqlite3.Connection) -> Outbox:
    """As it is by default: rather twice than not at all."""
    return Outbox(connection)


def names(rows: list[OutboxRow]) -> list[str]:
    """Which mails these acknowledge."""
    known = {key_of(f"m{number}"): f"m{number}" for number in range(50)}
    return [known[row.key] for row in rows]


def test_what_is_owed_is_given_out_once(desk: Desk, outbox: Outbox, state_of: StateOf) -> None:
    desk.acknowledge(inbound("m1"))
    (row,) = outbox.claim(NOW, LEASE, 10).rows
    assert row == OutboxRow(
        key=key_of("m1"), address=JOE, domain="customer.example",
        message=ack_of(inbound("m1")).message, attempts=1, created=NOW,
    )  # fmt: skip
    assert state_of("m1") == ("SENDING", "")
    assert outbox.claim(NOW + LEASE - 1, LEASE, 10).rows == []


def test_oldest_first_and_no_more_than_asked_for(desk: Desk, outbox: Outbox) -> None:
    for number in (3, 1, 4, 2):
        desk.acknowledge(inbound(f"m{number}", NOW + number))
    assert names(outbox.claim(NOW + 9, LEASE, 3).rows) == ["m1", "m2", "m3"]
    assert names(outbox.claim(NOW + 9, LEASE, 3).rows) == ["m4"]


def test_not_before_it_is_due(desk: Desk, outbox: Outbox) -> None:
    desk.acknowledge(inbound("m1"), due=NOW + 5)
    assert outbox.claim(NOW + 4.9, LEASE, 10).rows == []
    assert names(outbox.claim(NOW + 5, LEASE, 10).rows) == ["m1"]


def test_sent(desk: Desk, outbox: Outbox, state_of: StateOf) -> None:
    desk.acknowledge(inbound("m1"))
    outbox.claim(NOW, LEASE, 10)
    outbox.sent([key_of("m1")], NOW + 1)
    assert state_of("m1") == ("SENT", "")
    assert outbox.claim(NOW + DAY, LEASE, 10).rows == []


def test_refused_for_now(desk: Desk, outbox: Outbox, state_of: StateOf) -> None:
    desk.acknowledge(inbound("m1"))
    outbox.claim(NOW, LEASE, 10)
    outbox.retry(key_of("m1"), NOW + 10, "450 4.2.0 greylisted")
    assert state_of("m1") == ("RETRY", "")
    assert outbox.claim(NOW + 9, LEASE, 10).rows == []
    (row,) = outbox.claim(NOW + 10, LEASE, 10).rows
    assert row.attempts == 2
    assert row.message == ack_of(inbound("m1")).message


def test_refused_for_good(desk: Desk, outbox: Outbox, state_of: StateOf) -> None:
    desk.acknowledge(inbound("m1"))
    outbox.claim(NOW, LEASE, 10)
    outbox.dead(key_of("m1"), "550 5.1.1 unknown", undeliverable=True, now=NOW)
    assert state_of("m1") == ("DEAD", "")
    assert outbox.claim(NOW + 1, LEASE, 10).rows == []
    (entry,) = outbox.rows(finished=False)
    assert (entry.address, entry.error) == (JOE, "550 5.1.1 unknown")


def test_held_back_counts_as_no_attempt(desk: Desk, outbox: Outbox, state_of: StateOf) -> None:
    desk.acknowledge(inbound("m1"))
    for attempt in range(20):
        (row,) = outbox.claim(NOW + attempt, LEASE, 10).rows
        assert row.attempts == 1
        outbox.hold([row.key], NOW + attempt + 1)
    assert state_of("m1") == ("READY", "")


@pytest.mark.parametrize("past", [0, 5, HOUR])
def test_what_is_too_old_is_not_sent(
    desk: Desk, outbox: Outbox, state_of: StateOf, past: float
) -> None:
    desk.acknowledge(inbound("m1"))
    assert outbox.claim(NOW + 30 * MINUTE + past, LEASE, 10) == Claimed([], [(key_of("m1"), "ack")])
    assert state_of("m1") == ("EXPIRED", "J26")


def test_what_is_held_back_for_too_long_is_too_old_as_well(
    desk: Desk, outbox: Outbox, state_of: StateOf
) -> None:
    desk.acknowledge(inbound("m1"))
    outbox.claim(NOW, LEASE, 10)
    outbox.hold([key_of("m1")], NOW + HOUR)
    assert outbox.claim(NOW + HOUR, LEASE, 10).rows == []
    assert state_of("m1") == ("EXPIRED", "J26")


class TestASenderThatDied:
    """It had claimed the row: nobody knows whether Postfix took the message."""

    @pytest.fixture(autouse=True)
    def claimed(self, desk: Desk, outbox: Outbox) -> None:
        """By who is dead now."""
        desk.acknowledge(inbound("m1"))
        outbox.claim(NOW, LEASE, 10)

    def test_rather_twice_than_not_at_all(self, outbox: Outbox) -> None:
        (row,) = outbox.claim(NOW + LEASE, LEASE, 10).rows
        assert row.message == ack_of(inbound("m1")).message
        assert row.attempts == 2

    def test_rather_not_at_all_than_twice(
        self, connection: sqlite3.Connection, state_of: StateOf
    ) -> None:
        outbox = Outbox(connection, prefer="no_duplicate")
        assert outbox.claim(NOW + LEASE - 1, LEASE, 10).rows == []
        assert state_of("m1") == ("SENDING", "")
        assert outbox.claim(NOW + LEASE, LEASE, 10).rows == []
        assert state_of("m1") == ("DEAD", "")
        (entry,) = outbox.rows(finished=False)
        assert "unknown outcome" in entry.error

    def test_not_when_it_is_too_old_by_then(self, outbox: Outbox, state_of: StateOf) -> None:
        assert outbox.claim(NOW + HOUR, LEASE, 10).rows == []
        assert state_of("m1") == ("EXPIRED", "J26")

    def test_what_it_knew_late_is_true_nevertheless(
        self, outbox: Outbox, state_of: StateOf
    ) -> None:
        outbox.claim(NOW + HOUR, LEASE, 10)
        outbox.sent([key_of("m1")], NOW + HOUR)
        assert state_of("m1") == ("SENT", "")


class TestWaiting:
    """Deferred acknowledgements."""

    @pytest.fixture(autouse=True)
    def waiting(self, desk: Desk) -> None:
        """Until five minutes from now."""
        desk.acknowledge(inbound("m1"), waiting=True, order="{}", due=NOW + 5 * MINUTE)

    def test_it_is_not_given_out(self, outbox: Outbox) -> None:
        assert outbox.claim(NOW + 10 * MINUTE, LEASE, 10).rows == []

    def test_it_is_released_with_its_ticket(self, outbox: Outbox) -> None:
        outbox.release(key_of("m1"), b"with ticket", NOW + 1)
        (row,) = outbox.claim(NOW + 1, LEASE, 10).rows
        assert row.message == b"with ticket"

    def test_it_goes_out_as_it_is_when_it_waited_long_enough(self, outbox: Outbox) -> None:
        assert outbox.overdue(NOW + 5 * MINUTE - 1) == []
        (row,) = outbox.overdue(NOW + 5 * MINUTE)
        outbox.release(row.key, row.message, NOW + 5 * MINUTE)
        assert outbox.overdue(NOW + 5 * MINUTE) == []
        (claimed,) = outbox.claim(NOW + 5 * MINUTE, LEASE, 10).rows
        assert claimed.message == ack_of(inbound("m1")).message

    def test_a_ticket_that_comes_too_late_changes_nothing(self, outbox: Outbox) -> None:
        outbox.release(key_of("m1"), b"as it was", NOW + 5 * MINUTE)
        outbox.claim(NOW + 5 * MINUTE, LEASE, 10)
        outbox.release(key_of("m1"), b"with ticket", NOW + 6 * MINUTE)
        (entry,) = outbox.rows(finished=False)
        assert (entry.state, entry.message) == ("SENDING", b"as it was")


def test_what_was_finished_stays_so(desk: Desk, outbox: Outbox, state_of: StateOf) -> None:
    desk.acknowledge(inbound("m1"))
    outbox.claim(NOW, LEASE, 10)
    outbox.sent([key_of("m1")], NOW)
    outbox.suppress(key_of("m1"), "A12", NOW)
    outbox.retry(key_of("m1"), NOW, "450")
    outbox.dead(key_of("m1"), "550", undeliverable=False, now=NOW)
    outbox.hold([key_of("m1")], NOW)
    outbox.release(key_of("m1"), b"", NOW)
    assert not outbox.drop(key_of("m1"), NOW)
    assert not outbox.revive(key_of("m1"), NOW, NOW)
    assert state_of("m1") == ("SENT", "")


def test_suppressed_while_it_was_claimed(desk: Desk, outbox: Outbox, state_of: StateOf) -> None:
    desk.acknowledge(inbound("m1"))
    outbox.claim(NOW, LEASE, 10)
    outbox.suppress(key_of("m1"), "A12", NOW)
    assert state_of("m1") == ("SUPPRESSED", "A12")


def test_what_was_sent_is_counted_by_domain(desk: Desk, outbox: Outbox) -> None:
    for number, domain in enumerate(["a.example", "a.example", "b.example", "c.example"]):
        desk.acknowledge(inbound(f"m{number}", address=f"joe@{domain}"))
    outbox.claim(NOW, LEASE, 10)
    outbox.sent([key_of("m0")], NOW - HOUR - 1)
    outbox.sent([key_of("m1"), key_of("m2")], NOW - 5)
    assert outbox.sent_since(NOW - HOUR) == ({"a.example": 1, "b.example": 1}, 2)
    assert outbox.counts() == {"SENT": 3, "SENDING": 1}


def test_an_administrator_tries_a_dead_one_again(desk: Desk, outbox: Outbox) -> None:
    desk.acknowledge(inbound("m1"))
    outbox.claim(NOW, LEASE, 10)
    outbox.dead(key_of("m1"), "554", undeliverable=False, now=NOW)
    assert outbox.revive(key_of("m1"), NOW + DAY, NOW + DAY + HOUR)
    (row,) = outbox.claim(NOW + DAY, LEASE, 10).rows
    assert row.attempts == 1
    (entry,) = outbox.rows(finished=False)
    assert entry.expires == NOW + DAY + HOUR


def test_an_administrator_drops_what_is_not_on_its_way(
    desk: Desk, outbox: Outbox, state_of: StateOf
) -> None:
    desk.acknowledge(inbound("m1"))
    desk.acknowledge(inbound("m2", NOW + 5))
    outbox.claim(NOW, LEASE, 10)
    assert not outbox.drop(key_of("m1"), NOW)
    assert outbox.drop(key_of("m2"), NOW)
    assert (state_of("m1"), state_of("m2")) == (("SENDING", ""), ("DROPPED", ""))


def test_a_row_is_found_by_the_beginning_of_its_key(desk: Desk, outbox: Outbox) -> None:
    for number in range(40):
        desk.acknowledge(inbound(f"m{number}"))
    for number in range(40):
        key = key_of(f"m{number}")
        text = key_text(key)
        assert f"<ack.{text}." in TOKENS.ack_message_id(key, "desk.example")
        for length in (8, 25, 26):
            assert [entry.key for entry in outbox.get(text[:length])] == [key]
        assert [entry.key for entry in outbox.get(text.upper())] == [key]
    assert len(outbox.get(key_text(key_of("m1"))[:1])) in (1, 2)


@pytest.mark.parametrize("prefix", ["", "1", "!", "é", "%", "a" * 27, "a b", "=" * 8])
def test_what_is_no_beginning_of_a_key(desk: Desk, outbox: Outbox, prefix: str) -> None:
    desk.acknowledge(inbound("m1"))
    assert outbox.get(prefix) == []


def test_several_steps_in_one_transaction_are_undone_together(
    desk: Desk, outbox: Outbox, state_of: StateOf
) -> None:
    desk.acknowledge(inbound("m1"))
    desk.acknowledge(inbound("m2"))
    outbox.claim(NOW, LEASE, 10)

    def fail_at_last() -> None:
        with desk.transaction():
            outbox.sent([key_of("m1")], NOW)
            outbox.retry(key_of("m2"), NOW, "450")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_at_last()
    assert (state_of("m1")[0], state_of("m2")[0]) == ("SENDING", "SENDING")


def test_asking_when_nothing_is_due_writes_nothing(
    desk: Desk, outbox: Outbox, connection: sqlite3.Connection
) -> None:
    desk.acknowledge(inbound("m1"), due=NOW + 5)
    desk.acknowledge(inbound("m2"), waiting=True)
    connection.execute("PRAGMA query_only = ON")
    assert outbox.claim(NOW, LEASE, 10).rows == []
    with pytest.raises(StateError):
        outbox.claim(NOW + 5, LEASE, 10)


def follows(connection: sqlite3.Connection, name: str, kind: str, due: float) -> None:
    """An update or a survey that is owed."""
    connection.execute(
        "INSERT INTO outbox (key, mailbox, domain, address, message, plan, state, due, created,"
        " expires, kind, sender, about) VALUES (?, '', 'x.example', 'joe@x.example', x'00', '',"
        " 'READY', ?, ?, ?, ?, 'b1@triage.example', x'01')",
        (key_of(name), due, due, due + 30 * MINUTE, kind),
    )


def test_acknowledgements_go_before_what_follows_others(
    desk: Desk, outbox: Outbox, connection: sqlite3.Connection
) -> None:
    follows(connection, "s1", "survey", NOW - 60)
    follows(connection, "u1", "update", NOW - 50)
    desk.acknowledge(inbound("m1"))
    assert [row.kind for row in outbox.claim(NOW, LEASE, 2).rows] == ["ack", "survey"]
    (late,) = outbox.claim(NOW, LEASE, 2).rows
    assert (late.kind, late.sender) == ("update", "b1@triage.example")


def test_only_so_many_of_the_others_are_taken(
    desk: Desk, outbox: Outbox, connection: sqlite3.Connection
) -> None:
    for number in range(3):
        follows(connection, f"s{number}", "survey", NOW - 60)
    desk.acknowledge(inbound("m1"))
    assert len(outbox.claim(NOW, LEASE, 10, others=1).rows) == 2
    assert outbox.claim(NOW, LEASE, 10, others=0).rows == []


def test_what_follows_is_not_sent_twice_after_a_crash(
    outbox: Outbox, connection: sqlite3.Connection
) -> None:
    follows(connection, "u1", "update", NOW)
    assert len(outbox.claim(NOW, LEASE, 10).rows) == 1
    assert outbox.claim(NOW + LEASE + 1, LEASE, 10).rows == []
    assert outbox.counts() == {"DEAD": 1}
    assert not outbox.revive(key_of("u1"), NOW, NOW + DAY)
