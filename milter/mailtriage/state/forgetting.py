"""What is too old to be kept: forgotten, oldest first, a few rows at a time."""

import sqlite3
from typing import Final

from mailtriage.state.lookup import DAY

OUTBOX_KEPT: Final = 7 * DAY
"""What is finished, or could not be delivered, stays in the outbox for so long."""
UPDATES_KEPT: Final = 15 * DAY
"""Updates that were sent stay for so long, without address and text: for the page of last week."""
PURGED_AT_ONCE: Final = 500
"""Rows of each kind that one purge takes, so that it holds up no mail."""

_PURGE_OUTBOX: Final = """
    DELETE FROM outbox WHERE key IN
    (SELECT key FROM outbox WHERE finished < ? AND NOT (kind = 'update' AND state = 'SENT')
     ORDER BY finished LIMIT ?)"""
_PURGE_UPDATES: Final = """
    DELETE FROM outbox WHERE key IN
    (SELECT key FROM outbox WHERE finished < ? ORDER BY finished LIMIT ?)"""
_PURGE_CONVERSATIONS: Final = """
    DELETE FROM conversation WHERE id IN
    (SELECT id FROM conversation WHERE last_activity < ? ORDER BY last_activity LIMIT ?)"""
_PURGE_LEDGER: Final = """
    DELETE FROM ack WHERE key IN (SELECT key FROM ack WHERE at < ? ORDER BY at LIMIT ?)"""
_PURGE_MARKS: Final = """
    DELETE FROM mark WHERE address IN
    (SELECT address FROM mark WHERE latest < ? ORDER BY latest LIMIT ?)"""
_PURGE_SURVEYS: Final = """
    DELETE FROM survey WHERE key IN
    (SELECT key FROM survey WHERE asked < ? ORDER BY asked LIMIT ?)"""


def forget(connection: sqlite3.Connection, now: float, retention: float) -> int:
    """Delete what is older than `retention` seconds; of the outbox what was finished a week ago.

    Inside of a transaction. Returns how many rows it took. Raises sqlite3.Error.
    """
    return sum(
        connection.execute(query, (before, PURGED_AT_ONCE)).rowcount
        for query, before in (
            (_PURGE_OUTBOX, now - OUTBOX_KEPT),
            (_PURGE_UPDATES, now - UPDATES_KEPT),
            (_PURGE_CONVERSATIONS, now - retention),
            (_PURGE_LEDGER, now - retention),
            (_PURGE_MARKS, now - retention),
            (_PURGE_SURVEYS, now - retention),
        )
    )
