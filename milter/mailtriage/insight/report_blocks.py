"""The report as tables, plots and sentences: what the text page and the HTML page have in common.

Small numbers are not made into shares here, for both. Nothing is escaped yet: what comes from
mails, policies or the knowledge base is only cut to a length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from mailtriage.insight.report import percent
from mailtriage.insight.report_model import (
    ALL,
    Answers,
    Figure,
    Knowledge,
    Named,
    Period,
    Report,
    Times,
    Volume,
)

NOTHING: Final = "–"
_LONGEST: Final = 48
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Table:
    """The first `texts` columns are words, the others numbers."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars, and a line for the period before; as many labels as values."""

    name: str
    """For ids: letters."""
    title: str
    said: str
    """What it shows, in words, for whoever does not see it."""
    labels: tuple[str, ...]
    values: tuple[int, ...]
    before: tuple[int, ...]
    """Empty: not known."""


@dataclass(frozen=True, slots=True)
class Block:
    """One part of the page, in this order; each may be empty."""

    title: str
    plot: Plot | None = None
    table: Table | None = None
    notes: tuple[str, ...] = ()


def heading(report: Report) -> str:
    """What it is about, in one line."""
    about = f"mailbox {report.mailbox}" if report.mailbox else "all mailboxes"
    return f"{_span(report.period, report.zone)} ({report.zone}), {about}"


def compared(report: Report) -> str:
    """What it is compared with, in one line."""
    return f"Compared with {_span(report.before, report.zone)}."


def blocks(report: Report) -> tuple[Block, ...]:
    """All parts, also those of which there is nothing to show: each says why."""
    return (*_volume(report), _answers(report), _surges(report), *_knowledge(report))


