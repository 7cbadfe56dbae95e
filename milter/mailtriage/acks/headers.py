"""Rules B: what the header says."""

from typing import Final

from mailtriage.acks.model import Rule

RULES: Final[tuple[Rule, ...]] = ()
