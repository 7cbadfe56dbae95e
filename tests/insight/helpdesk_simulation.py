"""A helpdesk of half a year: mail comes in, people answer it, some fall ill. Nothing of ours in it.

Swedish public holidays, Monday to Friday 8 to 17, both changes of the clock's offset that half a
year has. Three teams with 140, 60 and 14 mails a day; urgent mail first, else mostly in order; work
of very different length; every eighth mail has to wait for somebody else; every eighth needs no
answer. In the 15th and 16th week four of ten in billing are away.

Then `replay` plays it to the code under test, as the desk would, and notes what was promised.
"""

import heapq
import math
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

import numpy as np

from mailtriage.acks.calendar import hours_on, open_spans
from mailtriage.acks.promise import StaticTargets
from mailtriage.config.acks import Calendar, Hours, Targets
from mailtriage.insight.backlog import WorkingTime
from mailtriage.insight.promises import (
    Knowledge,
    MeasuredPromises,
    OpenMail,
    aged,
    answer,
    opened,
    renewed,
)

HOUR, DAY = 3600.0, 86_400.0
DAYS = 182
FIRST = date(2025, 1, 6)
LEARNT = 28 * DAY
"""What is promised in the first four weeks is not judged."""
SHORTAGE = (98, 112)
"""Days on which billing is short of people."""
TICK = 900.0
"""Seconds between two looks at the open mails."""

_NINE: Hours = ((480, 1020),)
CALENDAR = Calendar(
    "office", "Europe/Stockholm", "SE", week=(_NINE, _NINE, _NINE, _NINE, _NINE, (), ())
)
TARGETS = StaticTargets(
    Targets({"urgent": 2 * HOUR, "high": 4 * HOUR, "normal": 8 * HOUR, "low": 16 * HOUR}, {})
)
START = datetime.combine(FIRST, datetime.min.time(), UTC).timestamp() - HOUR  # midnight there

_BY_HOUR = np.array(
    [.15, .1, .08, .07, .08, .15, .4, .8, 1.3, 1.7, 1.8, 1.7, 1.4, 1.5, 1.6, 1.5, 1.4, 1.2, 1, .9, .8, .6, .4, .25]
)  # fmt: skip
_BY_WEEKDAY = np.array([1.25, 1.1, 1.05, 1.0, 0.95, 0.35, 0.3])


@dataclass(frozen=True, slots=True)
class Team:
    skill: str
    mails_a_day: float
    people: int
    load: float
    """Share of their time that the mail takes."""


TEAMS = (Team("billing", 140, 7, 0.88), Team("technical", 60, 4, 0.85), Team("legal", 14, 2, 0.80))


