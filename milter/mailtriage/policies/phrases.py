"""The phrase index: every phrase of every policy, found in one pass over a folded text.

One Aho-Corasick automaton a language, and one for the phrases of "any": a mail is in one language,
and a small automaton stays in the processor's cache. A mail whose language is not sure goes through
all of them. Whole words are found because a blank stands at either end of a literal; so nothing has
to be confirmed afterwards.

Why not one pattern set of a regular-expression engine: see docs/performance.md.
"""

import re
from array import array
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from ahocorasick_rs import BytesAhoCorasick, Implementation

from mailtriage.policies.fold import fold, spellings, squeeze

ANY: Final = "any"
UNSURE: Final = "und"

MAX_PHRASE: Final = 100
"""Characters."""


class Role(IntEnum):
    """What a phrase is to its signal."""

    WORDS = 0
    NEAR_A = 1
    NEAR_B = 2
    GUARD = 3


class Phrase(NamedTuple):
    """A phrase as it stands in a policy."""

    signal: int
    """Number of its signal."""
    language: str
    role: Role
    text: str


Place = tuple[int, int, int, int, int]
"""Where a phrase stands: signal, role, phrase (two spellings of one share the number), start, end.

Offsets are in the folded text, and take in the blanks beside the phrase. A plain tuple: there are
dozens a mail.
"""


class _Table:
    """The phrases of one language: an automaton, and what each of its literals stands for.

    Tens of thousands of phrases are held in arrays, a tenth of the memory of as many tuples, and
    memory that the workers go on sharing: nothing in it has a reference count.
    """

    def __init__(self, phrases: Iterable[tuple[int, Phrase]]) -> None:
        literals: dict[bytes, list[tuple[int, Role, int, re.Pattern[bytes] | None]]] = {}
        for number, phrase in phrases:
            for literal, whole in compile_phrase(phrase.text):
                entry = (phrase.signal, phrase.role, number, whole)
                literals.setdefault(literal, []).append(entry)
        self._automaton: Final = BytesAhoCorasick(
            # The automaton of no literals cannot be built; NUL never stands in a folded text.
            list(literals) or [b"\0"],
            # A tenth of the memory of the DFA, and as quick at this size.
            implementation=Implementation.ContiguousNFA,
        )
        self._first: Final = array("I", [0])
        """For each literal the number of its first entry; one more at the end."""
        self._signals: Final = array("I")
        self._roles: Final = bytearray()
        self._phrases: Final = array("I")
        self._whole: Final[dict[int, re.Pattern[bytes]]] = {}
        """For a phrase with a star inside: the pattern that it has to fit from its start on."""
        for entries in literals.values():
            for signal, role, number, whole in entries:
                if whole is not None:
                    self._whole[len(self._signals)] = whole
                self._signals.append(signal)
                self._roles.append(role)
                self._phrases.append(number)
            self._first.append(len(self._signals))

    def find(self, folded: bytes) -> Iterator[Place]:
        """Every phrase of the table that stands in the text."""
        first, signals, roles, phrases = self._first, self._signals, self._roles, self._phrases
        for literal, start, end in self._automaton.find_matches_as_indexes(
            folded, overlapping=True
        ):
            for entry in range(first[literal], first[literal + 1]):
                if entry not in self._whole:
                    yield signals[entry], roles[entry], phrases[entry], start, end
                elif (match := self._whole[entry].match(folded, start)) is not None:
                    yield signals[entry], roles[entry], phrases[entry], start, match.end()


class PhraseIndex:
    """All phrases, compiled. Immutable, and safe to use from several threads."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        by_language: dict[str, list[tuple[int, Phrase]]] = {ANY: []}
        self._size = 0
        for number, phrase in enumerate(phrases):
            by_language.setdefault(phrase.language, []).append((number, phrase))
            self._size += 1
        self._tables: Final = {language: _Table(listed) for language, listed in by_language.items()}

    def __len__(self) -> int:
        return self._size

    def find(self, folded: bytes, language: str) -> Iterator[Place]:
        """Every phrase that counts in a mail of that language ("und": every phrase there is).

        A language that no phrase is written in leaves those of "any".
        """
        languages = self._tables if language == UNSURE else dict.fromkeys((language, ANY))
        for name in languages:
            table = self._tables.get(name)
            if table is not None:
                yield from table.find(folded)


def compile_phrase(phrase: str) -> list[tuple[bytes, re.Pattern[bytes] | None]]:
    """The folded byte strings that a phrase begins with, each with what must follow, if anything.

    A blank stands at each end where no `*` is, so that only whole words are found.
    """
    begin = b"" if phrase.startswith("*") else b" "
    end = b"" if phrase.endswith("*") else b" "
    compiled: list[tuple[bytes, re.Pattern[bytes] | None]] = []
    for spelled in spellings(squeeze(phrase).strip("*")):
        head, *others = map(fold, spelled.split("*"))
        if not others:
            compiled.append((begin + head.strip() + end, None))
            continue
        whole = rb"[^ ]{0,40}".join(re.escape(part) for part in (begin + head, *others)) + end
        compiled.append((begin + head, re.compile(whole)))
    return compiled


def phrase_fault(phrase: str) -> str:
    """What is wrong with a phrase; empty when nothing is."""
    if len(phrase) > MAX_PHRASE:
        return f"longer than {MAX_PHRASE} characters"
    if phrase != " ".join(phrase.split()):
        return "words are split by one blank, with none at the ends"
    for word in phrase.split():
        stem = word.strip("*")
        if "*" in stem or "**" in word:
            return "a * stands at the start or the end of a word"
        if "*" in word and _letters(stem) < 2:
            return "a * needs letters beside it, two at least"
    if _letters(phrase) < (3 if "*" in phrase else 2):
        return "too short: it would hit nearly every mail"
    return ""


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))
