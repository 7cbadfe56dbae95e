"""Opens the SQLite file in which everything is remembered, and gives names to what goes wrong.

Write-ahead logging, so that readers and the writer never wait for each other, and
synchronous=FULL: what was committed outlives a power failure (with NORMAL the last commits may not;
https://www.sqlite.org/pragma.html#pragma_synchronous). The desk answers "250" on that promise.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from mailtriage.state.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION
from mailtriage.state.secret import sync_directory

__all__ = ["SCHEMA_VERSION", "StateError", "immediate", "open_database", "state_errors"]

_OLDEST: Final = (3, 37, 0)
"""The first SQLite that keeps to the types of columns (STRICT)."""
_PAUSE: Final = 0.001
"""Seconds between two attempts to become the writer."""
_SQLITE_WAITS: Final = 0.01
"""Seconds that SQLite waits by itself on a connection that writes."""

_Made = TypeVar("_Made")


class StateError(Exception):
    """The database cannot be used, or not now; the message says why, and what to do."""


class _Database(sqlite3.Connection):
    """Knows where it is, and how long it may wait to become the writer."""

    file: Path
    timeout: float


def open_database(
    file: Path, *, read_only: bool = False, timeout: float = 5.0
) -> sqlite3.Connection:
    """A connection to the database, for one thread; it is made, mode 0600, unless it is there.

    `timeout`: seconds that an operation may wait for other processes. `read_only` neither makes nor
    changes anything. Raises StateError, also when the file was made by a newer version of
    mailtriage or by something else.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        needed = ".".join(map(str, _OLDEST))
        raise StateError(f"SQLite {needed} is needed; this Python has {sqlite3.sqlite_version}")
    connection: _Database | None = None
    try:
        if not read_only:
            _make_file(file)
        mode = "ro" if read_only else "rw"
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=timeout if read_only else min(timeout, _SQLITE_WAITS),
            isolation_level=None,
            factory=_Database,
        )
        connection.file, connection.timeout = file, timeout
        # After a crash the first to read the file repairs it while others have to wait.
        check = partial(_check, connection, read_only=read_only)
        check() if read_only else _waiting(connection, check)
        if not read_only:
            _prepare(connection)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error | OSError):
            raise _state_error(error, file) from error
        raise
    return connection


@contextmanager
def immediate(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction that writes: committed at the end, undone by any exception.

    Inside of another it becomes part of that one. Raises StateError when nothing was kept.
    """
    with state_errors(connection):
        if connection.in_transaction:
            yield
            return
        _waiting(connection, lambda: connection.execute("BEGIN IMMEDIATE"))
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise


@contextmanager
def state_errors(connection: sqlite3.Connection) -> Iterator[None]:
    """Turns what SQLite raises into StateError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _state_error(error, getattr(connection, "file", Path("database"))) from error


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite has done it already after some faults, such as a full disk.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _make_file(file: Path) -> None:
    """An empty file that only its owner may read; the files beside it inherit its mode."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        # It is left alone: closing any descriptor of it would drop the locks that other
        # connections of this process hold (https://www.sqlite.org/howtocorrupt.html, 2.2).
        return
    sync_directory(file.parent)


def _check(connection: sqlite3.Connection, *, read_only: bool) -> None:
    file = getattr(connection, "file", Path())
    version = _number(connection, "PRAGMA user_version")
    owner = _number(connection, "PRAGMA application_id")
    empty = version == 0 and _number(connection, "SELECT count(*) FROM sqlite_schema") == 0
    if not empty and owner != APPLICATION_ID:
        raise StateError(f"{file}: is not a database of mailtriage; name another file in state.url")
    if version > SCHEMA_VERSION:
        raise StateError(
            f"{file}: was made by a newer mailtriage (schema {version}, this one knows "
            f"{SCHEMA_VERSION}); install that version again, or restore the file from before"
        )
    if read_only and version < SCHEMA_VERSION:
        raise StateError(
            f"{file}: has schema {version} and needs {SCHEMA_VERSION}; mailtriage serve makes it"
        )


def _prepare(connection: sqlite3.Connection) -> None:
    # Becoming the first to use write-ahead logging takes the file for a moment, and SQLite does not
    # wait for it by itself.
    _waiting(connection, lambda: connection.execute("PRAGMA journal_mode = WAL"))
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    if _number(connection, "PRAGMA user_version") == SCHEMA_VERSION:
        return
    with immediate(connection):
        # Asked again: another process may have been quicker.
        for number in range(_number(connection, "PRAGMA user_version"), SCHEMA_VERSION):
            for statement in statements(MIGRATIONS[number]):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def statements(script: str) -> Iterator[str]:
    """One by one: executescript() would commit the transaction first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _number(connection: sqlite3.Connection, query: str) -> int:
    with closing(connection.execute(query)) as cursor:
        return int(cursor.fetchone()[0])


def _waiting(connection: sqlite3.Connection, attempt: Callable[[], _Made]) -> _Made:
    """Tries until it is not locked any more, or the time is up.

    SQLite's own waiting pauses up to 100 ms at a time, and nobody stands in a queue: it missed, for
    2.6 of 4 seconds, every gap that a busy writer left.
    """
    end = time.monotonic() + getattr(connection, "timeout", 0.0)
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            if time.monotonic() > end:
                raise
        time.sleep(_PAUSE)


def _code(error: sqlite3.Error) -> int:
    """The primary result code; 0 when the error is one of the sqlite3 module's own."""
    code: Any = getattr(error, "sqlite_errorcode", 0)
    return int(code or 0) & 0xFF


_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "there is no room on its disk; Postfix keeps what comes until there is",
    sqlite3.SQLITE_READONLY: "it, or its directory, is not writable; let the user that runs "
    "mailtriage own both",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; is its directory there, and does the user that "
    "runs mailtriage own both?",
    sqlite3.SQLITE_PERM: "it may not be opened; let the user that runs mailtriage own it",
    sqlite3.SQLITE_BUSY: "another process has held it for too long",
    sqlite3.SQLITE_LOCKED: "another process has held it for too long",
    sqlite3.SQLITE_IOERR: "it cannot be read or written; is it a file, and its disk in order?",
    sqlite3.SQLITE_CORRUPT: "it is damaged; stop mailtriage, and restore it, or move it away with "
    "the files beside it: the next start makes a new one",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database; name another file in state.url, or move it "
    "away: the next start makes a new one",
}


def _state_error(error: sqlite3.Error | OSError, file: Path) -> StateError:
    if isinstance(error, OSError):
        return StateError(f"{file}: cannot be made: {(error.strerror or 'unknown error').lower()}")
    advice = _ADVICE.get(_code(error))
    return StateError(f"{file}: {advice} ({error})" if advice else f"{file}: {error}")
