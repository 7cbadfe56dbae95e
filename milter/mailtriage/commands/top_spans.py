"""From metrics of two moments to what happened in between. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailtriage.commands.top_scrape import Scrape
from mailtriage.service import metrics_names as names

WINDOW: Final = 300.0
"""Seconds of the longer span."""
APART: Final = 5.0
"""Seconds in which two scrapes at most are kept for it, however often one asks."""


@dataclass(frozen=True, slots=True)
class Span:
    """Two moments; without the older one, all since the service was started."""

    new: Scrape
    old: Scrape | None = None

    @property
    def seconds(self) -> float:
        """How long it is; never 0, so that it can be divided by."""
        if self.old is None:
            return max(0.001, self.new.at - self.new.total(names.STARTED))
        return max(0.001, self.new.tick - self.old.tick)

    def by(self, name: str, *labels: str, **wanted: str) -> dict[tuple[str, ...], float]:
        """By how much the sums grew."""
        now = self.new.by(name, *labels, **wanted)
        before = self.old.by(name, *labels, **wanted) if self.old is not None else {}
        return {key: max(0.0, value - before.get(key, 0.0)) for key, value in now.items()}

    def total(self, name: str, **wanted: str) -> float:
        """By how much one sum grew."""
        return self.by(name, **wanted).get((), 0.0)

    def quantile(self, name: str, share: float, **wanted: str) -> float | None:
        """A quantile of a histogram, as Prometheus's histogram_quantile() reckons it: evenly spread
        within a bucket, and the last bound for what is above. None when nothing happened."""
        buckets = []
        for (bound,), count in self.by(f"{name}_bucket", "le", **wanted).items():
            try:
                buckets.append((float(bound), count))
            except ValueError:
                continue
        buckets.sort()
        if not buckets or buckets[-1][1] <= 0:
            return None
        rank = share * buckets[-1][1]
        below, lower = 0.0, 0.0
        for upper, reached in buckets:
            if upper == math.inf:
                break
            if reached >= rank:
                inside = reached - below
                return lower + (upper - lower) * ((rank - below) / inside if inside else 0.0)
            below, lower = reached, upper
        return lower


def remember(past: Sequence[Scrape], new: Scrape) -> tuple[Scrape, ...]:
    """The scrapes that spans are made of, the newest last. Those of a service that was started
    anew go: it counts from 0 again."""
    if past and past[-1].total(names.STARTED) != new.total(names.STARTED):
        past = ()
    kept = [*past, new]
    # One that is older than the window stays: it is where the window begins.
    while len(kept) > 2 and kept[1].tick <= new.tick - WINDOW:
        del kept[0]
    if len(kept) > 3 and kept[-2].tick - kept[-4].tick < APART:
        del kept[-3]
    return tuple(kept)


def short_span(past: Sequence[Scrape]) -> Span:
    """From one look to the next; since the start of the service where there was only one."""
    return Span(past[-1], past[-2] if len(past) > 1 else None)


def long_span(past: Sequence[Scrape]) -> Span:
    """The last five minutes. Who has not watched for so long sees all since the service's start."""
    first, last = past[0], past[-1]
    return Span(last, first if last.tick - first.tick >= WINDOW else None)
