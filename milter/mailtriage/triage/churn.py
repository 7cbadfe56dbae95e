"""How likely the writer is to leave: what speaks for it, and what the trained model hears."""

from collections.abc import Sequence
from typing import Final

from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy
from mailtriage.triage.evidence import of_hits
from mailtriage.triage.learned import NO_MODEL, Learned, decide, evidence
from mailtriage.triage.model import Churn, Evidence

KNOWN: Final = 1.3
"""What a point of the rules adds to the model's log-odds: who says it plainly, leaves."""

HALF: Final = 0.4
"""Of that, what counts for "medium"."""

AGAINST: Final = 0.3
"""What a point against leaving (a move, a death) adds for "low"."""

DOUBT: Final = 0.5
"""Log-odds that "high" must lead by: somebody is called to win the customer back."""


def judge(
    hits: Sequence[Hit], policy: Policy | None, learned: Learned = NO_MODEL
) -> tuple[Churn, tuple[Evidence, ...]]:
    """With a model the likeliest level; without one the sum of what speaks for leaving, from which
    a move or a death is taken off."""
    why = of_hits("churn", hits)
    opinion = learned.opinions.get("churn")
    if opinion is not None:
        risk = learned.points(hits, KNOWN)
        staying = AGAINST * sum(-hit.points for hit in hits if hit.points < 0)
        label, _ = decide(
            opinion, {Churn.HIGH: risk - DOUBT, Churn.MEDIUM: HALF * risk, Churn.LOW: staying}
        )
        return Churn(label), (*why, evidence("churn", opinion, label))
    if policy is None or not hits:
        return Churn.LOW, ()
    total = sum(hit.points for hit in hits)
    if total >= policy.levels["high"]:
        return Churn.HIGH, why
    if total >= policy.levels["medium"]:
        return Churn.MEDIUM, why
    return Churn.LOW, why
