"""Corrections: what people say a mail should have been tagged. In a file of its own, feedback.db.

No address, text or name is in it: the mail is a keyed hash of its Message-ID (acks/tokens.py:
`pseudonym`). Of one mail and facet there is one row, the last that was said. The desk and
`mailtriage feedback` both write it, each with a connection for the moment.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

APPLICATION_ID: Final = 0x6D746662
"""PRAGMA application_id: "mtfb"."""
VERSION: Final = 1
NAME: Final = "feedback.db"

Facet = Literal["skill", "priority", "language", "answer"]
Source = Literal["command", "mail"]
FACETS: Final[tuple[Facet, ...]] = ("skill", "priority", "language", "answer")
SOURCES: Final[tuple[Source, ...]] = ("command", "mail")

_PATIENCE: Final = 2.0
"""Seconds for which another writer is waited for."""
_AT_ONCE: Final = 500
"""Rows in one transaction, so that nobody is waited for longer."""
_BESIDE: Final = ("-wal", "-shm")
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_SCHEMA: Final = """
CREATE TABLE correction (
    message BLOB NOT NULL,              -- keyed hash of the Message-ID
    facet   TEXT NOT NULL,
    value   TEXT NOT NULL,              -- what it should have been
    said    TEXT NOT NULL,              -- what we had said; empty: not known
    source  TEXT NOT NULL,
    at      REAL NOT NULL,              -- seconds since the epoch
    PRIMARY KEY (message, facet)
) STRICT, WITHOUT ROWID;
CREATE INDEX correction_at ON correction (at);

-- How many came that were new, for the metric: both writers count here, one process tells.
CREATE TABLE written (
    facet  TEXT NOT NULL,
    source TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (facet, source)
) STRICT, WITHOUT ROWID;
"""


class FeedbackError(Exception):
    """The corrections cannot be read or written; the message says why."""


class DamagedFeedbackError(FeedbackError):
    """The file is no database, or not any more."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What somebody said of one facet of one mail."""

    message: bytes
    """`Tokens.pseudonym` of the Message-ID with its brackets."""
    facet: Facet
    value: str
    """For the facet answer "good", "bad", or the id of the template that fits."""
    source: Source
    at: float
    """Seconds since the epoch."""
    said: str = ""
    """What we had said; empty when that is not known."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many mails were said to be one thing, and corrected to another, or confirmed."""

    facet: Facet
    said: str
    value: str
    count: int


def feedback_file(database: Path) -> Path:
    """Where the corrections lie: beside the database of what is remembered."""
    return database.with_name(NAME)


def write_corrections(file: Path, corrections: Sequence[Correction]) -> int:
    """Write them, durably; how many were news. Makes the file, mode 0600, unless it is there.

    An older correction never replaces a newer one. Raises FeedbackError: then of the last 500 none
    is written.
    """
    news = 0
    with closing(_open(file)) as connection:
        for first in range(0, len(corrections), _AT_ONCE):
            with _transaction(connection, file):
                some = corrections[first : first + _AT_ONCE]
                news += sum(_write(connection, one) for one in some)
    return news


def forget(file: Path, before: float) -> int:
    """Delete corrections from before that moment; how many. Nothing is made where there are none.

    Raises FeedbackError.
    """
    with _errors(file):
        if not file.exists():
            return 0
    with closing(_open(file)) as connection, _transaction(connection, file):
        query = "DELETE FROM correction WHERE at < ?"
        return connection.execute(query, (before,)).rowcount


def set_aside(file: Path) -> Path:
    """Rename a damaged file, in place of an earlier one; the new name. Raises FeedbackError."""
    aside = file.with_name(f"{file.name}.damaged")
    try:
        file.replace(aside)
        for end in _BESIDE:
            file.with_name(file.name + end).unlink(missing_ok=True)
    except OSError as error:
        raise FeedbackError(f"{file}: cannot be renamed: {_reason(error)}") from error
    return aside


