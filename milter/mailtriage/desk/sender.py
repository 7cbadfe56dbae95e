"""The ack worker's work: takes what is owed out of the outbox and hands it to the mail server.

Acknowledgements, and behind them updates and surveys, which never hold up one.

A row is claimed, for a minute, only when a connection is free for it; then it is sent, and marked
at once: what was sent and not yet marked when the process is killed is sent again, and nothing else
ever is. One message at a time is between its first octet and its mark.

What the server says of a mail decides over that mail. What it does not say, because it is down,
hangs or refuses to talk, decides over no mail: the circuit breaker opens, and all of them wait.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Final

from mailtriage.clock import Clock
from mailtriage.config.acks import AckConfig
from mailtriage.desk.breaker import PROBE_EVERY, Breaker
from mailtriage.desk.outbox_thread import OutboxThread, OutboxUnusableError
from mailtriage.desk.pace import HOUR, Pace
from mailtriage.desk.report import Level, Report
from mailtriage.desk.submit import Answer, Result, Submission
from mailtriage.desk.turn import Turn
from mailtriage.state.outbox import Outbox, OutboxRow, key_text

CONNECTIONS: Final = 4
"""One that hangs before its message holds up no other. But only one at a time has its message on
the way or not yet marked: a kill between the server's 250 and our mark can then double one
acknowledgement and no more (RFC 1047 has no cure for that one).
"""

LEASE: Final = 60.0
"""Seconds for which a claimed row is ours; after that whoever comes next takes it for abandoned."""

SEND_LIMIT: Final = 50.0
"""Seconds for one mail, without those that it waits for its turn: it is settled before the lease
ends."""

LOOK: Final = 0.05
"""Seconds between two looks for something new."""

LOOK_ANYWAY: Final = 1.0
"""Seconds after which due retries and ended leases are looked for although nothing changed."""

BACKOFF: Final = (2.0, 10.0, 30.0, 120.0, 300.0)
"""Seconds before the second, third … attempt; the last one again for all further ones."""

MOST_ATTEMPTS: Final = 9
"""The failure of the last one ends it."""

_PATIENCE: Final = 1.0
"""Seconds before a database that failed is tried again, and for the last marks when leaving."""

TOO_NEW: Final = "A12"
"""The rule that an address which needs SMTPUTF8 is answered only through servers that have it."""


@dataclass(frozen=True, slots=True)
class _Tried:
    """One row that was tried."""

    row: OutboxRow
    answer: Answer
    seconds: float
    turn: Turn


@dataclass(frozen=True, slots=True)
class _Mark:
    """What becomes of a row, and the state that the log names."""

    state: str
    level: Level
    write: Callable[[Outbox, float], None]


class Sender:
    """Lives in one event loop."""

    def __init__(
        self,
        outbox: OutboxThread,
        config: AckConfig,
        hostname: str,
        report: Report,
        mask: Callable[[str], str],
        clock: Clock = time.time,
        *,
        kinds: Collection[tuple[str, str]] | None = None,
    ) -> None:
        """`hostname` is what the server is greeted with; empty: the name of the machine. `mask`
        makes of an address or a domain what may stand in the log. `kinds`: what each mailbox sends
        beside acknowledgements; the rest that is owed is withdrawn. None: nothing is."""
        self._outbox: Final = outbox
        self._config: Final = config
        self._report: Final = report
        self._mask: Final = mask
        self._clock: Final = clock
        self._kinds = kinds
        self._breaker: Final = Breaker()
        self._pace: Pace | None = None
        self._connections: Final = [Submission(config.submit, hostname) for _ in range(CONNECTIONS)]
        self._idle: Final = list(self._connections)
        self._in_hand: Final[set[bytes]] = set()
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._unmarked: list[_Tried] = []
        self._marking: Final = asyncio.Lock()
        self._window: Final = asyncio.Lock()
        self._look_again = True
        self._looked = 0.0
        self._limited: Final[set[str]] = set()
        self._unusable = False
        self._leaving = False
        self._wake: Final = asyncio.Event()

    async def run(self, drain: float) -> None:
        """Send what is owed until `leave` is called; then finish what is on its way, for `drain`
        seconds at most."""
        while not self._leaving:
            pause = LOOK
            self._wake.clear()
            try:
                await self._mark()
                await self._feed()
                if self._unusable:
                    self._unusable = False
                    self._report("info", {"event": "outbox-usable"})
            except OutboxUnusableError as fault:
                if not self._unusable:
                    self._report("error", {"event": "outbox-unusable", "fault": fault})
                self._unusable = True
                pause = _PATIENCE
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
        await self._finish(drain)

    def leave(self) -> None:
        """Take nothing new, and let `run` come to its end."""
        self._leaving = True
        self._wake.set()

    # Taking.

    async def _feed(self) -> None:
        now = self._clock()
        if self._kinds is not None:
            kinds = self._kinds
            await self._outbox.call(lambda outbox: outbox.withdraw_others(kinds, now))
            self._kinds = None
        if await self._outbox.has_news():
            self._look_again = True
        if time.monotonic() - self._looked >= LOOK_ANYWAY:
            self._look_again = True
            await self._release_overdue(now)
            for connection in tuple(self._idle):
                await connection.rest()
        limit = self._may_take(now) if self._look_again else 0
        if limit < 1:
            return
        self._looked = time.monotonic()
        # Half of what may go out at once is kept for acknowledgements.
        others = max(0, self._pace.room(now) - self._config.limits.burst // 2) if self._pace else 0
        rows, expired = await self._outbox.call(
            lambda outbox: outbox.claim(now, LEASE, limit, others=others)
        )
        for key, kind in expired:
            fields = {"event": kind, "state": "expired", "rule": "J26", "key": key_text(key)}
            self._report("warning", fields)
        # As many as asked for: there may be more.
        self._look_again = len(rows) == limit
        # One that is still in hand was ours before: its mark could not be written in time.
        for row in await self._paced([row for row in rows if row.key not in self._in_hand], now):
            self._begin(row)

    def _may_take(self, now: float) -> int:
        if self._breaker.is_open:
            return int(not self._in_hand and not self._breaker.seconds_to_wait())
        room = self._pace.room(now) if self._pace else 1
        self._tell_limit("", limited=room < 1)
        return min(len(self._idle), room)

    async def _paced(self, rows: list[OutboxRow], now: float) -> list[OutboxRow]:
        """Those that may go out now; the others are held until they may."""
        if self._pace is None:
            counts, total = await self._outbox.call(lambda outbox: outbox.sent_since(now - HOUR))
            self._pace = Pace(self._config.limits, now, sent=total, to_domains=counts)
        go, held = [], []
        ahead: Counter[str] = Counter()
        for row in rows:
            wait = self._pace.wait_for(row.domain, now, ahead[row.domain])
            self._tell_limit(row.domain, limited=wait > 0)
            if wait > 0:
                ahead[row.domain] += 1
                held.append((row.key, now + wait))
            else:
                self._pace.take(row.domain, now)
                go.append(row)
        if held:
            await self._outbox.write(partial(_hold, rows=held))
        return go

    def _tell_limit(self, domain: str, *, limited: bool) -> None:
        """Once when it begins, once when it ends; "" stands for the limit of all."""
        if limited == (domain in self._limited):
            return
        (self._limited.add if limited else self._limited.discard)(domain)
        fields = {"event": "ack-limit", "rule": "F6", "state": "begins" if limited else "ends"}
        fields["limit"] = "per_domain" if domain else "per_hour"
        if domain:
            fields["domain"] = self._mask(domain)
        self._report("warning" if limited else "info", fields)

    async def _release_overdue(self, now: float) -> None:
        """Deferred acknowledgements whose ticket never came go out as they are."""
        rows = await self._outbox.call(lambda outbox: outbox.overdue(now))
        if rows:
            await self._outbox.write(partial(_release, rows=rows, now=now))
        for row in rows:
            self._report("info", {"event": "ack", "state": "waited", "key": key_text(row.key)})

    # Sending.

    def _begin(self, row: OutboxRow) -> None:
        self._in_hand.add(row.key)
        if self._breaker.is_open:
            self._breaker.probing()
        task = asyncio.create_task(self._send(row, self._idle.pop()))
        self._tasks.add(task)  # the event loop itself holds tasks only weakly
        task.add_done_callback(self._tasks.discard)

    async def _send(self, row: OutboxRow, connection: Submission) -> None:
        turn = Turn(self._window)
        begun = time.monotonic()
        try:
            answer = await connection.send(
                row.address, row.message, SEND_LIMIT, turn.begin, sender=row.sender
            )
        except Exception as fault:  # noqa: BLE001  a bug of ours: this row suffers, and no other
            connection.drop()
            answer = Answer(Result.REJECTED, f"fault {type(fault).__name__}")
        finally:
            self._idle.append(connection)  # last in, first out: few connections stay warm
        self._judge_server(answer)
        if self._pace and answer.result not in (Result.SENT, Result.UNKNOWN):
            self._pace.give_back(row.domain)
        self._unmarked.append(_Tried(row, answer, time.monotonic() - begun, turn))
        if self._look_again and not self._leaving:
            self._wake.set()
        with contextlib.suppress(OutboxUnusableError):  # `run` comes again, and tells
            await self._mark()

    def _judge_server(self, answer: Answer) -> None:
        if answer.server_talks:
            if self._breaker.succeeded():
                self._look_again = True
                self._report("info", {"event": "ack-server", "state": "up"})
        elif answer.server_fails and self._breaker.failed():
            self._report(
                "error",
                {
                    "event": "ack-server",
                    "state": "down",
                    "server": self._config.submit,
                    "fault": answer.detail,
                },
            )

    # Marking.

    async def _mark(self) -> None:
        """Write down what became of everything that was tried, and end its turn. Raises
        OutboxUnusableError: then it is known still, and no other begins."""
        async with self._marking:
            # Whoever comes while another writes finds everything written, or the next lot waiting.
            batch, self._unmarked = self._unmarked, []
            if not batch:
                return
            now = self._clock()
            marks = [(tried, self._decide(tried, now)) for tried in batch]
            try:
                await self._outbox.write(lambda outbox: _write(outbox, marks, now))
            except BaseException:
                self._unmarked = batch + self._unmarked
                raise
            for tried, mark in marks:
                tried.turn.end()
                self._in_hand.discard(tried.row.key)
                self._tell(tried, mark, now)

    def _decide(self, tried: _Tried, now: float) -> _Mark:
        row, detail = tried.row, tried.answer.detail
        key = row.key

        def dead(why: str, *, undeliverable: bool = False) -> _Mark:
            return _Mark(
                "dead",
                "error",
                lambda outbox, at: outbox.dead(key, why, undeliverable=undeliverable, now=at),
            )

        def again() -> _Mark:
            due = now + _pause(row.attempts)
            return _Mark("retry", "warning", lambda outbox, _: outbox.retry(key, due, detail))

        def held(due: float) -> _Mark:
            return _Mark("held", "debug", lambda outbox, _: outbox.hold([key], due))

        match tried.answer.result:
            case Result.SENT:
                return _Mark("sent", "info", lambda outbox, at: outbox.sent([key], at))
            case Result.UNDELIVERABLE:
                return dead(detail, undeliverable=True)
            case Result.REJECTED | Result.NO_ADDRESS:
                return dead(detail or "not an address")
            case Result.NEEDS_UTF8:
                return _Mark(
                    "suppressed", "info", lambda outbox, at: outbox.suppress(key, TOO_NEW, at)
                )
            case Result.NO_TURN:
                return held(now)
            case Result.SERVER if self._leaving or self._breaker.is_open:
                # Another one is the next probe: it might be this row that the server trips over.
                return held(now if self._leaving else now + 2 * PROBE_EVERY)
            case Result.SERVER:
                return again()
            case Result.UNKNOWN if (
                self._config.prefer == "no_duplicate" or row.attempts > 1 or row.kind != "ack"
            ):
                # Once more, with the same Message-ID, for the sake of no_loss; but a server that
                # takes mails and is slow to say so must not be given one over and over.
                return dead("unknown outcome")
            case _:
                return again() if row.attempts < MOST_ATTEMPTS else dead(f"gave up: {detail}")

    def _tell(self, tried: _Tried, mark: _Mark, now: float) -> None:
        row = tried.row
        fields: dict[str, object] = {
            "event": row.kind,
            "state": mark.state,
            "key": key_text(row.key),
            "address": self._mask(row.address),
            "attempts": row.attempts,
            "ms": f"{tried.seconds * 1000:.1f}",
            "delay": f"{now - row.created:.1f}",
        }
        if tried.answer.result is not Result.SENT:
            fields["answer"] = tried.answer.detail or tried.answer.result
        self._report(mark.level, fields)

    # Leaving.

    async def _finish(self, drain: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain)
        for connection in self._connections:
            if connection not in self._idle:
                connection.drop()  # its task ends, and says how far it had come
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_PATIENCE)
        for task in tuple(self._tasks):
            task.cancel()
        # What cannot be written down now is sent again when its lease has ended.
        with contextlib.suppress(OutboxUnusableError, TimeoutError):
            await asyncio.wait_for(self._mark(), _PATIENCE)
        await asyncio.gather(*(connection.quit() for connection in self._idle))
        await self._outbox.close()


def _pause(attempts: int) -> float:
    """Seconds before the next attempt. A little more, by chance, so that those which failed
    together do not come back together."""
    backoff = BACKOFF[min(attempts, len(BACKOFF)) - 1] if attempts > 0 else BACKOFF[0]
    return backoff * random.uniform(1.0, 1.2)  # noqa: S311  spreads load, guards nothing


def _hold(outbox: Outbox, *, rows: list[tuple[bytes, float]]) -> None:
    for key, due in rows:
        outbox.hold([key], due)


def _release(outbox: Outbox, *, rows: list[OutboxRow], now: float) -> None:
    for row in rows:
        outbox.release(row.key, row.message, now)


def _write(outbox: Outbox, marks: list[tuple[_Tried, _Mark]], now: float) -> None:
    for _, mark in marks:
        mark.write(outbox, now)
