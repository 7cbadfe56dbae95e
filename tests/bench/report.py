"""From cells to a table, to figures against the targets, and to one line of JSON.

Programs are compared within a round only: what disturbed one disturbed the others. CPU and rates
are medians over rounds of what each round's pair gives. Latencies of all rounds are pooled; "added"
is a mail's latency less that of the same mail through Postfix without a milter in the same round.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tests.bench.measure import POSTFIX, SOCKET, Cell
from tests.bench.variants import BASELINE, NAMES

SUBJECT: Final = "mailtriage"
RIVAL: Final = "rspamd"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure to reach, and what was measured: None where nothing was."""

    key: str
    text: str
    value: float | None
    at_most: float = math.inf
    at_least: float = 0.0

    @property
    def bound(self) -> str:
        """As a person writes it."""
        return f">= {self.at_least:.2f}" if self.at_least else f"<= {self.at_most:.2f}"

    @property
    def verdict(self) -> str:
        """ "reached", "missed" or "not measured"."""
        if self.value is None:
            return "not measured"
        return "reached" if self.at_least <= self.value <= self.at_most else "missed"


class Results:
    """The cells of a run, looked up by what they measured."""

    def __init__(self, cells: Iterable[Cell], pss: dict[str, list[float]]) -> None:
        """`pss`: MB for each milter, one figure a round."""
        self.cells = list(cells)
        self._pss = pss
        self._rounds: dict[tuple[str, str, int, str], dict[int, Cell]] = defaultdict(dict)
        for cell in self.cells:
            self._rounds[cell.way, cell.mails, cell.clients, cell.variant][cell.round] = cell

    def groups(self) -> list[tuple[str, str, int]]:
        """(way, set, clients), in the order in which they were measured."""
        return list(dict.fromkeys((cell.way, cell.mails, cell.clients) for cell in self.cells))

    def variants(self, way: str, mails: str, clients: int) -> list[str]:
        """Who was measured there."""
        return [name for name in NAMES if (way, mails, clients, name) in self._rounds]

    def median(
        self, way: str, mails: str, clients: int, variant: str, of: Callable[[Cell], float]
    ) -> float:
        """Median over the rounds of one figure of the cells."""
        return statistics.median(
            of(cell) for cell in self._rounds[way, mails, clients, variant].values()
        )

    def paired(
        self,
        way: str,
        mails: str,
        clients: int,
        variant: str,
        other: str,
        of: Callable[[Cell], float],
    ) -> list[float]:
        """`variant` divided by `other`, for each round that has both."""
        theirs = self._rounds.get((way, mails, clients, other), {})
        ours = self._rounds.get((way, mails, clients, variant), {})
        return [
            of(cell) / of(theirs[n]) for n, cell in ours.items() if n in theirs and of(theirs[n])
        ]

    def pooled(self, way: str, mails: str, clients: int, variant: str) -> list[float]:
        """The latencies of all rounds."""
        cells = self._rounds.get((way, mails, clients, variant), {}).values()
        return [latency for cell in cells for latency in cell.latencies]

    def added(self, mails: str, clients: int, variant: str) -> list[float]:
        """What the milter added to each mail through Postfix, of all rounds."""
        base = self._rounds.get((POSTFIX, mails, clients, BASELINE), {})
        cells = self._rounds.get((POSTFIX, mails, clients, variant), {})
        return [
            latency - without
            for number, cell in cells.items()
            if number in base
            for latency, without in zip(cell.latencies, base[number].latencies, strict=True)
        ]

    def pss(self, variant: str) -> float | None:
        """Median PSS in MB under load."""
        return statistics.median(self._pss[variant]) if self._pss.get(variant) else None


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` (0 … 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _milter_ms(cell: Cell) -> float:
    return cell.milter_ms


def _rate(cell: Cell) -> float:
    return cell.rate


def targets(results: Results) -> list[Target]:
    """Every target with what was reached."""
    return [
        Target("cpu_mix", "CPU a mail, mix, through Postfix", _cpu_ratio(results, "mix"), at_most=0.75),
        Target("cpu_small", "CPU a mail, small mails, through Postfix", _cpu_ratio(results, "small"), at_most=0.90),
        Target("added_p50", "added latency, 8 clients, mix: median", _added_ratio(results, 0.50), at_most=0.90),
        Target("added_p99", "added latency, 8 clients, mix: 99th percentile", _added_ratio(results, 0.99), at_most=0.60),
        Target("throughput", "throughput through Postfix, 8 clients, mix", _rate_ratio(results), at_least=1.10),
        Target("memory", "memory of two workers (PSS, all processes)", _memory_ratio(results), at_most=0.70),
        Target("size", "mailtriage's CPU for a 2 MB mail over that for 64 KB", _size_ratio(results), at_most=1.50),
    ]  # fmt: skip


def _cpu_ratio(results: Results, mails: str) -> float | None:
    ratios = [
        ratio
        for way, of, clients in results.groups()
        if (way, of) == (POSTFIX, mails)
        for ratio in results.paired(way, of, clients, SUBJECT, RIVAL, _milter_ms)
    ]
    return statistics.median(ratios) if ratios else None


def _added_ratio(results: Results, share: float) -> float | None:
    ours, theirs = (results.added("mix", 8, variant) for variant in (SUBJECT, RIVAL))
    if not ours or not theirs or percentile(theirs, share) <= 0:
        return None
    return percentile(ours, share) / percentile(theirs, share)


def _rate_ratio(results: Results) -> float | None:
    ratios = results.paired(POSTFIX, "mix", 8, SUBJECT, RIVAL, _rate)
    return statistics.median(ratios) if ratios else None


def _memory_ratio(results: Results) -> float | None:
    ours, theirs = results.pss(SUBJECT), results.pss(RIVAL)
    return ours / theirs if ours and theirs else None


def _size_ratio(results: Results) -> float | None:
    small, large = (results.variants(SOCKET, size, 1) for size in ("64KB", "2MB"))
    if SUBJECT not in small or SUBJECT not in large:
        return None
    return results.median(SOCKET, "2MB", 1, SUBJECT, _milter_ms) / results.median(
        SOCKET, "64KB", 1, SUBJECT, _milter_ms
    )


def table(results: Results) -> str:
    """All cells, a block for each way, set and number of clients."""
    lines = []
    for way, mails, clients in results.groups():
        heading = "through Postfix" if way == POSTFIX else "milter alone"
        lines += ["", f"{heading}, {mails}, {clients} client{'s' if clients > 1 else ''}"]
        lines.append(
            f"  {'':11}{'mails/s':>9}{'x none':>8}{'p50 ms':>9}{'p99 ms':>9}{'+p50 ms':>9}{'+p99 ms':>9}"
            f"{'milter ms':>11}{'Postfix ms':>11}{'foreign':>9}"
        )
        lines += [
            _row(results, way, mails, clients, variant)
            for variant in results.variants(way, mails, clients)
        ]
    return "\n".join(lines)


def _row(results: Results, way: str, mails: str, clients: int, variant: str) -> str:
    def median(of: Callable[[Cell], float]) -> float:
        return results.median(way, mails, clients, variant, of)

    latencies = results.pooled(way, mails, clients, variant)
    through = results.paired(way, mails, clients, variant, BASELINE, _rate)
    added = results.added(mails, clients, variant) if way == POSTFIX and variant != BASELINE else []
    columns = [
        (f"{median(_rate):.0f}", 9),
        (f"{statistics.median(through):.2f}" if through else "", 8),
        (f"{percentile(latencies, 0.5):.2f}", 9),
        (f"{percentile(latencies, 0.99):.1f}", 9),
        (f"{percentile(added, 0.5):+.2f}" if added else "", 9),
        (f"{percentile(added, 0.99):+.1f}" if added else "", 9),
        (f"{median(_milter_ms):.3f}" if variant != BASELINE else "", 11),
        (f"{median(lambda cell: cell.postfix_ms):.2f}" if way == POSTFIX else "", 11),
        (f"{median(lambda cell: cell.foreign):.2f}", 9),
    ]
    return f"  {variant:11}" + "".join(f"{text:>{width}}" for text, width in columns)


def target_lines(found: list[Target]) -> str:
    """The targets as a person reads them."""
    lines = [f"{SUBJECT} divided by {RIVAL}:"]
    for target in found:
        value = "" if target.value is None else f"{target.value:.2f}"
        lines.append(f"  {target.text:56}{value:>7}  {target.bound}  {target.verdict}")
    return "\n".join(lines)


def ratios(results: Results) -> dict[str, float]:
    """CPU, rate and latency of mailtriage over rspamd's for every cell both have."""
    found = {}
    for way, mails, clients in results.groups():
        key = f"{way}_{mails}_{clients}"
        if cpu := results.paired(way, mails, clients, SUBJECT, RIVAL, _milter_ms):
            found[f"{key}_cpu"] = statistics.median(cpu)
            found[f"{key}_rate"] = statistics.median(
                results.paired(way, mails, clients, SUBJECT, RIVAL, _rate)
            )
            ours, theirs = (
                results.pooled(way, mails, clients, variant) for variant in (SUBJECT, RIVAL)
            )
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                found[f"{key}_{name}"] = percentile(ours, share) / percentile(theirs, share)
    return {key: round(value, 3) for key, value in found.items()}
