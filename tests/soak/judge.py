"""Whether memory and descriptors are flat: the median of the last third of a stretch of time beside
that of the first.

Only samples count at which nobody is missing and nobody has just been forked: while a reload goes on
there are two generations of processes. What is short-lived, as the process of the self-test, is left
out.
"""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.soak.samples import SUPERVISOR, Process, Sample

MOST: Final = 1.05
"""What the last third may be, divided by the first."""

SETTLED: Final = 3.0
"""Seconds of life after which a process is no longer new."""

FEWEST: Final = 3
"""Samples in each third without which nothing can be said."""

_SPARE_DESCRIPTORS: Final = 2.0
"""More than the first third by chance: clients come and go, each an open session."""

_SPARE_MEGABYTES: Final = 1.0
"""A twentieth of a small process is no leak."""


@dataclass(frozen=True, slots=True)
class Trend:
    """One quantity over one stretch."""

    what: str
    unit: str
    first: float
    """Median of the first third; NaN when there were too few samples."""
    last: float
    samples: int
    spare: float
    """By how much it may grow whatever the ratio."""

    @property
    def ratio(self) -> float:
        """The last third divided by the first."""
        return self.last / self.first if self.first else 1.0

    @property
    def verdict(self) -> str:
        """In words."""
        if math.isnan(self.first) or math.isnan(self.last):
            return "too few samples to say"
        return f"not flat, {self.first:.1f} to {self.last:.1f}" if self.failed else "flat"

    @property
    def failed(self) -> bool:
        """Whether it grows, or nobody knows."""
        return not (self.last <= self.first * MOST or self.last <= self.first + self.spare)


def trends(
    samples: Sequence[Sample], wanted: Mapping[str, int], *, each: bool, since: float = 0.0
) -> list[Trend]:
    """What became of memory and descriptors in a stretch.

    `wanted`: how many processes there are of each role, the supervisor aside. `each`: every role by
    itself, too, which says something only where its processes lived all the time. `since`: the
    warm-up that ends then (as Sample.at) does not count.
    """
    lasting = {SUPERVISOR, *wanted}
    whole = [
        replace(one, processes=tuple(p for p in one.processes if p.role in lasting))
        for one in samples
        if one.at >= since and is_whole(one, wanted)
    ]
    found = [
        _trend("memory of all (PSS)", "MB", whole, lambda one: one.pss, None),
        _trend("descriptors of all", "", whole, lambda one: one.descriptors, None),
    ]
    for role in (SUPERVISOR, *(wanted if each else ())):
        found.append(_trend(f"memory of {role} (RSS)", "MB", whole, lambda one: one.rss, role))
        found.append(_trend(f"descriptors of {role}", "", whole, lambda one: one.descriptors, role))
    return found


def is_whole(sample: Sample, wanted: Mapping[str, int]) -> bool:
    """Whether everybody is there, once, and at home."""
    lasting = [one for one in sample.processes if one.role in wanted]
    return Counter(one.role for one in lasting) == Counter(wanted) and all(
        one.age >= SETTLED for one in lasting
    )


def _trend(
    what: str,
    unit: str,
    samples: Sequence[Sample],
    of: Callable[[Process], float],
    role: str | None,
) -> Trend:
    """`role`: None for all of them together."""
    series = [
        (one.at, sum(of(process) for process in one.processes if role in (None, process.role)))
        for one in samples
    ]
    first, last = thirds(series)
    spare = _SPARE_MEGABYTES if unit else _SPARE_DESCRIPTORS
    return Trend(what, unit, first, last, len(series), spare)


def thirds(series: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Medians of the first and the last third of the time; NaN where FEWEST are not there."""
    if not series:
        return float("nan"), float("nan")
    begin, end = series[0][0], series[-1][0]
    third = (end - begin) / 3
    return (
        _median(value for at, value in series if at <= begin + third),
        _median(value for at, value in series if at >= end - third),
    )


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if len(found) >= FEWEST else float("nan")
