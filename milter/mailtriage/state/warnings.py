"""What early warning has learnt, and the alerts that are not delivered yet, in a file of its own.

One process writes it, once in a quarter of an hour. No address is in it but those of the
configuration; of writers there are bit maps (insight/counts.py). What is lost of it is learnt again
from the history.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.insight import budget as budgets
from mailtriage.insight import surge_bytes
from mailtriage.insight.counts import Series
from mailtriage.insight.evaluator import Board
from mailtriage.insight.profile import Profile, Week

APPLICATION_ID: Final = 0x6D747777
"""PRAGMA application_id: "mtww"."""
VERSION: Final = 1
NAME: Final = "warnings.db"
MOST_OWED: Final = 1000
"""Alerts that wait for delivery; the oldest make way."""

FARTHEST: Final = 2 * 86_400.0
"""Seconds: no attempt is put off for longer."""

_SCHEMA: Final = """
CREATE TABLE board (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    began    INTEGER NOT NULL,      -- the hour since 1970 from which mail was counted
    done     INTEGER NOT NULL,      -- the last quarter of an hour that was evaluated
    profile  BLOB NOT NULL
) STRICT;
CREATE TABLE series (
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE budget (
    what TEXT NOT NULL,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;
CREATE TABLE owed (
    id      TEXT NOT NULL,          -- of the alert
    way     TEXT NOT NULL,          -- "mail" or "webhook"
    content BLOB NOT NULL,
    tries   INTEGER NOT NULL DEFAULT 0,
    due     REAL NOT NULL,          -- seconds since the epoch
    PRIMARY KEY (id, way)
) STRICT, WITHOUT ROWID;
"""


class WarningsError(Exception):
    """The file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Owed:
    """An alert on its way to one place."""

    id: str
    way: str
    content: bytes
    tries: int
    due: float


class WarningsFile:
    """The file, open. For one thread. Whatever goes wrong, WarningsError is raised."""

    def __init__(self, file: Path) -> None:
        """Opens it; makes it, mode 0600, unless it is there."""
        self._file: Final = file
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection: Final = sqlite3.connect(file, timeout=1.0, isolation_level=None)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise WarningsError(f"{file}: cannot be used ({error})") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def read(self, week: Week, a_week: int) -> Board | None:
        """What was learnt; None when nothing was, or another version did."""
        with self._errors():
            row = self._connection.execute("SELECT began, done, profile FROM board").fetchone()
            series = self._connection.execute("SELECT kind, name, state FROM series").fetchall()
            rows = self._connection.execute("SELECT what, time, kind, name FROM budget").fetchall()
        if row is None:
            return None
        try:
            return Board(
                week=week,
                began=row[0],
                done=row[1],
                profile=Profile.from_bytes(row[2]),
                states={Series(kind, name): surge_bytes.from_bytes(s) for kind, name, s in series},
                budget=budgets.from_rows(rows, a_week),
            )
        except ValueError:
            return None

    def write(self, board: Board, owed: Sequence[Owed]) -> None:
        """What was learnt, and the alerts that follow from it: both or neither. An alert that is
        known already is not owed a second time."""
        states = [
            (series.kind, series.name, surge_bytes.to_bytes(state))
            for series, state in board.states.items()
        ]
        with self._errors(), self._transaction() as connection:
            connection.execute(
                "INSERT INTO board VALUES (1, :began, :done, :profile) ON CONFLICT DO UPDATE"
                " SET began = :began, done = :done, profile = :profile",
                {"began": board.began, "done": board.done, "profile": board.profile.to_bytes()},
            )
            connection.execute("DELETE FROM series")
            connection.executemany("INSERT INTO series VALUES (?, ?, ?)", states)
            connection.execute("DELETE FROM budget")
            rows = budgets.to_rows(board.budget)
            connection.executemany("INSERT INTO budget VALUES (?, ?, ?, ?)", rows)
            connection.executemany(
                "INSERT INTO owed VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(one.id, one.way, one.content, one.tries, one.due) for one in owed],
            )
            connection.execute(
                "DELETE FROM owed WHERE (id, way) IN"
                " (SELECT id, way FROM owed ORDER BY due DESC LIMIT -1 OFFSET ?)",
                (MOST_OWED,),
            )

    def due(self, now: float) -> list[Owed]:
        """Alerts whose time has come; or is so far away that the clock was wrong."""
        query = (
            "SELECT id, way, content, tries, due FROM owed WHERE due NOT BETWEEN ? AND ?"
            " ORDER BY due"
        )
        with self._errors():
            times = (now + 1e-6, now + FARTHEST)
            return [Owed(*row) for row in self._connection.execute(query, times)]

    def again(self, one: Owed, due: float) -> None:
        """It was tried once more, and is to be tried at that time."""
        with self._errors():
            self._connection.execute(
                "UPDATE owed SET tries = tries + 1, due = ? WHERE id = ? AND way = ?",
                (due, one.id, one.way),
            )

    def done(self, one: Owed) -> None:
        """It was delivered, or is given up."""
        with self._errors():
            self._connection.execute("DELETE FROM owed WHERE id = ? AND way = ?", (one.id, one.way))

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if not tables:
            connection.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA application_id = {APPLICATION_ID};"
                f" PRAGMA user_version = {VERSION}; COMMIT;"
            )
        elif owner != APPLICATION_ID:
            raise WarningsError(f"{self._file}: is not a file of early warning")
        elif version != VERSION:
            raise WarningsError(
                f"{self._file}: was made by another mailtriage (version {version}, this one knows"
                f" {VERSION}); move it away, and it is learnt again"
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise WarningsError(f"{self._file}: cannot be used ({error})") from error


def warnings_file(database: Path) -> Path:
    """Where it lies: beside the database of what is remembered."""
    return database.with_name(NAME)
