"""The one question about a mail, put to SQLite: the same for the desk and for the analysers."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mailtriage.acks.tokens import Tokens
from mailtriage.state.ledger import Conversation, History, LedgerQuestion
from mailtriage.state.networks import network_of
from mailtriage.state.records import Outbound
from mailtriage.state.subjects import plain_subject

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
RECENT: Final = 3 * HOUR
"""Rules F3 and F4; FreeScout's period for loops."""
UNDELIVERABLE: Final = 60 * DAY
"""Rule A8; as long as Zammad leaves alone an address that refused a mail."""
ROBOT: Final = DAY
"""Rule F13."""


def address_pseudonym(tokens: Tokens, address: str) -> bytes:
    """Pseudonym of an address; empty for none."""
    return tokens.pseudonym("address", address) if address else b""


def subject_of(tokens: Tokens, subject: str) -> bytes:
    """Pseudonym of what a subject says, without "Re:" and the like."""
    return tokens.pseudonym("subject", plain_subject(subject))


def client_of(tokens: Tokens, client: str) -> bytes:
    """Pseudonym of the network of a client address; empty when it has none."""
    network = network_of(client)
    return tokens.pseudonym("network", network) if network else b""


def look_up(connection: sqlite3.Connection, tokens: Tokens, question: LedgerQuestion) -> History:
    """Everything that is known. Raises sqlite3.Error."""
    now = question.now
    address = address_pseudonym(tokens, question.address)
    mark = _one(
        connection,
        "SELECT undeliverable, complained, robot FROM mark WHERE address = ?",
        (address,),
    )
    undeliverable, complained, robot = mark or (0.0, 0.0, 0.0)
    last_ack, same_subject, to_sender, to_sender_today = 0.0, 0, 0, 0
    if address:
        (last_ack,) = _one(
            connection,
            "SELECT at FROM ack WHERE address = ? AND mailbox = ? ORDER BY at DESC LIMIT 1",
            (address, question.mailbox),
        ) or (0.0,)
        to_sender_today, to_sender, same_subject = _one(
            connection,
            "SELECT count(*), count(*) FILTER (WHERE at > :recent),"
            " count(*) FILTER (WHERE at > :recent AND subject = :subject)"
            " FROM ack WHERE address = :address AND at > :today",
            {
                "address": address,
                "subject": subject_of(tokens, question.subject),
                "recent": now - RECENT,
                "today": now - DAY,
            },
        )
    return History(
        handled=is_recorded(connection, question.key),
        last_ack=last_ack,
        same_subject=same_subject,
        to_sender=to_sender,
        to_sender_today=to_sender_today,
        to_network=_to_network(connection, client_of(tokens, question.network), now),
        undeliverable=_within(undeliverable, now, UNDELIVERABLE),
        complained=complained > 0,
        robot=_within(robot, now, ROBOT),
        conversation=_conversation(connection, tokens, question.references, address),
    )


def conversation_of(
    connection: sqlite3.Connection, tokens: Tokens, references: Sequence[str], address: str
) -> Conversation | None:
    """What `look_up` says of the conversation alone. Raises sqlite3.Error."""
    return _conversation(connection, tokens, references, address_pseudonym(tokens, address))


def is_recorded(connection: sqlite3.Connection, key: bytes) -> bool:
    """Whether a mail with this key had its effect already. Raises sqlite3.Error."""
    return _one(connection, "SELECT 1 FROM mail WHERE key = ?", (key,)) is not None


def find_conversation(
    connection: sqlite3.Connection, tokens: Tokens, references: Sequence[str]
) -> int | None:
    """The conversation that a mail belongs to, by the newest Message-ID that is known.

    Of our own Message-IDs only those count that carry our signature. Raises sqlite3.Error.
    """
    for reference in reversed(references):
        key = tokens.read_ack_message_id(reference)
        if key is not None:
            found = _one(connection, "SELECT conversation FROM mail WHERE key = ?", (key,))
        else:
            known_as = tokens.pseudonym("message-id", reference)
            found = _one(connection, "SELECT conversation FROM message WHERE id = ?", (known_as,))
        if found is not None:
            return int(found[0])
    return None


def find_answered(connection: sqlite3.Connection, tokens: Tokens, mail: Outbound) -> int | None:
    """The conversation that a mail of ours belongs to; raises sqlite3.Error.

    By what it refers to; else by its ticket, since some helpdesks know theirs by the subject alone:
    the newest one, of a customer whom it goes to. Two helpdesks may give out the same number, but
    hardly to the same customer.
    """
    own = (mail.message_id,) if mail.message_id else ()
    found = find_conversation(connection, tokens, (*own, *mail.references))
    if found is not None or not mail.ticket:
        return found
    for address in mail.recipients:
        row = _one(
            connection,
            "SELECT id FROM conversation WHERE ticket = ? AND ticket != '' AND customer = ?"
            " ORDER BY last_activity DESC LIMIT 1",
            (mail.ticket, address_pseudonym(tokens, address)),
        )
        if row is not None:
            return int(row[0])
    return None


def original_id(connection: sqlite3.Connection, tokens: Tokens, key: bytes, address: str) -> str:
    """Message-ID of the mail that our acknowledgement `key` answered; raises sqlite3.Error.

    Empty unless it went to this very address, and that mailbox repairs answers.
    """
    found = _one(
        connection,
        "SELECT original_id FROM ack WHERE key = ? AND address = ?",
        (key, address_pseudonym(tokens, address)),
    )
    return str(found[0]) if found else ""


def _conversation(
    connection: sqlite3.Connection, tokens: Tokens, references: Sequence[str], address: bytes
) -> Conversation | None:
    number = find_conversation(connection, tokens, references)
    if number is None:
        return None
    found = _one(
        connection,
        "SELECT customer, last_activity, answered, acknowledged, promised, unanswered"
        " FROM conversation WHERE id = ?",
        (number,),
    )
    if found is None:  # Forgotten between two reads of an analyser.
        return None
    customer, last_activity, answered, acknowledged, promised, unanswered = found
    skill, language = _one(
        connection,
        "SELECT skill, language FROM mail WHERE conversation = ? AND way = 'in'"
        " ORDER BY at LIMIT 1",
        (number,),
    ) or ("", "")
    return Conversation(
        id=number,
        same_sender=bool(address) and customer == address,
        last_activity=last_activity,
        answered=answered,
        acknowledged=acknowledged,
        promised=promised,
        unanswered=unanswered,
        skill=skill,
        language=language,
    )


def _to_network(connection: sqlite3.Connection, network: bytes, now: float) -> int:
    if not network:
        return 0
    query = "SELECT count(*) FROM ack WHERE network = ? AND at > ?"
    return int(_one(connection, query, (network, now - HOUR))[0])


def _within(at: float, now: float, period: float) -> bool:
    return at > 0 and at > now - period


def _one(
    connection: sqlite3.Connection, query: str, values: Sequence[object] | Mapping[str, object]
) -> Any:
    """The only row, or None. SQLite's columns have no types that mypy could know."""
    return connection.execute(query, values).fetchone()
