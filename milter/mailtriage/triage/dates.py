"""Dates, times of day and spans of time in a mail, relative to when it was sent.

Each is read from the few words beside the one it was found by (a month, a weekday, "tomorrow",
"hours", a number with dots), so that the time taken grows with the length of the mail and with
nothing else. No more than `MAX_DATES` are read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Final, NamedTuple

from mailtriage.policies.text import MailText
from mailtriage.triage.date_words import DAYS, Anchor, Found, Words

MAX_DATES: Final = 40
"""Dates of a mail that are read."""

MAX_NUMBERS: Final = 200
"""Numbers of a mail that are looked at."""

FAR: Final = timedelta(days=335)
"""A date without a year is the next one within eleven months, else the last one."""

_WINDOW: Final = 48
"""Characters beside a date that are looked at."""

_DAY: Final = timedelta(days=1)
_FRIDAY: Final = 4
_NOON: Final = 12

# Digits with what stands between them in a date or a time of day; a date is made of at most ten
# characters. Of a row of digits that is longer (an IBAN), the rest is passed over below.
_DIGITS: Final = re.compile(r"[0-9][0-9./:-]{0,12}")
_ISO: Final = re.compile(r"([12]\d{3})-(\d{1,2})-(\d{1,2})")
_DAY_MONTH: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})(?:\2(\d{4}|\d{2})?)?")
_CLOCK: Final = re.compile(r"(\d{1,2})[.:](\d{2})")
_HOUR: Final = re.compile(rb"(\d{1,2})(?:(am|pm)|(h|u|uhr)(\d{2})?)?")
_ORDINAL: Final = re.compile(rb"(\d{1,2})(?:st|nd|rd|th|er|e|a|o)?")
_YEAR: Final = re.compile(rb"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class Date:
    """A point in time that a mail names. Offsets are in the folded text."""

    start: int
    end: int
    hours: float | None
    """From when the mail was sent until then; None when it is past, or not known."""
    days_ago: float | None
    """How long before the mail it was, when it is taken for the past; None when it cannot be."""
    vague: bool = False
    """Mere digits, which may be no date at all."""
    clock: bool = False
    """A time of day without a day."""


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: "three weeks", "48 hours"."""

    start: int
    end: int
    hours: float


class _Time(NamedTuple):
    hour: int
    minute: int
    used: int
    """Words that it takes."""


def sent_at(value: str) -> datetime | None:
    """When a mail was sent, on the writer's own clock; None when its Date field does not say.

    RFC 5322 section 3.3. Years that no mail is from are taken for a broken clock.
    """
    if not value:
        return None
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return parsed.replace(tzinfo=None) if 1995 <= parsed.year <= 2099 else None


def writes_month_first(value: str, language: str) -> bool:
    """Whether 3/4 is taken for the 4th of March: English from the American time zones."""
    return language == "en" and bool(re.search(r" -0[4-9]\d\d\b", value))


