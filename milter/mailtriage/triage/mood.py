"""How the writer feels: what praises minus what complains, and what the trained model hears."""

from collections.abc import Sequence
from typing import Final

from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy
from mailtriage.triage.evidence import of_hits
from mailtriage.triage.learned import NO_MODEL, Learned, decide, evidence
from mailtriage.triage.model import Evidence, Mood

KNOWN: Final = 0.15
"""What a point of the rules adds to the model's log-odds: the model has weighed the signals."""

DOUBT: Final = 1.0
"""Log-odds by which a feeling must lead: in doubt a mail is neutral."""


def judge(
    hits: Sequence[Hit], policy: Policy | None, learned: Learned = NO_MODEL
) -> tuple[Mood, tuple[Evidence, ...]]:
    """With a model the likeliest mood; without one positive and negative need a clear balance, and
    everything between is neutral."""
    why = of_hits("mood", hits)
    opinion = learned.opinions.get("mood")
    if opinion is not None:
        balance = learned.points(hits, KNOWN)
        added: dict[str, float] = {
            Mood.POSITIVE: balance,
            Mood.NEUTRAL: DOUBT,
            Mood.NEGATIVE: -balance,
        }
        label, _ = decide(opinion, added)
        return Mood(label), (*why, evidence("mood", opinion, label))
    if policy is None or not hits:
        return Mood.NEUTRAL, ()
    total = sum(hit.points for hit in hits)
    if total <= policy.levels["negative"]:
        return Mood.NEGATIVE, why
    if total >= policy.levels["positive"]:
        return Mood.POSITIVE, why
    return Mood.NEUTRAL, why
