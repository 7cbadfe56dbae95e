"""What return addresses need of Postfix: their domain, their way to the desk, and no junk."""

from collections.abc import Iterator
from typing import Final

from mailtriage.commands.postfix_wiring_returns import (
    RETURNS_FILE,
    RETURNS_SERVICE,
    has_returns,
    returns_transport,
)
from mailtriage.config import Config
from mailtriage.doctor.desk import same_option
from mailtriage.doctor.facts import Facts, Postfix
from mailtriage.doctor.lists import entries
from mailtriage.doctor.model import Finding

_SERVICE: Final = f"{RETURNS_SERVICE}/unix"
_LOST: Final = "bounces, votes and opt-outs do not come back: they bounce, or wait, or are lost"
_ELSEWHERE: Final = ("mydestination", "virtual_alias_domains", "virtual_mailbox_domains")


def example(config: Config) -> str:
    """A return address as Postfix is asked for its way; empty where there are none."""
    if not has_returns(config):
        return ""
    return f"b1.{'a' * 26}.{'a' * 13}@{config.follow_ups.returns.domain}"


def returns_domain(facts: Facts) -> Iterator[Finding]:
    """returns-domain: Postfix takes no mail for it, or means to deliver it itself."""
    postfix = facts.postfix
    if postfix is None or not has_returns(facts.config):
        return
    domain = facts.config.follow_ups.returns.domain
    where = postfix.returns_in
    if "relay_domains" in where and not set(where) & set(_ELSEWHERE):
        return
    others = [name for name in where if name in _ELSEWHERE]
    yield Finding(
        "returns-domain",
        "error",
        f"{domain} is in {', '.join(others)}" if others else f"{domain} is not in relay_domains",
        _LOST,
        f"# Take {domain} out of {', '.join(others)}, then:\n{facts.shell.rewire()}"
        if others
        else facts.shell.rewire(),
    )


def returns_way(facts: Facts) -> Iterator[Finding]:
    """returns-transport: its mail does not reach the desk, or without what is needed of it."""
    postfix = facts.postfix
    if postfix is None or not has_returns(facts.config):
        return
    wanted, found = returns_transport(facts.config), postfix.returns_route
    service = postfix.service(_SERVICE)
    what = ""
    if found != wanted:
        domain = facts.config.follow_ups.returns.domain
        what = f"transport_maps send {domain} to {found or 'nowhere of its own'}, not to {wanted}"
    elif service is None or service.program.rpartition("/")[2] != "lmtp":
        what = f"master.cf has no transport named {RETURNS_SERVICE} that speaks LMTP"
    elif service.chroot and facts.config.desk.listen.kind == "unix":
        what = f"{RETURNS_SERVICE} runs chrooted and cannot see {facts.config.desk.listen}"
    else:
        options = facts.expected.options.get(_SERVICE, {})
        for name, value in options.items():
            there = postfix.value(service, name)
            if not same_option(there, value, facts.shell.directory):
                what = f"{name} of the transport {RETURNS_SERVICE} is '{there}', not '{value}'"
                break
    if what:
        yield Finding("returns-transport", "error", what, _LOST, facts.shell.rewire())


def returns_open(facts: Facts) -> Iterator[Finding]:
    """returns-open, returns-refused: what a stranger may write to that domain."""
    postfix = facts.postfix
    if postfix is None or not has_returns(facts.config):
        return
    table = postfix.tables.get(RETURNS_FILE)
    asked = any(
        entry.endswith(f"/{RETURNS_FILE}")
        for entry in entries(postfix.main.get("smtpd_recipient_restrictions", ""))
    )
    if not asked or table != facts.expected.tables.get(RETURNS_FILE):
        yield Finding(
            "returns-open",
            "warning",
            f"smtpd_recipient_restrictions do not ask {RETURNS_FILE} as it is printed",
            "mail to addresses that nobody ever made is taken, carried to the desk and thrown away",
            facts.shell.rewire(),
        )
    if _is_unlisted(postfix):
        yield Finding(
            "returns-refused",
            "error",
            f"relay_recipient_maps are in use, and {RETURNS_FILE} is not among them",
            "Postfix refuses every mail to our return addresses: it knows none of them",
            facts.shell.rewire(),
        )


def _is_unlisted(postfix: Postfix) -> bool:
    listed = entries(postfix.main.get("relay_recipient_maps", ""))
    return bool(listed) and not any(one.endswith(f"/{RETURNS_FILE}") for one in listed)
