"""What may still be written to a customer after the acknowledgement: the rows of `follow_up`.

A row holds an address, and so it goes as soon as nothing is wanted any more. Whatever is owed goes
into the outbox in the same transaction as all that follows from it, so that a crash leaves either
both or nothing.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any, Final, Literal

from mailtriage.acks.order import Order
from mailtriage.acks.tokens import Tokens
from mailtriage.state.ledger import LedgerQuestion
from mailtriage.state.lookup import DAY, ROBOT, UNDELIVERABLE, address_pseudonym
from mailtriage.state.records import FollowUp
from mailtriage.state.sqlite import state_errors

LATEST_LOOK: Final = 3600.0
"""Seconds after which every row is looked at again. One that is due later than twice that was put
off by a clock that was wrong."""

OPEN_AGAIN: Final = "open"
"""Rule of a survey that is not sent since the customer has written again."""

SETTLED: Final = "settled"
"""Rule of what is not sent since the customer says that the matter is settled."""

Want = Literal["updates", "survey"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand with one conversation. Times are seconds since the epoch; 0: never."""

    conversation: int
    order: Order
    """Of the last acknowledgement."""
    wants: frozenset[str]
    """What is switched on for it: of `Want`."""
    told: float
    """The time that the customer was told last."""
    since: float
    """When that was."""
    updates: int
    """How many were owed so far."""
    expires: float
    promised: float
    """What the conversation was promised: `told`, unless an update is on its way."""
    answered: float
    """When a human answered last."""
    last_activity: float
    """When the last mail passed, either way."""
    last_in: float
    """When the last one of the customer did."""
    waits_since: float
    """When the first one came that no human has answered."""
    ticket: str
    skills: frozenset[str]
    """Of all mails that came in."""
    shared_id: bytes
    acknowledged: float
    """When the acknowledgement went out."""
    ack_owed: bool
    """Whether it still may."""
    sending: bytes = b""
    """Outbox key of what is on its way."""
    sending_kind: str = ""
    """update or survey; empty when the outbox has forgotten it."""
    sending_state: str = ""
    sending_finished: float = 0.0
    unwelcome: bool = False
    """Whether the address refuses mail, complained about ours, or is a machine's."""
    opted_out: bool = False
    asked: bool = False
    """Whether a survey about this conversation was owed."""
    asked_last: float = 0.0
    """When that person was last asked about anything, as far as is known on whichever node."""
    asked_today: int = 0
    """Questions of this node to anybody in the last 24 hours."""


@dataclass(frozen=True, slots=True)
class OwedMail:
    """An update or a survey that goes out now."""

    key: bytes
    kind: Literal["update", "survey"]
    message: bytes
    message_id: str
    sender: str
    """Reverse-path."""
    expires: float
    """Seconds since the epoch."""
    promised: float = 0.0
    """What an update promises."""


