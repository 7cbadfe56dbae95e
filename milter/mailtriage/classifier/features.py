"""What the model sees of a mail: hashed pieces of its words, and the signals that hit.

Everything is read from the folded text (`policies.fold`): one byte a character, without case and
accents, so that n-grams are slices of an array of bytes.

Blocks, each scaled to length one on its own, so that none drowns the others:
words    words, pairs of neighbours, and both once more with words cut to four letters: a stem that
         suits inflected languages and compounds alike
letters  runs of two to five letters within a word, its blanks included
marks    exclamation and question marks, capitals, emoji: what folding loses and mood needs
signals  which signals of the policies hit: the one block that is the same in every language
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from zlib import crc32

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.uint32]
Values = npt.NDArray[np.float32]

VERSION: Final = 1
"""Of the hashing. A model says which one it was trained with, and is refused with another."""

BITS: Final = 20
BUCKETS: Final = 1 << BITS
"""Columns. Words take the lower half, letters a quarter, marks and signals an eighth each."""

MAX_START: Final = 3000
MAX_END: Final = 1000
"""Characters read at the start and at the end of a long text: a rant names its wish last."""

_STEM: Final = 4
_LETTERS: Final = range(2, 6)
_WORDS: Final = (0, BITS - 1)
_LETTER_RUNS: Final = (BUCKETS // 2, BITS - 2)
_MARKS: Final = (BUCKETS // 4 * 3, BITS - 3)
_SIGNALS: Final = (BUCKETS // 8 * 7, BITS - 3)
"""First column and bits of each block."""

_BLANK: Final = 0x20
_MIX_A: Final = np.uint32(2654435761)  # Knuth, TAOCP 3, 6.4: 2^32 over the golden ratio
_MIX_B: Final = np.uint32(2246822519)  # and the primes of xxHash
_MIX_C: Final = np.uint32(3266489917)
_SHOUTED: Final = re.compile(r"\b[^\W\d_a-z]{3,}\b")
_EMOJI: Final = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]|[:;]-?[)(DP/]")
_MAX_MARKS: Final = 50
_MOST_OFTEN: Final = 255
_DAMPENED: Final = 1 + np.log(np.maximum(np.arange(_MOST_OFTEN + 1), 1), dtype=np.float32)
"""What so many occurrences count."""

_AnyText = TypeVar("_AnyText", bytes, str)


@dataclass(frozen=True, slots=True)
class Text:
    """What of a mail the features are made from."""

    folded: bytes
    """Subject and newest text folded, words apart by one blank or more."""
    typed: str = ""
    """The same as it was typed, for marks and capitals."""
    signals: tuple[str, ...] = ()
    """Ids of the signals that hit."""


Block = tuple[Indices, Values]
"""Columns, ascending, and how often each is there, dampened: 1 + ln n."""


def hashed(text: Text) -> tuple[Block, Block, Block, Block]:
    """The columns of each block: words, letters, marks, signals.

    Takes time in line with the length of the text, of which a bounded part is read.
    """
    words = _ends(text.folded).split()
    return (
        _counted(_words(words)),
        _counted(_letters(words)),
        _counted(_marks(text.typed)),
        _counted(signal_columns(text.signals)),
    )


def _ends(text: _AnyText) -> _AnyText:
    """Start and end of a text that is longer than is read."""
    return text if len(text) <= MAX_START + MAX_END else text[:MAX_START] + text[-MAX_END:]


def _words(words: list[bytes]) -> Indices:
    if not words:
        return np.zeros(0, np.uint32)
    count = len(words)
    whole = np.fromiter(map(crc32, words), np.uint32, count)
    stems = np.fromiter((crc32(word[:_STEM]) for word in words), np.uint32, count) ^ _MIX_C
    parts = (whole, _pairs(whole), stems, _pairs(stems))
    return _columns(np.concatenate(parts), *_WORDS)


def _pairs(words: Indices) -> Indices:
    """One number for each word and the next."""
    return (words[:-1] * _MIX_A) ^ (words[1:] * _MIX_B)


def _letters(words: list[bytes]) -> Indices:
    line = np.frombuffer(b" %b " % b" ".join(words), np.uint8).astype(np.uint32)
    # How many blanks stand before each character: none inside a run when the ends agree.
    blanks = np.concatenate((np.zeros(1, np.int32), np.cumsum(line == _BLANK, dtype=np.int32)))
    runs = []
    rolling = line * _MIX_A
    for length in _LETTERS:
        ends = line.size - length + 1
        if ends <= 0:
            break
        rolling = (rolling[:ends] ^ (rolling[:ends] >> np.uint32(15))) * _MIX_B
        rolling = rolling + line[length - 1 :] * _MIX_C
        inside = blanks[length - 1 : length - 1 + ends] == blanks[1 : 1 + ends]
        runs.append(rolling[inside] + np.uint32(length))
    return _columns(np.concatenate(runs), *_LETTER_RUNS) if runs else np.zeros(0, np.uint32)


def _marks(typed: str) -> Indices:
    text = _ends(typed)
    found = ["!"] * min(text.count("!"), _MAX_MARKS)
    found += ["!!"] * min(text.count("!!"), _MAX_MARKS)
    found += ["?"] * min(text.count("?"), _MAX_MARKS)
    found += ["..."] * min(text.count("...") + text.count("…"), _MAX_MARKS)
    found += ["CAPS"] * min(len(_SHOUTED.findall(text)), _MAX_MARKS)
    found += _EMOJI.findall(text)[:_MAX_MARKS]
    return _named(found, _MARKS)


def signal_columns(signals: Sequence[str]) -> Indices:
    """The column of each signal, in their order."""
    return _named(signals, _SIGNALS)


def _named(names: Sequence[str], block: tuple[int, int]) -> Indices:
    return _columns(
        np.fromiter((crc32(name.encode()) for name in names), np.uint32, len(names)), *block
    )


def _columns(hashes: Indices, first: int, bits: int) -> Indices:
    """The upper bits of the hashes after a last mix, moved to where the block begins."""
    return ((hashes * _MIX_A) >> np.uint32(32 - bits)) + np.uint32(first)


def _counted(columns: Indices) -> Block:
    """Each column once, and how often it was there.

    As np.unique with counts does it, in a third of its time for so few numbers.
    """
    if columns.size == 0:
        return columns, np.zeros(0, np.float32)
    columns.sort()
    first = np.empty(columns.size + 1, np.bool_)
    first[0] = first[-1] = True
    np.not_equal(columns[1:], columns[:-1], out=first[1:-1])
    starts = np.flatnonzero(first)
    return columns[starts[:-1]], _DAMPENED[np.minimum(np.diff(starts), _MOST_OFTEN)]
