"""`python -m tests.bench.insight_promises`: ways to say by when a human answers, beside each other.

On the helpdesk of tests/insight/helpdesk_simulation.py. Every way knows, of the moment at which a
mail comes in, only what had happened until then. Those that are not shipped keep every mail of six
weeks and look at all of them; they are here for comparison.

Half a year takes one to two minutes a seed.
"""

import argparse
import math
import sys
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mailtriage.insight.promises import HORIZON_DAYS, SHARE
from mailtriage.insight.replies import HALF_LIFE, USUALLY_NEEDS
from tests.insight.helpdesk_simulation import (
    DAY,
    DAYS,
    HOUR,
    TICK,
    Asked,
    Desk,
    Figures,
    Method,
    Promised,
    figures,
    helpdesk,
    measured,
    replay,
    rounded,
    spoken,
    within,
)

WORKING_DAY: Final = 9 * HOUR
HORIZON: Final = HORIZON_DAYS * WORKING_DAY
KEPT_FOR: Final = 42 * DAY
PLAIN_FOR: Final = 30 * DAY
RENEWED: Final = 2 * HOUR
"""The comparisons look through what they keep so often."""

SHIPPED: Final = "48 buckets, rounded up"
UNROUNDED: Final = "48 buckets"
PLAIN: Final = "plain p80, working time"

Array = NDArray[np.float64]


@dataclass(slots=True)
class Rows:
    """Every mail of one kind."""

    came: list[float] = field(default_factory=list)
    came_worked: list[float] = field(default_factory=list)
    replied: list[float] = field(default_factory=list)
    replied_worked: list[float] = field(default_factory=list)
    estimate: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """What the comparisons promise at some moment."""

    at: float
    plain_wall: float
    plain: float
    recent: float
    quotient: float


class Past:
    """All mail so far, as a method without our sums would keep it."""

    def __init__(self, days: int) -> None:
        self._desk: Final = Desk(days)
        self._rows: Final[dict[tuple[str, str], Rows]] = defaultdict(Rows)
        self._latest: Final[dict[tuple[str, str], Quantiles]] = {}

    def told(self, asked: Asked) -> None:
        """A mail came in. When it was answered is looked at only once that is over."""
        mail, rows = asked.mail, self._rows[asked.mail.skill, asked.mail.priority]
        answered = mail.replied < math.inf
        rows.came.append(mail.came)
        rows.came_worked.append(self._desk.worked(mail.came))
        rows.replied.append(mail.replied)
        rows.replied_worked.append(self._desk.worked(mail.replied) if answered else math.inf)
        rows.estimate.append(asked.estimate)

    def quantiles(self, asked: Asked) -> Quantiles:
        """Of mails like this one, not older than two hours."""
        kind, now = (asked.mail.skill, asked.mail.priority), asked.mail.came
        found = self._latest.get(kind)
        if found is None or now - found.at > RENEWED:
            found = self._latest[kind] = self._reckon(self._rows[kind], now)
        return found

    def _reckon(self, rows: Rows, now: float) -> Quantiles:
        came = np.array(rows.came)
        kept = came > now - KEPT_FOR
        came, begun = came[kept], np.array(rows.came_worked)[kept]
        replied, ended = np.array(rows.replied)[kept], np.array(rows.replied_worked)[kept]
        done = replied <= now
        taken = np.where(done, ended, self._desk.worked(now)) - begun
        plain = done & (now - came < PLAIN_FOR)
        # What is open for longer needs no answer.
        counts = done | (taken < HORIZON)
        old = self._desk.worked(now) - begun > HORIZON
        needs = float(done[old].mean()) if old.sum() > 20 else USUALLY_NEEDS
        longer = 1 - np.searchsorted(np.sort(taken[done]), taken) / max(int(done.sum()), 1)
        weights = 0.5 ** ((now - came) / HALF_LIFE)
        chance = needs * longer / (needs * longer + 1 - needs + 1e-9)
        weights = np.where(done, weights, weights * chance)[counts]
        quotient = taken / np.array(rows.estimate)[kept]
        return Quantiles(
            at=now,
            plain_wall=float(np.quantile((replied - came)[plain], SHARE)),
            plain=float(np.quantile(taken[plain], SHARE)),
            recent=min(HORIZON, kaplan_meier(taken[counts], done[counts], weights)),
            quotient=kaplan_meier(quotient[counts], done[counts], weights),
        )


