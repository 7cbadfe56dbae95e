"""A real database in a file, and mails to remember."""

import dataclasses
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.state.ledger import LedgerQuestion
from mailtriage.state.sqlite import open_database
from mailtriage.state.store import Inbound, NewAck, Outbound, OutboundEffect, Store

NOW = 1_795_500_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
TOKENS = Tokens(b"only for the tests of the state.")
HELP = "help@desk.example"
JOE = "joe@customer.example"


def key_of(name: str) -> bytes:
    """16 bytes that are always the same for a name."""
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def ack_id(name: str) -> str:
    """Message-ID of our acknowledgement of the mail of that name."""
    return TOKENS.ack_message_id(key_of(name), "desk.example")


def inbound(name: str = "m1", at: float = NOW, **changes: object) -> Inbound:
    """A mail of Joe's to the helpdesk."""
    mail = Inbound(
        key=key_of(name),
        mailbox=HELP,
        address=JOE,
        subject="Where is my parcel?",
        network="198.51.100.7",
        message_id=f"<{name}@customer.example>",
        references=(),
        received=at,
        rule="",
        announced="sent",
        kind="human",
        skill="delivery",
        priority="normal",
        language="en",
        topic="parcel",
        thread="new",
        promised=at + 8 * HOUR,
    )
    return dataclasses.replace(mail, **changes)  # type: ignore[arg-type] # names of fields


def ack_of(mail: Inbound, **changes: object) -> NewAck:
    """What is owed for it, to be sent at once."""
    ack = NewAck(
        key=mail.key,
        mailbox=mail.mailbox,
        address=mail.address,
        domain=mail.address.rpartition("@")[2],
        message=b"Subject: received\r\n\r\nYour message has arrived.\r\n",
        created=mail.received,
        due=mail.received,
        expires=mail.received + 30 * MINUTE,
    )
    return dataclasses.replace(ack, **changes)  # type: ignore[arg-type] # names of fields


def outbound(name: str, at: float, refers_to: tuple[str, ...], **changes: object) -> Outbound:
    """An agent's answer to Joe."""
    mail = Outbound(
        key=key_of(name),
        message_id=f"<{name}@desk.example>",
        references=refers_to,
        sent=at,
        recipients=(JOE,),
        automatic=False,
    )
    return dataclasses.replace(mail, **changes)  # type: ignore[arg-type] # names of fields


def question(at: float = NOW, **changes: object) -> LedgerQuestion:
    """The next mail of Joe's."""
    asked = LedgerQuestion(
        key=key_of("next"),
        mailbox=HELP,
        address=JOE,
        subject="Where is my parcel?",
        network="198.51.100.7",
        message_id="<next@customer.example>",
        references=(),
        now=at,
    )
    return dataclasses.replace(asked, **changes)  # type: ignore[arg-type] # names of fields


class Desk(Store):
    """The store, with one transaction a mail."""

    def acknowledge(self, mail: Inbound, **changes: object) -> None:
        """It came in and is acknowledged."""
        with self.transaction():
            self.record_inbound(mail, ack_of(mail, **changes))

    def refuse(self, mail: Inbound, rule: str = "G1") -> None:
        """It came in and is not acknowledged."""
        with self.transaction():
            self.record_inbound(dataclasses.replace(mail, rule=rule), None)

    def goes_out(self, mail: Outbound) -> OutboundEffect:
        """A mail of the organisation's own."""
        with self.transaction():
            return self.record_outbound(mail)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the database is going to be."""
    return tmp_path / "state.db"


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    """It is there, and open."""
    with closing(open_database(database)) as opened:
        yield opened


@pytest.fixture
def desk(connection: sqlite3.Connection) -> Desk:
    """It is there, and empty."""
    return Desk(connection, TOKENS)


@pytest.fixture
def state_of(connection: sqlite3.Connection) -> Callable[[str], tuple[str, str]]:
    """State and rule of an outbox row."""

    def look(name: str) -> tuple[str, str]:
        query = "SELECT state, rule FROM outbox WHERE key = ?"
        state, rule = connection.execute(query, (key_of(name),)).fetchone()
        return state, rule

    return look
