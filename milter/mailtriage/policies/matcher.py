"""The matcher: all phrases of all policies in one pass over a mail.

The phrases are compiled into one Aho-Corasick automaton over folded bytes (`fold`). What it finds is
what the policies mean, whole words and languages included, so nothing has to be confirmed afterwards;
`regex` patterns are tried only where a guard phrase was seen, and with a time limit.

Why not one pattern set of a regular-expression engine: see docs/performance.md.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import regex
from ahocorasick_rs import BytesAhoCorasick, Implementation

from mailtriage.mail.model import Mail
from mailtriage.policies.fold import PARAGRAPH, fold, spellings, squeeze
from mailtriage.policies.model import Policies, Policy, Signal

SUBJECT_FACTOR: Final = 1.5
"""A hit in the subject weighs this much: what somebody puts into five words is what the mail is about."""

MAX_NEAR_POSITIONS: Final = 16
"""Positions of each side of a `near` that are compared; a mail that repeats a word gains nothing."""

_SENTENCE_END: Final = regex.compile(rf"[.!?…{PARAGRAPH}](?=[\s\"')\]]|$)")
_WORDS, _NEAR_A, _NEAR_B, _GUARD = range(4)


@dataclass(frozen=True, slots=True)
class Hit:
    """A signal that speaks in a mail."""

    policy: Policy
    signal: Signal
    points: float
    """Weight times the phrases that were hit, the subject's counted higher."""
    where: str
    """For people: the place and the words, `subject "fakturan"`."""


@dataclass(frozen=True, slots=True)
class MailText:
    """What is scanned of a mail: subject, newest text and file names in one squeezed line."""

    text: str
    folded: bytes
    """Begins and ends with one blank more than `text`, so that every word has one on either side."""
    body_start: int
    attachments_start: int

    def place(self, start: int) -> str:
        """Which part of the mail the character at that offset belongs to."""
        if start < self.body_start:
            return "subject"
        return "body" if start < self.attachments_start else "attachment"


def mail_text(mail: Mail) -> MailText:
    """Join and fold the parts of a mail that policies look at."""
    subject = squeeze(mail.subject)
    body = squeeze(mail.newest_text)
    names = squeeze(f" {PARAGRAPH} ".join(part.name for part in mail.attachments if part.name))
    text = f"{subject} {PARAGRAPH} {body} {PARAGRAPH} {names}"
    body_start = len(subject) + 3
    return MailText(text, b" " + fold(text) + b" ", body_start, body_start + len(body) + 3)


@dataclass(frozen=True, slots=True)
class _Atom:
    """One phrase of one signal in one language."""

    signal: int
    language: str
    role: int
    phrase: int
    rest: re.Pattern[bytes] | None = None
    """The whole phrase, for one with a star inside: the automaton knows only what stands before it."""


@dataclass(slots=True)
class _Found:
    """Where the phrases of one signal stand: for each role, phrase number to (start, end)."""

    words: dict[int, tuple[int, int]]
    near_a: list[tuple[int, int]]
    near_b: list[tuple[int, int]]
    guarded: bool = False


