"""How often each phrase occurs in ordinary mail: fading counts that never need more room.

Space-Saving (Metwally, Agrawal and El Abbadi 2005), thrown out in batches: when there are too many
phrases, the rarest go, and what comes anew is taken to have been as frequent as the most frequent
that ever went. So a count may be too high, by no more than `floor`, and never too low: an old
phrase is not taken for a new one.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

CAPACITY: Final = 20_000
FADING: Final = 3_000
"""Mails: the weight of all that was ever counted never adds up to more."""
FEWEST_SENDERS: Final = 4
"""A phrase that fewer people have used is forgotten with the process, and never written down."""

_SLACK: Final = 5_000
_GROWTH: Final = FADING / (FADING - 1)
_HEAVY: Final = 1e9
_VERSION: Final = 1
_GRAM: Final = re.compile(r"[\w#’' -]{1,120}")
_ALL: Final = (1 << 64) - 1


@dataclass(slots=True)
class PhraseCounts:
    """Of one language. Counts are kept in units that grow, so that fading costs nothing."""

    unit: float = 1.0
    """What one mail weighs now."""
    total: float = 0.0
    floor: float = 0.0
    counts: dict[str, float] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    """Of each phrase, 64 bits of which each writer sets one."""

    def add(self, grams: Iterable[str], sender_hash: bytes) -> None:
        """One mail's phrases, each once. `sender_hash`: keyed, 2 bytes or more."""
        bit = 1 << (sender_hash[1] & 63)
        for gram in grams:
            self.counts[gram] = self.counts.get(gram, self.floor) + self.unit
            self.people[gram] = self.people.get(gram, 0) | bit
        self.total += self.unit
        self.unit *= _GROWTH
        if len(self.counts) > CAPACITY + _SLACK:
            self._prune()
        if self.unit > _HEAVY:
            self._rescale()

    def mails(self) -> float:
        """Mails that were counted, faded."""
        return self.total / self.unit

    def of(self, gram: str) -> float:
        """At most so many of them had this phrase."""
        return min(self.counts.get(gram, self.floor), self.total) / self.unit

    def _prune(self) -> None:
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        self.floor = max(self.floor, ranked[CAPACITY][1])
        self.counts = dict(ranked[:CAPACITY])
        self.people = {gram: self.people[gram] for gram in self.counts}

    def _rescale(self) -> None:
        self.counts = {gram: count / self.unit for gram, count in self.counts.items()}
        self.total, self.floor, self.unit = self.total / self.unit, self.floor / self.unit, 1.0

    def to_bytes(self) -> bytes:
        """Only phrases of at least `FEWEST_SENDERS` people."""
        kept = {
            gram: round(count / self.unit, 3)
            for gram, count in self.counts.items()
            if self.people[gram].bit_count() >= FEWEST_SENDERS
        }
        facts = {
            "version": _VERSION,
            "mails": self.mails(),
            "floor": self.floor / self.unit,
            "counts": kept,
        }
        return json.dumps(facts, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "PhraseCounts":
        """Raises ValueError when these are not the bytes of counts of this version."""
        try:
            facts = json.loads(data)
            version, counts = facts["version"], facts["counts"]
            total, floor = float(facts["mails"]), float(facts["floor"])
            numbers = {str(gram): float(count) for gram, count in counts.items()}
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("no phrase counts") from error
        if version != _VERSION or len(numbers) > CAPACITY + _SLACK:
            raise ValueError(f"no phrase counts of version {_VERSION}")
        if not all(math.isfinite(each) and each >= 0 for each in (total, floor, *numbers.values())):
            raise ValueError("phrase counts with impossible numbers")
        if not all(_GRAM.fullmatch(gram) for gram in numbers):
            raise ValueError("phrase counts with something that is no phrase")
        return cls(1.0, total, floor, numbers, dict.fromkeys(numbers, _ALL))