@dataclass(frozen=True, slots=True)
class Mail:
    number: int
    skill: str
    priority: str
    came: float
    replied: float
    """Seconds since the epoch, as `came`; infinite: never."""

    @property
    def day(self) -> int:
        return int((self.came - START) // DAY)


class Desk:
    """Working time as a number that only grows while the teams work."""

    def __init__(self, days: int) -> None:
        spans = _spans(START + (days + 60) * DAY)
        self.opens = [a for a, _ in spans]
        self.closes = [b for _, b in spans]
        self.before = [0.0, *accumulate(b - a for a, b in spans)]

    def worked(self, at: float) -> float:
        number = bisect_right(self.opens, at) - 1
        if number < 0:
            return 0.0
        return self.before[number] + min(at, self.closes[number]) - self.opens[number]

    def moment(self, worked: float) -> float:
        number = min(bisect_right(self.before, worked) - 1, len(self.opens) - 1)
        return self.opens[number] + worked - self.before[number]


def _spans(end: float) -> list[tuple[float, float]]:
    found = []
    for a, b in open_spans(CALENDAR, datetime.fromtimestamp(START, UTC)):
        if a.timestamp() >= end:
            break
        found.append((a.timestamp(), b.timestamp()))
    return found


def helpdesk(seed: int, days: int = DAYS) -> list[Mail]:
    """All mails of those days, in the order in which they came."""
    random, desk = np.random.default_rng(seed), Desk(days)
    mails: list[Mail] = []
    for team in TEAMS:
        came = _arrivals(random, team, days)
        replied = _answers(random, team, came, desk, days)
        mails += (
            Mail(0, team.skill, "high" if urgent else "normal", at, when)
            for at, (urgent, when) in zip(came, replied, strict=True)
        )
    mails.sort(key=lambda mail: mail.came)
    return [replace(mail, number=number) for number, mail in enumerate(mails)]


def _arrivals(random: np.random.Generator, team: Team, days: int) -> list[float]:
    usual = team.mails_a_day / 24 / float((_BY_HOUR[None, :] * _BY_WEEKDAY[:, None]).mean())
    found: list[float] = []
    for day in range(days):
        today = FIRST + timedelta(day)
        factor = random.gamma(25, 1 / 25)
        if today.weekday() < 5 and not hours_on(CALENDAR, today):
            factor *= 0.4
        for hour in range(24):
            many = random.poisson(usual * factor * _BY_HOUR[hour] * _BY_WEEKDAY[day % 7])
            begins = START + day * DAY + hour * HOUR
            found += sorted(begins + float(each) for each in random.uniform(0, HOUR, many))
    return found


def _answers(
    random: np.random.Generator, team: Team, came: list[float], desk: Desk, days: int
) -> Iterator[tuple[bool, float]]:
    """Whether each mail is urgent, and when it is answered. People take the next one when they are
    free; the answer goes out when they are done, or later when somebody else has to be asked."""
    urgent = random.random(len(came)) < 0.15
    needs = random.random(len(came)) < 0.88
    length = team.load * team.people * desk.worked(START + days * DAY) / days
    length /= team.mails_a_day * 0.88
    arrived = [(desk.worked(at), number) for number, at in enumerate(came) if needs[number]]
    replied = [math.inf] * len(came)
    free = [(0.0, person) for person in range(team.people)]
    queues: tuple[deque[int], deque[int]] = deque(), deque()
    following = 0
    while following < len(arrived) or any(queues):
        now, person = heapq.heappop(free)
        if not any(queues):
            now = max(now, arrived[following][0])
        while following < len(arrived) and arrived[following][0] <= now:
            number = arrived[following][1]
            queues[0 if urgent[number] else 1].append(number)
            following += 1
        if person >= _present(team, int((desk.moment(now) - START) // DAY)):
            heapq.heappush(free, (now + HOUR, person))
            continue
        queue = queues[0] or queues[1]
        at = 0 if random.random() < 0.85 else int(random.integers(len(queue)))
        number = queue[at]
        del queue[at]
        work = random.lognormal(math.log(length) - 0.5 * 0.9**2, 0.9)
        asked = random.exponential(9 * HOUR) if random.random() < 0.12 else 0.0
        replied[number] = desk.moment(now + work + asked)
        heapq.heappush(free, (now + work, person))
    return zip(map(bool, urgent), replied, strict=True)


def _present(team: Team, day: int) -> int:
    if team.skill == "billing" and SHORTAGE[0] <= day < SHORTAGE[1]:
        return int(team.people * 0.6)
    return max(1, team.people - (day * 7919 % 11 == 0))


@dataclass(frozen=True, slots=True)
class Promised:
    """What was promised for one mail that was answered."""

    mail: Mail
    kept: bool
    hours: float
    """Working time until the promised moment."""
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """The state of things when a mail comes in."""

    mail: Mail
    source: MeasuredPromises
    work: WorkingTime
    estimate: float


Method = Callable[[Asked], Promised]


def measured(asked: Asked) -> Promised:
    """The quantile as it is."""
    target = asked.source.target(asked.mail.skill, asked.mail.priority)
    return within(asked, target)


def within(asked: Asked, seconds: float) -> Promised:
    """So much working time is promised."""
    mail = asked.mail
    taken = asked.work.between(mail.came, mail.replied) if mail.replied < math.inf else math.inf
    return Promised(mail, taken <= seconds + 1e-3, seconds / HOUR)


def rounded(asked: Asked) -> Promised:
    """What a customer is told."""
    mail = asked.mail
    kind = (mail.skill, mail.priority)
    return spoken(asked, asked.source.target(*kind), busy=asked.source.is_busy(*kind))


def spoken(asked: Asked, seconds: float, *, busy: bool = False) -> Promised:
    """So much working time, rounded up to a time that people name."""
    mail = asked.mail
    static = Fixed(seconds)
    found = renewed(static, asked.work, (mail.skill, mail.priority), mail.came, 0.0)
    assert found is not None
    by = found.by.timestamp()
    return Promised(mail, mail.replied <= by, asked.work.between(mail.came, by) / HOUR, busy)


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same for every mail."""

    seconds: float

    def target(self, skill: str, priority: str) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True)
class Played:
    promised: dict[str, list[Promised]]
    knowledge: Knowledge


def replay(
    mails: list[Mail],
    methods: dict[str, Method],
    told: Callable[[Asked], None] = lambda _: None,
    *,
    tick: float = TICK,
) -> Played:
    """Everything in the order in which it happened. `told`: of each mail, after the promises."""
    work, knowledge = WorkingTime(CALENDAR), Knowledge()
    waiting: dict[int, OpenMail] = {}
    promised: dict[str, list[Promised]] = {name: [] for name in methods}
    for at, _, mail in _happenings(mails, tick):
        if mail is None:
            done = aged(knowledge, waiting.values(), at, lambda _: work)
            knowledge = done.knowledge
            for expired, _ in done.expired:
                del waiting[int.from_bytes(expired.key)]
        elif at == mail.came:
            source = MeasuredPromises(knowledge, work, at, TARGETS)
            estimate = source.estimate(mail.skill, mail.priority)
            asked = Asked(mail, source, work, estimate)
            if at >= START + LEARNT and mail.replied < math.inf:
                for name, method in methods.items():
                    promised[name].append(method(asked))
            told(asked)
            row = OpenMail(
                mail.number.to_bytes(4), mail.skill, mail.priority, "office", at, estimate
            )
            waiting[mail.number] = row
            knowledge = opened(knowledge, row)
        elif mail.number in waiting:
            row = waiting.pop(mail.number)
            knowledge, _ = answer(knowledge, row, at, work, human=True)
    return Played(promised, knowledge)


def _happenings(mails: list[Mail], tick: float) -> Iterator[tuple[float, int, Mail | None]]:
    """(when, which of two at the same moment goes first, the mail that came or was answered; None:
    the open ones are looked through)."""
    end = mails[-1].came
    ticks = (
        (at, 0, None)
        for begins, closes in _spans(end)
        for at in np.arange(begins, closes, tick).tolist()
    )
    came = ((mail.came, 1, mail) for mail in mails)
    answers = sorted(
        ((mail.replied, 2, mail) for mail in mails if mail.replied < end),
        key=lambda each: each[0],
    )
    return heapq.merge(ticks, came, answers, key=lambda each: each[:2])


@dataclass(frozen=True, slots=True)
class Figures:
    """How well promises were kept."""

    kept: float
    worst_kind: float
    """Of the six kinds of mail."""
    worst_week: float
    """Of weeks with more than fifty mails."""
    shortage: float
    """Of billing's mails in the two weeks."""
    after: float
    """In the two weeks behind it."""
    hours: float
    """Mean working hours that were promised."""
    busy: float
    """Share of mails outside the shortage that were told of a busy time."""
    busy_shortage: float


def figures(promised: list[Promised]) -> Figures:
    kept = np.array([each.kept for each in promised])
    busy = np.array([each.busy for each in promised])
    day = np.array([each.mail.day for each in promised])
    kind = np.array([f"{each.mail.skill} {each.mail.priority}" for each in promised])
    billing = np.array([each.mail.skill == "billing" for each in promised])
    weeks = [kept[day // 7 == week] for week in np.unique(day // 7)]
    begins, ends = SHORTAGE
    short = billing & (begins <= day) & (day < ends)
    after = billing & (ends <= day) & (day < ends + 14)
    return Figures(
        kept=float(kept.mean()),
        worst_kind=min(float(kept[kind == each].mean()) for each in np.unique(kind)),
        worst_week=min(float(week.mean()) for week in weeks if len(week) > 50),
        shortage=float(kept[short].mean()) if short.any() else math.nan,
        after=float(kept[after].mean()) if after.any() else math.nan,
        hours=float(np.mean([each.hours for each in promised])),
        busy=float(busy[~short & ~after].mean()),
        busy_shortage=float(busy[short].mean()) if short.any() else math.nan,
    )
