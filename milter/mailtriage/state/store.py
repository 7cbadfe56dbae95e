"""Everything that follows from one mail, written in one transaction.

What is owed, what was promised and what counts for the limits are either all there after a crash,
or none of it is, and then Postfix has had no "250" and brings the mail again (rule F15).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.state.follow_ups import OPEN_AGAIN, SETTLED, FollowUps
from mailtriage.state.forgetting import PURGED_AT_ONCE, forget
from mailtriage.state.ledger import Conversation, History, LedgerQuestion
from mailtriage.state.lookup import (
    address_pseudonym,
    client_of,
    conversation_of,
    find_answered,
    find_conversation,
    is_recorded,
    look_up,
    original_id,
    subject_of,
)
from mailtriage.state.outbox import Outbox
from mailtriage.state.quick import note_quick_answer
from mailtriage.state.records import Inbound, NewAck, Outbound, OutboundEffect, WaitingAck
from mailtriage.state.shared_adopt import adopt, adopt_outcome
from mailtriage.state.shared_records import Pulled, SharedOutcome
from mailtriage.state.shared_tables import SharingTables
from mailtriage.state.sqlite import StateError, immediate, state_errors
from mailtriage.state.votes import SurveyTables

__all__ = ["Inbound", "NewAck", "Outbound", "OutboundEffect", "Store", "WaitingAck"]

DOUBLE: Final = 900.0
"""Seconds within which an automatic answer of the helpdesk is an acknowledgement, too."""
NEVER: Final = 1e18
"""A time that does not come."""
CLOCKS_DIFFER: Final = 60.0
"""Seconds by which the clocks of two nodes may differ."""

_OWED_ACKS: Final = """
    SELECT key FROM mail JOIN outbox USING (key) WHERE mail.conversation = ?
    AND outbox.state IN ('WAITING', 'READY', 'RETRY') AND outbox.created < ?"""
# By the time of the mail that was acknowledged: what follows it is younger than any answer.
_OWED_FOLLOW_UPS: Final = """
    SELECT outbox.key FROM mail CROSS JOIN outbox ON outbox.about = mail.key
    WHERE mail.conversation = ?1 AND outbox.about != x''
    AND outbox.state IN ('READY', 'SENDING', 'RETRY') AND mail.at < ?2"""


class Store:
    """The desk's view, in one thread: exact, and the only one that writes about conversations."""

    def __init__(self, connection: sqlite3.Connection, tokens: Tokens) -> None:
        self._connection: Final = connection
        self._tokens: Final = tokens
        self._outbox: Final = Outbox(connection)

    def transaction(self) -> AbstractContextManager[None]:
        """What is recorded inside is kept, durably, when the block ends, and undone when it raises.

        Raises StateError when nothing was kept.
        """
        return immediate(self._connection)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """One mail of several in a transaction: whatever is raised undoes that mail alone.

        Raises StateError when the whole transaction is lost.
        """
        connection = self._connection
        with state_errors(connection):
            if not connection.in_transaction:
                # SQLite gives up a transaction by itself when the disk is full, for one.
                raise StateError("the transaction is lost; all of its mails have to come again")
            connection.execute("SAVEPOINT one_mail")
            try:
                yield
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK TO one_mail")
                    connection.execute("RELEASE one_mail")
                raise
            connection.execute("RELEASE one_mail")

    def look_up(self, question: LedgerQuestion) -> History:
        """What is known; inside a transaction nothing can change before it ends.

        Raises StateError.
        """
        with state_errors(self._connection):
            return look_up(self._connection, self._tokens, question)

    def conversation_of(self, references: Sequence[str], address: str) -> Conversation | None:
        """What `look_up` says of the conversation alone. Raises StateError."""
        with state_errors(self._connection):
            return conversation_of(self._connection, self._tokens, references, address)

    def original_id(self, key: bytes, address: str) -> str:
        """Message-ID that our acknowledgement `key` answered, for the address that it went to;
        empty for others, or when it was not kept. Raises StateError."""
        with state_errors(self._connection):
            return original_id(self._connection, self._tokens, key, address)

    def record_inbound(self, mail: Inbound, ack: NewAck | None) -> None:
        """A mail that came in, and the acknowledgement that follows from it, if any.

        Without effect when the key was recorded before. Raises StateError or sqlite3.Error.
        """
        connection, tokens = self._connection, self._tokens
        if is_recorded(connection, mail.key):
            return
        if mail.short:
            note_quick_answer(connection, tokens, mail)
        conversation = find_conversation(connection, tokens, mail.references)
        if conversation is None:
            conversation = self._begin_conversation(mail)
        else:
            if mail.settled and self._is_of_customer(mail.address, conversation):
                self._suppress_follow_ups(conversation, SETTLED, mail.received)
                self.follow_ups.drop(conversation)
            self._suppress_follow_ups(conversation, OPEN_AGAIN, mail.received)
            if self._is_joined(mail, conversation):
                self.follow_ups.want_nothing(conversation)
        connection.execute(
            "UPDATE conversation SET last_activity = max(last_activity, ?),"
            " unanswered = unanswered + 1 WHERE id = ?",
            (mail.received, conversation),
        )
        connection.execute(
            "INSERT INTO mail (key, conversation, way, at, kind, rule, announced, skill, priority,"
            " language, topic, thread, mood, answer)"
            " VALUES (?, ?, 'in', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                mail.key, conversation, mail.received, mail.kind, mail.rule, mail.announced,
                mail.skill, mail.priority, mail.language, mail.topic, mail.thread, mail.mood,
                mail.answer,
            ),
        )  # fmt: skip
        self._know_message(mail.message_id, conversation)
        if ack is not None:
            self._owe(mail, ack, conversation)

    def record_outbound(self, mail: Outbound) -> OutboundEffect:
        """A mail of ours that went out: it stops the clock, and may make an acknowledgement
        superfluous or tell its ticket.

        Raises StateError or sqlite3.Error.
        """
        connection, tokens = self._connection, self._tokens
        conversation = find_answered(connection, tokens, mail)
        if conversation is None or is_recorded(connection, mail.key):
            return OutboundEffect(conversation)
        connection.execute(
            "INSERT INTO mail (key, conversation, way, at, kind) VALUES (?, ?, 'out', ?, ?)",
            (mail.key, conversation, mail.sent, self._kind_of(mail, conversation)),
        )
        connection.execute(
            "UPDATE conversation SET last_activity = max(last_activity, ?),"
            " ticket = iif(ticket = '', ?, ticket) WHERE id = ?",
            (mail.sent, mail.ticket, conversation),
        )
        self._know_message(mail.message_id, conversation)
        if mail.automatic:
            return self._helpdesk_wrote(mail, conversation)
        return self._human_answered(mail, conversation)

    def hear(self, pulled: Pulled) -> None:
        """Write down what other nodes have recorded, as far as it is news, inside a transaction:
        what is looked up next knows it. Raises sqlite3.Error."""
        adopt(self._connection, pulled)

    def hear_outcome(self, outcome: SharedOutcome, now: float) -> OutboundEffect:
        """What became of a conversation on another node: as if the helpdesk's mail had passed here.

        Without effect when it did, or was heard before. Raises StateError or sqlite3.Error.
        """
        conversation = adopt_outcome(self._connection, outcome)
        if conversation is None:
            return OutboundEffect()
        suppressed: tuple[bytes, ...] = ()
        for rule, at in (("answered", outcome.answered), ("G8", outcome.helpdesk)):
            if at:
                suppressed += self._suppress(conversation, rule, now, before=at + CLOCKS_DIFFER)
        if outcome.answered:
            suppressed += self._follow_no_more(conversation, now, outcome.answered + CLOCKS_DIFFER)
        release = self._waiting(outcome.ticket, conversation)
        return OutboundEffect(conversation, suppressed=suppressed, release=release)

    @property
    def sharing(self) -> SharingTables:
        """What other nodes have to hear."""
        return SharingTables(self._connection)

    @property
    def follow_ups(self) -> FollowUps:
        """What may still be written to customers."""
        return FollowUps(self._connection, self._tokens)

    @property
    def surveys(self) -> SurveyTables:
        """What customers answered, and who is asked no more."""
        return SurveyTables(self._connection, self._tokens)

    def release(self, key: bytes, message: bytes, now: float) -> None:
        """A waiting acknowledgement, rendered with its ticket, goes out now."""
        self._outbox.release(key, message, now)

    def withdraw(self, key: bytes, rule: str, now: float) -> None:
        """An update or a survey that is owed is not to be sent any more."""
        self._outbox.withdraw(key, rule, now)

    def record_complaint(self, address: str, now: float) -> None:
        """Somebody reported our mail to that address as spam (RFC 5965)."""
        pseudonym = address_pseudonym(self._tokens, address)
        if pseudonym:
            self._connection.execute(
                "INSERT INTO mark (address, complained, latest) VALUES (:address, :now, :now)"
                " ON CONFLICT (address) DO UPDATE SET complained = :now, latest = :now",
                {"address": pseudonym, "now": now},
            )

    def purge(self, now: float, retention: float) -> int:
        """Forgets, oldest first, what is older than `retention` seconds: conversations with all
        that belongs to them, the ledger, what is held against addresses, surveys; and what has been
        finished in the outbox for a week, or could have been followed up no longer.

        In a transaction of its own. Returns how many rows it took; when not 0 there may be more.
        Raises StateError.
        """
        with self.transaction():
            done_with = self.follow_ups.forget(now, PURGED_AT_ONCE)
            return forget(self._connection, now, retention) + done_with

    def _begin_conversation(self, mail: Inbound) -> int:
        customer = address_pseudonym(self._tokens, mail.address)
        ((number,),) = self._connection.execute(
            "INSERT INTO conversation (mailbox, customer, began, last_activity, shared_id)"
            " VALUES (?, ?, ?, ?, ?) RETURNING id",
            (mail.mailbox, customer, mail.received, mail.received, mail.key),
        ).fetchall()
        others = {address_pseudonym(self._tokens, writer) for writer in mail.writers} - {
            customer,
            b"",
        }
        self._connection.executemany(
            "INSERT INTO writer (conversation, address) VALUES (?, ?)",
            [(number, other) for other in sorted(others)],
        )
        return int(number)

    def _know_message(self, message_id: str, conversation: int) -> None:
        # The first who uses a Message-ID owns it: nobody takes over a conversation by copying one.
        if message_id:
            self._connection.execute(
                "INSERT INTO message (id, conversation) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (self._tokens.pseudonym("message-id", message_id), conversation),
            )

    def _owe(self, mail: Inbound, ack: NewAck, conversation: int) -> None:
        """Where the retention is shorter than a week the outbox may still know a mail that is
        forgotten otherwise: it goes before, so that nobody is acknowledged twice for one mail."""
        connection, tokens = self._connection, self._tokens
        connection.execute(
            "UPDATE conversation SET acknowledged = :now, promised = :by, unanswered = 0,"
            " first_promised = iif(first_promised = 0, :by, first_promised) WHERE id = :id",
            {"now": ack.created, "by": mail.promised, "id": conversation},
        )
        if ack.follow_up is not None:
            self.follow_ups.keep(conversation, ack.follow_up, ack.created)
        connection.execute(
            "INSERT INTO ack (key, mailbox, address, subject, network, at, original_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET at = excluded.at",
            (
                ack.key, ack.mailbox, address_pseudonym(tokens, ack.address),
                subject_of(tokens, mail.subject), client_of(tokens, mail.network),
                ack.created, ack.original_id,
            ),
        )  # fmt: skip
        connection.execute(
            "INSERT INTO outbox (key, mailbox, domain, address, message, plan, state, due, created,"
            " expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                ack.key, ack.mailbox, ack.domain, ack.address, ack.message, ack.order,
                "WAITING" if ack.waiting else "READY", ack.due, ack.created, ack.expires,
            ),
        )  # fmt: skip

    def _helpdesk_wrote(self, mail: Outbound, conversation: int) -> OutboundEffect:
        if self._reaches_customer(mail, conversation) is not True:
            return OutboundEffect(conversation, release=self._waiting(mail.ticket, conversation))
        connection = self._connection
        suppressed = self._suppress(conversation, "G8", mail.sent)
        double = connection.execute(
            # An acknowledgement without a row is another node's.
            "SELECT 1 FROM mail JOIN ack USING (key) LEFT JOIN outbox USING (key)"
            " WHERE mail.conversation = ? AND ack.at > ?"
            " AND iif(outbox.key IS NULL, ack.sent > 0, outbox.state IN ('SENDING', 'SENT'))",
            (conversation, mail.sent - DOUBLE),
        ).fetchone()
        # Who leaves it to the helpdesk has acknowledged with its first automatic mail.
        connection.execute(
            "UPDATE conversation SET helpdesk = max(helpdesk, :sent),"
            " unanswered = iif(acknowledged = 0, 0, unanswered),"
            " acknowledged = iif(acknowledged = 0, :sent, acknowledged) WHERE id = :id",
            {"sent": mail.sent, "id": conversation},
        )
        return OutboundEffect(conversation, double is not None, suppressed)

    def _human_answered(self, mail: Outbound, conversation: int) -> OutboundEffect:
        if self._reaches_customer(mail, conversation) is False:
            # A question to a colleague stops no clock.
            return OutboundEffect(conversation, release=self._waiting(mail.ticket, conversation))
        self._connection.execute(
            "UPDATE conversation SET answered = max(answered, ?), unanswered = 0 WHERE id = ?",
            (mail.sent, conversation),
        )
        suppressed = self._suppress(conversation, "answered", mail.sent)
        suppressed += self._follow_no_more(conversation, mail.sent)
        return OutboundEffect(conversation, suppressed=suppressed)

    def _kind_of(self, mail: Outbound, conversation: int) -> str:
        if mail.automatic:
            return "automatic"
        reaches = self._reaches_customer(mail, conversation)
        return "internal" if reaches is False else "human"

    def _reaches_customer(self, mail: Outbound, conversation: int) -> bool | None:
        """None when it is not known: the mail names nobody, or nobody knows the customer.

        Helpdesks tell agents of a new case with Bcc: and an empty group in To:.
        """
        known = self._connection.execute(
            "SELECT customer FROM conversation WHERE id = :id AND customer != x''"
            " UNION SELECT address FROM writer WHERE conversation = :id",
            {"id": conversation},
        ).fetchall()
        if not known or not mail.recipients:
            return None
        named = {address_pseudonym(self._tokens, recipient) for recipient in mail.recipients}
        return any(address in named for (address,) in known)

    def _suppress(
        self, conversation: int, rule: str, now: float, *, before: float = NEVER
    ) -> tuple[bytes, ...]:
        return self._suppress_all(_OWED_ACKS, (conversation, before), rule, now)

    def _follow_no_more(
        self, conversation: int, now: float, before: float = NEVER
    ) -> tuple[bytes, ...]:
        """A human has answered what came before that."""
        self.follow_ups.answered(conversation, now)
        return self._suppress_follow_ups(conversation, "answered", now, before)

    def _is_of_customer(self, address: str, conversation: int) -> bool:
        began = self._connection.execute(
            "SELECT 1 FROM conversation WHERE id = ? AND customer = ?",
            (conversation, address_pseudonym(self._tokens, address)),
        )
        return bool(address) and began.fetchone() is not None

    def _is_joined(self, mail: Inbound, conversation: int) -> bool:
        """Whether somebody else writes: a stranger, or the customer from an address to which an
        answer would be none that we know of."""
        known = self._connection.execute(
            "SELECT customer FROM conversation WHERE id = :id AND customer != x''"
            " UNION SELECT address FROM writer WHERE conversation = :id",
            {"id": conversation},
        ).fetchall()
        return (address_pseudonym(self._tokens, mail.address),) not in known

    def _suppress_follow_ups(
        self, conversation: int, rule: str, now: float, before: float = NEVER
    ) -> tuple[bytes, ...]:
        return self._suppress_all(_OWED_FOLLOW_UPS, (conversation, before), rule, now)

    def _suppress_all(
        self, query: str, values: tuple[object, ...], rule: str, now: float
    ) -> tuple[bytes, ...]:
        owed = self._connection.execute(query, values).fetchall()
        for (key,) in owed:
            self._outbox.withdraw(key, rule, now)
        return tuple(key for (key,) in owed)

    def _waiting(self, ticket: str, conversation: int) -> tuple[WaitingAck, ...]:
        if not ticket:
            return ()
        found = self._connection.execute(
            "SELECT key, plan FROM mail JOIN outbox USING (key) WHERE mail.conversation = ?"
            " AND outbox.state = 'WAITING'",
            (conversation,),
        ).fetchall()
        return tuple(WaitingAck(key, plan) for key, plan in found)
