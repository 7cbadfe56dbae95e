"""`python -m tests.bench.insight_chance`: the chance that decides about updates, against what came.

On the helpdesk of tests/insight/helpdesk_simulation.py. Every mail that still waits when 85 per
cent of its promised working time are over is asked for its chance; later it is known whether the
answer came before the promise. What is known at such a moment is what was known when the last mail
came in, some minutes before at most while the teams work.
"""

import argparse
import heapq
import itertools
import math
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np

from mailtriage.acks.calendar import add_open_time
from mailtriage.desk.follow_up import CERTAIN
from mailtriage.insight.chance import chance_of_answer
from mailtriage.insight.promises import MeasuredPromises, renewed
from tests.insight.helpdesk_simulation import (
    DAY,
    DAYS,
    LEARNT,
    START,
    TARGETS,
    TICK,
    Asked,
    Mail,
    helpdesk,
    replay,
)

SHARE: Final = 0.85
"""`updates.share`."""
EDGES: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.001)


@dataclass(frozen=True, slots=True)
class Told:
    """A mail that still waited when the time for an update had come."""

    mail: Mail
    by: float
    chance: float

    @property
    def kept(self) -> bool:
        return self.mail.replied <= self.by


@dataclass(slots=True)
class Checks:
    """Looks at each promise when most of its time is over."""

    told: list[Told] = field(default_factory=list)
    unknown: int = 0
    promises: int = 0
    slipped: int = 0
    _coming: list[tuple[float, int, Mail, float, float]] = field(default_factory=list)

    def __call__(self, asked: Asked) -> None:
        """A mail came in: what is due before it is looked at, and it is promised something."""
        mail, work = asked.mail, asked.work
        while self._coming and self._coming[0][0] <= mail.came:
            self._look(asked, *heapq.heappop(self._coming))
        if mail.came < START + LEARNT:
            return
        found = renewed(asked.source, work, (mail.skill, mail.priority), mail.came, 0.0)
        if found is None:
            return
        by = found.by.timestamp()
        self.promises += mail.replied < math.inf
        self.slipped += by < mail.replied < math.inf
        came = datetime.fromtimestamp(mail.came, UTC)
        ripe = add_open_time(work.calendar, came, SHARE * work.between(mail.came, by))
        if ripe is not None:
            heapq.heappush(self._coming, (ripe.timestamp(), mail.number, mail, by, mail.came))

    def _look(self, asked: Asked, at: float, _: int, mail: Mail, by: float, came: float) -> None:
        # A mail that never gets an answer needs none, and nobody can tell; it is not judged.
        if mail.replied <= at or mail.replied == math.inf:
            return
        kind, work, knowledge = (mail.skill, mail.priority), asked.work, asked.source.knowledge
        estimate = MeasuredPromises(knowledge, work, at, TARGETS).estimate(*kind)
        chance = chance_of_answer(
            knowledge, kind, at, work.between(came, at), work.between(at, by), estimate
        )
        if chance is None:
            self.unknown += 1
        else:
            self.told.append(Told(mail, by, chance))


def table(told: list[Told]) -> str:
    """Predicted and real, by tenths."""
    lines = [f"{'chance':>12}{'mails':>8}{'predicted':>11}{'really':>8}"]
    for low, high in itertools.pairwise(EDGES):
        some = [one for one in told if low <= one.chance < high]
        if some:
            mean = float(np.mean([one.chance for one in some]))
            kept = float(np.mean([one.kept for one in some]))
            name = f"{low:.1f} to {min(high, 1.0):.1f}"
            lines.append(f"{name:>12}{len(some):>8}{mean:>11.2f}{kept:>8.2f}")
    return "\n".join(lines)


def summary(checks: Checks) -> str:
    """What the thresholds do."""
    told = checks.told
    sure = [one for one in told if one.chance >= CERTAIN]
    rest = [one for one in told if one.chance < CERTAIN]
    silent = sum(not one.kept for one in sure)
    wrong_all = sum(one.kept for one in told) / max(1, len(told))
    wrong_sure = sum(one.kept for one in sure) / max(1, len(sure))
    wrong_rest = sum(one.kept for one in rest) / max(1, len(rest))
    return "\n".join(
        (
            f"promises {checks.promises}, of which slip {checks.slipped}",
            f"waiting at {SHARE:.0%} of the time: {len(told)}, unknown {checks.unknown}",
            f"answered in time after all: {wrong_all:.3f}",
            (
                f"chance {CERTAIN} or more, not told: {len(sure)}, answered in time {wrong_sure:.3f},"
                f" slip unannounced {silent}"
            ),
            f"the others, told: {len(rest)}, answered in time all the same {wrong_rest:.3f}",
        )
    )


def main() -> int:
    """Always 0: it measures, and judges nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.insight_chance")
    parser.add_argument("--seeds", default="5,6", help="of the simulation (5,6)")
    parser.add_argument("--days", type=int, default=DAYS, help="at least 119 (182)")
    parser.add_argument("--tick", type=float, default=TICK, help="seconds between two looks (900)")
    options = parser.parse_args()
    for seed in map(int, options.seeds.split(",")):
        checks = Checks()
        mails = helpdesk(seed, options.days)
        replay(mails, {}, checks, tick=options.tick)
        last = mails[-1].came - 14 * DAY  # later ones may have their answer after the end
        checks.told = [one for one in checks.told if one.mail.came < last]
        print(f"\nseed {seed}, {options.days} days\n\n{table(checks.told)}\n\n{summary(checks)}")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
