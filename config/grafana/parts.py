# ruff: noqa: INP001  a directory of scripts
"""What the dashboards are made of: queries, panels, their places, variables. See make.py."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

Panel = dict[str, Any]

COLUMNS: Final = 24
SCHEMA: Final = 39
"""Of Grafana 10.4; later ones read it."""

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
SELECTED: Final = 'job=~"$job", instance=~"$instance"'
INBOUND: Final = 'direction="inbound"'

GREEN: Final = "#56A64B"
YELLOW: Final = "#F2CC0C"
ORANGE: Final = "#FF780A"
RED: Final = "#E02F44"
BLUE: Final = "#3274D9"
GREY: Final = "#8E8E8E"

PRIORITIES: Final = {"urgent": RED, "high": ORANGE, "normal": BLUE, "low": GREY}
MOODS: Final = {"negative": RED, "neutral": GREY, "positive": GREEN}
RESULTS: Final = {"sent": GREEN, "retry": YELLOW, "held": BLUE, "waited": GREY, "dead": RED}
OUTBOX: Final = {
    "WAITING": GREY,
    "READY": BLUE,
    "SENDING": GREEN,
    "RETRY": YELLOW,
    "DEAD": RED,
}
OUTCOMES: Final = {"tagged": GREEN, "unsure": YELLOW, "unread": GREY, "fail_open": RED}
WHY_NOT: Final = {
    "A": "The sender takes no answers",
    "B": "Sent by a machine or a list",
    "C": "A report, an invitation",
    "D": "Nobody vouches for the sender",
    "E": "Not written to a mailbox of ours",
    "F": "Answered already, or too often",
    "G": "The conversation goes on",
    "I": "A web form without a visitor",
    "J": "The text could not be made",
}
"""The first letter of a rule's name is its group: docs/acknowledgements.md."""


def of(metric: str, *matchers: str) -> str:
    """The series of a metric that the variables of the dashboard select."""
    return f"{metric}{{{', '.join((SELECTED, *matchers))}}}"


def hourly(metric: str, by: str, *matchers: str, offset: str = "") -> str:
    """How much a counter grows in an hour."""
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (rate({of(metric, *matchers)}[$__rate_interval]{offset})) * 3600"


def happened(metric: str, by: str, *matchers: str) -> str:
    """How much a counter of rare events grew from one point to the next."""
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (increase({of(metric, *matchers)}[$__rate_interval]))"


def total(metric: str, by: str, *matchers: str, offset: str = "") -> str:
    """How much a counter grew in all of the time that is shown."""
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (increase({of(metric, *matchers)}[$__range]{offset}))"


def now(how: str, metric: str, by: str = "", *matchers: str) -> str:
    """What a gauge says; `how` several of them become one: sum, min, max."""
    grouped = f"{how} by ({by})" if by else how
    return f"{grouped} ({of(metric, *matchers)})"


def quantile(part: float, histogram: str, by: str = "", *, whole: bool = False) -> str:
    """The value below which that part of the observations lies; `whole`: of all the time shown."""
    grouped = f"le, {by}" if by else "le"
    grown = "increase" if whole else "rate"
    window = "$__range" if whole else "$__rate_interval"
    rate = f"{grown}({of(histogram + '_bucket')}[{window}])"
    return f"histogram_quantile({part}, sum by ({grouped}) ({rate}))"


def part_of(counter: str, wanted: str, all_of_it: str, by: str = "", window: str = "") -> str:
    """A share of what a counter counted: both are matchers; `window` as in $__range."""
    grouped = f"sum by ({by})" if by else "sum"
    length = window or "$__rate_interval"
    few, all_ = (of(counter, *filter(None, (one,))) for one in (wanted, all_of_it))
    return f"{grouped} (increase({few}[{length}])) / ({grouped} (increase({all_}[{length}])) > 0)"


