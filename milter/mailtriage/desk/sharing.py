"""What several nodes do together: one mail has its effect once, whichever of them it comes to.

Each node decides by its own database, in one transaction, as it would alone. Before that one
question to Redis claims the mail and brings what the others know, which is written down first
(`Judgement`); afterwards what has changed is told (`Publisher`). Without Redis a node goes on with
what it knows; what it has to tell waits in its database, and is told when Redis is back.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

from mailtriage.acks.case import question_about
from mailtriage.acks.tokens import Tokens
from mailtriage.desk.commit import DatabaseUnusableError, GroupCommit
from mailtriage.desk.copy import Copy
from mailtriage.desk.handle import KNOWN, Outcome, Prepared
from mailtriage.desk.report import Report
from mailtriage.faults import place_of
from mailtriage.state.ledger import LedgerQuestion
from mailtriage.state.redis_bounded import BoundedRedis
from mailtriage.state.redis_link import RedisError, RedisLink
from mailtriage.state.redis_scripts import POLL, PULL, PUSH, Script
from mailtriage.state.shared_question import horizon_of, pull_values, read_pulled
from mailtriage.state.shared_records import Pulled, SharedDataError, SharedOutcome, number
from mailtriage.state.shared_tables import AT_ONCE, Unshared
from mailtriage.state.store import OutboundEffect, Store, WaitingAck

LIMIT: Final = 0.5
"""Seconds that a hidden copy waits for Redis. Nobody waits for the copy, as the mail itself has
gone its way; and a node that gives up too soon acknowledges what another one has in hand."""

ANSWER: Final = 1.0
"""Seconds for a connection, and for an answer, in the background."""

EVERY: Final = 1.0
"""Seconds between two looks at what became of conversations elsewhere."""

GAP: Final = 0.02
"""Seconds in which changes gather that are told together."""

LOST: Final = 7200.0
"""Seconds: what Redis was told so long before it ended may not be on its disk, or on the replica
that takes its place. With appendfsync everysec it is one; with snapshots alone, an hour."""

CLOCKS_APART: Final = 5.0
"""Seconds by which the clock of Redis may differ from ours."""
CLOCKS_WILD: Final = 86_400.0
"""Seconds from which on nothing is told: times are merged by their maximum, so that one that is far
ahead would count on every node until it has come."""


class Judging(Protocol):
    """What follows from a mail on one node: `handle.Handler`."""

    def prepare(self, copy: Copy, now: float) -> Prepared | None:
        """See `delivery.Judgement`."""

    def apply(self, prepared: Prepared, store: Store, now: float) -> Outcome:
        """See `delivery.Judgement`."""

    def release(self, waiting: Iterable[WaitingAck], ticket: str, store: Store, now: float) -> None:
        """See `Handler.release`."""


class SharedJudgement:
    """The desk's judgement on one of several nodes."""

    def __init__(
        self,
        judging: Judging,
        link: Callable[[], RedisLink],
        tokens: Tokens,
        cool_down: float,
        *,
        limit: float = LIMIT,
    ) -> None:
        """`link` makes a connection; the others as for `RedisLedger`."""
        self._judging: Final = judging
        self._tokens: Final = tokens
        self._horizon: Final = horizon_of(cool_down)
        self.redis: Final = BoundedRedis(link, limit)
        self.node = b""
        """The id of this node; empty until the database has been opened: nothing is claimed."""
        self.database_usable = True
        """Nor is anything while it is not: the mail comes again, perhaps when a new database has
        another id, and until then another node may have it."""
        self.applied: Callable[[], None] = lambda: None
        """Called, in the thread that writes, for each mail."""

    @property
    def claimant(self) -> bytes:
        """Who claims a mail; empty: nobody."""
        return self.node if self.database_usable else b""

    def prepare(self, copy: Copy, now: float) -> Prepared | None:
        """See `delivery.Judgement`."""
        prepared = self._judging.prepare(copy, now)
        if prepared is None:
            return None
        return replace(prepared, shared=self._pulled(prepared, now))

    def apply(self, prepared: Prepared, store: Store, now: float) -> Outcome:
        """See `delivery.Judgement`."""
        self.applied()
        shared = prepared.shared
        if shared is not None:
            store.hear(shared)
            if prepared.case is not None and shared.claim in ("other", "recorded"):
                return KNOWN
        return self._judging.apply(prepared, store, now)

    def look_again(self) -> None:
        """Redis answers in the background: perhaps it does when a mail asks, too."""
        nothing = LedgerQuestion(b"", "", "", "", "", "", (), time.time())
        self.redis.look_again(PULL, pull_values(nothing, self._tokens, self._horizon))

    def pulled_about(self, question: LedgerQuestion) -> Pulled | None:
        """What is known of that conversation and that person; None: Redis does not say. Nothing is
        claimed."""
        answer = self.redis.ask(PULL, pull_values(question, self._tokens, self._horizon))
        try:
            return None if answer is None else read_pulled(answer)
        except SharedDataError:
            return None

    def release(self, waiting: Iterable[WaitingAck], ticket: str, store: Store, now: float) -> None:
        """See `Handler.release`."""
        self._judging.release(waiting, ticket, store, now)

    def _pulled(self, prepared: Prepared, now: float) -> Pulled | None:
        node = self.claimant
        also: tuple[str, ...] = ()
        if prepared.case is not None:
            question = question_about(prepared.case)
            ids = (question.message_id, prepared.only_here)
            also = tuple(one for one in dict.fromkeys(ids) if one)
        elif prepared.outbound is not None:
            out = prepared.outbound
            own = (out.message_id,) if out.message_id else ()
            question = LedgerQuestion(out.key, "", "", "", "", "", (*own, *out.references), now)
            node = b""  # what goes out is no less true for having been seen twice
        else:
            return None
        values = pull_values(question, self._tokens, self._horizon, node=node, also=also)
        answer = self.redis.ask(PULL, values)
        try:
            return None if answer is None else read_pulled(answer)
        except SharedDataError:
            return None