class Matcher:
    """Compiled policies. Immutable after construction and safe to use from several threads."""

    def __init__(self, policies: Policies, *, time_limit: float = 0.02) -> None:
        """Compile; `time_limit` is in seconds and for one `regex` pattern on one mail."""
        self.policies: Final = policies
        self._time_limit: Final = time_limit
        self._signals: Final[list[tuple[Policy, Signal]]] = [
            (policy, signal) for policy in policies.all() for signal in policy.signals
        ]
        literals: dict[bytes, list[_Atom]] = {}
        phrase_number = 0
        for number, (_, signal) in enumerate(self._signals):
            for language, role, phrase in _phrases(signal):
                phrase_number += 1
                for literal, rest in compile_phrase(phrase):
                    literals.setdefault(literal, []).append(
                        _Atom(number, language, role, phrase_number, rest)
                    )
        self.phrases: Final = phrase_number
        self._automaton: Final = BytesAhoCorasick(
            list(literals) or [b"\x00"], implementation=Implementation.DFA
        )
        self._atoms: Final = list(literals.values()) or [[]]
        self._languages: Final = {atom.language for atoms in self._atoms for atom in atoms}
        self._by_language: Final[dict[str, list[tuple[_Atom, ...]]]] = {}
        self._patterns: Final = {
            number: regex.compile(signal.regex, regex.IGNORECASE)
            for number, (_, signal) in enumerate(self._signals)
            if signal.regex
        }
        self._conditions: Final = [
            number for number, (_, signal) in enumerate(self._signals) if _is_condition(signal)
        ]

    def scan(self, mail: Mail, text: MailText, language: str) -> list[Hit]:
        """Every signal that hits, in the order of the policies.

        `language` is the language of the mail, or "und": then phrases of every language count.
        """
        found = self._find(text.folded, language)
        hits: list[tuple[int, Hit]] = []
        for number, places in found.items():
            policy, signal = self._signals[number]
            spans: Iterable[tuple[int, int]] = places.words.values()
            if signal.near:
                spans = _near(text, signal, places)
            hit = _hit(policy, signal, text, spans)
            if hit is not None:
                hits.append((number, hit))
        for number, pattern in self._patterns.items():
            policy, signal = self._signals[number]
            if signal.guard and not self._guarded(number, signal, found, text):
                continue
            spans = _search(pattern, text, signal, self._time_limit)
            hit = _hit(policy, signal, text, spans)
            if hit is not None:
                hits.append((number, hit))
        for number in self._conditions:
            policy, signal = self._signals[number]
            where = _condition_holds(signal, mail)
            if where:
                hits.append((number, Hit(policy, signal, signal.weight, where)))
        hits.sort(key=lambda item: item[0])
        return [hit for _, hit in hits]

    def _find(self, folded: bytes, language: str) -> dict[int, _Found]:
        if language != "und" and language not in self._languages:
            language = "any"
        table = self._by_language.get(language)
        if table is None:
            # Two threads may both build it when a language is first met; they build the same.
            table = self._by_language[language] = self._table(language)
        found: dict[int, _Found] = {}
        for literal, start, end in self._automaton.find_matches_as_indexes(
            folded, overlapping=True
        ):
            for atom in table[literal]:
                if atom.rest is not None:
                    match = atom.rest.match(folded, start)
                    if match is None:
                        continue
                    end = match.end()  # noqa: PLW2901  the phrase ends later than its first part
                places = found.get(atom.signal)
                if places is None:
                    places = found[atom.signal] = _Found({}, [], [])
                if atom.role == _WORDS:
                    places.words.setdefault(atom.phrase, (start, end))
                elif atom.role == _GUARD:
                    places.guarded = True
                else:
                    side = places.near_a if atom.role == _NEAR_A else places.near_b
                    if len(side) < MAX_NEAR_POSITIONS:
                        side.append((start, end))
        return found

    def _guarded(
        self, number: int, signal: Signal, found: Mapping[int, _Found], text: MailText
    ) -> bool:
        """Whether one of the guards of a pattern stands in the mail."""
        if number in found and found[number].guarded:
            return True
        return any(mark in text.text for mark in signal.guard if not _has_letters(mark))

    def _table(self, language: str) -> list[tuple[_Atom, ...]]:
        """The atoms that count in a mail of this language, for each literal."""
        return [
            tuple(atom for atom in atoms if language == "und" or atom.language in ("any", language))
            for atoms in self._atoms
        ]


def compile_phrase(phrase: str) -> list[tuple[bytes, re.Pattern[bytes] | None]]:
    """The folded byte strings that a phrase begins with, each with what must follow, if anything.

    A blank stands at each end where no `*` is, so that only whole words are found.
    """
    first, star, tail = phrase.strip("*").partition("*")
    begin = b"" if phrase.startswith("*") else b" "
    end = b"" if phrase.endswith("*") else b" "
    if not star:
        return [(begin + spelled.strip() + end, None) for spelled in spellings(squeeze(first))]
    compiled: list[tuple[bytes, re.Pattern[bytes] | None]] = []
    # Few phrases have a star inside, so a mix of spellings within one phrase is left out.
    for head, *others in zip(*map(spellings, (first, *tail.split("*"))), strict=False):
        pattern = rb"[^ ]{0,40}".join(re.escape(part) for part in (begin + head, *others)) + end
        compiled.append((begin + head, re.compile(pattern)))
    return compiled


def _phrases(signal: Signal) -> Iterable[tuple[str, int, str]]:
    for language, phrases in signal.words.items():
        for phrase in phrases:
            yield language, _WORDS, phrase
    for language, near in signal.near.items():
        for phrase in near.a:
            yield language, _NEAR_A, phrase
        for phrase in near.b:
            yield language, _NEAR_B, phrase
    for phrase in filter(_has_letters, signal.guard):
        yield "any", _GUARD, phrase


