"""The figures of a set of outcomes: each with its definition, its number of mails and interval."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailtriage.evaluation.judged import Outcome
from mailtriage.evaluation.measures import (
    Bin,
    Interval,
    calibration_error,
    f1,
    f1_interval,
    macro_f1,
    macro_f1_interval,
    mean_interval,
    reliability,
    wilson,
)
from mailtriage.triage.model import Churn, Kind, Priority

CALIBRATED: Final = ("skill", "language")
"""Facets that say how sure they are."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, from 0 to 1."""

    value: float
    n: int
    """Mails that it is a figure of: the denominator of a share."""
    interval: Interval | None = None
    """95 %; None for calibration errors."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All figures of some outcomes."""

    figures: Mapping[str, Figure]
    """By key, in the order of MEASURES."""
    missing: Mapping[str, str]
    """Key and reason of those that could not be measured."""


_Found = Figure | str
"""A figure, or why there is none."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How a figure is called and measured."""

    title: str
    of: Callable[[Sequence[Outcome]], _Found]
    low_is_good: bool = False


def _no_label(facet: str) -> str:
    return f"no mail has the label '{facet}'"


def _share(answers: Sequence[bool], nobody: str) -> _Found:
    if not answers:
        return nobody
    right = sum(answers)
    return Figure(right / len(answers), len(answers), wilson(right, len(answers)))


def pairs_of(outcomes: Sequence[Outcome], facet: str) -> Counter[tuple[str, str]]:
    """How often each (expected, got) was seen; of human mails only where `OF_HUMANS` says so."""
    return Counter(
        (expected, outcome.got(facet))
        for outcome in outcomes
        if (expected := outcome.expected(facet)) is not None
    )


def newest_exact(outcomes: Sequence[Outcome]) -> _Found:
    """Share of mails whose newest text is the expected one, white space folded. Mails of all kinds;
    utterances have no text but the newest and are left out."""
    answers = [entry.newest_exact for entry in outcomes if entry.newest_exact is not None]
    return _share(answers, "no mail has the label 'newest_text'")


def newest_token_f1(outcomes: Sequence[Outcome]) -> _Found:
    """Mean over the same mails of the F1 of expected and found newest text as bags of words."""
    values = [entry.newest_f1 for entry in outcomes if entry.newest_f1 is not None]
    if not values:
        return "no mail has the label 'newest_text'"
    return Figure(math.fsum(values) / len(values), len(values), mean_interval(values))


def accuracy(facet: str) -> Callable[[Sequence[Outcome]], _Found]:
    """Share of labelled mails whose answer is the label; "und" for a language is an answer."""

    def measure(outcomes: Sequence[Outcome]) -> _Found:
        answers = [
            not entry.is_wrong(facet) for entry in outcomes if entry.expected(facet) is not None
        ]
        return _share(answers, _no_label(facet))

    return measure


def skill_or_second(outcomes: Sequence[Outcome]) -> _Found:
    """Share of mails whose primary skill is the labelled one or among its `skills_also`.

    Measured where anybody said `skills_also` of some mail; a mail without has no second.
    """
    labelled = [entry for entry in outcomes if entry.expected("skill") is not None]
    if all(entry.example.skills_also is None for entry in labelled):
        return _no_label("skills_also")
    return _share([_accepted(entry) for entry in labelled], _no_label("skill"))


def _accepted(entry: Outcome) -> bool:
    return entry.got("skill") in {entry.expected("skill"), *(entry.example.skills_also or ())}


def macro(facet: str) -> Callable[[Sequence[Outcome]], _Found]:
    """Mean of the F1 of every label that is expected or given, each counting the same."""

    def measure(outcomes: Sequence[Outcome]) -> _Found:
        pairs = pairs_of(outcomes, facet)
        if not pairs:
            return _no_label(facet)
        return Figure(macro_f1(pairs), pairs.total(), macro_f1_interval(pairs))

    return measure


