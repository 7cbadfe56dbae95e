"""The report as tables for people."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from mailtriage.commands.tables import plain, table_of
from mailtriage.evaluation.figures import MEASURES, Figure, Measured
from mailtriage.evaluation.measures import Bin
from mailtriage.evaluation.report import Mistake, Report, milliseconds, mistakes

_COLUMNS: Final = {
    "newest_text": "newest",
    "language": "lang.",
    "skill": "skill",
    "skill_or_second": "or 2nd",
    "priority": "prio.",
    "mood_macro_f1": "mood",
    "churn_macro_f1": "churn",
    "kind": "kind",
    "thread": "thread",
}
"""Figures of the table by groups, and their headings: with more it would not fit 80 columns."""

_MOST_GROUPS: Final = 60


def print_report(console: Console, report: Report, errors: int) -> None:
    """All tables; `errors` is how many wrong answers of each facet are listed."""
    console.print(plain(f"{report.gold}: {len(report.outcomes)} mails", bold=True))
    for note in report.notes:
        console.print(plain(f"  {note}"))
    console.print()
    console.print(_figures(report.measured))
    for key, reason in report.measured.missing.items():
        console.print(plain(f"not measured: {MEASURES[key].title}: {reason}"))
    for facet, groups in report.groups.items():
        if groups:
            _heading(console, f"By {facet}")
            console.print(_groups(facet, groups))
            if len(groups) > _MOST_GROUPS:
                console.print(plain(f"… and {len(groups) - _MOST_GROUPS} more; --json has all"))
    if any(report.confusions.values()):
        _heading(console, "Most frequent confusions")
        console.print(_confusions(report))
    for facet, bins in report.bins.items():
        _heading(console, f"Confidence of the {facet}")
        console.print(_confidence(bins))
    _slowest(console, report)
    for facet, entries in mistakes(report, errors).items():
        _heading(console, f"Wrong: {facet.replace('_', ' ')}")
        console.print(_mistakes(entries))
    _left_out(console, report)


def _confidence(bins: Sequence[Bin]) -> Table:
    table = table_of("said", "mails", "mean said", "right")
    for entry in bins:
        if entry.n:
            between = f"{entry.low:.1f} to {entry.high:.1f}"
            said, right = f"{entry.confidence:.2f}", f"{entry.right:.2f}"
            table.add_row(between, str(entry.n), said, right)
    return table


def _left_out(console: Console, report: Report) -> None:
    """The mails that nobody judged."""
    for name in report.unreadable:
        console.print(plain(f"could not be read: {name}"))
    for outcome in report.faults:
        where = f"{outcome.example.id} ({outcome.example.place}): {outcome.fault}"
        console.print(plain(f"a fault of mailtriage, judged by nobody: {where}"))


def _figures(measured: Measured) -> Table:
    table = table_of("", "figure", "95 % interval", "mails")
    for key, figure in measured.figures.items():
        low, high = figure.interval or (0.0, 0.0)
        between = f"{low:.3f} to {high:.3f}" if figure.interval else ""
        table.add_row(MEASURES[key].title, f"{figure.value:.3f}", between, str(figure.n))
    return table


def _groups(facet: str, groups: Mapping[str, Measured]) -> Table:
    used = [key for key in _COLUMNS if any(key in group.figures for group in groups.values())]
    table = table_of(facet, "mails", *(_COLUMNS[key] for key in used))
    for label, measured in list(groups.items())[:_MOST_GROUPS]:
        figures = [measured.figures.get(key) for key in used]
        number = max((figure.n for figure in measured.figures.values()), default=0)
        table.add_row(plain(label), str(number), *map(_cell, figures))
    return table


def _cell(figure: Figure | None) -> str:
    return f"{figure.value:.2f}" if figure else "–"


def _confusions(report: Report) -> Table:
    table = table_of("facet", "expected", "got", "mails", texts=3)
    for facet, entries in report.confusions.items():
        for number, entry in enumerate(entries):
            name = "" if number else facet
            table.add_row(name, plain(entry.expected), plain(entry.got), str(entry.count))
    return table


def _slowest(console: Console, report: Report) -> None:
    if not report.slowest:
        return
    median, late = milliseconds(report)
    _heading(console, f"Slowest mails (median {median:.2f} ms, 99 % within {late:.2f} ms)")
    table = table_of("mail", "label at", "ms", texts=2)
    for outcome in report.slowest:
        example = outcome.example
        table.add_row(plain(example.id), plain(example.place), f"{outcome.milliseconds:.2f}")
    console.print(table)


def _mistakes(entries: Sequence[Mistake]) -> Table:
    table = table_of("mail", "label at", "expected", "got", "sure", "because of", texts=4)
    table.columns[-1].justify = "left"
    for entry in entries:
        table.add_row(
            plain(entry.id),
            plain(entry.place),
            plain(entry.expected),
            plain(entry.got),
            "" if entry.confidence is None else f"{entry.confidence:.2f}",
            plain(", ".join(entry.evidence)),
        )
    return table


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(plain(text, bold=True))