def _has_letters(text: str) -> bool:
    return any(map(str.isalnum, text))


def _hit(
    policy: Policy, signal: Signal, text: MailText, spans: Iterable[tuple[int, int]]
) -> Hit | None:
    """Weigh the places where a signal was seen; None when none of them is where it looks."""
    counted: list[tuple[float, str]] = []
    for start, end in spans:
        place = text.place(start)
        if place in signal.where:
            factor = SUBJECT_FACTOR if place == "subject" else 1.0
            counted.append((factor, f'{place} "{_quote(text, start, end)}"'))
    if not counted:
        return None
    counted.sort(key=lambda item: -item[0])
    counted = counted[: signal.max_hits]
    points = signal.weight * sum(factor for factor, _ in counted)
    return Hit(policy, signal, points, ", ".join(where for _, where in counted))


def _quote(text: MailText, start: int, end: int) -> str:
    """The whole words around a span of the folded text, as the writer typed them."""
    folded = text.folded
    while start > 0 and folded[start] != 0x20 and folded[start - 1] != 0x20:
        start -= 1
    while end < len(folded) and folded[end - 1] != 0x20 and folded[end] != 0x20:
        end += 1
    # `folded` begins with one blank that `text` does not have.
    return text.text[max(start - 1, 0) : end - 1].strip()[:60]


def _near(text: MailText, signal: Signal, places: _Found) -> Sequence[tuple[int, int]]:
    """Spans that begin at one phrase and end at the other, near enough and in one sentence."""
    spans = []
    for a in places.near_a:
        for b in places.near_b:
            first, second = (a, b) if a <= b else (b, a)
            # Phrases carry the blanks beside them; two that stand side by side share one.
            if second[0] < first[1] - 1:
                continue
            between = text.folded[first[1] : max(second[0], first[1])]
            if len(between.split()) > signal.within:
                continue
            if _SENTENCE_END.search(text.text, max(first[1] - 2, 0), second[0]):
                continue
            spans.append((first[0], second[1]))
            if len(spans) == signal.max_hits:
                return spans
    return spans


def _search(
    pattern: regex.Pattern[str], text: MailText, signal: Signal, time_limit: float
) -> list[tuple[int, int]]:
    """Spans (in offsets of `folded`) of a pattern in the parts that the signal looks at."""
    bounds = {
        "subject": (0, text.body_start),
        "body": (text.body_start, text.attachments_start),
        "attachment": (text.attachments_start, len(text.text)),
    }
    spans = []
    for place in signal.where:
        start, end = bounds[place]
        try:
            match = pattern.search(text.text, start, end, timeout=time_limit)
        except TimeoutError:
            # The mail goes on without this signal: a wrong tag is worse than none.
            continue
        if match is not None:
            spans.append((match.start() + 1, match.end() + 1))
    return spans


def _is_condition(signal: Signal) -> bool:
    return bool(signal.header or signal.recipient or signal.sender or signal.attachment)


def _condition_holds(signal: Signal, mail: Mail) -> str:
    """Where a condition on header, envelope or attachments holds; empty when it does not."""
    if signal.header is not None:
        condition = signal.header
        values = mail.headers.values(condition.name)
        if condition.contains:
            held = any(_contains(value, condition.contains) for value in values)
        else:
            held = bool(values) == condition.present
        return f"header {condition.name}" if held else ""
    if signal.recipient:
        held = any(_fits(address, signal.recipient) for address in mail.envelope.recipients)
        return "recipient" if held else ""
    if signal.sender:
        held = _fits(mail.envelope.sender, signal.sender) or _fits(mail.from_address, signal.sender)
        return "sender" if held else ""
    if signal.attachment is not None:
        wanted = signal.attachment
        for part in mail.attachments:
            fits_type = not wanted.types or _fits(part.content_type, wanted.types)
            if fits_type and (not wanted.names or _fits(part.name, wanted.names)):
                return f'attachment "{part.name[:60]}"'
    return ""


def _contains(value: str, words: Sequence[str]) -> bool:
    lower = value.lower()
    return any(word.lower() in lower for word in words)


def _fits(value: str, globs: Sequence[str]) -> bool:
    lower = value.lower()
    return any(fnmatch.fnmatchcase(lower, glob.lower()) for glob in globs)
