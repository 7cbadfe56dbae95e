"""Texts in more than one language: whose is the writer's own?

The writer's own language is the one that the mail begins in, for the most part: what follows in
another is quoted, pasted or stands below the closing.
"""

import re
from collections.abc import Callable
from typing import Final

from mailtriage.triage.language_evidence import Leader, leader
from mailtriage.triage.language_formulas import closing

MAX_PIECES: Final = 10
_HEAD: Final = 100
_SHORTEST: Final = 14
_LONGEST: Final = 140
_FADE: Final = 0.5
_CLOSING: Final = 60.0
_CLEAR: Final = 6.0
_QUOTED: Final = re.compile(
    r"\"[^\"\n]{15,}\"|“[^“”\n]{15,}”|„[^„“”\n]{15,}[“”]|«[^«»\n]{15,}»|”[^”\n]{15,}”"
)
_MARKS: Final = '"“„«”'
_OWN: Final = 20
_END: Final = re.compile(r"[\n.!?:;]+")


def own_words(text: str) -> str:
    """The text without what stands in quotation marks, where enough is left of it."""
    if not any(mark in text for mark in _MARKS):
        return text
    bare = _QUOTED.sub(" ", text)
    return bare if sum(map(str.isalpha, bare)) >= _OWN else text


def down_to_closing(text: str) -> tuple[str, tuple[str, ...]]:
    """The text as far as the line that closes the letter, and the languages of that line.

    The whole text when nothing stands above such a line, or there is none.
    """
    if "\n" not in text:
        return text, ()
    place = 0
    for line in text.split("\n"):
        if place:
            spoken = closing(line)
            if spoken and sum(map(str.isalpha, text[:place])) >= _SHORTEST:
                return text[: place + len(line)], spoken
        place += len(line) + 1
    return text, ()


def by_pieces(
    text: str,
    whole: Leader,
    closings: tuple[str, ...],
    read: Callable[[str], dict[str, float]],
) -> Leader:
    """The leader of the whole text, or of its pieces where the beginning says something else."""
    head = leader(read(text[:_HEAD]))
    if head.code == whole.code or (head.lead < 1 and whole.lead > _CLEAR):
        return whole
    votes: dict[str, float] = dict.fromkeys(closings, _CLOSING)
    weight = 1.0
    pieces = [p for p in _END.split(text) if len(p) >= _SHORTEST]
    for piece in pieces[:MAX_PIECES]:
        own = leader(read(piece))
        if own.code:
            size = min(len(piece), _LONGEST) * min(1.0, 0.2 + own.lead / 4)
            votes[own.code] = votes.get(own.code, 0.0) + weight * size
            weight *= _FADE
    if not votes:
        return whole
    ordered = sorted(votes.items(), key=lambda item: -item[1])
    (best, high), (second, low) = (*ordered, ("", 0.0))[:2]
    if best == whole.code:
        return whole
    return Leader(best, 8.0 * (high - low) / (high + low), second or whole.code)