def panel(
    kind: str,
    title: str,
    description: str,
    targets: Sequence[tuple[str, str]],
    *,
    unit: str,
    width: int,
    height: int = 8,
    instant: bool = False,
) -> Panel:
    """A panel; `targets` are queries and what their series are called."""
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": {"unit": unit, "noValue": "–"}, "overrides": []},
        "options": {},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
            }
            for number, (expression, legend) in enumerate(targets)
        ],
    }


def stat(
    title: str,
    description: str,
    expression: str,
    *,
    unit: str = "short",
    width: int = 4,
    steps: Sequence[tuple[float | None, str]] = ((None, BLUE),),
    legend: str = "",
    decimals: int | None = 0,
    height: int = 4,
) -> Panel:
    """One figure, coloured by `steps`: from which value on which colour."""
    made = panel(
        "stat", title, description, [(expression, legend)],
        unit=unit, width=width, height=height, instant=True,
    )  # fmt: skip
    defaults = made["fieldConfig"]["defaults"]
    defaults["color"] = {"mode": "thresholds"}
    defaults["thresholds"] = {
        "mode": "absolute",
        "steps": [{"value": value, "color": colour} for value, colour in steps],
    }
    if decimals is not None:
        defaults["decimals"] = decimals
    made["options"] = {
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "name" if legend else "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return made


def lines(
    title: str,
    description: str,
    *targets: tuple[str, str],
    unit: str = "short",
    width: int = 8,
    bars: bool = False,
    stack: str = "none",
    every: str = "",
    colours: dict[str, str] | None = None,
    logarithmic: bool = False,
) -> Panel:
    """Values over time. `stack`: none, normal or percent; `every`: the shortest step, for few
    mails; `colours`: of series, by name."""
    made = panel("timeseries", title, description, targets, unit=unit, width=width)
    if every:
        made["interval"] = every
    scale = {"type": "log", "log": 10} if logarithmic else {"type": "linear"}
    custom = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 70 if stack != "none" else 10,
        "lineWidth": 1,
        "showPoints": "never",
        "stacking": {"mode": stack, "group": "A"},
        "scaleDistribution": scale,
    }
    made["fieldConfig"]["defaults"] |= {"custom": custom, "color": {"mode": "palette-classic"}}
    if not logarithmic:
        made["fieldConfig"]["defaults"]["min"] = 0
    made["fieldConfig"]["overrides"] = [
        override(name, "color", {"mode": "fixed", "fixedColor": colour})
        for name, colour in (colours or {}).items()
    ]
    made["options"] = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return made


