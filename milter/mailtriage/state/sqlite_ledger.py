"""The ledger as every analyser sees it: read-only, at hand in microseconds, and never in the way.

Inline nothing may wait for it or fail with it. What cannot be read is not known; the desk, which
asks again before anything is owed, reads the same tables exactly.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from mailtriage.acks.tokens import Tokens
from mailtriage.state.ledger import NOTHING_KNOWN, History, LedgerQuestion
from mailtriage.state.lookup import look_up, original_id
from mailtriage.state.sqlite import StateError, open_database, state_errors

TIMEOUT: Final = 0.02
"""Seconds that one mail waits for other processes."""
PAUSE: Final = 5.0
"""Seconds for which nothing is known after a failure, before the file is tried again."""

_abandoned: Final[list[sqlite3.Connection]] = []
"""Connections of the process that we were forked from. They must not even be closed in here
(https://www.sqlite.org/howtocorrupt.html, 2.6), as the garbage collector would."""

_Found = TypeVar("_Found")


class SqliteLedger:
    """`Ledger` over the database of the desk, for one thread; a fork opens it anew.

    It is opened with the first question, and again when another file has taken its place.
    """

    def __init__(self, file: Path, tokens: Tokens) -> None:
        self._file: Final = file
        self._tokens: Final = tokens
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._inode = (0, 0)
        self._shut_until = 0.0
        self.problem = ""
        """Why nothing is known at present; empty when all is well."""

    def look_up(self, question: LedgerQuestion) -> History:
        """See `Ledger`."""
        return self._read(lambda open_: look_up(open_, self._tokens, question), NOTHING_KNOWN)

    def original_id(self, key: bytes, address: str) -> str:
        """See `Store.original_id`; empty, too, when it cannot be read."""
        return self._read(lambda open_: original_id(open_, self._tokens, key, address), "")

    def close(self) -> None:
        """Gives the file back; the next question opens it again."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._process == os.getpid():
            connection.close()
        else:
            _abandoned.append(connection)

    def _read(self, question: Callable[[sqlite3.Connection], _Found], unknown: _Found) -> _Found:
        if self._process != os.getpid():
            self.close()
            self._shut_until = 0.0
        elif self._shut_until > time.monotonic():
            return unknown
        try:
            connection = self._current()
            with state_errors(connection):
                answer = question(connection)
        except (StateError, OSError) as error:
            self.problem = str(error)
            self._shut_until = time.monotonic() + PAUSE
            self._process = os.getpid()
            self.close()
            return unknown
        self.problem = ""
        return answer

    def _current(self) -> sqlite3.Connection:
        status = self._file.stat()
        inode = (status.st_dev, status.st_ino)
        if self._connection is None or self._inode != inode:
            self.close()
            self._connection = open_database(self._file, read_only=True, timeout=TIMEOUT)
            self._process, self._inode = os.getpid(), inode
        return self._connection
