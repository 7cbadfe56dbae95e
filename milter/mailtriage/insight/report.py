"""The weekly report: figures of one period beside those of the period before. Rows in, a value out.

Small numbers are kept as they are: who shows them asks `percent`, `quantile` and `Figure.change`.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from math import ceil
from typing import Final
from zoneinfo import ZoneInfo

from mailtriage.insight.kept import Outcome
from mailtriage.insight.report_after import (
    corrections_of,
    moods_of,
    surveys_of,
    updates_of,
)
from mailtriage.insight.report_model import (
    ALL,
    LEAST,
    Answers,
    Figure,
    Gap,
    Knowledge,
    Mail,
    Named,
    Period,
    Reply,
    Report,
    Rows,
    Section,
    Times,
    Volume,
)

MOST_ROWS: Final = 8
MOST_SECTIONS: Final = 6
MOST_EXAMPLES: Final = 2
NONE: Final = "none"
_FACETS: Final = ("kind", "language", "skill", "priority", "mood", "churn", "thread", "ack")


class _Tally:
    """Counts the mails of one period."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone: Final = zone
        self.mails = 0
        self.human = 0
        self.by: Final = {facet: Counter[str]() for facet in _FACETS}
        self.rules: Final = Counter[str]()
        self.days: Final = Counter[date]()
        self.hours: Final = Counter[int]()
        self.sections: Final = Counter[str]()
        self.asked: Final = Counter[tuple[str, str]]()
        self.gaps: Final = Counter[tuple[str, str]]()
        self.examples: Final = defaultdict[tuple[str, str], list[tuple[float, str]]](list)

    def add(self, mail: Mail) -> None:
        """One mail of the period."""
        self.mails += 1
        self.by["ack"][mail.ack or NONE] += 1
        if mail.ack == "skipped" and mail.ack_rule:
            self.rules[mail.ack_rule] += 1
        if mail.kind != "human":
            return
        self.human += 1
        for facet in _FACETS[:-1]:
            self.by[facet][getattr(mail, facet) or NONE] += 1
        local = datetime.fromtimestamp(mail.at, self.zone)
        self.days[local.date()] += 1
        self.hours[local.hour] += 1
        place = (mail.skill or NONE, mail.language or NONE)
        self.asked[place] += 1
        if mail.kb and mail.kb != NONE:
            self.sections[mail.kb] += 1
            return
        self.gaps[place] += 1
        if mail.queue_id:
            newest = [*self.examples[place], (mail.at, mail.queue_id)]
            self.examples[place] = sorted(newest, reverse=True)[:MOST_EXAMPLES]


def make_report(period: Period, before: Period, zone: str, rows: Rows, mailbox: str = "") -> Report:
    """All figures. `rows.mails` and `rows.replies` may reach beyond both periods."""
    now, then = _Tally(ZoneInfo(zone)), _Tally(ZoneInfo(zone))
    for mail in rows.mails or ():
        if mail.at in period:
            now.add(mail)
        elif mail.at in before:
            then.add(mail)
    is_compared = not rows.missing.before
    surges = [one for one in rows.surges or () if one.at in period]
    surges_then = sum(one.at in before for one in rows.surges or ())
    return Report(
        period=period,
        before=before,
        zone=zone,
        mailbox=mailbox,
        volume=None
        if rows.mails is None
        else _volume(now, then if is_compared else None, period, before),
        answers=None if rows.replies is None else _all_answers(rows, period, before),
        surges=None if rows.surges is None else tuple(sorted(surges, key=lambda one: one.at)),
        surges_count=Figure(
            len(surges), surges_then if rows.surges is not None and rows.surges_before else None
        ),
        knowledge=None
        if rows.mails is None or rows.titles is None
        else _knowledge(now, then if is_compared else None, rows.titles),
        surveys=None
        if rows.surveys is None
        else surveys_of(rows.surveys, rows.opt_outs, period, before),
        updates=None if rows.updates is None else updates_of(rows.updates, period),
        moods=None if rows.courses is None else moods_of(rows.courses, period, before),
        corrections=None
        if rows.corrections is None
        else corrections_of(rows.corrections, period, before),
        missing=rows.missing,
    )


def percent(part: int, whole: int) -> int | None:
    """A share; None where either number is too small for one."""
    return None if min(part, whole) < LEAST else round(100 * part / whole)


def quantile(values: Sequence[float], share: float) -> float | None:
    """The least value that so many are not above; None of too few."""
    if len(values) < LEAST:
        return None
    # Not a hair above a whole number: 0.8 * 5 is 4.0, but 0.8 * 35 is 28.000000000000004.
    return sorted(values)[ceil(share * len(values) - 1e-9) - 1]


