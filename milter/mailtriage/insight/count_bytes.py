"""What a node counted in a quarter of an hour as bytes and back: some 60 bytes a series.

A version byte, then each series: kind, name, mails, the bits that writers set, queue ids, and
languages. Few bits are told by their places, many as the whole map. Of writers nothing else is
in it.
"""

import struct
from collections.abc import Mapping
from typing import Final

from mailtriage.insight.counts import (
    BITS,
    MOST_EXAMPLES,
    MOST_LANGUAGES,
    Counts,
    Kind,
    Series,
    senders_from_bytes,
    senders_to_bytes,
)

VERSION: Final = 1
MOST_TOLD: Final = 1000
"""Series of one node and quarter; those with the fewest mails make way."""
LONGEST: Final = 1024 * 1024
"""Bytes that are read as counts: more than so many series can take."""

KINDS: Final[tuple[Kind, ...]] = ("topic", "skill", "language", "unsure")
_WHOLE: Final = BITS // 8
_MOST_MAILS: Final = 2**32 - 1
_NUMBER: Final = struct.Struct("<I")
_LONGEST_TEXT: Final = 64


def to_bytes(counts: Mapping[Series, Counts]) -> bytes:
    """Of a quarter. What has a name longer than 64 bytes is none of ours, and is left out."""
    fit = [(series, one) for series, one in counts.items() if _is_fit(series.name)]
    fit.sort(key=lambda each: (-each[1].mails, each[0]))
    return bytes([VERSION]) + b"".join(_packed(series, one) for series, one in fit[:MOST_TOLD])


def from_bytes(data: bytes) -> dict[Series, Counts]:
    """Raises ValueError when these are no counts of this version."""
    if not data or len(data) > LONGEST or data[0] != VERSION:
        raise ValueError(f"no counts of version {VERSION}")
    reader = _Reader(data)
    found: dict[Series, Counts] = {}
    while not reader.is_at_end():
        kind = reader.number()
        if kind >= len(KINDS):
            raise ValueError("counts of a kind that there is not")
        series = Series(KINDS[kind], reader.text())
        found[series] = _unpacked(reader)
    return found


def _packed(series: Series, counts: Counts) -> bytes:
    examples = [one for one in counts.examples if _is_fit(one)][:MOST_EXAMPLES]
    languages = [one for one in counts.languages if _is_fit(one[0])][:MOST_LANGUAGES]
    return b"".join(
        [
            bytes([KINDS.index(series.kind)]),
            _text(series.name),
            _NUMBER.pack(min(counts.mails, _MOST_MAILS)),
            _people(counts.senders),
            bytes([len(examples)]),
            *map(_text, examples),
            bytes([len(languages)]),
            *(_text(name) + _NUMBER.pack(min(mails, _MOST_MAILS)) for name, mails in languages),
        ]
    )


def _unpacked(reader: "_Reader") -> Counts:
    mails = reader.long()
    length = reader.number()
    if length == _WHOLE:
        senders = senders_from_bytes(reader.take(_WHOLE))
    else:
        senders = 0
        for bit in reader.take(length):
            senders |= 1 << bit
    examples = tuple(reader.text() for _ in range(reader.number()))
    languages = tuple((reader.text(), reader.long()) for _ in range(reader.number()))
    if length > _WHOLE or len(examples) > MOST_EXAMPLES or len(languages) > MOST_LANGUAGES:
        raise ValueError("counts that nobody counts in this way")
    return Counts(mails, senders, examples, languages)


def _people(senders: int) -> bytes:
    """How many bytes follow, and they: places of bits, or the map, which has 32."""
    if senders.bit_count() >= _WHOLE:
        return bytes([_WHOLE]) + senders_to_bytes(senders)
    places = [bit for bit in range(BITS) if senders >> bit & 1]
    return bytes([len(places), *places])


def _is_fit(text: str) -> bool:
    return 0 < len(text.encode("utf-8", "surrogatepass")) <= _LONGEST_TEXT and text.isprintable()


def _text(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


class _Reader:
    """From the second byte on; raises ValueError beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data: Final = data
        self._at = 1

    def is_at_end(self) -> bool:
        return self._at == len(self._data)

    def take(self, length: int) -> bytes:
        found = self._data[self._at : self._at + length]
        if len(found) != length:
            raise ValueError("counts that end too soon")
        self._at += length
        return found

    def number(self) -> int:
        return self.take(1)[0]

    def long(self) -> int:
        (number,) = _NUMBER.unpack(self.take(_NUMBER.size))
        return int(number)

    def text(self) -> str:
        text = self.take(self.number()).decode()
        if not _is_fit(text):
            raise ValueError("a name that none of us has given")
        return text