class Reader:
    """Reads the dates of one mail."""

    def __init__(
        self, text: MailText, words: Words, sent: datetime | None, *, month_first: bool = False
    ) -> None:
        self.text: Final = text
        self.words: Final = words
        self.sent: Final = sent
        self._month_first: Final = month_first

    def before(self, offset: int) -> list[bytes]:
        """The words before a place, the nearest last."""
        start = max(0, offset - _WINDOW)
        found = self.text.folded[start:offset].split()
        return found[1:] if start and len(found) > 1 else found

    def after(self, offset: int) -> list[bytes]:
        """The words behind a place, the nearest first."""
        return self.text.folded[offset : offset + _WINDOW].split()

    def dates(self, found: list[Found]) -> Iterator[Date]:
        """Every date, in no order; a weekday before a date with a month is left to that one."""
        for place in found:
            match place.anchor:
                case Anchor.MONTH:
                    read = self._of_month(place)
                case Anchor.WEEKDAY:
                    read = self._of_weekday(place)
                case Anchor.DAY:
                    read = self._of_day(place)
                case _:
                    continue
            if read is not None:
                yield read

    def spans(self, found: list[Found]) -> Iterator[Span]:
        """Every length of time that has a number: in digits, or a word up to twelve."""
        for place in found:
            if place.anchor is Anchor.UNIT:
                words = self.before(place.start)
                number = _number(words, self.words)
                if number is not None:
                    amount, used = number
                    start = self.text.folded.rfind(b" " + words[-used] + b" ", 0, place.start) + 1
                    yield Span(start, place.end, amount * place.value)

    def numeric(self) -> Iterator[Date]:
        """Dates and times of day in digits."""
        end = -1
        for match in islice(_DIGITS.finditer(self.text.text), MAX_NUMBERS):
            rest_of_a_longer_one = match.start() == end
            end = match.end()
            if rest_of_a_longer_one:
                continue
            digits = match.group().rstrip("./:-")
            read = (self._of_hour if len(digits) < 3 else self._of_digits)(
                match.start() + 1, digits
            )
            if read is not None:
                yield read

    def _of_digits(self, start: int, digits: str) -> Date | None:
        end = start + len(digits)
        iso = _ISO.fullmatch(digits)
        if iso is not None:
            year, month, day = map(int, iso.groups())
            return self._date(start, end, day, month, year)
        clock = _CLOCK.fullmatch(digits)
        if clock is not None and (":" in digits or int(clock[2]) > 12):
            return self._at(start, end, int(clock[1]), int(clock[2]))
        if clock is not None and ends_with(self.before(start), self.words["at"]):
            return self._at(start, end, int(clock[1]), int(clock[2]))
        written = _DAY_MONTH.fullmatch(digits)
        if written is None:
            return None
        first, second = int(written[1]), int(written[3])
        year = int(written[4] or 0)
        swap = second > 12 if written[2] == "/" and self._month_first else False
        if written[2] == "/" and (self._month_first or second > 12 >= first):
            swap = first <= 12
        day, month = (second, first) if swap else (first, second)
        return self._date(
            start, end, day, month, year + 2000 if 0 < year < 100 else year, vague=True
        )

    def _of_hour(self, start: int, digits: str) -> Date | None:
        """ "5 pm", "17 Uhr", "kl 15": digits that something beside them makes a time of day."""
        words = self.words
        behind = self.after(start)[:3]
        time = _time(behind, words)
        at = ends_with(self.before(start), words["at"])
        if time is None and at and int(digits) <= 24:
            time = _Time(int(digits), 0, 1)
        if time is None:
            return None
        end = start + sum(map(len, behind[: time.used])) + time.used - 1
        return self._at(start, end, time.hour, time.minute)

    def _at(self, start: int, end: int, hour: int, minute: int) -> Date | None:
        """A time of day alone: the next one."""
        if hour > 24 or minute > 59:
            return None
        if self.sent is None:
            return Date(start, end, float(_NOON), None, vague=True, clock=True)
        minutes = hour * 60 + minute - self.sent.hour * 60 - self.sent.minute
        hours = (minutes if minutes > 0 else minutes + 24 * 60) / 60
        return Date(start, end, hours, None, vague=True, clock=True)

    def _of_month(self, place: Found) -> Date | None:
        before, after = self.before(place.start), self.after(place.end)
        start, end = place.start, place.end
        skipped = 1 if len(before) > 1 and before[-1] in self.words["of"] else 0
        day = _ORDINAL.fullmatch(before[-1 - skipped]) if len(before) > skipped else None
        if day is not None:
            start = self.text.folded.rfind(b" " + before[-1 - skipped] + b" ", 0, start) + 1
        else:
            day = _ORDINAL.fullmatch(after[0]) if after else None
            if day is None:
                return None
            end += len(after.pop(0)) + 1
        if after and after[0] in self.words["of"]:
            after.pop(0)
        year = int(after[0]) if after and _YEAR.fullmatch(after[0]) else 0
        return self._date(start, end, int(day[1]), place.value, year)

    def _of_weekday(self, place: Found) -> Date | None:
        if self.sent is None:
            return None
        ahead = (place.value - self.sent.weekday()) % 7
        ago = float((self.sent.weekday() - place.value) % 7 or 7)
        before, after = self.before(place.start), self.after(place.end)
        last = self.words["last"]
        if (before and before[-1] in last) or (after and after[0] in last):
            return Date(place.start, place.end, None, ago)
        day = self.sent.date() + ahead * _DAY
        return Date(place.start, place.end, self._until(day, place.end, place.start), ago)

    def _of_day(self, place: Found) -> Date | None:
        name = DAYS[place.value]
        sent = self.sent
        if sent is None:
            known = {"today": 8.0, "tonight": 12.0, "tomorrow": 24.0, "after-tomorrow": 48.0}
            return Date(place.start, place.end, known[name], None) if name in known else None
        today = sent.date()
        match name:
            case "today" | "tonight":
                day = today
            case "tomorrow":
                day = today + _DAY
            case "after-tomorrow":
                day = today + 2 * _DAY
            case "week-end":
                day = today + (_FRIDAY - today.weekday()) % 7 * _DAY
            case "next-week":
                day = today + (7 - today.weekday()) * _DAY
            case _:
                day = (today.replace(day=28) + 4 * _DAY).replace(day=1) - _DAY
        ago = 0.0 if day == today else None
        return Date(place.start, place.end, self._until(day, place.end, place.start), ago)

    def _date(
        self, start: int, end: int, day: int, month: int, year: int, *, vague: bool = False
    ) -> Date | None:
        if self.sent is None:
            return None
        today = self.sent.date()
        try:
            if year:
                ahead = behind = date(year, month, day)
            else:
                ahead = date(today.year, month, day)
                if ahead < today:
                    ahead = date(today.year + 1, month, day)
                behind = date(today.year - (ahead.year == today.year), month, day)
                behind = behind if ahead > today else today
        except ValueError:
            return None
        hours = None
        if today <= ahead <= today + FAR:
            hours = self._until(ahead, end, start)
        ago = float((today - behind).days) if behind <= today else None
        return Date(start, end, hours, ago, vague=vague)

    def _until(self, day: date, end: int, start: int) -> float | None:
        """Hours until a day, or until the time of day that stands beside it; None when past.

        A day is taken to be 24 hours away for each midnight between, whatever the time: what is
        due tomorrow evening is due within about a day.
        """
        assert self.sent is not None  # noqa: S101  its callers have looked
        days = (day - self.sent.date()).days
        if days:
            return 24.0 * days
        time = _time(_without(self.after(end), self.words["of"]), self.words) or time_before(
            self.before(start), self.words
        )
        now = self.sent.hour + self.sent.minute / 60
        if time is None:
            return max(24 - now, 1.0)
        hours = time.hour + time.minute / 60 - now
        return hours if hours > 0 else None


