"""Danger that is not: "what if", "last year", a fire drill, "no smell of gas".

A floor of the priority stands on a phrase. Where every phrase of it is in a sentence that says
otherwise, it stands on nothing. Looked at only for mails that hit such a signal, which are few.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from mailtriage.policies.matcher import Hit, Matcher
from mailtriage.policies.model import Signal
from mailtriage.policies.phrases import Phrase, PhraseIndex, Role
from mailtriage.policies.text import MailText
from mailtriage.triage.date_words import Unreal, shipped_words

_Stretch = tuple[int, int]

URGENT: Final = 80
"""Floors from here on are of danger and fraud; those below, of money and threats, stand."""

_REACH: Final = 120
"""Characters between a phrase and the word that takes it back."""
_LONGEST_CUE: Final = 40
_NOT_REACH: Final = 24
_IF_REACH: Final = 60
_CLAUSE_END: Final = re.compile(r"[,;:.!?…¶–—()]")
_SENTENCE_END: Final = re.compile(r"(?<![0-9])[.!?…] |¶")


def unfounded(
    text: MailText, language: str, matcher: Matcher, hits: Iterable[Hit]
) -> frozenset[str]:
    """The ids of signals with a floor of which no phrase is meant to be so now.

    `hits` are those of the facet priority. Only signals of words are looked at.
    """
    ids = {hit.signal.id for hit in hits if hit.signal.floor >= URGENT and hit.signal.words}
    words = shipped_words().get(language) if ids else None
    if words is None:
        return frozenset()
    cues = words.unreal(text.folded)
    if not cues:
        return frozenset()
    index, signals = _compiled(matcher)
    places: dict[str, list[_Stretch]] = {}
    for number, _, _, start, end in index.find(text.folded, language):
        if signals[number].id in ids:
            places.setdefault(signals[number].id, []).append((start, end))
    starts = [cue[0] for cue in cues]

    def taken_back(place: _Stretch) -> bool:
        low = bisect_left(starts, place[0] - _LONGEST_CUE - _REACH)
        high = bisect_left(starts, place[1] + _REACH)
        return any(_takes_back(text, place, cue, words["since"]) for cue in cues[low:high])

    return frozenset(name for name, found in places.items() if all(map(taken_back, found)))


@lru_cache(maxsize=2)
def _compiled(matcher: Matcher) -> tuple[PhraseIndex, tuple[Signal, ...]]:
    """The phrases that floors stand on. Two are kept: the policies in use, and new ones."""
    signals = matcher.policies.facets["priority"].signals
    floors = tuple(signal for signal in signals if signal.floor >= URGENT and signal.words)
    return PhraseIndex(_phrases(floors)), floors


def _phrases(signals: Iterable[Signal]) -> Iterable[Phrase]:
    for number, signal in enumerate(signals):
        for language, phrases in signal.words.items():
            for phrase in phrases:
                yield Phrase(number, language, Role.WORDS, phrase)


def _takes_back(
    text: MailText, place: _Stretch, cue: tuple[int, int, Unreal], since: frozenset[bytes]
) -> bool:
    start, end = place
    first, last, why = cue
    if why in (Unreal.NOT, Unreal.IF):
        reach = _NOT_REACH if why is Unreal.NOT else _IF_REACH
        return 0 <= start + 1 - last <= reach and not _CLAUSE_END.search(text.text, last - 1, start)
    if why is Unreal.THEN:
        before = text.folded[max(0, first - 20) : first].split()
        if before and before[-1] in since:
            return False  # "since last year": it goes on
    low, high = (last, start) if last <= start + 1 else (end, first)
    return high - low <= _REACH and not _SENTENCE_END.search(text.text, max(low - 1, 0), high)
