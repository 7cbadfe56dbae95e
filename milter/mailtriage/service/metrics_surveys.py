"""How satisfied customers are, as a gauge: looked at from beside, in the ack worker."""

import asyncio
import contextlib
import math
import sqlite3
import time
from pathlib import Path
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.insight.csat import PERIOD, satisfaction
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_names import CSAT
from mailtriage.state.sqlite import StateError, open_database
from mailtriage.state.votes import SurveyTables

EVERY: Final = 300.0
"""Seconds between two looks."""
TIMEOUT: Final = 1.0
"""Seconds that a look waits for other processes."""


async def watch_surveys(file: Path, deltas: Deltas) -> None:
    """Look again and again, until cancelled. What cannot be read is told by those who need it."""
    told: set[str] = set()
    while True:
        with contextlib.suppress(StateError, sqlite3.Error, OSError):
            shares = await asyncio.to_thread(look, file, time.time())
            # A skill whose votes have all grown old says nothing any more; one that never had any
            # has no series.
            for skill in told - shares.keys():
                deltas.set(CSAT, skill, value=math.nan)
            for skill, share in shares.items():
                deltas.set(CSAT, skill, value=share)
            told |= shares.keys()
        await asyncio.sleep(EVERY)


def look(file: Path, now: float) -> dict[str, float]:
    """Skill to its share, NaN where too few have voted; skills without any vote are left out.

    Raises StateError, OSError, sqlite3.Error.
    """
    connection = open_database(file, read_only=True, timeout=TIMEOUT)
    with contextlib.closing(connection):
        tally = SurveyTables(connection, Tokens(b"")).tally(now - PERIOD)
    return {skill: one.share for skill, one in satisfaction(tally).items() if one.answered}
