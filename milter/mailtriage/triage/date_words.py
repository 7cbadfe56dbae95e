"""The words of dates, deadlines and waiting in each language, from `policies/dates`.

Words are folded as a mail is (policies/fold.py), so that accents, capitals and transcriptions do
not matter. Those that a date begins with stand in an Aho-Corasick automaton: a mail without a date
is done with after one pass. The others are looked up beside a date that was found.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from ahocorasick_rs import BytesAhoCorasick, Implementation

from mailtriage.policies.fold import fold, spellings, squeeze
from mailtriage.shipped import shipped_directory

KINDS: Final = ("legal", "travel", "wages", "fine", "event")
"""What is missed with a deadline that makes a mail urgent."""


class Anchor(IntEnum):
    """What a word of the automaton is."""

    MONTH = 0
    """Value: 1 to 12."""
    WEEKDAY = 1
    """Value: 0 for Monday."""
    DAY = 2
    """Value: an index of `DAYS`."""
    UNIT = 3
    """Value: hours."""
    CLOCK = 4
    """A word beside the hour: "pm", "Uhr". Value: 0, or 1 before noon and 2 after it."""
    KIND = 5
    """Value: an index of `KINDS`."""
    DUE = 6
    OPEN = 7
    PERIOD = 8
    WAITING = 9
    CONTACT = 10
    TIMES = 11
    """Value: 2 for "twice", 3 for "three times"."""
    ASKS = 12
    """A word of somebody who wants something."""


class Unreal(IntEnum):
    """Why what stands beside a word is not so now."""

    IF = 0
    THEN = 1
    EXERCISE = 2
    NOT = 3


DAYS: Final = (
    "today", "tonight", "tomorrow", "after-tomorrow", "week-end", "next-week", "month-end",
)  # fmt: skip

_LISTS: Final = {"months": (Anchor.MONTH, 1), "weekdays": (Anchor.WEEKDAY, 0)}
_WORDS: Final = {
    **{name: (Anchor.DAY, number) for number, name in enumerate(DAYS)},
    "hour": (Anchor.UNIT, 1),
    "day": (Anchor.UNIT, 24),
    "week": (Anchor.UNIT, 24 * 7),
    "month": (Anchor.UNIT, 24 * 30),
    "clock": (Anchor.CLOCK, 0),
    "am": (Anchor.CLOCK, 1),
    "pm": (Anchor.CLOCK, 2),
    **{name: (Anchor.KIND, number) for number, name in enumerate(KINDS)},
    "due": (Anchor.DUE, 0),
    "open": (Anchor.OPEN, 0),
    "period": (Anchor.PERIOD, 0),
    "waiting": (Anchor.WAITING, 0),
    "contact": (Anchor.CONTACT, 0),
    "asks": (Anchor.ASKS, 0),
    "twice": (Anchor.TIMES, 2),
    "thrice": (Anchor.TIMES, 3),
}
_UNREAL: Final = {why.name.lower(): why for why in Unreal}
_BESIDE: Final = (
    "by", "by-after", "within", "within-after", "in", "in-after", "of", "at", "am", "pm", "clock",
    "since", "since-after", "ago", "ago-before", "for", "last",
)  # fmt: skip


_BLANK: Final = 0x20
_LONGEST_WORD: Final = 40


class Found(NamedTuple):
    """A word of the automaton in a mail; offsets in the folded text, without the blanks."""

    start: int
    end: int
    anchor: int
    """An `Anchor`."""
    value: int


class _Table:
    """An automaton of words, each with what it means."""

    def __init__(self, words: Iterable[tuple[bytes, tuple[int, int]]]) -> None:
        meanings: dict[bytes, list[tuple[int, int]]] = {}
        for word, meaning in words:
            meanings.setdefault(_literal(word), []).append(meaning)
        self._automaton: Final = BytesAhoCorasick(
            list(meanings) or [b"\0"],  # that of no words cannot be built; NUL is never folded to
            implementation=Implementation.ContiguousNFA,
        )
        self._meanings: Final = tuple(map(tuple, meanings.values()))

    def find(self, folded: bytes) -> list[tuple[int, int, int, int]]:
        """Start and end without the blanks, and the two numbers of the meaning, in order."""
        found = []
        for literal, start, end in self._automaton.find_matches_as_indexes(
            folded, overlapping=True
        ):
            if folded[end - 1] == _BLANK:
                stop = end - 1
            else:
                stop = folded.find(b" ", end, end + _LONGEST_WORD)
                stop = stop if stop >= 0 else end
            for what, value in self._meanings[literal]:
                found.append((start + 1, stop, what, value))
        if len(found) > 1:
            found.sort()
        return found


class Words:
    """The words of one language, compiled. Immutable, and safe to use from several threads."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        """entries: what stands in the file, by key. Raises ValueError for a key that is none."""
        unknown = set(entries) - {*_LISTS, *_WORDS, *_BESIDE, *_UNREAL, "numbers", "ordinals"}
        if unknown:
            raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
        self._anchors: Final = _Table(_anchored(entries))
        self._unreal: Final = _Table(
            (word, (why, 0))
            for key, why in _UNREAL.items()
            for name in _split(entries.get(key, ""))
            for word in _folded(name)
        )
        self._sets: Final = {key: _set(entries.get(key, "")) for key in _BESIDE}
        self.weekdays: Final = frozenset(_numbered(entries.get("weekdays", "")))
        self.numbers: Final = _numbered(entries.get("numbers", ""))
        """Folded number words and what they mean, 1 to 12."""
        self.ordinals: Final = _numbered(entries.get("ordinals", ""))

    def __getitem__(self, key: str) -> frozenset[bytes]:
        """The folded words that stand beside dates: "by", "since", "ago", ..."""
        return self._sets[key]

    def find(self, folded: bytes) -> list[Found]:
        """Every word of the automaton that stands in a folded text, in order, with all it means."""
        return [Found(*place) for place in self._anchors.find(folded)]

    def unreal(self, folded: bytes) -> list[tuple[int, int, Unreal]]:
        """Start, end and meaning of every word that says that something is not so now."""
        return [(start, end, Unreal(why)) for start, end, why, _ in self._unreal.find(folded)]


def _anchored(entries: Mapping[str, str]) -> Iterator[tuple[bytes, tuple[int, int]]]:
    for key, (anchor, first) in _LISTS.items():
        for number, names in enumerate(_split(entries.get(key, "")), first):
            for name in names.split("|"):
                yield from ((word, (anchor, number)) for word in _folded(name))
    for key, (anchor, value) in _WORDS.items():
        for name in _split(entries.get(key, "")):
            yield from ((word, (anchor, value)) for word in _folded(name))


def _literal(word: bytes) -> bytes:
    return b" " + (word[:-1] if word.endswith(b"*") else word + b" ")


def _split(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _folded(word: str) -> Iterable[bytes]:
    star = b"*" if word.endswith("*") else b""
    plain = squeeze(word).strip("*")
    return dict.fromkeys(b" ".join(fold(spelled).split()) + star for spelled in spellings(plain))


def _set(value: str) -> frozenset[bytes]:
    return frozenset(word for name in _split(value) for word in _folded(name))


def _numbered(value: str) -> dict[bytes, int]:
    return {
        word: number
        for number, names in enumerate(_split(value), 1)
        for name in names.split("|")
        for word in _folded(name)
    }


def read_words(file: Path) -> Words:
    """Read the words of one language: `key: word, word`, and comments behind #.

    Raises OSError, and ValueError for a file that is not of that form.
    """
    entries: dict[str, str] = {}
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key, colon, value = line.partition(":")
        if not colon or key in entries:
            raise ValueError(f"{file}:{number}: no 'key: words', or a key that stands twice")
        entries[key] = value
    try:
        return Words(entries)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


@cache
def shipped_words() -> Mapping[str, Words]:
    """The words of every language that ships, by its code; read once a process.

    Raises FileNotFoundError and ValueError when the installation is broken.
    """
    directory = shipped_directory("policies") / "dates"
    return {file.stem: read_words(file) for file in sorted(directory.glob("*.txt"))}
