"""Answers in the history: kept as long as decisions are, and in files of earlier versions too."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest

from mailtriage.state.history import HistoryError, open_history
from mailtriage.state.history_schema import APPLICATION_ID, MIGRATIONS, VERSION, Answered
from mailtriage.state.history_writer import STEP, HistoryWriter
from tests.state.test_history import DAY, NOW, ROOM, newest, row

SEEN = Answered(
    key=b"k" * 16,
    at=NOW,
    language="de",
    greeting=True,
    closing=False,
    links=3,
    kb_links=2,
    unknown=2,
    unknown_links=("https://help.desk.example/a", "https://help.desk.example/b"),
    words=120,
    template="refund",
    version=2,
    current=3,
    kept=0.875,
    added=0.25,
)


def answer_row(**facts: Any) -> list[Any]:
    """An answer as the writer takes it."""
    values = list(astuple(replace(SEEN, **facts)))
    return [" ".join(value) if isinstance(value, tuple) else value for value in values]


def key(number: int) -> bytes:
    return number.to_bytes(16)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def writer(file: Path) -> Iterator[HistoryWriter]:
    with closing(HistoryWriter(file)) as opened:
        yield opened


def kept(file: Path, *numbers: int) -> list[int]:
    """Which of the answers with these keys are there."""
    with open_history(file) as history:
        return [int.from_bytes(one) for one in history.answered(map(key, numbers))]


def test_what_is_written_is_read(writer: HistoryWriter, file: Path) -> None:
    writer.add([row()], [answer_row()])
    with open_history(file) as history:
        assert history.answered([SEEN.key, bytes(16)]) == {SEEN.key: SEEN}
        assert history.count() == 1


def test_of_an_answer_that_is_told_twice_the_later_counts(
    writer: HistoryWriter, file: Path
) -> None:
    writer.add([], [answer_row(words=1), answer_row(words=2)])
    writer.add([], [answer_row(words=3)])
    with open_history(file) as history:
        assert history.answered([SEEN.key])[SEEN.key].words == 3


def test_answers_go_when_decisions_of_their_time_do(writer: HistoryWriter, file: Path) -> None:
    writer.add(
        [row(at=NOW - 9 * DAY), row()],
        [answer_row(key=key(1), at=NOW - 9 * DAY), answer_row(key=key(2), at=NOW)],
    )
    assert writer.forget(NOW - DAY, ROOM) == 2
    assert kept(file, 1, 2) == [2]
    assert writer.forget(NOW - DAY, ROOM) == 0


def test_without_room_they_go_with_the_oldest_decisions(writer: HistoryWriter, file: Path) -> None:
    number = 3 * STEP
    writer.add(
        [row(at=NOW + at) for at in range(number)],
        [answer_row(key=key(at), at=NOW + at) for at in range(number)],
    )
    assert writer.forget(0, 0) == 2 * STEP
    assert kept(file, STEP - 1, STEP, number - 1) == [STEP, number - 1]
    while writer.forget(0, 0):
        pass
    assert kept(file, *range(number)) == []
    assert newest(file) == []


def test_all_of_them_or_none(writer: HistoryWriter, file: Path) -> None:
    with pytest.raises(HistoryError):
        writer.add([row()], [answer_row(), answer_row(key=key(5), language=None)])
    with open_history(file) as history:
        assert history.answered([SEEN.key]) == {}
        assert history.count() == 0


def test_nothing_in_a_row_tells_who_wrote_the_answer(writer: HistoryWriter, file: Path) -> None:
    writer.add([], [answer_row()])
    with closing(sqlite3.connect(file)) as connection:
        columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(answer)")}
    assert columns == {
        "key", "at", "language", "greeting", "closing", "links", "kb_links", "unknown",
        "unknown_links", "words", "template", "version", "current", "kept", "added",
    }  # fmt: skip


class TestAnEarlierFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """As the first version left it, with a decision in it."""
        made = tmp_path / "history.db"
        with closing(HistoryWriter(made)) as writer:
            writer.add([row(queue_id="old")])
        with closing(sqlite3.connect(made, isolation_level=None)) as connection:
            connection.execute("DROP TABLE answer")
            connection.execute("PRAGMA user_version = 1")
            names = "SELECT name FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
            there = connection.execute(names).fetchall()
            with closing(sqlite3.connect(":memory:")) as first:
                first.executescript(MIGRATIONS[0])
                assert first.execute(names).fetchall() == there
        return made

    def test_its_decisions_can_be_read_before_the_service_was_started_again(
        self, file: Path
    ) -> None:
        assert newest(file) == ["old"]
        assert kept(file, 1) == []

    def test_the_writer_keeps_them_and_adds_answers(self, file: Path) -> None:
        with closing(HistoryWriter(file)) as writer:
            writer.add([row(queue_id="new")], [answer_row(key=key(1))])
        assert newest(file) == ["new", "old"]
        assert kept(file, 1) == [1]
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
            assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)

    def test_a_writer_of_before_may_still_be_at_it(self, file: Path) -> None:
        """Between two processes of a restart."""
        with closing(sqlite3.connect(file, isolation_level=None)) as before:
            before.execute("BEGIN IMMEDIATE")
            with pytest.raises(HistoryError, match="locked"):
                HistoryWriter(file)
            before.execute("UPDATE decision SET queue_id = 'older'")
            before.execute("COMMIT")
            with closing(HistoryWriter(file)):
                before.execute("INSERT INTO policy_set VALUES ('p', 1, x'')")
        assert newest(file) == ["older"]

    def test_another_reader_is_not_disturbed(self, file: Path) -> None:
        with open_history(file) as history:
            assert history.count() == 1
            with closing(HistoryWriter(file)) as writer:
                writer.add([], [answer_row(key=key(1))])
            assert len(history.answered([key(1)])) == 1
            assert history.count() == 1
