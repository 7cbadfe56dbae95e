"""How long first answers really take, in constant space: decayed counts in 48 buckets.

What is counted is not the time but the time divided by what insight/backlog.py had expected when
the mail came in: that quotient hardly changes with the season or the number of people at work.

A mail that is still open says something, too: that its answer takes longer than so far. Leaving it
out would make the slow look quick, so the quantile is that of Kaplan and Meier (1958,
doi:10.1080/01621459.1958.10501452). But some mails never get an answer, and waited for ever in the
books. An open mail therefore counts with the chance that it still needs one, which falls with its
age: the mixture cure model, one step of its EM algorithm each time that the open mails are looked
through (Sy and Taylor 2000, doi:10.1111/j.0006-341X.2000.00227.x).

Old answers count less, by half every ten days. Instead of making the old ones lighter, each new one
is heavier (forward decay; Cormode et al. 2009, doi:10.1109/ICDE.2009.65). So the counts are plain
sums: those of several servers are added up, in any order, and Redis can add (HINCRBYFLOAT).
"""

import math
import struct
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import add
from typing import Final, Self

BUCKETS: Final = 48
LOWEST: Final = 0.02
HIGHEST: Final = 60.0
"""Upper edges of the first and the last bucket; what is beyond falls into the last."""

RATIO: Final = (HIGHEST / LOWEST) ** (1 / (BUCKETS - 1))
"""Between two edges: 1.186."""

EDGES: Final = (*(LOWEST * RATIO**number for number in range(BUCKETS - 1)), HIGHEST)

HALF_LIFE: Final = 10 * 86_400.0
"""Seconds by the wall clock after which an answer counts half."""

KNOWN: Final = 20
"""Answers that must have been seen before anything is concluded from them."""

FRESH: Final = 5.0
"""What they must weigh, at least, an answer of this moment being 1: twenty answers of last year
tell nothing. With a mail every three days it is just reached."""

USUALLY_NEEDS: Final = 0.9
"""Share of mails that need an answer, before any were counted."""

_PRIOR: Final = 10.0
"""Mails that this share is taken to be known from."""

_MOST_WEIGHT: Final = 1e9
"""More answers than any helpdesk gives in weeks: the clock was wrong when they were counted."""

_LANDMARK: Final = 1_767_225_600.0  # 2026-01-01: doubles last until 2053
_MOST_HALVINGS: Final = 1000.0
_NONE: Final = (0.0,) * BUCKETS
_VERSION: Final = 1
_NUMBERS: Final = 5 + 2 * BUCKETS
_FORM: Final = struct.Struct(f"<B{_NUMBERS}d")


def weight(at: float) -> float:
    """What is counted at that moment (seconds since the epoch) is multiplied with it.

    Only the quotient of two weights means anything: 2 when they are a half-life apart.
    """
    halvings = (at - _LANDMARK) / HALF_LIFE
    return float(2.0 ** max(-_MOST_HALVINGS, min(_MOST_HALVINGS, halvings)))


