"""Reports as pages of text, for a terminal or a plain mail."""

from collections.abc import Callable
from typing import Final

from mailtriage.insight.report_blocks import blocks, compared, heading
from mailtriage.insight.report_model import Report
from mailtriage.insight.report_parts import NOTHING, Block, Plot, Sheet, Table

_BAR: Final = 40
"""Characters of the longest bar."""
_STEPS: Final = " ▁▂▃▄▅▆▇█"


def text_page(report: Report, harmless: Callable[[str], str]) -> str:
    """The weekly report. `harmless` takes the control characters out of words that came from
    outside."""
    lines = (compared(report),)
    return text_sheet(Sheet(f"Report: {heading(report)}", lines, blocks(report)), harmless)


def text_sheet(sheet: Sheet, harmless: Callable[[str], str]) -> str:
    """One page."""
    lines = [harmless(line) for line in (sheet.title, *sheet.lines)]
    for block in (*sheet.blocks, *((sheet.foot,) if sheet.foot else ())):
        lines += ["", *_block(block, harmless)]
    return "\n".join(lines) + "\n"


def _block(block: Block, harmless: Callable[[str], str]) -> list[str]:
    lines = [harmless(block.title.upper())]
    if block.plot is not None:
        lines += _hours(block.plot) if block.plot.name == "hours" else _days(block.plot)
    if block.table is not None:
        lines += _table(block.table, harmless)
    return lines + [harmless(note) for note in block.notes]


def _days(plot: Plot) -> list[str]:
    known = [value or 0 for value in (*plot.values, *plot.before)]
    most = max((*known, 1))
    width = max(map(len, plot.labels))
    lines = []
    for number, (label, value) in enumerate(zip(plot.labels, plot.values, strict=True)):
        said = plot.words[number] if plot.words else _said(value)
        # Words have the unit, which a bare number beside them lacks.
        earlier = f" ({_said(plot.before[number])})" if plot.before and not plot.words else ""
        bar = "█" * round(_BAR * (value or 0) / most)
        lines.append(f"{label:{width}}  {bar}{' ' if bar else ''}{said}{earlier}")
    return lines


def _said(value: int | None) -> str:
    return NOTHING if value is None else str(value)


def _hours(plot: Plot) -> list[str]:
    lines = ["      " + "".join(f"{label:<3}" for label in plot.labels).rstrip()]
    for name, known in (("now", plot.values), ("then", plot.before)):
        values = [value or 0 for value in known]
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
