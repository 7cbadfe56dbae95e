"""All checks, in the order in which a mail meets what they look at."""

from collections.abc import Callable, Iterator
from typing import Final

from mailtriage.doctor import (
    authentication,
    clock,
    desk,
    disk,
    dry_run,
    helpdesks,
    knowledge,
    port,
    returns,
    routes,
    services,
    settings,
    sockets,
    state,
)
from mailtriage.doctor.facts import Facts
from mailtriage.doctor.model import Finding, Severity

Check = Callable[[Facts], Iterator[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    settings.postfix_there,
    settings.header_checks,
    helpdesks.helpdesk_headers,
    settings.milter_missing,
    settings.milter_address,
    settings.milter_last,
    settings.default_action,
    settings.milter_timeouts,
    settings.milter_protocol,
    settings.not_for_sendmail,
    services.unseen_services,
    services.tags_removed,
    sockets.milter_listens,
    sockets.milter_open,
    sockets.probe,
    authentication.nobody_trusted,
    authentication.results_forgeable,
    settings.hidden_domain_open,
    desk.transport,
    desk.desk_service,
    desk.flush,
    desk.sweeper,
    desk.desk_listens,
    port.port_service,
    port.port_loops,
    port.port_unsigned,
    port.port_listens,
    returns.returns_domain,
    returns.returns_way,
    returns.returns_open,
    routes.original_recipient,
    routes.route_checks,
    state.secret,
    state.database,
    state.outbox,
    state.redis,
    clock.clock,
    disk.disk,
    knowledge.knowledge,
    knowledge.templates,
    dry_run.dry_run,
)

_ORDER: Final[tuple[Severity, ...]] = ("error", "warning", "info")


def examine(facts: Facts) -> list[Finding]:
    """Everything that was found: errors first, each kind in the order of the checks."""
    unknown = {undone.id for undone in facts.undone}
    found = [finding for check in CHECKS for finding in check(facts) if finding.id not in unknown]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))
