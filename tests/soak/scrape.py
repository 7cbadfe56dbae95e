"""What the service says of itself at /metrics."""

import urllib.request
from collections import Counter
from dataclasses import dataclass
from typing import Final

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT: Final = 20.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """One page of it. Names of counters stand without their "_total"."""

    families: dict[str, Metric]

    def count(self, name: str, **labels: str) -> int:
        """A counter, summed over all of its series that have these labels; KeyError: no such one."""
        return round(
            sum(
                sample.value
                for sample in self.families[name].samples
                if sample.name == f"{name}_total" and labels.items() <= sample.labels.items()
            )
        )

    def by(self, name: str, label: str) -> Counter[str]:
        """A counter for each value of one label."""
        found: Counter[str] = Counter()
        for sample in self.families[name].samples:
            if sample.name == f"{name}_total":
                found[sample.labels[label]] += round(sample.value)
        return found


def scrape(port: int) -> Scrape:
    """Ask the service on this machine."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT) as page:
        text = page.read().decode()
    return Scrape({family.name: family for family in text_string_to_metric_families(text)})
