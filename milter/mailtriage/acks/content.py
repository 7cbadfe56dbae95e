"""Rules C: what it carries."""

from typing import Final

from mailtriage.acks.model import Case, Generic, Rule

RULES: Final[tuple[Rule, ...]] = ()


def generic(case: Case) -> Generic:
    """Why the acknowledgement must say nothing of the matter; empty when it may."""
    return ""
