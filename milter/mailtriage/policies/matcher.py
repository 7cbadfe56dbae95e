"""The matcher: which signals of all policies speak in a mail.

Phrases come from the index (`phrases`), in one pass over the folded mail; `regex` patterns are
tried only where a guard was seen, and with a time limit; conditions look at header, envelope and
file names.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final, NamedTuple

import regex

from mailtriage.mail.model import Mail
from mailtriage.policies.conditions import Condition, is_condition
from mailtriage.policies.fold import PARAGRAPH
from mailtriage.policies.model import PLACES, Policies, Policy, Signal
from mailtriage.policies.phrases import ANY, Phrase, PhraseIndex, Role
from mailtriage.policies.text import MailText, mail_text

__all__ = ["SUBJECT_FACTOR", "Hit", "MailText", "Matcher", "mail_text"]

SUBJECT_FACTOR: Final = 1.5
"""Weight of a hit in the subject: five words that say what the mail is about."""

_LONGEST_WORD: Final = 40
"""Characters; farther apart than this a word, two phrases are not near whatever is between."""

# The dot of "no. 5", "3. Oktober" and "3.50" ends no sentence.
_SENTENCE_END: Final = regex.compile(
    rf"[!?…{PARAGRAPH}](?=[\s\"')\]])|(?<!\b\d{{1,2}})\.(?=[\"')\]]*\s+[^\d\s])"
)
_FROM_WORD_TO_WORD: Final = re.compile(r"\w(?:.*\w)?")
_SHOWN: Final = 60
"""Characters of a hit that are quoted to people."""

GaveUp = Callable[[str, str], None]
"""Told of a pattern that ran into its time limit: name of the policy, id of the signal."""

_Stretch = tuple[int, int]
"""Start and end in the folded text, with the blanks (or letters of a longer word) beside it."""


class Hit(NamedTuple):
    """A signal that speaks in a mail."""

    policy: Policy
    signal: Signal
    points: float
    """Weight times the phrases that were hit, the subject's counted higher."""
    where: str
    """For people: the place and, when asked for, the words: `subject "fakturan"`."""


class Matcher:
    """Compiled policies. Immutable after construction and safe to use from several threads."""

    def __init__(self, policies: Policies, *, time_limit: float = 0.02) -> None:
        """Compile; `time_limit` is in seconds and for one `regex` pattern on one mail."""
        self.policies: Final = policies
        self._time_limit: Final = time_limit
        self.gave_up: GaveUp = _tell_nobody
        self._signals: Final = [
            (policy, signal) for policy in policies.all() for signal in policy.signals
        ]
        self._looks_at: Final = [
            tuple(place in signal.where for place in PLACES) for _, signal in self._signals
        ]
        self._index: Final = PhraseIndex(
            phrase
            for number, (_, signal) in enumerate(self._signals)
            for phrase in _phrases(number, signal)
        )
        self._patterns: Final = {
            number: _compile(policy, signal)
            for number, (policy, signal) in enumerate(self._signals)
            if signal.regex
        }
        self._unguarded: Final = {
            number: pattern
            for number, pattern in self._patterns.items()
            if pattern.unguarded or pattern.marks
        }
        """Those that the phrases alone do not tell whether to try."""
        self._conditions: Final = [
            (number, Condition(signal))
            for number, (_, signal) in enumerate(self._signals)
            if is_condition(signal)
        ]

    def watched(self, gave_up: GaveUp) -> "Matcher":
        """The same matcher, which tells of each pattern that ran into its time limit."""
        other = copy(self)
        other.gave_up = gave_up
        return other

    @property
    def phrases(self) -> int:
        """How many phrases there are."""
        return len(self._index)

    def scan(self, mail: Mail, text: MailText, language: str, *, quote: bool = False) -> list[Hit]:
        """Every signal that hits, in the order of the policies.

        `language` is the language of the mail, or "und": then phrases of every language count.
        `quote` adds the words that were hit to `Hit.where`: for people, who have the time.
        """
        stretches, guarded = self._find_phrases(text, language)
        # Those whose guards are words are not even looked at before one of the words is seen.
        unseen = (item for item in self._unguarded.items() if item[0] not in guarded)
        tried = guarded.union(number for number, pattern in unseen if pattern.may_match(text))
        for number in tried:
            stretches[number] = self._patterns[number].find(
                text, self._looks_at[number], self._time_limit, self.gave_up
            )
        hits = {
            number: _hit(*self._signals[number], text, found, quote=quote)
            for number, found in stretches.items()
            if found
        }
        for number, condition in self._conditions:
            held = condition.holds(mail)
            if held:
                policy, signal = self._signals[number]
                hits[number] = Hit(policy, signal, signal.weight, held)
        return [hits[number] for number in sorted(hits)]

    def _find_phrases(
        self, text: MailText, language: str
    ) -> tuple[dict[int, Sequence[_Stretch]], set[int]]:
        """For each signal where its phrases stand; and the signals whose guard was seen."""
        words: dict[int, dict[int, _Stretch]] = {}
        sides: dict[int, tuple[list[_Stretch], list[_Stretch]]] = {}
        guarded: set[int] = set()
        # Dozens of phrases a mail: nothing is looked up in this loop that can be before it.
        looks_at, body, attachments = self._looks_at, text.body_start, text.attachments_start
        is_words, is_guard = int(Role.WORDS), int(Role.GUARD)
        for signal, role, phrase, start, end in self._index.find(text.folded, language):
            place = 0 if start < body else 1 if start < attachments else 2
            if not looks_at[signal][place]:
                continue
            if role == is_words:
                if signal not in words:
                    words[signal] = {phrase: (start, end)}
                elif phrase not in words[signal]:
                    words[signal][phrase] = (start, end)
            elif role == is_guard:
                guarded.add(signal)
            else:
                if signal not in sides:
                    sides[signal] = ([], [])
                sides[signal][role - 1].append((start, end))
        stretches: dict[int, Sequence[_Stretch]] = {
            signal: tuple(found.values()) for signal, found in words.items()
        }
        for number, (a, b) in sides.items():
            if a and b:
                stretches[number] = _near(text, self._signals[number][1], a, b)
        return stretches, guarded


