"""[dry_run] and [exempt]: what is only tried, and which mail is left alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from mailtriage.config.endpoints import Networks
from mailtriage.config.mailboxes import Mailbox, Mailboxes
from mailtriage.config.reader import SettingsReader
from mailtriage.config.report import Report
from mailtriage.mail.domains import same_address

Action = Literal["tags", "acknowledge", "route"]
Exemption = Literal["", "network", "sender", "recipient"]

ACTIONS: Final[tuple[Action, ...]] = ("tags", "acknowledge", "route")

_NAME: Final = re.compile(r"[a-z0-9_-]{1,64}")
_ADDRESS: Final = re.compile(r"[^\s@<>(),;:\"*]{0,64}@[^\s@<>(),;:\"*/]{1,253}")


@dataclass(frozen=True, slots=True)
class DryRun:
    """[dry_run]: what is worked out and written into X-Mailtriage-Dry-Run, but not done."""

    all: bool = False
    actions: tuple[Action, ...] = ()
    """Of mail whose mailbox does not say otherwise; with `all` every one."""
    policies: tuple[str, ...] = ()
    """Policies whose signals do not count, whatever the mailbox."""


@dataclass(frozen=True, slots=True)
class Exempt:
    """[exempt]: mail that is passed on as it is, but for forged fields."""

    networks: Networks
    senders: tuple[str, ...] = ()
    """Addresses, or "@domain" for all of a domain; in lower case, domains in A-labels."""
    recipients: tuple[str, ...] = ()

    def also(self, domain: str) -> "Exempt":
        """The same, and mail to that domain with it, if it is not empty: of return addresses."""
        return replace(self, recipients=(*self.recipients, f"@{domain}")) if domain else self

    def why(self, client: str, senders: Iterable[str], recipients: Iterable[str]) -> Exemption:
        """What exempts a mail: its client (an IP address), whoever sent it, or its recipients, all
        of which must be exempt: one that is not has a right to the tags. Empty: nothing does."""
        if self.networks.networks and self.networks.contains(client):
            return "network"
        if self.senders and any(_listed(sender, self.senders) for sender in senders):
            return "sender"
        if self.recipients:
            named = list(recipients)
            if named and all(_listed(one, self.recipients) for one in named):
                return "recipient"
        return ""


def _listed(address: str, entries: tuple[str, ...]) -> bool:
    """Whether an address is one of them, with "+detail" or without, or is of one of the domains."""
    known = same_address(address)
    local, at, domain = known.rpartition("@")
    plain = local.partition("+")[0]
    return bool(domain) and any(
        one in entries for one in (known, f"{plain}{at}{domain}", f"@{domain}")
    )


def read_dry_run(table: SettingsReader) -> DryRun:
    """[dry_run]."""
    everything = table.boolean("all", default=False)
    named = table.texts("actions", (), choices=ACTIONS)
    return DryRun(
        all=everything,
        actions=tuple(action for action in ACTIONS if everything or action in named),
        policies=table.texts("policies", (), pattern=_NAME),
    )


def read_exempt(table: SettingsReader) -> Exempt:
    """[exempt]."""
    return Exempt(
        networks=table.networks("networks", ()),
        senders=_addresses(table, "senders"),
        recipients=_addresses(table, "recipients"),
    )


def _addresses(table: SettingsReader, key: str) -> tuple[str, ...]:
    found = []
    for number, text in table.items(key):
        if _ADDRESS.fullmatch(text):
            found.append(same_address(text))
        else:
            what = f'"{text}" is neither an address nor a domain'
            hint = 'write "ann@partner.example", or "@partner.example" for all of a domain'
            table.problem((key, number), what, hint)
    return tuple(found)


def tried(mailboxes: Mailboxes, dry_run: DryRun) -> Mailboxes:
    """The mailboxes with what is only tried for each.

    One that does not acknowledge but in trial has `ack` "off" from here on, so that nobody who asks
    has to know of trials; what it was is `planned_ack`.
    """
    if not dry_run.actions and not any(mailbox.dry_run for mailbox in mailboxes.mailboxes):
        return mailboxes
    made = {mailbox.path: _tried(mailbox, dry_run) for mailbox in mailboxes.mailboxes}
    by_address = {address: made[found.path] for address, found in mailboxes.by_address.items()}
    return Mailboxes(tuple(made.values()), by_address)


def _tried(mailbox: Mailbox, dry_run: DryRun) -> Mailbox:
    actions: tuple[str, ...] = dry_run.actions
    if mailbox.dry_run is not None:
        actions = ACTIONS if mailbox.dry_run else ()
    if "acknowledge" not in actions:
        return replace(mailbox, tries=actions)
    return replace(mailbox, tries=actions, ack="off", tried_ack=mailbox.ack)


def check_trial(dry_run: DryRun, exempt: Exempt, mailboxes: Mailboxes, report: Report) -> None:
    """Say that there is a trial, lest it is forgotten, and what it cannot hold back."""
    if dry_run.actions:
        path = ("dry_run", "all" if dry_run.all else "actions")
        what = f"dry run: {', '.join(dry_run.actions)} only worked out, not done"
        report(path, what, "X-Mailtriage-Dry-Run says what would be", warning=True)
    if dry_run.policies:
        what = f"dry run: {', '.join(dry_run.policies)} count for no tag"
        report(("dry_run", "policies"), what, "each mail is judged twice", warning=True)
    for mailbox in mailboxes.mailboxes:
        if mailbox.dry_run:
            report((*mailbox.path, "dry_run"), "dry run: nothing is done to its mail", warning=True)
        if mailbox.route == "postfix" and "route" in mailbox.tries and "tags" not in mailbox.tries:
            report(
                (*mailbox.path, "route"),
                "Postfix redirects by X-Mailtriage-Route all the same: a dry run cannot stop it",
                "try tags as well, or take mailtriage's table out of milter_header_checks",
                warning=True,
            )
    for number, network in enumerate(exempt.networks.networks):
        if network.prefixlen == 0:
            what = f"{network} holds every address: no mail is tagged or acknowledged"
            report(("exempt", "networks", number), what, warning=True)
