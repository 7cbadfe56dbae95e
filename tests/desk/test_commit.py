"""Group commit: who shares a transaction, and whose fault is whose."""

import asyncio
import secrets
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.desk.commit import (
    MOST_AT_ONCE,
    DatabaseUnusableError,
    GroupCommit,
    is_database_at_fault,
)
from mailtriage.state.sqlite import StateError, open_database
from mailtriage.state.store import Store

Scene = Callable[[GroupCommit], Awaitable[None]]


class Stage:
    """A group commit on a file, and what it reported."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.reports: list[str] = []

    def play(self, scene: Scene) -> None:
        async def run() -> None:
            tokens = Tokens(secrets.token_bytes(32))
            commit = GroupCommit(self.file, tokens, self.reports.append)
            commit.start()
            try:
                await scene(commit)
            finally:
                await commit.stop()

        asyncio.run(run())

    def complaints(self) -> int:
        with closing(open_database(self.file)) as connection:
            return int(connection.execute("SELECT count(*) FROM mark").fetchone()[0])


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "state.db")


def write(number: int) -> Callable[[Store], int]:
    """Work that leaves one row."""

    def work(store: Store) -> int:
        store.record_complaint(f"{number}@example.org", 1.0)
        return number

    return work


class Gate:
    """Work that holds up the thread until it is opened; counts the transactions after it."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()
        self.statements: list[str] = []

    def work(self, store: Store) -> None:
        store._connection.set_trace_callback(self.statements.append)
        self.entered.set()
        assert self.opened.wait(60)

    @property
    def commits(self) -> int:
        """Transactions committed, that of the gate itself included."""
        return self.statements.count("COMMIT")


async def behind(gate: Gate, commit: GroupCommit, works: list[Callable[[Store], object]]) -> list:
    """Queue all of the work while the thread is busy, then let it go on; what became of each."""
    first = asyncio.create_task(commit.run(gate.work))
    await asyncio.to_thread(gate.entered.wait, 60)
    tasks = [asyncio.create_task(commit.run(work)) for work in works]
    await asyncio.sleep(0)
    gate.opened.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_what_waits_shares_one_transaction(stage: Stage) -> None:
    gate = Gate()

    async def scene(commit: GroupCommit) -> None:
        results = await behind(gate, commit, [write(number) for number in range(100)])
        assert results == list(range(100))

    stage.play(scene)
    assert gate.commits == 2
    assert stage.complaints() == 100


def test_a_transaction_has_its_limit(stage: Stage) -> None:
    gate = Gate()

    async def scene(commit: GroupCommit) -> None:
        await behind(gate, commit, [write(number) for number in range(MOST_AT_ONCE + 1)])

    stage.play(scene)
    assert gate.commits == 3


def test_a_fault_undoes_the_work_that_has_it_and_no_other(stage: Stage) -> None:
    def bug(store: Store) -> None:
        store.record_complaint("bug@example.org", 1.0)
        raise KeyError("bug")

    def constraint(store: Store) -> None:
        store.record_complaint("constraint@example.org", 1.0)
        store._connection.execute("INSERT INTO outbox (key) VALUES (NULL)")

    def not_sql(store: Store) -> None:
        store._connection.execute("SELECT * FROM nowhere")

    def not_text(store: Store) -> None:
        store.record_complaint("lone \udce4@example.org", 1.0)
        store._connection.execute("SELECT ?", ("\udce4",))

    works = [write(1), bug, write(2), constraint, write(3), not_sql, not_text, write(4)]
    found: list[object] = []

    async def scene(commit: GroupCommit) -> None:
        found.extend(await behind(Gate(), commit, works))

    stage.play(scene)
    assert [one for one in found if isinstance(one, int)] == [1, 2, 3, 4]
    assert isinstance(found[1], KeyError)
    assert not any(isinstance(one, DatabaseUnusableError) for one in found)
    assert stage.complaints() == 4
    assert stage.reports == []


def test_when_the_disk_fails_everybody_hears_it_and_then_it_goes_on(stage: Stage) -> None:
    def full(store: Store) -> None:
        raise_like(store, "disk")

    def raise_like(store: Store, _: str) -> None:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        store.record_complaint("x", 1.0)
        store._connection.execute("CREATE TABLE big AS SELECT randomblob(100000)")

    found: list[object] = []

    async def scene(commit: GroupCommit) -> None:
        found.extend(await behind(Gate(), commit, [write(1), full, write(2)]))
        assert await commit.run(write(3)) == 3

    stage.play(scene)
    assert all(isinstance(one, DatabaseUnusableError) for one in found)
    assert len(found) == 3
    assert stage.complaints() == 1
    assert len(stage.reports) == 2
    assert "full" in stage.reports[0]
    assert stage.reports[1] == ""


def test_work_that_has_its_own_transactions(stage: Stage) -> None:
    async def scene(commit: GroupCommit) -> None:
        await commit.run(write(1))
        assert await commit.run_alone(lambda store: store.purge(1e10, 1.0)) == 1
        with pytest.raises(DatabaseUnusableError):
            await commit.run_alone(lambda store: store._connection.execute("SELECT * FROM no"))
        assert await commit.run(write(2)) == 2

    stage.play(scene)


def test_who_gives_up_waiting_disturbs_nobody(stage: Stage) -> None:
    async def scene(commit: GroupCommit) -> None:
        gate = Gate()
        first = asyncio.create_task(commit.run(gate.work))
        await asyncio.to_thread(gate.entered.wait, 60)
        gone, stays = (asyncio.create_task(commit.run(write(n))) for n in (1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        gate.opened.set()
        assert await stays == 2
        await first

    stage.play(scene)


def test_stopping_finishes_what_waits(stage: Stage) -> None:
    tasks: list[asyncio.Task[int]] = []

    async def scene(commit: GroupCommit) -> None:
        tasks.extend(asyncio.create_task(commit.run(write(number))) for number in range(20))
        await asyncio.sleep(0)

    stage.play(scene)
    assert stage.complaints() == 20


def _error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


def _state_error(cause: Exception | None) -> StateError:
    error = StateError("as we say it")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("fault", "at_fault"),
    [
        (_error(sqlite3.SQLITE_FULL), True),
        (_error(sqlite3.SQLITE_BUSY_SNAPSHOT), True),
        (_error(sqlite3.SQLITE_IOERR_FSYNC), True),
        (_error(sqlite3.SQLITE_CORRUPT_INDEX), True),
        (_error(sqlite3.SQLITE_READONLY), True),
        (_error(sqlite3.SQLITE_ERROR), False),
        (_error(sqlite3.SQLITE_CONSTRAINT_NOTNULL), False),
        (_error(sqlite3.SQLITE_TOOBIG), False),
        (sqlite3.ProgrammingError("cannot bind"), False),
        (_state_error(_error(sqlite3.SQLITE_FULL)), True),
        (_state_error(_error(sqlite3.SQLITE_CONSTRAINT)), False),
        (_state_error(None), True),
        (OSError("no such directory"), True),
        (KeyError("bug"), False),
        (UnicodeEncodeError("utf-8", "\udce4", 0, 1, "surrogates"), False),
    ],
)
def test_whose_fault_it_is(fault: Exception, at_fault: bool) -> None:
    assert is_database_at_fault(fault) is at_fault
