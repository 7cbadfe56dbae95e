"""What a worker has counted since it last told the supervisor.

Plain dictionaries: counting a mail is a dozen additions, and the registry with its locks and its
text lives in the supervisor alone. A worker that crashes takes at most a second of counts with it.
"""

import json
import socket
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from mailtriage.service.metrics_names import BY_NAME

MARK: Final = b"M"
"""First byte of a message of counts, among those of channel.py."""

MOST_IN_ONE: Final = 200
"""Series in one message: some 20 KB, of the 200 that a socket takes (net.core.wmem_default)."""

MAX_MESSAGE: Final = 128 * 1024

_BOUNDS: Final = {name: family.buckets for name, family in BY_NAME.items() if family.buckets}

Labels = tuple[str, ...]
Series = tuple[str, Labels]


class Deltas:
    """Counts of one process. Any thread may add to them."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._counts: dict[Series, float] = {}
        self._buckets: dict[Series, list[float]] = {}
        """Increments of each bucket, and behind them of the sum."""
        self._exemplars: dict[Series, dict[int, tuple[float, str, float]]] = {}
        """Bucket to value, queue id and time of one mail that fell into it."""
        self._gauges: dict[Series, float] = {}
        self._followed: Final[dict[Series, tuple[Callable[[], float], float]]] = {}
        """Gauges that are looked at when the supervisor is told, and what they said last."""

    def add(self, name: str, *labels: str, amount: float = 1) -> None:
        """Count something."""
        with self._lock:
            self._add((name, labels), amount)

    def add_all(self, series: Iterator[Series]) -> None:
        """Count each once."""
        with self._lock:
            for one in series:
                self._add(one, 1)

    def set(self, name: str, *labels: str, value: float) -> None:
        """What a gauge says from now on, as far as this process is concerned."""
        with self._lock:
            self._gauges[name, labels] = value

    def follow(self, name: str, *labels: str, read: Callable[[], float]) -> None:
        """A gauge that changes by itself: `read` is asked each time the supervisor is told."""
        with self._lock:
            self._followed[name, labels] = read, 0.0

    def observe(self, name: str, *labels: str, value: float, queue_id: str = "") -> None:
        """A value for a histogram; `queue_id`: of the mail that it was, for whoever looks it up."""
        bounds = _BOUNDS[name]
        bucket = bisect_left(bounds, value)
        with self._lock:
            found = self._buckets.get((name, labels))
            if found is None:
                found = self._buckets[name, labels] = [0.0] * (len(bounds) + 2)
            found[bucket] += 1
            found[-1] += value
            if queue_id:
                shown = self._exemplars.setdefault((name, labels), {})
                shown[bucket] = (value, queue_id, time.time())

    def _add(self, series: Series, amount: float) -> None:
        counts = self._counts
        counts[series] = counts.get(series, 0) + amount

    def flush(self, channel: socket.socket) -> None:
        """Tell the supervisor. What its socket does not take now is told the next time."""
        with self._lock:
            for series, (read, last) in self._followed.items():
                if (value := read()) != last:
                    self._gauges[series] = value
                    self._followed[series] = read, value
            entries = self._take()
        while batch := list(islice(entries, MOST_IN_ONE)):
            try:
                channel.send(encode(batch), socket.MSG_DONTWAIT)
            except OSError:
                self._put_back([*batch, *entries])
                return

    def _take(self) -> Iterator[dict[str, Any]]:
        taken: list[dict[str, Any]] = [
            *(
                {"n": name, "l": labels, "c": count}
                for (name, labels), count in self._counts.items()
            ),
            *(
                {"n": series[0], "l": series[1], "b": found, "x": self._exemplars.get(series, {})}
                for series, found in self._buckets.items()
            ),
            *(
                {"n": name, "l": labels, "g": value}
                for (name, labels), value in self._gauges.items()
            ),
        ]
        self._counts, self._buckets, self._exemplars, self._gauges = {}, {}, {}, {}
        return iter(taken)

    def _put_back(self, entries: list[dict[str, Any]]) -> None:
        with self._lock:
            for entry in entries:
                series: Series = (entry["n"], entry["l"])
                if "c" in entry:
                    self._add(series, entry["c"])
                elif "g" in entry:
                    self._gauges.setdefault(series, entry["g"])
                else:
                    now = self._buckets.get(series, [0.0] * len(entry["b"]))
                    self._buckets[series] = [a + b for a, b in zip(now, entry["b"], strict=True)]
                    self._exemplars[series] = entry["x"] | self._exemplars.get(series, {})


def encode(entries: list[dict[str, Any]]) -> bytes:
    """One message to the supervisor."""
    return MARK + json.dumps(entries, separators=(",", ":")).encode()


def decode(message: bytes) -> list[Mapping[str, Any]]:
    """The inverse; nothing when it is none. JSON, and not a format that could hold more than data:
    a worker reads whatever strangers send, and the supervisor forks all the others."""
    try:
        entries = json.loads(message[len(MARK) :])
    except (ValueError, RecursionError):
        return []
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
