"""Wishes that are denied: "I do not want a refund, only the lamp".

What stands in such a clause speaks for nothing: it is blanked before policies and model look. The
words are in policies/denials/<language>.txt. A clause counts when, within a few words, one that
denies is followed by one of a matter, and by none that turns the denial into a wish ("I do not want
to keep the contract any longer").
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from mailtriage.policies.fold import fold, squeeze
from mailtriage.policies.text import MailText
from mailtriage.shipped import shipped_directory

_REACH: Final = 60
"""Characters from the word that denies to the end of what it denies."""
_WORDS_BETWEEN: Final = 4
_MOST: Final = 20
"""Denials that are looked at in one mail."""
_CLAUSE_END: Final = re.compile(r"[,;:.!?…¶–—()\"„“”»«]")
_KEYS: Final = ("deny", "matter", "unless")


@dataclass(frozen=True, slots=True)
class Denials:
    """The words of one language, as patterns over folded text."""

    deny: re.Pattern[bytes]
    matter: re.Pattern[bytes]
    unless: re.Pattern[bytes]


def without_denied(text: MailText, language: str) -> MailText:
    """The text with what is denied blanked; the same object where nothing is.

    Every character keeps its place. Linear in the length of the text.
    """
    words = shipped_denials().get(language)
    if words is None:
        return text
    folded: bytearray | None = None
    typed: list[str] = []
    end = kept = 0
    for number, found in enumerate(words.deny.finditer(text.folded, 0, text.attachments_start)):
        if number >= _MOST:
            break
        if found.start() < end:
            continue
        last = _denied(text, found, words)
        if last <= found.end():
            continue
        if folded is None:
            folded = bytearray(text.folded)
        start, end = found.start() + 1, last
        folded[start:end] = b" " * (end - start)
        typed += (text.text[kept : start - 1], " " * (end - start))
        kept = end - 1
    if folded is None:
        return text
    typed.append(text.text[kept:])
    return replace(text, text="".join(typed), folded=bytes(folded))


def _denied(text: MailText, found: re.Match[bytes], words: Denials) -> int:
    """Where the clause ends that is denied, in the folded text; 0 when none is."""
    begin = found.end() - 1
    clause = _CLAUSE_END.search(text.text, begin - 1, begin + _REACH)
    limit = min(clause.start() + 1 if clause else begin + _REACH, text.attachments_start)
    window = text.folded[begin:limit] + b" "
    matter = words.matter.search(window)
    if matter is None or window[: matter.start() + 1].count(b" ") > _WORDS_BETWEEN + 1:
        return 0
    if words.unless.search(window):
        return 0
    return limit if clause else begin + matter.end() - 1


@lru_cache(maxsize=1)
def shipped_denials() -> dict[str, Denials]:
    """The shipped words by language. Raises ValueError naming file and line of what is wrong."""
    directory = shipped_directory("policies") / "denials"
    return {file.stem: read_denials(file) for file in sorted(directory.glob("*.txt"))}


def read_denials(file: Path) -> Denials:
    """One file: `key: phrase, phrase`, long lines wrapped with blanks, # for comments."""
    texts = dict.fromkeys(_KEYS, "")
    key = ""
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            key, _, line = line.partition(":")  # noqa: PLW2901  the rest of the line goes on below
        if key not in texts:
            raise ValueError(f"{file}:{number}: '{key}' — expected {', '.join(_KEYS)}")
        # A line may end within a phrase: they are told apart when all of them are joined.
        texts[key] += f" {line}"
    return Denials(*(_pattern(_phrases(texts[key])) for key in _KEYS))


def _phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split(",") if phrase.strip()]


def _pattern(phrases: list[str]) -> re.Pattern[bytes]:
    """Any of the phrases as whole words; a star at the end stands for any ending."""
    parts = sorted({_part(phrase) for phrase in phrases}, key=lambda part: (-len(part), part))
    return re.compile(b" (?:%b)(?= )" % b"|".join(parts))


def _part(phrase: str) -> bytes:
    open_end = phrase.endswith("*")
    return re.escape(fold(squeeze(phrase.rstrip("*")))) + (rb"[^ ]{0,20}" if open_end else b"")
