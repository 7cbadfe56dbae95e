"""Rules G: what came before."""

from typing import Final

from mailtriage.acks.model import Rule

RULES: Final[tuple[Rule, ...]] = ()