def _phrases(number: int, signal: Signal) -> Iterable[Phrase]:
    for language, phrases in signal.words.items():
        for text in phrases:
            yield Phrase(number, language, Role.WORDS, text)
    for language, near in signal.near.items():
        for text in near.a:
            yield Phrase(number, language, Role.NEAR_A, text)
        for text in near.b:
            yield Phrase(number, language, Role.NEAR_B, text)
    for text in filter(_has_letters, signal.guard):
        yield Phrase(number, ANY, Role.GUARD, text)


def _has_letters(text: str) -> bool:
    return any(map(str.isalnum, text))


def _hit(
    policy: Policy, signal: Signal, text: MailText, found: Sequence[_Stretch], *, quote: bool
) -> Hit:
    """Weigh the stretches where a signal was seen; those in the subject come first."""
    if len(found) > 1:
        found = sorted(found, key=lambda stretch: stretch[0] >= text.body_start)[: signal.max_hits]
    in_subject = sum(start < text.body_start for start, _ in found)
    points = signal.weight * (SUBJECT_FACTOR * in_subject + len(found) - in_subject)
    if quote:
        where = ", ".join(
            f'{PLACES[text.place(stretch[0])]} "{_quoted(text, stretch)}"' for stretch in found
        )
    else:
        where = PLACES[text.place(found[0][0])]
    return Hit(policy, signal, points, where)


def _quoted(text: MailText, stretch: _Stretch) -> str:
    """The whole words of a stretch, as the writer typed them, without quotes and brackets."""
    start, end = text.whole_words(*stretch)
    typed = text.text[start - 1 : end - 1]
    words = _FROM_WORD_TO_WORD.search(typed)
    return (words.group() if words else typed)[:_SHOWN]


def _near(
    text: MailText, signal: Signal, a: Iterable[_Stretch], b: Iterable[_Stretch]
) -> list[_Stretch]:
    """From one phrase to the other, near enough and within one sentence; no place twice.

    Only the nearest place before each one can be near enough, so that a mail that repeats its
    words costs no more than they are long.
    """
    stretches: list[_Stretch] = []
    before: tuple[list[_Stretch], list[_Stretch]] = ([], [])
    places = sorted([(place, 0) for place in a] + [(place, 1) for place in b])
    for place, side in places:
        # Phrases carry the blanks beside them; two that stand side by side share one.
        apart = (other for other in reversed(before[1 - side]) if other[1] - 1 <= place[0])
        nearest = next(apart, None)
        if nearest is not None and _together(text, nearest, place, signal.within):
            stretches.append((nearest[0], place[1]))
            if len(stretches) == signal.max_hits:
                break
            before[0].clear()
            before[1].clear()
        else:
            before[side].append(place)
    return stretches


def _together(text: MailText, first: _Stretch, second: _Stretch, within: int) -> bool:
    """Whether at most `within` words and no end of a sentence stand between two phrases."""
    if second[0] - first[1] > (within + 1) * _LONGEST_WORD:
        return False
    _, start = text.whole_words(*first)
    end, _ = text.whole_words(*second)
    return len(text.folded[start:end].split()) <= within and not _SENTENCE_END.search(
        text.text, start - 1, end
    )


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A `regex` signal."""

    policy: str
    signal: str
    pattern: regex.Pattern[str]
    marks: tuple[str, ...]
    """Guards of punctuation, of which one must stand in the mail; those of words are phrases."""
    unguarded: bool

    def may_match(self, text: MailText) -> bool:
        """Whether the pattern has no guard, or one of its marks stands in the mail."""
        return self.unguarded or any(mark in text.text for mark in self.marks)

    def find(
        self, text: MailText, looks_at: Sequence[bool], time_limit: float, gave_up: GaveUp
    ) -> list[_Stretch]:
        """Where the pattern stands, once for each part of the mail that it looks at.

        After the time limit the mail goes on without this signal: a wrong tag is worse than none.
        """
        stretches = []
        for place, wanted in enumerate(looks_at):
            if not wanted:
                continue
            start, end = text.bounds(place)
            try:
                # A slice, so that ^ and $ are the ends of the part.
                match = self.pattern.search(text.text[start:end], timeout=time_limit)
            except TimeoutError:
                gave_up(self.policy, self.signal)
                continue
            if match is not None:
                stretches.append((start + match.start(), start + match.end() + 2))
        return stretches


def _compile(policy: Policy, signal: Signal) -> _Pattern:
    return _Pattern(
        policy.name,
        signal.id,
        regex.compile(signal.regex, regex.IGNORECASE),
        tuple(mark for mark in signal.guard if not _has_letters(mark)),
        unguarded=not signal.guard,
    )


def _tell_nobody(_policy: str, _signal: str) -> None:
    pass
