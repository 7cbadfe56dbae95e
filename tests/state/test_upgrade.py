"""A database of an earlier version: all of it is kept, and an old process may still be at it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from mailtriage.state.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION
from mailtriage.state.sqlite import open_database
from mailtriage.state.store import Store
from tests.state.conftest import NOW, TOKENS, key_of

_BEGUN = "INSERT INTO conversation (mailbox, customer, began, last_activity) VALUES (?, ?, ?, ?)"
_MAIL = "INSERT INTO mail (key, conversation, way, at, kind) VALUES (?, ?, 'in', ?, 'human')"
_OWED = (
    "INSERT INTO outbox (key, mailbox, domain, address, message, plan, state, due, created, expires)"
    " VALUES (?, 'help@desk.example', 'customer.example', 'joe@customer.example', x'41', '',"
    " 'READY', 1, 1, 9e9)"
)


def first_schema(file: Path) -> sqlite3.Connection:
    """As the first version made it."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.executescript(MIGRATIONS[0])
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def begin(connection: sqlite3.Connection, name: str) -> None:
    """A conversation, as the first version writes it down."""
    row = ("help@desk.example", key_of(f"who {name}"), NOW, NOW)
    number = connection.execute(_BEGUN, row).lastrowid
    connection.execute(_MAIL, (key_of(name), number, NOW))
    connection.execute(_OWED, (key_of(name),))


def test_what_an_old_process_writes_meanwhile_is_kept_and_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    with closing(first_schema(file)) as old:
        for name in ("m1", "m2"):
            begin(old, name)
        with closing(open_database(file)) as new:
            assert new.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
            for name in ("m3", "m4"):
                begin(old, name)
            Store(new, TOKENS).sharing.switch(on=True)
            named = new.execute(
                "SELECT shared_id, key FROM conversation JOIN mail ON conversation = conversation.id"
            ).fetchall()
            assert len(named) == 4
            assert all(shared_id == key for shared_id, key in named)
            owed = new.execute("SELECT count(*) FROM outbox WHERE state = 'READY'").fetchone()
            assert owed == (4,)
