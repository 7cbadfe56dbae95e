"""Which template an answer was written with, and how far it went from there.

Shingles, three words in a row and never across a placeholder, name the few templates that are worth
a closer look; the longest common subsequence of words then measures it exactly. So words that
an agent took out, put in or moved count one by one, and what a placeholder was replaced with counts
as the agent's own.

Pure and bounded: words, postings and templates of one answer are limited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from mailtriage.knowledge.answers import Template
from mailtriage.knowledge.index_file import Array
from mailtriage.knowledge.text import words

SHINGLE: Final = 3
LEAST_SHINGLES: Final = 5
"""A template with fewer is too short: half of its words stand in many a mail by chance."""
LEAST_KEPT: Final = 0.5
"""Share of a template's words from which an answer is said to be made of it."""
LEAST_SHARED: Final = 0.3
"""Share of its shingles from which it is looked at. What keeps half of the words in passages keeps
more; words strewn over an answer by chance, in their order, keep next to none."""
MOST_WORDS: Final = 1500
"""Of an answer, and of a template."""
_MOST_CHARACTERS: Final = 12 * MOST_WORDS
_CLOSER: Final = 6
"""Templates that are measured exactly."""
_POSTINGS: Final = 60_000
_ODD: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))

_Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Matched:
    """A template, and what became of it in an answer."""

    id: str
    language: str
    version: int
    current: int
    """The highest version that there is."""
    kept: float
    """Share of the template's words that are still there, in their order, 0 to 1."""
    added: float
    """Share of the answer's words that the template does not have, 0 to 1."""


def matching_of(templates: Sequence[Template]) -> tuple[list[dict[str, Any]], dict[str, Array]]:
    """What a Matcher is made of: something for the directory of an index, and arrays for it.

    templates: all versions.
    """
    newest: dict[tuple[str, str], int] = {}
    for one in templates:
        key = (one.language, one.id)
        newest[key] = max(newest.get(key, 0), one.version)
    about: list[dict[str, Any]] = []
    texts: list[_Keys] = []
    shingles: list[_Keys] = []
    for one in templates:
        hashed = [_hashes(words(piece)) for piece in one.pieces]
        texts.append(np.concatenate(hashed)[:MOST_WORDS])
        shingles.append(np.unique(np.concatenate([_shingles(piece) for piece in hashed])))
        about.append(
            {
                "id": one.id,
                "language": one.language,
                "version": one.version,
                "current": newest[one.language, one.id],
            }
        )
    counts = [found.size for found in shingles]
    every = np.concatenate(shingles) if shingles else np.empty(0, np.uint64)
    docs = np.repeat(np.arange(len(shingles)), counts)
    order = every.argsort(kind="stable")
    keys, starts = np.unique(every[order], return_index=True)
    arrays: dict[str, Array] = {
        "match.words": np.concatenate(texts) if texts else np.empty(0, np.uint64),
        "match.ends": np.cumsum([found.size for found in texts]).astype(np.int64),
        "match.keys": keys,
        "match.ptr": np.append(starts, every.size).astype(np.int64),
        "match.docs": docs[order].astype(np.int32),
        "match.shingles": np.array(counts, np.int32),
    }
    return about, arrays


def is_recognisable(template: Template) -> bool:
    """Whether it is long enough to be told in an answer."""
    found = [_shingles(_hashes(words(piece))) for piece in template.pieces]
    return np.unique(np.concatenate(found)).size >= LEAST_SHINGLES


