"""What this node has to tell the others, and how far it is: in the same file as all the rest.

What changed is noted by triggers, once for each row however often it changes, so that an outage of
Redis of any length costs no more than the rows that changed meanwhile. What is told is their state
and not what happened to them: to tell it twice does no harm.
"""

import contextlib
import hashlib
import socket
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.state.shared_records import SharedAck, SharedMail, pack_ack, pack_mail
from mailtriage.state.sqlite import immediate, state_errors

Row = tuple[str | bytes | float | int, ...]
"""A row for redis_scripts.PUSH: its letter, how many values follow, and they."""

AT_ONCE: Final = 128
"""Rows that are told in one script, which holds up other nodes' questions meanwhile."""
OWED_AT_ONCE: Final = 256
"""Conversations whose outcome is asked for at once."""
WALKED_AT_ONCE: Final = 200
"""Conversations, or marks, that one step of a walk takes."""
ENOUGH: Final = 2000
"""Noted rows with which a walk waits until they are told."""

_MACHINE_ID: Final = Path("/etc/machine-id")

_OPT_OUTS: Final = "opt-outs"
_CONVERSATIONS: Final = "conversations"
_MARKS: Final = "marks"
_DONE: Final = "done"
_NEXT: Final = {_OPT_OUTS: _CONVERSATIONS, _CONVERSATIONS: _MARKS, _MARKS: _DONE}
"""Opt-outs first: they are few, and until they are told other nodes may ask who wants no more."""
_NAME_ALL: Final = """
    UPDATE conversation SET shared_id = coalesce(
        (SELECT key FROM mail WHERE mail.conversation = conversation.id ORDER BY at LIMIT 1),
        randomblob(16))
    WHERE shared_id = x''"""
_END: Final = 1e18


def machine() -> bytes:
    """Tells this machine from another that was made of a copy of its disk: at least one of both has
    to be changed before two of them can work."""
    known = b""
    with contextlib.suppress(OSError):
        known = _MACHINE_ID.read_bytes().strip()
    return known + b"\n" + socket.gethostname().encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Unshared:
    """A part of what is noted, and its rows as they are now."""

    numbers: tuple[int, ...]
    rows: tuple[Row, ...]
    """Fewer, where some have been forgotten since."""