def churn_high(outcomes: Sequence[Outcome]) -> _Found:
    """F1 of churn = high against the other levels."""
    pairs = pairs_of(outcomes, "churn")
    if not pairs:
        return _no_label("churn")
    value = f1(pairs, Churn.HIGH)
    if math.isnan(value):
        return "no mail is labelled or called churn = high"
    return Figure(value, pairs.total(), f1_interval(pairs, Churn.HIGH))


def human_as_robot(outcomes: Sequence[Outcome]) -> _Found:
    """Share of the mails labelled kind = human that are called machine, bounce or list."""
    answers = [entry.is_wrong("kind") for entry in outcomes if entry.expected("kind") == Kind.HUMAN]
    return _share(answers, "no mail is labelled kind = human")


def urgent_recall(outcomes: Sequence[Outcome]) -> _Found:
    """Share of the mails labelled urgent that are called urgent."""
    answers = [
        not entry.is_wrong("priority")
        for entry in outcomes
        if entry.expected("priority") == Priority.URGENT
    ]
    return _share(answers, "no mail is labelled priority = urgent")


def urgent_precision(outcomes: Sequence[Outcome]) -> _Found:
    """Share of the mails called urgent that are labelled urgent."""
    answers = [
        not entry.is_wrong("priority")
        for entry in outcomes
        if entry.expected("priority") is not None and entry.got("priority") == Priority.URGENT
    ]
    labelled = any(entry.expected("priority") is not None for entry in outcomes)
    return _share(answers, "no mail is called urgent" if labelled else _no_label("priority"))


def bins_of(outcomes: Sequence[Outcome], facet: str) -> tuple[Bin, ...]:
    """Confidence against rightness of a facet of CALIBRATED, every labelled mail counted: also
    "general" and "und", whose confidence is that of an answer like any other."""
    return reliability(
        (getattr(entry.answer, f"{facet}_confidence"), not entry.is_wrong(facet))
        for entry in outcomes
        if entry.expected(facet) is not None
    )


def calibration(facet: str) -> Callable[[Sequence[Outcome]], _Found]:
    """Expected calibration error over ten bins of equal width."""

    def measure(outcomes: Sequence[Outcome]) -> _Found:
        bins = bins_of(outcomes, facet)
        n = sum(entry.n for entry in bins)
        return Figure(calibration_error(bins), n) if n else _no_label(facet)

    return measure


MEASURES: Final[Mapping[str, Measure]] = {
    "newest_text": Measure("newest text, exact", newest_exact),
    "newest_text_token_f1": Measure("newest text, token F1", newest_token_f1),
    "language": Measure("language", accuracy("language")),
    "skill": Measure("skill", accuracy("skill")),
    "skill_or_second": Measure("skill or accepted second", skill_or_second),
    "skill_macro_f1": Measure("skill, macro-F1", macro("skill")),
    "priority": Measure("priority, exact level", accuracy("priority")),
    "urgent_recall": Measure("urgent, recall", urgent_recall),
    "urgent_precision": Measure("urgent, precision", urgent_precision),
    "mood_macro_f1": Measure("mood, macro-F1", macro("mood")),
    "churn_high_f1": Measure("churn high, F1", churn_high),
    "churn_macro_f1": Measure("churn, macro-F1", macro("churn")),
    "kind": Measure("kind", accuracy("kind")),
    "humans_called_non_human": Measure("humans called non-human", human_as_robot, low_is_good=True),
    "thread": Measure("thread", accuracy("thread")),
    "skill_ece": Measure("skill, calibration error", calibration("skill"), low_is_good=True),
    "language_ece": Measure(
        "language, calibration error", calibration("language"), low_is_good=True
    ),
}
"""By the key that --json, floors and ceilings use."""


def measure_all(outcomes: Sequence[Outcome]) -> Measured:
    """Every figure that the labels allow, and why the others are missing."""
    figures: dict[str, Figure] = {}
    missing: dict[str, str] = {}
    for key, measure in MEASURES.items():
        found = measure.of(outcomes)
        if isinstance(found, Figure):
            figures[key] = found
        else:
            missing[key] = found
    return Measured(figures, missing)
