"""Small plots as inline SVG: bars for now, a line for before. No script, nothing from elsewhere.

Words have the colour of the page; bars and line are seen on white and on black (contrast 3 or more
to both, WCAG 2.2, 1.4.11).
"""

from html import escape
from typing import Final

from mailtriage.insight.report_parts import Plot

BARS: Final = "#3b7cc4"
LINE: Final = "#c2651f"
_WIDTH: Final = 360
_HEIGHT: Final = 88
_TOP: Final = 12
"""Room above the bars for the number of the highest."""
_FOOT: Final = 14
_MOST_LABELS: Final = 12
_LETTER: Final = 5
"""Width of one, more or less."""


def bars(plot: Plot) -> str:
    """The plot as an <svg> element, with title and description for who does not see it."""
    values = [value or 0 for value in plot.values]
    most = max((*values, *(value or 0 for value in plot.before), 1))
    room = _HEIGHT - _TOP - _FOOT
    step = _WIDTH / max(len(values), 1)
    floor = _TOP + room
    named = f'aria-labelledby="{plot.name}-t {plot.name}-d"'
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" class="plot" role="img" {named}>',
        f'<title id="{plot.name}-t">{escape(plot.title)}</title>',
        f'<desc id="{plot.name}-d">{escape(plot.said)}</desc>',
    ]
    every = -(-len(plot.labels) // _MOST_LABELS)
    for number, value in enumerate(values):
        high = room * value / most
        left = number * step
        parts.append(
            f'<rect x="{left + step * 0.12:.1f}" y="{floor - high:.1f}" width="{step * 0.76:.1f}"'
            f' height="{high:.1f}" fill="{BARS}"/>'
        )
        if number % every == 0:
            parts.append(_word(left + step / 2, _HEIGHT - 3, plot.labels[number]))
    parts.append(f'<path d="M0 {floor}H{_WIDTH}" stroke="currentColor" stroke-width="0.7"/>')
    if plot.before:
        points = " ".join(
            f"{(number + 0.5) * step:.1f},{floor - room * value / most:.1f}"
            for number, value in enumerate(plot.before)
            if value is not None
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="1.6"'
            ' stroke-dasharray="4 2"/>'
        )
    if any(values):
        top = max(range(len(values)), key=values.__getitem__)
        over = floor - room * values[top] / most - 3
        said = plot.words[top] if plot.words else str(values[top])
        # Of a bar at the edge the words would not fit above its middle.
        half = len(said) * _LETTER / 2
        middle = min(max((top + 0.5) * step, half), _WIDTH - half)
        parts.append(_word(middle, over, said))
    return "\n".join((*parts, "</svg>"))


def _word(x: float, y: float, text: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="9" text-anchor="middle"'
        f' fill="currentColor">{escape(text)}</text>'
    )
