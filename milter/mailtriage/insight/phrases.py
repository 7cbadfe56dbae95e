"""Phrases that come up in the latest mail and did not before: the sign of a topic without a name.

The last 150 mails of a language are held against the fading memory of the 3,000 before. What is
compared is how many mails have a stem, two stems in a row, or two with one word between, by
Dunning's log-likelihood ratio (1993), which does not mistake small numbers for large ones. What is
frequent everywhere ("hello", "order", a footer) is learnt from the mail itself; no stop words.

Privacy: the window lives in memory alone; a phrase is shown, or written down (phrase_counts.py),
only when at least four people have used it; digits are masked; addresses and links are left out.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Final

from mailtriage.insight.counts import MAILS_A_SENDER, MOST_EXAMPLES
from mailtriage.insight.phrase_counts import FEWEST_SENDERS, PhraseCounts

WINDOW: Final = 150
FEWEST_MAILS: Final = 5
SURE: Final = 22.0
"""G²: nothing false in 39,000 questions to a bank, nor in 6,000 mails of 70 words."""
FEWEST_KNOWN: Final = 300
"""Mails in memory before anything can be new."""
MOST_PHRASES: Final = 5
"""That are shown of one finding."""

_COMMON: Final = 0.12
"""Share of mails from which on a word says nothing by itself."""
_OVERLAP: Final = 0.6
_SILENT: Final = 14 * 86400
"""Seconds for which what was told once is not told again."""
_MOST_WORDS: Final = 80
_MOST_TOLD: Final = 2000
_LONGEST_WORD: Final = 30

_NO_WORDS: Final = re.compile(r"(?:https?://|www\.)\S{1,2000}|\S{1,200}@\S{1,200}")
_WORD: Final = re.compile(r"\w+(?:[’']\w+)*|[.!?;:\n]")

Stem = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Seen:
    """One mail of the window."""

    time: int
    sender: bytes
    """Keyed hash."""
    queue_id: str
    labels: frozenset[str]
    grams: Mapping[str, str]
    """Stems → as it was written."""


@dataclass(frozen=True, slots=True)
class Emerging:
    """A phrase, or several that the same mails have."""

    language: str
    phrases: tuple[str, ...]
    """As written, the surest first, at most `MOST_PHRASES`."""
    mails: int
    senders: int
    evidence: float
    """G² of the surest."""
    since: int
    queue_ids: tuple[str, ...]


@dataclass(slots=True)
class Watch:
    """The mail of one language. `add` each mail, `scan` now and then."""

    language: str
    stem: Stem = str
    ignore: frozenset[str] = frozenset()
    """Grams of our own acknowledgements (`grams`): customers quote them."""
    known: PhraseCounts = field(default_factory=PhraseCounts)
    window: deque[Seen] = field(default_factory=deque)
    told: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        text: str,
        time: int,
        sender: bytes,
        queue_id: str = "",
        labels: Iterable[str] = (),
    ) -> None:
        """The newest text of a mail, subject included, without quotes and signature.

        `sender`: a keyed hash of 2 bytes or more.
        """
        found = {
            gram: written
            for gram, written in grams(text, self.stem).items()
            if gram not in self.ignore
        }
        self.window.append(Seen(time, sender, queue_id, frozenset(labels), found))
        if len(self.window) > WINDOW:
            left = self.window.popleft()
            self.known.add(left.grams, left.sender)

    def scan(self, now: int) -> list[Emerging]:
        """What is new, and was not told in the last fortnight; the surest first."""
        if self.known.mails() < FEWEST_KNOWN:
            return []
        self.told = {gram: at for gram, at in self.told.items() if now - at < _SILENT}
        findings = []
        for group in _grouped(self._risen(self.window, SURE)):
            old = sum(each.gram in self.told for each in group)
            if group[0].gram not in self.told and 2 * old < len(group):
                findings.append(self._emerging(group))
            for each in group:
                self.told[each.gram] = now
        if len(self.told) > _MOST_TOLD:
            self.told = dict(list(self.told.items())[-_MOST_TOLD:])
        return findings

    def typical(self, label: str) -> tuple[str, ...]:
        """Phrases of the window's mails that have a label, such as a topic that surges."""
        mails = [each for each in self.window if label in each.labels]
        if self.known.mails() < FEWEST_KNOWN:
            return ()
        groups = _grouped(self._risen(mails, SURE / 2))
        return tuple(_written(group)[0] for group in groups[:MOST_PHRASES])

    def _says_something(self, gram: str) -> bool:
        """A word, or one of two, that is not common; of a pair with a gap, both.

        Asked when something is told, not when it is counted: what is common changes, and counts of
        then and now would not be of the same thing.
        """
        most = _COMMON * self.known.mails()
        rare = [self.known.of(stem) <= most for stem in gram.split(" ") if len(stem) > 2]
        return all(rare) if " _ " in gram else any(rare)

    def _risen(self, mails: Iterable[Seen], sure: float) -> "list[_Risen]":
        mails = list(mails)
        often = Counter(gram for each in mails for gram in each.grams)
        before = self.known.mails()
        found = []
        for gram, count in often.items():
            if count < FEWEST_MAILS:
                continue
            if g_squared(count, len(mails), self.known.of(gram), before) < sure:
                continue
            if not self._says_something(gram):
                continue
            where = [index for index, each in enumerate(mails) if gram in each.grams]
            senders = len({mails[index].sender for index in where})
            counted = min(count, MAILS_A_SENDER * senders)
            evidence = g_squared(counted, len(mails), self.known.of(gram), before)
            if senders >= FEWEST_SENDERS and evidence >= sure:
                # Of the ways in which it was written the most frequent; of equals the first.
                ways = Counter(mails[index].grams[gram] for index in where)
                written = min(ways, key=lambda way: (-ways[way], way))
                found.append(_Risen(gram, written, evidence, frozenset(where)))
        return sorted(found, key=lambda each: (-each.evidence, -len(each.gram), each.gram))

    def _emerging(self, group: "list[_Risen]") -> Emerging:
        mails = [self.window[index] for index in sorted(group[0].where)]
        examples = [each.queue_id for each in mails if each.queue_id]
        return Emerging(
            self.language,
            _written(group)[:MOST_PHRASES],
            len(mails),
            len({each.sender for each in mails}),
            group[0].evidence,
            mails[0].time,
            tuple(examples[-MOST_EXAMPLES:]),
        )


