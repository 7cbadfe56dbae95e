"""Authentication-Results (RFC 8601) of the servers that we trust."""

from mailtriage.acks.model import Authentication
from mailtriage.config.sections import Config
from mailtriage.mail.model import Mail


def read_authentication(mail: Mail, config: Config) -> Authentication:
    """What they found out about the mail."""
    return Authentication()
