"""The acknowledgements, updates and surveys that are owed, and the life of each.

    WAITING ──► READY ──► SENDING ──► SENT
                 ▲           ├──► RETRY ──► SENDING ...
                 │           └──► DEAD ──► READY, when an administrator says so
    EXPIRED, SUPPRESSED and DROPPED end the others.

A row is claimed before it is sent, for the time of a lease. Whoever dies with a claim may have died
before or after Postfix took the message: which of the two mistakes is made is `prefer`. Updates and
surveys rather do not come than come twice, whatever is preferred.
The recipient and the text leave the row with the last thing that is owed.
"""

import base64
import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from mailtriage.state.sqlite import immediate, state_errors

State = Literal[
    "WAITING", "READY", "SENDING", "RETRY", "SENT", "DEAD", "EXPIRED", "SUPPRESSED", "DROPPED"
]
Kind = Literal["ack", "update", "survey"]
OWED: Final[tuple[State, ...]] = ("WAITING", "READY", "SENDING", "RETRY")

_KEY_BYTES: Final = 16
_KEY_CHARS: Final = 26
_LOWEST: Final = b""
_HIGHEST: Final = b"\xff" * _KEY_BYTES
_MOST_ERROR: Final = 300


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A mail to be sent now."""

    key: bytes
    """Dedupe key of the mail that it acknowledges; of the others `Tokens.follow_up_key`."""
    address: str
    domain: str
    message: bytes
    attempts: int
    """How often it was claimed, this time included."""
    created: float
    """Seconds since the epoch."""
    kind: Kind = "ack"
    sender: str = ""
    """Reverse-path; empty: the null one."""


class Claimed(NamedTuple):
    """What became of the rows that were due."""

    rows: list[OutboxRow]
    """To be sent: acknowledgements first, the oldest of each first."""
    expired: list[tuple[bytes, Kind]]
    """Those that it was too late for."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A row as an administrator sees it."""

    key: bytes
    state: State
    mailbox: str
    address: str
    """Empty when nothing is owed any more, as is `message`."""
    domain: str
    message: bytes
    attempts: int
    error: str
    """What the server said last; it may quote the address."""
    rule: str
    """Why it is not sent."""
    created: float
    """Seconds since the epoch, as the next three; 0: not so."""
    due: float
    expires: float
    finished: float
    kind: Kind = "ack"