def g_squared(recent: float, mails: float, before: float, mails_before: float) -> float:
    """Dunning's statistic for a share that has risen; 0 where it has not."""
    if not mails or not mails_before or recent / mails <= before / mails_before:
        return 0.0
    both = (recent + before) / (mails + mails_before)
    apart = _likelihood(recent, mails, recent / mails)
    apart += _likelihood(before, mails_before, before / mails_before)
    return 2 * (apart - _likelihood(recent, mails, both) - _likelihood(before, mails_before, both))


def _likelihood(hits: float, mails: float, share: float) -> float:
    found = hits * log(share) if hits else 0.0
    return found + ((mails - hits) * log(1 - share) if mails > hits and share < 1 else 0.0)


def grams(text: str, stem: Stem = str) -> dict[str, str]:
    """Stems, pairs, and pairs with a gap, each with how it is written; of the first 80 words.

    One of a pair has three letters or more, and both of a pair with a gap; none spans a sentence's
    end.
    """
    found: dict[str, str] = {}
    for words in _sentences(text):
        stems = [stem(word) for word in words]
        long = [len(word) > 2 for word in words]
        for i, word in enumerate(words):
            if long[i]:
                found.setdefault(stems[i], word)
            if i and (long[i] or long[i - 1]):
                found.setdefault(f"{stems[i - 1]} {stems[i]}", f"{words[i - 1]} {word}")
            if i > 1 and long[i] and long[i - 2]:
                found.setdefault(f"{stems[i - 2]} _ {stems[i]}", f"{words[i - 2]} … {word}")
    return found


def _sentences(text: str) -> list[list[str]]:
    sentences: list[list[str]] = [[]]
    left = _MOST_WORDS
    for match in _WORD.finditer(_NO_WORDS.sub(" . ", text[:20_000].lower())):
        word = match[0]
        if not word[0].isalnum() and word[0] != "_":
            sentences.append([])
            continue
        # Whatever has a digit in it may be an order number, a telephone, a birthday.
        masked = "#" if any(letter.isdigit() for letter in word) else word.strip("_")
        if masked and len(masked) <= _LONGEST_WORD:
            sentences[-1].append(masked)
        left -= 1
        if not left:
            break
    return sentences


@dataclass(frozen=True, slots=True)
class _Risen:
    gram: str
    written: str
    evidence: float
    where: frozenset[int]
    """Indexes of the mails that have it."""


def _grouped(risen: Sequence[_Risen]) -> list[list[_Risen]]:
    """Phrases of largely the same mails together; the surest leads its group."""
    groups: list[list[_Risen]] = []
    for each in risen:
        for group in groups:
            shared = len(each.where & group[0].where)
            if shared >= _OVERLAP * min(len(each.where), len(group[0].where)):
                group.append(each)
                break
        else:
            groups.append([each])
    return groups


def _written(group: Sequence[_Risen]) -> tuple[str, ...]:
    """The group's phrases, without those that a longer one of them has in it."""
    texts = [each.written for each in group]
    return tuple(
        text
        for i, text in enumerate(texts)
        if text not in texts[:i]
        and not any(f" {text} " in f" {other} " for other in texts if other != text)
    )
