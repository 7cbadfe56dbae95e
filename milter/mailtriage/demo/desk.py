"""The desk of the demonstration: the real one's judgement, database and sending, in one process."""

import asyncio
import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from mailtriage.acks.templates import Texts
from mailtriage.config.endpoints import NextHop
from mailtriage.desk.copy import Copy
from mailtriage.desk.handle import Handler
from mailtriage.desk.submit import Result, Submission
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.mail.model import Mail
from mailtriage.state.outbox import Outbox, OutboxRow
from mailtriage.state.sqlite import open_database
from mailtriage.state.sqlite_ledger import SqliteLedger
from mailtriage.state.store import Store

_LEASE: Final = 60.0
_PATIENCE: Final = 10.0


class DemoDesk:
    """Takes copies and sends acknowledgements. The database goes when it is closed."""

    def __init__(self, analyst: Analyst, texts: Texts) -> None:
        """`analyst` has the configuration of the demonstration."""
        self._folder: Final = tempfile.TemporaryDirectory(prefix="mailtriage-demo-")
        self._file: Final = Path(self._folder.name) / "state.db"
        self._handler: Final = Handler(analyst, analyst.config, analyst.tokens, texts)
        self._tokens: Final = analyst.tokens
        # SQLite's connections belong to the thread that made them.
        self._thread: Final = ThreadPoolExecutor(1, "demo-desk")
        self._connection: Final = self._thread.submit(open_database, self._file).result()
        self._ledger: Final = SqliteLedger(self._file, analyst.tokens)
        self._analyst: Final = dataclasses.replace(analyst, ledger=self._ledger)

    async def analyse(
        self, read: Callable[[], Mail], names: Sequence[str], body: bytes
    ) -> Analysis:
        """See `Analyst.analyse`: with what the desk remembers, and one mail after the other."""
        analyse = partial(self._analyst.analyse, read, names, body=body)
        return await asyncio.get_running_loop().run_in_executor(self._thread, analyse)

    async def acknowledge(self, copy: Copy, server: NextHop) -> bytes:
        """Do what follows from a mail; returns the acknowledgement, which has been handed to
        `server` then, and nothing when there is none."""
        loop = asyncio.get_running_loop()
        row = await loop.run_in_executor(self._thread, self._write, copy)
        if row is None:
            return b""
        submission = Submission(server)
        try:
            answer = await submission.send(row.address, row.message, _PATIENCE)
            await loop.run_in_executor(self._thread, self._sent, row)
        finally:
            await submission.quit()
        return row.message if answer.result is Result.SENT else b""

    def close(self) -> None:
        """Forget everything."""
        self._thread.submit(self._ledger.close).result()
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()
        self._folder.cleanup()

    def _write(self, copy: Copy) -> OutboxRow | None:
        now = time.time()
        prepared = self._handler.prepare(copy, now)
        if prepared is None:
            return None
        store = Store(self._connection, self._tokens)
        with store.transaction(), store.savepoint():
            self._handler.apply(prepared, store, now)
        # What this mail led to is all that is ever due: whatever is written here is claimed here.
        return next(iter(Outbox(self._connection).claim(now, _LEASE, 1).rows), None)

    def _sent(self, row: OutboxRow) -> None:
        Outbox(self._connection).sent([row.key], time.time())
