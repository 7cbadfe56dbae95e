"""Figures of what comes after a mail was judged: updates, surveys, moods, corrections."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from mailtriage.insight.csat import TOP
from mailtriage.insight.kept import Outcome, outcome
from mailtriage.insight.mood_trend import Course, Trend, trends
from mailtriage.insight.report_model import (
    LEAST,
    Asked,
    AskedOf,
    Confused,
    Corrected,
    Corrections,
    Figure,
    Named,
    Period,
    Surveys,
    Told,
    Updates,
)

MOST_SKILLS: Final = 6
GOOD: Final = "good"
"""What is said of a suggested template that fits: no correction."""


def surveys_of(
    rows: Sequence[Asked], opt_outs: Sequence[float], period: Period, before: Period
) -> Surveys:
    """Who was asked in the period, and the votes that came in it."""
    names = Counter(one.skill for one in rows if one.vote > 0 and one.voted in period)
    every = _asked("", rows, period, before)
    return Surveys(
        asked=every.asked,
        answered=every.answered,
        satisfied=every.satisfied,
        opt_outs=_figure(opt_outs, period, before),
        skills=tuple(
            _asked(name, [one for one in rows if one.skill == name], period, before)
            for name, count in sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))
            if count >= LEAST
        )[:MOST_SKILLS],
    )


def _asked(name: str, rows: Sequence[Asked], period: Period, before: Period) -> AskedOf:
    return AskedOf(
        name,
        asked=_figure((one.at for one in rows), period, before),
        answered=_figure((one.voted for one in rows if one.vote > 0), period, before),
        satisfied=_figure((one.voted for one in rows if one.vote >= TOP), period, before),
    )


def _figure(times: Iterable[float], period: Period, before: Period) -> Figure:
    known = list(times)
    return Figure(sum(one in period for one in known), sum(one in before for one in known))


def updates_of(rows: Iterable[Told], period: Period) -> Updates:
    """Of those who were told in the period: was what they were told last kept?"""
    told: dict[int, list[Told]] = {}
    for one in rows:
        if one.at in period:
            told.setdefault(one.conversation, []).append(one)
    what = Counter(_second(many[-1], period.end) for many in told.values())
    return Updates(
        told=len(told),
        again=sum(len(many) > 1 for many in told.values()),
        kept=what[Outcome.KEPT],
        broken=what[Outcome.BROKEN],
        waiting=what[Outcome.UNANSWERED],
    )


def _second(told: Told, end: float) -> Outcome | None:
    if told.answered and told.answered < end:
        return outcome(told.promised, told.answered)
    if not told.promised:
        return None
    return Outcome.BROKEN if told.promised < end else Outcome.UNANSWERED


def moods_of(courses: Sequence[Course], period: Period, before: Period) -> tuple[Named, ...]:
    """As conversations stood at the end of each period, of those in which the customer wrote."""
    now = trends(courses, period.start, period.end)
    then = trends(courses, before.start, before.end)
    return tuple(Named(str(one), Figure(now[one], then[one])) for one in Trend)


def corrections_of(rows: Iterable[Corrected], period: Period, before: Period) -> Corrections:
    """How many mails, and of each facet what was mistaken for what most often."""
    now: list[Corrected] = []
    then: list[Corrected] = []
    confirmed = 0
    for one in rows:
        is_right = one.value in (one.said, GOOD)
        if one.at in period:
            confirmed += is_right
            now += [] if is_right else [one]
        elif one.at in before and not is_right:
            then.append(one)
    facets = Counter(one.facet for one in now)
    return Corrections(
        mails=_mails(now, then),
        confirmed=confirmed,
        facets=tuple(
            _confused(
                facet,
                [one for one in now if one.facet == facet],
                [one for one in then if one.facet == facet],
            )
            for facet in sorted(facets, key=lambda one: (-facets[one], one))
        ),
    )


def _confused(facet: str, now: Sequence[Corrected], then: Sequence[Corrected]) -> Confused:
    pairs = Counter((one.said, one.value) for one in now)
    said, value = min(pairs, key=lambda pair: (-pairs[pair], pair))
    return Confused(facet, _mails(now, then), said, value, pairs[said, value])


def _mails(now: Sequence[Corrected], then: Sequence[Corrected]) -> Figure:
    return Figure(len({one.mail for one in now}), len({one.mail for one in then}))
