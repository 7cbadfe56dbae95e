"""Reading past decisions, for `mailtriage history`, `top` and `check --against-history`."""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from mailtriage.state.history_schema import (
    ANSWER_COLUMNS,
    APPLICATION_ID,
    COLUMNS,
    READABLE,
    VERSION,
    WITH_ANSWERS,
    Answered,
    Decision,
    skills_of,
)

__all__ = ["Decision", "History", "HistoryError", "open_history"]

_PATIENCE: Final = 2.0
"""Seconds that a reader waits where the file is taken for a moment."""

_EQUAL: Final = (
    "skill", "priority", "language", "queue_id", "mailbox", "sender", "direction", "status", "kind",
    "mood", "churn", "tier", "thread", "topic", "ack_rule", "policies",
)  # fmt: skip
"""Filters that ask for one value of their column."""

_OTHERS: Final = {
    "since": "at >= ?",
    "until": "at < ?",
    "after": "id > ?",
    "before": "id < ?",
    "rule": "(instr(' ' || why || ' ', ' ' || ? || ' ') OR ack_rule = upper(?))",
    "ack": "(ack = ? OR ack_rule = upper(?))",
}

MOST_UNPACKED: Final = 16 * 1024 * 1024
"""Bytes of one set of policies, unpacked."""


class HistoryError(Exception):
    """The history cannot be read; the message says why, and what to do."""


class History:
    """The past decisions, read only. For one thread; close it, or use it in a `with`."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection: Final = connection
        self._file: Final = file

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def newest(self, limit: int, **filters: Any) -> list[Decision]:
        """The newest decisions first, `limit` at most.

        `filters` ask for one value of a column: skill, priority, language, queue_id, mailbox,
        sender (a keyed hash), direction, status, kind, mood, churn, tier, thread, topic, policies;
        or for a time in seconds since the epoch: since, until (not included); after, before: ids of
        rows; rule: a signal's id in `why`, or the rule that forbade the acknowledgement; ack: what
        was announced of it, or such a rule. None and "" ask for nothing, but that outbound mail is
        left out unless `direction` is "outbound" or "any": it is not tagged. Raises HistoryError,
        and TypeError for a filter that there is not.
        """
        where, values = _conditions(filters)
        query = (
            f"SELECT {', '.join(COLUMNS)}, id FROM decision{where} "  # noqa: S608  names of ours
            "ORDER BY id DESC LIMIT ?"
        )
        with self._errors(), closing(self._connection.execute(query, (*values, limit))) as cursor:
            return [_decision(row) for row in cursor]

    def count(self, **filters: Any) -> int:
        """How many decisions there are; filters as for `newest`."""
        where, values = _conditions(filters)
        query = f"SELECT count(*) FROM decision{where}"  # noqa: S608  names of ours
        with self._errors(), closing(self._connection.execute(query, values)) as cursor:
            return int(cursor.fetchone()[0])

    def values(self, column: str) -> list[str]:
        """The values that a column of `_EQUAL` has, the most frequent first."""
        if column not in _EQUAL:
            raise TypeError(f"there is no filter '{column}'")
        query = (
            f"SELECT {column} FROM decision "  # noqa: S608  one of ours
            "GROUP BY 1 ORDER BY count(*) DESC LIMIT 200"
        )
        with self._errors(), closing(self._connection.execute(query)) as cursor:
            return [str(row[0]) for row in cursor]

    def span(self) -> tuple[float, float]:
        """The times of the oldest and of the newest decision; (0, 0) when there is none."""
        query = "SELECT coalesce(min(at), 0), coalesce(max(at), 0) FROM decision"
        with self._errors(), closing(self._connection.execute(query)) as cursor:
            oldest, newest = cursor.fetchone()
            return float(oldest), float(newest)

    def policy_set(self, name: str) -> bytes:
        """What decisions with that `policies` were judged by: JSON; empty when it is not known."""
        query = "SELECT content FROM policy_set WHERE id = ?"
        with self._errors(), closing(self._connection.execute(query, (name,))) as cursor:
            row = cursor.fetchone()
        if row is None:
            return b""
        try:
            return zlib.decompressobj().decompress(row[0], MOST_UNPACKED)
        except zlib.error:
            return b""

    def answered(self, keys: Iterable[bytes]) -> dict[bytes, Answered]:
        """What was seen of the answers of those keys, as far as anything was. Raises
        HistoryError."""
        found: dict[bytes, Answered] = {}
        query = f"SELECT {', '.join(ANSWER_COLUMNS)} FROM answer WHERE key = ?"  # noqa: S608  ours
        with self._errors():
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version < WITH_ANSWERS:
                return found
            for key in keys:
                row = self._connection.execute(query, (key,)).fetchone()
                if row is not None:
                    found[key] = _answered(row)
        return found

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise HistoryError(f"{self._file}: cannot be read ({error})") from error


def open_history(file: Path) -> History:
    """The history in that file, to be read; nothing is made or changed.

    Raises HistoryError, also when there is none yet.
    """
    try:
        there = file.exists()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise HistoryError(f"{file}: {reason}; run it as the user of the service") from error
    if not there:
        raise HistoryError(f"{file}: is not there yet; mailtriage serve makes it")
    connection: sqlite3.Connection | None = None
    try:
        # Without the right to write, SQLite reads only what is in the main file: as long as the
        # service runs, its index of the log is there and can be read by whoever may read the file.
        uri = f"{file.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if not tables:
            raise HistoryError(f"{file}: is empty yet; mailtriage serve fills it")
        if owner != APPLICATION_ID:
            raise HistoryError(f"{file}: is not a history of mailtriage")
        if version not in READABLE:
            raise HistoryError(
                f"{file}: was made by another mailtriage (schema {version}, this one reads "
                f"{VERSION})"
            )
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise HistoryError(f"{file}: cannot be read ({error})") from error
        raise
    return History(connection, file)


def _conditions(filters: dict[str, Any]) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if not filters.get("direction"):
        filters = filters | {"direction": "inbound"}
    for name, value in filters.items():
        if name not in _EQUAL and name not in _OTHERS:
            raise TypeError(f"there is no filter '{name}'")
        if value is None or value in ("", b"") or (name, value) == ("direction", "any"):
            continue
        condition = _OTHERS.get(name, f"{name} = ?")
        conditions.append(condition)
        # What a shell hands over in another encoding stands in no row.
        known = value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        values += [known] * condition.count("?")
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values


def _answered(row: tuple[Any, ...]) -> Answered:
    named = dict(zip(ANSWER_COLUMNS, row, strict=True))
    named["unknown_links"] = tuple(named["unknown_links"].split())
    for name in ("greeting", "closing"):
        named[name] = bool(named[name])
    return Answered(**named)


def _decision(row: tuple[Any, ...]) -> Decision:
    named = dict(zip((*COLUMNS, "id"), row, strict=True))
    named["skills"] = skills_of(named["skills"])
    named["why"] = tuple(named["why"].split())
    named["sender"] = bytes(named["sender"])
    return Decision(**named)
