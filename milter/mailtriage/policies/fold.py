"""Folding: how a mail and a phrase are brought to the same spelling.

Mail and phrase meet as bytes in which each character is one byte: a letter without case and
accent, a digit, or a blank for everything else. So "Återbetalning", "ÅTERBETALNING" and
"aterbetalning" are one word, an offset in the folded bytes is an offset in the text, and a phrase
with a blank at either end finds whole words only.

Letters that have no base letter (Greek, Cyrillic, ...) fold to a byte above 127 made from their
code point. Two such letters may share a byte; that a whole phrase of one alphabet meets another by
chance is possible and has never been seen.
"""

import re
import unicodedata
from typing import Final

# Letters that Unicode does not decompose. One letter for one: the longer transcriptions that people
# type instead ("ae", "ss") are spelled out by `spellings`.
_BASE: Final = dict(zip("øłđðþßæœıŧħŋ", "olddtsaoithn", strict=True))

_TRANSCRIBED: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "æ": "ae", "ø": "oe", "œ": "oe", "ß": "ss"}
)

# Characters that are inside a word and no part of it: soft hyphen, zero-width blanks and joiners.
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u2060\ufeff"

# Hyphens with blanks or a line end beside them: "e- mail", "e - mail". A dash stays what it is, the
# break between two thoughts.
_LOOSE_HYPHEN: Final = re.compile(r"(?<=\w)(?: -+ ?|-+ |--+)(?=\w)")

# Modifier letters (U+02B0 to U+02FF) count as letters, and are typed as apostrophes.
_MODIFIERS: Final = range(0x02B0, 0x0300)

_PIECE: Final = 256
_LONGEST_PIECE: Final = 320
"""Characters that are composed at once. Bringing the marks on one letter into their order takes the
square of their number: 64,000 of them would hold up a mail for over a second."""

PARAGRAPH: Final = "¶"
"""Stands for an empty line, so that the end of a paragraph is seen as the end of a sentence."""


def _byte(code: int) -> int:
    character = chr(code)
    if character == "_" or not character.isalnum() or code in _MODIFIERS:
        return 0x20
    lower = character.lower()[0]
    base = _BASE.get(lower) or unicodedata.normalize("NFKD", lower)[0]
    if base.isascii() and base.isalnum():
        return ord(base.lower())
    return 0x80 | (ord(lower) & 0x7F)


def _table(codec: str) -> bytes:
    """What each byte of a one-byte character set folds to."""
    characters = [bytes([code]).decode(codec, "replace") for code in range(256)]
    return bytes(_byte(ord(character)) for character in characters)


class _AnyCharacter(dict[int, str]):
    """For `str.translate`: a character folded, as the character whose code is the folded byte.

    Filled as letters are met, and only with those of the basic plane: it has an end.
    """

    def __missing__(self, code: int) -> str:
        folded = chr(_byte(code))
        if code < 0x10000:
            self[code] = folded
        return folded


# Nearly every mail fits one of these; bytes.translate takes a tenth of the time of str.translate,
# and Latin-1 a tenth of the time of the others.
_ONE_BYTE_SETS: Final = tuple((codec, _table(codec)) for codec in ("latin-1", "cp1250", "cp1252"))
_ANY: Final = _AnyCharacter()

# Emoji, symbols, quotes and dashes, which are no letters anyway, would keep a text out of all.
_SYMBOLS: Final = re.compile("[\u2010-\u2bff\ufe00-\ufe0f\U0001f000-\U0001faff]")


def squeeze(text: str) -> str:
    """The text in one line, words apart by one blank; empty lines become `PARAGRAPH`."""
    if not text.isascii():
        text = _composed(text)
        for character in _INVISIBLE:
            if character in text:
                text = text.replace(character, "")
    text = " ".join(text.replace("\n\n", f" {PARAGRAPH} ").split())
    if "- " in text or " -" in text or "--" in text:
        text = _LOOSE_HYPHEN.sub("-", text)
    return text


def _composed(text: str) -> str:
    """Letters and their accents as one character each (NFC), in linear time.

    In pieces that end at a blank; where there is none in reach, a letter and its accent may come
    apart.
    """
    pieces = []
    at = 0
    while at < len(text):
        end = text.find(" ", at + _PIECE, at + _LONGEST_PIECE)
        if end < 0:
            end = at + _LONGEST_PIECE
        pieces.append(unicodedata.normalize("NFC", text[at:end]))
        at = end
    return "".join(pieces)


def fold(text: str) -> bytes:
    """One byte for each character: [a-z0-9], above 127 for other letters, else a blank."""
    folded = _fold_one_byte(text)
    if folded is None:
        text = _SYMBOLS.sub(" ", text)
        folded = _fold_one_byte(text)
    return text.translate(_ANY).encode("latin-1") if folded is None else folded


def _fold_one_byte(text: str) -> bytes | None:
    """The text folded, when one of the one-byte character sets holds all of it."""
    for codec, table in _ONE_BYTE_SETS:
        try:
            return text.encode(codec).translate(table)
        except UnicodeEncodeError:
            continue
    return None


def spellings(phrase: str) -> tuple[str, ...]:
    """The ways in which a phrase is typed, in lower case: as it is, and transcribed.

    "Kündigung" gives kündigung, which folds to kundigung, and kuendigung; "straße" gives straße,
    which folds to strase, and strasse.
    """
    plain = phrase.lower()
    transcribed = plain.translate(_TRANSCRIBED)
    return (plain,) if plain == transcribed else (plain, transcribed)
