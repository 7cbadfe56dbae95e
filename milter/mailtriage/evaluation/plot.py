"""Reliability plots: how often an answer is right against how sure it was said to be.

An SVG is written here, with colours for a light and a dark page; a PNG needs matplotlib.
"""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from mailtriage.evaluation.measures import Bin, calibration_error

SUFFIXES: Final = (".svg", ".png")
NO_MATPLOTLIB: Final = (
    "a PNG needs matplotlib, which is not installed: write an .svg, or install it"
)

_SIDE: Final = 260
"""Of the square that is drawn in, in pixels."""
_LEFT, _TOP, _BELOW, _GAP = 56, 40, 62, 24
_STYLE: Final = """\
.page { fill: #ffffff } .frame, .grid { fill: none; stroke: #c9ced6 } .grid { stroke-width: .5 }
.ideal { stroke: #6b7280; stroke-dasharray: 4 4 } .bar { fill: #2563eb; fill-opacity: .75 }
.gap { stroke: #c2410c; stroke-width: 2 } text { fill: #1f2937; font: 12px sans-serif }
.title { font-weight: bold; font-size: 14px } .count { font-size: 9px }
@media (prefers-color-scheme: dark) {
.page { fill: #111827 } .frame, .grid { stroke: #4b5563 } .ideal { stroke: #9ca3af }
.bar { fill: #60a5fa } .gap { stroke: #fb923c } text { fill: #e5e7eb } }"""


def png_is_possible() -> bool:
    """Whether matplotlib is installed; it is not loaded for that."""
    return importlib.util.find_spec("matplotlib") is not None


def write_plot(file: Path, bins: Mapping[str, Sequence[Bin]]) -> None:
    """Write the plots of all facets side by side, by the suffix of the file.

    Raises OSError; ImportError for a PNG without matplotlib.
    """
    if file.suffix.lower() == ".png":
        _write_png(file, bins)
    else:
        file.write_text(as_svg(bins), encoding="utf-8")


def as_svg(bins: Mapping[str, Sequence[Bin]]) -> str:
    """One panel a facet: a bar for the share that was right, a stroke at the mean confidence, and
    the number of mails of each bin below it. A facet without mails is an empty panel."""
    width = max(len(bins), 1) * (_LEFT + _SIDE + _GAP)
    height = _TOP + _SIDE + _BELOW
    panels = "".join(
        _panel(facet, entries, number * (_LEFT + _SIDE + _GAP) + _LEFT)
        for number, (facet, entries) in enumerate(bins.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">\n'
        "<title>How often an answer is right, against how sure it was</title>\n"
        f"<style>{_STYLE}</style>\n"
        f'<rect class="page" width="{width}" height="{height}"/>\n{panels}</svg>\n'
    )


def title_of(facet: str, bins: Sequence[Bin]) -> str:
    """The heading of a panel, with its calibration error."""
    n = sum(entry.n for entry in bins)
    return f"{facet}: ECE {calibration_error(bins):.3f}, n = {n}" if n else f"{facet}: no mails"


def _panel(facet: str, bins: Sequence[Bin], left: int) -> str:
    bottom, right, middle = _TOP + _SIDE, left + _SIDE, left + _SIDE / 2
    shapes = [_text(left, _TOP - 14, title_of(facet, bins), "start", "title")]
    for tenth in range(0, 11, 2):
        x, y = left + _SIDE * tenth / 10, bottom - _SIDE * tenth / 10
        shapes.append(_line("grid", left, y, right, y))
        shapes.append(_text(left - 6, y + 4, f"{tenth / 10:.1f}", "end"))
        shapes.append(_text(x, bottom + 30, f"{tenth / 10:.1f}"))
    for entry in bins:
        if entry.n:
            shapes += _bar(entry, left, bottom)
    shapes.append(_line("ideal", left, bottom, right, _TOP))
    shapes.append(_rectangle("frame", left, _TOP, _SIDE, _SIDE))
    shapes.append(_text(middle, bottom + 50, "confidence"))
    upright = _text(0, 0, "share right")
    place = f"translate({left - 38} {_TOP + _SIDE / 2:g}) rotate(-90)"
    shapes.append(f'<g transform="{place}">{upright}</g>')
    return "\n".join(shapes) + "\n"


def _bar(entry: Bin, left: int, bottom: int) -> list[str]:
    x, wide = left + _SIDE * entry.low, _SIDE * (entry.high - entry.low)
    tall, said = _SIDE * entry.right, bottom - _SIDE * entry.confidence
    label = f"{entry.n} mails, said {entry.confidence:.2f}, right {entry.right:.2f}"
    return [
        f"<g><title>{label}</title>",
        _rectangle("bar", x + 2, bottom - tall, wide - 4, tall),
        _line("gap", x + 2, said, x + wide - 2, said),
        "</g>",
        _text(x + wide / 2, bottom + 12, str(entry.n), kind="count"),
    ]


def _text(x: float, y: float, words: str, anchor: str = "middle", kind: str = "") -> str:
    place = f'x="{x:.4g}" y="{y:.4g}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.4g}" y1="{y1:.4g}" x2="{x2:.4g}" y2="{y2:.4g}"/>'


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> str:
    size = f'width="{width:.4g}" height="{height:.4g}"'
    return f'<rect class="{kind}" x="{x:.4g}" y="{y:.4g}" {size}/>'


def _write_png(file: Path, bins: Mapping[str, Sequence[Bin]]) -> None:
    # Not every installation has it, so that nothing is known of its types.
    figures: Any = importlib.import_module("matplotlib.figure")
    figure = figures.Figure(figsize=(4.5 * max(len(bins), 1), 4.6), layout="constrained")
    axes = figure.subplots(1, max(len(bins), 1), squeeze=False)[0]
    for axis, (facet, entries) in zip(axes, bins.items(), strict=False):
        used = [entry for entry in entries if entry.n]
        middles = [(entry.low + entry.high) / 2 for entry in used]
        axis.bar(middles, [entry.right for entry in used], width=0.085, color="#2563eb", alpha=0.75)
        axis.hlines(
            [entry.confidence for entry in used],
            [entry.low + 0.0075 for entry in used],
            [entry.high - 0.0075 for entry in used],
            color="#c2410c",
        )
        axis.plot([0, 1], [0, 1], linestyle="--", color="#6b7280", linewidth=1)
        for middle, entry in zip(middles, used, strict=True):
            axis.text(middle, 0.01, str(entry.n), ha="center", fontsize=7)
        axis.set(
            xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share right", aspect="equal"
        )
        axis.set_title(title_of(facet, entries), fontsize=11)
    figure.savefig(file, format="png", dpi=150)
