"""The whole result of an evaluation, and the same as one JSON object."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mailtriage.evaluation.figures import (
    CALIBRATED,
    Figure,
    Measured,
    bins_of,
    measure_all,
    pairs_of,
)
from mailtriage.evaluation.judged import FACETS, Outcome
from mailtriage.evaluation.measures import Bin

NO_LABEL: Final = "(none)"
"""The group of mails that have no label of that facet."""
_CONFUSIONS: Final = 10
_SLOWEST: Final = 10


@dataclass(frozen=True, slots=True)
class Confusion:
    """Two labels that were mistaken for each other, in this direction."""

    expected: str
    got: str
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """All that `eval` says."""

    gold: Path
    outcomes: tuple[Outcome, ...]
    unreadable: tuple[str, ...]
    notes: tuple[str, ...]
    measured: Measured
    groups: Mapping[str, Mapping[str, Measured]]
    """By facet, then by its expected label, the most frequent first."""
    confusions: Mapping[str, tuple[Confusion, ...]]
    """By facet, the ten most frequent."""
    bins: Mapping[str, tuple[Bin, ...]]
    """By facet, of those that say how sure they are and have labels."""
    slowest: tuple[Outcome, ...]
    faults: tuple[Outcome, ...]
    """Mails that passed unjudged, because of a fault of ours."""


def make_report(
    gold: Path,
    outcomes: Sequence[Outcome],
    *,
    by: Sequence[str] = ("language",),
    unreadable: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Measure outcomes as a whole and by the expected labels of these facets."""
    measured = measure_all(outcomes)
    return Report(
        gold=gold,
        outcomes=tuple(outcomes),
        unreadable=tuple(unreadable),
        notes=tuple(notes),
        measured=measured,
        groups={facet: _groups(outcomes, facet) for facet in dict.fromkeys(by)},
        confusions={facet: _confusions(outcomes, facet) for facet in FACETS},
        bins={
            facet: bins_of(outcomes, facet)
            for facet in CALIBRATED
            if f"{facet}_ece" in measured.figures
        },
        slowest=tuple(sorted(outcomes, key=lambda entry: -entry.milliseconds)[:_SLOWEST]),
        faults=tuple(entry for entry in outcomes if entry.fault),
    )


def _groups(outcomes: Sequence[Outcome], facet: str) -> dict[str, Measured]:
    members: dict[str, list[Outcome]] = {}
    for entry in outcomes:
        members.setdefault(str(getattr(entry.example, facet) or NO_LABEL), []).append(entry)
    if set(members) == {NO_LABEL}:
        return {}
    ordered = sorted(members, key=lambda label: (label == NO_LABEL, -len(members[label]), label))
    return {label: measure_all(members[label]) for label in ordered}


def _confusions(outcomes: Sequence[Outcome], facet: str) -> tuple[Confusion, ...]:
    pairs = pairs_of(outcomes, facet)
    wrong = [Confusion(*pair, count) for pair, count in pairs.items() if pair[0] != pair[1]]
    wrong.sort(key=lambda entry: (-entry.count, entry.expected, entry.got))
    return tuple(wrong[:_CONFUSIONS])


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong answer, as it is shown: nothing of the text of the mail is in it."""

    id: str
    place: str
    expected: str
    got: str
    confidence: float | None
    """Of skill and language; None for facets that do not say how sure they are."""
    evidence: tuple[str, ...]


def mistakes(report: Report, number: int) -> dict[str, tuple[Mistake, ...]]:
    """The first wrong answers of each facet, the surest first where there is a confidence."""
    found: dict[str, tuple[Mistake, ...]] = {}
    for facet in FACETS:
        wrong = [_mistake(entry, facet) for entry in report.outcomes if entry.is_wrong(facet)]
        wrong.sort(key=lambda entry: -(entry.confidence or 0.0))
        if wrong and number:
            found[facet] = tuple(wrong[:number])
    newest = [
        Mistake(entry.example.id, entry.example.place, "", f"F1 {entry.newest_f1:.2f}", None, ())
        for entry in sorted(report.outcomes, key=lambda entry: entry.newest_f1 or 0.0)
        if entry.newest_exact is False
    ]
    if newest and number:
        found["newest_text"] = tuple(newest[:number])
    return found


def _mistake(entry: Outcome, facet: str) -> Mistake:
    sure = getattr(entry.answer, f"{facet}_confidence") if facet in CALIBRATED else None
    evidence = tuple(text for of, text in entry.why if of == facet)
    expected = entry.expected(facet) or ""
    return Mistake(
        entry.example.id, entry.example.place, expected, entry.got(facet), sure, evidence
    )


def milliseconds(report: Report) -> tuple[float, float]:
    """Median and 99th percentile (nearest rank) of the analysis of one mail; 0 without mails."""
    times = sorted(entry.milliseconds for entry in report.outcomes)
    if not times:
        return 0.0, 0.0
    return statistics.median(times), times[min(len(times) - 1, len(times) * 99 // 100)]


def as_object(report: Report, errors: int) -> dict[str, Any]:
    """The report as a JSON object; every key is always there."""
    median, late = milliseconds(report)
    return {
        "gold": str(report.gold),
        "mails": len(report.outcomes),
        "unreadable": list(report.unreadable),
        "notes": list(report.notes),
        "faults": [{"id": entry.example.id, "detail": entry.fault} for entry in report.faults],
        "figures": _figures(report.measured),
        "not_measured": dict(report.measured.missing),
        "by": {
            facet: {label: _figures(measured) for label, measured in groups.items()}
            for facet, groups in report.groups.items()
        },
        "confusions": {
            facet: [asdict(entry) for entry in entries]
            for facet, entries in report.confusions.items()
        },
        "calibration": {
            facet: [asdict(entry) for entry in bins] for facet, bins in report.bins.items()
        },
        "milliseconds": {"median": round(median, 3), "p99": round(late, 3)},
        "slowest": [
            {
                "id": entry.example.id,
                "place": entry.example.place,
                "ms": round(entry.milliseconds, 2),
            }
            for entry in report.slowest
        ],
        "errors": {
            facet: [asdict(entry) for entry in entries]
            for facet, entries in mistakes(report, errors).items()
        },
    }


def _figures(measured: Measured) -> dict[str, dict[str, Any]]:
    return {key: _figure(figure) for key, figure in measured.figures.items()}


def _figure(figure: Figure) -> dict[str, Any]:
    low, high = figure.interval or (None, None)
    return {"value": figure.value, "low": low, "high": high, "n": figure.n}
