"""Folding: how a mail and a phrase are brought to the same spelling.

Mail and phrase meet as bytes in which each character is one byte: a letter without case and accent,
a digit, or a blank for everything else. So "Återbetalning", "ÅTERBETALNING" and "aterbetalning"
are one word, an offset in the folded bytes is an offset in the text, and a phrase with a blank at
either end finds whole words only.

Letters that have no base letter (Greek, Cyrillic, ...) fold to a byte above 127 made from their code
point. Two such letters may share a byte; that a whole phrase of one alphabet meets another by chance
is possible and has never been seen.
"""

import unicodedata
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Letters that Unicode does not decompose. One letter for one: the longer transcriptions that people
# type instead ("ae", "ss") are spelled out by `spellings`.
_BASE: Final = dict(zip("øłđðþßæœıŧħŋ", "oldd" + "ts" + "aoithn", strict=True))

_TRANSCRIBED: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "æ": "ae", "ø": "oe", "œ": "oe", "ß": "ss"}
)

# Characters that are inside a word and yet no part of it: soft hyphen, zero-width blanks and joiners.
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u2060\ufeff"

PARAGRAPH: Final = "¶"
"""Stands for an empty line, so that the end of a paragraph is seen as the end of a sentence."""


def _byte(code: int) -> int:
    character = chr(code)
    if character == "_" or not character.isalnum():
        return 0x20
    lower = character.lower()[0]
    base = _BASE.get(lower) or unicodedata.normalize("NFKD", lower)[0]
    if base.isascii() and base.isalnum():
        return ord(base)
    return 0x80 | (ord(lower) & 0x7F)


def _table() -> NDArray[np.uint8]:
    table = np.full(0x10000, 0x20, dtype=np.uint8)
    table[:0x3000] = [_byte(code) for code in range(0x3000)]
    # Kana, CJK and Hangul: letters throughout, and none of them has a base.
    east = np.arange(0x3040, 0xD7B0)
    table[east] = 0x80 | (east & 0x7F)
    return table


# The last entry also stands for everything above the basic plane: emoji and rare scripts.
_TABLE: Final = _table()


def squeeze(text: str) -> str:
    """The text in one line, words apart by one blank; empty lines become `PARAGRAPH`."""
    if not text.isascii():
        if not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
        for character in _INVISIBLE:
            if character in text:
                text = text.replace(character, "")
    return " ".join(text.replace("\n\n", f" {PARAGRAPH} ").split())


def fold(text: str) -> bytes:
    """One byte for each character of the text: [a-z0-9], above 127 for other letters, else a blank."""
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
    return _TABLE[np.minimum(codes, 0xFFFF)].tobytes()


def spellings(phrase: str) -> tuple[bytes, ...]:
    """The folded ways in which a phrase is typed: without accents, and transcribed.

    "Kündigung" gives kundigung and kuendigung, "straße" gives strase (as the letter itself folds) and
    strasse.
    """
    lower = phrase.lower()
    plain = fold(lower)
    transcribed = fold(lower.translate(_TRANSCRIBED))
    return (plain,) if plain == transcribed else (plain, transcribed)
