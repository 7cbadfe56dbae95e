"""What a mail says about time: its deadline, how long the writer has waited, how often they wrote.

A date is a deadline when a word ties it to one: "by", "before", "at the latest", "within", or what
is then missed (a hearing, a flight, wages). Opening hours, periods, dates of invoices and of birth
and what is past are none.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from mailtriage.mail.model import Mail
from mailtriage.policies.text import MailText
from mailtriage.triage import waiting
from mailtriage.triage.date_words import KINDS, Anchor, Found, Words, shipped_words
from mailtriage.triage.dates import (
    MAX_DATES,
    Date,
    Reader,
    Span,
    ends_with,
    sent_at,
    time_before,
    writes_month_first,
)

DAY: Final = 24.0
THREE_DAYS: Final = 72.0
WEEK: Final = 24.0 * 7

_NEAR: Final = 80
"""Characters between a date and the word for what is missed."""
_SENTENCE: Final = 160
"""Characters before and behind a date in which the ends of its sentence are looked for."""
_SENTENCE_END: Final = re.compile(r"(?<![0-9])[.!?…] |¶")
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Deadline:
    """The most pressing deadline of a mail."""

    hours: float
    """From when the mail was sent."""
    kind: str
    """What is missed with it, one of `KINDS`; empty when it is any other."""
    start: int
    end: int
    """Where it stands in the folded text."""


@dataclass(frozen=True, slots=True)
class Times:
    """What a mail says about time."""

    deadline: Deadline | None = None
    waited: float = 0.0
    """Days since the writer wrote, ordered or was promised something; 0 when nothing is said."""
    contacts: int = 0
    """How many times they say that they wrote, this one counted; 0 when nothing is said."""
    quoted: str = ""
    """The words of the deadline, for people."""
    asks: bool = True
    """False when nothing in the mail asks, wants or complains."""

    @property
    def says_nothing(self) -> bool:
        """Whether it neither asks nor waits, and nothing in it is due."""
        return not (self.asks or self.deadline or self.waited or self.contacts)


NOTHING: Final = Times()


def read(mail: Mail, text: MailText, language: str) -> Times:
    """Read a mail; a language without words of dates, or that is not known, says nothing."""
    words = shipped_words().get(language)
    if words is None:
        return NOTHING
    value = mail.headers.first("Date")
    return times(text, words, sent_at(value), month_first=writes_month_first(value, language))


def times(
    text: MailText, words: Words, sent: datetime | None, *, month_first: bool = False
) -> Times:
    """What the text says about time, seen from `sent` on the writer's clock.

    Without `sent` only what needs no calendar is understood: "today", "within two hours".
    """
    found = words.find(text.folded)
    reader = Reader(text, words, sent, month_first=month_first)
    dates = list(islice(reader.dates(found), MAX_DATES))
    dates += islice(reader.numeric(), MAX_DATES - len(dates))
    spans = list(islice(reader.spans(found), MAX_DATES))
    contacts = waiting.contacts(reader, found)
    asks = "?" in text.text or any(place.anchor == Anchor.ASKS for place in found)
    if not dates and not spans:
        return Times(contacts=contacts, asks=asks)
    around = _Around(text, found)
    named = [*_of_dates(reader, dates, around), *_of_spans(reader, spans, around)]
    deadline = min(named, key=lambda one: (not one.kind, one.hours), default=None)
    waited = waiting.days(reader, dates, spans, found)
    return Times(deadline, waited, contacts, _quoted(text, deadline) if deadline else "", asks)


class _Around:
    """The words of a sentence that tell what its date is."""

    def __init__(self, text: MailText, found: list[Found]) -> None:
        self._text: Final = text
        self._found: Final = [
            place
            for place in found
            if place.anchor in (Anchor.KIND, Anchor.DUE, Anchor.OPEN, Anchor.PERIOD)
        ]
        self._starts: Final = [place.start for place in self._found]

    def near(self, start: int, end: int) -> list[Found]:
        """Those in the same sentence as a date and near it."""
        if not self._found:
            return []
        line = self._text.text
        first = max(0, start - 1 - _SENTENCE)
        cut = max(
            (match.end() for match in _SENTENCE_END.finditer(line, first, max(first, start - 1))),
            default=first,
        )
        stop = _SENTENCE_END.search(line, end - 1, end + _SENTENCE)
        last = min(stop.start() + 1 if stop else end + _SENTENCE, end + _NEAR)
        low = bisect_left(self._starts, max(cut + 1, start - _NEAR))
        return self._found[low : bisect_left(self._starts, last)]


def _of_dates(reader: Reader, dates: list[Date], around: _Around) -> list[Deadline]:
    named = []
    for one in dates:
        if one.hours is None or (one.clock and _is_of_a_day(one, dates)):
            continue
        tied = _is_tied(reader, one)
        if one.clock and not tied:
            continue
        near = around.near(one.start, one.end)
        kind = _kind(near, one.start)
        due = any(place.anchor is Anchor.DUE for place in near)
        if not tied and not kind and not (due and not one.vague and one.hours <= 2 * DAY):
            continue
        if not kind and (_is_open(near) or _is_period(near, one, dates)):
            continue
        named.append(Deadline(one.hours, kind, one.start, one.end))
    return named


def _of_spans(reader: Reader, spans: list[Span], around: _Around) -> list[Deadline]:
    words = reader.words
    named = []
    for one in spans:
        before, after = reader.before(one.start), reader.after(one.end)
        behind = {b" ".join(after[:n]) for n in (1, 2, 3)}
        tied = ends_with(before, words["within"]) or behind & words["within-after"]
        loose = ends_with(before, words["in"]) or behind & words["in-after"]
        if not tied and not loose:
            continue
        near = around.near(one.start, one.end)
        kind = _kind(near, one.start)
        due = any(place.anchor is Anchor.DUE for place in near)
        if kind or (tied and not _is_open(near)) or (loose and due):
            named.append(Deadline(one.hours, kind, one.start, one.end))
    return named


def _is_of_a_day(clock: Date, dates: list[Date]) -> bool:
    """Whether a time of day stands beside another day than this one, to which it belongs."""
    return any(
        not one.clock
        and (one.hours is None or one.hours >= DAY)
        and (0 <= clock.start - one.end < 14 or 0 <= one.start - clock.end < 14)
        for one in dates
    )


def _is_tied(reader: Reader, one: Date) -> bool:
    """Whether "by", "before", "at the latest" stand beside a date, its time of day passed over."""
    words = reader.words
    before, after = reader.before(one.start), reader.after(one.end)
    for _ in range(4):
        if ends_with(before, words["by"]):
            return True
        time = time_before(before, words)
        if time is not None:
            del before[-time.used :]
        elif len(before) > 1 and before[-1].isdigit() and before[-2] in words["at"]:
            del before[-2:]
        elif before and (
            before[-1] in words["of"] or before[-1] in words["at"] or before[-1] in words.weekdays
        ):
            before.pop()
        else:
            break
    passed = (words["of"], words["at"], words["clock"], words["am"], words["pm"])
    for _ in range(4):
        if any(b" ".join(after[:n]) in words["by-after"] for n in (4, 3, 2, 1)):
            return True
        if not after or not (after[0].isdigit() or any(after[0] in each for each in passed)):
            return False
        after.pop(0)
    return False


def _kind(near: list[Found], start: int) -> str:
    """What is missed: the nearest word for it."""
    kinds = [place for place in near if place.anchor is Anchor.KIND]
    nearest = min(kinds, key=lambda place: abs(place.start - start), default=None)
    return KINDS[nearest.value] if nearest else ""


def _is_open(near: list[Found]) -> bool:
    return any(place.anchor is Anchor.OPEN for place in near)


def _is_period(near: list[Found], one: Date, dates: list[Date]) -> bool:
    """Whether it ends a stretch that begins with another: "from Monday until Friday"."""
    begins = [place.end for place in near if place.anchor is Anchor.PERIOD]
    return any(
        0 < other.start - begin < 6 and other.end <= one.start
        for begin in begins
        for other in dates
    )


def _quoted(text: MailText, deadline: Deadline) -> str:
    """The date as the writer typed it, with the word before it."""
    start = max(text.folded.rfind(b" ", 0, max(deadline.start - 1, 0)), 0)
    return text.text[start : deadline.end - 1][:_SHOWN]
