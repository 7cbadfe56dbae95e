"""Reports as one HTML file: no script, nothing loaded from elsewhere, A4 pages in print.

Mail clients that take the style or the plots away leave tables and, below each plot, its figures in
words. Colours are those of the reader's system, dark or light. No line is longer than mail may have
them (998 octets, RFC 5322, 2.1.1).
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from mailtriage.insight.report_blocks import blocks, compared, heading
from mailtriage.insight.report_model import Report
from mailtriage.insight.report_parts import Block, Plot, Sheet, Table
from mailtriage.insight.report_svg import BARS, LINE, bars

_STYLE: Final = f"""
:root {{ color-scheme: light dark }}
body {{ font: 13px/1.35 system-ui, sans-serif; color: CanvasText; background: Canvas;
  max-width: 60em; margin: 1em auto; padding: 0 1em }}
h1 {{ font-size: 1.35em; margin: 0 }}
h2 {{ font-size: 1em; margin: 0 0 .2em; border-bottom: 1px solid }}
p {{ margin: .2em 0 }}
.blocks {{ columns: 2; column-gap: 1.6em; margin-top: .7em }}
section {{ break-inside: avoid; margin: 0 0 .8em }}
.wide {{ margin-top: .7em }}
.sheet + .sheet {{ break-before: page; margin-top: 2.5em }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ padding: .08em .5em .08em 0; vertical-align: top; font-variant-numeric: tabular-nums }}
th {{ font-weight: 600; text-align: left }}
td.n, th.n {{ text-align: right }}
tbody tr + tr {{ border-top: 1px solid color-mix(in srgb, currentColor 18%, transparent) }}
td {{ overflow-wrap: break-word }} td.n {{ white-space: nowrap }}
.plot {{ display: block; width: 100% }}
.plot text {{ paint-order: stroke; stroke: Canvas; stroke-width: 3px }}
.sheet > section {{ margin-top: .6em }}
.now::before, .then::before {{ content: ""; display: inline-block; width: 1.4em; height: .6em;
  margin-right: .4em }}
.now::before {{ background: {BARS} }}
.then {{ margin-left: 1em }} .then::before {{ height: 0; border-top: 2px dashed {LINE};
  vertical-align: middle }}
@media (max-width: 44em) {{ .blocks {{ columns: 1 }} td.n {{ white-space: normal }} }}
@page {{ size: A4; margin: 10mm }}
@media print {{ :root {{ color-scheme: light }} .blocks {{ columns: 2 }}
  body {{ font-size: 7.4pt; line-height: 1.13; max-width: none; margin: 0; padding: 0 }}
  section {{ margin-bottom: .4em }} th, td {{ padding-top: .04em; padding-bottom: .04em }}
  .wide, .blocks {{ margin-top: .4em }} p {{ margin: .1em 0 }} .sheet + .sheet {{ margin-top: 0 }}
  * {{ print-color-adjust: exact }} }}
"""
_WIDE: Final = 6
"""Columns beyond which a table needs the width of the page."""


def html_page(report: Report) -> str:
    """The weekly report."""
    sheet = Sheet("Mail report", (heading(report), compared(report)), blocks(report))
    return html_sheets(f"Mail report: {heading(report)}", [sheet])


def html_sheets(title: str, sheets: Sequence[Sheet]) -> str:
    """Each on paper of its own. Every value is escaped."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>"
        f"{''.join(map(_sheet, sheets))}</body></html>\n"
    )


def _sheet(sheet: Sheet) -> str:
    wide: list[str] = []
    narrow: list[str] = []
    for block in sheet.blocks:
        is_wide = block.table is not None and len(block.table.headings) > _WIDE
        (wide if is_wide else narrow).append(_block(block))
    lines = "<br>".join(map(escape, sheet.lines))
    return (
        f'<div class="sheet"><h1>{escape(sheet.title)}</h1><p>{lines}</p>\n'
        f'<div class="wide">{"".join(wide)}</div>\n<div class="blocks">{"".join(narrow)}</div>\n'
        f"{_block(sheet.foot) if sheet.foot else ''}"
        "<p>Numbers below 5 are not made into shares.</p></div>\n"
    )


def _block(block: Block) -> str:
    plot = _figure(block.plot) if block.plot is not None else ""
    table = _table(block.table) if block.table is not None else ""
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in block.notes)
    return f"<section><h2>{escape(block.title)}</h2>\n{plot}{table}{notes}</section>\n"


def _figure(plot: Plot) -> str:
    then = '<span class="then">the period before</span>' if plot.before else ""
    return (
        f'{bars(plot)}\n<p><span class="now">this period</span>{then}</p>\n'
        f"<p>{escape(plot.said)}</p>\n"
    )


def _table(table: Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        return "\n".join(
            f"<{tag}>{escape(cell)}</{tag}>"
            if place < table.texts
            else f'<{tag} class="n" align="right">{escape(cell)}</{tag}>'
            for place, cell in enumerate(cells)
        )

    rows = "".join(f"<tr>{row(cells, 'td')}</tr>\n" for cells in table.rows)
    head = row(table.headings, "th").replace("<th", '<th scope="col"')
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>\n"
