"""How much the outbox holds, and since when: looked at from beside, in the ack worker."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Final

from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_names import OUTBOX, OUTBOX_OLDEST
from mailtriage.state.outbox import OWED
from mailtriage.state.sqlite import StateError, open_database, state_errors

EVERY: Final = 15.0
"""Seconds between two looks."""
TIMEOUT: Final = 1.0
"""Seconds that a look waits for other processes."""

# Two queries, as each has an index: what has finished long ago is the most of the table.
_HELD: Final = (
    "SELECT state, count(*), min(created) FROM outbox WHERE due IS NOT NULL GROUP BY state"
    " UNION ALL SELECT state, count(*), min(created) FROM outbox"
    " WHERE finished IS NOT NULL AND state = 'DEAD' GROUP BY state"
)


async def watch_outbox(file: Path, deltas: Deltas) -> None:
    """Look again and again, until cancelled. What cannot be read is told by those who need it."""
    while True:
        with contextlib.suppress(StateError, sqlite3.Error, OSError):
            held = await asyncio.to_thread(look, file)
            now = time.time()
            for state in (*OWED, "DEAD"):
                count, oldest = held.get(state, (0, now))
                deltas.set(OUTBOX, state, value=count)
                deltas.set(OUTBOX_OLDEST, state, value=max(0.0, now - oldest))
        await asyncio.sleep(EVERY)


def look(file: Path) -> dict[str, tuple[int, float]]:
    """State to how many rows are in it, and when the oldest was made. Raises StateError, OSError,
    sqlite3.Error."""
    connection = open_database(file, read_only=True, timeout=TIMEOUT)
    with contextlib.closing(connection), state_errors(connection):
        rows = connection.execute(_HELD).fetchall()
    return {state: (count, oldest) for state, count, oldest in rows}