class SharingTables:
    """On the desk's connection. Inside of a transaction all methods are part of it; else each is
    one. They raise StateError or sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: Final = connection

    def switch(self, *, on: bool) -> bytes:
        """Whether changes are noted from now on; returns the id of this node: of this database on
        this machine, since two nodes of one id would each answer the mail that comes to both.

        With the last that is shared the notes go: whoever shares again tells everything.
        """
        connection = self._connection
        with state_errors(connection):
            active, node = connection.execute("SELECT active, node FROM sharing").fetchone()
        if bool(active) != on:
            with immediate(connection):
                connection.execute(
                    "UPDATE sharing SET active = ?, epoch = '', stage = '', stage_time = 0,"
                    " stage_id = x''",
                    (int(on),),
                )
                connection.execute("DELETE FROM unshared")
        if on:
            with immediate(connection):
                # Begun by a process of an older version, after the tables had been changed.
                connection.execute(_NAME_ALL)
        return hashlib.blake2b(bytes(node) + machine(), digest_size=16).digest()

    def count(self) -> int:
        """How many rows are noted."""
        with state_errors(self._connection):
            found = self._connection.execute("SELECT count(*) FROM unshared").fetchone()
        return int(found[0])

    def unshared(self) -> Unshared:
        """The first that are noted."""
        with state_errors(self._connection):
            noted = self._connection.execute(
                "SELECT number, kind, id FROM unshared ORDER BY number LIMIT ?", (AT_ONCE,)
            ).fetchall()
            rows = [row for _, kind, name in noted for row in self._row(kind, name)]
        return Unshared(tuple(number for number, _, _ in noted), tuple(rows))

    def shared(self, numbers: Iterable[int]) -> None:
        """They were told; what changed since has another number, and stays."""
        with immediate(self._connection):
            self._connection.executemany(
                "DELETE FROM unshared WHERE number = ?", [(number,) for number in numbers]
            )

    def owed(self, now: float) -> list[bytes]:
        """Conversations in which something to the customer is not sent yet; the newest first."""
        with state_errors(self._connection):
            found = self._connection.execute(
                # Updates and surveys are about the mail that was acknowledged.
                "SELECT DISTINCT conversation.shared_id FROM outbox JOIN mail"
                " ON mail.key = iif(outbox.about = x'', outbox.key, outbox.about)"
                " JOIN conversation ON conversation.id = mail.conversation"
                " WHERE outbox.due IS NOT NULL AND outbox.expires > ?"
                " ORDER BY outbox.created DESC LIMIT ?",
                (now, OWED_AT_ONCE),
            ).fetchall()
        return [shared_id for (shared_id,) in found]

    def epoch(self) -> str:
        """Of the Redis that was told everything, or is being told."""
        with state_errors(self._connection):
            found = self._connection.execute("SELECT epoch FROM sharing").fetchone()
        return str(found[0])

    def begin_walk(self, epoch: str, since: float) -> None:
        """A Redis of that epoch is to be told all that happened since then: first who opted out,
        then the rest, the newest first."""
        with immediate(self._connection):
            self._connection.execute(
                "UPDATE sharing SET epoch = ?, stage = ?, stage_time = ?, since = ?,"
                " stage_id = x''",
                (epoch, _OPT_OUTS, _END, since),
            )

    def walk(self) -> bool:
        """Note the next part of what a new Redis has to be told; False when that was all.

        In steps, and never more than is told meanwhile; a restart goes on where it was.
        """
        connection = self._connection
        with immediate(connection):
            stage, at, last, since = connection.execute(
                "SELECT stage, stage_time, stage_id, since FROM sharing"
            ).fetchone()
            if stage not in _NEXT:
                return False
            if self.count() > ENOUGH:
                return True
            steps = {
                _OPT_OUTS: self._opt_outs,
                _CONVERSATIONS: self._conversations,
                _MARKS: self._marks,
            }
            found = steps[stage](at, last, since) or (_NEXT[stage], _END, b"")
            connection.execute("UPDATE sharing SET stage = ?, stage_time = ?, stage_id = ?", found)
        return found[0] != _DONE

    def _opt_outs(self, at: float, last: bytes, since: float) -> tuple[str, float, bytes] | None:
        found = self._connection.execute(
            "SELECT address FROM opt_out WHERE address > ? AND at >= ? AND purpose = 'survey'"
            " ORDER BY address LIMIT ?",
            (last, since, WALKED_AT_ONCE),
        ).fetchall()
        self._note("mark", found)
        return (_OPT_OUTS, at, found[-1][0]) if found else None

    def _conversations(
        self, at: float, last: bytes, since: float
    ) -> tuple[str, float, bytes] | None:
        connection = self._connection
        found = connection.execute(
            "SELECT id, last_activity, shared_id FROM conversation"
            " WHERE (last_activity, shared_id) < (?, ?) AND last_activity >= ?"
            " ORDER BY last_activity DESC, shared_id DESC LIMIT ?",
            (at, last, since, WALKED_AT_ONCE),
        ).fetchall()
        for number, _, shared_id in found:
            self._note("conversation", [(shared_id,)])
            for kind, query in (
                ("mail", "SELECT key FROM mail WHERE conversation = ?"),
                ("message", "SELECT id FROM message WHERE conversation = ?"),
                ("ack", "SELECT key FROM mail JOIN ack USING (key) WHERE conversation = ?"),
            ):
                self._note(kind, connection.execute(query, (number,)).fetchall())
        return (_CONVERSATIONS, found[-1][1], found[-1][2]) if found else None

    def _marks(self, at: float, last: bytes, since: float) -> tuple[str, float, bytes] | None:
        found = self._connection.execute(
            "SELECT latest, address FROM mark WHERE (latest, address) < (?, ?) AND latest >= ?"
            " ORDER BY latest DESC, address DESC LIMIT ?",
            (at, last, since, WALKED_AT_ONCE),
        ).fetchall()
        self._note("mark", [(address,) for _, address in found])
        return (_MARKS, *found[-1]) if found else None

    def _note(self, kind: str, names: Iterable[tuple[bytes]]) -> None:
        self._connection.executemany(
            "INSERT INTO unshared (kind, id) VALUES (?, ?)", [(kind, name) for (name,) in names]
        )

    def _row(self, kind: str, name: bytes) -> Iterator[Row]:
        readers = {
            "conversation": (("c", self._conversation),),
            "mail": (("m", self._mail),),
            "message": (("i", self._message),),
            "ack": (("a", self._ack),),
            "mark": (("k", self._mark), ("s", self._survey)),
        }
        for letter, read in readers[kind]:
            values = read(name)
            if values:
                yield (letter, len(values), *values)

    def _conversation(self, shared_id: bytes) -> Row:
        found = self._connection.execute(
            "SELECT mailbox, customer, began, last_activity, answered, acknowledged, promised,"
            " helpdesk, ticket, id FROM conversation WHERE shared_id = ? ORDER BY id LIMIT 1",
            (shared_id,),
        ).fetchone()
        if found is None:
            return ()
        *values, number = found
        writers = self._connection.execute(
            "SELECT address FROM writer WHERE conversation = ?", (number,)
        ).fetchall()
        return (shared_id, *values, len(writers), *(writer for (writer,) in writers))

    def _mail(self, key: bytes) -> Row:
        found = self._connection.execute(
            "SELECT shared_id, way, at, kind, skill, language, priority FROM mail"
            " JOIN conversation ON conversation.id = mail.conversation WHERE key = ?",
            (key,),
        ).fetchone()
        if found is None:
            return ()
        shared_id, way, at, *words = found
        return (shared_id, key, pack_mail(SharedMail(key, way, at, *words)), at)

    def _message(self, name: bytes) -> Row:
        found = self._connection.execute(
            "SELECT shared_id, last_activity FROM message"
            " JOIN conversation ON conversation.id = message.conversation WHERE message.id = ?",
            (name,),
        ).fetchone()
        return (name, *found) if found else ()

    def _ack(self, key: bytes) -> Row:
        found = self._connection.execute(
            "SELECT at, sent, mailbox, address, subject, network, original_id FROM ack"
            " WHERE key = ? AND address != x''",
            (key,),
        ).fetchone()
        if found is None:
            return ()
        ack = SharedAck(key, *found)
        return (ack.address, key, pack_ack(ack), ack.network)

    def _mark(self, address: bytes) -> Row:
        found = self._connection.execute(
            "SELECT undeliverable, complained, quick_answer, robot FROM mark WHERE address = ?",
            (address,),
        ).fetchone()
        return (address, *found) if found and any(found) else ()

    def _survey(self, address: bytes) -> Row:
        found = self._connection.execute(
            "SELECT coalesce((SELECT asked FROM mark WHERE address = :who), 0.0),"
            " coalesce((SELECT at FROM opt_out WHERE address = :who AND purpose = 'survey'), 0.0)",
            {"who": address},
        ).fetchone()
        return (address, *found) if any(found) else ()
