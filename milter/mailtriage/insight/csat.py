"""How satisfied customers say that they are: the share of the two best votes of five (CSAT).

With its interval, since ten votes say little: Wilson (1927, doi:10.1080/01621459.1927.10502953),
which stays within 0 and 1 and is right for small numbers, where the usual one is not.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

PERIOD: Final = 90 * 86_400.0
"""Seconds: who was asked in this time counts."""
ENOUGH: Final = 10
"""Votes below which no share is given."""
TOP: Final = 4
"""Votes from here on are satisfied ones (of 5)."""

_Z: Final = 1.959964
"""Of the normal distribution, for 95 %."""


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """What those said who were asked about one skill."""

    asked: int = 0
    answered: int = 0
    """Votes that count: not those that are void."""
    satisfied: int = 0
    """Votes of 4 and 5."""
    void: int = 0

    @property
    def share(self) -> float:
        """0 to 1; NaN below `ENOUGH` votes."""
        return self.satisfied / self.answered if self.answered >= ENOUGH else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Within which the share of all customers lies, with a probability of 95 %; 0 to 1."""
        return wilson(self.satisfied, self.answered)


def satisfaction(tally: Iterable[tuple[str, int, int]]) -> dict[str, Satisfaction]:
    """By skill. `tally`: skill, vote (1 to 5; 0: none; below: void) and how many of them."""
    found: dict[str, Satisfaction] = {}
    for skill, vote, count in tally:
        before = found.get(skill, Satisfaction())
        found[skill] = replace(
            before,
            asked=before.asked + count,
            answered=before.answered + (count if vote > 0 else 0),
            satisfied=before.satisfied + (count if vote >= TOP else 0),
            void=before.void + (count if vote < 0 else 0),
        )
    return found


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share; (0, 1) when nothing was counted."""
    if not total:
        return 0.0, 1.0
    share, z2 = hits / total, _Z * _Z
    middle = share + z2 / (2 * total)
    spread = _Z * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    below = 1 + z2 / total
    return max(0.0, (middle - spread) / below), min(1.0, (middle + spread) / below)
