"""What pages are made of: tables, plots and sentences, which text and HTML have in common; and how
figures are written in them.

Nothing is escaped yet: what comes from mails, policies or the knowledge base is only cut to a
length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from mailtriage.insight.report import percent
from mailtriage.insight.report_model import Figure, Named, Period, Times

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
    """Bars, and a line for the period before; as many labels as values. None: not known."""

    name: str
    """For ids: letters and digits, another for each plot of a page."""
    title: str
    said: str
    """What it shows, in words, for whoever does not see it."""
    labels: tuple[str, ...]
    values: tuple[int | None, ...]
    before: tuple[int | None, ...]
    """Empty: not known."""
    words: tuple[str, ...] = ()
    """Each value as people say it; empty: they are plain numbers."""


@dataclass(frozen=True, slots=True)
class Block:
    """One part of the page, in this order; each may be empty."""

    title: str
    plot: Plot | None = None
    table: Table | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of paper."""

    title: str
    lines: tuple[str, ...]
    """Below the title."""
    blocks: tuple[Block, ...]
    foot: Block | None = None
    """Below all others, as wide as the page."""


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


def figure_row(name: str, figure: Figure, whole: Figure | None) -> tuple[str, ...]:
    """Name, count, share of `whole`, both of before, and the change."""
    return (
        cut(name),
        str(figure.now),
        NOTHING if whole is None else share(figure.now, whole.now),
        before(figure),
        NOTHING if whole is None else share(figure.before, whole.before),
        change(figure),
    )


def shares(what: str, rows: Sequence[Named], whole: Figure, unit: str = "mails") -> Table:
    """A row for each, with its share of the whole."""
    return Table(
        (what, unit, "share", "before", "share", "change"),
        tuple(figure_row(one.name, one.figure, whole) for one in rows),
    )


def known_before(figures: Sequence[Figure]) -> tuple[int, ...]:
    """The line of a plot; empty when one of its points is not known."""
    known = tuple(one.before for one in figures if one.before is not None)
    return known if len(known) == len(figures) else ()


def times(both: Times) -> str:
    """Now, and in brackets before."""
    if both.now is None:
        return NOTHING
    return hours(both.now) + (f" ({hours(both.before)})" if both.before is not None else "")


def counts(figure: Figure) -> str:
    """Now, and in brackets before."""
    return str(figure.now) + (f" ({figure.before})" if figure.before is not None else "")


def before(figure: Figure) -> str:
    """The count of the period before."""
    return NOTHING if figure.before is None else str(figure.before)


def change(figure: Figure) -> str:
    """In percent, with its sign."""
    if figure.change is None:
        return NOTHING
    return f"{figure.change:+d} %" if figure.change else "0 %"


def share(part: int | None, whole: int | None) -> str:
    """In percent; a dash where the numbers are too small."""
    found = None if part is None or whole is None else percent(part, whole)
    return NOTHING if found is None else f"{found} %"


def in_percent(part: int, whole: int) -> str:
    """The same behind a sentence: in brackets, or nothing."""
    found = percent(part, whole)
    return "" if found is None else f" ({found} %)"


def span_text(period: Period, zone: str) -> str:
    """From when until when."""
    return f"{moment(period.start, zone)} to {moment(period.end, zone)}"


def moment(at: float, zone: str) -> str:
    """To the minute."""
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def cut(text: str, longest: int = _LONGEST) -> str:
    """In one line, and not too long."""
    plain = " ".join(text.split())
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
