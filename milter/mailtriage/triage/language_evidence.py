"""How much a piece of text speaks for each language, in natural logarithms of the odds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailtriage.triage.language_detectors import Detector
from mailtriage.triage.language_nearby import CLASSES, MAX_WORDS, Nearby

CLEAR: Final = 14.0
"""A lead of the detector that the arbiter is not asked about: asking costs more than the rest
together, and from here on the detector was right on 99 texts of 100 of more than two words."""

RARE: Final = 4.0
"""What a language outside the first-class twelve must bring more than they to be believed."""

_FIRST_CLASS: Final = frozenset(CLASSES)
_NEARBY: Final = frozenset(("da", "nb", "sv"))
_TRUST: Final = 1.5
"""The arbiter's weight between the Nordic three, for which it was made …"""
_TRUST_ELSEWHERE: Final = 1.0
"""… and between all others."""
_NORWEGIAN: Final = 0.22
"""What detector and lists understate Norwegian by, for the root of each character: two standards
share what Danish has for itself."""

_UNREAD: Final = 0.6
"""The best fit of words that the detector cannot read at all and the arbiter knows."""

_EDGES: Final = ".,;:!?()[]{}<>\"'’‘“”„«»…*_–—-"


@dataclass(frozen=True, slots=True)
class Leader:
    """The language that leads, by how much, and who follows."""

    code: str
    lead: float
    second: str


@dataclass(slots=True)
class Said:
    """What a piece of text says."""

    odds: dict[str, float]
    """By language; the detector's first one is 0. Languages that neither the detector named nor the
    arbiter knows are missing; empty when the text says nothing."""
    fit: float = 0.0
    """How much the text looks like the detector's first language, from 0 (not at all) to 1."""


def evidence(words: Sequence[str], detector: Detector, nearby: Nearby | None) -> Said:
    """What the words say; without `nearby` the detector alone is asked."""
    text = " ".join(words)
    ranked = detector.rank(text)
    root = min(len(text), 600) ** 0.5
    weight = detector.sharpness * root
    found = _relative(ranked, weight)
    if nearby is not None and leader(found).lead < CLEAR:
        own = nearby.scores(plain_words(words))
        if own:
            for code, odds in own.items():
                trust = _TRUST if code in _NEARBY else _TRUST_ELSEWHERE
                found[code] = found.get(code, -weight) + trust * odds
            if "nb" in own:
                found["nb"] += _NORWEGIAN * root
    fit = ranked[0][1] if ranked else min(_UNREAD, leader(found).lead / 8)
    return Said(found, fit)


def _relative(ranked: Sequence[tuple[str, float]], weight: float) -> dict[str, float]:
    if not ranked:
        return {}
    top = ranked[0][1]
    return {
        code: weight * (score / top - 1) - (0.0 if code in _FIRST_CLASS else RARE)
        for code, score in ranked
    }


def leader(found: dict[str, float]) -> Leader:
    """The first and the second of `evidence`; of equals, the one that stands first."""
    best, second = "", ""
    high = runner_up = float("-inf")
    for code, odds in found.items():
        if odds > high:
            second, runner_up = best, high
            best, high = code, odds
        elif odds > runner_up:
            second, runner_up = code, odds
    return Leader(best, min(high - runner_up, 99.0) if best else 0.0, second)


def plain_words(words: Sequence[str]) -> list[str]:
    """At most `MAX_WORDS` words in lower case, without names and titles if anything else is left.

    Within a sentence the capital of a word marks a name, which is of no language; where whole texts
    stand in capitals, and in German, that is no loss: the small words say enough.
    """
    small = [
        word
        for place, word in enumerate(words[: 4 * MAX_WORDS])
        if not place or not word[:1].isupper()
    ]
    chosen = small if any(map(str.islower, small)) else words
    plain = [word.strip(_EDGES).lower() for word in chosen[: 2 * MAX_WORDS]]
    return [word for word in plain if word.isalpha()][:MAX_WORDS]
