"""Which customers wait for a first answer, and which have got it: read from the conversations.

Nothing is written down for it. The tables of the desk say all there is to know (when a conversation
began, about what, what was promised, when a human answered first), so that what is measured can be
reckoned anew at any time, after a crash or an upgrade for one.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

from mailtriage.state.sqlite import state_errors

MOST_AT_ONCE: Final = 200_000
"""Conversations that one look takes; a busy helpdesk has as many in two months."""

# Cross join and index: else SQLite goes through all mails there are, every few seconds. The newest
# of too many: what waits now is worth more than what was answered long ago.
# Of the columns that are not aggregated SQLite takes those of the row with the minimum
# (https://www.sqlite.org/lang_select.html#bareagg): the first mail that a human wrote.
_CHANGED: Final = """
    SELECT conversation.id, conversation.mailbox, min(first.at), first.skill, first.priority,
           iif(conversation.first_promised > 0, conversation.first_promised,
               conversation.promised),
           conversation.answered, conversation.last_activity,
           conversation.customer,
           coalesce((SELECT min(at) FROM mail WHERE mail.conversation = conversation.id
                     AND way = 'out' AND kind = 'human' AND conversation.answered > 0), 0.0)
    FROM conversation INDEXED BY conversation_age CROSS JOIN mail AS first
         ON first.conversation = conversation.id AND first.way = 'in' AND first.kind = 'human'
    WHERE conversation.last_activity >= ? AND conversation.home = 1
    GROUP BY conversation.id ORDER BY conversation.last_activity DESC LIMIT ?"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One conversation that a customer began. Times are seconds since the epoch; 0: never."""

    conversation: int
    mailbox: str
    began: float
    skill: str
    priority: str
    promised: float
    """What was promised first: who is told a later time has not been answered in time."""
    answered: float
    """When a human first answered."""
    last_activity: float
    customer: bytes = b""
    """Keyed hash of who began it; empty: nobody who could be answered."""


def changed_since(connection: sqlite3.Connection, since: float) -> list[Waiting]:
    """The conversations that began on this node with mail of a human, and in which something has
    happened since that moment; in the order of what happened last.

    An answer that passed another node is known by its time alone, and that is the latest.
    Raises StateError.
    """
    with state_errors(connection):
        rows = connection.execute(_CHANGED, (since, MOST_AT_ONCE)).fetchall()
    return [
        Waiting(key, box, began, skill, priority, promised, first or answered, activity, customer)
        for key, box, began, skill, priority, promised, answered, activity, customer, first in (
            reversed(rows)
        )
    ]