class Feedback:
    """The corrections, read only. For one thread; close it, or use it in a `with`."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection: Final = connection
        self._file: Final = file

    def __enter__(self) -> "Feedback":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def corrections(
        self, since: float = 0.0, until: float | None = None, limit: int | None = None
    ) -> list[Correction]:
        """Those of a period, newest first. `until` is not included. Raises FeedbackError."""
        rows = self._rows(
            "SELECT message, facet, value, source, at, said FROM correction "
            "WHERE at >= ? AND at < ? ORDER BY at DESC, message, facet LIMIT ?",
            (since, _end(until), -1 if limit is None else limit),
        )
        return [Correction(*row) for row in rows]

    def count(self, since: float = 0.0, until: float | None = None) -> int:
        """How many there are in a period. Raises FeedbackError."""
        query = "SELECT count(*) FROM correction WHERE at >= ? AND at < ?"
        return int(self._rows(query, (since, _end(until)))[0][0])

    def confusions(self, since: float = 0.0, until: float | None = None) -> tuple[Confusion, ...]:
        """By facet, then what was said, the most frequent first. Where value and said are equal, a
        tag was confirmed. Raises FeedbackError."""
        rows = self._rows(
            "SELECT facet, said, value, count(*) FROM correction WHERE at >= ? AND at < ? "
            "GROUP BY facet, said, value ORDER BY facet, said, count(*) DESC, value",
            (since, _end(until)),
        )
        return tuple(Confusion(*row) for row in rows)

    def written(self) -> dict[tuple[str, str], int]:
        """How many ever came that were new, by facet and source. Raises FeedbackError."""
        rows = self._rows("SELECT facet, source, number FROM written", ())
        return {(facet, source): number for facet, source, number in rows}

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with _errors(self._file):
            return self._connection.execute(query, values).fetchall()


def open_feedback(file: Path) -> Feedback | None:
    """The corrections in that file, to be read; None when there are none yet.

    Raises FeedbackError.
    """
    with _errors(file):
        if not file.exists():
            return None
        uri = f"{file.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)
        try:
            if _is_empty(connection):
                connection.close()
                return None
            _check(connection, file)
        except BaseException:
            connection.close()
            raise
    return Feedback(connection, file)


def _write(connection: sqlite3.Connection, one: Correction) -> bool:
    """Whether it was news."""
    known = connection.execute(
        "SELECT value, said, at FROM correction WHERE message = ? AND facet = ?",
        (one.message, one.facet),
    ).fetchone()
    value, said, at = known or ("", "", 0.0)
    if at > one.at:
        return False
    connection.execute(
        "INSERT OR REPLACE INTO correction (message, facet, value, said, source, at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        # What was said first is what the mail was tagged with when it came.
        (one.message, one.facet, one.value, said or one.said, one.source, one.at),
    )
    if known is not None and value == one.value:
        return False
    connection.execute(
        "INSERT INTO written (facet, source, number) VALUES (?, ?, 1) "
        "ON CONFLICT (facet, source) DO UPDATE SET number = number + 1",
        (one.facet, one.source),
    )
    return True


def _open(file: Path) -> sqlite3.Connection:
    with _errors(file):
        _make(file)
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_PATIENCE,
            isolation_level=None,
        )
        try:
            _prepare(connection, file)
        except BaseException:
            connection.close()
            raise
    return connection


def _make(file: Path) -> None:
    """An empty file, for the user of the service alone, unless it is there."""
    with contextlib.suppress(FileExistsError):
        # The files beside it inherit its mode, and from root its owner.
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if os.geteuid() == 0:
                # Made by a command of root's, and yet the desk must write it.
                above = file.parent.stat()
                os.fchown(descriptor, above.st_uid, above.st_gid)
        finally:
            os.close(descriptor)


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    if not _is_empty(connection):
        _check(connection, file)
    connection.execute("PRAGMA journal_mode = WAL")
    # Whoever sent a correction is told that we have it: it must be on the disk.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = FAST")
    if not _is_empty(connection):
        return
    with _transaction(connection, file):
        if _is_empty(connection):  # nobody else was faster
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")


def _is_empty(connection: sqlite3.Connection) -> bool:
    return not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]


def _check(connection: sqlite3.Connection, file: Path) -> None:
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if owner != APPLICATION_ID:
        raise FeedbackError(f"{file}: holds no corrections of mailtriage; move it away")
    if version != VERSION:
        raise FeedbackError(
            f"{file}: was made by another mailtriage (schema {version}, this one has {VERSION})"
        )


@contextmanager
def _transaction(connection: sqlite3.Connection, file: Path) -> Iterator[None]:
    with _errors(file):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # SQLite has done it already after some faults, such as a full disk.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def _errors(file: Path) -> Iterator[None]:
    """Whatever goes wrong is a FeedbackError: to the desk an error of SQLite would mean that the
    database of what is owed is at fault."""
    try:
        yield
    except sqlite3.Error as error:
        code = int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
        if code in _DAMAGED:
            raise DamagedFeedbackError(f"{file}: is damaged ({error})") from error
        raise FeedbackError(f"{file}: {error}") from error
    except OSError as error:
        raise FeedbackError(f"{file}: {_reason(error)}") from error


def _end(until: float | None) -> float:
    return float("inf") if until is None else until


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()
