"""By when a human answers, out of what was measured; and what the desk tells of, to measure it.

Everything here is a value: what happens gives new ones, to be kept in the transaction of the mail,
and when that fails the old ones still hold.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce
from math import exp
from operator import add
from typing import Final, Self
from zoneinfo import ZoneInfo

from mailtriage.acks.promise import Promise, PromiseSource, promise
from mailtriage.insight.backlog import (
    Line,
    WorkingTime,
    estimate,
    with_all_waiting,
    with_reply,
    with_waiting,
)
from mailtriage.insight.kept import Kept, Outcome, counted, outcome
from mailtriage.insight.replies import (
    EMPTY,
    Cell,
    answered,
    bucket,
    chances,
    estimated,
    given_up,
    quantile,
    share_with_answer,
    weight,
    with_open,
)

SHARE: Final = 0.8
"""Of answers that come within what is promised, before it is rounded up: "8 of 10"."""

HORIZON_DAYS: Final = 10
"""Working days after which an answer is not waited for any more. No promise is longer."""

BUSY: Final = 2.5
"""So many times the usual estimate is unusually busy: in the simulated helpdesk for 2 mails of 100,
and for most while four of ten people were away."""

Kind = tuple[str, str]
"""Skill and priority."""


@dataclass(frozen=True, slots=True)
class OpenMail:
    """A conversation that waits for the first answer of a human: a row to be kept until then."""

    key: bytes
    """Of the conversation: whatever the desk finds it by."""
    skill: str
    priority: str
    calendar: str
    """Name of the calendar by which its working time counts."""
    opened: float
    """Seconds since the epoch."""
    estimate: float
    """Working seconds that its answer was expected to take; above 0."""
    promised: float = 0.0
    """The time that was named; 0: none."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that is known of answers: bounded by the number of skills, however many mails there were.

    That of several mail servers is added up.
    """

    cells: Mapping[Kind, Cell] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)
    """By skill."""
    kept: Mapping[str, Kept] = field(default_factory=dict)
    """By skill."""

    def __add__(self, other: Self) -> Self:
        """Both together."""
        return replace(
            self,
            cells={
                each: self.cells.get(each, EMPTY) + other.cells.get(each, EMPTY)
                for each in {**self.cells, **other.cells}
            },
            lines={
                each: self.lines.get(each, Line()) + other.lines.get(each, Line())
                for each in {**self.lines, **other.lines}
            },
            kept={
                each: self.kept.get(each, Kept()) + other.kept.get(each, Kept())
                for each in {**self.kept, **other.kept}
            },
        )

    def known(self, skill: str, priority: str, now: float) -> Cell | None:
        """What is known of that kind of mail; else of all of that skill; else of all mail; None
        where that is too little, too."""
        own = self.cells.get((skill, priority), EMPTY)
        if own.known(now):
            return own
        sound = {kind: cell for kind, cell in self.cells.items() if cell.plausible(now)}
        skilled = [cell for (each, _), cell in sound.items() if each == skill]
        for cells in (skilled, sound.values()):
            together = reduce(add, cells, EMPTY)
            if together.known(now):
                return together
        return None


@dataclass(frozen=True, slots=True)
class MeasuredPromises:
    """How long answers take that are asked for at one moment: a `PromiseSource` for one mail."""

    knowledge: Knowledge
    work: WorkingTime
    """Of the calendar of the mailbox."""
    now: float
    """Seconds since the epoch."""
    otherwise: PromiseSource
    """Asked until 20 answers are known: `StaticTargets`."""
    share: float = SHARE

    def target(self, skill: str, priority: str) -> float:
        """Opening hours, in seconds, within which 8 of 10 such mails are answered; those that the
        administrator wrote while too little is known."""
        cell = self.knowledge.known(skill, priority, self.now)
        if cell is None:
            return self.otherwise.target(skill, priority)
        longest = HORIZON_DAYS * self.work.day
        return min(longest, self.estimate(skill, priority) * quantile(cell, self.share))

    def estimate(self, skill: str, priority: str) -> float:
        """What the open mails and the speed of the last days let expect, in working seconds."""
        line = self.knowledge.lines.get(skill, Line())
        return estimate(line, priority, self.now, self.work)

    def is_busy(self, skill: str, priority: str) -> bool:
        """Whether much more waits than is usual in these weeks, or answers are much slower."""
        cell = self.knowledge.cells.get((skill, priority), EMPTY)
        if not cell.known(self.now) or not cell.estimates:
            return False
        usual = exp(cell.logs / cell.estimates)
        return self.estimate(skill, priority) > BUSY * usual


def renewed(
    source: PromiseSource, work: WorkingTime, kind: Kind, received: float, earlier: float
) -> Promise | None:
    """What is promised for a mail; None for a team that never opens.

    `received`: seconds since the epoch. `earlier`: what its conversation was promised already, for
    an answer that has not come; 0: nothing. That holds, whatever is known now, until it has passed:
    who writes twice is not told two times.
    """
    at = datetime.fromtimestamp(received, UTC)
    if earlier <= received:
        return promise(work.calendar, source.target(*kind), at)
    same = promise(work.calendar, work.between(received, earlier), at)
    by = datetime.fromtimestamp(earlier, ZoneInfo(work.calendar.timezone))
    return None if same is None else replace(same, by=by)


def opened(knowledge: Knowledge, mail: OpenMail) -> Knowledge:
    """A mail came in that begins to wait: not a further one of a conversation that does already."""
    kind = (mail.skill, mail.priority)
    cell = knowledge.cells.get(kind, EMPTY)
    if not cell.plausible(mail.opened):
        cell = EMPTY
    share = share_with_answer(knowledge.known(*kind, mail.opened) or EMPTY, mail.opened)
    line = with_waiting(_line(knowledge, mail), mail.priority, share, mail.opened)
    return replace(
        knowledge,
        cells={**knowledge.cells, kind: cell + estimated(mail.estimate, mail.opened)},
        lines={**knowledge.lines, mail.skill: line},
    )


def answer(
    knowledge: Knowledge, mail: OpenMail, at: float, work: WorkingTime, *, human: bool
) -> tuple[Knowledge, Outcome | None]:
    """A mail of ours went out to the customer, at `at`. When a human wrote it, it ends the waiting:
    the row is not kept any longer. What a machine wrote changes nothing.

    Also what became of the promise, for the metric. `work`: of the calendar of `mail`.
    """
    if not human:
        return knowledge, None
    at = max(at, mail.opened)
    quotient = work.between(mail.opened, at) / mail.estimate
    line = _without(knowledge, mail, quotient, at)
    return _ended(
        knowledge,
        mail,
        answered(quotient, at),
        with_reply(line, at, work),
        outcome(mail.promised, at),
    )


def closed(
    knowledge: Knowledge, mail: OpenMail, at: float, work: WorkingTime
) -> tuple[Knowledge, Outcome | None]:
    """The mail needs no answer any more: its ticket was closed, or it was waited for too long.

    As `answer`: the row is not kept. A promise whose time had not come is forgotten.
    """
    at = max(at, mail.opened)
    quotient = work.between(mail.opened, at) / mail.estimate
    what = Outcome.UNANSWERED if 0.0 < mail.promised < at else None
    line = _without(knowledge, mail, quotient, at)
    return _ended(knowledge, mail, given_up(at), line, what)


@dataclass(frozen=True, slots=True)
class Aged:
    """What looking through the open mails led to."""

    knowledge: Knowledge
    expired: tuple[tuple[OpenMail, Outcome | None], ...] = ()
    """Mails that are not waited for any more, closed already: their rows are not kept."""
    overdue: Mapping[str, int] = field(default_factory=dict)
    """By skill: mails that were promised an answer by now, and have none."""


def aged(
    knowledge: Knowledge,
    mails: Iterable[OpenMail],
    now: float,
    work_of: Callable[[OpenMail], WorkingTime],
) -> Aged:
    """Looks through all open mails: to be done every quarter of an hour, by one server alone.

    `mails`: every row there is; of what is left out nothing is open. Costs some microseconds a
    mail.
    """
    waits: dict[Kind, list[float]] = defaultdict(list)
    overdue: dict[str, int] = defaultdict(int)
    expired = []
    for mail in mails:
        work = work_of(mail)
        waited = work.between(mail.opened, now)
        if waited > HORIZON_DAYS * work.day:
            knowledge, what = closed(knowledge, mail, now, work)
            expired.append((mail, what))
            continue
        waits[mail.skill, mail.priority].append(waited / mail.estimate)
        overdue[mail.skill] += 0.0 < mail.promised < now
    cells = {
        kind: with_open(
            knowledge.cells.get(kind, EMPTY),
            waits.get(kind, ()),
            now,
            knowledge.known(*kind, now) or EMPTY,
        )
        for kind in {**knowledge.cells, **waits}
    }
    lines = {
        skill: with_all_waiting(
            knowledge.lines.get(skill, Line()),
            [
                (priority, sum(cell.censored) / weight(now))
                for (each, priority), cell in cells.items()
                if each == skill
            ],
        )
        for skill in {**knowledge.lines, **{skill: None for skill, _ in waits}}
    }
    return Aged(replace(knowledge, cells=cells, lines=lines), tuple(expired), dict(overdue))


def _line(knowledge: Knowledge, mail: OpenMail) -> Line:
    return knowledge.lines.get(mail.skill, Line())


def _without(knowledge: Knowledge, mail: OpenMail, quotient: float, at: float) -> Line:
    """Its line when the mail waits no more; it had counted with its chance to need an answer."""
    cell = knowledge.known(mail.skill, mail.priority, at) or EMPTY
    counted_as = chances(cell, at)[bucket(quotient)]
    return with_waiting(_line(knowledge, mail), mail.priority, -counted_as, at)


def _ended(
    knowledge: Knowledge, mail: OpenMail, more: Cell, line: Line, what: Outcome | None
) -> tuple[Knowledge, Outcome | None]:
    kind = (mail.skill, mail.priority)
    kept = counted(knowledge.kept.get(mail.skill, Kept()), what)
    changed = replace(
        knowledge,
        cells={**knowledge.cells, kind: knowledge.cells.get(kind, EMPTY) + more},
        lines={**knowledge.lines, mail.skill: line},
        kept={**knowledge.kept, mail.skill: kept},
    )
    return changed, what
