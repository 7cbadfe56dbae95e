"""What came of the questions that customers were asked: votes, opt-outs, and mail that bounced.

The rows of `survey` are made when a question is owed. Here they get their vote, once.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final, Literal

from mailtriage.acks.tokens import Tokens
from mailtriage.state.follow_ups import FollowUps
from mailtriage.state.lookup import DAY, address_pseudonym
from mailtriage.state.outbox import Outbox
from mailtriage.state.sqlite import state_errors

VOID: Final = -1
"""In `survey.vote`: several votes came at once, as from a program that tries every link."""
AT_ONCE: Final = 60.0
"""Seconds between two different votes that make both void."""
CORRECTED: Final = 86_400.0
"""Seconds after the first vote in which it may be corrected."""
UNDELIVERABLE: Final = "A8"
"""Rule by which what is owed is not sent."""
SURVEY: Final = "survey"
"""Purpose of an opt-out."""
USED: Final = "used"
"""Purpose of the row that says that an opt-out address, by its key, has opted out its author."""
REPORTED: Final = 14 * DAY
"""Seconds after the question in which a mail system may report that it could not be delivered;
Postfix tries for 5 days."""

VoteResult = Literal["counted", "changed", "repeated", "late", "closed", "void", "unknown"]
BounceResult = Literal["undeliverable", "stopped", "unknown"]


@dataclass(frozen=True, slots=True)
class Voted:
    """What became of a vote."""

    result: VoteResult
    skill: str = ""
    """Of the conversation that was asked about; empty: not known."""


class SurveyTables:
    """On the desk's connection, inside of its transaction. All raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection, tokens: Tokens) -> None:
        self._connection: Final = connection
        self._tokens: Final = tokens

    def vote(self, key: bytes, vote: int, at: float, valid: float) -> Voted:
        """A vote, 1 to 5, about the survey `key`.

        `at`: when our Postfix took it, in seconds since the epoch; they may be delivered in another
        order than they came. `valid`: seconds after the question in which a vote counts.
        """
        found = self._connection.execute(
            "SELECT skill, asked, vote, voted, changed FROM survey WHERE key = ?", (key,)
        ).fetchone()
        if found is None:
            return Voted("unknown")
        skill, asked, known, voted, changed = found
        if at > asked + valid:
            return Voted("late", skill)
        if known == VOID:
            return Voted("void", skill)
        if not known:
            self._write(key, vote, at, at)
            return Voted("counted", skill)
        if vote == known:
            return Voted("repeated", skill)
        if min(abs(at - voted), abs(at - changed)) < AT_ONCE:
            self._write(key, VOID, voted, at)
            return Voted("void", skill)
        if at > voted + CORRECTED or at < changed:
            return Voted("closed", skill)
        self._write(key, vote, voted, at)
        return Voted("changed", skill)

    def _write(self, key: bytes, vote: int, voted: float, changed: float) -> None:
        self._connection.execute(
            "UPDATE survey SET vote = ?, voted = ?, changed = ? WHERE key = ?",
            (vote, voted, changed, key),
        )

    def asked_whom(self, key: bytes) -> bytes:
        """Pseudonym of the one who was asked; empty when there is no such survey."""
        found = self._connection.execute(
            "SELECT address FROM survey WHERE key = ?", (key,)
        ).fetchone()
        return bytes(found[0]) if found else b""

    def opt_out(self, pseudonym: bytes, now: float) -> bool:
        """That person is asked no more; False when it was known."""
        changed = self._connection.execute(
            "INSERT INTO opt_out (address, purpose, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (pseudonym, SURVEY, now),
        )
        return changed.rowcount > 0

    def opt_out_author(
        self, key: bytes, author: str, now: float
    ) -> Literal["author", "repeated", "unknown"]:
        """The same for whoever wrote to an opt-out address whose survey `key` is forgotten.

        One author for each key: such rows are kept for good, and one old address could fill the
        disk.
        """
        known = self._connection.execute(
            "SELECT purpose FROM opt_out WHERE address = ? AND purpose = ?"
            " UNION ALL SELECT purpose FROM opt_out WHERE address = ? AND purpose = ?",
            (address_pseudonym(self._tokens, author), SURVEY, key, USED),
        ).fetchone()
        if known is not None:
            return "repeated" if known[0] == SURVEY else "unknown"
        self._connection.execute(
            "INSERT INTO opt_out (address, purpose, at) VALUES (?, ?, ?)", (key, USED, now)
        )
        self.opt_out_address(author, now)
        return "author"

    def opt_out_address(self, address: str, now: float) -> bool:
        """The same for an address in clear."""
        return self.opt_out(address_pseudonym(self._tokens, address), now)

    def bounced(self, key: bytes, recipients: tuple[str, ...], now: float) -> BounceResult:
        """An update or survey could not be delivered, and never will be: this conversation gets no
        more of them.

        `recipients`: addresses of which the report says that there is no such mailbox. Only the one
        that the mail was sent to is marked (rule A8): a forwarder may report another.
        """
        connection = self._connection
        conversation, address = self._sent_to(key, now - REPORTED)
        if conversation is None and not address:
            return "unknown"
        if conversation is not None:
            self._follow_no_more(conversation, now)
        if not address or address not in {
            address_pseudonym(self._tokens, one) for one in recipients
        }:
            return "stopped"
        connection.execute(
            "INSERT INTO mark (address, undeliverable, latest) VALUES (:who, :now, :now)"
            " ON CONFLICT (address) DO UPDATE SET undeliverable = max(undeliverable, :now),"
            " latest = max(latest, :now)",
            {"who": address, "now": now},
        )
        return "undeliverable"

    def _follow_no_more(self, conversation: int, now: float) -> None:
        connection = self._connection
        FollowUps(connection, self._tokens).drop(conversation)
        owed = connection.execute(
            "SELECT outbox.key FROM mail CROSS JOIN outbox ON outbox.about = mail.key"
            " WHERE mail.conversation = ? AND outbox.about != x''"
            " AND outbox.state IN ('READY', 'RETRY')",
            (conversation,),
        ).fetchall()
        for (key,) in owed:
            Outbox(connection).suppress(key, UNDELIVERABLE, now)

    def tally(self, since: float) -> list[tuple[str, int, int]]:
        """Skill, vote (0: none, `VOID`) and how many, of all who were asked since then."""
        with state_errors(self._connection):
            return self._connection.execute(
                "SELECT skill, vote, count(*) FROM survey WHERE asked >= ? GROUP BY skill, vote",
                (since,),
            ).fetchall()

    def _sent_to(self, key: bytes, since: float) -> tuple[int | None, bytes]:
        """Conversation of a survey that was asked since then, or of an update of ours, and the
        pseudonym of who got it."""
        found = self._connection.execute(
            "SELECT conversation, address, asked FROM survey WHERE key = ?", (key,)
        ).fetchone()
        if found is not None:
            conversation, address, asked = found
            return (conversation, bytes(address)) if asked >= since else (None, b"")
        return self._connection.execute(
            "SELECT mail.conversation, ack.address FROM outbox JOIN ack ON ack.key = outbox.about"
            " LEFT JOIN mail ON mail.key = outbox.about WHERE outbox.key = ?",
            (key,),
        ).fetchone() or (None, b"")