def hours(seconds: float | None) -> str:
    """A time as people say it: "35 min", "3 h 20 min", "26 h"."""
    if seconds is None:
        return NOTHING
    minutes = round(seconds / _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min"
    if minutes < 10 * _MINUTE:
        return f"{minutes // _MINUTE} h {minutes % _MINUTE:02d} min"
    return f"{round(seconds / _HOUR)} h"


def age(seconds: float | None) -> str:
    """By the wall clock: from two days on in days."""
    if seconds is None or seconds < 2 * _DAY:
        return hours(seconds)
    return f"{round(seconds / _DAY)} days"


def _volume(report: Report) -> tuple[Block, ...]:
    volume = report.volume
    if volume is None:
        return (Block("What came in", notes=(report.missing.volume,)),)
    whole = volume.human
    total = Block(
        "What came in",
        table=Table(
            ("", "mails", "share", "before", "share", "change"),
            (
                _row("all mail", volume.mails, None),
                _row("written by people", whole, volume.mails),
                _row("of these, chasers", volume.chasers, whole),
                _row("of these, churn high", volume.churn_high, whole),
            ),
        ),
        notes=tuple(filter(None, (report.missing.before,))),
    )
    return (
        total,
        Block("By day", plot=_by_day(volume), notes=_parts_of_days(report)),
        Block("By hour", plot=_by_hour(volume)),
        Block("Skills", table=_shares("skill", volume.skills, whole)),
        Block("Languages", table=_shares("language", volume.languages, whole)),
        Block("Priorities", table=_shares("priority", volume.priorities, whole)),
        Block("Moods", table=_shares("mood", volume.moods, whole)),
        Block(
            "Acknowledgements",
            table=_shares("result", volume.acks, volume.mails),
            notes=_rules(volume),
        ),
    )


def _rules(volume: Volume) -> tuple[str, ...]:
    if not volume.rules:
        return ()
    named = ", ".join(f"{one.name} {one.figure.now}" for one in volume.rules if one.figure.now)
    return (f"Skipped by rule: {named}.",) if named else ()


def _parts_of_days(report: Report) -> tuple[str, ...]:
    zone = ZoneInfo(report.zone)
    moments = (datetime.fromtimestamp(at, zone) for at in (report.period.start, report.period.end))
    if any((one.hour, one.minute) != (0, 0) for one in moments):
        return ("The first or the last day is not a whole one.",)
    return ()


def _by_day(volume: Volume) -> Plot:
    days = volume.days
    labels = tuple(f"{date.fromisoformat(one.name):%a %d}" for one in days)
    said = ", ".join(f"{label}: {one.figure.now}" for label, one in zip(labels, days, strict=True))
    return Plot(
        "days",
        "Mails that people wrote, by day",
        said,
        labels,
        tuple(one.figure.now for one in days),
        _known_before([one.figure for one in days]),
    )


def _by_hour(volume: Volume) -> Plot:
    counts = [one.now for one in volume.hours]
    said = "none"
    if sum(counts):
        top = max(range(24), key=counts.__getitem__)
        said = f"most from {top:02d}:00 to {(top + 1) % 24:02d}:00: {counts[top]}"
        share = percent(sum(counts[8:18]), sum(counts))
        if share is not None:
            said += f"; {share} % between 08:00 and 18:00"
    return Plot(
        "hours",
        "Mails that people wrote, by hour of the day",
        said,
        tuple(f"{hour:02d}" for hour in range(24)),
        tuple(counts),
        _known_before(volume.hours),
    )


def _known_before(figures: Sequence[Figure]) -> tuple[int, ...]:
    known = tuple(one.before for one in figures if one.before is not None)
    return known if len(known) == len(figures) else ()


def _shares(what: str, rows: Sequence[Named], whole: Figure) -> Table:
    return Table(
        (what, "mails", "share", "before", "share", "change"),
        tuple(_row(one.name, one.figure, whole) for one in rows),
    )


def _row(name: str, figure: Figure, whole: Figure | None) -> tuple[str, ...]:
    return (
        _cut(name),
        str(figure.now),
        NOTHING if whole is None else _percent(figure.now, whole.now),
        _before(figure),
        NOTHING if whole is None else _percent(figure.before, whole.before),
        _change(figure),
    )


def _answers(report: Report) -> Block:
    title = "First answers, in opening hours"
    if report.answers is None:
        return Block(title, notes=(report.missing.replies,))
    notes = ["In brackets: the period before. Open: no answer of a human was seen, as of the end."]
    total = report.answers[0]
    if not total.answers.now:
        notes.append(
            "No answer of a human was seen in this period: answers count where they pass this"
            " mail server."
        )
    if total.unanswered:
        notes.append(
            f"{total.unanswered} promises ended without an answer that was seen, and count neither"
            " way."
        )
    return Block(
        title,
        table=Table(
            ("skill", "answers", "half within", "8 of 10 within", "promises kept", "open",
             "oldest waits"),
            tuple(map(_answers_row, report.answers)),
        ),
        notes=tuple(filter(None, (*notes, report.missing.replies))),
    )  # fmt: skip


def _answers_row(one: Answers) -> tuple[str, ...]:
    kept = NOTHING
    if one.judged.now:
        share = percent(one.kept.now, one.judged.now)
        kept = f"{one.kept.now} of {one.judged.now}"
        if share is not None:
            earlier = percent(one.kept.before or 0, one.judged.before or 0)
            kept = f"{share} %, {kept}" + (f" ({earlier} %)" if earlier is not None else "")
    return (
        _cut(one.skill) if one.skill != ALL else "all",
        f"{one.answers.now} ({_before(one.answers)})",
        _times(one.half),
        _times(one.most),
        kept,
        f"{one.open.now} ({_before(one.open)})",
        age(one.oldest),
    )


def _surges(report: Report) -> Block:
    title = "Surges"
    if report.surges is None:
        return Block(title, notes=(report.missing.surges,))
    said = f"{len(report.surges)} noticed." if report.surges else "None was noticed."
    if report.surges_count.before is not None:
        said += f" In the period before: {report.surges_count.before}."
    rows = tuple(
        (_moment(one.at, report.zone), one.kind, _cut(one.name)) for one in report.surges[:10]
    )
    table = Table(("noticed", "what", "name"), rows, texts=3) if rows else None
    return Block(title, table=table, notes=tuple(filter(None, (said, report.missing.surges))))


def _knowledge(report: Report) -> tuple[Block, ...]:
    title = "Knowledge base"
    found = report.knowledge
    if found is None:
        return (Block(title, notes=(report.missing.knowledge or report.missing.volume,)),)
    return _sections(title, found, report), _gaps(found)


def _sections(title: str, found: Knowledge, report: Report) -> Block:
    said = f"A section was found for {found.found.now} of {found.asked.now} mails of people"
    said += _in_percent(found.found.now, found.asked.now)
    if found.found.before is not None:
        said += f"; before: {found.found.before} of {found.asked.before}"
    rows = tuple(
        (
            _cut(one.title or NOTHING),
            _cut(one.id),
            str(one.figure.now),
            _before(one.figure),
        )
        for one in found.sections
    )
    table = Table(("most frequent sections", "id", "mails", "before"), rows, texts=2)
    notes = tuple(filter(None, (f"{said}.", report.missing.titles)))
    return Block(title, table=table if rows else None, notes=notes)


def _gaps(found: Knowledge) -> Block:
    rows = tuple(
        (
            _cut(one.skill),
            _cut(one.language),
            ", ".join(map(_cut, one.examples)) or NOTHING,
            f"{one.figure.now} of {one.of}{_in_percent(one.figure.now, one.of)}",
            _before(one.figure),
        )
        for one in found.gaps
    )
    if not rows:
        return Block("Mails that found no section", notes=("None.",))
    return Block(
        "Mails that found no section",
        table=Table(("skill", "language", "queue ids", "mails", "before"), rows, texts=3),
        notes=(
            "No text is kept: the queue ids, of the newest, lead to the mails in log and history.",
        ),
    )


def _times(times: Times) -> str:
    if times.now is None:
        return NOTHING
    return hours(times.now) + (f" ({hours(times.before)})" if times.before is not None else "")


def _before(figure: Figure) -> str:
    return NOTHING if figure.before is None else str(figure.before)


def _change(figure: Figure) -> str:
    if figure.change is None:
        return NOTHING
    return f"{figure.change:+d} %" if figure.change else "0 %"


def _percent(part: int | None, whole: int | None) -> str:
    share = None if part is None or whole is None else percent(part, whole)
    return NOTHING if share is None else f"{share} %"


def _in_percent(part: int, whole: int) -> str:
    share = percent(part, whole)
    return "" if share is None else f" ({share} %)"


def _span(period: Period, zone: str) -> str:
    return f"{_moment(period.start, zone)} to {_moment(period.end, zone)}"


def _moment(at: float, zone: str) -> str:
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
