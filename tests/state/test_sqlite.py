"""Opening the database, and what is said when it cannot be used."""

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.state.outbox import Outbox
from mailtriage.state.sqlite import SCHEMA_VERSION, StateError, open_database
from tests.state.conftest import NOW, TOKENS, Desk, ack_of, inbound, key_of, question


def test_a_new_one_belongs_to_its_owner_alone(database: Path) -> None:
    with closing(open_database(database)) as connection:
        Desk(connection, TOKENS).acknowledge(inbound())
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in database.parent.iterdir()}
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


def test_a_commit_waits_for_the_disk(connection: sqlite3.Connection) -> None:
    pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    for name, value in pragmas.items():
        assert connection.execute(f"PRAGMA {name}").fetchone() == (value,)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_it_is_found_again(database: Path) -> None:
    for _ in range(2):
        with closing(open_database(database)) as connection:
            Desk(connection, TOKENS).acknowledge(inbound())
            assert Outbox(connection).counts() == {"READY": 1}


def newer(database: Path) -> None:
    """As a later version would leave it."""
    with closing(open_database(database)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def foreign(database: Path) -> None:
    """The database of another program."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")


def text(database: Path) -> None:
    """No database at all."""
    database.write_text("[state]\n" * 500)


def directory(database: Path) -> None:
    """Something else altogether."""
    database.mkdir()


def nothing(database: Path) -> None:
    """Not even the directory."""
    database.parent.rmdir()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (newer, "made by a newer mailtriage"),
        (foreign, "is not a database of mailtriage"),
        (text, "no SQLite database"),
        (directory, "cannot be (opened|read)"),
        (nothing, "cannot be (made|opened)"),
    ],
)
def test_one_that_must_not_be_used(
    database: Path, prepare: Callable[[Path], None], said: str, *, read_only: bool
) -> None:
    prepare(database)
    with pytest.raises(StateError, match=said) as refused:
        open_database(database, read_only=read_only)
    assert str(database) in str(refused.value)


def test_one_that_is_not_there_is_not_made_by_reading(database: Path) -> None:
    with pytest.raises(StateError, match="cannot be opened"):
        open_database(database, read_only=True)
    assert not database.exists()


def test_one_that_is_being_made_is_not_read(database: Path) -> None:
    database.touch()
    with pytest.raises(StateError, match="mailtriage serve makes it"):
        open_database(database, read_only=True)


def test_a_reader_changes_nothing(desk: Desk, database: Path) -> None:
    desk.acknowledge(inbound())
    with closing(open_database(database, read_only=True)) as connection:
        outbox = Outbox(connection)
        assert outbox.counts() == {"READY": 1}
        with pytest.raises(StateError, match="not writable"):
            outbox.drop(key_of("m1"), NOW)


def test_somebody_else_writes_for_too_long(desk: Desk, database: Path) -> None:
    with closing(open_database(database, timeout=0.05)) as other:
        patient = Desk(other, TOKENS)
        with desk.transaction():
            with pytest.raises(StateError, match="another process has held it"):
                patient.acknowledge(inbound())
            # Readers do not wait for writers.
            assert not patient.look_up(question()).handled
        patient.acknowledge(inbound())


class TestAFullDisk:
    """SQLite is told that the file must not grow: it then says what it says of a full disk."""

    @pytest.fixture
    def full(self, desk: Desk, connection: sqlite3.Connection) -> Desk:
        """One mail is in it, and there is room for little more."""
        desk.acknowledge(inbound("m1"))
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 3}")
        return desk

    def test_it_is_said_and_nothing_is_kept(
        self, full: Desk, connection: sqlite3.Connection
    ) -> None:
        before = list(connection.iterdump())
        with pytest.raises(StateError, match="there is no room on its disk; Postfix keeps"):
            full.acknowledge(inbound("m2"), message=b"x" * 50_000)
        assert not connection.in_transaction
        assert list(connection.iterdump()) == before

    def test_those_before_it_in_the_transaction_are_not_taken_for_kept(self, full: Desk) -> None:
        """Either the whole transaction is lost, and says so, or it commits what it could take."""
        survivors = []
        try:
            with full.transaction():
                for name, size in (("m2", 10), ("m3", 50_000), ("m4", 10)):
                    mail = inbound(name)
                    try:
                        with full.savepoint():
                            full.record_inbound(mail, ack_of(mail, message=b"x" * size))
                        survivors.append(name)
                    except StateError:
                        continue
        except StateError:
            survivors = []
        kept = [n for n in ("m2", "m3", "m4") if full.look_up(question(key=key_of(n))).handled]
        assert kept == survivors
        assert "m3" not in kept

    def test_all_is_well_when_there_is_room_again(
        self, full: Desk, connection: sqlite3.Connection
    ) -> None:
        with pytest.raises(StateError):
            full.acknowledge(inbound("m2"), message=b"x" * 50_000)
        connection.execute("PRAGMA max_page_count = 100000")
        full.acknowledge(inbound("m2"), message=b"x" * 50_000)
        assert full.look_up(question(key=key_of("m2"))).handled


def test_a_damaged_one(database: Path) -> None:
    with closing(open_database(database)) as connection:
        Desk(connection, TOKENS).acknowledge(inbound())
    content = database.read_bytes()
    database.write_bytes(content[:4096] + b"\xaa" * (len(content) - 4096))

    def use() -> None:
        with closing(open_database(database)) as connection:
            Desk(connection, TOKENS).look_up(question())

    with pytest.raises(StateError, match="it is damaged; stop mailtriage"):
        use()


class TestSavepoints:
    def test_a_fault_in_one_mail_undoes_that_mail_alone(self, desk: Desk) -> None:
        with desk.transaction():
            for name in ("m1", "m2", "m3"):
                try:
                    with desk.savepoint():
                        desk.record_inbound(inbound(name), ack_of(inbound(name)))
                        if name == "m2":
                            raise ZeroDivisionError
                except ZeroDivisionError:
                    continue
        handled = [desk.look_up(question(key=key_of(n))).handled for n in ("m1", "m2", "m3")]
        assert handled == [True, False, True]

    def test_what_is_no_text_is_a_fault_of_one_mail(self, desk: Desk) -> None:
        odd = inbound("m2", topic=None)
        with desk.transaction():
            desk.record_inbound(inbound("m1"), None)
            with pytest.raises(StateError), desk.savepoint():
                desk.record_inbound(odd, None)
        assert desk.look_up(question(key=key_of("m1"))).handled
        assert not desk.look_up(question(key=key_of("m2"))).handled

    def test_outside_of_a_transaction_there_is_none(self, desk: Desk) -> None:
        with pytest.raises(StateError, match="the transaction is lost"), desk.savepoint():
            desk.record_inbound(inbound(), None)
        assert not desk.look_up(question(key=key_of("m1"))).handled
