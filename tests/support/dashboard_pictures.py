"""Pictures of the dashboards, for the docs: `python -m tests.support.dashboard_pictures docs/images`.

A real Prometheus is asked what Grafana would ask it, of an invented day (metrics_day.py), and the
answers are drawn in the dashboard's layout. Needs matplotlib, which nothing else does: run it with an
interpreter of a venv that has it beside the packages of the project.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.dates import DateFormatter, HourLocator
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

from tests.support.dashboards import NAMES, Panel, Span, legend, read
from tests.support.metrics_day import (
    BEGIN,
    HOUR,
    SCRAPE,
    analyst,
    recorded_day,
    recorded_week_before,
)
from tests.support.prometheus import Prometheus, Series, prometheus

INCH: Final = 1 / 100
COLUMN, LINE, GAP = 52, 33, 6
"""Pixels: a column and a line of Grafana's grid, and what is between panels."""
PAGE, CARD, TEXT, FAINT = "#F4F5F5", "#FFFFFF", "#24292E", "#6E7680"
PALETTE: Final = (
    "#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#3274D9", "#B877D9", "#705DA0",
    "#C4A06A", "#1F9E9E",
)  # fmt: skip

Drawing = Any
"""Matplotlib's Axes."""


def shown(value: float, unit: str) -> str:
    """A value as Grafana writes it, near enough."""
    if unit == "bool_yes_no":
        return "Yes" if value else "No"
    if unit == "percentunit":
        return f"{value:.2%}"
    if unit == "dateTimeFromNow":
        return f"{(SPAN.end - value / 1000) / 86400:.0f} days ago"
    steps = {
        "s": ((86400, 86400, " d"), (3600, 3600, " h"), (60, 60, " min"), (1, 1, " s"),
              (1e-3, 1e-3, " ms"), (0, 1e-6, " µs")),
        "bytes": ((1 << 20, 1 << 20, " MiB"), (1 << 10, 1 << 10, " KiB"), (0, 1, " B")),
    }.get(unit, ((0, 1, ""),))  # fmt: skip
    if not value:
        return "0"
    size, suffix = next((size, suffix) for least, size, suffix in steps if abs(value) >= least)
    number = f"{value / size:.3g}" if abs(value / size) < 1000 else f"{value / size:.0f}"
    return f"{number}{suffix}"


SPAN: Final = Span(BEGIN, BEGIN + 24 * HOUR, SCRAPE, points=288)


def draw(name: str, server: Prometheus, file: Path) -> None:
    """The dashboard, as one picture."""
    made = read(name)
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in made["panels"])
    width, height = 24 * COLUMN + GAP, lines * LINE + GAP + 46
    mpl.rcParams.update({"font.family": ["Noto Sans", "DejaVu Sans"], "font.size": 7.5})
    figure = Figure(figsize=(width * INCH, height * INCH), dpi=100, facecolor=PAGE)
    figure.text(
        12 / width, 1 - 26 / height, made["title"], fontsize=12, weight="bold", color=TEXT,
        va="center",
    )  # fmt: skip
    figure.text(
        1 - 12 / width, 1 - 26 / height, "Job  All      Instance  All      Last 24 hours",
        color=FAINT, va="center", ha="right",
    )  # fmt: skip
    for panel in made["panels"]:
        place = panel["gridPos"]
        left, top = place["x"] * COLUMN + GAP, place["y"] * LINE + GAP + 46
        wide, high = place["w"] * COLUMN - GAP, place["h"] * LINE - GAP
        box = (left, height - top - high, wide, high)
        if panel["type"] == "row":
            figure.text(
                (left + 4) / width, (box[1] + high / 2) / height, f"⌄ {panel['title']}",
                fontsize=9, weight="bold", color=TEXT, va="center",
            )  # fmt: skip
            continue
        card = figure.add_axes(_share(box, width, height), facecolor=CARD)
        card.set_xticks([])
        card.set_yticks([])
        for spine in card.spines.values():
            spine.set_color("#DCDFE2")
        figure.text(
            (left + 9) / width, (box[1] + high - 14) / height, panel["title"],
            weight="bold", color=TEXT, va="center", fontsize=8,
        )  # fmt: skip
        _fill(panel, figure, box, (width, height), server)
    with BytesIO() as drawn:
        figure.savefig(drawn, dpi=100, facecolor=PAGE)
        # Few colours make a small file.
        few = Image.open(drawn).convert("RGB").quantize(96, dither=Image.Dither.NONE)
    few.save(file, optimize=True)


