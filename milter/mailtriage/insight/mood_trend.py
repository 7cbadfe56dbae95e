"""How the mood of customers changes over a conversation: from their first mail in it to the last.

Three moods make a scale, and a conversation has moved up or down it, or not at all. What lies
between does not count: who was angry for a day and is content in the end is content.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

_SCALE: Final = {"negative": 0, "neutral": 1, "positive": 2}

Course = Sequence[tuple[float, str]]
"""One conversation: time (seconds since the epoch) and mood of each mail of the customer, in
order."""


class Trend(StrEnum):
    """How it ended."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"


def trend(first: str, last: str) -> Trend | None:
    """From one mood to another; None when either is not known."""
    if first not in _SCALE or last not in _SCALE:
        return None
    change = _SCALE[last] - _SCALE[first]
    if not change:
        return Trend.SAME
    return Trend.BETTER if change > 0 else Trend.WORSE


def trends(courses: Iterable[Course], start: float, end: float) -> Counter[Trend]:
    """The conversations that stood so before `end`, of those whose last mail had come since `start`
    and that had two or more. Mails without a known mood are passed over."""
    found = Counter[Trend]()
    for course in courses:
        mails = [(at, mood) for at, mood in course if at < end and mood in _SCALE]
        if len(mails) < 2 or mails[-1][0] < start:
            continue
        moved = trend(mails[0][1], mails[-1][1])
        if moved is not None:
            found[moved] += 1
    return found