def bucket(quotient: float) -> int:
    """The bucket of a quotient of working time and estimate. An edge belongs to the lower one."""
    return min(bisect_left(EDGES, quotient), BUCKETS - 1)


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of the answers to one kind of mail: sums, all of them weighted but `answers`.

    Cells are added up: over priorities and skills, servers, or the past and what is new.
    """

    answers: float = 0.0
    """How many there were; it never falls."""
    needless: float = 0.0
    """Mails that were closed, or given up, without an answer."""
    open: float = 0.0
    """Mails that were open when they were last looked through."""
    estimates: float = 0.0
    """Mails of which the estimate was noted; and the sum of its logarithm."""
    logs: float = 0.0
    events: tuple[float, ...] = _NONE
    """Answers, by bucket."""
    censored: tuple[float, ...] = _NONE
    """Open mails, by bucket, each with the chance that it still needs an answer."""

    def __add__(self, other: Self) -> Self:
        """Both together."""
        return self._of(map(add, self.numbers(), other.numbers()))

    def numbers(self) -> tuple[float, ...]:
        """All sums, in a fixed order: `from_numbers` reads them. For a store that can add."""
        sums = (self.answers, self.needless, self.open, self.estimates, self.logs)
        return (*sums, *self.events, *self.censored)

    @classmethod
    def from_numbers(cls, numbers: Iterable[float]) -> Self:
        """Raises ValueError for too many or too few, and for what is no sum of weights."""
        found = tuple(numbers)
        if len(found) != _NUMBERS:
            raise ValueError("not a cell of answers: another number of sums")
        # Only the sum of logarithms may be negative: that of estimates below a second.
        if not all(map(math.isfinite, found)) or min(*found[:4], *found[5:]) < 0.0:
            raise ValueError("not a cell of answers: a sum that is none")
        return cls._of(found)

    @classmethod
    def _of(cls, numbers: Iterable[float]) -> Self:
        answers, needless, opened, estimates, logs, *buckets = numbers
        events, censored = tuple(buckets[:BUCKETS]), tuple(buckets[BUCKETS:])
        return cls(answers, needless, opened, estimates, logs, events, censored)

    def to_bytes(self) -> bytes:
        """809 bytes for keeping; `from_bytes` reads them."""
        return _FORM.pack(_VERSION, *self.numbers())

    @classmethod
    def from_bytes(cls, kept: bytes) -> Self:
        """Raises ValueError for anything that `to_bytes` does not write."""
        if not kept or kept[0] != _VERSION:
            raise ValueError("not a cell of answers, or one of another version")
        if len(kept) != _FORM.size:
            raise ValueError("not a cell of answers: of another length")
        return cls.from_numbers(_FORM.unpack(kept)[1:])

    def known(self, now: float) -> bool:
        """Whether there are answers enough, and recent ones, to conclude from."""
        return self.answers >= KNOWN and FRESH <= sum(self.events) / weight(now) < _MOST_WEIGHT

    def plausible(self, now: float) -> bool:
        """False when something was counted by a clock that ran far ahead: nothing new would count
        beside it for years, and the cell has to be begun anew."""
        return max(*self.events, self.needless, self.open, self.estimates) < (
            _MOST_WEIGHT * weight(now)
        )


EMPTY: Final = Cell()


def answered(quotient: float, at: float) -> Cell:
    """What a first answer at that moment adds: working time since the mail came in, divided by the
    estimate of then."""
    number, heavy = bucket(quotient), weight(at)
    events = (*_NONE[:number], heavy, *_NONE[number + 1 :])
    return Cell(answers=1.0, events=events)


def given_up(at: float) -> Cell:
    """What a mail adds that gets no answer any more."""
    return Cell(needless=weight(at))


def estimated(estimate: float, at: float) -> Cell:
    """What the estimate of a new mail adds (seconds, above 0)."""
    heavy = weight(at)
    return Cell(estimates=heavy, logs=heavy * math.log(estimate))


def survival(events: Sequence[float], censored: Sequence[float]) -> list[float]:
    """Kaplan and Meier: the share that takes longer than the upper edge of each bucket.

    Of what falls into one bucket answers come before mails that are open. Behind the last answer
    the curve stays where it is. Of nothing known at all: 1 everywhere.
    """
    leaving = [done + still for done, still in zip(events, censored, strict=True)]
    at_risk = list(accumulate(reversed(leaving)))[::-1]
    left, curve = 1.0, []
    for done, risk in zip(events, at_risk, strict=True):
        if done > 0.0:
            left *= max(0.0, 1.0 - done / risk)
        curve.append(left)
    return curve


def quantile(cell: Cell, share: float) -> float:
    """The quotient within which that share of answers comes (0 < share < 1).

    Between the edges of a bucket by the logarithm. Infinite when the curve does not get there:
    nothing is known, or too many are open.
    """
    rest = 1.0 - share
    above = 1.0
    for upper, left in zip(EDGES, survival(cell.events, cell.censored), strict=True):
        if left <= rest:
            part = (above - rest) / (above - left)
            return upper * float(RATIO ** (part - 1.0))
        above = left
    return math.inf


def share_with_answer(cell: Cell, now: float) -> float:
    """The share of mails that need one, never quite 1: of those with an answer, those given up,
    and those that are open and may need one."""
    total = sum(cell.events) + cell.needless + cell.open
    need = sum(cell.events) + sum(cell.censored)
    prior = _PRIOR * weight(now)
    return (min(need, total) + USUALLY_NEEDS * prior) / (total + prior)


def chances(cell: Cell, now: float) -> list[float]:
    """By bucket: the chance that a mail of its kind still needs an answer which has been open for
    so long."""
    curve, share = survival(cell.events, cell.censored), share_with_answer(cell, now)
    # In the middle of the bucket.
    left = [(above + below) / 2 for above, below in zip([1.0, *curve], curve, strict=False)]
    return [share * each / (share * each + 1.0 - share) for each in left]


def with_open(cell: Cell, quotients: Iterable[float], now: float, known: Cell) -> Cell:
    """The same with the mails that are open at this moment in place of those of the last time.

    `quotients`: their working time so far, divided by their estimates. `known`: the cell by which
    the chances are reckoned; this one, or where too little is known of it a wider one.
    """
    counts = [0] * BUCKETS
    for quotient in quotients:
        counts[bucket(quotient)] += 1
    heavy = weight(now)
    censored = tuple(
        heavy * count * chance for count, chance in zip(counts, chances(known, now), strict=True)
    )
    return replace(cell, open=heavy * sum(counts), censored=censored)