class FollowUps:
    """On the desk's connection, inside of its transaction. All raise sqlite3.Error or StateError,
    and ValueError for a row that nobody wrote."""

    def __init__(self, connection: sqlite3.Connection, tokens: Tokens) -> None:
        self._connection: Final = connection
        self._tokens: Final = tokens

    def keep(self, conversation: int, new: FollowUp, at: float) -> None:
        """After an acknowledgement that promised something at that moment.

        Nothing for a conversation that began on another node, which has a row of its own; nor for
        somebody who did not begin it: no answer to him would be known for one.
        """
        connection = self._connection
        home, answered, customer = connection.execute(
            "SELECT home, answered, customer FROM conversation WHERE id = ?", (conversation,)
        ).fetchone()
        order = Order.from_json(new.plan)
        if not home or customer != address_pseudonym(self._tokens, order.to):
            return
        known = connection.execute(
            "SELECT told, since, sending, json_extract(plan, '$.received'), wants"
            " FROM follow_up WHERE conversation = ?",
            (conversation,),
        ).fetchone()
        since, sending, kept, wants = at, b"", "", new.wants.split()
        updates, earlier = self._written(conversation, order.key, answered)
        if known is not None:
            told, last, sending, received, kept = known
            # An answer in between begins everything anew; else it is the same wait.
            since = last if told == new.promised and answered < received else at
        if earlier and "survey" not in kept.split():
            # What a mail said before (that he leaves, for one) holds still.
            wants = [each for each in wants if each != "survey"]
        if not wants:
            self.drop(conversation)
            return
        connection.execute(
            "INSERT OR REPLACE INTO follow_up (conversation, plan, wants, told, since, updates,"
            " sending, due, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                conversation, new.plan, " ".join(wants), new.promised, since, updates, sending,
                new.due, new.expires,
            ),
        )  # fmt: skip

    def _written(self, conversation: int, key: bytes, answered: float) -> tuple[int, bool]:
        """How many updates went out since the last answer, or are on their way; and whether there
        was an acknowledgement before this one. The outbox knows it when no row does any more."""
        updates = self._one(
            "SELECT count(*) FROM mail CROSS JOIN outbox ON outbox.about = mail.key"
            " WHERE mail.conversation = ? AND outbox.about != x'' AND outbox.kind = 'update'"
            " AND outbox.state IN ('READY', 'SENDING', 'RETRY', 'SENT') AND outbox.created > ?",
            conversation, answered,
        )[0]  # fmt: skip
        earlier = self._one(
            "SELECT 1 FROM mail JOIN ack USING (key) WHERE conversation = ? AND key != ?",
            conversation, key,
        )  # fmt: skip
        return int(updates), earlier is not None

    def due(self, now: float, limit: int) -> list[int]:
        """Conversations to be looked at now, those first that have waited longest."""
        with state_errors(self._connection):
            found = self._connection.execute(
                "SELECT conversation FROM follow_up WHERE due <= ? OR due > ? ORDER BY due LIMIT ?",
                (now, now + 2 * LATEST_LOOK, limit),
            ).fetchall()
        return [conversation for (conversation,) in found]

    def standing(self, conversation: int, now: float) -> Standing | None:
        """How things stand; None when nothing is kept any more."""
        found = self._connection.execute(
            "SELECT plan, wants, told, since, updates, sending, expires, promised, answered,"
            " last_activity, ticket, shared_id FROM follow_up"
            " JOIN conversation ON conversation.id = follow_up.conversation WHERE conversation = ?",
            (conversation,),
        ).fetchone()
        if found is None:
            return None
        plan, wants, told, since, updates, sending, expires, promised, answered, *rest = found
        last_activity, ticket, shared_id = rest
        order = Order.from_json(plan)
        last_in, waits_since = self._one(
            "SELECT coalesce(max(at), 0.0), coalesce(min(at) FILTER (WHERE at > ?), 0.0) FROM mail"
            " WHERE conversation = ? AND way = 'in'",
            answered, conversation,
        )  # fmt: skip
        skills = self._connection.execute(
            "SELECT DISTINCT skill FROM mail WHERE conversation = ? AND way = 'in'", (conversation,)
        ).fetchall()
        kind, state, finished = self._one(
            "SELECT kind, state, coalesce(finished, 0.0) FROM outbox WHERE key = ?", sending
        ) or ("", "", 0.0)
        sent, ack_owed = self._one(
            "SELECT ack.sent, outbox.due IS NOT NULL FROM ack LEFT JOIN outbox USING (key)"
            " WHERE key = ?",
            order.key,
        ) or (0.0, 0)
        person = address_pseudonym(self._tokens, order.to)
        asked = self._one("SELECT 1 FROM survey WHERE conversation = ? LIMIT 1", conversation)
        (asked_last,) = self._one("SELECT asked FROM mark WHERE address = ?", person) or (0.0,)
        return Standing(
            conversation, order, frozenset(wants.split()), told, since, updates, expires, promised,
            answered, last_activity, last_in, waits_since, ticket,
            frozenset(skill for (skill,) in skills), bytes(shared_id), sent, bool(ack_owed),
            bytes(sending), kind, state, finished,
            unwelcome=self._is_unwelcome(person, now),
            opted_out=self._is_opted_out(person),
            asked=asked is not None,
            asked_last=asked_last,
            asked_today=self._one("SELECT count(*) FROM survey WHERE asked > ?", now - DAY)[0],
        )  # fmt: skip

    def question(self, conversation: int, now: float) -> LedgerQuestion | None:
        """What other nodes are asked about it, and about the one who would be written to; None when
        nothing is kept any more."""
        found = self._one("SELECT plan FROM follow_up WHERE conversation = ?", conversation)
        if found is None:
            return None
        order = Order.from_json(found[0])
        ids = (order.message_id, self._tokens.ack_message_id(order.key, "node.invalid"))
        return LedgerQuestion(b"", "", order.to, "", "", "", tuple(one for one in ids if one), now)

    def forget_all(self) -> None:
        """Nothing is switched on any more."""
        if self._one("SELECT 1 FROM follow_up LIMIT 1") is not None:
            self._connection.execute("DELETE FROM follow_up")

    def look_again(self, conversation: int, due: float, expires: float = 0.0) -> None:
        """Not before `due`; `expires` 0: as it was."""
        self._connection.execute(
            "UPDATE follow_up SET due = ?, expires = iif(? > 0, ?, expires) WHERE conversation = ?",
            (due, expires, expires, conversation),
        )

    def answered(self, conversation: int, at: float) -> None:
        """A human has answered: the next look is now."""
        self._connection.execute(
            "UPDATE follow_up SET due = min(due, ?) WHERE conversation = ?", (at, conversation)
        )

    def narrow(self, conversation: int, wants: frozenset[str], due: float) -> None:
        """Nothing but that is wanted any more, and nothing is on its way. With none it goes."""
        if wants:
            self._connection.execute(
                "UPDATE follow_up SET wants = ?, sending = x'', due = ? WHERE conversation = ?",
                (" ".join(sorted(wants)), due, conversation),
            )
        else:
            self.drop(conversation)

    def want_nothing(self, conversation: int) -> None:
        """Nothing is wanted any more; the next look settles what was on its way."""
        self._connection.execute(
            "UPDATE follow_up SET wants = '', due = 0 WHERE conversation = ?", (conversation,)
        )

    def drop(self, conversation: int) -> None:
        """Nothing is wanted any more."""
        self._connection.execute("DELETE FROM follow_up WHERE conversation = ?", (conversation,))

    def owe(self, standing: Standing, mail: OwedMail, now: float) -> None:
        """It goes out: the outbox, the Message-ID by which an answer to it is known, and what was
        promised, or asked."""
        connection, conversation, order = self._connection, standing.conversation, standing.order
        connection.execute(
            "INSERT INTO outbox (key, mailbox, domain, address, message, plan, state, due, created,"
            " expires, kind, sender, about) VALUES (?, ?, ?, ?, ?, '', 'READY', ?, ?, ?, ?, ?, ?)",
            (
                mail.key, order.mailbox, order.to.rpartition("@")[2].lower(), order.to,
                mail.message, now, now, mail.expires, mail.kind, mail.sender, order.key,
            ),
        )  # fmt: skip
        connection.execute(
            "INSERT INTO message (id, conversation) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (self._tokens.pseudonym("message-id", mail.message_id), conversation),
        )
        connection.execute(
            "UPDATE follow_up SET sending = ?, updates = updates + ?, due = ?"
            " WHERE conversation = ?",
            (mail.key, mail.kind == "update", now, conversation),
        )
        if mail.kind == "survey":
            person = address_pseudonym(self._tokens, order.to)
            connection.execute(
                "INSERT INTO survey (key, conversation, address, mailbox, skill, language, asked)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (mail.key, conversation, person, order.mailbox, order.skill, order.language, now),
            )
            # Other nodes hear this, and so it stays when the survey is withdrawn: a time that was
            # told cannot be taken back, and in doubt nobody is asked.
            connection.execute(
                "INSERT INTO mark (address, asked, latest) VALUES (:who, :now, :now)"
                " ON CONFLICT (address) DO UPDATE SET asked = max(asked, :now),"
                " latest = max(latest, :now)",
                {"who": person, "now": now},
            )
        else:
            self._promise(conversation, mail.promised)

    def told(self, standing: Standing) -> None:
        """The update on its way has gone out: what it says is what the customer knows."""
        self._connection.execute(
            "UPDATE follow_up SET told = ?, since = ?, sending = x'' WHERE conversation = ?",
            (standing.promised, standing.sending_finished, standing.conversation),
        )

    def not_told(self, standing: Standing) -> None:
        """It has not: what the customer knows is promised still."""
        self._promise(standing.conversation, standing.told)

    def forget(self, now: float, limit: int) -> int:
        """Rows whose time is over; how many it were."""
        return self._connection.execute(
            "DELETE FROM follow_up WHERE conversation IN"
            " (SELECT conversation FROM follow_up WHERE expires < ? ORDER BY expires LIMIT ?)",
            (now, limit),
        ).rowcount

    def _promise(self, conversation: int, by: float) -> None:
        self._connection.execute(
            "UPDATE conversation SET promised = ? WHERE id = ?", (by, conversation)
        )

    def _is_unwelcome(self, person: bytes, now: float) -> bool:
        undeliverable, complained, robot = self._one(
            "SELECT undeliverable, complained, robot FROM mark WHERE address = ?", person
        ) or (0.0, 0.0, 0.0)
        bounced = undeliverable > max(0.0, now - UNDELIVERABLE)
        return bool(bounced or complained or robot > max(0.0, now - ROBOT))

    def _is_opted_out(self, person: bytes) -> bool:
        query = "SELECT 1 FROM opt_out WHERE address = ? AND purpose = 'survey'"
        return self._one(query, person) is not None

    # SQLite's columns have no types that mypy could know.
    def _one(self, query: str, *values: object) -> Any:
        return self._connection.execute(query, values).fetchone()
