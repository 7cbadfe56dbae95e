"""The thread that measures how fast answers come, on a machine where things go wrong."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.config import load
from mailtriage.desk.answers import MeasuredAnswers
from mailtriage.service import answer_clock
from mailtriage.service import metrics_names as names
from mailtriage.service.answer_clock import AnswerClock
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.state.sqlite import open_database

HOUR = 3600.0

CALENDARS = """
[calendars.early]
timezone = "Europe/Berlin"
[calendars.late]
timezone = "America/New_York"
[mailboxes."first@desk.example"]
[mailboxes."second@desk.example"]
calendar = "early"
"""


def waits(file: Path, count: int, began: float, answered: float = 0.0) -> None:
    """Conversations that were promised an answer within the hour."""
    with closing(open_database(file)) as connection:
        connection.execute("BEGIN")
        for _ in range(count):
            number = connection.execute(
                "INSERT INTO conversation (mailbox, customer, began, last_activity, answered,"
                " promised) VALUES ('first@desk.example', x'', ?, ?, ?, ?)",
                (began, max(began, answered), answered, began + HOUR),
            ).lastrowid
            connection.execute(
                "INSERT INTO mail (key, conversation, way, at, kind)"
                " VALUES (randomblob(16), ?, 'in', ?, 'human')",
                (number, began),
            )
        connection.execute("COMMIT")


@pytest.fixture
def deltas() -> Deltas:
    return Deltas()


@pytest.fixture
def clock(tmp_path: Path, deltas: Deltas) -> Iterator[AnswerClock]:
    file = tmp_path / "mailtriage.toml"
    file.write_text(f'[state]\nurl = "sqlite://{tmp_path}/state.db"\n{CALENDARS}')
    found = AnswerClock(load([file]).config, MeasuredAnswers(), deltas, Log("error"))
    yield found
    found.stop()


def kept(deltas: Deltas) -> float:
    return deltas._counts.get((names.PROMISES, ("general", "kept")), 0.0)


def test_after_a_fault_nothing_is_counted_again(
    tmp_path: Path, clock: AnswerClock, deltas: Deltas
) -> None:
    now = time.time()
    waits(tmp_path / "state.db", 5, now - 60, now + 0.01)
    time.sleep(0.05)
    clock._stop.set()  # each of them takes one look
    clock._measure()
    assert kept(deltas) == 5
    clock._measure()
    assert kept(deltas) == 5


def test_who_is_told_to_leave_does_not_go_through_all_of_the_past(
    tmp_path: Path, clock: AnswerClock
) -> None:
    now = time.time()
    waits(tmp_path / "state.db", 1000, now - 30 * HOUR, now - 29 * HOUR)
    clock._stop.set()
    with pytest.raises(answer_clock._LeavingError):
        clock._measure()
    assert clock._answers.knowledge.cells == {}


@pytest.mark.parametrize("fault", ["replaced", "clock"])
def test_another_database_or_another_time_is_begun_anew(
    tmp_path: Path, clock: AnswerClock, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    state = tmp_path / "state.db"
    waits(state, 1, time.time() - 60)
    monkeypatch.setattr(answer_clock, "EVERY", 0.01)
    looks = []
    look = clock._look

    def looking(*args: object, replay: bool) -> None:
        look(*args, replay=replay)  # type: ignore[arg-type] # its own
        looks.append(replay)
        assert len(looks) < 100
        if len(looks) == 3 and fault == "replaced":
            waits(tmp_path / "other.db", 2, time.time() - 60)
            (tmp_path / "other.db").rename(state)
        elif len(looks) == 3:
            later = time.time() + 366 * 24 * HOUR
            monkeypatch.setattr(clock, "_clock", lambda: later)

    monkeypatch.setattr(clock, "_look", looking)
    clock._measure()
    assert looks == [True, False, False]


def test_each_calendar_has_its_own_name(clock: AnswerClock) -> None:
    """Two of them, and a mailbox that names neither: it has the default one."""
    first, second = (clock._calendar_of(f"{one}@desk.example") for one in ("first", "second"))
    assert first[1] != second[1]
    assert first[0] != second[0]


def test_a_mailbox_that_is_gone_still_has_a_calendar(clock: AnswerClock) -> None:
    assert clock._calendar_of("gone@desk.example") == clock._calendar_of("first@desk.example")
