"""The part of the desk that comes back to conversations: updates before a promise slips, surveys.

Every half minute it takes the rows that are due and looks at each in a transaction that also holds
the mails of that moment, so that it waits for the disk no more often than they do. Nothing that
happens in here holds up a mail, and whatever goes wrong here sends none.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from mailtriage.acks.follow_up_texts import load_follow_up_texts
from mailtriage.acks.tokens import Tokens
from mailtriage.clock import Clock
from mailtriage.config import Config
from mailtriage.desk.answers import MeasuredAnswers
from mailtriage.desk.commit import DatabaseUnusableError, GroupCommit
from mailtriage.desk.follow_up_desk import FollowUpDesk, Looked
from mailtriage.desk.follow_up_kept import wanted
from mailtriage.desk.report import Report
from mailtriage.faults import place_of
from mailtriage.insight.promises import Knowledge
from mailtriage.policies.load import ACKS
from mailtriage.shipped import shipped_directory
from mailtriage.state.ledger import LedgerQuestion
from mailtriage.state.shared_records import Pulled
from mailtriage.state.store import Store

EVERY: Final = 30.0
"""Seconds between two looks at what is due."""

CATCH_UP: Final = 60.0
"""Seconds before the first, and after the database could not be written: among the mails that
Postfix kept meanwhile, and brings now, may be the answer that makes an update superfluous. The
clock of a machine that has just started may be set in them, too."""

AT_ONCE: Final = 100
"""Rows that are taken at a time."""

TOGETHER: Final = 10
"""Of these so many are looked at in one transaction: some milliseconds."""

UNHEARD: Final = 60.0
"""Seconds before a conversation is looked at again of which Redis did not say what it knows."""

JUMP: Final = 120.0
"""Seconds by which the clock was set, if it was not the passing of time."""

SETTLED: Final = 900.0
"""Seconds for which nothing is sent after that: what was set wrong is set right by then."""

Ask = Callable[[LedgerQuestion], Pulled | None]
"""What other nodes know of that conversation, and of the one who would be written to; None: no
answer. Called in a thread."""


class FollowUpTask:
    """Lives in the desk's event loop."""

    def __init__(
        self,
        desk: FollowUpDesk,
        commit: GroupCommit,
        report: Report,
        *,
        ask: Ask | None = None,
        clock: Clock = time.time,
        recovered: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`ask` None: there are no other nodes. `recovered`: when the database could be written
        again after it could not, by `time.monotonic`."""
        self._desk: Final = desk
        self._commit: Final = commit
        self._report: Final = report
        self._ask: Final = ask
        self._clock: Final = clock
        self._recovered: Final = recovered

    async def run(self) -> None:
        """Until cancelled."""
        pause, quiet_until = CATCH_UP, 0.0
        now, ticks = self._clock(), time.monotonic()
        while True:
            await asyncio.sleep(pause)
            last, now = now, self._clock()
            before, ticks = ticks, time.monotonic()
            pause = EVERY
            if abs((now - last) - (ticks - before)) > JUMP:
                quiet_until = ticks + SETTLED
                self._report("warning", {"event": "follow-up-clock", "seconds": round(now - last)})
            quiet_until = max(quiet_until, self._recovered() + CATCH_UP)
            if ticks >= quiet_until:
                await self.look()

    async def look(self) -> int:
        """Once at everything that is due; returns how many conversations that were."""
        looked_at: set[int] = set()
        try:
            while due := await self._due(looked_at):
                for first in range(0, len(due), TOGETHER):
                    some = due[first : first + TOGETHER]
                    await asyncio.gather(*(self._look_at(one) for one in some))
                looked_at.update(due)
        except DatabaseUnusableError:
            pass  # GroupCommit tells, once for all
        return len(looked_at)

    async def _due(self, before: set[int]) -> list[int]:
        """Each once in a round, whatever time does meanwhile."""
        found = await self._commit.run_alone(
            lambda store: store.follow_ups.due(self._clock(), AT_ONCE)
        )
        return [one for one in found if one not in before]

    async def _look_at(self, conversation: int) -> None:
        try:
            shared = None
            if self._ask is not None:
                shared = await self._heard(conversation)
                if shared is None:
                    await self._commit.run(lambda store: self._put_off(store, conversation))
                    return
            looked = await self._commit.run(
                lambda store: self._desk.look(store, conversation, self._clock(), shared)
            )
        except DatabaseUnusableError:
            raise
        except Exception as fault:  # noqa: BLE001  a bug of ours: nothing goes out
            await self._commit.run(lambda store: store.follow_ups.drop(conversation))
            self._report("error", {"event": "follow-up-failed", "fault": place_of(fault)})
            return
        self._tell(looked)

    async def _heard(self, conversation: int) -> Pulled | None:
        """What the other nodes know: an answer that passed one of them counts as if it had passed
        here, and so do an opt-out and a survey. Without it nothing is sent."""
        question = await self._commit.run(
            lambda store: store.follow_ups.question(conversation, self._clock())
        )
        ask = self._ask
        if ask is None or question is None:
            return None
        return await asyncio.to_thread(ask, question)

    def _put_off(self, store: Store, conversation: int) -> None:
        store.follow_ups.look_again(conversation, self._clock() + UNHEARD)

    def _tell(self, looked: Looked) -> None:
        if not looked.result:
            return
        fields: dict[str, object] = {
            "event": "follow-up",
            "kind": looked.kind,
            "result": looked.result,
            "skill": looked.skill,
            "key": looked.key,
        }
        self._report(looked.level, fields)


def follow_up_desk(
    config: Config, tokens: Tokens, answers: MeasuredAnswers | None
) -> FollowUpDesk | None:
    """What writes updates and surveys; None where no mailbox has them switched on.

    `answers` None: nothing is measured. Raises TextError.
    """
    if not any(wanted(mailbox, config.follow_ups) for mailbox in config.mailboxes.mailboxes):
        return None
    shipped = shipped_directory("policies") / ACKS
    texts = load_follow_up_texts(shipped, config.ack.templates, only_own=True)
    nothing = Knowledge()
    return FollowUpDesk(config, tokens, texts, lambda: answers.knowledge if answers else nothing)


async def follow_up(
    desk: FollowUpDesk | None,
    commit: GroupCommit,
    report: Report,
    ask: Ask | None,
    recovered: Callable[[], float],
) -> None:
    """Until cancelled. Where updates and surveys were switched off, the addresses go that were kept
    for them."""
    if desk is not None:
        await FollowUpTask(desk, commit, report, ask=ask, recovered=recovered).run()
        return
    with contextlib.suppress(DatabaseUnusableError):
        await commit.run(lambda store: store.follow_ups.forget_all())
