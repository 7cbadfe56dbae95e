"""How long a writer says that they have waited, and how many times that they wrote."""

from bisect import bisect_left
from typing import Final

from mailtriage.triage.date_words import Anchor, Found
from mailtriage.triage.dates import Date, Reader, Span, ends_with

LONGEST: Final = 3 * 365.0
"""Days; what is longer ago is no wait but history ("a customer since 1998")."""

MOST_CONTACTS: Final = 9

_NEAR: Final = 70
"""Characters between a time and a word such as "waiting" or "wrote"."""


def days(reader: Reader, dates: list[Date], spans: list[Span], found: list[Found]) -> float:
    """The longest wait that is told, in days; 0 when none is.

    "since 3 November", "for three weeks", "six days ago" count only beside a word of waiting or of
    having written, called or been promised.
    """
    places = [place.start for place in found if place.anchor is Anchor.WAITING]
    if not places:
        return 0.0
    waits = [
        one.hours / 24
        for one in spans
        if _is_near(places, one.start, one.end) and _is_behind(reader, one)
    ]
    waits += [
        one.days_ago
        for one in dates
        if one.days_ago is not None
        and _is_near(places, one.start, one.end)
        and _is_since(reader, one)
    ]
    return max((wait for wait in waits if wait <= LONGEST), default=0.0)


def _is_near(places: list[int], start: int, end: int) -> bool:
    at = bisect_left(places, start - _NEAR)
    return at < len(places) and places[at] < end + _NEAR


def _is_behind(reader: Reader, one: Span) -> bool:
    """Whether a length of time lies behind the writer: "for two weeks", "two weeks ago"."""
    words = reader.words
    before, after = reader.before(one.start), reader.after(one.end)
    return (
        bool(ends_with(before, words["for"]))
        or bool(ends_with(before, words["ago-before"]))
        or any(b" ".join(after[:n]) in words["ago"] for n in (1, 2))
    )


def _is_since(reader: Reader, one: Date) -> bool:
    words = reader.words
    before, after = reader.before(one.start), reader.after(one.end)
    while before and (before[-1] in words["of"] or before[-1] in words.weekdays):
        if ends_with(before, words["since"]):
            return True
        before.pop()
    if ends_with(before, words["since"]) or (after and after[0] in words["since-after"]):
        return True
    # "I wrote on 3 November": a date that can only be past.
    return one.hours is None and not one.vague


def contacts(reader: Reader, found: list[Found]) -> int:
    """How many times the writer says that they wrote: "third mail", "twice", "3rd reminder".

    0 when they say nothing of it.
    """
    words = reader.words
    most = 0
    places = [place.start for place in found if place.anchor is Anchor.WAITING]
    for place in found:
        if place.anchor is Anchor.TIMES:
            if _is_near(places, place.start, place.end):
                most = max(most, place.value + 1)  # and this one
        elif place.anchor is Anchor.CONTACT:
            before = reader.before(place.start)[-3:]
            for number in range(len(before)):
                ordinal = words.ordinals.get(before[number])
                if ordinal is not None and not before[number].isdigit():
                    most = max(most, ordinal)
            if before and before[-1].isdigit() and len(before[-1]) == 1:
                most = max(most, int(before[-1]))
            elif before and place.end - place.start > 0:
                most = max(most, _counted(before, words.numbers))
    return min(most, MOST_CONTACTS) if most > 1 else 0


def _counted(before: list[bytes], numbers: dict[bytes, int]) -> int:
    """The number right before: "three mails". One is none: "a mail" says nothing."""
    number = numbers.get(before[-1], 0)
    return number if number > 1 else 0