def kaplan_meier(taken: Array, done: NDArray[np.bool_], weights: Array) -> float:
    """The quantile over single mails, with weights; infinite when the curve does not get there."""
    order = np.argsort(taken, kind="stable")
    taken, done, weights = taken[order], done[order], weights[order]
    at_risk = np.cumsum(weights[::-1])[::-1]
    left = np.cumprod(1 - np.where(done, weights / np.maximum(at_risk, 1e-12), 0.0))
    found = np.flatnonzero(left <= 1 - SHARE)
    return float(taken[found[0]]) if len(found) else math.inf


def methods(past: Past) -> dict[str, Method]:
    """All ways, by what stands in the table."""

    def by_the_clock(asked: Asked, seconds: float) -> Promised:
        mail = asked.mail
        hours = asked.work.between(mail.came, mail.came + seconds) / HOUR
        return Promised(mail, mail.replied - mail.came <= seconds, hours)

    def backlog(asked: Asked) -> float:
        return min(HORIZON, past.quantiles(asked).quotient * asked.estimate)

    def ninety(asked: Asked) -> Promised:
        return rounded(replace(asked, source=replace(asked.source, share=0.9)))

    return {
        "static, within 24 h": lambda asked: by_the_clock(asked, DAY),
        "static, 1 working day": lambda asked: within(asked, WORKING_DAY),
        "static, 2 working days": lambda asked: within(asked, 2 * WORKING_DAY),
        "plain p80, wall clock": lambda asked: by_the_clock(
            asked, past.quantiles(asked).plain_wall
        ),
        PLAIN: lambda asked: within(asked, past.quantiles(asked).plain),
        "the same, rounded up": lambda asked: spoken(asked, past.quantiles(asked).plain),
        "Kaplan-Meier, recency": lambda asked: within(asked, past.quantiles(asked).recent),
        "... of time / backlog": lambda asked: within(asked, backlog(asked)),
        "... rounded up": lambda asked: spoken(asked, backlog(asked)),
        UNROUNDED: measured,
        SHIPPED: rounded,
        "48 buckets p90, rounded up": ninety,
    }


def table(found: dict[str, Figures]) -> str:
    """One line a way."""
    lines = [
        f"{'':28}{'kept':>7}{'worst':>7}{'worst':>7}{'staff':>8}{'weeks':>7}{'mean':>7}{'busy':>7}{'busy,':>7}"
    ]
    lines.append(
        f"{'':28}{'':>7}{'kind':>7}{'week':>7}{'short':>8}{'after':>7}{'hours':>7}{'':>7}{'short':>7}"
    )
    for name, one in found.items():
        figs = [one.kept, one.worst_kind, one.worst_week, one.shortage, one.after]
        cells = [
            f"{figs[0]:7.3f}",
            f"{figs[1]:7.2f}",
            f"{figs[2]:7.2f}",
            f"{figs[3]:8.2f}",
            f"{figs[4]:7.2f}",
            f"{one.hours:7.1f}",
        ]
        if one.busy_shortage:
            cells += [f"{one.busy:7.2f}", f"{one.busy_shortage:7.2f}"]
        lines.append(f"{name:28}" + "".join(cells))
    return "\n".join(lines)


def targets(found: dict[str, Figures]) -> list[tuple[str, bool]]:
    """What was asked for, and whether it was reached."""
    ours, plain, told = found[UNROUNDED], found[PLAIN], found[SHIPPED]
    plain_told = found["the same, rounded up"]
    return [
        ("promises kept, 0.78 to 0.90", 0.78 <= told.kept <= 0.90 and 0.78 <= ours.kept <= 0.90),
        ("kept during the staff shortage, 0.45 or more", min(ours.shortage, told.shortage) >= 0.45),
        ("hours promised, no more than plain p80", ours.hours <= plain.hours),
        ("the same, both rounded up", told.hours <= plain_told.hours),
    ]


def main() -> int:
    """0 when every target was reached with every seed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.insight_promises")
    parser.add_argument("--seeds", default="5,6", help="of the simulation (5,6)")
    parser.add_argument("--days", type=int, default=DAYS, help="at least 119 (182)")
    parser.add_argument("--tick", type=float, default=TICK, help="seconds between two looks (900)")
    options = parser.parse_args()
    all_reached = True
    for seed in map(int, options.seeds.split(",")):
        past = Past(options.days)
        mails = helpdesk(seed, options.days)
        played = replay(mails, methods(past), past.told, tick=options.tick)
        found = {name: figures(promised) for name, promised in played.promised.items()}
        print(f"\n{len(mails)} mails in {options.days} days, seed {seed}\n")
        print(table(found), "\n")
        for what, reached in targets(found):
            print(f"  {what:48}{'reached' if reached else 'missed'}")
            all_reached &= reached
        sys.stdout.flush()
    return 0 if all_reached else 1


if __name__ == "__main__":
    sys.exit(main())
