"""Rules F: how many there were."""

from typing import Final

from mailtriage.acks.model import Rule

RULES: Final[tuple[Rule, ...]] = ()
