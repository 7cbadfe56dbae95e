"""When mail comes in: the shape of the organisation's week, by the hour, out of all of its mail.

All mail together fills 168 hours quickly; one topic never would. Hours are those of the wall clock
of the organisation: people get up by it. An hour that is put forward is never seen, one that is
put back is seen twice, and a rate *per hour seen* is right in both cases.
"""

import math
import struct
from array import array
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

HOURS: Final = 168
SUNDAY: Final = 6

_KEPT_A_WEEK: Final = 0.5 ** (1 / 8)
"""Half of what is known is two months old."""

_SHRINK: Final = 12.0
"""Mails for which the guess "this kind of day × this hour" counts."""

_SHRINK_EDGES: Final = 5.0
"""Mails for which "every day and hour is alike" counts in that guess."""

_LEAST: Final = 0.02
"""No hour is dead: one mail at night must not be infinitely strange."""

_FORMAT: Final = struct.Struct(f"<B{HOURS}d{HOURS}d")
_VERSION: Final = 1


@dataclass(frozen=True)
class Week:
    """Which of the 168 hours a moment is in, Monday 00:00 being 0.

    Public holidays are Sundays, so their dates must be handed in.
    """

    zone: ZoneInfo
    holidays: Collection[date] = frozenset()

    def local(self, hour: int) -> datetime:
        """The wall clock at the beginning of an hour, counted from 1970 in UTC."""
        return datetime.fromtimestamp(hour * 3600, UTC).astimezone(self.zone)

    def bin(self, hour: int) -> int:
        """0 to 167. Where the zone is off by half an hour, by the beginning of the UTC hour."""
        local = self.local(hour)
        day = SUNDAY if local.date() in self.holidays else local.weekday()
        return day * 24 + local.hour


def _zeros() -> "array[float]":
    return array("d", bytes(8 * HOURS))


@dataclass(slots=True)
class Profile:
    """Decayed counts: mails in each hour of the week, and how often that hour was seen."""

    mails: "array[float]" = field(default_factory=_zeros)
    seen: "array[float]" = field(default_factory=_zeros)

    def add(self, hour_of_week: int, mails: float) -> None:
        """One hour that is over. Hand in mails without their surges, else they become the rule."""
        self.mails[hour_of_week] = self.mails[hour_of_week] * _KEPT_A_WEEK + mails
        self.seen[hour_of_week] = self.seen[hour_of_week] * _KEPT_A_WEEK + 1.0

    def shape(self) -> tuple[float, ...]:
        """The rate of each hour, 1.0 being the mean of the week. All 1.0 before the first mail.

        Few mails: an hour leans on its neighbours in both directions, the same hour of the other
        working days (or of the weekend), and the other hours of its day.
        """
        return _shape(tuple(self.mails), tuple(self.seen))

    def to_bytes(self) -> bytes:
        return _FORMAT.pack(_VERSION, *self.mails, *self.seen)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Profile":
        """Raises ValueError when these are not the bytes of a profile of this version."""
        if len(data) != _FORMAT.size or data[0] != _VERSION:
            raise ValueError("no profile of version 1")
        numbers = _FORMAT.unpack(data)[1:]
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise ValueError("a profile with impossible numbers")
        return cls(array("d", numbers[:HOURS]), array("d", numbers[HOURS:]))


@lru_cache(maxsize=4)  # asked for by every series of an evaluation, and the same for all
def _shape(mails: tuple[float, ...], seen: tuple[float, ...]) -> tuple[float, ...]:
    total, hours = sum(mails), sum(seen)
    if not total or not hours:
        return (1.0,) * HOURS
    mean = total / hours
    day = [
        _ratio(
            sum(mails[d * 24 : d * 24 + 24]), mean * sum(seen[d * 24 : d * 24 + 24]), _SHRINK_EDGES
        )
        for d in range(7)
    ]
    clock: dict[tuple[bool, int], float] = {}
    for weekend in (False, True):
        days = [d for d in range(7) if (d >= 5) == weekend]
        for h in range(24):
            bins = [d * 24 + h for d in days]
            expected = sum(seen[b] * mean * day[b // 24] for b in bins)
            clock[weekend, h] = _ratio(sum(mails[b] for b in bins), expected, _SHRINK_EDGES)
    rates = []
    for b in range(HOURS):
        guess = day[b // 24] * clock[b >= 120, b % 24]
        rate = (mails[b] + _SHRINK * guess) / (seen[b] * mean + _SHRINK)
        rates.append(max(rate, _LEAST))
    scale = HOURS / sum(rates)
    return tuple(rate * scale for rate in rates)


def _ratio(found: float, expected: float, shrink: float) -> float:
    return (found + shrink) / (expected + shrink)
