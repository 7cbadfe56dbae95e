"""The one registry: what all workers have counted, and its two text formats.

prometheus-client writes the text. The numbers are kept here, since its own histograms cannot be
given increments of buckets, which is what workers send.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from mailtriage.service.metrics_names import BY_NAME, FAMILIES, OVERFLOW, SUMMED, Family

MOST_VALUES: Final = 200
"""Values of one label of one metric, beside those that were declared; the rest is "other"."""

OTHER: Final = "other"
MAX_VALUE: Final = 100
"""Characters of a label's value."""

Labels = tuple[str, ...]


@dataclass(slots=True)
class _Histogram:
    buckets: list[float]
    """Of each bucket alone; the last one has no upper bound."""
    total: float = 0.0
    exemplars: dict[int, Exemplar] = field(default_factory=dict)


class Registry:
    """All series. Belongs to one thread."""

    def __init__(self) -> None:
        self._values: Final[dict[str, dict[Labels, float]]] = {
            family.name: {} for family in FAMILIES if family.kind != "histogram"
        }
        self._histograms: Final[dict[str, dict[Labels, _Histogram]]] = {
            family.name: {} for family in FAMILIES if family.kind == "histogram"
        }
        self._of_workers: Final[dict[int, dict[tuple[str, Labels], float]]] = {}
        self._declared: Final[dict[tuple[str, int], set[str]]] = {}
        self._seen: Final[dict[tuple[str, int], set[str]]] = {}
        self._collectors: Final = CollectorRegistry()
        self._collectors.register(_Exposed(self.collect))

    def declare(self, name: str, series: Iterable[Labels]) -> None:
        """Series that are there at 0 from the start, so that the first event is an increase. Their
        values are known, and no overflow counts them."""
        family = BY_NAME[name]
        for labels in series:
            for place, value in enumerate(labels):
                self._declared.setdefault((name, place), set()).add(value)
            if family.kind == "histogram":
                self._histogram(family, labels)
            else:
                self._values[name].setdefault(labels, 0.0)

    def add(self, name: str, *labels: str, amount: float = 1) -> None:
        """Count something."""
        allowed = self._allowed(BY_NAME[name], labels)
        values = self._values[name]
        values[allowed] = values.get(allowed, 0.0) + amount

    def set(self, name: str, *labels: str, value: float) -> None:
        """What a gauge says."""
        self._values[name][self._allowed(BY_NAME[name], labels)] = value

    def take(self, worker: int, entries: Iterable[Mapping[str, Any]]) -> None:
        """What a worker (its pid) has counted. What is no count of ours is left out."""
        for entry in entries:
            try:
                self._take(worker, entry)
            except (KeyError, TypeError, ValueError):
                continue

    def forget(self, worker: int) -> None:
        """It has gone: its gauges go, its counts stay."""
        self._of_workers.pop(worker, None)

    def text(self) -> bytes:
        """The text format, version 0.0.4."""
        return generate_latest(self._collectors)

    def openmetrics(self) -> bytes:
        """OpenMetrics 1.0.0, with exemplars."""
        text: bytes = generate_openmetrics(self._collectors)  # type: ignore[no-untyped-call] # theirs
        return text

    def collect(self) -> Iterator[Metric]:
        """Every family, in the order of metrics_names.py."""
        for family in FAMILIES:
            if family.kind == "histogram":
                yield self._exposed_histogram(family)
            elif family.kind == "counter":
                counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
                for labels, value in self._values[family.name].items():
                    counter.add_metric(labels, value)
                yield counter
            else:
                gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
                for labels, value in self._gauges(family.name).items():
                    gauge.add_metric(labels, value)
                yield gauge

    def gauge(self, name: str) -> float:
        """What a gauge without labels says; 0 when nobody has said anything."""
        return self._gauges(name).get((), 0.0)

    def _gauges(self, name: str) -> dict[Labels, float]:
        """Ours, and the workers' with them."""
        found = dict(self._values[name])
        for gauges in self._of_workers.values():
            for (other, labels), value in gauges.items():
                if other == name:
                    if name in SUMMED:
                        found[labels] = found.get(labels, 0.0) + value
                    else:
                        # NaN stays NaN: no 0.0 takes its place.
                        found[labels] = max(found.get(labels, value), value)
        return found

    def _exposed_histogram(self, family: Family) -> Metric:
        bounds = [*map(str, family.buckets), "+Inf"]
        exposed = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        for labels, histogram in self._histograms[family.name].items():
            below = 0.0
            buckets: list[tuple[str, float, Exemplar | None]] = []
            for number, bound in enumerate(bounds):
                below += histogram.buckets[number]
                buckets.append((bound, below, histogram.exemplars.get(number)))
            exposed.add_metric(labels, buckets, histogram.total)  # type: ignore[arg-type]  # None is fine
        return exposed

    def _take(self, worker: int, entry: Mapping[str, Any]) -> None:
        family = BY_NAME[entry["n"]]
        labels = tuple(map(str, entry["l"]))
        if len(labels) != len(family.labels):
            return
        if family.kind == "counter":
            self.add(family.name, *labels, amount=_count(entry["c"]))
        elif family.kind == "gauge":
            allowed = self._allowed(family, labels)
            self._of_workers.setdefault(worker, {})[family.name, allowed] = float(entry["g"])
        else:
            self._take_histogram(family, self._allowed(family, labels), entry)

    def _take_histogram(self, family: Family, labels: Labels, entry: Mapping[str, Any]) -> None:
        *buckets, total = map(_count, entry["b"])
        histogram = self._histogram(family, labels)
        if len(buckets) != len(histogram.buckets):
            return
        for number, count in enumerate(buckets):
            histogram.buckets[number] += count
        histogram.total += total
        for number, (value, queue_id, at) in entry["x"].items():
            histogram.exemplars[int(number)] = Exemplar(
                {"queue_id": str(queue_id)[:MAX_VALUE]}, float(value), float(at)
            )

    def _histogram(self, family: Family, labels: Labels) -> _Histogram:
        found = self._histograms[family.name]
        if labels not in found:
            found[labels] = _Histogram([0.0] * (len(family.buckets) + 1))
        return found[labels]

    def _allowed(self, family: Family, labels: Sequence[str]) -> Labels:
        """The same labels, with "other" for each value that would be one too many."""
        return tuple(
            self._allowed_value(family, place, value[:MAX_VALUE])
            for place, value in enumerate(labels)
        )

    def _allowed_value(self, family: Family, place: int, value: str) -> str:
        key = (family.name, place)
        seen = self._seen.setdefault(key, set())
        if value in seen or value == OTHER or value in self._declared.get(key, ()):
            return value
        if len(seen) < MOST_VALUES:
            seen.add(value)
            return value
        overflows = self._values[OVERFLOW]
        label = (family.labels[place],)
        overflows[label] = overflows.get(label, 0.0) + 1
        return OTHER


class _Exposed(Collector):
    """What prometheus-client asks for the families."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect: Final = collect

    def collect(self) -> Iterable[Metric]:
        """Every family."""
        return self._collect()


def _count(value: object) -> float:
    """A number that a counter may grow by. Raises ValueError, TypeError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    if not 0 <= value < math.inf:
        raise ValueError("counters only grow")
    return value
