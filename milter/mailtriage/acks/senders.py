"""Rules A: who sent it."""

from typing import Final

from mailtriage.acks.model import Rule

RULES: Final[tuple[Rule, ...]] = ()
