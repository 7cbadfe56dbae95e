"""What other nodes have recorded, written into this node's tables, where every rule looks.

Merged as in Redis: times by their maximum, rows by union. Nothing of it is noted as to be told
(`sharing.active`): it came from there.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mailtriage.state.shared_records import (
    Pulled,
    SharedAck,
    SharedConversation,
    SharedMark,
    SharedOutcome,
)

_MERGE: Final = """
    UPDATE conversation SET last_activity = max(last_activity, :last),
        answered = max(answered, :answered),
        promised = iif(:acknowledged > acknowledged, :promised, promised),
        acknowledged = max(acknowledged, :acknowledged),
        helpdesk = max(helpdesk, :helpdesk), ticket = iif(ticket = '', :ticket, ticket)
    WHERE id = :id"""
_COUNT: Final = """
    UPDATE conversation SET unanswered = (SELECT count(*) FROM mail WHERE mail.conversation = :id
        AND way = 'in' AND at > max(conversation.acknowledged, conversation.answered))
    WHERE id = :id"""


def adopt(connection: sqlite3.Connection, pulled: Pulled) -> None:
    """All of it, inside a transaction. Raises sqlite3.Error."""
    if not (pulled.acks or pulled.mark or pulled.conversations):
        return
    with _quietly(connection):
        for conversation in pulled.conversations:
            _adopt_conversation(connection, conversation)
        for ack in pulled.acks:
            _adopt_ack(connection, ack)
        if pulled.mark is not None:
            _adopt_mark(connection, pulled.mark)


def adopt_outcome(connection: sqlite3.Connection, outcome: SharedOutcome) -> int | None:
    """What became of a conversation; its number here, or None when that is no news.

    Raises sqlite3.Error.
    """
    number = _find(connection, outcome.shared_id)
    if number is None:
        return None
    before = _times(connection, number)
    with _quietly(connection):
        values = {
            "id": number,
            "last": max(outcome.answered, outcome.helpdesk),
            "answered": outcome.answered,
            "helpdesk": outcome.helpdesk,
            "ticket": outcome.ticket,
            "acknowledged": 0.0,
            "promised": 0.0,
        }
        connection.execute(_MERGE, values)
        connection.execute(_COUNT, {"id": number})
    return number if _times(connection, number) != before else None


@contextmanager
def _quietly(connection: sqlite3.Connection) -> Iterator[None]:
    """No other connection ever sees it switched off: it is part of one transaction."""
    connection.execute("UPDATE sharing SET active = 0")
    try:
        yield
    finally:
        # After some errors SQLite has undone the whole transaction, and this with it.
        if connection.in_transaction:
            connection.execute("UPDATE sharing SET active = 1")


def _adopt_conversation(connection: sqlite3.Connection, told: SharedConversation) -> None:
    number = _find(connection, told.shared_id)
    if number is None:
        ((number,),) = connection.execute(
            "INSERT INTO conversation (mailbox, customer, began, last_activity, shared_id, home)"
            " VALUES (?, ?, ?, ?, ?, 0) RETURNING id",
            (told.mailbox, told.customer, told.began, told.last_activity, told.shared_id),
        ).fetchall()
    connection.executemany(
        "INSERT INTO writer (conversation, address) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(number, writer) for writer in told.writers],
    )
    if told.message:
        connection.execute(
            "INSERT INTO message (id, conversation) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (told.message, number),
        )
    connection.executemany(
        "INSERT INTO mail (key, conversation, way, at, kind, skill, language, priority)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (
                mail.key, number, mail.way, mail.at,
                mail.kind, mail.skill, mail.language, mail.priority,
            )
            for mail in told.mails
        ],
    )  # fmt: skip
    values = {
        "id": number,
        "last": told.last_activity,
        "answered": told.answered,
        "acknowledged": told.acknowledged,
        "promised": told.promised,
        "helpdesk": told.helpdesk,
        "ticket": told.ticket,
    }
    connection.execute(_MERGE, values)
    connection.execute(_COUNT, {"id": number})


def _adopt_ack(connection: sqlite3.Connection, ack: SharedAck) -> None:
    """One that is known by its network alone becomes whole when its address asks."""
    connection.execute(
        "INSERT INTO ack (key, mailbox, address, subject, network, at, sent, original_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
        " mailbox = iif(address = x'', excluded.mailbox, mailbox),"
        " subject = iif(address = x'', excluded.subject, subject),"
        " original_id = iif(address = x'', excluded.original_id, original_id),"
        " address = iif(address = x'', excluded.address, address),"
        " at = max(at, excluded.at), sent = max(sent, excluded.sent)"
        " WHERE excluded.sent > sent OR (address = x'' AND excluded.address != x'')",
        (
            ack.key, ack.mailbox, ack.address, ack.subject, ack.network, ack.at, ack.sent,
            ack.original_id,
        ),
    )  # fmt: skip


def _adopt_mark(connection: sqlite3.Connection, mark: SharedMark) -> None:
    if mark.opted_out:
        connection.execute(
            "INSERT INTO opt_out (address, purpose, at) VALUES (?, 'survey', ?)"
            " ON CONFLICT DO NOTHING",
            (mark.address, mark.opted_out),
        )
    if not mark.latest:
        return
    connection.execute(
        "INSERT INTO mark (address, undeliverable, complained, quick_answer, robot, asked, latest)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (address) DO UPDATE SET"
        " undeliverable = max(undeliverable, excluded.undeliverable),"
        " complained = max(complained, excluded.complained),"
        " quick_answer = max(quick_answer, excluded.quick_answer),"
        " robot = max(robot, excluded.robot), asked = max(asked, excluded.asked),"
        " latest = max(latest, excluded.latest)",
        (
            mark.address, mark.undeliverable, mark.complained, mark.quick_answer, mark.robot,
            mark.asked, mark.latest,
        ),
    )  # fmt: skip


def _find(connection: sqlite3.Connection, shared_id: bytes) -> int | None:
    found = connection.execute(
        "SELECT id FROM conversation WHERE shared_id = ? ORDER BY id LIMIT 1", (shared_id,)
    ).fetchone()
    return int(found[0]) if found else None


def _times(connection: sqlite3.Connection, number: int) -> tuple[object, ...]:
    found = connection.execute(
        "SELECT answered, helpdesk, ticket FROM conversation WHERE id = ?", (number,)
    ).fetchone()
    return tuple(found)
