"""Answers of humans with the mail before and after: what the weekly page is made of."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.state.answers import HumanAnswer, human_answers, links_to_nowhere
from mailtriage.state.history import History, open_history
from mailtriage.state.history_writer import HistoryWriter
from mailtriage.state.sqlite import open_database
from tests.state.conftest import DAY, HOUR, MINUTE, NOW, TOKENS, Desk, inbound, key_of, outbound
from tests.state.test_history_answers import SEEN, answer_row


class Week:
    """A database and a history that are being written."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "state.db"
        self.connection = open_database(self.file)
        self.desk = Desk(self.connection, TOKENS)
        self.history = HistoryWriter(directory / "history.db")

    def close(self) -> None:
        self.connection.close()
        self.history.close()

    def asks(self, name: str, at: float, **facts: object) -> None:
        """A customer's mail; `about`: the conversation that it belongs to."""
        about = facts.pop("about", "")
        references = (f"<{about}@customer.example>",) if about else ()
        self.desk.refuse(inbound(name, at, references=references, **facts), "F1")

    def answers(self, name: str, to: str, at: float, **facts: object) -> None:
        """An agent's, or a machine's."""
        self.desk.goes_out(outbound(name, at, (f"<{to}@customer.example>",), **facts))

    def saw(self, name: str, **facts: object) -> None:
        self.history.add([], [answer_row(key=key_of(name), **facts)])

    def found(self, since: float = NOW, until: float = NOW + 7 * DAY) -> list[HumanAnswer]:
        with (
            closing(open_database(self.file, read_only=True)) as connection,
            open_history(self.history._file) as history,
        ):
            return human_answers(connection, history, since, until)


@pytest.fixture
def week(tmp_path: Path) -> Iterator[Week]:
    made = Week(tmp_path)
    yield made
    made.close()


def test_an_answer_with_what_was_before_and_after(week: Week) -> None:
    week.asks("m1", NOW, skill="returns", language="de", priority="high", mood="negative",
              answer="return-label")  # fmt: skip
    week.answers("a1", "m1", NOW + 2 * HOUR)
    week.saw("a1", template="return-label", version=1, current=2)
    week.asks("m2", NOW + 3 * HOUR, about="m1", mood="positive", skill="general", language="en")
    (one,) = week.found()
    assert one == HumanAnswer(
        mailbox="help@desk.example",
        at=NOW + 2 * HOUR,
        skill="returns",
        priority="high",
        language="de",
        mood="negative",
        suggested="return-label",
        seconds=2 * HOUR,
        is_first=True,
        mood_after="positive",
        seen=replace(SEEN, key=key_of("a1"), template="return-label", version=1, current=2),
    )


def test_later_answers_follow_the_mail_that_was_last(week: Week) -> None:
    week.asks("m1", NOW, mood="neutral", answer="first")
    week.answers("a1", "m1", NOW + HOUR)
    week.asks("m2", NOW + 2 * HOUR, about="m1", mood="negative", answer="second")
    week.answers("a2", "m1", NOW + 4 * HOUR)
    week.answers("a3", "m1", NOW + 5 * HOUR)
    shown = [
        (one.suggested, one.seconds, one.is_first, one.mood, one.mood_after) for one in week.found()
    ]
    assert shown == [
        ("first", HOUR, True, "neutral", "negative"),
        ("second", 2 * HOUR, False, "negative", ""),
        ("second", 3 * HOUR, False, "negative", ""),
    ]


def test_what_no_human_wrote_is_no_answer_and_asks_nothing(week: Week) -> None:
    week.asks("m1", NOW, mood="neutral")
    week.answers("auto", "m1", NOW + MINUTE, automatic=True)
    week.answers("internal", "m1", NOW + 2 * MINUTE, recipients=("colleague@desk.example",))
    week.asks("bounce", NOW + 3 * MINUTE, about="m1", kind="bounce", mood="")
    week.answers("a1", "m1", NOW + HOUR)
    (one,) = week.found()
    assert (one.seconds, one.is_first) == (HOUR, True)


def test_what_the_desk_began_is_no_answer(week: Week) -> None:
    week.answers("a1", "m1", NOW + HOUR)
    assert week.found() == []


def test_only_answers_of_the_period_but_their_past_and_future_with_them(week: Week) -> None:
    week.asks("m1", NOW - DAY, mood="negative")
    week.answers("a1", "m1", NOW - HOUR)
    week.answers("a2", "m1", NOW)
    week.answers("a3", "m1", NOW + DAY)
    week.asks("m2", NOW + 9 * DAY, about="m1", mood="positive")
    (one,) = week.found(NOW, NOW + DAY)
    assert (one.at, one.seconds, one.is_first) == (NOW, DAY, False)
    assert (one.mood, one.mood_after) == ("negative", "positive")


def test_without_a_history_the_rest_is_told(week: Week) -> None:
    week.asks("m1", NOW)
    week.answers("a1", "m1", NOW + HOUR)
    week.saw("another")
    assert [one.seen for one in week.found()] == [None]
    with closing(open_database(week.file, read_only=True)) as connection:
        (one,) = human_answers(connection, None, NOW, NOW + DAY)
    assert one.seen is None


def test_conversations_do_not_mix_and_answers_stand_in_their_order(week: Week) -> None:
    for number in range(5):
        week.asks(f"m{number}", NOW + number, address=f"{number}@customer.example",
                  skill=f"skill-{number}")  # fmt: skip
    for number in (3, 1, 4, 0, 2):
        week.answers(f"a{number}", f"m{number}", NOW + HOUR - number,
                     recipients=(f"{number}@customer.example",))  # fmt: skip
    assert [one.skill for one in week.found()] == [f"skill-{number}" for number in (4, 3, 2, 1, 0)]
    assert all(one.is_first for one in week.found())


def test_links_to_nowhere_are_counted_by_answers(week: Week) -> None:
    week.asks("m1", NOW)
    for number, links in enumerate((("b", "a"), ("b",), ())):
        week.answers(f"a{number}", "m1", NOW + number)
        week.saw(f"a{number}", unknown_links=links)
    week.answers("a9", "m1", NOW + 9)
    assert links_to_nowhere(week.found()) == {"b": 2, "a": 1}


def test_what_lies_long_back_is_not_read(week: Week) -> None:
    """By the plan of SQLite: no table is read from end to end."""
    from mailtriage.state import answers

    with closing(sqlite3.connect(week.file)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {answers._MAILS}", (NOW,)).fetchall()
    steps = [step[3] for step in plan]
    assert not [step for step in steps if step.startswith("SCAN")]


def test_a_history_is_only_asked_for_keys(week: Week) -> None:
    with open_history(week.history._file) as history:
        plan = history._connection.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM answer WHERE key = ?", (b"",)
        ).fetchall()
        assert isinstance(history, History)
    assert [step[3] for step in plan] == ["SEARCH answer USING PRIMARY KEY (key=?)"]
