"""How long a mail may take, from what waits before it and how fast answers go out.

    e = 20 min + (open mails ahead + 1) / (first answers per working second, last two working days)

On its own this guess is crude: what matters is that it grows within hours when half of a team is
ill, or twice the mail comes in. insight/replies.py learns how wrong it usually is.
"""

import math
import struct
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, Self

from mailtriage.acks.calendar import open_spans
from mailtriage.config.acks import Calendar
from mailtriage.triage.model import Priority

LONGEST: Final = 366 * 86_400.0
"""Seconds by the wall clock that `WorkingTime` looks back, at most."""

HANDLING: Final = 20 * 60.0
"""What even the first in line waits, in seconds of working time."""

WINDOW_DAYS: Final = 2
"""Working days over which answers are counted."""

LEAST_REPLIES: Final = 3
"""So many are reckoned with, at least: after two days of silence a team is not at a standstill."""

PRIORITIES: Final = tuple(str(each) for each in Priority)
"""The most urgent first; each waits for those before it and its like."""

_HOUR: Final = 3600.0
_CHUNK: Final = 32 * 86_400
_MOST_CHUNKS: Final = 64
_MOST_HOURS: Final = 24 * 14
_MOST: Final = 2**31
_AHEAD: Final = 24  # hours; answers do not quite come in order
_HEAD: Final = struct.Struct(f"<Bd{len(PRIORITIES)}dH")
_SLOT: Final = struct.Struct("<qd")
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The opening hours of some weeks, in seconds since the epoch."""

    opens: tuple[float, ...]
    closes: tuple[float, ...]
    before: tuple[float, ...]
    """Working seconds of the chunk before each opening."""

    def worked(self, until: float) -> float:
        """Working seconds from the beginning of the chunk on."""
        number = bisect_right(self.opens, until) - 1
        if number < 0:
            return 0.0
        return self.before[number] + min(until, self.closes[number]) - self.opens[number]

    def moment(self, worked: float) -> float:
        """The latest moment at which so much had been worked; the chunk has an opening."""
        number = max(0, bisect_right(self.before, worked) - 1)
        return self.opens[number] + worked - self.before[number]


class WorkingTime:
    """How long a team has worked between two moments: one object a calendar, which it remembers.

    Moments are seconds since the epoch. Days of 23 and 25 hours, public holidays and dated
    exceptions are those of acks/calendar.py. Not for several threads.
    """

    def __init__(self, calendar: Calendar) -> None:
        self.calendar: Final = calendar
        self.day: Final = _usual_day(calendar)
        """Seconds of an average working day."""
        self._chunks: Final[dict[int, _Chunk]] = {}

    def between(self, start: float, end: float) -> float:
        """Working seconds from `start` to `end`; 0 when `end` is not later. What lies more than a
        year before `end` is left out."""
        start = max(start, end - LONGEST)
        if not start < end:
            return 0.0
        first, last = int(start // _CHUNK), int(end // _CHUNK)
        if first == last:
            chunk = self._chunk(first)
            return chunk.worked(end) - chunk.worked(start)
        whole = sum(self._chunk(each).worked(math.inf) for each in range(first, last))
        return whole - self._chunk(first).worked(start) + self._chunk(last).worked(end)

    def back(self, end: float, seconds: float) -> float:
        """The latest moment from which the team worked for so many seconds until `end`, at most a
        year before it."""
        left = seconds
        until = end
        last = int(end // _CHUNK)
        for number in range(last, last - int(LONGEST // _CHUNK) - 1, -1):
            chunk = self._chunk(number)
            worked = chunk.worked(until)
            if 0.0 < left <= worked:
                return chunk.moment(worked - left)
            left -= worked
            until = math.inf
        return end - LONGEST if left > 0.0 else end

    def _chunk(self, number: int) -> _Chunk:
        found = self._chunks.get(number)
        if found is None:
            if len(self._chunks) >= _MOST_CHUNKS:
                self._chunks.clear()
            found = self._chunks[number] = _opening_hours(self.calendar, number)
        return found


def _opening_hours(calendar: Calendar, number: int) -> _Chunk:
    begins, ends = float(number * _CHUNK), float((number + 1) * _CHUNK)
    opens, closes, before = [], [], []
    worked = 0.0
    for span in open_spans(calendar, datetime.fromtimestamp(begins, UTC)):
        opening, closing = (max(begins, min(each.timestamp(), ends)) for each in span)
        if span[0].timestamp() >= ends:
            break
        if opening < closing:
            opens.append(opening)
            closes.append(closing)
            before.append(worked)
            worked += closing - opening
    return _Chunk(tuple(opens), tuple(closes), tuple(before))


def _usual_day(calendar: Calendar) -> float:
    days = [sum(60.0 * (last - first) for first, last in day) for day in calendar.week if day]
    return sum(days) / len(days) if days else 8 * _HOUR


@dataclass(frozen=True, slots=True)
class Line:
    """The mails of one skill that wait, and the answers of the last days. Of bounded size.

    Two of them, of different mail servers, are added up.
    """

    began: float = 0.0
    """When the first mail or answer was seen, or the counts were cut off; 0: never."""
    waiting: tuple[float, ...] = (0.0,) * len(PRIORITIES)
    """Open mails, by PRIORITIES. A mail that may need no answer counts as a part of one."""
    replies: tuple[tuple[int, float], ...] = ()
    """(hour since the epoch, first answers of a human in it), in order."""

    def __add__(self, other: Self) -> Self:
        """Both together."""
        hours = dict(self.replies)
        for hour, count in other.replies:
            hours[hour] = hours.get(hour, 0.0) + count
        known = [each for each in (self.began, other.began) if each]
        return replace(
            self,
            began=min(known, default=0.0),
            waiting=tuple(map(sum, zip(self.waiting, other.waiting, strict=True))),
            replies=tuple(sorted(hours.items())),
        )

    def ahead(self, priority: str) -> float:
        """Open mails that are as urgent or more urgent."""
        return sum(self.waiting[: _rank(priority) + 1])

    def to_bytes(self) -> bytes:
        """For keeping; `from_bytes` reads it."""
        head = _HEAD.pack(_VERSION, self.began, *self.waiting, len(self.replies))
        return head + b"".join(_SLOT.pack(*slot) for slot in self.replies)

    @classmethod
    def from_bytes(cls, kept: bytes) -> Self:
        """Raises ValueError for anything that `to_bytes` does not write."""
        if not kept or kept[0] != _VERSION:
            raise ValueError("not a line of mails, or one of another version")
        try:
            _, began, *waiting, count = _HEAD.unpack_from(kept)
            replies = tuple(
                (int(hour), float(answers))
                for hour, answers in _SLOT.iter_unpack(kept[_HEAD.size :])
            )
        except struct.error:
            raise ValueError("not a line of mails: cut off") from None
        if len(replies) != count:
            raise ValueError("not a line of mails: answers of other hours than it says")
        numbers = [began, *waiting, *(answers for _, answers in replies)]
        if not all(0.0 <= each < math.inf for each in numbers):
            raise ValueError("not a line of mails: a count that is none")
        hours = [hour for hour, _ in replies]
        if not all(0 <= hour < _MOST for hour in hours) or any(b <= a for a, b in pairwise(hours)):
            raise ValueError("not a line of mails: hours out of order")
        return cls(began, tuple(waiting), replies)


def _rank(priority: str) -> int:
    """Place in PRIORITIES; what is none of them waits with the normal ones."""
    known = priority if priority in PRIORITIES else str(Priority.NORMAL)
    return PRIORITIES.index(known)


def with_waiting(line: Line, priority: str, mails: float, at: float) -> Line:
    """So many open mails more, or less when negative; never fewer than none. `at`: now."""
    rank = _rank(priority)
    waiting = tuple(
        max(0.0, count + mails) if number == rank else count
        for number, count in enumerate(line.waiting)
    )
    return replace(line, began=line.began or at, waiting=waiting)


def with_all_waiting(line: Line, mails: Iterable[tuple[str, float]]) -> Line:
    """The open mails, by priority, as they were just counted; what is left out has none."""
    waiting = [0.0] * len(PRIORITIES)
    for priority, count in mails:
        waiting[_rank(priority)] += count
    return replace(line, waiting=tuple(waiting))


def with_reply(line: Line, at: float, work: WorkingTime) -> Line:
    """One more first answer of a human, at `at`; hours that count no more are forgotten, and those
    that are still to come by more than a day: the clock was wrong."""
    hours = dict(line.replies)
    hour = int(at // _HOUR)
    hours[hour] = hours.get(hour, 0.0) + 1.0
    since = _window(at, work)
    kept = sorted(each for each in hours if since <= each <= hour + _AHEAD)
    began = line.began or at
    if len(kept) > _MOST_HOURS:
        kept = kept[-_MOST_HOURS:]
        began = max(began, kept[0] * _HOUR)
    return replace(line, began=began, replies=tuple((each, hours[each]) for each in kept))


def rate(line: Line, now: float, work: WorkingTime) -> float:
    """First answers per second of working time, over the last two working days, and what of a
    further hour is needed to begin with a full one. Never 0."""
    first = _window(now, work)
    last = int(now // _HOUR)
    replies = sum(count for hour, count in line.replies if first <= hour <= last)
    began = line.began or now
    worked = work.between(max(first * _HOUR, began if began <= now else 0.0), now)
    return max(replies, LEAST_REPLIES) / max(worked, _HOUR)


def estimate(line: Line, priority: str, now: float, work: WorkingTime) -> float:
    """Working seconds that a mail of that priority takes which comes in now; at least HANDLING."""
    return HANDLING + (line.ahead(priority) + 1.0) / rate(line, now, work)


def _window(now: float, work: WorkingTime) -> int:
    """The first hour since the epoch that counts."""
    return int(work.back(now // _HOUR * _HOUR, WINDOW_DAYS * work.day) // _HOUR)
