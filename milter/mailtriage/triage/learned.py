"""What the trained model adds to the rules, in one unit for every facet.

The rules count points, the model weighs words and signals into log-odds. A point of a signal that
the model was trained with adds KNOWN, because the model has weighed that signal already; a point
of one that it has never seen, an organisation's own, adds NEW. The label with the highest sum wins,
and its share under the softmax of all sums is the confidence.

Both numbers were fitted on the corpus with whole industries left out: docs/accuracy.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mailtriage.classifier.features import Text
from mailtriage.classifier.model import Classifier, Opinion, softmax
from mailtriage.classifier.reading import text_of
from mailtriage.policies.matcher import Hit
from mailtriage.policies.text import MailText
from mailtriage.triage.model import Evidence

KNOWN: Final = 0.2
NEW: Final = 1.0
MOST: Final = 8.0
"""Points of one policy that count in one mail, either way."""

_MAX_WORDS: Final = 150
_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Learned:
    """The opinions of the model on one mail; without a model there are none."""

    opinions: Mapping[str, Opinion]
    strange: frozenset[str] = frozenset()
    """Signals that hit and that the model does not know."""

    def points(self, hits: Iterable[Hit], known: float = KNOWN) -> float:
        """The points of these hits in the unit of the model."""
        old = new = 0.0
        for hit in hits:
            if hit.signal.id in self.strange:
                new += hit.points
            else:
                old += hit.points
        return known * max(-MOST, min(MOST, old)) + NEW * max(-MOST, min(MOST, new))


NO_MODEL: Final = Learned({})


def learned(model: Classifier | None, seen: MailText, hits: Iterable[Hit]) -> Learned:
    """Ask the model about a mail whose words the policies have been looked for in."""
    if model is None:
        return NO_MODEL
    signals = [hit.signal.id for hit in hits]
    return Learned(model.opinions(text_of(seen, signals)), model.unknown(signals))


def decide(opinion: Opinion, added: Mapping[str, float]) -> tuple[str, dict[str, float]]:
    """The label with the highest sum of margin and added points; and the share of each label."""
    sums = [
        margin + added.get(label, 0.0)
        for label, margin in zip(opinion.labels, opinion.margins, strict=True)
    ]
    best = opinion.labels[sums.index(max(sums))]
    return best, dict(zip(opinion.labels, softmax(sums), strict=True))


def evidence(facet: str, opinion: Opinion, label: str) -> Evidence:
    """How far the model alone leads with this label, or trails the best other, in log-odds."""
    ranked = sorted(zip(opinion.margins, opinion.labels, strict=True), reverse=True)
    others = [margin for margin, name in ranked if name != label]
    lead = opinion.margin(label) - max(others, default=0.0)
    return Evidence(facet, "model", round(lead, 2), ", then ".join(name for _, name in ranked[:2]))


def with_words(
    why: Iterable[Evidence], model: Classifier, seen: MailText, hits: Iterable[Hit], skill: str
) -> tuple[Evidence, ...]:
    """The evidence of a skill, the model's with the words that told it: for people."""
    text = text_of(seen, [hit.signal.id for hit in hits])
    words = ", ".join(f"{word} {adds:+.1f}" for word, adds in telling_words(model, text, skill))
    return tuple(
        replace(one, where=f"{one.where}: {words}") if one.id == "model" and words else one
        for one in why
    )


def telling_words(model: Classifier, text: Text, skill: str) -> tuple[tuple[str, float], ...]:
    """The words without which the model would be less sure of a skill, with what each adds.

    Every word is left out once, which takes some ten times as long as the mail itself.
    """

    def margin(folded: bytes) -> float:
        opinion = model.opinions(Text(folded, text.typed, text.signals)).get("skill")
        return opinion.margin(skill) if opinion and skill in opinion.labels else 0.0

    words = text.folded.split()
    whole = margin(text.folded)
    distinct = list(dict.fromkeys(words))[:_MAX_WORDS]
    adds = [
        (round(whole - margin(b" ".join(other for other in words if other != word)), 2), word)
        for word in distinct
    ]
    told = sorted((entry for entry in adds if entry[0] > 0), reverse=True)[:_TOLD]
    return tuple((word.decode("latin-1"), value) for value, word in told)
