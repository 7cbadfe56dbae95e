"""The file of past decisions: written, asked, forgotten, damaged."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest

from mailtriage.state.history import Decision, HistoryError, open_history
from mailtriage.state.history_schema import COLUMNS, skills_of, skills_text
from mailtriage.state.history_writer import DamagedError, HistoryWriter, open_or_renew

NOW = 1_795_500_000.0
DAY = 86400.0
ROOM = 1 << 40

DECISION = Decision(
    at=NOW,
    queue_id="4Wx1",
    direction="inbound",
    status="ok",
    mailbox="help@desk.example",
    sender=b"0123456789abcdef",
    skill="billing",
    confidence=0.9,
    skills=(("billing", 0.9), ("returns", 0.2)),
    priority="high",
    score=62,
    language="de",
    tier="vip",
    churn="low",
    mood="negative",
    topic="invoice",
    kind="human",
    thread="new",
    kb="none",
    route="billing-de",
    ack="sent",
    ack_rule="",
    why=("invoice-word", "vip"),
    ms=2.5,
    policies="p1",
    seen="{}",
)


def row(**facts: Any) -> list[Any]:
    """A decision as the writer takes it."""
    one = replace(DECISION, **facts)
    named = dict(zip(COLUMNS, astuple(one), strict=False))
    return list((named | {"skills": skills_text(one.skills), "why": " ".join(one.why)}).values())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def writer(file: Path) -> Iterator[HistoryWriter]:
    with closing(HistoryWriter(file)) as opened:
        yield opened


def newest(file: Path, limit: int = 100, **filters: Any) -> list[str]:
    """Queue ids."""
    with open_history(file) as history:
        return [one.queue_id for one in history.newest(limit, **filters)]


def test_what_is_written_is_read(writer: HistoryWriter, file: Path) -> None:
    writer.add([row()])
    with open_history(file) as history:
        assert history.newest(5) == [replace(DECISION, id=1)]
        assert history.span() == (NOW, NOW)
        assert history.count() == 1


def test_the_file_is_its_owners_alone(writer: HistoryWriter, file: Path) -> None:
    writer.add([row()])
    assert {stat.S_IMODE(one.stat().st_mode) for one in file.parent.iterdir()} == {0o600}
    assert len(list(file.parent.iterdir())) == 3


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["c", "b", "a"]),
        ({"limit": 2}, ["c", "b"]),
        ({"skill": "returns"}, ["b"]),
        ({"priority": "low", "language": "sv"}, ["c"]),
        ({"priority": "low", "language": "de"}, []),
        ({"queue_id": "a"}, ["a"]),
        ({"rule": "vip"}, ["b", "a"]),
        ({"rule": "vi"}, []),
        ({"rule": "d7"}, ["c"]),
        ({"ack": "skipped"}, ["c"]),
        ({"ack": "D7"}, ["c"]),
        ({"since": NOW + 10}, ["c", "b"]),
        ({"until": NOW + 10}, ["a"]),
        ({"after": 2}, ["c"]),
        ({"before": 2}, ["a"]),
        ({"sender": b"x"}, ["c"]),
        ({"skill": "", "sender": b"", "since": None}, ["c", "b", "a"]),
        ({"direction": "outbound"}, ["out"]),
        ({"direction": "any"}, ["out", "c", "b", "a"]),
        ({"skill": "' OR 1=1 --"}, []),
    ],
)
def test_what_is_asked_for(
    writer: HistoryWriter, file: Path, filters: dict[str, Any], found: list[str]
) -> None:
    writer.add(
        [
            row(queue_id="a"),
            row(queue_id="b", skill="returns", at=NOW + 10),
            row(
                queue_id="c", priority="low", language="sv", at=NOW + 20, ack="skipped",
                ack_rule="D7", why=("thanks",), sender=b"x",
            ),
            row(queue_id="out", direction="outbound", skill="", at=NOW + 20),
        ]
    )  # fmt: skip
    assert newest(file, **filters) == found


def test_a_filter_that_is_not_there(writer: HistoryWriter, file: Path) -> None:
    with open_history(file) as history, pytest.raises(TypeError, match="no filter 'colour'"):
        history.newest(1, colour="red")


def test_skills_as_text() -> None:
    assert skills_of(skills_text((("a b", 0.5), ("c=d", 1.25)))) == (("a b", 0.5), ("c=d", 1.25))
    assert skills_of("billing=x;=;returns=1;") == (("returns", 1.0),)


class TestForgetting:
    def test_what_is_older_goes_in_steps(self, writer: HistoryWriter, file: Path) -> None:
        old = [row(queue_id=f"old{n}", at=NOW - 20 * DAY + n) for n in range(1200)]
        writer.add([*old, row(queue_id="young")])
        assert writer.forget(NOW - 14 * DAY, ROOM) == 500
        assert newest(file, 2000)[-1] == "old500"
        assert [writer.forget(NOW - 14 * DAY, ROOM) for _ in range(3)] == [500, 200, 0]
        assert newest(file) == ["young"]

    def test_the_oldest_go_where_there_is_no_room(self, writer: HistoryWriter, file: Path) -> None:
        writer.add([row(queue_id=str(n), why=("x" * 2000,)) for n in range(1100)])
        most = writer.size() // 2
        while writer.forget(0, most):
            pass
        assert writer.size() <= most
        kept = newest(file, 2000)
        assert kept[0] == "1099"
        assert len(kept) in range(100, 601)

    def test_the_file_becomes_smaller(self, writer: HistoryWriter, file: Path) -> None:
        writer.add([row(why=("x" * 2000,)) for _ in range(2000)])
        for _ in range(40):
            writer.forget(NOW + 1, ROOM)
        writer.close()
        assert file.stat().st_size < 200_000

    def test_a_set_of_policies_stays_as_long_as_its_decisions(
        self, writer: HistoryWriter, file: Path
    ) -> None:
        writer.keep_policy_set("p1", NOW - 30 * DAY, b'{"a": 1}')
        writer.keep_policy_set("p2", NOW - 30 * DAY, b"{}")
        writer.add([row(at=NOW - 2 * DAY)])
        writer.forget(NOW - 14 * DAY, ROOM)
        with open_history(file) as history:
            assert (history.policy_set("p1"), history.policy_set("p2")) == (b'{"a": 1}', b"")
        writer.forget(NOW, ROOM)
        with open_history(file) as history:
            assert history.policy_set("p1") == b""


class TestTrouble:
    def test_there_is_none_yet(self, file: Path) -> None:
        with pytest.raises(HistoryError, match="is not there yet; mailtriage serve makes it"):
            open_history(file)
        file.touch()
        with pytest.raises(HistoryError, match="is empty yet"):
            open_history(file)

    def test_no_directory(self, tmp_path: Path) -> None:
        with pytest.raises(HistoryError, match="cannot be made: no such file or directory"):
            HistoryWriter(tmp_path / "none" / "history.db")

    def test_a_database_of_somebody_else_is_left_alone(self, file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE precious (a)")
        before = file.read_bytes()
        for opening in (HistoryWriter, open_or_renew, open_history):
            with pytest.raises(HistoryError, match="is not a history of mailtriage"):
                opening(file)
        assert file.read_bytes() == before

    def test_one_of_a_newer_mailtriage_is_left_alone(
        self, writer: HistoryWriter, file: Path
    ) -> None:
        writer.close()
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA user_version = 99")
        for opening in (HistoryWriter, open_or_renew, open_history):
            with pytest.raises(HistoryError, match="made by another mailtriage"):
                opening(file)

    @pytest.mark.parametrize("damage", [b"no database at all " * 400, b"SQLite format 3\0" * 500])
    def test_a_damaged_file_is_set_aside(self, file: Path, damage: bytes) -> None:
        file.write_bytes(damage)
        with pytest.raises(DamagedError):
            HistoryWriter(file)
        writer, told = open_or_renew(file)
        with closing(writer):
            assert "a new one is made" in told
            writer.add([row()])
        assert newest(file) == ["4Wx1"]
        assert file.with_name("history.db.damaged").read_bytes() == damage

    def test_all_of_a_batch_or_nothing(self, writer: HistoryWriter, file: Path) -> None:
        with pytest.raises(HistoryError, match="NOT NULL"):
            writer.add([row(), row(skill=None)])
        assert newest(file) == []
        writer.add([row()])
        assert newest(file) == ["4Wx1"]

    def test_a_file_that_was_taken_away_is_noticed(self, writer: HistoryWriter, file: Path) -> None:
        assert writer.is_in_place()
        file.unlink()
        assert not writer.is_in_place()

    def test_a_damaged_set_of_policies_is_none(self, writer: HistoryWriter, file: Path) -> None:
        writer.keep_policy_set("p", NOW, b"{}")
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE policy_set SET content = x'00ff'")
        with open_history(file) as history:
            assert history.policy_set("p") == b""
            assert history.policy_set("unknown") == b""
