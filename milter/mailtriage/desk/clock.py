"""The clock that an agent's first answer stops: from conversations to what is known of answers.

It is fed with the conversations that changed, in any portions: once with those of the last months,
when the desk starts, and from then on every few seconds. Whatever it knows follows from them alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mailtriage.config.acks import Calendar
from mailtriage.insight.backlog import Line, WorkingTime, estimate
from mailtriage.insight.kept import Outcome
from mailtriage.insight.promises import Knowledge, OpenMail, aged, answer, opened
from mailtriage.policies.model import GENERAL
from mailtriage.state.replies import Waiting
from mailtriage.triage.model import Priority

AGE_EVERY: Final = 900.0
"""Seconds between two looks at all mails that are open."""

REPLAYED_EVERY: Final = 6 * 3600.0
"""The same while the past is gone through: the chances of open mails change slowly."""

MOST_OF_ONE: Final = 3
"""Conversations of one customer that count as waiting at a time. Who writes a thousand times shall
not put off what everybody else is promised."""

BREATH: Final = 25
"""Events between two pauses: some milliseconds of work."""

REMEMBERED: Final = 60 * 86_400.0
"""Seconds for which conversations are gone through. Answers of then weigh a sixtieth of today's."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A first answer, or a wait that is over without one."""

    skill: str
    priority: str
    at: float
    wall: float
    """Seconds by the wall clock since the mail; 0: nobody answered."""
    worked: float
    """Seconds of working time."""
    outcome: Outcome | None
    """What became of the promise; None: nothing was promised, or it cannot be told."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits, of one skill."""

    count: int
    oldest: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class _Event:
    at: float
    what: Literal["opened", "answered"]
    row: Waiting


class ReplyClock:
    """Belongs to one thread. `knowledge` is a value that any thread may read."""

    def __init__(self, calendar_of: Callable[[str], tuple[str, Calendar]]) -> None:
        """`calendar_of`: name and calendar of a mailbox, by its address."""
        self._calendar_of: Final = calendar_of
        self._work: Final[dict[str, WorkingTime]] = {}
        self._open: Final[dict[int, OpenMail]] = {}
        self._customer_of: Final[dict[int, bytes]] = {}
        self._waiting: Final[Counter[bytes]] = Counter()
        """Conversations in `_open`, by customer."""
        self._done: dict[int, float] = {}
        """Conversations that were answered or given up, with the time of it."""
        self._next_look = 0.0
        self.knowledge = Knowledge()
        """All that is known."""

    def feed(
        self,
        rows: Iterable[Waiting],
        now: float,
        *,
        replay: bool = False,
        pause: Callable[[], object] = bool,
    ) -> list[Answered]:
        """Take in what changed, and look through what is open when it is time to.

        `now`: seconds since the epoch; nothing later is believed. `replay`: the rows are of months.
        `pause`: called after each few milliseconds of work, to let others work or to raise.
        Returns the waits that ended, in order.
        """
        ended: list[Answered] = []
        every = REPLAYED_EVERY if replay else AGE_EVERY
        for number, event in enumerate(self._events(rows, now), 1):
            if number % BREATH == 0:
                pause()
            ended += self._look(event.at, every)
            ended += self._take(event)
        ended += self._look(now, every)
        if replay:
            ended += self._look(now, 0.0)
        self._forget(now)
        return ended

    def queues(self) -> dict[str, Queue]:
        """What waits at present, by skill."""
        found: dict[str, Queue] = {}
        for mail in self._open.values():
            before = found.get(mail.skill, Queue(0, mail.opened))
            found[mail.skill] = Queue(before.count + 1, min(before.oldest, mail.opened))
        return found

    def _events(self, rows: Iterable[Waiting], now: float) -> Sequence[_Event]:
        events = []
        for row in rows:
            number = row.conversation
            if number in self._done or not now - REMEMBERED <= row.began <= now:
                continue
            if number not in self._open:
                events.append(_Event(row.began, "opened", row))
            if 0.0 < row.answered <= now:
                events.append(_Event(max(row.answered, row.began), "answered", row))
        return sorted(events, key=lambda event: (event.at, event.what == "answered"))

    def _take(self, event: _Event) -> list[Answered]:
        row = event.row
        if event.what == "opened":
            if row.customer and self._waiting[row.customer] >= MOST_OF_ONE:
                return []
            name, calendar = self._calendar_of(row.mailbox)
            work = self._work.setdefault(name, WorkingTime(calendar))
            skill, priority = row.skill or GENERAL, row.priority or str(Priority.NORMAL)
            line = self.knowledge.lines.get(skill, Line())
            mail = OpenMail(
                key=row.conversation.to_bytes(8, "big"),
                skill=skill,
                priority=priority,
                calendar=name,
                opened=row.began,
                estimate=estimate(line, priority, row.began, work),
                promised=row.promised,
            )
            self._open[row.conversation] = mail
            self._customer_of[row.conversation] = row.customer
            self._waiting[row.customer] += 1
            self.knowledge = opened(self.knowledge, mail)
            return []
        waiting = self._open.get(row.conversation)
        if waiting is None:  # given up a moment ago, at the horizon; or one too many of a customer
            return []
        self._close(row.conversation)
        work = self._work[waiting.calendar]
        self.knowledge, what = answer(self.knowledge, waiting, event.at, work, human=True)
        self._done[row.conversation] = event.at
        worked = work.between(waiting.opened, event.at)
        wall = event.at - waiting.opened
        return [Answered(waiting.skill, waiting.priority, event.at, wall, worked, what)]

    def _look(self, now: float, every: float) -> list[Answered]:
        """At all mails that are open, when the last look is long enough ago."""
        if now < self._next_look and every:
            return []
        self._next_look = now + every
        found = aged(self.knowledge, self._open.values(), now, self._work_of)
        self.knowledge = found.knowledge
        ended = []
        for mail, what in found.expired:
            number = int.from_bytes(mail.key, "big")
            self._close(number)
            self._done[number] = now
            ended.append(Answered(mail.skill, mail.priority, now, 0.0, 0.0, what))
        return ended

    def _close(self, number: int) -> None:
        del self._open[number]
        customer = self._customer_of.pop(number)
        self._waiting[customer] -= 1
        if not self._waiting[customer]:
            del self._waiting[customer]

    def _work_of(self, mail: OpenMail) -> WorkingTime:
        return self._work[mail.calendar]

    def _forget(self, now: float) -> None:
        """What is done, and began so long ago that it would not be taken in again."""
        before = now - REMEMBERED
        if len(self._done) > 1000 and min(self._done.values()) < before:
            self._done = {number: at for number, at in self._done.items() if at >= before}
