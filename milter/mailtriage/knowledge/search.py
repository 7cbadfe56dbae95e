"""Finding the section that answers a mail.

A mail is not a question: around it stand a greeting, a name, thanks. So each sentence is asked by
itself, a question counts 1.3 times, and the best sentence decides. The answer is kept back unless
`confidence` is high: share of what a perfect section would score, times the root of the lead over
the second. A score alone says nothing across languages and sizes of knowledge bases; this does
(docs/knowledge-base.md).

Pure, and bounded: sentences, words and postings of one mail are limited, most telling first.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mailtriage.knowledge.index_build import GRAM_WEIGHT, unknown_idf
from mailtriage.knowledge.index_file import Array, Contents, read_index
from mailtriage.knowledge.model import (
    Candidate,
    Entry,
    KnowledgeError,
    Passage,
    Suggestion,
)
from mailtriage.knowledge.quote import quoted
from mailtriage.knowledge.text import (
    Keys,
    Sentence,
    base_language,
    content_words,
    gram_keys,
    gram_keys_of,
    sentences,
    stem_keys,
)

QUESTION: Final = 1.3
"""What a sentence that asks counts, against one that tells."""
PERFECT: Final = 2.2
"""What each term of a perfect section is worth, in units of its idf. It is the scale of the
confidence: with it a threshold of 0.30 kept precision at or above 0.96 in three languages."""
_STEM_BIT: Final = np.uint64(1 << 63)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one look-up may cost, and how sure an answer must be."""

    threshold: float = 0.30
    """Confidence from which a section is the answer."""
    maybe: float = 0.20
    """Confidence from which up to two sections may help."""
    characters: int = 4000
    """Of the mail."""
    sentences: int = 16
    """That are looked up; questions first."""
    words: int = 40
    """Of one sentence."""
    postings: int = 60_000
    """Of all terms; the most frequent terms are left out first."""


DEFAULT: Final = Limits()


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The sections of one language."""

    first: int
    """Number of its first section in the whole index."""
    sections: int
    unknown: float
    keys: Array
    ptr: Array
    idf: Array
    docs: Array
    weights: Array


class _Asked(NamedTuple):
    """A sentence to look up, and the words of it that say something."""

    sentence: Sentence
    content: list[str]
    language: str


class _Query(NamedTuple):
    """The terms of all sentences: sentence and key of each, as often as it is said."""

    numbers: npt.NDArray[np.int64]
    keys: Keys


class _Terms(NamedTuple):
    """The terms of a query in one shelf, each sentence's once."""

    numbers: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    """Of the known ones in the shelf."""
    starts: Array
    lengths: Array
    """Where the postings of each begin, and how many there are."""
    counts: npt.NDArray[np.float64]
    unknown: npt.NDArray[np.float64]
    """What the others would have been worth, by sentence."""


class Hit(NamedTuple):
    """A section, and how sure it is."""

    section: int
    """Number in the whole index."""
    score: float
    confidence: float
    sentence: str
    """The one that hit it."""


