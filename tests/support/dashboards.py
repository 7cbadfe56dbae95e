"""The shipped dashboards, and their queries as Grafana would send them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parents[2] / "config" / "grafana"
NAMES: Final = ("helpdesk", "engine")

Panel = dict[str, Any]

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Span:
    """What is chosen at the top right of Grafana, and how often Prometheus scrapes."""

    begin: int
    end: int
    scrape: int
    points: int = 240
    """How many a panel has room for."""

    def step(self, panel: Panel) -> int:
        """Seconds between two points of a panel: $__interval."""
        shortest = seconds(panel.get("interval", f"{self.scrape}s"))
        return max(shortest, (self.end - self.begin) // self.points)

    def filled(self, query: str, panel: Panel) -> str:
        """The query with its variables; all jobs and instances are chosen."""
        step = self.step(panel)
        # As Grafana's documentation of the Prometheus data source has it.
        rate = max(step + self.scrape, 4 * self.scrape)
        values = {
            "$__rate_interval": f"{rate}s",
            "$__range": f"{self.end - self.begin}s",
            "$job": ".+",
            "$instance": ".+",
        }
        for variable, value in values.items():
            query = query.replace(variable, value)
        return query


def read(name: str) -> dict[str, Any]:
    """One of the dashboards."""
    made: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return made


def panels(name: str) -> list[Panel]:
    """Those that show something: all but the titles of rows."""
    return [panel for panel in read(name)["panels"] if panel["type"] != "row"]


def queries(name: str) -> Iterator[tuple[str, str]]:
    """Every query, with a title that tells where it stands: of panels, and of marks."""
    for panel in panels(name):
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for mark in read(name)["annotations"]["list"]:
        yield mark["name"], mark["expr"]


def seconds(duration: str) -> int:
    """ "15m" as a number of seconds."""
    number, unit = duration[:-1], duration[-1]
    return int(number) * _UNITS[unit]


def legend(target: Panel, labels: dict[str, str]) -> str:
    """What a series is called."""
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), target["legendFormat"])
