"""The words that answers begin and end with, of policies/salutations."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from mailtriage.shipped import shipped_directory

_KEYS: Final = ("greeting", "closing", "alone", "bare", "never")
_NAME: Final = r"\W*+(?:\w++\W*+){0,4}$"
"""What may stand behind a word that closes a letter by itself: a name, or nothing. Possessive: a
long word must not be cut into four in every way there is."""
_NOTHING: Final = r"\W*+$"
_LETTERS: Final = str.maketrans({"ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d"})
"""Those with a stroke or joined, which no normal form takes apart."""


@dataclass(frozen=True, slots=True)
class Salutations:
    """The words of one language, as patterns for the beginning of a line in lower case."""

    greeting: re.Pattern[str]
    closing: re.Pattern[str]


@lru_cache(maxsize=1)
def shipped_salutations() -> dict[str, Salutations]:
    """By language. Raises ValueError naming file and line of what is wrong."""
    directory = shipped_directory("policies") / "salutations"
    return {file.stem: read_salutations(file) for file in sorted(directory.glob("*.txt"))}


def read_salutations(file: Path) -> Salutations:
    """One file: `key: phrase, phrase`, long lines wrapped with blanks, # for comments."""
    texts = dict.fromkeys(_KEYS, "")
    key = ""
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        rest = line
        if not line[0].isspace():
            key, _, rest = line.partition(":")
        if key not in texts:
            raise ValueError(f"{file}:{number}: '{key}' — expected {', '.join(_KEYS)}")
        texts[key] += f" {rest}"
    greeting, closing, alone, bare, never = (_phrases(texts[key]) for key in _KEYS)
    sentence = rf"(?!.*\b{_any(never)})" if never else ""
    closes = [_any(closing), f"{_any(alone)}{sentence}{_NAME}"]
    if bare:
        closes.append(f"{_any(bare)}{_NOTHING}")
    return Salutations(re.compile(_any(greeting)), re.compile("|".join(closes)))


def plain(line: str) -> str:
    """A line as the patterns know it: lower case, without accents, which some keyboards do not
    have; one kind of apostrophe and blank."""
    folded = unicodedata.normalize("NFKD", line.casefold().replace("’", "'"))
    bare = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return " ".join(bare.translate(_LETTERS).split())


def _phrases(text: str) -> list[str]:
    return [plain(phrase) for phrase in text.split(",") if phrase.strip()]


def _any(phrases: Sequence[str]) -> str:
    """Any of them as whole words; the longest first, or the shorter would hide it."""
    ordered = sorted(set(phrases), key=lambda phrase: (-len(phrase), phrase))
    parts = [
        re.escape(phrase.rstrip("*")) + r"\w{0,20}" * phrase.endswith("*") for phrase in ordered
    ]
    return rf"(?:{'|'.join(parts)})(?!\w)"
