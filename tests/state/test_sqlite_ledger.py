"""The analysers' view: whatever is wrong with the file, the mail goes its way."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.state import sqlite_ledger
from mailtriage.state.ledger import NOTHING_KNOWN, Ledger
from mailtriage.state.sqlite import SCHEMA_VERSION, open_database
from mailtriage.state.sqlite_ledger import SqliteLedger
from tests.state.conftest import JOE, TOKENS, Desk, inbound, key_of, question


@pytest.fixture
def filled(database: Path) -> Path:
    """A database in which Joe was acknowledged once; nobody has it open."""
    with closing(open_database(database)) as connection:
        Desk(connection, TOKENS).acknowledge(inbound("m1"))
    return database


@pytest.fixture
def ledger(filled: Path) -> Iterator[SqliteLedger]:
    """An analyser's."""
    opened = SqliteLedger(filled, TOKENS)
    yield opened
    opened.close()


def knows_joe(ledger: Ledger) -> bool:
    """Whether it has an answer; what it cannot answer is nothing at all."""
    known = ledger.look_up(question())
    assert known == NOTHING_KNOWN or known.to_sender == 1
    return known != NOTHING_KNOWN


def test_it_sees_what_the_desk_has_just_written(filled: Path, ledger: SqliteLedger) -> None:
    assert knows_joe(ledger)
    with closing(open_database(filled)) as connection:
        Desk(connection, TOKENS).acknowledge(inbound("m2"))
    assert ledger.look_up(question()).to_sender == 2


def test_it_does_not_wait_for_the_desk(filled: Path, ledger: SqliteLedger) -> None:
    with closing(open_database(filled)) as connection:
        desk = Desk(connection, TOKENS)
        with desk.transaction():
            desk.record_inbound(inbound("m2"), None)
            assert knows_joe(ledger)
            assert not ledger.look_up(question(key=key_of("m2"))).handled


def missing(database: Path) -> None:
    """Before the first start of the desk."""
    database.unlink()


def empty(database: Path) -> None:
    """At this moment the desk makes it."""
    database.write_bytes(b"")


def damaged(database: Path) -> None:
    """All but the first page."""
    content = database.read_bytes()
    database.write_bytes(content[:4096] + b"\xaa" * (len(content) - 4096))


def cut(database: Path) -> None:
    """Half a page."""
    os.truncate(database, 2000)


def garbage(database: Path) -> None:
    """Nothing of SQLite's."""
    database.write_bytes(os.urandom(20_000))


def from_the_future(database: Path) -> None:
    """Made by a later version."""
    with closing(open_database(database)) as connection:
        connection.execute("DROP TABLE ack")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def a_directory(database: Path) -> None:
    """Somebody's mistake."""
    database.unlink()
    database.mkdir()


def locked(database: Path) -> None:
    """By a program that locks all others out, and does not end."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("BEGIN EXCLUSIVE")
    _held.append(connection)


_held: list[sqlite3.Connection] = []

TROUBLE = [missing, empty, damaged, cut, garbage, from_the_future, a_directory, locked]


@pytest.mark.parametrize("trouble", TROUBLE)
def test_in_trouble_nothing_is_known_and_later_all_is_again(
    filled: Path, tmp_path: Path, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[Path], None],
) -> None:  # fmt: skip
    good = shutil.copyfile(filled, tmp_path / "good")
    trouble(filled)
    assert not knows_joe(ledger)
    assert ledger.original_id(key_of("m1"), JOE) == ""
    assert str(filled) in ledger.problem

    while _held:
        _held.pop().close()
    if filled.is_dir():
        filled.rmdir()
    good.replace(filled)
    assert not knows_joe(ledger), "it is not tried again at once"
    monkeypatch.setattr(sqlite_ledger, "PAUSE", 0.0)
    ledger._shut_until = 0.0
    assert knows_joe(ledger)
    assert ledger.problem == ""


@pytest.mark.parametrize("trouble", [each for each in TROUBLE if each is not locked])
def test_trouble_while_it_is_open(
    filled: Path, ledger: SqliteLedger, trouble: Callable[[Path], None]
) -> None:
    assert knows_joe(ledger)
    trouble(filled)
    # SQLite may still answer out of its memory, rightly or not at all.
    for _ in range(3):
        knows_joe(ledger)


def test_another_file_in_its_place_is_noticed(
    filled: Path, tmp_path: Path, ledger: SqliteLedger
) -> None:
    assert knows_joe(ledger)
    with closing(open_database(tmp_path / "new")):
        pass
    (tmp_path / "new").replace(filled)
    assert not knows_joe(ledger)
    assert ledger.problem == ""


def test_a_fork_opens_it_anew(ledger: SqliteLedger) -> None:
    assert knows_joe(ledger)
    mine = ledger._connection
    child = os.fork()
    if child == 0:
        try:
            fine = knows_joe(ledger) and ledger._connection is not mine
            # Not closed, not even by the garbage collector: that would touch the parent's locks.
            fine = fine and mine in sqlite_ledger._abandoned
            os._exit(0 if fine else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert ledger._connection is mine
    assert knows_joe(ledger)


def test_a_fork_does_not_inherit_a_pause(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "state.db", TOKENS)
    assert not knows_joe(ledger)
    with closing(open_database(tmp_path / "state.db")) as connection:
        Desk(connection, TOKENS).acknowledge(inbound("m1"))
        assert not knows_joe(ledger)
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if knows_joe(ledger) else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0


def test_odd_questions_are_answered(ledger: SqliteLedger) -> None:
    odd = question(
        key=b"", mailbox="", address="\udcff\x00@é", subject="\ud800", network="é",
        references=("", "<\udcff@x>", "<" + "a" * 998 + ">"),
    )  # fmt: skip
    assert ledger.look_up(odd) == NOTHING_KNOWN
    assert ledger.problem == ""
