"""What a cross-validation says: figures of each facet, and whether the model in use was better.

Macro-F1 is the mean over the labels of the own lessons. A lesson that went to another label counts
against its own, and that other label, which nobody taught here, is none of the mean.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mailtriage.classifier.model import Classifier, Floats
from mailtriage.evaluation.measures import (
    RESAMPLES,
    SEED,
    Interval,
    calibration_error,
    reliability,
    wilson,
)
from mailtriage.learning.crossval import rule_points
from mailtriage.learning.fit import margins
from mailtriage.learning.texts import Lesson

COVERAGES: Final = (0.9, 0.8, 0.7)
"""Shares of the mails, the surest ones, of which the accuracy is told."""
CONFUSED: Final = 10
ENOUGH: Final = 40
"""Lessons that the model in use has not seen either, from which two models are compared on them."""

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said of one lesson that it was not shown."""

    number: int
    """Of the lesson."""
    wanted: str
    got: str
    confidence: float


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """How well one label was found."""

    label: str
    n: int
    precision: float
    """0 where the label was never given."""
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Figures:
    """How well one facet was judged, and how honest the confidence is."""

    facet: str
    n: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    labels: tuple[LabelFigures, ...]
    confused: tuple[tuple[str, str, int], ...]
    """Expected, got, and how often; the most frequent first."""
    calibration_error: float
    coverage: tuple[tuple[float, float], ...]
    """Share of the mails, the surest first, and how many of these were right."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One facet by the new model and by the one in use."""

    facet: str
    basis: str
    """"unseen": on the same lessons, new to both; "seen": the model in use was trained with most of
    them, so its own cross-validation stands for it; "new": it does not know some of the labels."""
    n: int
    new: float
    """Macro-F1, as below."""
    old: float
    difference: Interval
    """Of the macro-F1, 95 %; of basis "new" nothing is concluded from it."""
    seen: float
    """Share of the lessons that the model in use was trained with: its figure is flattered."""

    @property
    def is_worse(self) -> bool:
        """Whether the new model is worse beyond what chance explains."""
        return self.basis != "new" and self.difference[1] < 0


