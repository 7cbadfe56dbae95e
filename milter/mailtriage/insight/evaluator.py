"""Counts of a quarter of an hour → surges that began or ended; and who of many nodes reckons.

Deterministic: two nodes that evaluate the same counts from the same state find the same, and give
their alerts the same ids. So a lease that is held twice for a moment costs work, and nothing else.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from mailtriage.insight import budget as budgets
from mailtriage.insight.alert import Alert, State
from mailtriage.insight.budget import Budget
from mailtriage.insight.counts import Counts, Kind, Series
from mailtriage.insight.profile import Profile, Week
from mailtriage.insight.surge import Quarter, Reading, SurgeState, newborn, observe

QUARTER: Final = 900
"""Seconds."""
GRACE: Final = 60
"""Seconds after the end of a quarter until its counts are taken to be complete."""
LONGEST_GAP: Final = 3 * 96
"""Quarters that are caught up with; what is older was not evaluated, and is left out."""
MOST_SERIES: Final = 1000
NEWS: Final = 7200
"""Seconds after which a surge is past: it is not told of when nobody watched for so long."""

LEASE: Final = 120
"""Seconds for which one node reckons alone; it renews at half of that."""
_SKEW: Final = 5
"""Seconds by which nodes' clocks may differ."""

SETTLE: Final = 75
"""Seconds for which a new holder waits, so that every node has told it what it counted."""
HEARD: Final = 180
"""Seconds for which a node that was heard of is waited for, when it owes counts."""
PATIENCE: Final = 900
"""Seconds for which it is waited for at most, though it is heard."""

CountsOf = Callable[[int], Mapping[Series, Counts]]
"""The counts of a quarter, which is handed in as quarters since 1970."""


@dataclass(slots=True)
class Board:
    """All that an evaluator knows. `evaluate` changes it."""

    week: Week
    began: int
    """The hour (since 1970, UTC) from which mail was counted."""
    done: int = 0
    """The last quarter that was evaluated; 0: none."""
    profile: Profile = field(default_factory=Profile)
    states: dict[Series, SurgeState] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    pool: Kind = "skill"
    """The kind of series that has each mail exactly once: all together are the profile."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a quarter showed of a series."""

    series: Series
    quarter: int
    reading: Reading


def evaluate(board: Board, counts_of: CountsOf, now: int) -> list[Finding]:
    """Evaluates every quarter that is over and was not evaluated yet, in order.

    `now`: seconds since 1970. Returned are findings in which something began or ended, and of the
    last quarter all of them (for metrics); in order of quarters, then of series.
    """
    last = (now - GRACE) // QUARTER - 1
    first = max(board.done + 1, board.began * 4)
    if last - first >= LONGEST_GAP:
        # From the beginning of an hour: half an hour would be taken for a quiet one.
        first = -(-(last + 1 - LONGEST_GAP) // 4) * 4
    findings: list[Finding] = []
    for quarter in range(first, last + 1):
        found = _evaluate_one(board, counts_of(quarter), quarter)
        findings += [each for each in found if quarter == last or each.reading.event]
        board.done = quarter
    return findings


def _evaluate_one(board: Board, counts: Mapping[Series, Counts], quarter: int) -> list[Finding]:
    hour, number = divmod(quarter, 4)
    in_week = board.week.bin(hour)
    at = Quarter(hour, number, in_week, board.week.local(hour).toordinal())
    rate = board.profile.shape()[in_week]
    ends = (quarter + 1) * QUARTER
    findings = []
    for series in sorted(board.states.keys() | counts.keys()):
        state = board.states.get(series)
        if state is None:
            if len(board.states) >= MOST_SERIES:
                continue
            state = board.states[series] = newborn(board.began, hour)
        threshold = budgets.threshold(board.budget, series, ends)
        reading = observe(state, counts.get(series, Counts()), at, rate, threshold)
        findings.append(Finding(series, quarter, reading))
    for each in findings:
        if each.reading.event == "started":
            board.budget = budgets.alerted(board.budget, each.series, ends)
    if number == 3:
        learnt = sum(s.learnt for series, s in board.states.items() if series.kind == board.pool)
        board.profile.add(in_week, learnt)
    return findings


def alert(
    finding: Finding,
    languages: tuple[tuple[str, int], ...] = (),
    phrases: tuple[str, ...] = (),
    queue_ids: tuple[str, ...] = (),
) -> Alert | None:
    """What is told of a finding; None: nothing began or ended. Raises ValueError as `Alert`."""
    states: dict[str, State] = {"started": "started", "ended": "ended", "settled": "settled"}
    reading = finding.reading
    state = states.get(reading.event)
    if state is None:
        return None
    return Alert(
        series=finding.series,
        state=state,
        since=datetime.fromtimestamp(reading.since * 3600, UTC),
        at=datetime.fromtimestamp((finding.quarter + 1) * QUARTER, UTC),
        observed=reading.observed,
        expected=reading.expected,
        senders=reading.senders,
        languages=languages,
        phrases=phrases,
        queue_ids=queue_ids,
    )


def alone_name(finding: Finding) -> str:
    """What began or ended, as nodes name it to each other that have told it by themselves."""
    return f"{finding.reading.event} {finding.series.kind} {finding.series.name}"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who reckons. `term` grows with every change of holder: what is written carries it."""

    holder: str
    until: int
    """Seconds since 1970."""
    term: int


def claim(lease: Lease | None, node: str, now: int) -> Lease | None:
    """The lease that the node is to write (by compare-and-set); None: another one has it.

    The holder renews at any time; others only once it has run out, by any clock.
    """
    if lease is None:
        return Lease(node, now + LEASE, 1)
    if lease.holder == node and now <= lease.until:
        return Lease(node, max(lease.until, now + LEASE), lease.term)
    if now <= lease.until + _SKEW:
        return None
    return Lease(node, now + LEASE, lease.term + 1)


def may_write(lease: Lease, node: str, term: int, now: int) -> bool:
    """Whether what a node has reckoned in a term may still be stored."""
    return lease.holder == node and lease.term == term and now <= lease.until


def release(lease: Lease, node: str, now: int) -> Lease:
    """What a node that stops leaves behind, so that the next need not wait; another's is kept."""
    return Lease(node, now - _SKEW - 1, lease.term) if lease.holder == node else lease


Duty = Literal["evaluate", "renew", "wait"]


def duty(lease: Lease | None, node: str, now: int, done: int) -> Duty:
    """What a node is to do now: `done` is the last quarter that was evaluated."""
    if lease is None or lease.holder != node or now > lease.until:
        return "renew" if claim(lease, node, now) else "wait"
    if lease.until - now < LEASE // 2:
        return "renew"
    return "evaluate" if done < (now - GRACE) // QUARTER - 1 else "wait"


@dataclass(frozen=True, slots=True)
class Teller:
    """A node of several that tells its counts."""

    told: int
    """The last quarter whose counts it has told."""
    heard: int
    """When it did so last. Seconds since 1970."""


def complete(tellers: Iterable[Teller], since: int, now: int) -> int:
    """The last quarter that is to be evaluated now, as all nodes have told it, or are gone; 0:
    none is yet. `since`: when the present holder took the lease."""
    settled = since + SETTLE
    last = (now - GRACE) // QUARTER - 1
    if now < settled:
        return 0
    owing = [
        each.told
        for each in tellers
        if now - each.heard < HEARD
        and now < max(settled, (each.told + 2) * QUARTER + GRACE) + PATIENCE
    ]
    return min([last, *owing])
