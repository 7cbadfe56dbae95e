"""[return_addresses], [updates], [surveys]: what customers may hear after the acknowledgement.

Nothing of it is sent unless a mailbox says so (its keys `updates` and `survey`).
"""

import re
from dataclasses import dataclass
from typing import Final

from mailtriage.config.acks import Hours, read_hours
from mailtriage.config.mailboxes import Mailboxes
from mailtriage.config.reader import SettingsReader
from mailtriage.config.report import Report

_DOMAIN: Final = re.compile(r"(?=.{4,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class ReturnsConfig:
    """[return_addresses]: where bounces, votes, opt-outs and corrections come back to."""

    domain: str
    """Lower case, a domain for nothing else; empty: there are no such addresses."""


@dataclass(frozen=True, slots=True)
class UpdatesConfig:
    """[updates]: who is told before a promise slips. Times in seconds."""

    most: int
    """In one conversation."""
    share: float
    """Of the time that was promised: when so much is over, it is time."""
    chance: float
    """Of an answer in time: when it is smaller, it is time as well."""
    hours: Hours
    """Of the day, in the zone of the mailbox's calendar, in which anything is sent."""
    quiet: float
    """After mail of the customer nothing is sent for so long."""


@dataclass(frozen=True, slots=True)
class SurveysConfig:
    """[surveys]: who is asked how it went. Times in seconds."""

    after: float
    """After the last answer, unless the customer writes again."""
    per_person: float
    """Between two questions to one person, at least; questions count, not answers."""
    share: float
    """Of the conversations after which somebody is asked."""
    per_day: int
    """Questions in 24 hours."""
    valid: float
    """How long a vote counts."""


@dataclass(frozen=True, slots=True)
class FollowUps:
    """The three together."""

    returns: ReturnsConfig
    updates: UpdatesConfig
    surveys: SurveysConfig


def read_follow_ups(root: SettingsReader) -> FollowUps:
    """The three sections."""
    return FollowUps(
        returns=read_returns(root.table("return_addresses")),
        updates=read_updates(root.table("updates")),
        surveys=read_surveys(root.table("surveys")),
    )


def read_returns(table: SettingsReader) -> ReturnsConfig:
    """[return_addresses]."""
    domain = table.text("domain", "", empty=True).lower()
    if domain and not _DOMAIN.fullmatch(domain):
        table.problem("domain", f'"{domain}" is no domain', 'write "triage.desk.example"')
        domain = ""
    elif domain.endswith(".invalid"):
        # RFC 2606. And mailtriage.invalid would take all hidden copies for mail that came back.
        table.problem("domain", f'"{domain}" exists nowhere', 'write "triage.desk.example"')
        domain = ""
    return ReturnsConfig(domain)


def read_updates(table: SettingsReader) -> UpdatesConfig:
    """[updates]."""
    return UpdatesConfig(
        most=table.integer("most", 2, low=1, high=2),
        share=table.number("share", 0.85, low=0.3, high=1.0),
        chance=table.number("chance", 0.30, low=0.0, high=0.9),
        hours=read_hours(table, "hours", "08:00-20:00"),
        quiet=table.duration("quiet", "15m", low="1m", high="1d"),
    )


def read_surveys(table: SettingsReader) -> SurveysConfig:
    """[surveys]."""
    return SurveysConfig(
        after=table.duration("after", "24h", low="1h", high="30d"),
        per_person=table.duration("per_person", "30d", low="1d", high="3650d"),
        share=table.number("share", 1.0, low=0.0, high=1.0),
        per_day=table.integer("per_day", 200, low=1, high=1_000_000),
        valid=table.duration("valid", "21d", low="1d", high="180d"),
    )


def check_follow_ups(returns: ReturnsConfig, mailboxes: Mailboxes, report: Report) -> None:
    """Report mailboxes that cannot do what they are told, and addresses that are used twice."""
    for mailbox in mailboxes.mailboxes:
        for key, value in (("updates", mailbox.updates), ("survey", mailbox.survey)):
            if value != "off" and not returns.domain:
                report(
                    (*mailbox.path, key),
                    "there is no address that bounces and votes could come back to",
                    "name a domain of their own in [return_addresses]",
                )
            if value != "off" and mailbox.planned_ack not in ("send", "deferred"):
                what = f'has no effect with ack = "{mailbox.planned_ack}"'
                hint = "only who was acknowledged by mailtriage hears from it again"
                report((*mailbox.path, key), what, hint, warning=True)
        for address in dict.fromkeys((*mailbox.addresses, mailbox.from_address, mailbox.reply_to)):
            if returns.domain and address.rpartition("@")[2] == returns.domain:
                report(
                    ("return_addresses", "domain"),
                    f"{address} is in it, and would get no mail any more",
                    'it must be a domain of its own, such as "triage.desk.example"',
                )
