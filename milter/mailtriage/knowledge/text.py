"""Text as the search sees it: sentences, words, stems, character 4-grams.

Stems alone miss the compounds of German and the Nordic languages, 4-grams alone are vague; together
they beat either (docs/knowledge-base.md has the figures). Every term is a 64-bit key, so that an
index holds no strings: a stem is its hash, a 4-gram the code points themselves.
"""

import re
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from mailtriage.knowledge.stopwords import STOPWORDS

Keys = npt.NDArray[np.uint64]

STEMMERS: Final = {
    "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "it": "italian", "nb": "norwegian", "nl": "dutch", "pl": "polish",
    "pt": "portuguese", "sv": "swedish",
}  # fmt: skip
"""Snowball's stemmer of each of our languages. Text of any other is searched unstemmed."""

GRAM: Final = 4
_STEM_BIT: Final = 1 << 63
"""Set in the key of a stem, clear in that of a 4-gram."""
_GRAM_BITS: Final = np.uint64((1 << 63) - 1)
_16: Final = np.uint64(16)
_32: Final = np.uint64(32)
_EDGE: Final = ord("_")
_WORD: Final = re.compile(r"[^\W_]+")
_MAX_WORD: Final = 64
_MARKS: Final = dict.fromkeys(range(0x300, 0x370))
"""Combining accents, to be deleted."""
_ENDS: Final = re.compile(r"(?<=[.!?…。？！])[\"'”»)]*\s+")
_ASKED: Final = ("?", "？", ";")
_GREEK_QUESTION: Final = ";"
_WRAPPED: Final = 50
"""A line at least so long that ends in no mark goes on in the next: plain mail is wrapped at 72."""

_local: Final = threading.local()


class Sentence(NamedTuple):
    """One sentence of a mail."""

    text: str
    asks: bool
    """Whether it ends in a question mark."""


def version() -> str:
    """What an index must have been built with to be searched: keys depend on all of it."""
    return f"1 {_stemmer_version()}"


def base_language(code: str) -> str:
    """The language of a BCP 47 code without its region: "pt" of "pt-br". Norwegian is "nb"."""
    base = code.lower().replace("_", "-").partition("-")[0]
    return {"no": "nb", "nn": "nb"}.get(base, base)


def sentences(text: str, most: int) -> list[Sentence]:
    """The first `most` sentences of a text; lines that a mail program has wrapped are joined."""
    found: list[Sentence] = []
    for block in _unwrapped(text):
        for piece in _ENDS.split(block):
            stripped = piece.strip()
            if stripped:
                found.append(Sentence(stripped, stripped.rstrip("\"'”»)").endswith(_ASKED[:2])))
                if len(found) >= most:
                    return found
    return found


def _unwrapped(text: str) -> Iterable[str]:
    joined: list[str] = []
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped:
            joined.append(stripped)
        if joined and (len(stripped) < _WRAPPED or stripped[-1] in ".!?:…"):
            yield " ".join(joined)
            joined = []
    if joined:
        yield " ".join(joined)


def words(text: str) -> list[str]:
    """The words of a text in lower case; letters and digits, at most 64 of one word."""
    return [word[:_MAX_WORD] for word in _found_words(text)]


def _found_words(text: str) -> list[str]:
    """The same, of any length."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return _WORD.findall(text.lower())


def content_words(text: str, language: str) -> list[str]:
    """The words but for those that say nothing of the matter, and single letters."""
    empty = STOPWORDS.get(language, frozenset())
    return [
        word[:_MAX_WORD]
        for word in _found_words(text)
        if word not in empty and (len(word) > 1 or word.isdigit())
    ]


def stem_keys(content: Sequence[str], language: str) -> list[int]:
    """The key of the stem of each word."""
    stemmer = _stemmer(language)
    stems = stemmer.stemWords(content) if stemmer is not None else content
    return [crc32(stem.encode("utf-8", "replace")) | _STEM_BIT for stem in stems]


def gram_keys(content: Sequence[str]) -> Keys:
    """The key of each 4-gram within "_word_", in order; shorter words are one of their own."""
    return gram_keys_of([content])[1]


def gram_keys_of(texts: Sequence[Sequence[str]]) -> tuple[npt.NDArray[np.int64], Keys]:
    """The 4-grams of several texts, all at once: number of the text, and key, of each."""
    joined = [_joined(content) for content in texts]
    # A text of one letter would be shorter than a window.
    codes = np.frombuffer(f"{''.join(joined)}___".encode("utf-32-le", "replace"), np.uint32).astype(
        np.uint64
    )
    # A window with an edge inside it would join two words.
    inside = codes != _EDGE
    whole = (inside[1:-2] & inside[2:-1]).nonzero()[0]
    # 16 bits a character: those beyond the BMP share keys, which no language of ours has.
    pairs = codes[:-1] << _16 ^ codes[1:]
    keys: Keys = (pairs[whole] << _32 ^ pairs[whole + 2]) & _GRAM_BITS
    numbers = np.arange(len(texts)).repeat([len(text) for text in joined])
    return numbers[whole], keys


def _joined(content: Sequence[str]) -> str:
    joined = f"_{'_'.join(content)}_" if content else ""
    if joined.isascii():
        return joined
    # Half of all writers leave accents out, and half the others put them where none belong.
    return unicodedata.normalize("NFKD", joined).translate(_MARKS)


def _stemmer(language: str) -> Any:
    """This thread's stemmer (they must not be shared); None where Snowball has none."""
    known: dict[str, Any] = _local.__dict__.setdefault("stemmers", {})
    if language not in known:
        known[language] = _new_stemmer(language)
    return known[language]


def _new_stemmer(language: str) -> Any:
    name = STEMMERS.get(language)
    if name is None:
        return None
    import Stemmer

    return Stemmer.Stemmer(name)


def _stemmer_version() -> str:
    import Stemmer

    return str(Stemmer.version())
