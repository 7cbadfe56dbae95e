"""Writing past decisions into their file, and forgetting them. One process, one thread.

Nobody owes anybody these rows: synchronous=NORMAL, so that a power failure may take the last of
them, and a file that is damaged makes way for a new one.
"""

import contextlib
import math
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mailtriage.state.history import HistoryError
from mailtriage.state.history_schema import (
    ANSWER_COLUMNS,
    APPLICATION_ID,
    COLUMNS,
    MIGRATIONS,
    VERSION,
)
from mailtriage.state.sqlite import statements

STEP: Final = 500
"""Rows that are forgotten at once: a few milliseconds."""

_PAGES: Final = 200
"""Pages that are given back to the file system at once."""

_PATIENCE: Final = 1.0
"""Seconds for which another writer is waited for: there is one only while a reload goes on."""

_BESIDE: Final = ("-wal", "-shm")
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_INSERT: Final = (
    f"INSERT INTO decision ({', '.join(COLUMNS)}) "  # noqa: S608  names of ours
    f"VALUES ({', '.join('?' * len(COLUMNS))})"
)
# A mail that Postfix hands to the milter a second time is the same answer.
_INSERT_ANSWER: Final = (
    f"INSERT OR REPLACE INTO answer ({', '.join(ANSWER_COLUMNS)}) "  # noqa: S608  as above
    f"VALUES ({', '.join('?' * len(ANSWER_COLUMNS))})"
)
_POLICIES: Final = COLUMNS.index("policies")
_AT: Final = COLUMNS.index("at")


class DamagedError(HistoryError):
    """The file is no database, or not any more."""


class HistoryWriter:
    """The history, open for writing. Whatever goes wrong, HistoryError is raised, and DamagedError
    where the file is not worth keeping."""

    def __init__(self, file: Path) -> None:
        """Opens the file; makes it, mode 0600, unless it is there."""
        self._file: Final = file
        self._connection: Final = _open(file)
        self._inode: Final = _inode(file)

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def is_in_place(self) -> bool:
        """Whether the file is still the one that was opened; false when somebody took it away."""
        return _inode(self._file) == self._inode

    def add(self, rows: Sequence[Sequence[Any]], answers: Sequence[Sequence[Any]] = ()) -> None:
        """Write decisions, each as the values of COLUMNS, and answers, each as those of
        ANSWER_COLUMNS: all of them or none."""
        used: dict[str, float] = {}
        for row in rows:
            used[row[_POLICIES]] = max(used.get(row[_POLICIES], 0.0), row[_AT])
        with self._transaction() as connection:
            connection.executemany(_INSERT, rows)
            connection.executemany(_INSERT_ANSWER, answers)
            connection.executemany(
                "UPDATE policy_set SET at = max(at, ?) WHERE id = ?",
                [(at, name) for name, at in used.items()],
            )

    def keep_policy_set(self, name: str, at: float, content: bytes) -> None:
        """What decisions with that `policies` are made by. Said again and again, it is kept."""
        with self._transaction() as connection:
            update = "UPDATE policy_set SET at = max(at, ?) WHERE id = ?"
            if not connection.execute(update, (at, name)).rowcount:
                row = (name, at, zlib.compress(content))
                connection.execute("INSERT INTO policy_set VALUES (?, ?, ?)", row)

    def forget(self, before: float, most_bytes: int) -> int:
        """Forget one step of what came before that time, or of the oldest while the file holds more
        than so many bytes; how many rows went."""
        with self._transaction() as connection:
            answers_before = before
            if self.size() > most_bytes:
                oldest = "SELECT id FROM decision ORDER BY id LIMIT ?"
                values: tuple[float, ...] = (STEP,)
                # Of an answer is kept what is kept of the decisions of its time.
                first = "SELECT at FROM decision ORDER BY id LIMIT 1 OFFSET ?"
                row = connection.execute(first, (STEP,)).fetchone()
                answers_before = max(before, row[0]) if row else math.inf
            else:
                oldest = "SELECT id FROM decision WHERE at < ? ORDER BY at LIMIT ?"
                values = (before, STEP)
            query = f"DELETE FROM decision WHERE id IN ({oldest})"  # noqa: S608  one of these two
            gone = connection.execute(query, values).rowcount
            gone += connection.execute(
                "DELETE FROM answer WHERE key IN"
                " (SELECT key FROM answer WHERE at < ? ORDER BY at LIMIT ?)",
                (answers_before, STEP),
            ).rowcount
            connection.execute("DELETE FROM policy_set WHERE at < ?", (before,))
        with self._errors():
            # What is freed goes back to the file system, in steps as well. As a script: execute()
            # takes this statement, which has no columns, for done after its first page.
            self._connection.executescript(f"PRAGMA incremental_vacuum({_PAGES});")
        return gone

    def size(self) -> int:
        """Bytes that the decisions take, without what is free in the file."""
        with self._errors():
            pages, free, each = (
                int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * each

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        with self._errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite has done it already after some faults, such as a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _fault(self._file, error) from error


def open_or_renew(file: Path) -> tuple[HistoryWriter, str]:
    """The history; a damaged one is set aside and a new one made, of which the text tells.

    Raises HistoryError when there can be none: no right, no room, a file of somebody else.
    """
    try:
        return HistoryWriter(file), ""
    except DamagedError as fault:
        aside = set_aside(file)
        return HistoryWriter(file), f"{fault}; it is {aside} now, and a new one is made"


def set_aside(file: Path) -> Path:
    """Rename a damaged history, in place of an earlier one; the new name. Raises HistoryError."""
    aside = file.with_name(f"{file.name}.damaged")
    try:
        file.replace(aside)
        for end in _BESIDE:
            file.with_name(file.name + end).unlink(missing_ok=True)
    except OSError as error:
        raise HistoryError(f"{file}: cannot be renamed: {_reason(error)}") from error
    return aside


def _open(file: Path) -> sqlite3.Connection:
    connection: sqlite3.Connection | None = None
    try:
        with contextlib.suppress(FileExistsError):
            # The files beside it inherit its mode.
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(file, flags, 0o600))
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
        _prepare(connection, file)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise _fault(file, error) from error
        if isinstance(error, OSError):
            raise HistoryError(f"{file}: cannot be made: {_reason(error)}") from error
        raise
    return connection


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    def number(pragma: str) -> int:
        return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and number("application_id") != APPLICATION_ID:
        raise HistoryError(f"{file}: is not a history of mailtriage; move it away")
    if tables and not 0 < number("user_version") <= VERSION:
        raise HistoryError(
            f"{file}: was made by another mailtriage (schema {number('user_version')}, this one "
            f"writes {VERSION}); move it away, or install that version again"
        )
    if not tables:
        # Before there is anything in it, or it has no effect.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    for pragma in ("synchronous = NORMAL", "secure_delete = FAST", "journal_size_limit = 4194304"):
        connection.execute(f"PRAGMA {pragma}")
    if number("user_version") < VERSION:
        _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to this version, all at once: a reader sees one or the other. The writer of an
    earlier version, which a reload has not ended yet, goes on writing its decisions."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        there = int(connection.execute("PRAGMA user_version").fetchone()[0])
        for script in MIGRATIONS[there:]:
            for statement in statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _fault(file: Path, error: sqlite3.Error) -> HistoryError:
    code = int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
    if code in _DAMAGED:
        return DamagedError(f"{file}: is damaged ({error})")
    return HistoryError(f"{file}: {error}")


def _inode(file: Path) -> int:
    try:
        return file.stat().st_ino
    except OSError:
        return 0


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()