class Matcher:
    """Knows every version of every template. Immutable; safe in several threads and after forks."""

    def __init__(self, about: Sequence[dict[str, Any]], arrays: Any) -> None:
        """From what `matching_of` gave. Raises what wrong arrays raise: ValueError and others."""
        self._about: Final = tuple(
            Matched(
                str(one["id"]),
                str(one["language"]),
                int(one["version"]),
                int(one["current"]),
                0.0,
                0.0,
            )
            for one in about
        )
        self._words: Final = arrays["match.words"]
        self._ends: Final = arrays["match.ends"]
        self._keys: Final = arrays["match.keys"]
        self._ptr: Final = arrays["match.ptr"]
        self._docs: Final = arrays["match.docs"]
        self._shingles: Final = arrays["match.shingles"]
        number = len(self._about)
        if not self._ends.size == self._shingles.size == number:
            raise ValueError("the templates do not agree")
        if number and (int(self._ends[-1]) != self._words.size or int(self._ends.min()) < 0):
            raise ValueError("the words of templates overlap")
        if self._ptr.size != self._keys.size + 1 or int(self._ptr[-1]) != self._docs.size:
            raise ValueError("the shingles do not agree")
        if bool(np.any(self._ptr[1:] < self._ptr[:-1])) or int(self._ptr[0]) != 0:
            raise ValueError("the shingles overlap")
        if self._docs.size and not 0 <= int(self._docs.min()) <= int(self._docs.max()) < number:
            raise ValueError("a shingle names no template")

    def match(self, text: str) -> Matched | None:
        """The template that an answer is made of; None when it keeps less than half of any."""
        hashed = _hashes(words(text[:_MOST_CHARACTERS])[:MOST_WORDS])
        best: Matched | None = None
        best_score = 0
        for number in self._near(hashed):
            known = self._of(number)
            common = common_words(known, hashed.tolist())
            # Of two that are kept alike the longer one says more; what it lacks speaks against it.
            score = 2 * common - len(known)
            if common < LEAST_KEPT * len(known) or (best is not None and score < best_score):
                continue
            about = self._about[number]
            if best is not None and score == best_score and about.version < best.version:
                continue
            best_score = score
            best = Matched(
                about.id,
                about.language,
                about.version,
                about.current,
                kept=common / len(known),
                added=1 - common / hashed.size,
            )
        return best

    def _near(self, hashed: _Keys) -> list[int]:
        """The templates that share most shingles with these words, by their share, best first."""
        asked = np.unique(_shingles(hashed))
        if not asked.size or not self._keys.size:
            return []
        places = self._keys.searchsorted(asked)
        places = places[self._keys.take(places, mode="clip") == asked]
        starts = self._ptr[places]
        lengths = self._ptr[places + 1] - starts
        if int(lengths.sum()) > _POSTINGS:
            # What stands in most templates tells none of them.
            order = lengths.argsort(kind="stable")
            kept = order[: int(lengths[order].cumsum().searchsorted(_POSTINGS, "right"))]
            starts, lengths = starts[kept], lengths[kept]
        ends = lengths.cumsum()
        at = (starts - (ends - lengths)).repeat(lengths) + np.arange(int(lengths.sum()))
        hits = np.bincount(self._docs[at], minlength=len(self._about))
        shares = hits / np.maximum(self._shingles, 1)
        shares[(self._shingles < LEAST_SHINGLES) | (shares < LEAST_SHARED)] = 0.0
        order = np.argsort(-shares, kind="stable")[:_CLOSER]
        return [int(number) for number in order if shares[number] > 0]

    def _of(self, number: int) -> list[int]:
        begin = int(self._ends[number - 1]) if number else 0
        found: list[int] = self._words[begin : int(self._ends[number])].tolist()
        return found


def common_words(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the longest common subsequence.

    A bit for each word of `first`, a few operations on all bits at once for each word of `second`
    (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004): 1,500 words each way take some
    0.5 ms.
    """
    places: dict[int, int] = {}
    for number, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << number
    whole = (1 << len(first)) - 1
    left = whole
    for word in second:
        found = left & places.get(word, 0)
        if found:
            left = ((left + found) | (left - found)) & whole
    return len(first) - left.bit_count()


def _hashes(found: Sequence[str]) -> _Keys:
    return np.array([crc32(word.encode("utf-8", "replace")) for word in found], np.uint64)


def _shingles(hashed: _Keys) -> _Keys:
    """A key for each three words in a row."""
    if hashed.size < SHINGLE:
        return np.empty(0, np.uint64)
    keys: _Keys = (hashed[:-2] * _ODD[0] + hashed[1:-1]) * _ODD[1] + hashed[2:]
    return keys
