"""How soon rising topics are found, and how often nothing was there: the tables of early-warning.md.

    python -m tests.bench.insight_warning             twenty minutes or so on two cores
    python -m tests.bench.insight_warning --short     two: shows that it runs

Simulated topics as in tests/insight/surge_simulation.py, every quarter of an hour through the
detector itself; thresholds are compared within one run. Then a helpdesk of 40 topics with the alert
budget, and, where ../shared/data is there, mentions of ten companies (Numenta's NAB: far burstier than
mail) thinned to mails a day, and questions to a bank with a topic that is new. It never fails on a
figure.
"""

import argparse
import csv
import gzip
import statistics
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from mailtriage.insight.budget import A_WEEK, Budget
from mailtriage.insight.counts import Counts, Series
from mailtriage.insight.evaluator import GRACE, QUARTER, Board, evaluate
from mailtriage.insight.profile import Week
from mailtriage.insight.surge import OFF, ON, Reading, is_enough
from tests.insight import phrase_stream
from tests.insight.surge_simulation import (
    FIRST_HOUR,
    LEARNING,
    Found,
    Grid,
    Outcome,
    detection,
    false_alarms,
    run,
    simulate,
    week_learner,
    writer_bit,
)

VOLUMES: Final = (5, 30, 200)
FACTORS: Final = (1.5, 2.0, 4.0)
THRESHOLDS: Final = (4.0, 5.0, 6.0, 8.0)
SERIES: Final = phrase_stream.QUESTIONS.parent / "series"
_MONDAY: Final = datetime(2015, 3, 2)  # noqa: DTZ001 - as the files have it
_THINNINGS: Final = 8


@dataclass
class Thresholds:
    """Alarms at several thresholds at once, from the readings of a run at the lowest of them."""

    alarms: dict[float, list[float]] = field(default_factory=lambda: {h: [] for h in THRESHOLDS})
    ends: dict[float, list[float]] = field(default_factory=lambda: {h: [] for h in THRESHOLDS})

    def take(self, index: int, reading: Reading) -> None:
        if not reading.threshold:  # warm-up
            return
        for threshold, alarms in self.alarms.items():
            ends = self.ends[threshold]
            is_on = len(alarms) > len(ends)
            if is_on and reading.score < OFF:
                ends.append((index + 1) / 4)
            elif not is_on and reading.score >= threshold and _is_backed(reading):
                alarms.append((index + 1) / 4)

    def outcome(self, threshold: float) -> Outcome:
        return Outcome(tuple(self.alarms[threshold]), tuple(self.ends[threshold]))


def _is_backed(reading: Reading) -> bool:
    return is_enough(reading.observed, reading.senders, reading.expected)


def watched(quarters: Grid) -> list[Thresholds]:
    shapes = week_learner(quarters.sum(axis=0))
    found = []
    for mails in quarters:
        each = Thresholds()
        run(mails, shapes, THRESHOLDS[0], each.take)
        found.append(each)
    return found


def rates(job: tuple[int, int]) -> dict[float, float]:
    """False alarms by threshold of (topics, mails a day)."""
    topics, a_day = job
    found = watched(simulate(topics, a_day, seed=1000 + a_day).quarters)
    return {h: false_alarms(each.outcome(h) for each in found) for h in THRESHOLDS}


def surges(job: tuple[int, int, float]) -> Found:
    """Of (topics, mails a day, factor), at the shipped threshold."""
    topics, a_day, factor = job
    town = simulate(topics, a_day, 2000 + a_day + int(10 * factor), factor)
    shapes = week_learner(town.quarters.sum(axis=0))
    return detection([run(mails, shapes) for mails in town.quarters], town.surges)


