"""Rules E: whom it was written to."""

from typing import Final

from mailtriage.acks.model import Rule
from mailtriage.config.sections import Config, Mailbox
from mailtriage.mail.model import Mail

RULES: Final[tuple[Rule, ...]] = ()


def service_mailbox(mail: Mail, config: Config) -> tuple[Mailbox | None, str]:
    """The one service mailbox that answers this mail, and the envelope recipient that led to it."""
    return None, ""