def _share(box: Sequence[float], width: int, height: int) -> tuple[float, float, float, float]:
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def _fill(
    panel: Panel,
    figure: Figure,
    box: Sequence[float],
    page: tuple[int, int],
    server: Prometheus,
) -> None:
    left, bottom, wide, high = box
    kind = panel["type"]
    if kind in ("stat", "table", "bargauge"):
        inner = (left + 10, bottom + 8, wide - 20, high - 34)
        axes = figure.add_axes(_share(inner, *page), facecolor=CARD)
        axes.axis("off")
        answers = [
            server.at(SPAN.filled(target["expr"], panel), SPAN.end) for target in panel["targets"]
        ]
        {"stat": _stat, "table": _table, "bargauge": _bars}[kind](panel, axes, answers)
        return
    inner = (left + 52, bottom + 40, wide - 64, high - 68)
    axes = figure.add_axes(_share(inner, *page), facecolor=CARD)
    for spine in ("top", "right", "left"):
        axes.spines[spine].set_visible(False)
    axes.spines["bottom"].set_color("#DCDFE2")
    axes.tick_params(length=0, colors=FAINT, labelsize=7)
    axes.set_xlim(datetime.fromtimestamp(SPAN.begin, UTC), datetime.fromtimestamp(SPAN.end, UTC))
    axes.xaxis.set_major_locator(HourLocator(byhour=range(0, 24, 4)))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
    (_heat if kind == "heatmap" else _plot)(panel, axes, server)


