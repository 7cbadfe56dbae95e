"""How many alerts a team is told of: an alert that comes daily is one that nobody reads.

Real mail is burstier here and calmer there than any simulation, and no threshold is right for all.
So the threshold moves: when a week brings more alerts than the budget allows, the noisiest series
must be surer for two weeks; so must one of which somebody says that it was no surge. Nothing is
ever held back for good: at `MOST_RAISES` a strong surge still comes through, hours later.

It is a brake for a noisy series and no limit: where alerts are spread over forty quiet ones,
simulations show next to no effect (docs/early-warning.md).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from mailtriage.insight.counts import Kind, Series
from mailtriage.insight.surge import ON

A_WEEK: Final = 2
"""Alerts that all series together may raise in seven days before one of them is quietened."""
STEP: Final = 1.0
MOST_RAISES: Final = 6
"""Of one series at a time. A score of 12 takes some hours longer than one of 6."""
_WEEK: Final = 7 * 86400
_FORTNIGHT: Final = 14 * 86400
_MOST_KEPT: Final = 1000

_KINDS: Final[dict[str, Kind]] = {
    "topic": "topic",
    "skill": "skill",
    "language": "language",
    "unsure": "unsure",
}


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Something that happened to a series. `time`: seconds since 1970."""

    time: int
    series: Series


@dataclass(frozen=True, slots=True)
class Budget:
    """Recent alerts and raises. Times must be handed in in order."""

    a_week: int = A_WEEK
    alerts: tuple[Mark, ...] = ()
    """Of the last 14 days."""
    raises: tuple[Mark, ...] = ()
    """Those that are still in force; `time` is when each ends."""


def threshold(budget: Budget, series: Series, now: int) -> float:
    """The score at which this series raises an alert now."""
    raises = sum(each.series == series and each.time > now for each in budget.raises)
    return ON + STEP * min(raises, MOST_RAISES)


def alerted(budget: Budget, series: Series, now: int) -> Budget:
    """After an alert: where the week has brought more than its share, somebody gets quieter.

    The noisiest is the series with most alerts in 14 days; of equals, the one that spoke last.
    """
    budget = _forget(budget, now)
    budget = replace(budget, alerts=(*budget.alerts, Mark(now, series))[-_MOST_KEPT:])
    # What begins in the same quarter of an hour is one mail, and one thing to look at.
    if len({each.time for each in budget.alerts if each.time > now - _WEEK}) <= budget.a_week:
        return budget
    often = Counter(each.series for each in budget.alerts)
    last = {each.series: index for index, each in enumerate(budget.alerts)}
    noisiest = max(often, key=lambda each: (often[each], last[each]))
    return _raise(budget, noisiest, now)


def not_a_surge(budget: Budget, series: Series, now: int) -> Budget:
    """After somebody said so."""
    return _raise(_forget(budget, now), series, now)


def _raise(budget: Budget, series: Series, now: int) -> Budget:
    return replace(budget, raises=(*budget.raises, Mark(now + _FORTNIGHT, series))[-_MOST_KEPT:])


def _forget(budget: Budget, now: int) -> Budget:
    return replace(
        budget,
        alerts=tuple(each for each in budget.alerts if each.time > now - _FORTNIGHT),
        raises=tuple(each for each in budget.raises if each.time > now),
    )


def to_rows(budget: Budget) -> list[tuple[str, int, str, str]]:
    """("alert" | "raise", time, kind, name): a table has these columns."""
    marks = [("alert", each) for each in budget.alerts]
    marks += [("raise", each) for each in budget.raises]
    return [(what, each.time, each.series.kind, each.series.name) for what, each in marks]


def from_rows(rows: Iterable[tuple[str, int, str, str]], a_week: int = A_WEEK) -> Budget:
    """Out of a table's rows, in any order. Raises ValueError where `to_rows` never made a row."""
    marks: dict[str, list[Mark]] = {"alert": [], "raise": []}
    for what, time, kind, name in rows:
        if what not in marks or kind not in _KINDS:
            raise ValueError(f"no such row in a budget: {what!r}, {kind!r}")
        marks[what].append(Mark(time, Series(_KINDS[kind], name)))
    return Budget(a_week, tuple(sorted(marks["alert"])), tuple(sorted(marks["raise"])))
