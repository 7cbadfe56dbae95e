"""What the trained model adds to the rules, in one unit for every facet.

The rules count points, the model weighs words and signals into log-odds. A point of a signal that
the model was trained with adds KNOWN, because the model has weighed that signal already; a point
of one that it has never seen, an organisation's own, adds NEW. The label with the highest sum wins,
and its share under the softmax of all sums is the confidence.

Both numbers were fitted on the corpus with whole industries left out: docs/accuracy.md.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mailtriage.classifier.features import Text
from mailtriage.classifier.model import Classifier, Opinion
from mailtriage.classifier.reading import text_of
from mailtriage.policies.matcher import Hit
from mailtriage.policies.text import MailText
from mailtriage.triage.model import Evidence

KNOWN: Final = 0.2
NEW: Final = 1.0
MOST: Final = 8.0
"""Points of one policy that count in one mail, either way."""


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
    sums = np.array(
        [
            float(margin) + added.get(label, 0.0)
            for label, margin in zip(opinion.labels, opinion.margins, strict=True)
        ]
    )
    shares = np.exp(sums - sums.max())
    shares /= shares.sum()
    found = dict(zip(opinion.labels, map(float, shares), strict=True))
    return opinion.labels[int(sums.argmax())], found


def evidence(facet: str, opinion: Opinion, label: str) -> Evidence:
    """How far the model alone leads with this label, or trails the best other, in log-odds."""
    others = [
        float(margin)
        for name, margin in zip(opinion.labels, opinion.margins, strict=True)
        if name != label
    ]
    lead = opinion.margin(label) - max(others, default=0.0)
    ranked = sorted(zip(opinion.probabilities.tolist(), opinion.labels, strict=True), reverse=True)
    where = ", ".join(f"{name} {share:.2f}" for share, name in ranked[:2])
    return Evidence(facet, "model", round(lead, 2), where)


def telling_words(
    model: Classifier, text: Text, facet: str, label: str, most: int = 5
) -> tuple[tuple[str, float], ...]:
    """The words without which the model would be least sure of a label, with what each adds.

    For people: every word is left out once, which takes some 10 ms a mail.
    """
    return _telling(lambda folded: _margin(model, text, folded, facet, label), text.folded, most)


def _margin(model: Classifier, text: Text, folded: bytes, facet: str, label: str) -> float:
    opinion = model.opinions(Text(folded, text.typed, text.signals)).get(facet)
    return opinion.margin(label) if opinion and label in opinion.labels else 0.0


_MAX_WORDS: Final = 150


def _telling(
    margin: Callable[[bytes], float], folded: bytes, most: int
) -> tuple[tuple[str, float], ...]:
    words = folded.split()
    whole = margin(folded)
    distinct = list(dict.fromkeys(words))[:_MAX_WORDS]
    adds = [
        (whole - margin(b" ".join(other for other in words if other != word)), word)
        for word in distinct
    ]
    adds.sort(reverse=True)
    return tuple((word.decode("latin-1"), round(value, 2)) for value, word in adds[:most])
