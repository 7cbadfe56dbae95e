"""Simulated helpdesks: mail by the quarter of an hour, and what the detector makes of it.

What is simulated: a strong week (few mails at night and at weekends) that every topic follows with a
deviation of its own; 10 % growth a month; days that are 16 % busier or quieter for no reason; hours
that are 20 %; within all that, chance. A surge multiplies the rate for 72 hours from a moment within
working hours of the second month. The weekday pattern and the noise of days are those of the
simulated series that the choice of method rests on; nothing here was fitted to the detector.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from mailtriage.insight.counts import Counts
from mailtriage.insight.profile import Profile, Week
from mailtriage.insight.surge import ON, Quarter, Reading, SurgeState, newborn, observe

Array = NDArray[np.float64]
Grid = NDArray[np.int64]

START: Final = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
FIRST_HOUR: Final = int(START.timestamp()) // 3600
WEEK: Final = Week(ZoneInfo("UTC"))
DAYS: Final = 60
LEARNING: Final = 30
"""Days before anything is counted: one month learnt, one month tested."""
MONTH: Final = 30 * 24
SURGE_HOURS: Final = 72

_WEEKDAYS: Final = np.array([1.46, 1.28, 1.23, 1.18, 1.10, 0.41, 0.36])
_CLOCK: Final = np.array(
    [
        *(0.25, 0.17, 0.13, 0.12, 0.14, 0.25, 0.5, 0.95, 1.5, 1.85, 1.95, 1.85),
        *(1.6, 1.7, 1.75, 1.65, 1.5, 1.3, 1.15, 1.05, 1.0, 0.8, 0.6, 0.4),
    ]
)


@dataclass(frozen=True)
class Town:
    """Mails by topic and quarter of an hour, and where each topic's surge begins (an hour; or none)."""

    quarters: Grid
    surges: tuple[int, ...]


def simulate(topics: int, a_day: float, seed: int, factor: float = 1.0, days: int = DAYS) -> Town:
    """`factor` 1: no surges."""
    random = np.random.default_rng(seed)
    hours = days * 24
    week = np.repeat(_WEEKDAYS, 24) * np.tile(_CLOCK / _CLOCK.mean(), 7)
    own = np.repeat(np.exp(random.normal(0, 0.08, (topics, 7))), 24, axis=1)
    clock = np.exp(random.normal(0, 0.25, (topics, 24)))
    clock = (clock + np.roll(clock, 1, axis=1) + np.roll(clock, -1, axis=1)) / 3
    own = own * np.tile(clock, (1, 7)) * week
    own /= own.mean(axis=1, keepdims=True)
    rates = np.tile(own, (1, days // 7 + 1))[:, :hours] * a_day / 24
    rates *= 1.1 ** (np.arange(hours) / MONTH)
    rates *= np.repeat(np.exp(random.normal(-0.0128, 0.16, (topics, days))), 24, axis=1)
    rates *= random.gamma(25, 1 / 25, (topics, hours))
    surges: list[int] = []
    if factor != 1:
        for topic in range(topics):
            day = int(random.choice([d for d in range(LEARNING, days - 4) if d % 7 < 5]))
            surges.append(day * 24 + int(random.integers(8, 16)))
            rates[topic, surges[-1] : surges[-1] + SURGE_HOURS] *= factor
    mails = random.poisson(np.repeat(rates / 4, 4, axis=1))
    return Town(mails.astype(np.int64), tuple(surges))


@dataclass(frozen=True)
class Outcome:
    """What was read of one topic, in hours (with quarters) since the beginning."""

    alarms: tuple[float, ...]
    """When a surge started."""
    ends: tuple[float, ...]
    """When it was over; one fewer, if the last one never was."""

    def is_on(self, hour: float) -> bool:
        return sum(each <= hour for each in self.alarms) > sum(each <= hour for each in self.ends)


def week_learner(all_mail: Grid) -> list[tuple[float, ...]]:
    """The shape of the week as it was known in each hour, out of the mail of all topics together."""
    profile, shapes = Profile(), []
    for hour, mails in enumerate(all_mail.reshape(-1, 4).sum(axis=1)):
        shapes.append(profile.shape())
        profile.add(WEEK.bin(FIRST_HOUR + hour), float(mails))
    return shapes


def run(
    mails: Grid,
    shapes: list[tuple[float, ...]],
    threshold: float = ON,
    after: Callable[[int, Reading], None] = lambda *_: None,
) -> Outcome:
    """One topic through the detector. Every seventh mail is the second one of its writer."""
    state: SurgeState = newborn(FIRST_HOUR, FIRST_HOUR)
    alarms: list[float] = []
    ends: list[float] = []
    mail = 0
    for index, count in enumerate(mails.tolist()):
        hour, number = divmod(index, 4)
        people = 0
        for each in range(mail, mail + count):
            people |= 1 << writer_bit(each - (each % 7 == 6))
        mail += count
        in_week = hour % 168
        at = Quarter(FIRST_HOUR + hour, number, in_week, hour // 24)
        rate = shapes[hour][in_week]
        reading = observe(state, Counts(count, people), at, rate, threshold)
        after(index, reading)
        if reading.event == "started":
            alarms.append((index + 1) / 4)
        elif reading.event:
            ends.append((index + 1) / 4)
    return Outcome(tuple(alarms), tuple(ends))


def writer_bit(writer: int) -> int:
    """As good as random, as a keyed hash is (Fibonacci hashing)."""
    return (writer * 0x9E3779B97F4A7C15 >> 32) & 255


def false_alarms(outcomes: Iterable[Outcome], days: int = DAYS) -> float:
    """A topic and month, after the month of learning."""
    found = list(outcomes)
    total = sum(alarm > LEARNING * 24 for each in found for alarm in each.alarms)
    return total / len(found) / ((days - LEARNING) / 30)


@dataclass(frozen=True)
class Found:
    """How many surges were found within 72 hours, and after how many hours (median)."""

    share: float
    """An alarm started, or was on already: a team that looks into a topic sees it rise."""
    already: float
    """Share of those that were on already; part of `share`, not of `median`."""
    median: float

    def __str__(self) -> str:
        return f"{self.share:.3f} ({self.already:.3f} on already), {self.median:.1f} h"


def detection(outcomes: Iterable[Outcome], surges: Iterable[int]) -> Found:
    """What became of simulated surges."""
    delays: list[float] = []
    number = already = 0
    for each, start in zip(outcomes, surges, strict=True):
        number += 1
        within = [alarm - start for alarm in each.alarms if 0 < alarm - start <= SURGE_HOURS]
        if each.is_on(start):
            already += 1
        else:
            delays += within[:1]
    median = float(np.median(delays)) if delays else float("nan")
    return Found((len(delays) + already) / number, already / number, median)
