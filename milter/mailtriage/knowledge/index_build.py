"""Sections to index: BM25 weights of every term in every section, one shelf a language.

A shelf is a sparse matrix by term (CSR): keys in order, where the postings of each begin, the
sections that have it and what it is worth there. Words of the heading, and of the aliases under
which people ask for a section, count more than those of its text.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mailtriage.knowledge.fragments import entry
from mailtriage.knowledge.index_file import Array, write_index
from mailtriage.knowledge.model import Document, Entry, Section
from mailtriage.knowledge.text import content_words, gram_keys, stem_keys

GRAM_WEIGHT: Final = 0.3
"""What a 4-gram is worth beside a stem; 0.3 to 0.6 measured nearly alike."""
HEADING_WEIGHT: Final = 2.0
_K1: Final = 0.9
_B: Final = 0.6
"""Of BM25. A word said twice, and a long paragraph, count a little less than with the usual 1.2 and
0.75: measured on questions to paragraphs in four languages (docs/knowledge-base.md)."""
_SATURATED: Final = _K1 + 1
"""What a term is worth at most, in units of its idf."""


@dataclass(frozen=True, slots=True)
class Built:
    """What was made."""

    sections: int
    languages: Mapping[str, int]
    """Sections of each."""
    size: int
    """Bytes of the file."""
    without_link: int
    """Sections whose page has no address."""


@dataclass(frozen=True, slots=True)
class _Field:
    text: str
    weight: float


def build_index(
    documents: Sequence[Document],
    path: Path,
    *,
    heading_weight: float = HEADING_WEIGHT,
    more_about: Mapping[str, Any] | None = None,
    more: Mapping[str, Array] | None = None,
) -> Built:
    """Make the index of documents whose sections have ids and languages. Raises OSError.

    `more_about`, `more`: what else shall stand in the file, by names that are not used here.
    """
    found = [(section, document) for document in documents for section in document.sections]
    found.sort(key=lambda pair: pair[0].language)  # stable: within a language as they came
    entries = [entry(section, document) for section, document in found]
    arrays: dict[str, Array] = {}
    shelves: list[dict[str, Any]] = []
    first = 0
    languages: dict[str, int] = {}
    for section, _ in found:
        languages[section.language] = languages.get(section.language, 0) + 1
    for number, (language, count) in enumerate(languages.items()):
        sections = [section for section, _ in found[first : first + count]]
        made = _shelf(sections, language, heading_weight)
        arrays |= {f"{number}.{name}": array for name, array in made.items()}
        shelves.append({"language": language, "first": first, "sections": count})
        first += count
    arrays |= _stored(entries)
    about = {"shelves": shelves, "built": datetime.now(UTC).isoformat(timespec="seconds")}
    size = write_index(path, {**(more_about or {}), **about}, {**(more or {}), **arrays})
    without = sum(not one.passages[0].link for one in entries)
    return Built(len(entries), languages, size, without)


def _shelf(sections: Sequence[Section], language: str, heading_weight: float) -> dict[str, Array]:
    """The matrix of one language."""
    stems = [_counted(_fields(section, heading_weight), language, _stems) for section in sections]
    grams = [_counted(_fields(section, heading_weight), language, _grams) for section in sections]
    parts = [_weighted(stems, 1.0), _weighted(grams, GRAM_WEIGHT)]
    keys, docs, weights, term_idf = (
        np.concatenate([part[column] for part in parts]) for column in range(4)
    )
    # By key, then section: that of a stem has its highest bit set, so that none is in both parts.
    order = np.lexsort((docs, keys))
    terms, starts = np.unique(keys[order], return_index=True)
    ptr = np.append(starts, keys.size).astype(np.int64)
    return {
        "keys": terms.astype(np.uint64),
        "ptr": ptr,
        "idf": term_idf[order][starts].astype(np.float32),
        "docs": docs[order].astype(np.int32),
        "weights": weights[order].astype(np.float32),
    }


def _fields(section: Section, heading_weight: float) -> Iterable[_Field]:
    yield _Field(section.text, 1.0)
    yield _Field(section.heading, heading_weight)
    if section.title != section.heading:
        yield _Field(section.title, 1.0)
    for alias in section.aliases:
        yield _Field(alias, heading_weight)


def _stems(text: str, language: str) -> npt.NDArray[np.uint64]:
    return np.array(stem_keys(content_words(text, language), language), np.uint64)


def _grams(text: str, language: str) -> npt.NDArray[np.uint64]:
    return gram_keys(content_words(text, language))


_Counts = tuple[npt.NDArray[np.uint64], npt.NDArray[np.float64]]


def _counted(fields: Iterable[_Field], language: str, keys_of: Any) -> _Counts:
    """Each term of a section, and how often it stands there, by weight."""
    keys, weights = [], []
    for field in fields:
        found = keys_of(field.text, language)
        keys.append(found)
        weights.append(np.full(found.size, field.weight))
    terms, place = np.unique(np.concatenate(keys), return_inverse=True)
    return terms, np.bincount(place, np.concatenate(weights), terms.size).astype(np.float64)


def _weighted(counts: Sequence[_Counts], scale: float) -> tuple[Array, Array, Array, Array]:
    """Key, section, BM25 weight, and idf of each posting."""
    number = len(counts)
    lengths = np.array([frequencies.sum() for _, frequencies in counts])
    mean = lengths.mean() or 1.0
    keys = np.concatenate([terms for terms, _ in counts])
    frequencies = np.concatenate([found for _, found in counts])
    docs = np.repeat(np.arange(number), [terms.size for terms, _ in counts])
    _, place, sections_with = np.unique(keys, return_inverse=True, return_counts=True)
    rarity = np.log(1 + (number - sections_with + 0.5) / (sections_with + 0.5))[place] * scale
    norm = _K1 * (1 - _B + _B * lengths[docs] / mean)
    return keys, docs, rarity * frequencies * _SATURATED / (frequencies + norm), rarity


def unknown_idf(sections: int) -> float:
    """The idf of a term that no section has."""
    return math.log(1 + (sections + 0.5) / 0.5)


def _stored(entries: Sequence[Entry]) -> dict[str, Array]:
    records = [json.dumps(asdict(one), ensure_ascii=False).encode() for one in entries]
    offsets = np.cumsum([0, *map(len, records)]).astype(np.int64)
    ids = "\n".join(one.id for one in entries).encode()
    return {
        "entries": np.frombuffer(b"".join(records), np.uint8),
        "offsets": offsets,
        "ids": np.frombuffer(ids, np.uint8),
    }
