"""Who waits for a first answer, read from what the desk has recorded."""

import sqlite3
from dataclasses import replace

import pytest

from mailtriage.state import replies
from mailtriage.state.replies import Waiting, changed_since
from tests.state.conftest import DAY, HELP, HOUR, NOW, Desk, inbound, outbound


def only(connection: sqlite3.Connection, since: float = 0.0) -> Waiting:
    (found,) = changed_since(connection, since)
    return found


def test_a_mail_that_nobody_answered_waits(desk: Desk, connection: sqlite3.Connection) -> None:
    desk.acknowledge(inbound("m1", NOW, skill="billing", priority="high"))
    found = only(connection)
    assert found.customer
    assert replace(found, customer=b"") == Waiting(
        1, HELP, NOW, "billing", "high", NOW + 8 * HOUR, 0.0, NOW
    )


def test_a_human_answer_ends_it(desk: Desk, connection: sqlite3.Connection) -> None:
    desk.acknowledge(inbound("m1", NOW))
    desk.goes_out(outbound("a1", NOW + HOUR, ("<m1@customer.example>",)))
    assert only(connection).answered == NOW + HOUR


def test_the_first_of_several_answers_counts(desk: Desk, connection: sqlite3.Connection) -> None:
    desk.acknowledge(inbound("m1", NOW))
    desk.goes_out(outbound("a1", NOW + HOUR, ("<m1@customer.example>",)))
    desk.goes_out(outbound("a2", NOW + DAY, ("<m1@customer.example>",)))
    assert only(connection).answered == NOW + HOUR


def test_an_automatic_answer_of_the_helpdesk_does_not(
    desk: Desk, connection: sqlite3.Connection
) -> None:
    desk.acknowledge(inbound("m1", NOW))
    desk.goes_out(outbound("a1", NOW + HOUR, ("<m1@customer.example>",), automatic=True))
    assert only(connection).answered == 0.0


def test_a_question_to_a_colleague_does_not(desk: Desk, connection: sqlite3.Connection) -> None:
    desk.acknowledge(inbound("m1", NOW))
    desk.goes_out(
        outbound("q1", NOW + HOUR, ("<m1@customer.example>",), recipients=("tom@desk.example",))
    )
    assert only(connection).answered == 0.0
    desk.goes_out(outbound("a1", NOW + 2 * HOUR, ("<m1@customer.example>",)))
    assert only(connection).answered == NOW + 2 * HOUR


def test_a_later_mail_of_the_customer_begins_nothing_new(
    desk: Desk, connection: sqlite3.Connection
) -> None:
    desk.acknowledge(inbound("m1", NOW, skill="billing"))
    desk.refuse(inbound("m2", NOW + HOUR, skill="delivery", references=("<m1@customer.example>",)))
    found = only(connection)
    assert (found.began, found.skill, found.last_activity) == (NOW, "billing", NOW + HOUR)


def test_what_no_human_wrote_waits_for_nobody(desk: Desk, connection: sqlite3.Connection) -> None:
    desk.refuse(inbound("m1", NOW, kind="machine"))
    assert changed_since(connection, 0.0) == []


def test_only_what_changed_is_read_again(desk: Desk, connection: sqlite3.Connection) -> None:
    desk.acknowledge(inbound("m1", NOW, address="ann@customer.example"))
    desk.acknowledge(inbound("m2", NOW + HOUR))
    assert [one.began for one in changed_since(connection, NOW + 1)] == [NOW + HOUR]


def test_a_look_at_what_changed_does_not_go_through_all_there_is(
    desk: Desk, connection: sqlite3.Connection
) -> None:
    plan = connection.execute(f"EXPLAIN QUERY PLAN {replies._CHANGED}", (NOW, 1)).fetchall()
    steps = [str(row[3]) for row in plan]
    assert any("conversation_age" in step for step in steps)
    assert not any(step.startswith("SCAN") for step in steps)


def test_of_more_than_one_look_takes_the_newest_are_known(
    desk: Desk, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        desk.acknowledge(inbound(f"m{number}", NOW + number * HOUR, address=f"c{number}@a.example"))
    monkeypatch.setattr(replies, "MOST_AT_ONCE", 2)
    found = [one.began for one in changed_since(connection, 0.0)]
    assert found == [NOW + 3 * HOUR, NOW + 4 * HOUR]
