"""What can be read out of the files, and for how long."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.state.outbox import Outbox
from mailtriage.state.store import PURGED_AT_ONCE
from tests.state.conftest import (
    DAY,
    HOUR,
    JOE,
    MINUTE,
    NOW,
    Desk,
    ack_id,
    ack_of,
    inbound,
    key_of,
    outbound,
    question,
)  # fmt: skip

LETTER = b"To: joe@customer.example\r\n\r\nYour parcel is not lost.\r\n"
RETENTION = 180 * DAY


def on_disk(database: Path) -> bytes:
    """All that is in the files, with what SQLite left in free pages; lower case."""
    with closing(sqlite3.connect(database)) as connection:
        # What the log holds moves into the database; the log of a running service is written over
        # from its beginning after each such move.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return b"".join(file.read_bytes() for file in database.parent.iterdir()).lower()


PRIVATE = (b"joe", b"parcel is not lost", b"where is my parcel", b"198.51.100.7", b"m1@customer")


def test_while_it_is_owed_only_recipient_and_letter_are_there(desk: Desk, database: Path) -> None:
    desk.acknowledge(inbound("m1"), message=LETTER)
    content = on_disk(database)
    assert b"joe@customer.example" in content
    assert b"your parcel is not lost" in content
    for private in (b"where is my parcel", b"198.51.100.7", b"m1@customer"):
        assert private not in content


@pytest.mark.parametrize("end", ["SENT", "EXPIRED", "SUPPRESSED", "DROPPED"])
def test_when_nothing_is_owed_nothing_is_left(
    desk: Desk, connection: sqlite3.Connection, database: Path, end: str
) -> None:
    outbox = Outbox(connection)
    order = '{"to": "joe@customer.example"}'
    desk.acknowledge(inbound("m1"), message=LETTER * 100, order=order)
    outbox.claim(NOW, 60, 1)
    outbox.retry(key_of("m1"), NOW + 5, "450 4.2.0 <joe@customer.example>: greylisted")
    if end == "SENT":
        outbox.claim(NOW + 5, 60, 1)
        outbox.sent([key_of("m1")], NOW + 5)
    elif end == "EXPIRED":
        outbox.claim(NOW + HOUR, 60, 1)
    elif end == "SUPPRESSED":
        desk.goes_out(outbound("o1", NOW + 6, (ack_id("m1"),)))
    else:
        outbox.drop(key_of("m1"), NOW + 5)
    assert outbox.counts() == {end: 1}
    content = on_disk(database)
    for private in PRIVATE:
        assert private not in content


def test_the_original_id_is_there_only_where_answers_are_repaired(
    desk: Desk, database: Path
) -> None:
    desk.acknowledge(inbound("m1"), original_id="<m1@customer.example>")
    desk.acknowledge(inbound("m2"))
    content = on_disk(database)
    assert b"<m1@customer.example>" in content
    assert b"<m2@customer.example>" not in content


def test_outbox_rows_go_a_week_after_their_end_the_dead_with_their_address(
    desk: Desk, connection: sqlite3.Connection, database: Path
) -> None:
    outbox = Outbox(connection)
    for name in ("m1", "m2"):
        desk.acknowledge(inbound(name), message=LETTER)
    outbox.claim(NOW, 60, 9)
    outbox.sent([key_of("m1")], NOW)
    outbox.dead(key_of("m2"), "550 joe?", undeliverable=True, now=NOW)
    desk.purge(NOW + 7 * DAY - 1, RETENTION)
    assert outbox.counts() == {"SENT": 1, "DEAD": 1}
    desk.purge(NOW + 7 * DAY + 1, RETENTION)
    assert outbox.counts() == {}
    assert b"joe" not in on_disk(database)
    # What they led to is still known.
    known = desk.look_up(question(NOW + 8 * DAY, key=key_of("m1")))
    assert known.handled
    assert known.undeliverable
    assert known.last_ack == NOW


def test_updates_that_went_out_stay_for_the_page_of_last_week(
    desk: Desk, connection: sqlite3.Connection, database: Path
) -> None:
    outbox = Outbox(connection)
    for name in ("m1", "m2"):
        desk.acknowledge(inbound(name), message=LETTER)
    connection.execute("UPDATE outbox SET kind = 'update' WHERE key = ?", (key_of("m1"),))
    outbox.claim(NOW, 60, 9)
    outbox.sent([key_of("m1"), key_of("m2")], NOW)
    desk.purge(NOW + 7 * DAY + 1, RETENTION)
    assert [row.key for row in outbox.rows(finished=True)] == [key_of("m1")]
    assert b"joe" not in on_disk(database)
    desk.purge(NOW + 15 * DAY + 1, RETENTION)
    assert outbox.rows(finished=True) == []


def test_everything_goes_after_the_retention(desk: Desk, connection: sqlite3.Connection) -> None:
    desk.acknowledge(inbound("m1", writers=("joe@private.example",)))
    desk.refuse(inbound("m2", NOW + 5, references=(ack_id("m1"),), short=True))
    desk.goes_out(outbound("o1", NOW + 9, (ack_id("m1"),)))
    with desk.transaction():
        desk.record_complaint(JOE, NOW + 9)
    desk.purge(NOW + RETENTION, RETENTION)
    assert desk.look_up(question(NOW + RETENTION, references=(ack_id("m1"),))).conversation
    while desk.purge(NOW + RETENTION + MINUTE, RETENTION):
        pass
    # Of mails there is nothing in the row about this node, nor in SQLite's own count of numbers.
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table'"
        " AND name NOT IN ('sharing', 'sqlite_sequence')"
    ).fetchall()
    assert len(tables) >= 7
    for (table,) in tables:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def test_what_is_still_alive_is_kept(desk: Desk) -> None:
    desk.acknowledge(inbound("m1", NOW))
    desk.refuse(inbound("m2", NOW + 100 * DAY, references=(ack_id("m1"),)))
    desk.purge(NOW + 200 * DAY, RETENTION)
    assert desk.look_up(question(references=("<m1@customer.example>",))).conversation
    assert desk.look_up(question(key=key_of("m1"))).handled


def test_a_little_at_a_time_the_oldest_first(desk: Desk, connection: sqlite3.Connection) -> None:
    """RFC 5230 section 4.2: of what is remembered of senders the oldest goes first."""
    with desk.transaction():
        for number in range(PURGED_AT_ONCE + 100):
            mail = inbound(f"m{number}", NOW + number, address=f"c{number}@customer.example")
            desk.record_inbound(mail, ack_of(mail))
    late = NOW + RETENTION + DAY
    # The outbox rows are finished by their age; then ledger and conversations lose equally many.
    assert desk.purge(late, RETENTION) == 2 * PURGED_AT_ONCE
    (oldest,) = connection.execute("SELECT min(at) FROM ack").fetchone()
    assert oldest == NOW + PURGED_AT_ONCE
    assert desk.purge(late, RETENTION) == 2 * 100
    assert desk.purge(late, RETENTION) == 0


def test_a_mail_that_only_the_outbox_knows_is_not_acknowledged_again(
    desk: Desk, connection: sqlite3.Connection
) -> None:
    outbox = Outbox(connection)
    desk.acknowledge(inbound("m1", NOW))
    outbox.claim(NOW, 60, 9)
    outbox.sent([key_of("m1")], NOW)
    later = NOW + 2 * DAY
    desk.purge(later, DAY)
    assert not desk.look_up(question(key=key_of("m1"))).handled
    desk.acknowledge(inbound("m1", later))
    assert desk.look_up(question(key=key_of("m1"))).handled
    assert outbox.counts() == {"SENT": 1}


def test_nothing_that_a_mail_waits_for_reads_a_whole_table(
    desk: Desk, connection: sqlite3.Connection
) -> None:
    statements: set[str] = set()
    connection.set_trace_callback(statements.add)
    outbox = Outbox(connection)
    for name in ("m1", "m2"):
        desk.acknowledge(inbound(name, writers=("joe@private.example",)))
    outbox.claim(NOW, 60, 9)
    outbox.retry(key_of("m1"), NOW + 5, "450")
    outbox.sent([key_of("m2")], NOW)
    outbox.sent_since(NOW - HOUR)
    outbox.overdue(NOW)
    desk.refuse(inbound("m3", NOW + 5, references=(ack_id("m2"), "<x@y>"), short=True))
    desk.look_up(question(references=(ack_id("m1"), "<m1@customer.example>")))
    desk.goes_out(outbound("o1", NOW + 9, ("<m1@customer.example>",), automatic=True, ticket="#1"))
    desk.goes_out(outbound("o2", NOW + 9, ("<m1@customer.example>",)))
    desk.purge(NOW + DAY, RETENTION)
    connection.set_trace_callback(None)

    asked = [text for text in statements if text.split()[0] in ("SELECT", "UPDATE", "DELETE")]
    assert len(asked) > 20
    for text in asked:
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {text}"):
            assert "SCAN" not in step, (step, text)