def _stat(panel: Panel, axes: Drawing, answers: list[list[Series]]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    found = answers[0]
    text, colour = defaults["noValue"], TEXT
    if found:
        value = found[0].points[0][1]
        named = panel["options"]["textMode"] == "name"
        text = legend(panel["targets"][0], dict(found[0].labels)) if named else ""
        text = text or shown(_rounded(value, defaults), defaults["unit"])
        steps = defaults["thresholds"]["steps"]
        colour = [s["color"] for s in steps if s["value"] is None or value >= s["value"]][-1]
    axes.text(0.5, 0.5, text, fontsize=19, color=colour, ha="center", va="center", weight="bold")


def _rounded(value: float, defaults: dict[str, Any]) -> float:
    if defaults["unit"] == "short" and "decimals" in defaults:
        return float(round(value, defaults["decimals"]))
    return value


def _table(panel: Panel, axes: Drawing, answers: list[list[Series]]) -> None:
    joined, organized, _, limited = (each["options"] for each in panel["transformations"])
    field, most = joined["byField"], limited["limitField"]
    called, units = organized["renameByName"], _overrides(panel, "unit")
    columns = [
        {series.labels[field]: series.points[0][1] for series in answer} for answer in answers
    ]
    heads = [called[f"Value #{target['refId']}"] for target in panel["targets"]]
    # Where the first column has nothing the others are of no interest: see "What rises".
    ranked = sorted(columns[0], key=lambda each: -columns[0][each])[:most]
    rows = [(called[field], *heads)]
    rows += [
        (
            each,
            *(
                _cell(column.get(each), units.get(head, ""))
                for head, column in zip(heads, columns, strict=True)
            ),
        )
        for each in ranked
    ]
    places = [0.0, *np.linspace(0.66 if len(heads) == 2 else 0.42, 1, len(heads))]
    for number, cells in enumerate(rows):
        height = 1 - (number + 0.5) / (most + 1)
        weight, colour = ("bold", FAINT) if not number else ("normal", TEXT)
        for x, cell in zip(places, cells, strict=True):
            align = "right" if x else "left"
            axes.text(x, height, cell, ha=align, va="center", weight=weight, color=colour)
        axes.axhline(1 - (number + 1) / (most + 1), color="#E7E9EB", linewidth=0.7)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def _cell(value: float | None, unit: str) -> str:
    if value is None or value != value:
        return "–"
    return (
        shown(round(value), unit) if unit == "s" else shown(value, unit) if unit else f"{value:.0f}"
    )


def _bars(panel: Panel, axes: Drawing, answers: list[list[Series]]) -> None:
    called = _overrides(panel, "displayName")
    found = [(legend(panel["targets"][0], dict(s.labels)), s.points[0][1]) for s in answers[0]]
    largest = max((value for _, value in found), default=1)
    rows = max(8, len(found))
    for number, (name, value) in enumerate(found):
        height = 1 - (number + 0.5) / rows
        axes.text(0.4, height, called.get(name, name), ha="right", va="center", color=TEXT)
        axes.barh(height, 0.5, 0.62 / rows, left=0.42, color="#EEF0F2")
        axes.barh(height, 0.5 * value / largest, 0.62 / rows, left=0.42, color="#3274D9")
        axes.text(0.935, height, f"{value:.0f}", va="center", color=TEXT, weight="bold")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def _overrides(panel: Panel, key: str) -> dict[str, Any]:
    return {
        each["matcher"]["options"]: each["properties"][0]["value"]
        for each in panel["fieldConfig"]["overrides"]
        if each["properties"][0]["id"] == key
    }


def _plot(panel: Panel, axes: Drawing, server: Prometheus) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    custom, step = defaults["custom"], SPAN.step(panel)
    times = np.arange(SPAN.begin, SPAN.end + 1, step)
    fixed = {name: one["fixedColor"] for name, one in _overrides(panel, "color").items()}
    drawn: list[tuple[str, Any]] = []
    for target in panel["targets"]:
        query = SPAN.filled(target["expr"], panel)
        for series in server.over(query, SPAN.begin, SPAN.end, step):
            row = np.full(len(times), np.nan)
            for at, value in series.points:
                row[int((at - SPAN.begin) // step)] = value
            drawn.append((legend(target, dict(series.labels)) or "value", row))
    moments = [datetime.fromtimestamp(int(at), UTC) for at in times]
    mode = custom["stacking"]["mode"]
    whole = np.nansum([row for _, row in drawn], axis=0)
    base = np.zeros(len(times))
    for number, (name, row) in enumerate(drawn):
        colour = fixed.get(name, PALETTE[number % len(PALETTE)])
        if mode == "percent":
            row = np.divide(row, whole, out=np.full(len(row), np.nan), where=whole > 0)
        if mode == "none" and custom["drawStyle"] == "line":
            axes.plot(moments, row, color=colour, linewidth=1.1)
        elif custom["drawStyle"] == "bars":
            wide = step / 86400 * 0.82
            axes.bar(moments, np.nan_to_num(row), wide, bottom=base, color=colour, linewidth=0)
        else:
            top = base + np.nan_to_num(row)
            axes.fill_between(
                moments, base, top, where=whole > 0, color=colour, alpha=0.75, linewidth=0
            )
        if mode != "none":
            base = base + np.nan_to_num(row)
    if custom["scaleDistribution"]["type"] == "log":
        axes.set_yscale("log")
        axes.set_yticks([1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 60, 600])
        axes.minorticks_off()
        known = [row[row > 0] for _, row in drawn if (row > 0).any()]
        axes.set_ylim(min(map(np.min, known)) * 0.7, max(map(np.max, known)) * 1.4)
    else:
        tallest = np.nanmax([base.max(), *(np.nanmax(row) for _, row in drawn if mode == "none")])
        axes.set_ylim(0, 1 if mode == "percent" else max(tallest * 1.08, 1e-9) if tallest else 1)
        size = {"s": 3600 if tallest > 7200 else 60 if tallest > 240 else 1, "bytes": 1024}.get(
            defaults["unit"], 1
        )
        ticks = MaxNLocator(nbins=5).tick_values(0, axes.get_ylim()[1] / size) * size
        axes.set_yticks([tick for tick in ticks if tick <= axes.get_ylim()[1]])
    unit = "percentunit" if mode == "percent" else defaults["unit"]
    write = (lambda v, _: f"{v:.0%}") if mode == "percent" else (lambda v, _: shown(v, unit))
    axes.yaxis.set_major_formatter(FuncFormatter(write))
    axes.grid(axis="y", color="#E7E9EB", linewidth=0.7)
    axes.set_axisbelow(True)
    _legend(axes, [(name, fixed.get(name, PALETTE[n % 10])) for n, (name, _) in enumerate(drawn)])


def _legend(axes: Drawing, names: list[tuple[str, str]]) -> None:
    from matplotlib.patches import Patch

    room = axes.get_window_extent().width
    kept, used = [], 0.0
    for name, colour in names:
        used += len(name) * 5.0 + 22
        if used > room + 30:
            kept.append(("…", CARD))
            break
        kept.append((name, colour))
    handles = [Patch(color=colour, label=name) for name, colour in kept]
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(-0.06, -0.1), ncols=len(handles) or 1,
        frameon=False, fontsize=7, labelcolor=TEXT, handlelength=0.9, handleheight=0.5,
        columnspacing=0.9, handletextpad=0.4, borderaxespad=0.2,
    )  # fmt: skip


def _heat(panel: Panel, axes: Drawing, server: Prometheus) -> None:
    step = max(SPAN.step(panel), 300)
    query = SPAN.filled(panel["targets"][0]["expr"], panel | {"interval": f"{step}s"})
    found = server.over(query, SPAN.begin, SPAN.end, step)
    ranked = sorted(found, key=lambda series: float(series.labels["le"]))
    times = np.arange(SPAN.begin, SPAN.end + 1, step)
    below = np.zeros((len(ranked), len(times)))
    for number, series in enumerate(ranked):
        for at, value in series.points:
            below[number, int((at - SPAN.begin) // step)] = value
    counts = np.diff(below, axis=0, prepend=0).clip(min=0)
    counts[counts == 0] = np.nan
    moments = [datetime.fromtimestamp(int(at), UTC) for at in (*times, times[-1] + step)]
    axes.pcolormesh(
        moments, np.arange(len(ranked) + 1), counts, cmap="Blues", norm=PowerNorm(0.5, vmin=0)
    )
    bounds = [float(series.labels["le"]) for series in ranked]
    axes.set_yticks(
        np.arange(len(ranked)) + 1, ["∞" if b == float("inf") else shown(b, "s") for b in bounds]
    )


def main() -> None:
    """Draw both."""
    folder = Path(sys.argv[1])
    with TemporaryDirectory() as directory:
        judge = analyst(Path(directory))
        recordings = recorded_day(judge), recorded_week_before(judge)
    with prometheus(*recordings) as server:
        for name in NAMES:
            draw(name, server, folder / f"grafana-{name}.png")


if __name__ == "__main__":
    main()