class KnowledgeIndex:
    """An index, read once; immutable, and safe to use from several threads and after a fork."""

    def __init__(self, file: Path, contents: Contents) -> None:
        """Use `open_index`. Raises what wrong arrays raise: ValueError, LookupError, TypeError."""
        self.file: Final = file
        self.built: Final = str(contents.about["built"])
        self.size: Final = contents.size
        arrays = contents.arrays
        self._offsets: Final = arrays["offsets"]
        self._entries: Final = arrays["entries"]
        self._ids: Final = arrays["ids"]
        self._shelves: Final[dict[str, _Shelf]] = {}
        self.sections: Final = self._offsets.size - 1
        if self.sections < 0 or not _ascends(self._offsets, self._entries.size):
            raise ValueError("the sections overlap")
        for number, about in enumerate(contents.about["shelves"]):
            shelf = _read_shelf(number, about, arrays)
            if not 0 <= shelf.first <= shelf.first + shelf.sections <= self.sections:
                raise ValueError("a shelf reaches beyond the last section")
            self._shelves[str(about["language"])] = shelf

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        """Another process opens the file again: what is in memory is shared by forks alone."""
        return open_index, (self.file,)

    @property
    def languages(self) -> dict[str, int]:
        """How many sections each language has."""
        return {code: shelf.sections for code, shelf in self._shelves.items()}

    def find(
        self, text: str, language: str, *, subject: str = "", limits: Limits = DEFAULT
    ) -> Suggestion | None:
        """The section that answers a mail, or those that may; None when nothing comes near.

        text: what the writer wrote now, without quotes and signature. language: BCP 47; sections of
        no other are looked at. Never raises.
        """
        try:
            hits = self.rank(text, language, subject=subject, limits=limits, most=2)
            if not hits or not hits[0].confidence >= min(limits.maybe, limits.threshold):
                return None
            return self._suggestion(hits, language, limits)
        except Exception:  # noqa: BLE001  whatever is wrong here, no mail waits for it
            return None

    def rank(
        self,
        text: str,
        language: str,
        *,
        subject: str = "",
        limits: Limits = DEFAULT,
        most: int,
        among: npt.NDArray[np.bool_] | None = None,
    ) -> list[Hit]:
        """The `most` sections that fit best, best first; only the first has a confidence. `among`
        says of each section of the index whether it may be found; None: all may."""
        shelf = self._shelves.get(base_language(language))
        if shelf is None or not shelf.keys.size:
            return []
        asked = _to_ask(text, subject, base_language(language), limits)
        if not asked:
            return []
        scores, ideals = _scores(shelf, _query(asked), len(asked), limits)
        if among is not None:
            scores = scores * among[shelf.first : shelf.first + shelf.sections]
        boost = np.array([QUESTION if one.sentence.asks else 1.0 for one in asked])
        return _best(shelf, scores, ideals, boost, asked, most)

    def entry(self, section: int) -> Entry:
        """A section by its number. Raises IndexError and ValueError."""
        begin, end = self._offsets[section], self._offsets[section + 1]
        kept = json.loads(self._entries[begin:end].tobytes().decode("utf-8", "surrogatepass"))
        passages = tuple(Passage(**one) for one in kept.pop("passages"))
        return Entry(passages=passages, **kept)

    def named(self, name: str) -> Entry | None:
        """The section with that id, such as the one that `find` gave when the mail came: the desk
        has no text to ask again. None when there is none any more. Never raises."""
        number = self._numbers.get(name)
        try:
            return None if number is None else self.entry(number)
        except Exception:  # noqa: BLE001  as in find
            return None

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Number of each section by its id; made when one is first asked for."""
        ids = self._ids.tobytes().decode("utf-8", "replace").split("\n")
        return {one: number for number, one in enumerate(ids[: self.sections])}

    def _suggestion(self, hits: Sequence[Hit], language: str, limits: Limits) -> Suggestion:
        best = hits[0]
        found = self.entry(best.section)
        number = _passage(found, best.sentence, base_language(language))
        said = _said(found, found.passages[number], number, best.confidence)
        if best.confidence >= limits.threshold:
            return said
        first = Candidate(found.id, said.url, said.heading)
        maybe = (first, *(self._candidate(hit, language) for hit in hits[1:]))
        return replace(said, id="", maybe=maybe)

    def _candidate(self, hit: Hit, language: str) -> Candidate:
        found = self.entry(hit.section)
        passage = found.passages[_passage(found, hit.sentence, base_language(language))]
        return Candidate(found.id, passage.link, found.heading or found.title)


def open_index(file: Path) -> KnowledgeIndex:
    """Read an index. Raises KnowledgeError, with what to do about it, and nothing else."""
    contents = read_index(file)
    try:
        return KnowledgeIndex(file, contents)
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        again = "build it again with `mailtriage kb build`"
        raise KnowledgeError(f"{file}: damaged ({error}); {again}") from None


def _read_shelf(number: int, about: dict[str, Any], arrays: Any) -> _Shelf:
    named = {name: arrays[f"{number}.{name}"] for name in ("keys", "ptr", "idf", "docs", "weights")}
    count = int(about["sections"])
    shelf = _Shelf(int(about["first"]), count, unknown_idf(count), **named)
    if shelf.ptr.size != shelf.keys.size + 1 or shelf.idf.size != shelf.keys.size:
        raise ValueError("sizes do not agree")
    if shelf.docs.size != shelf.weights.size or not _ascends(shelf.ptr, shelf.docs.size):
        raise ValueError("postings do not agree")
    if shelf.docs.size and not 0 <= int(shelf.docs.min()) <= int(shelf.docs.max()) < count:
        raise ValueError("a posting names no section")
    if shelf.keys.size and not bool(np.all(shelf.keys[1:] > shelf.keys[:-1])):
        raise ValueError("keys are not ascending")
    if not (np.isfinite(shelf.idf).all() and np.isfinite(shelf.weights).all()):
        raise ValueError("a number is not finite")
    return shelf


def _ascends(offsets: Array, end: int) -> bool:
    return bool(
        offsets.size
        and int(offsets[0]) == 0
        and int(offsets[-1]) == end
        and bool(np.all(offsets[1:] >= offsets[:-1]))
    )


def _to_ask(text: str, subject: str, language: str, limits: Limits) -> list[_Asked]:
    """The sentences to look up, the subject before all others, then those that ask; without those
    that say nothing of a matter."""
    found = sentences(subject[: limits.characters], 1) if subject else []
    found += sentences(text[: limits.characters], 8 * limits.sentences)
    if len(found) > limits.sentences:
        found.sort(key=lambda one: not one.asks)  # stable
    asked = []
    for one in found:
        content = content_words(one.text, language)[: limits.words]
        if content:
            asked.append(_Asked(one, content, language))
            if len(asked) == limits.sentences:
                break
    return asked


def _query(asked: Sequence[_Asked]) -> _Query:
    contents = [one.content for one in asked]
    every = [word for content in contents for word in content]
    stems = np.array(stem_keys(every, asked[0].language), np.uint64)
    of_stems = np.arange(len(contents)).repeat([len(content) for content in contents])
    of_grams, grams = gram_keys_of(contents)
    return _Query(np.concatenate((of_stems, of_grams)), np.concatenate((stems, grams)))


def _terms(shelf: _Shelf, query: _Query, asked: int, limits: Limits) -> _Terms:
    """What of a query is known; said twice in a sentence a term counts double, and never more."""
    size = shelf.keys.size
    places = shelf.keys.searchsorted(query.keys)
    known = shelf.keys.take(places, mode="clip") == query.keys
    strange = (~known).nonzero()[0]
    scale = np.where(query.keys[strange] >= _STEM_BIT, 1.0, GRAM_WEIGHT)
    unknown = np.bincount(query.numbers[strange], scale * shelf.unknown, asked)
    # As np.unique() does, which takes three times as long for the few terms of a mail.
    both = (query.numbers * size + places)[known]
    both.sort()
    begins = np.ones(both.size + 1, np.bool_)
    np.not_equal(both[1:], both[:-1], out=begins[1:-1])
    first = begins[:-1].nonzero()[0]
    counts = 2.0 - begins[first + 1]
    numbers, places = np.divmod(both[first], size)
    starts = shelf.ptr[places]
    lengths = shelf.ptr[places + 1] - starts
    if int(lengths.sum()) > limits.postings:
        # The most frequent terms say least, and cost most.
        order = lengths.argsort(kind="stable")
        kept = order[: int(lengths[order].cumsum().searchsorted(limits.postings, "right"))]
        numbers, places, counts = numbers[kept], places[kept], counts[kept]
        starts, lengths = starts[kept], lengths[kept]
    return _Terms(numbers, places, starts, lengths, counts, unknown.astype(np.float64))


def _scores(
    shelf: _Shelf, query: _Query, asked: int, limits: Limits
) -> tuple[Array, npt.NDArray[np.float64]]:
    """What each section scores for each sentence, and what a perfect one would."""
    terms = _terms(shelf, query, asked, limits)
    worth = shelf.idf[terms.places] * terms.counts
    ideals = (np.bincount(terms.numbers, worth, asked) + terms.unknown) * PERFECT
    lengths = terms.lengths
    ends = lengths.cumsum()
    total = int(ends[-1]) if ends.size else 0
    at = (terms.starts - (ends - lengths)).repeat(lengths)
    at += np.arange(total, dtype=at.dtype)
    cells = (terms.numbers * shelf.sections).repeat(lengths)
    cells += shelf.docs[at]
    found = shelf.weights[at]
    if terms.counts.max(initial=1.0) > 1.0:
        found = found * terms.counts.repeat(lengths)
    scores = np.bincount(cells, found, asked * shelf.sections)
    return scores.reshape(asked, shelf.sections), ideals


def _best(
    shelf: _Shelf,
    scores: Array,
    ideals: npt.NDArray[np.float64],
    boost: npt.NDArray[np.float64],
    asked: Sequence[_Asked],
    most: int,
) -> list[Hit]:
    boosted = scores * boost[:, None]
    highest = boosted.max(axis=0)
    left = highest.copy()
    top = []
    for _ in range(min(max(most, 2), highest.size)):
        top.append(int(left.argmax()))  # of equal ones the first
        left[top[-1]] = -np.inf
    hits = []
    for rank, section in enumerate(top[:most]):
        score = float(highest[section])
        if score <= 0:
            break
        number = int(boosted[:, section].argmax())
        sure = 0.0
        if rank == 0:
            second = float(highest[top[1]]) if len(top) > 1 else 0.0
            share = float(scores[number, section]) / max(float(ideals[number]), 1e-9)
            sure = min(1.0, share * math.sqrt(max(score - second, 0.0) / score))
        hits.append(Hit(shelf.first + section, score, sure, asked[number].sentence.text))
    return hits


def _said(found: Entry, passage: Passage, number: int, confidence: float) -> Suggestion:
    return Suggestion(
        id=found.id,
        url=passage.link,
        heading=found.heading or found.title,
        quote=quoted(passage.text),
        language=found.language,
        confidence=confidence,
        passage=number,
    )


def _passage(found: Entry, sentence: str, language: str) -> int:
    """The paragraph that shares most with the sentence; the first where none shares anything."""
    if len(found.passages) == 1:
        return 0
    wanted = set(gram_keys(content_words(sentence, language)).tolist())
    shared = [
        len(wanted.intersection(gram_keys(content_words(one.text, language)).tolist()))
        for one in found.passages
    ]
    return shared.index(max(shared))
