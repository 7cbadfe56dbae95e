"""Rules D: whether the destination is authenticated."""

from typing import Final

from mailtriage.acks.model import Case, Rule

RULES: Final[tuple[Rule, ...]] = ()


def may_repeat_subject(case: Case) -> bool:
    """Whether the sender's subject may stand in the acknowledgement."""
    return False
