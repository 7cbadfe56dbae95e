"""How likely it is that a mail which still waits is answered in time.

The answers that were measured (insight/replies.py) are times divided by what was to be expected.
Of a mail that has waited for so long already only the longer ones are left, and the share of those
that come before the promise is the chance. What is to be expected is taken from this moment, not
from when the mail came: half of a team that has fallen ill since makes every chance smaller.

It is the chance of a mail that needs an answer. Nobody can tell the few that need none, and they
were promised one, too.
"""

import math
from typing import Final

from mailtriage.insight.promises import Kind, Knowledge
from mailtriage.insight.replies import BUCKETS, EDGES, RATIO, Cell, bucket, survival

LEAST_LEFT: Final = 0.02
"""Share of answers that took longer than this mail has waited: of fewer nothing is concluded."""


def chance_of_answer(
    knowledge: Knowledge, kind: Kind, now: float, waited: float, left: float, estimate: float
) -> float | None:
    """P(answer within `left` | none after `waited`), from 0 to 1; None when too little is known.

    `waited`, `left` and `estimate` are working seconds: so far, until the promised time, and as
    `MeasuredPromises.estimate` expects of a mail of this moment. `now`: seconds since the epoch.
    """
    cell = knowledge.known(*kind, now)
    if cell is None or not estimate > 0.0:
        return None
    so_far = share_longer(cell, waited / estimate)
    if so_far < LEAST_LEFT:
        return None
    then = share_longer(cell, (waited + max(left, 0.0)) / estimate)
    return min(1.0, max(0.0, 1.0 - then / so_far))


def time_left(
    knowledge: Knowledge, kind: Kind, now: float, waited: float, estimate: float, share: float
) -> float:
    """Working seconds from now within which that share of such mails has an answer; infinite when
    too few ever had one. 0 when too little is known. As `chance_of_answer` otherwise."""
    cell = knowledge.known(*kind, now)
    if cell is None or not estimate > 0.0:
        return 0.0
    so_far = share_longer(cell, waited / estimate)
    if so_far < LEAST_LEFT:
        return 0.0
    rest = (1.0 - share) * so_far
    above = 1.0
    for upper, longer in zip(EDGES, survival(cell.events, cell.censored), strict=True):
        if longer <= rest:
            part = (above - rest) / (above - longer)
            return max(0.0, estimate * upper * float(RATIO ** (part - 1.0)) - waited)
        above = longer
    return math.inf


def share_longer(cell: Cell, quotient: float) -> float:
    """Share of answers that take longer than this quotient of time and estimate. Between the edges
    of a bucket by the logarithm, as `replies.quantile` does it, whose inverse it is."""
    curve = survival(cell.events, cell.censored)
    if not quotient > 0.0:
        return 1.0
    if quotient >= EDGES[-1]:
        return curve[-1]
    number = bucket(quotient)
    above = curve[number - 1] if number else 1.0
    below = curve[min(number, BUCKETS - 1)]
    part = 1.0 + math.log(quotient / EDGES[number]) / math.log(RATIO)
    return above + (below - above) * min(1.0, max(0.0, part))
