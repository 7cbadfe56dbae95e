"""What `mailtriage train` found, as tables for people. No word of a mail stands in them."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from mailtriage.commands.tables import plain, table_of
from mailtriage.evaluation.measures import Interval
from mailtriage.labelled import LabelledSet
from mailtriage.learning.own import SCANT, TOO_FEW, Course
from mailtriage.learning.report import Comparison, Figures

_MOST_LABELS: Final = 200


def print_result(
    console: Console,
    labelled: LabelledSet,
    course: Course,
    measured: Sequence[Figures],
    comparisons: Sequence[Comparison],
    warnings: Sequence[str],
    seconds: float,
    megabytes: float,
) -> None:
    """All tables, then what is to be minded."""
    console.print(plain(f"{labelled.path}: {len(course.own)} mails", bold=True))
    for note in labelled.notes:
        console.print(plain(f"  {note}"))
    beside = f"beside {len(course.corpus)} lessons of the shipped corpus"
    console.print(plain(f"  {'skills of these mails alone' if course.is_only else beside}"))
    for found in measured:
        _facet(console, found)
    console.print()
    for comparison in comparisons:
        console.print(plain(_compared(comparison)))
    for warning in warnings:
        console.print(plain(f"mind: {warning}"))
    console.print(plain(f"{seconds:.1f} s, {megabytes:.0f} MB at most"))


def _facet(console: Console, found: Figures) -> None:
    console.print()
    title = f"{found.facet}, each mail judged by a model that was not shown it"
    console.print(plain(title, bold=True))
    table = table_of("", "figure", "95 % interval", "mails")
    accuracy, macro = _between(found.accuracy_interval), _between(found.macro_f1_interval)
    table.add_row("accuracy", f"{found.accuracy:.3f}", accuracy, str(found.n))
    table.add_row("macro-F1", f"{found.macro_f1:.3f}", macro, str(found.n))
    for share, right in found.coverage:
        title = f"accuracy of the surest {share:.0%}".replace("%", " %")
        table.add_row(title, f"{right:.3f}", "", str(round(share * found.n)))
    table.add_row("calibration error", f"{found.calibration_error:.3f}", "", str(found.n))
    console.print(table)
    console.print()
    console.print(_labels(found))
    if len(found.labels) > _MOST_LABELS:
        console.print(plain(f"… and {len(found.labels) - _MOST_LABELS} more; --json has all"))
    if found.confused:
        console.print()
        table = table_of("expected", "got", "mails", texts=2)
        for expected, got, count in found.confused:
            table.add_row(plain(expected), plain(got), str(count))
        console.print(table)


def _labels(found: Figures) -> Table:
    table = table_of(found.facet, "precision", "recall", "F1", "mails", "")
    for entry in found.labels[:_MOST_LABELS]:
        remark = "too few to tell" if entry.n < TOO_FEW else "few" if entry.n < SCANT else ""
        table.add_row(
            plain(entry.label),
            f"{entry.precision:.2f}",
            f"{entry.recall:.2f}",
            f"{entry.f1:.2f}",
            str(entry.n),
            remark,
        )
    return table


def _compared(found: Comparison) -> str:
    if found.basis == "new":
        return f"{found.facet}: the model in use does not know all of these labels"
    both = f"macro-F1 {found.new:.3f}, the model in use {found.old:.3f}"
    low, high = found.difference
    between = f"difference {low:+.3f} to {high:+.3f}"
    verdict = ": worse" if found.is_worse else ""
    if found.basis == "seen":
        how = f"it was trained with {found.seen:.0%} of these mails; its figure is the one of then"
    else:
        how = f"on {found.n} mails that neither was shown"
    return f"{found.facet}: {both} ({how}); {between}{verdict}"


def _between(interval: Interval) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"
