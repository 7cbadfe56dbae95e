"""How the writer feels: what praises minus what complains."""

from collections.abc import Sequence

from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy
from mailtriage.triage.evidence import of_hits
from mailtriage.triage.model import Evidence, Mood


def judge(hits: Sequence[Hit], policy: Policy | None) -> tuple[Mood, tuple[Evidence, ...]]:
    """Positive and negative need a clear balance; everything between is neutral."""
    if policy is None or not hits:
        return Mood.NEUTRAL, ()
    why = of_hits("mood", hits)
    balance = sum(hit.points for hit in hits)
    if balance <= policy.levels["negative"]:
        return Mood.NEGATIVE, why
    if balance >= policy.levels["positive"]:
        return Mood.POSITIVE, why
    return Mood.NEUTRAL, why