def ranking(
    title: str,
    description: str,
    expression: str,
    legend: str,
    *,
    most: int = 8,
    names: dict[str, str] | None = None,
) -> Panel:
    """The largest values as bars; `names`: what series are called instead."""
    largest = f"sort_desc(topk({most}, {expression} > 0))"
    made = panel(
        "bargauge", title, description, [(largest, legend)], unit="short", width=8, instant=True
    )
    made["fieldConfig"]["defaults"] |= {"decimals": 0, "min": 0}
    made["fieldConfig"]["defaults"]["color"] = {"mode": "fixed", "fixedColor": BLUE}
    made["fieldConfig"]["overrides"] = [
        override(name, "displayName", shown) for name, shown in (names or {}).items()
    ]
    made["options"] = {
        "orientation": "horizontal",
        "displayMode": "basic",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return made


def compared(title: str, description: str, now: str, before: str, label: str) -> Panel:
    """A table of two queries by their one label, largest first."""
    columns = (("Mails", now, ""), ("A week before", before, ""))
    return table(title, description, label, *columns)


def table(
    title: str,
    description: str,
    label: str,
    *columns: tuple[str, str, str],
    width: int = 8,
    every: str = "",
    hidden: Sequence[str] = (),
) -> Panel:
    """Queries side by side, joined by a label, the largest of the first one on top. `columns`: what
    each is called, its query, and its unit where it is no number; `hidden`: its other labels."""
    targets = [(query, "") for _, query, _ in columns]
    made = panel(
        "table", title, description, targets, unit="short", width=width, instant=True
    )  # fmt: skip
    if every:
        made["interval"] = every
    made["fieldConfig"]["defaults"]["decimals"] = 0
    made["fieldConfig"]["overrides"] = [
        override(name, "unit", unit) for name, _, unit in columns if unit
    ]
    for target in made["targets"]:
        target["format"] = "table"
    names = {label: label.capitalize()}
    names |= {
        f"Value #{target['refId']}": column[0]
        for target, column in zip(made["targets"], columns, strict=True)
    }
    numbers = ("", *(f" {number}" for number in range(1, len(columns) + 1)))
    without = {f"{name}{number}": True for name in ("Time", *hidden) for number in numbers}
    made["transformations"] = [
        {"id": "joinByField", "options": {"byField": label, "mode": "outer"}},
        {"id": "organize", "options": {"excludeByName": without, "renameByName": names}},
        {"id": "sortBy", "options": {"sort": [{"field": columns[0][0], "desc": True}]}},
        {"id": "limit", "options": {"limitField": 8}},
    ]
    return made


def heatmap(title: str, description: str, expression: str, *, unit: str) -> Panel:
    """How many observations fell into which bucket, over time."""
    made = panel("heatmap", title, description, [(expression, "{{le}}")], unit=unit, width=8)
    made["targets"][0]["format"] = "heatmap"
    made["options"] = {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Blues", "exponent": 0.5, "steps": 64},
        "yAxis": {"unit": unit},
    }
    return made


def override(name: str, key: str, value: object) -> dict[str, Any]:
    """One property of one series."""
    matcher = {"id": "byName", "options": name}
    return {"matcher": matcher, "properties": [{"id": key, "value": value}]}


def laid_out(rows: Iterable[tuple[str, Sequence[Panel]]]) -> list[Panel]:
    """Row by row, each under its title: places and numbers for all panels."""
    placed: list[Panel] = []
    top = 0
    for title, panels in rows:
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        row = {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place}
        placed.append(row)
        top, left, tallest = top + 1, 0, 0
        for each in panels:
            size = each["gridPos"]
            if left + size["w"] > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            placed.append(each | {"gridPos": size | {"x": left, "y": top}})
            left, tallest = left + size["w"], max(tallest, size["h"])
        top += tallest
    return [each | {"id": number} for number, each in enumerate(placed, 1)]


def variables() -> list[dict[str, Any]]:
    """Which Prometheus, which job, which machine."""

    def labels(name: str, label: str, query: str) -> dict[str, Any]:
        return {
            "name": name,
            "label": label,
            "type": "query",
            "datasource": DATASOURCE,
            "query": {"query": query, "refId": name},
            "definition": query,
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".+",
            "current": {"text": ["All"], "value": ["$__all"]},
        }

    datasource = {"name": "datasource", "label": "Data source", "type": "datasource"}
    return [
        datasource | {"query": "prometheus", "current": {}, "refresh": 1},
        labels("job", "Job", "label_values(mailtriage_build_info, job)"),
        labels(
            "instance", "Instance", 'label_values(mailtriage_build_info{job=~"$job"}, instance)'
        ),
    ]


def reloads() -> dict[str, Any]:
    """A mark where a new configuration took effect."""
    loaded = of("mailtriage_config_last_reload_success_timestamp_seconds")
    return {
        "name": "New configuration",
        "datasource": DATASOURCE,
        "enable": True,
        "expr": f"{loaded} * 1000",
        "useValueForTime": "on",
        "iconColor": BLUE,
        "titleFormat": "New configuration",
        "textFormat": "{{instance}}",
        "step": "60s",
    }


def dashboard(
    uid: str, title: str, description: str, rows: Iterable[tuple[str, Sequence[Panel]]]
) -> dict[str, Any]:
    """A whole dashboard."""
    link = {"type": "dashboards", "title": "mailtriage", "tags": ["mailtriage"]}
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["mailtriage"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "links": [link | {"asDropdown": True, "includeVars": True, "keepTime": True}],
        "annotations": {"list": [reloads()]},
        "templating": {"list": variables()},
        "panels": laid_out(rows),
    }
