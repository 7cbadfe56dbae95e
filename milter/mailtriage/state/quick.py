"""Rule F13: answers that come faster than anybody types."""

import sqlite3
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.state.lookup import DAY, address_pseudonym
from mailtriage.state.records import Inbound

QUICK: Final = 120.0
"""Seconds within which a short answer to an acknowledgement may be a machine's."""


def note_quick_answer(connection: sqlite3.Connection, tokens: Tokens, mail: Inbound) -> None:
    """Rule F13: a second short answer within a day that no human types so fast."""
    address = address_pseudonym(tokens, mail.address)
    if not address:
        return
    for reference in mail.references:
        key = tokens.read_ack_message_id(reference)
        found = (
            key
            and connection.execute(
                # To this very writer: nobody gets to mark another as a robot.
                "SELECT sent FROM ack WHERE key = ? AND address = ?",
                (key, address),
            ).fetchone()
        )
        # An answer to what is not marked as sent yet is quicker than our own mark.
        if found and mail.received - (found[0] or mail.received) < QUICK:
            connection.execute(
                "INSERT INTO mark (address, quick_answer, latest) VALUES (:who, :now, :now)"
                " ON CONFLICT (address) DO UPDATE SET quick_answer = :now,"
                " robot = iif(quick_answer > :now - :day, :now, robot), latest = :now",
                {"who": address, "now": mail.received, "day": DAY},
            )
            return