class Outbox:
    """The outbox, on a connection of its own or on the desk's, in one thread.

    Inside of a transaction all methods are part of it; else each is one. They raise StateError.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        prefer: Literal["no_loss", "no_duplicate"] = "no_loss",
    ) -> None:
        self._connection: Final = connection
        self._prefer: Final = prefer

    def claim(self, now: float, lease: float, limit: int, *, others: int | None = None) -> Claimed:
        """At most `limit` rows that are due, oldest first, to be sent within `lease` seconds.

        Acknowledgements go first; at most `others` of the rest are among them, None: as many as
        there is room for. What has expired is marked so and not given out (rule J26). Rows whose
        lease has ended come again; when duplicates are worse than losses they are DEAD instead.
        Nothing is written when nothing is due, so that asking is cheap.
        """
        if not self._is_due(now):
            return Claimed([], [])
        with immediate(self._connection):
            self._connection.execute(
                "UPDATE outbox SET state = 'DEAD', due = NULL, finished = :now,"
                " error = 'unknown outcome: the sender died while Postfix took it'"
                " WHERE due <= :now AND state = 'SENDING' AND (:all OR kind != 'ack')",
                {"now": now, "all": self._prefer == "no_duplicate"},
            )
            expired = self._connection.execute(
                "SELECT key, kind FROM outbox WHERE due <= :now AND expires <= :now", {"now": now}
            ).fetchall()
            for key, _ in expired:
                self._finish(key, "EXPIRED", "J26", now)
            rows = self._claim(now, lease, limit, acks=True)
            room = limit - len(rows)
            if others is not None:
                room = min(room, others)
            if room > 0:
                rows += self._claim(now, lease, room, acks=False)
        return Claimed(rows, expired)

    def _claim(self, now: float, lease: float, limit: int, *, acks: bool) -> list[OutboxRow]:
        claimed = self._connection.execute(
            "UPDATE outbox SET state = 'SENDING', due = :until, attempts = attempts + 1"
            " WHERE key IN (SELECT key FROM outbox"
            " WHERE due <= :now AND state IN ('READY', 'RETRY', 'SENDING')"
            " AND (kind = 'ack') = :acks"
            " ORDER BY due LIMIT :limit)"
            " RETURNING key, address, domain, message, attempts, created, kind, sender",
            {"now": now, "until": now + lease, "limit": limit, "acks": acks},
        ).fetchall()
        rows = [OutboxRow(*values) for values in claimed]
        return sorted(rows, key=lambda row: row.created)

    def sent(self, keys: Sequence[bytes], now: float) -> None:
        """Postfix took them. Whatever else became of a row meanwhile, this is what is true."""
        with immediate(self._connection):
            for key in keys:
                self._finish(key, "SENT", "", now)
                self._connection.execute("UPDATE ack SET sent = ? WHERE key = ?", (now, key))

    def retry(self, key: bytes, due: float, error: str) -> None:
        """It was refused for now; `error`: what the server said."""
        with immediate(self._connection):
            self._connection.execute(
                "UPDATE outbox SET state = 'RETRY', due = ?, error = ?"
                " WHERE key = ? AND state = 'SENDING'",
                (due, error[:_MOST_ERROR], key),
            )
            self._finish_withdrawn(key, due)

    def dead(self, key: bytes, error: str, *, undeliverable: bool, now: float) -> None:
        """It was refused for good, or too often. `undeliverable`: this was about the address, to
        which nothing is sent for a while (rule A8)."""
        values = {"key": key, "now": now, "error": error[:_MOST_ERROR]}
        with immediate(self._connection):
            self._connection.execute(
                "UPDATE outbox SET state = 'DEAD', due = NULL, finished = :now, error = :error"
                " WHERE key = :key AND state = 'SENDING'",
                values,
            )
            if undeliverable:
                self._connection.execute(
                    "INSERT INTO mark (address, undeliverable, latest)"
                    " SELECT address, :now, :now FROM ack WHERE address != x''"
                    " AND key = (SELECT iif(about = x'', key, about) FROM outbox WHERE key = :key)"
                    " ON CONFLICT (address) DO UPDATE SET undeliverable = :now, latest = :now",
                    values,
                )

    def hold(self, keys: Sequence[bytes], due: float) -> None:
        """They were claimed and not tried: not before `due` again, and it counts as no attempt."""
        with immediate(self._connection):
            self._connection.executemany(
                "UPDATE outbox SET state = 'READY', due = ?, attempts = attempts - 1"
                " WHERE key = ? AND state = 'SENDING'",
                [(due, key) for key in keys],
            )
            for key in keys:
                self._finish_withdrawn(key, due)

    def suppress(self, key: bytes, rule: str, now: float) -> None:
        """It is not to be sent any more, because of that rule."""
        with immediate(self._connection):
            if self._state(key) in OWED:
                self._finish(key, "SUPPRESSED", rule, now)

    def withdraw(self, key: bytes, rule: str, now: float) -> bool:
        """As `suppress`. One that is on its way may arrive; should the server refuse it for now it
        is not tried again. False when nothing is owed."""
        with immediate(self._connection):
            state = self._state(key)
            if state == "SENDING":
                self._connection.execute("UPDATE outbox SET rule = ? WHERE key = ?", (rule, key))
            elif state in OWED:
                self._finish(key, "SUPPRESSED", rule, now)
        return state in OWED

    def withdraw_others(self, wanted: Collection[tuple[str, str]], now: float) -> int:
        """Updates and surveys that a mailbox does not send any more go no more, rule "off".

        `wanted`: mailboxes with the kinds that each sends. Returns how many they were.
        """
        with immediate(self._connection):
            owed = self._connection.execute(
                "SELECT key, mailbox, kind FROM outbox WHERE due IS NOT NULL AND kind != 'ack'"
            ).fetchall()
            others = [key for key, mailbox, kind in owed if (mailbox, kind) not in wanted]
            for key in others:
                self.withdraw(key, "off", now)
        return len(others)

    def release(self, key: bytes, message: bytes, now: float) -> None:
        """A waiting one goes out, with this message."""
        with immediate(self._connection):
            self._connection.execute(
                "UPDATE outbox SET state = 'READY', due = ?, message = ?, plan = ''"
                " WHERE key = ? AND state = 'WAITING'",
                (now, message, key),
            )

    def overdue(self, now: float) -> list[OutboxRow]:
        """Those that have waited long enough, as they are; hand each to `release`."""
        with state_errors(self._connection):
            found = self._connection.execute(
                "SELECT key, address, domain, message, attempts, created"
                " FROM outbox WHERE due <= ? AND state = 'WAITING' ORDER BY due",
                (now,),
            ).fetchall()
        return [OutboxRow(*values) for values in found]

    def sent_since(self, since: float) -> tuple[Counter[str], int]:
        """How many were sent since then: by domain, and in all."""
        with state_errors(self._connection):
            found = self._connection.execute(
                "SELECT domain, count(*) FROM outbox"
                " WHERE finished > ? AND state = 'SENT' GROUP BY domain",
                (since,),
            ).fetchall()
        by_domain: Counter[str] = Counter(dict(found))
        return by_domain, by_domain.total()

    def counts(self) -> dict[State, int]:
        """How many rows there are of each state that has any."""
        with state_errors(self._connection):
            return dict(
                self._connection.execute(
                    "SELECT state, count(*) FROM outbox GROUP BY state"
                ).fetchall()
            )

    def rows(self, *, finished: bool) -> list[OutboxEntry]:
        """What is owed and what is DEAD, and with `finished` the rest, too; newest first."""
        return self._entries(_LOWEST, _HIGHEST, finished=finished, limit=-1)

    def get(self, prefix: str) -> list[OutboxEntry]:
        """The rows whose key, as `key_text` writes it, begins so; two at most."""
        bounds = _bounds(prefix)
        return self._entries(*bounds, finished=True, limit=2) if bounds else []

    def revive(self, key: bytes, now: float, expires: float) -> bool:
        """A DEAD one, or one that waits for its next attempt, is tried at once, as if it were new.

        False when it is neither. Of updates and surveys none that is DEAD comes back, nor one that
        has expired: what it says may be wrong by now.
        """
        with immediate(self._connection):
            changed = self._connection.execute(
                "UPDATE outbox SET state = 'READY', due = ?, finished = NULL, attempts = 0,"
                " expires = iif(kind = 'ack', max(expires, ?), expires) WHERE key = ?"
                " AND (state IN ('READY', 'RETRY') OR (state = 'DEAD' AND kind = 'ack'))",
                (now, expires, key),
            )
        return changed.rowcount > 0

    def drop(self, key: bytes, now: float) -> bool:
        """It is not to be sent, because an administrator says so.

        False when it is on its way at this moment, or was finished before.
        """
        with immediate(self._connection):
            possible = self._state(key) in ("WAITING", "READY", "RETRY", "DEAD")
            if possible:
                self._finish(key, "DROPPED", "", now)
        return possible

    def _finish(self, key: bytes, state: State, rule: str, now: float) -> None:
        """The error goes, too: what a server says may quote the address."""
        self._connection.execute(
            "UPDATE outbox SET state = ?, rule = ?, finished = ?, due = NULL, error = '',"
            " address = NULL, message = NULL, plan = NULL WHERE key = ?",
            (state, rule, now, key),
        )
        if state != "SENT":
            # Nobody was asked.
            self._connection.execute("DELETE FROM survey WHERE key = ?", (key,))

    def _finish_withdrawn(self, key: bytes, now: float) -> None:
        found = self._connection.execute(
            "SELECT rule FROM outbox WHERE key = ? AND state IN ('READY', 'RETRY') AND rule != ''",
            (key,),
        ).fetchone()
        if found is not None:
            self._finish(key, "SUPPRESSED", found[0], now)

    def _state(self, key: bytes) -> str:
        found = self._connection.execute("SELECT state FROM outbox WHERE key = ?", (key,))
        return str((found.fetchone() or ("",))[0])

    def _entries(self, low: bytes, high: bytes, *, finished: bool, limit: int) -> list[OutboxEntry]:
        with state_errors(self._connection):
            found = self._connection.execute(
                "SELECT key, state, mailbox, coalesce(address, ''), domain,"
                " coalesce(message, x''), attempts, error, rule, created, coalesce(due, 0.0),"
                " expires, coalesce(finished, 0.0), kind FROM outbox WHERE key BETWEEN ? AND ?"
                " AND (? OR state IN ('WAITING', 'READY', 'SENDING', 'RETRY', 'DEAD'))"
                " ORDER BY created DESC, key LIMIT ?",
                (low, high, finished, limit),
            ).fetchall()
        return [OutboxEntry(*values) for values in found]

    def _is_due(self, now: float) -> bool:
        with state_errors(self._connection):
            found = self._connection.execute(
                "SELECT 1 FROM outbox WHERE due <= ? AND state != 'WAITING' LIMIT 1", (now,)
            )
            return found.fetchone() is not None


def key_text(key: bytes) -> str:
    """A key as it stands in the Message-ID of the acknowledgement: `<ack.KEY.…@domain>`."""
    return base64.b32encode(key).decode("ascii").rstrip("=").lower()


def _bounds(prefix: str) -> tuple[bytes, bytes] | None:
    """The first and the last key whose text begins so; None when none can."""
    text = prefix.upper()
    if not 0 < len(text) <= _KEY_CHARS:
        return None
    try:
        # "A" is five zero bits and "7" five ones; what goes beyond 16 bytes is cut off.
        low, high = (
            base64.b32decode(text.ljust(_KEY_CHARS, fill) + "======")[:_KEY_BYTES] for fill in "A7"
        )
    except ValueError:
        return None
    return low, high
