"""The page about answers: figures of one period beside those of the period before. Rows in, a value
out.

What comes in is cleaned first: a skill, language or template that is no plain word, and a link with
an address in it, do not show, whatever wrote them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from mailtriage.insight.answer_report_help import help_needed
from mailtriage.insight.answer_report_model import (
    After,
    Answer,
    AnswerPage,
    AnswerReport,
    AnswerRows,
    Day,
    Known,
    Part,
    Seen,
    Spoken,
    TemplateUse,
)
from mailtriage.insight.report import MOST_ROWS, quantile
from mailtriage.insight.report_model import ALL, LEAST, Figure, Named, Period, Times
from mailtriage.knowledge.text import base_language

MUCH: Final = 0.4
"""Share of words from which an edit is a big one."""
LEAST_LINKED: Final = 3
"""Answers in which a link must stand to be shown."""
MOST_PAGES: Final = 12
OTHER: Final = "other"
UNKNOWN: Final = "und"
_WORD: Final = re.compile(r"[a-z0-9_-]{1,40}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_HIDDEN: Final = re.compile(r"@|%40", re.IGNORECASE)
_LINK: Final = re.compile(r"[!-~]{1,200}")


def make_answer_report(
    period: Period, before: Period, zone: str, rows: AnswerRows, *, skill: str = "",
    mailbox: str = "",
) -> AnswerReport:  # fmt: skip
    """All figures. `skill`: of it alone; empty: a page of all, and one for each."""
    report = AnswerReport(period, before, zone, mailbox, skill, None, 0, rows.missing)
    if rows.answers is None:
        return report
    known = [_cleaned(one) for one in rows.answers]
    now = [one for one in known if one.at in period]
    then = [one for one in known if one.at in before]

    every = _Both(now, then, is_compared=rows.is_compared)

    def page(name: str) -> AnswerPage:
        both = every if name == ALL else every.among(lambda one: one.skill == name)
        return _page(name, both, _days(both, report), rows.templates)

    if skill:
        return replace(report, pages=(page(skill),))
    counts = Counter(one.skill for one in now)
    enough = [name for name, count in counts.items() if count >= LEAST]
    enough.sort(key=lambda name: (-counts[name], name))
    names = enough[:MOST_PAGES]
    others = counts.total() - sum(counts[name] for name in names)
    return replace(report, pages=(page(ALL), *map(page, names)), others=others)


def edited(seen: Seen) -> float:
    """Of the words of template and answer together, the share that only one of them has.

    One less Dice's coefficient: of a template of T words and an answer of A the K words that both
    have are K / T = `kept` and K / A = 1 - `added`.
    """
    kept, own = seen.kept, 1.0 - seen.added
    return 1.0 - 2.0 * kept * own / (kept + own) if kept + own > 0.0 else 1.0


def _cleaned(one: Answer) -> Answer:
    seen = one.seen
    if seen is not None:
        seen = replace(
            seen,
            language=_language(seen.language),
            links=tuple(dict.fromkeys(filter(None, map(_link, seen.links)))),
            template=_word(seen.template),
        )
    suggested = _word(one.suggested)
    return replace(
        one,
        skill=_word(one.skill) or OTHER,
        language=_language(one.language),
        suggested="" if suggested == "none" else suggested,
        seen=seen,
    )


def _word(text: str) -> str:
    return text if not text or _WORD.fullmatch(text) else OTHER


def _language(text: str) -> str:
    """Without region."""
    return base_language(text) if _LANGUAGE.fullmatch(text) else UNKNOWN


def _link(text: str) -> str:
    """Without the scheme, query and fragment; of one with an address in it the host alone."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    if not host or not _LINK.fullmatch(text):
        return ""
    return f"{host}/…" if _HIDDEN.search(parts.path) else host + parts.path


class _Both:
    """The answers of both periods, to be counted side by side."""

    def __init__(self, now: Sequence[Answer], then: Sequence[Answer], *, is_compared: bool) -> None:
        self.now: Final = now
        self.then: Final = then
        self.is_compared: Final = is_compared

    def all(self, test: Callable[[Answer], object]) -> Figure:
        """How many there are."""
        return Figure(_count(self.now, test), _count(self.then, test))

    def seen(self, test: Callable[[Answer, Seen], object]) -> Figure:
        """How many there are of which it was seen."""

        def is_so(one: Answer) -> object:
            return one.seen is not None and test(one, one.seen)

        then = _count(self.then, is_so) if self.is_compared else None
        return Figure(_count(self.now, is_so), then)

    def after(self, test: Callable[[Answer, Seen], object]) -> After:
        """The customers who wrote again."""

        def felt(*moods: str) -> Figure:
            return self.seen(lambda one, seen: one.mood_after in moods and test(one, seen))

        return After(felt("negative", "neutral", "positive"), felt("negative"), felt("positive"))

    def among(self, test: Callable[[Answer], object]) -> "_Both":
        """Only some of them."""
        now, then = ([one for one in each if test(one)] for each in (self.now, self.then))
        return _Both(now, then, is_compared=self.is_compared)


def _count(answers: Iterable[Answer], test: Callable[[Answer], object]) -> int:
    return sum(bool(test(one)) for one in answers)


