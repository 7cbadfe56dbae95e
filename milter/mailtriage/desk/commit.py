"""Group commit: deliveries that wait at the same time share one transaction, and one fsync.

One thread owns the connection and takes whatever waits, without ever waiting for more to come: a
lone mail is committed at once, and under load the batch grows by itself while the disk syncs. Each
piece of work has a savepoint of its own, so that a fault of ours in one mail undoes that mail only.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar, cast

from mailtriage.acks.tokens import Tokens
from mailtriage.state.sqlite import StateError, open_database
from mailtriage.state.store import Store

T = TypeVar("T")

MOST_AT_ONCE: Final = 256
"""Pieces of work in one transaction; the ack worker writes to the same file and waits meanwhile."""

FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 60.0
"""Seconds before a database that failed is tried again."""

# Primary result codes that say that the database, and not what was asked of it, is at fault.
_DATABASE_AT_FAULT: Final = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


class DatabaseUnusableError(Exception):
    """Nothing was written: the disk is full, or the file locked, damaged or gone."""


@dataclass(slots=True)
class _Job:
    work: Callable[[Store], object]
    done: asyncio.Future[object]
    alone: bool
    """Whether it begins and ends its own transactions."""
    result: object = None
    fault: Exception | None = None


@dataclass(slots=True)
class _Trial:
    """When a database that failed is tried without a mail that asks for it.

    Each failure that follows soon doubles the pause: on a full disk an empty transaction succeeds,
    and Postfix should not be sent for its mails every other second.
    """

    failed: bool = False
    pause: float = FIRST_PAUSE
    _since: float = 0.0

    def note(self, *, failed: bool) -> None:
        """What came of a transaction."""
        if failed != self.failed:
            now = time.monotonic()
            if failed:
                soon = now - self._since < LONGEST_PAUSE
                self.pause = min(2 * self.pause, LONGEST_PAUSE) if soon else FIRST_PAUSE
            self._since = now
        self.failed = failed


class GroupCommit:
    """The only writer of the desk. Belongs to the event loop that calls `start`."""

    def __init__(self, file: Path, tokens: Tokens, report: Callable[[str], None]) -> None:
        """`report` is called in the event loop: with what is wrong when the database becomes
        unusable, with "" when it can be written again."""
        self._file: Final = file
        self._tokens: Final = tokens
        self._report: Final = report
        self._jobs: Final[queue.SimpleQueue[_Job | None]] = queue.SimpleQueue()
        self._trial: Final = _Trial()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: sqlite3.Connection | None = None
        self._store: Store | None = None
        self._unusable = ""

    def start(self) -> None:
        """Begin; the file is opened with the first work, and again after a failure."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, name="commit", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Store], T]) -> T:
        """Do the work inside a transaction, and return what it returns once that is durable.

        Raises what the work raises (nothing of it is then written), or DatabaseUnusableError.
        """
        return await self._run(work, alone=False)

    async def run_alone(self, work: Callable[[Store], T]) -> T:
        """Do work that has transactions of its own, between two groups; raises as `run`."""
        return await self._run(work, alone=True)

    async def _run(self, work: Callable[[Store], T], *, alone: bool) -> T:
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(work, done, alone))
        return cast("T", await done)

    async def stop(self) -> None:
        """Finish what waits, and close the file."""
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)

    # In the thread.

    def _serve(self) -> None:
        while (batch := self._gather()) is not None:
            together = [job for job in batch if not job.alone]
            if together or not batch:
                self._tell(together, self._attempt(together, self._commit))
            for job in batch:
                if job.alone:
                    self._tell([job], self._attempt([job], self._do_alone))
        self._close()

    def _gather(self) -> list[_Job] | None:
        """What waits, or else the next to come; nothing when it is time to see whether a database
        that failed works again; None when it is time to stop."""
        batch: list[_Job] = []
        try:
            job = self._jobs.get(timeout=self._trial.pause if self._trial.failed else None)
            while job is not None:
                batch.append(job)
                if len(batch) == MOST_AT_ONCE:
                    return batch
                job = self._jobs.get_nowait()
        except queue.Empty:
            return batch
        if batch:
            self._jobs.put(None)
        return batch or None

    def _attempt(self, batch: list[_Job], do: Callable[[Store, list[_Job]], None]) -> str:
        """Do it; return what is wrong with the database, or ""."""
        try:
            do(self._opened(), batch)
        except Exception as fault:  # noqa: BLE001  whatever it was, nothing of this is committed
            self._close()
            for job in batch:
                job.fault = DatabaseUnusableError(str(fault))
            self._trial.note(failed=True)
            return _described(fault)
        self._trial.note(failed=False)
        return ""

    def _commit(self, store: Store, batch: list[_Job]) -> None:
        with store.transaction():
            for job in batch:
                self._do(job, store)

    def _do_alone(self, store: Store, batch: list[_Job]) -> None:
        for job in batch:
            job.result = job.work(store)

    def _opened(self) -> Store:
        if self._store is None:
            self._connection = open_database(self._file)
            self._store = Store(self._connection, self._tokens)
        return self._store

    def _do(self, job: _Job, store: Store) -> None:
        try:
            with store.savepoint():
                job.result = job.work(store)
        except Exception as fault:
            # SQLite rolls back the whole transaction by itself after some errors: then there is
            # nothing left that the others could go on with (sqlite.org/lang_transaction.html).
            if is_database_at_fault(fault) or not self._in_transaction():
                raise
            job.fault = fault

    def _in_transaction(self) -> bool:
        return self._connection is not None and self._connection.in_transaction

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None
        self._store = None

    def _tell(self, batch: list[_Job], unusable: str) -> None:
        if self._loop is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, batch, unusable)

    # In the event loop again.

    def _settle(self, batch: list[_Job], unusable: str) -> None:
        """One wake-up for all of a batch."""
        if bool(unusable) != bool(self._unusable):
            self._report(unusable)
        self._unusable = unusable
        for job in batch:
            if job.done.done():
                continue  # whoever waited has gone; what was committed stays
            if job.fault is not None:
                job.done.set_exception(job.fault)
            else:
                job.done.set_result(job.result)


def is_database_at_fault(fault: BaseException) -> bool:
    """Whether the file or the disk is to blame, rather than what we wanted to write."""
    if isinstance(fault, StateError):
        # It stands for whatever SQLite said, and alone for a transaction that is lost.
        return fault.__cause__ is None or is_database_at_fault(fault.__cause__)
    if isinstance(fault, sqlite3.Error):
        # The module's own complaints, about what it is to bind for one, have no code.
        code = getattr(fault, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in _DATABASE_AT_FAULT
    return isinstance(fault, OSError | MemoryError)


def _described(fault: Exception) -> str:
    # The text of sqlite3's errors and of StateError names no mail; that of others might.
    known = isinstance(fault, sqlite3.Error | StateError)
    return f"{type(fault).__name__}: {fault}" if known else type(fault).__name__
