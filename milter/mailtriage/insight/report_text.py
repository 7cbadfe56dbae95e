"""The report as a page of text, for a terminal or a plain mail."""

from collections.abc import Callable
from typing import Final

from mailtriage.insight.report_blocks import Block, Plot, Table, blocks, compared, heading
from mailtriage.insight.report_model import Report

_BAR: Final = 40
"""Characters of the longest bar."""
_STEPS: Final = " ▁▂▃▄▅▆▇█"


def text_page(report: Report, harmless: Callable[[str], str]) -> str:
    """The page. `harmless` takes the control characters out of words that came from outside."""
    lines = [f"Report: {heading(report)}", compared(report)]
    for block in blocks(report):
        lines += ["", *_block(block, harmless)]
    return "\n".join(lines) + "\n"


def _block(block: Block, harmless: Callable[[str], str]) -> list[str]:
    lines = [block.title.upper()]
    if block.plot is not None:
        lines += _days(block.plot) if block.plot.name == "days" else _hours(block.plot)
    if block.table is not None:
        lines += _table(block.table, harmless)
    return lines + [harmless(note) for note in block.notes]


def _days(plot: Plot) -> list[str]:
    most = max((*plot.values, *plot.before, 1))
    width = max(map(len, plot.labels))
    lines = []
    for number, (label, value) in enumerate(zip(plot.labels, plot.values, strict=True)):
        before = f" ({plot.before[number]})" if plot.before else ""
        bar = "█" * round(_BAR * value / most)
        lines.append(f"{label:{width}}  {bar}{' ' if bar else ''}{value}{before}")
    return lines


def _hours(plot: Plot) -> list[str]:
    lines = ["      " + "".join(f"{label:<3}" for label in plot.labels).rstrip()]
    for name, values in (("now", plot.values), ("then", plot.before)):
        most = max((*values, 1))
        if values:
            marks = "".join(f"{_STEPS[-(-8 * value // most)] * 2} " for value in values)
            lines.append(f"{name:4}  {marks}".rstrip())
    return [*lines, f"{plot.said}."]


def _table(table: Table, harmless: Callable[[str], str]) -> list[str]:
    rows = [table.headings, *(tuple(map(harmless, row)) for row in table.rows)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.headings))]
    return [
        "  ".join(
            cell.ljust(width) if place < table.texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