def _page(skill: str, both: _Both, days: tuple[Day, ...], templates: Sequence[Known]) -> AnswerPage:
    seen = both.seen(lambda _one, _seen: True)
    made = both.seen(lambda _, seen: seen.template)
    nowhere = both.seen(lambda _, seen: seen.links)
    frequent, rare = _links(both)
    used = [one.seen for one in both.now if one.seen and one.seen.template]
    page = AnswerPage(
        skill=skill,
        answers=both.all(lambda _: True),
        seen=seen,
        half=_times(both, 0.5),
        most=_times(both, 0.8),
        days=days,
        same_language=Part(both.seen(_is_same), both.seen(_is_told)),
        greeting=Part(both.seen(lambda _, seen: seen.greeting), seen),
        closing=Part(both.seen(lambda _, seen: seen.closing), seen),
        nowhere=Part(nowhere, seen),
        links=frequent,
        rare_links=rare,
        suggested=Part(
            both.seen(lambda one, seen: one.suggested and seen.template == one.suggested),
            both.seen(lambda one, _: one.suggested),
        ),
        made=Part(made, seen),
        old=Part(both.seen(lambda _, seen: seen.template and seen.is_old), made),
        kept=quantile([one.kept for one in used], 0.5),
        added=quantile([one.added for one in used], 0.5),
        templates=_templates(both),
        with_template=both.after(lambda _, seen: seen.template),
        without=both.after(lambda _, seen: not seen.template),
        languages=_languages(both),
        help=(),
    )
    return replace(page, help=help_needed(page, templates))


def _is_told(one: Answer, seen: Seen) -> bool:
    return UNKNOWN not in (one.language, seen.language)


def _is_same(one: Answer, seen: Seen) -> bool:
    return _is_told(one, seen) and one.language == seen.language


def _times(both: _Both, share: float) -> Times:
    return Times(
        quantile([one.worked for one in both.now], share),
        quantile([one.worked for one in both.then], share),
    )


def _days(both: _Both, report: AnswerReport) -> tuple[Day, ...]:
    zone = ZoneInfo(report.zone)

    def by_day(answers: Sequence[Answer], period: Period) -> list[list[float]]:
        first = datetime.fromtimestamp(period.start, zone).date()
        last = datetime.fromtimestamp(max(period.start, period.end - 1), zone).date()
        found: list[list[float]] = [[] for _ in range((last - first).days + 1)]
        for one in answers:
            number = (datetime.fromtimestamp(one.at, zone).date() - first).days
            found[number].append(one.worked)
        return found

    now, then = by_day(both.now, report.period), by_day(both.then, report.before)
    first = datetime.fromtimestamp(report.period.start, zone).date()
    then += [[] for _ in range(len(now) - len(then))]
    return tuple(
        Day(
            (first + timedelta(number)).isoformat(),
            Figure(len(today), len(then[number])),
            Times(quantile(today, 0.5), quantile(then[number], 0.5)),
        )
        for number, today in enumerate(now)
    )


def _links(both: _Both) -> tuple[tuple[Named, ...], int]:
    now, then = (
        Counter(link for one in answers if one.seen for link in one.seen.links)
        for answers in (both.now, both.then)
    )
    frequent = sorted(
        (link for link, count in now.items() if count >= LEAST_LINKED),
        key=lambda link: (-now[link], link),
    )
    named = (
        Named(link, Figure(now[link], then[link] if both.is_compared else None))
        for link in frequent[:MOST_ROWS]
    )
    return tuple(named), sum(count < LEAST_LINKED for count in now.values())


def _templates(both: _Both) -> tuple[TemplateUse, ...]:
    used = Counter(one.seen.template for one in both.now if one.seen and one.seen.template)
    told = Counter(one.suggested for one in both.now if one.seen and one.suggested)
    names = sorted({*used, *told}, key=lambda name: (-used[name], -told[name], name))
    return tuple(_template(name, both) for name in names[:MOST_ROWS])


def _template(name: str, every: _Both) -> TemplateUse:
    both = every.among(lambda one: one.seen and name in (one.suggested, one.seen.template))
    used = [one.seen for one in both.now if one.seen and one.seen.template == name]
    edits = [edited(one) for one in used]
    return TemplateUse(
        id=name,
        suggested=both.seen(lambda one, _: one.suggested == name),
        taken=both.seen(lambda one, seen: one.suggested == seen.template == name),
        used=both.seen(lambda _, seen: seen.template == name),
        old=both.seen(lambda _, seen: seen.template == name and seen.is_old),
        kept=quantile([one.kept for one in used], 0.5),
        added=quantile([one.added for one in used], 0.5),
        edited=quantile(edits, 0.5),
        much=sum(edit > MUCH for edit in edits),
        after=both.after(lambda _, seen: seen.template == name),
    )


def _languages(every: _Both) -> tuple[Spoken, ...]:
    told = every.among(lambda one: one.seen and _is_told(one, one.seen))
    counts = Counter(one.language for one in told.now)
    names = sorted(counts, key=lambda each: (-counts[each], each))[:MOST_ROWS]
    return tuple(_spoken(name, told) for name in names)


def _spoken(name: str, told: _Both) -> Spoken:
    both = told.among(lambda one: one.language == name)
    others = Counter(one.seen.language for one in both.now if one.seen)
    del others[name]
    other = min(others, key=lambda each: (-others[each], each), default="")
    whole = both.seen(lambda _one, _seen: True)
    return Spoken(name, Part(both.seen(_is_same), whole), other, others[other])
