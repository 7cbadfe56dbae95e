"""The phrase index: every phrase of every policy, found in one pass over a folded text.

One Aho-Corasick automaton a language, with its phrases and those of "any": a mail is
in one language, and a small automaton stays in the processor's cache. One more has them all, for
mails whose language is not sure. Whole words are found because a blank stands at either end of a
literal; so nothing has to be confirmed afterwards.

Why not one pattern set of a regular-expression engine: see docs/performance.md.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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


Place = tuple[int, Role, int, int, int]
"""Where a phrase stands: signal, role, phrase (two spellings of one share the number), start, end.

Offsets are in the folded text, and take in the blanks beside the phrase. A plain tuple: there are
dozens a mail.
"""


@dataclass(frozen=True, slots=True)
class _Table:
    automaton: BytesAhoCorasick
    entries: list[tuple[tuple[int, Role, int, re.Pattern[bytes] | None], ...]]
    """For each literal of the automaton: signal, role, phrase, and the pattern that a phrase with a
    star inside has to fit from its start on."""


class PhraseIndex:
    """All phrases, compiled. Immutable, and safe to use from several threads."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        listed = list(enumerate(phrases))
        languages = {phrase.language for _, phrase in listed} | {ANY}
        self._tables: Final = {
            language: _compile(
                (number, phrase) for number, phrase in listed if phrase.language in (language, ANY)
            )
            for language in sorted(languages)
        }
        self._tables[UNSURE] = _compile(listed)
        self._size: Final = len(listed)

    def __len__(self) -> int:
        return self._size

    def find(self, folded: bytes, language: str) -> Iterator[Place]:
        """Every phrase that counts in a mail of that language ("und": every phrase there is).

        A language that no phrase is written in leaves those of "any".
        """
        table = self._tables.get(language) or self._tables[ANY]
        for literal, start, end in table.automaton.find_matches_as_indexes(
            folded, overlapping=True
        ):
            for signal, role, phrase, whole in table.entries[literal]:
                if whole is None:
                    yield signal, role, phrase, start, end
                elif (match := whole.match(folded, start)) is not None:
                    yield signal, role, phrase, start, match.end()


def _compile(phrases: Iterable[tuple[int, Phrase]]) -> _Table:
    literals: dict[bytes, list[tuple[int, Role, int, re.Pattern[bytes] | None]]] = {}
    for number, phrase in phrases:
        for literal, whole in compile_phrase(phrase.text):
            entry = (phrase.signal, phrase.role, number, whole)
            literals.setdefault(literal, []).append(entry)
    automaton = BytesAhoCorasick(
        # The automaton of no literals at all cannot be built; NUL never stands in a folded text.
        list(literals) or [b"\0"],
        # A tenth of the memory of the DFA, and as quick at this size.
        implementation=Implementation.ContiguousNFA,
    )
    return _Table(automaton, [tuple(entries) for entries in literals.values()] or [()])


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
