"""What the routes of [mailboxes] need of Postfix."""

from collections.abc import Iterator

from mailtriage.commands.postfix_wiring import ROUTE_FILE
from mailtriage.config import Config
from mailtriage.config.profiles import DEFAULT_WORD
from mailtriage.doctor.facts import Facts
from mailtriage.doctor.model import Finding
from mailtriage.doctor.settings import table_first


def original_recipient(facts: Facts) -> Iterator[Finding]:
    """original-recipient: a routed mail may reach nobody."""
    modes = {mailbox.route for mailbox in facts.config.mailboxes.mailboxes}
    if facts.postfix is None or "recipient" not in modes:
        return
    if facts.postfix.main.get("enable_original_recipient") != "yes":
        yield Finding(
            "original-recipient",
            "error",
            "enable_original_recipient is off, and the milter replaces recipients"
            ' (route = "recipient")',
            "where an alias of yours leads to the new recipient as well, Postfix takes it for a"
            " duplicate: the mail reaches nobody",
            facts.shell.set_main("enable_original_recipient", "yes"),
        )


def route_checks(facts: Facts) -> Iterator[Finding]:
    """route-checks: Postfix does not send mail to the address of its route."""
    if facts.postfix is None:
        return
    actions = facts.postfix.route_actions
    for field, address in redirected(facts.config).items():
        found = actions.get(field, "")
        if found != f"REDIRECT {address}":
            yield Finding(
                "route-checks",
                "error",
                f"milter_header_checks have '{found or 'nothing'}' for {field}, and must send it to"
                f" {address}",
                "mail stays where it was sent to, or goes to the wrong queue of the helpdesk",
                table_first(facts, facts.postfix, "milter_header_checks", ROUTE_FILE),
            )
            return


def redirected(config: Config) -> dict[str, str]:
    """For mailboxes with route = "postfix": a header field of each route, and its address."""
    routed = [mailbox for mailbox in config.mailboxes.mailboxes if mailbox.route == "postfix"]
    return {
        f"X-Mailtriage-Route: {'doctor-und' if key == DEFAULT_WORD else key}": address
        for mailbox in routed[:1]
        for key, address in mailbox.routes.items()
    }