def budgeted(job: tuple[int, int]) -> list[int]:
    """Alert mails in each week after the learning, of 40 quiet topics; (alerts a week, seed)."""
    a_week, seed = job
    town = simulate(40, 30, seed, days=LEARNING + 56)
    names = [Series("skill", f"topic-{number:02}") for number in range(40)]
    board = Board(Week(ZoneInfo("UTC")), FIRST_HOUR, budget=Budget(a_week))
    weeks = [0] * 8
    people = [0] * 40
    for index in range(town.quarters.shape[1]):
        counts = {}
        for topic, mails in enumerate(town.quarters[:, index].tolist()):
            bits = 0
            for each in range(people[topic], people[topic] + mails):
                bits |= 1 << writer_bit(each)
            people[topic] += mails
            counts[names[topic]] = Counts(mails, bits)
        now = (FIRST_HOUR * 4 + index + 1) * QUARTER + GRACE
        found = evaluate(board, lambda _, counts=counts: counts, now)
        week = (index // 96 - LEARNING) // 7
        if week >= 0 and any(each.reading.event == "started" for each in found):
            weeks[week] += 1
    return weeks


def mentions(name: str) -> Grid:
    """Of one company, by the quarter of an hour, from Monday 2 March 2015 on."""
    quarters = np.zeros(51 * 96, dtype=np.int64)
    with gzip.open(SERIES / f"tw_{name}.csv.gz", "rt") as lines:
        for row in csv.DictReader(lines):
            seconds = (datetime.fromisoformat(row["timestamp"]) - _MONDAY).total_seconds()
            index = int(seconds // QUARTER)
            if 0 <= index < len(quarters):
                quarters[index] += int(row["value"])
    return quarters


def real(a_day: int) -> tuple[dict[float, float], dict[float, Found]]:
    """False (or true: nobody can say) alarms by threshold, and injected rises of 48 h by factor."""
    random = np.random.default_rng(a_day)
    rows = []
    for file in sorted(SERIES.glob("tw_*.csv.gz")):
        mails = mentions(file.name.removeprefix("tw_").removesuffix(".csv.gz"))
        share = a_day / (mails.mean() * 96)
        rows += [random.binomial(mails, share) for _ in range(_THINNINGS if share < 1 else 0)]
    quarters = np.array(rows)
    months = (quarters.shape[1] / 96 - LEARNING) / 30
    plain = watched(quarters)
    alarms = {
        h: sum(a > LEARNING * 24 for each in plain for a in each.alarms[h]) / len(plain) / months
        for h in THRESHOLDS
    }
    found = {}
    for factor in (2.0, 4.0):
        risen = quarters.copy()
        starts = []
        for row in risen:
            start = int(random.integers(20, 47)) * 24 + int(random.integers(8, 16))
            piece = row[start * 4 : (start + 48) * 4]
            piece += random.poisson((factor - 1) * piece)
            starts.append(start)
        shapes = week_learner(risen.sum(axis=0))
        found[factor] = detection([run(mails, shapes) for mails in risen], starts)
    return alarms, found


def phrases(job: tuple[float, int]) -> tuple[str, int]:
    """A row for (share of the mails, every how many-th topic)."""
    share, step = job
    topics = phrase_stream.questions()
    new = sorted(topics)[::step]
    streams = [phrase_stream.stream(topics, each, share, 7 + i) for i, each in enumerate(new)]
    after = sorted(each.found_after for each in streams if each.found_after)
    false = sum(len(each.false) for each in streams)
    median = statistics.median(after) if after else float("nan")
    return (f"{share:4.0%}  found {len(after)}/{len(new)} after {median:g} of its mails", false)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.insight_warning")
    parser.add_argument("--short", action="store_true", help="few topics: shows that it runs")
    parser.add_argument("--topics", type=int, help="simulated topics of each kind (250; short: 20)")
    options = parser.parse_args()
    topics = options.topics or (20 if options.short else 250)
    with ProcessPoolExecutor() as pool:
        _simulated(pool, topics)
        _budgets(pool, 1 if options.short else 4)
        if SERIES.exists():
            _real(pool)
            _phrases(pool, 15 if options.short else 3)
        else:
            print(f"\nnot run: real series and questions: {SERIES.parent} is not here")
    return 0


def _simulated(pool: ProcessPoolExecutor, topics: int) -> None:
    print(f"{topics} simulated topics of each kind; one month learnt, one month tested")
    print("\nFalse alarms a topic-month, by threshold")
    volumes = (*VOLUMES, 800)
    found = list(pool.map(rates, [(topics, a_day) for a_day in volumes]))
    print("mails a day | " + " | ".join(f"h={h:g}" for h in THRESHOLDS))
    for a_day, row in zip(volumes, found, strict=True):
        print(f"{a_day:11} | " + " | ".join(f"{row[h]:.2f}" for h in THRESHOLDS), flush=True)
    print(f"\nSurges of 72 h found at h={ON:g}: share (of these on already), median delay")
    jobs = [(topics, a_day, factor) for a_day in VOLUMES for factor in FACTORS]
    for job, each in zip(jobs, pool.map(surges, jobs), strict=True):
        print(f"{job[1]:4} a day, x{job[2]:g}: {each}", flush=True)


def _budgets(pool: ProcessPoolExecutor, seeds: int) -> None:
    print("\n40 quiet topics of 30 mails a day, eight weeks: alert mails a week")
    for a_week, name in ((10_000, "no budget"), (A_WEEK, f"{A_WEEK} a week")):
        weeks = list(pool.map(budgeted, [(a_week, 3000 + seed) for seed in range(seeds)]))
        means = [sum(week) / len(weeks) for week in zip(*weeks, strict=True)]
        print(f"{name}: " + " ".join(f"{mean:.1f}" for mean in means), flush=True)


def _real(pool: ProcessPoolExecutor) -> None:
    print("\nMentions of ten companies, thinned: alarms a series-month by threshold; rises of 48 h")
    for a_day, (alarms, found) in zip(VOLUMES, pool.map(real, VOLUMES), strict=True):
        rate = " | ".join(f"h={h:g} {alarms[h]:.2f}" for h in THRESHOLDS)
        rises = " | ".join(f"x{factor:g} {each}" for factor, each in found.items())
        print(f"{a_day:4} a day: {rate} || {rises}", flush=True)


def _phrases(pool: ProcessPoolExecutor, step: int) -> None:
    print("\nA topic without a name: questions to a bank, one topic held out, then mixed in")
    rows: Iterable[tuple[str, int]] = pool.map(phrases, [(s, step) for s in (0.12, 0.06, 0.03)])
    for text, false in rows:
        print(f"{text}; false phrases before: {false}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