class _Look(NamedTuple):
    """The database at one moment."""

    epoch: str
    owed: list[bytes]
    unshared: Unshared
    waiting: int
    """Rows that are noted."""


class Publisher:
    """Tells the others what has changed here, and hears what became of what is owed here."""

    def __init__(
        self,
        judgement: SharedJudgement,
        link: Callable[[], RedisLink],
        retention: float,
        report: Report,
        gauge: Callable[[int], None],
    ) -> None:
        """`gauge` is told how many rows wait to be told. Belongs to the event loop that runs it."""
        self.judgement: Final = judgement
        self._make: Final = link
        self._link: RedisLink | None = None
        self._keep: Final = int(retention)
        self._report: Final = report
        self._gauge: Final = gauge
        self._thread: Final = ThreadPoolExecutor(1, "sharing")
        self._wake: Final = asyncio.Event()
        self._unusable: str | None = None
        """Why nothing is shared at present; empty: all is well; None: not known yet."""
        self._away = False
        self._failures = 0
        self._open = False
        self._clock_told = False
        self._polled = 0.0
        self._walking = True

    @property
    def database_usable(self) -> bool:
        """While it is not, nothing is asked of it here: on a full disk a look succeeds, and would
        look as if mails could be written again."""
        return self.judgement.database_usable

    @database_usable.setter
    def database_usable(self, usable: bool) -> None:
        self.judgement.database_usable = usable

    async def begin(self, commit: GroupCommit) -> None:
        """Before the first mail: from now on changes are noted, and mails claimed."""
        loop = asyncio.get_running_loop()
        self.judgement.applied = lambda: _suppressing(loop, self._wake)
        with contextlib.suppress(DatabaseUnusableError):  # told already; `run` tries again
            await self._switch(commit)

    async def run(self, commit: GroupCommit) -> None:
        """Until cancelled."""
        polled = 0.0
        while True:
            more = False
            try:
                if not self.database_usable:
                    await asyncio.sleep(EVERY)
                    continue
                if not self.judgement.node:
                    await self._switch(commit)
                poll = time.monotonic() - polled >= EVERY
                polled = time.monotonic() if poll else polled
                if poll or not self._away:
                    more = await self._round(commit, poll=poll)
                    self._tell("")
            except DatabaseUnusableError:
                pass  # told already, once for all
            except RedisError as error:
                self._tell(str(error))
            except Exception as fault:  # noqa: BLE001  whatever it was, mail goes on
                self._tell(f"fault at {place_of(fault)}")
            await self._pause(more=more)

    async def close(self, commit: GroupCommit) -> None:
        """Tell what has changed last, once; what Redis does not take waits for the next start."""
        with contextlib.suppress(DatabaseUnusableError, RedisError, TimeoutError):
            async with asyncio.timeout(2 * ANSWER):
                while not self._away and await self._round(commit, poll=False):
                    pass
        self.judgement.redis.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _switch(self, commit: GroupCommit) -> None:
        self.judgement.node = await commit.run_alone(lambda store: store.sharing.switch(on=True))

    async def _pause(self, *, more: bool) -> None:
        if not more:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), EVERY)
        self._wake.clear()
        await asyncio.sleep(0 if more else GAP)

    async def _round(self, commit: GroupCommit, *, poll: bool) -> bool:
        """One look, and what follows; whether there is more to do at once."""
        look = await commit.run_alone(lambda store: _look(store, owed=poll))
        self._gauge(look.waiting)
        if poll:
            await self._poll(commit, look)
        if look.unshared.numbers:
            await self._push(commit, look.unshared)
        elif self._walking:
            self._walking = await commit.run_alone(lambda store: store.sharing.walk())
        return len(look.unshared.numbers) == AT_ONCE or self._walking

    async def _poll(self, commit: GroupCommit, look: _Look) -> None:
        answer = await self._ask(POLL, secrets.token_hex(8), self._keep, *look.owed)
        epoch, run, redis_time, news = answer
        self._compare_clocks(number(redis_time))
        await self._compare_epochs(commit, look.epoch, epoch.decode(), run.decode())
        self._polled = time.time()
        self.judgement.look_again()
        for shared_id, (answered, helpdesk, ticket) in zip(look.owed, news, strict=True):
            outcome = SharedOutcome(
                shared_id, number(answered), number(helpdesk), ticket.decode(errors="replace")
            )
            if outcome.answered or outcome.helpdesk or outcome.ticket:
                await self._hear(commit, outcome)

    async def _compare_epochs(self, commit: GroupCommit, known: str, epoch: str, run: str) -> None:
        """Tell a Redis everything that knows nothing; one that was started anew, or has taken the
        place of another, what is so recent that it may not have been kept."""
        current = f"{epoch}.{run}"
        if not epoch or current == known:
            return
        same = known.partition(".")[0] == epoch
        since = self._polled - LOST if same and self._polled else 0.0
        await commit.run_alone(lambda store: store.sharing.begin_walk(current, since))
        self._walking = True

    async def _push(self, commit: GroupCommit, unshared: Unshared) -> None:
        values = [value for row in unshared.rows for value in row]
        (epoch,) = await self._ask(PUSH, "", self._keep, *values)
        if not epoch:
            return  # it was emptied this moment: the next look begins anew, and these stay
        await commit.run_alone(lambda store: store.sharing.shared(unshared.numbers))

    async def _hear(self, commit: GroupCommit, outcome: SharedOutcome) -> None:
        """What a mail of the helpdesk through another node means for what is owed here."""

        def hear(store: Store) -> OutboundEffect:
            now = time.time()
            effect = store.hear_outcome(outcome, now)
            self.judgement.release(effect.release, outcome.ticket, store, now)
            return effect

        effect = await commit.run(hear)
        if effect.suppressed or effect.release:
            self._report(
                "info",
                {
                    "event": "desk-elsewhere",
                    "suppressed": len(effect.suppressed),
                    "released": len(effect.release),
                },
            )

    async def _ask(self, script: Script, epoch: str, *values: str | bytes | float) -> list[Any]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._run, script, epoch, values)

    def _run(
        self, script: Script, epoch: str, values: tuple[str | bytes | float, ...]
    ) -> list[Any]:
        if self._link is None:
            self._link = self._make()
        return self._link.run(script, epoch, values)

    def _compare_clocks(self, redis_time: float) -> None:
        """Raises RedisError when one of the two is out of its mind."""
        apart = abs(time.time() - redis_time)
        if apart > CLOCKS_APART and not self._clock_told:
            self._report("warning", {"event": "shared-clock", "seconds": f"{apart:.0f}"})
        self._clock_told = apart > CLOCKS_APART
        if apart > CLOCKS_WILD:
            days = apart / CLOCKS_WILD
            raise RedisError(
                f"its clock is {days:.0f} days from ours: nothing is told until it is not"
            )

    def _tell(self, problem: str) -> None:
        """When it begins, when it ends, and when it is another one."""
        self._away = bool(problem)
        problem = problem or self.judgement.redis.problem
        is_open = bool(self.judgement.redis.problem)
        if is_open != self._open:
            state = "open" if is_open else "closed"
            self._report("debug", {"event": "shared-circuit", "state": state})
        self._open = is_open
        failures = self.judgement.redis.failures
        if failures > self._failures:
            self._report(
                "debug", {"event": "shared-unanswered", "mails": failures - self._failures}
            )
            self._failures = failures
        if problem and problem != self._unusable:
            fields: dict[str, object] = {"state": "unusable", "fault": problem}
            self._report("error", {"event": "shared-state"} | fields)
        elif not problem and self._unusable != "":
            self._report("info", {"event": "shared-state", "state": "usable"})
        self._unusable = problem


def _look(store: Store, *, owed: bool) -> _Look:
    tables = store.sharing
    wanted = tables.owed(time.time()) if owed else []
    return _Look(tables.epoch(), wanted, tables.unshared(), tables.count())


def _suppressing(loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(wake.set)
