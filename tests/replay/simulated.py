"""Simulated time, and the working hours of the helpdesk that is played.

The hours are written down here once more, by hand: what is promised is checked against them, and
not against the code that promised it.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

ZONE: Final = ZoneInfo("Europe/Berlin")
FIRST: Final = date(2026, 11, 30)
"""A Monday."""

OPENS, CLOSES = time(9), time(17)
CLOSED: Final = frozenset(
    {
        date(2026, 12, 24),  # taken off by everybody here: `closed` in the configuration
        date(2026, 12, 25),
        date(2026, 12, 26),
        date(2026, 12, 31),  # as the 24th
        date(2027, 1, 1),
    }
)
"""Besides Saturdays and Sundays. The 6th of January is a holiday in some parts of Germany only."""

HOUR, DAY = 3600.0, 86_400.0


class SimulatedClock:
    """Stands still until it is set."""

    def __init__(self, at: float) -> None:
        self._at = at

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._at

    def set(self, at: float) -> None:
        """Time passes; never backwards."""
        assert at >= self._at, f"{at} is before {self._at}"
        self._at = at


def local(at: float) -> datetime:
    """The wall clock of the helpdesk."""
    return datetime.fromtimestamp(at, UTC).astimezone(ZONE)


def moment(day: date, hour: float = 0.0) -> float:
    """Seconds since the epoch; `hour` by the wall clock."""
    midnight = datetime.combine(day, time(), ZONE)
    return (midnight + timedelta(hours=hour)).timestamp()


def is_working_day(day: date) -> bool:
    """Whether anybody works."""
    return day.weekday() < 5 and day not in CLOSED


def is_open(at: float) -> bool:
    """Whether people work at that moment; the one of closing counts."""
    when = local(at)
    return is_working_day(when.date()) and OPENS <= when.time() <= CLOSES


def next_open(at: float) -> float:
    """That moment, or the next one at which people work."""
    when = local(at)
    if is_working_day(when.date()) and OPENS <= when.time() < CLOSES:
        return at
    day = when.date()
    if not (is_working_day(day) and when.time() < OPENS):
        day += timedelta(1)
        while not is_working_day(day):
            day += timedelta(1)
    return datetime.combine(day, OPENS, ZONE).timestamp()


def after_work(at: float, seconds: float) -> float:
    """The moment at which so much work, begun then, is done."""
    at = next_open(at)
    while True:
        ends = datetime.combine(local(at).date(), CLOSES, ZONE).timestamp()
        if at + seconds <= ends:
            return at + seconds
        seconds -= ends - at
        at = next_open(ends)