def _volume(now: _Tally, then: _Tally | None, period: Period, before: Period) -> Volume:
    def figure(name: str, value: str) -> Figure:
        return Figure(now.by[name][value], None if then is None else then.by[name][value])

    def most(name: str) -> tuple[Named, ...]:
        return _most(now.by[name], None if then is None else then.by[name])

    return Volume(
        mails=Figure(now.mails, None if then is None else then.mails),
        human=Figure(now.human, None if then is None else then.human),
        chasers=figure("thread", "chaser"),
        churn_high=figure("churn", "high"),
        days=_days(now, then, period, before),
        hours=tuple(
            Figure(now.hours[hour], None if then is None else then.hours[hour])
            for hour in range(24)
        ),
        languages=most("language"),
        skills=most("skill"),
        priorities=most("priority"),
        moods=most("mood"),
        acks=most("ack"),
        rules=_most(now.rules, None if then is None else then.rules)[:MOST_SECTIONS],
    )


def _most(now: Counter[str], then: Counter[str] | None) -> tuple[Named, ...]:
    """The most frequent first; what there is no more comes last, as it is news, too."""
    names = sorted({*now, *(then or ())}, key=lambda one: (-now[one], -(then or now)[one], one))
    return tuple(
        Named(one, Figure(now[one], None if then is None else then[one]))
        for one in names[:MOST_ROWS]
    )


def _days(now: _Tally, then: _Tally | None, period: Period, before: Period) -> tuple[Named, ...]:
    zone = now.zone
    first = datetime.fromtimestamp(period.start, zone).date()
    last = datetime.fromtimestamp(max(period.start, period.end - 1), zone).date()
    earlier = datetime.fromtimestamp(before.start, zone).date()
    found = []
    for number in range((last - first).days + 1):
        day, old = first + timedelta(number), earlier + timedelta(number)
        figure = Figure(now.days[day], None if then is None else then.days[old])
        found.append(Named(day.isoformat(), figure))
    return tuple(found)


def _all_answers(rows: Rows, period: Period, before: Period) -> tuple[Answers, ...]:
    now = [one for one in rows.replies or () if one.at in period]
    then = [one for one in rows.replies or () if one.at in before]
    skills = {one.skill for one in now} | {*rows.open_now}
    found = [
        _answers(
            skill,
            [one for one in now if one.skill == skill],
            [one for one in then if one.skill == skill],
            Figure(
                rows.open_now[skill].count if skill in rows.open_now else 0,
                rows.open_before[skill].count if skill in rows.open_before else 0,
            ),
            period.end - rows.open_now[skill].oldest if skill in rows.open_now else None,
        )
        for skill in skills
    ]
    found.sort(key=lambda one: (-one.answers.now, -one.open.now, one.skill))
    waiting = Figure(
        sum(one.count for one in rows.open_now.values()),
        sum(one.count for one in rows.open_before.values()),
    )
    oldest = min((one.oldest for one in rows.open_now.values()), default=None)
    age = None if oldest is None else period.end - oldest
    return (_answers(ALL, now, then, waiting, age), *found[:MOST_ROWS])


def _answers(
    skill: str, now: Sequence[Reply], then: Sequence[Reply], waiting: Figure, age: float | None
) -> Answers:
    times = [one.worked for one in now if one.worked is not None]
    earlier = [one.worked for one in then if one.worked is not None]
    what = Counter(one.outcome for one in now)
    what_then = Counter(one.outcome for one in then)
    return Answers(
        skill=skill,
        answers=Figure(len(times), len(earlier)),
        half=Times(quantile(times, 0.5), quantile(earlier, 0.5)),
        most=Times(quantile(times, 0.8), quantile(earlier, 0.8)),
        kept=Figure(what[Outcome.KEPT], what_then[Outcome.KEPT]),
        judged=Figure(
            what[Outcome.KEPT] + what[Outcome.BROKEN],
            what_then[Outcome.KEPT] + what_then[Outcome.BROKEN],
        ),
        unanswered=what[Outcome.UNANSWERED],
        open=waiting,
        oldest=age,
    )


def _knowledge(now: _Tally, then: _Tally | None, titles: Mapping[str, str]) -> Knowledge:
    sections = sorted(now.sections, key=lambda one: (-now.sections[one], one))[:MOST_SECTIONS]
    gaps = sorted(now.gaps, key=lambda one: (-now.gaps[one], one))[:MOST_SECTIONS]
    return Knowledge(
        found=Figure(now.sections.total(), None if then is None else then.sections.total()),
        asked=Figure(now.human, None if then is None else then.human),
        sections=tuple(
            Section(
                one,
                titles.get(one, ""),
                Figure(now.sections[one], None if then is None else then.sections[one]),
            )
            for one in sections
        ),
        gaps=tuple(
            Gap(
                skill=place[0],
                language=place[1],
                figure=Figure(now.gaps[place], None if then is None else then.gaps[place]),
                of=now.asked[place],
                examples=tuple(queue_id for _, queue_id in now.examples[place]),
            )
            for place in gaps
        ),
    )