def ends_with(words: list[bytes], wanted: frozenset[bytes]) -> int:
    """How many words at the end of a list are one of the wanted phrases; 0 when none is."""
    return next((n for n in (4, 3, 2, 1) if n <= len(words) and b" ".join(words[-n:]) in wanted), 0)


def _without(words: list[bytes], passed: frozenset[bytes]) -> list[bytes]:
    first = next((n for n, word in enumerate(words[:4]) if word not in passed), 0)
    return words[first:]


def _time(words: list[bytes], lexicon: Words) -> _Time | None:
    """The time of day that words begin with: "17 30", "5 pm", "12 uhr", "14h30"."""
    match = _HOUR.fullmatch(words[0]) if words else None
    if match is None or int(match[1]) > 24:
        return None
    hour, minute, used = int(match[1]), 0, 1
    sure = match[2] is not None or match[3] is not None
    if match[4]:
        minute = int(match[4])
    elif len(words) > 1 and len(words[1]) == 2 and words[1].isdigit() and int(words[1]) < 60:
        minute, used, sure = int(words[1]), 2, True
    half = match[2] or b""
    rest = words[used : used + 2]
    for name in ("am", "pm", "clock"):
        taken = next(
            (n for n in (2, 1) if n <= len(rest) and b" ".join(rest[:n]) in lexicon[name]), 0
        )
        if taken:
            half, used, sure = name.encode(), used + taken, True
            break
    if half == b"pm" and hour < _NOON:
        hour += 12
    elif half == b"am" and hour == _NOON:
        hour = 0
    return _Time(hour, minute, used) if sure and minute < 60 else None


def time_before(words: list[bytes], lexicon: Words) -> _Time | None:
    """The time of day right before a date: "at 5 pm today"."""
    for first in range(max(0, len(words) - 4), len(words)):
        time = _time(words[first:], lexicon)
        if time is not None and first + time.used == len(words):
            return time
    return None


def _number(words: list[bytes], lexicon: Words) -> tuple[float, int] | None:
    """The number that words end with, and how many of them it takes."""
    if not words:
        return None
    if words[-1].isdigit():
        return (float(words[-1]), 1) if len(words[-1]) < 4 else None
    pair = b" ".join(words[-2:])
    if len(words) > 1 and pair in lexicon.numbers:
        return float(lexicon.numbers[pair]), 2
    number = lexicon.numbers.get(words[-1])
    return (float(number), 1) if number is not None else None
