"""Rules I: where an answer goes."""

from typing import Final

from mailtriage.acks.model import Authentication, Destination, Rule
from mailtriage.config.sections import Config, Mailbox
from mailtriage.mail.model import Mail

RULES: Final[tuple[Rule, ...]] = ()


def destination(
    mail: Mail, config: Config, mailbox: Mailbox | None, authentication: Authentication
) -> Destination:
    """Where the acknowledgement would go."""
    return Destination(mail.envelope.sender)
