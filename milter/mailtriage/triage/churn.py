"""How likely the writer is to leave."""

from collections.abc import Sequence

from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy
from mailtriage.triage.evidence import of_hits
from mailtriage.triage.model import Churn, Evidence


def judge(hits: Sequence[Hit], policy: Policy | None) -> tuple[Churn, tuple[Evidence, ...]]:
    """The sum of what speaks for leaving; a move or a death speaks against."""
    if policy is None or not hits:
        return Churn.LOW, ()
    why = of_hits("churn", hits)
    risk = sum(hit.points for hit in hits)
    if risk >= policy.levels["high"]:
        return Churn.HIGH, why
    if risk >= policy.levels["medium"]:
        return Churn.MEDIUM, why
    return Churn.LOW, why
