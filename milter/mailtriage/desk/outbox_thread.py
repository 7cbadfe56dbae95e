"""The outbox, worked at from an event loop: one thread owns the connection."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal, TypeVar

from mailtriage.state.outbox import Outbox
from mailtriage.state.sqlite import StateError, immediate, open_database

T = TypeVar("T")


class OutboxUnusableError(Exception):
    """The database cannot be used now; the message says why."""


class OutboxThread:
    """Opens the file when it is first needed, and anew after each failure."""

    def __init__(self, file: Path, prefer: Literal["no_loss", "no_duplicate"]) -> None:
        self._file: Final = file
        self._prefer: Final = prefer
        self._thread: Final = ThreadPoolExecutor(1, "outbox")
        self._connection: sqlite3.Connection | None = None
        self._outbox: Outbox | None = None
        self._version = 0

    async def call(self, work: Callable[[Outbox], T]) -> T:
        """What `work` returns. Raises OutboxUnusableError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)

    async def write(self, work: Callable[[Outbox], object]) -> None:
        """Do `work` in one transaction: it waits once for the disk. Raises OutboxUnusableError."""
        await self.call(lambda outbox: self._together(outbox, work))

    async def has_news(self) -> bool:
        """Whether another process has committed anything since this was last asked.

        Cheap enough to be asked twenty times a second: SQLite compares a counter in memory that it
        shares with the others (sqlite.org/pragma.html#pragma_data_version).
        """
        return await self.call(lambda _: self._look())

    async def close(self) -> None:
        """Close the file when what was begun is through."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    # In the thread.

    def _do(self, work: Callable[[Outbox], T]) -> T:
        try:
            return work(self._opened())
        except (sqlite3.Error, StateError, OSError) as fault:
            self._close()
            raise OutboxUnusableError(f"{type(fault).__name__}: {fault}") from fault

    def _together(self, outbox: Outbox, work: Callable[[Outbox], object]) -> None:
        if self._connection is not None:
            with immediate(self._connection):
                work(outbox)

    def _opened(self) -> Outbox:
        if self._outbox is None:
            self._connection = open_database(self._file)
            self._outbox = Outbox(self._connection, prefer=self._prefer)
        return self._outbox

    def _look(self) -> bool:
        if self._connection is None:
            return False
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        known, self._version = self._version, version
        return bool(known != version)

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None
        self._outbox = None
