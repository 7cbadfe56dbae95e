"""What the helpdesks believe must not come from outside, even while the milter is down."""

from collections.abc import Iterator

from mailtriage.commands.postfix_wiring import STRIP_FILE
from mailtriage.config import Config
from mailtriage.config.profiles import GENERIC
from mailtriage.doctor.facts import Facts
from mailtriage.doctor.model import Finding
from mailtriage.doctor.settings import removes, table_first


def helpdesk_headers(facts: Facts) -> Iterator[Finding]:
    """helpdesk-headers: header_checks leave in what a helpdesk of [mailboxes] believes."""
    if facts.postfix is None:
        return
    for field, profile in believed(facts.config).items():
        if not removes(facts.postfix.header_actions.get(field, "")):
            yield Finding(
                "helpdesk-headers",
                "error",
                f"header_checks do not remove a forged {field.partition(':')[0]}, which {profile}"
                " believes",
                "while mailtriage is down a stranger chooses queue and priority of his own mail",
                table_first(facts, facts.postfix, "header_checks", STRIP_FILE),
            )
            return


def believed(config: Config) -> dict[str, str]:
    """A forged field for each name that a profile in use wants removed, and whose profile it is."""
    return {
        f"{name.replace('*', 'Doctor')}: forged": mailbox.profile
        for mailbox in config.mailboxes.mailboxes
        for name in config.profiles.get(mailbox.profile, GENERIC).header_checks
    }