def answers(
    lessons: Sequence[Lesson],
    facet: str,
    labels: Sequence[str],
    scores: Floats,
    temperature: float,
) -> list[Answer]:
    """Margins to answers, as triage makes them: skills with the points of the rules."""
    sums = scores / np.float32(temperature)
    if facet == "skill":
        sums = sums + rule_points(lessons, labels)
    shares = np.exp(sums - sums.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    best = shares.argmax(axis=1)
    return [
        Answer(n, lesson.labels[facet], labels[best[n]], float(shares[n, best[n]]))
        for n, lesson in enumerate(lessons)
        if facet in lesson.labels
    ]


def answers_of(model: Classifier, lessons: Sequence[Lesson], facet: str) -> list[Answer]:
    """What a finished model says; nothing where it does not know the facet."""
    scores = margins(model, lessons)
    start = 0
    for head in model.heads:
        end = start + len(head.labels)
        if head.facet == facet:
            return answers(lessons, facet, head.labels, scores[:, start:end], head.temperature)
        start = end
    return []


def figures(facet: str, given: Sequence[Answer]) -> Figures:
    """All figures of one facet. Raises ValueError without an answer."""
    pairs = Counter((answer.wanted, answer.got) for answer in given)
    wanted, got = Counter[str](), Counter[str]()
    for (expected, said), count in pairs.items():
        wanted[expected] += count
        got[said] += count
    right = sum(pairs[label, label] for label in wanted)
    table = [_label(label, pairs[label, label], wanted[label], got[label]) for label in wanted]
    wrong = Counter({pair: count for pair, count in pairs.items() if pair[0] != pair[1]})
    confused = sorted(wrong.items(), key=lambda entry: (-entry[1], entry[0]))[:CONFUSED]
    told = [(answer.confidence, answer.wanted == answer.got) for answer in given]
    macro = _macro(list(pairs), 0, 1)
    counts = np.array([list(pairs.values())], np.float64)
    return Figures(
        facet=facet,
        n=len(given),
        accuracy=right / len(given),
        accuracy_interval=wilson(right, len(given)),
        macro_f1=float(macro(counts)[0]),
        macro_f1_interval=_interval(macro(_draws(counts[0]))),
        labels=tuple(sorted(table, key=lambda entry: (-entry.n, entry.label))),
        confused=tuple((expected, said, count) for (expected, said), count in confused),
        calibration_error=calibration_error(reliability(told)),
        coverage=tuple((share, _surest(told, share)) for share in COVERAGES),
    )


def _label(label: str, right: int, wanted: int, got: int) -> LabelFigures:
    return LabelFigures(
        label=label,
        n=wanted,
        precision=right / got if got else 0.0,
        recall=right / wanted,
        f1=2 * right / (wanted + got),
    )


def _surest(told: Sequence[tuple[float, bool]], share: float) -> float:
    """Accuracy of the surest ones when the others are left to people."""
    ordered = sorted(told, key=lambda entry: -entry[0])
    most = ordered[: max(1, round(share * len(ordered)))]
    return sum(right for _, right in most) / len(most)


def compare(
    facet: str,
    new: Sequence[Answer],
    old: Sequence[Answer],
    known: Sequence[str],
    seen: Sequence[bool],
    stored: Mapping[str, Any],
) -> Comparison:
    """New against old, both judged on the same lessons.

    `known` are the labels of the model in use, `seen` says of each lesson whether it was trained
    with it, and `stored` are the figures of its own cross-validation, if it had one.
    """
    share = sum(seen[answer.number] for answer in new) / len(new)
    fresh = [n for n, answer in enumerate(new) if not seen[answer.number]]
    if not old or {answer.wanted for answer in new} - set(known):
        basis, fresh = "new", list(range(len(new)))
    elif len(fresh) >= ENOUGH or not share:
        basis = "unseen"
    else:
        return _against_stored(facet, new, old, share, stored)
    return _paired(facet, basis, [new[n] for n in fresh], [old[n] for n in fresh if old], share)


def _paired(
    facet: str, basis: str, new: Sequence[Answer], old: Sequence[Answer], share: float
) -> Comparison:
    said = [answer.got for answer in old] or [""] * len(new)
    triples = Counter(
        (answer.wanted, answer.got, other) for answer, other in zip(new, said, strict=True)
    )
    cells = list(triples)
    counts = np.array([[triples[cell] for cell in cells]], np.float64)
    of_new, of_old = _macro(cells, 0, 1), _macro(cells, 0, 2)
    draws = _draws(counts[0])
    return Comparison(
        facet=facet,
        basis=basis,
        n=len(new),
        new=float(of_new(counts)[0]),
        old=float(of_old(counts)[0]),
        difference=_interval(of_new(draws) - of_old(draws)),
        seen=share,
    )


def _against_stored(
    facet: str,
    new: Sequence[Answer],
    old: Sequence[Answer],
    share: float,
    stored: Mapping[str, Any],
) -> Comparison:
    """Where the model in use knows the lessons by heart, what it reached unseen stands for it."""
    reached = stored.get(facet, {}).get("macro_f1")
    if not isinstance(reached, float):
        reached = _paired(facet, "seen", new, old, share).old
    mine = figures(facet, new)
    low, high = mine.macro_f1_interval
    return Comparison(
        facet=facet,
        basis="seen",
        n=len(new),
        new=mine.macro_f1,
        old=reached,
        difference=(low - reached, high - reached),
        seen=share,
    )


def _macro(cells: Sequence[tuple[str, ...]], wanted: int, got: int) -> Callable[[_Floats], _Floats]:
    """A function of counts, a row a draw and a column a cell: mean F1 over the labels wanted."""
    labels = sorted({cell[wanted] for cell in cells})
    expected = np.array([[cell[wanted] == label for label in labels] for cell in cells], np.float64)
    given = np.array([[cell[got] == label for label in labels] for cell in cells], np.float64)

    def mean_f1(counts: _Floats) -> _Floats:
        want, gave = counts @ expected, counts @ given
        both = counts @ (expected * given)
        total = want + gave
        scores = np.divide(2 * both, total, out=np.zeros_like(total), where=total > 0)
        # A label that a draw has none of says nothing in it.
        present = want > 0
        return np.asarray((scores * present).sum(axis=1) / np.maximum(1, present.sum(axis=1)))

    return mean_f1


def _draws(counts: _Floats) -> _Floats:
    """Bootstrap: as many lessons again, with replacement; always the same ones."""
    random = np.random.default_rng(SEED)
    n = int(counts.sum())
    return random.multinomial(n, counts / n, size=RESAMPLES).astype(np.float64)


def _interval(values: _Floats) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def as_object(found: Figures) -> dict[str, Any]:
    """The figures for JSON."""
    return {
        "n": found.n,
        "accuracy": round(found.accuracy, 4),
        "accuracy_interval": [round(value, 4) for value in found.accuracy_interval],
        "macro_f1": round(found.macro_f1, 4),
        "macro_f1_interval": [round(value, 4) for value in found.macro_f1_interval],
        "calibration_error": round(found.calibration_error, 4),
        "coverage": {f"{share:.2f}": round(right, 4) for share, right in found.coverage},
        "labels": {
            entry.label: {
                "n": entry.n,
                "precision": round(entry.precision, 4),
                "recall": round(entry.recall, 4),
                "f1": round(entry.f1, 4),
            }
            for entry in found.labels
        },
        "confused": [
            {"expected": expected, "got": got, "n": count}
            for expected, got, count in found.confused
        ],
    }


def comparison_object(found: Comparison) -> dict[str, Any]:
    """A comparison for JSON."""
    return {
        "basis": found.basis,
        "n": found.n,
        "new": round(found.new, 4),
        "in_use": round(found.old, 4),
        "difference_interval": [round(value, 4) for value in found.difference],
        "seen_by_model_in_use": round(found.seen, 4),
        "worse": found.is_worse,
    }
