"""The sections about acknowledgements: what each holds, and how it is read from its table.

Every default stands once, in the function that reads its section, spelled as in the file.
"""

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Literal

import regex

from mailtriage.config.endpoints import Networks, NextHop, SocketAddress
from mailtriage.config.reader import SettingsReader
from mailtriage.mail.domains import same_address
from mailtriage.toml_source import did_you_mean, show

_GROUP: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9.-]{1,253}")
_LOCAL_PART: Final = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}")
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
_ADDRESS: Final = re.compile(r"[^\s@<>()\[\],;:\\\"*]{1,64}@[^\s@<>()\[\],;:\\\"*/]{1,253}")
_ADDRESS_OR_DOMAIN: Final = re.compile(
    r"[^\s@<>()\[\],;:\\\"*]{0,64}@[^\s@<>()\[\],;:\\\"*/]{1,253}"
)
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_REGION: Final = re.compile(r"[^\x00-\x1f\x7f]{1,60}")
_SPAN: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d) ?[-\u2013] ?([01]\d|2[0-4]):([0-5]\d)")
_DAY: Final = 24 * 60
_MOST_LANGUAGES: Final = 2
_WEEK: Final = (
    ("monday", "09:00-17:00"),
    ("tuesday", "09:00-17:00"),
    ("wednesday", "09:00-17:00"),
    ("thursday", "09:00-17:00"),
    ("friday", "09:00-17:00"),
    ("saturday", ""),
    ("sunday", ""),
)
_TARGETS: Final = (("urgent", "2h"), ("high", "4h"), ("normal", "8h"), ("low", "16h"))
_ROBOTS: Final = ("notification", "notifications", "alert", "alerts")

Hours = tuple[tuple[int, int], ...]
"""Opening hours of one day: (from, to) in minutes since midnight, in order, not overlapping;
`to` may be 1440. Empty: closed."""


@dataclass(frozen=True, slots=True)
class DeskConfig:
    """[desk]: what Postfix delivers the hidden copies to, over LMTP."""

    listen: SocketAddress
    socket_mode: int
    socket_group: str
    copy: Literal["text", "headers", "full"]
    """How much of a mail Postfix sends: without lines of base64, only the header, or all."""
    retention: float
    """Seconds for which conversations and the ledger are kept."""


@dataclass(frozen=True, slots=True)
class AckLimits:
    """[ack.limits]: how many acknowledgements, at most."""

    cool_down: float
    """Seconds between two to one sender from one mailbox (rule F2)."""
    same_subject: int
    """To one sender with one subject in 180 minutes (F3)."""
    per_sender: int
    """To one sender in 180 minutes (F4)."""
    per_sender_day: int
    """To one sender in 24 hours (F4)."""
    per_network: int
    """To mails from one client network in one hour (D12)."""
    per_domain: int
    """To one domain in one hour; more are held, not dropped (F6)."""
    per_hour: int
    """In all; more are held, not dropped (F6)."""
    burst: int
    """How many may go out at once before per_hour counts."""


@dataclass(frozen=True, slots=True)
class FormsConfig:
    """[ack.forms]: sources whose Reply-To is answered (rule I4)."""

    clients: Networks
    logins: tuple[str, ...]
    domains: tuple[str, ...]
    """Lower case; the mail must be authenticated for one of them."""


@dataclass(frozen=True, slots=True)
class RobotException:
    """[ack.exceptions.NAME]: a partner whose servers mark mail of humans as automatic (B15)."""

    networks: Networks
    domains: tuple[str, ...]
    """Lower case; the mail must be authenticated for one of them, and come from the networks."""


@dataclass(frozen=True, slots=True)
class AckConfig:
    """[ack]: acknowledgements. Times in seconds."""

    submit: NextHop
    """Always SMTP: a Postfix smtpd without this milter, with the one that signs."""
    templates: Path | None
    """Directory with the administrator's own LANGUAGE.toml files."""
    fallback_languages: tuple[str, ...]
    """In which a customer is answered whose language is not known, or has no template."""
    repeat_subject: Literal["authenticated", "never"]
    precedence: Literal["none", "bulk"]
    prefer: Literal["no_loss", "no_duplicate"]
    """What happens to an acknowledgement whose sender died while Postfix took it."""
    expire: float
    """An acknowledgement that is older is not sent any more."""
    reopen: float
    """Silence after which a reply counts as a new request (G7)."""
    deny: tuple[str, ...]
    """Never answered: addresses, "@domain", or "/regex/" (A7). Like all addresses here, in lower
    case and with the domain in A-labels."""
    allow: tuple[str, ...]
    """Addresses of postmaster, abuse and the like behind which people sit (A5)."""
    robots: tuple[str, ...]
    """Further local parts of robots; * stands for any rest (A4)."""
    robot_headers: tuple[str, ...]
    """Further header fields, by name, that mark robots (B6); lower case."""
    own_addresses: tuple[str, ...]
    """Further addresses of the organisation's own that are never answered (A6): helpdesk channels,
    bounce and survey addresses. "@domain" stands for a whole domain."""
    spam_score: float
    """Share of the scanner's own threshold above which nothing is answered (D9)."""
    limits: AckLimits
    forms: FormsConfig
    exceptions: tuple[RobotException, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """[calendars.NAME]: when a team works."""

    name: str
    timezone: str
    """IANA name; known to exist."""
    country: str = ""
    """ISO 3166-1, upper case, for public holidays; empty: none are known."""
    region: str = ""
    """ISO 3166-2 without the country, as the holidays package spells it."""
    week: tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours] = (
        ((540, 1020),), ((540, 1020),), ((540, 1020),), ((540, 1020),), ((540, 1020),), (), (),
    )  # fmt: skip
    """Monday first."""
    closed: frozenset[date] = frozenset()
    special: Mapping[date, Hours] = field(default_factory=dict)
    """Dated exceptions; they go before `closed`, holidays and the week."""


DEFAULT_CALENDAR: Final = Calendar("default", "UTC")


@dataclass(frozen=True, slots=True)
class Targets:
    """[targets]: opening hours, in seconds, within which a human answers."""

    priorities: Mapping[str, float]
    """By urgent, high, normal, low."""
    skills: Mapping[str, Mapping[str, float]]
    """By skill, then priority; what is missing falls back to `priorities`."""
    measured: bool = True
    """Whether what was measured counts instead, once enough is known."""

    def seconds(self, skill: str, priority: str) -> float:
        """The target of one kind of mail."""
        return self.skills.get(skill, {}).get(priority, self.priorities[priority])


def read_desk(table: SettingsReader) -> DeskConfig:
    """[desk]."""
    return DeskConfig(
        listen=table.socket("listen", "inet:127.0.0.1:10027"),
        socket_mode=table.mode("socket_mode", "0660"),
        socket_group=table.text("socket_group", "", pattern=_GROUP, empty=True),
        copy=table.choice("copy", "text", ("text", "headers", "full")),
        # RFC 5230 section 4.2 asks for a memory of a thousand senders at least; reply repair for
        # as long as a customer may take to answer.
        retention=table.duration("retention", "180d", low="1d", high="3650d"),
    )


def read_ack(table: SettingsReader) -> AckConfig:
    """[ack] and the tables below it."""
    return AckConfig(
        submit=table.next_hop("submit", "127.0.0.1:10026"),
        templates=table.file("templates"),
        fallback_languages=_fallback_languages(table),
        repeat_subject=table.choice("repeat_subject", "authenticated", ("authenticated", "never")),
        precedence=table.choice("precedence", "none", ("none", "bulk")),
        prefer=table.choice("prefer", "no_loss", ("no_loss", "no_duplicate")),
        expire=table.duration("expire", "30m", low="1m", high="1d"),
        reopen=table.duration("reopen", "14d", low="1h", high="365d"),
        deny=_deny(table),
        allow=_addresses(table, "allow", _ADDRESS, '"abuse@partner.example"'),
        robots=table.words(
            "robots", _LOCAL_PART, "what stands before an @", '"shop-*"', default=_ROBOTS
        ),
        robot_headers=table.words(
            "robot_headers", _FIELD_NAME, "the name of a header field", '"X-Robot"'
        ),
        own_addresses=_addresses(
            table,
            "own_addresses",
            _ADDRESS_OR_DOMAIN,
            '"survey@desk.example" or "@desk.example"',
        ),
        spam_score=table.number("spam_score", 0.5, low=0.0, high=1.0),
        limits=_limits(table.table("limits")),
        forms=_forms(table.table("forms")),
        exceptions=_exceptions(table.table("exceptions")),
    )


def _addresses(
    table: SettingsReader, key: str, pattern: re.Pattern[str], example: str
) -> tuple[str, ...]:
    return tuple(map(same_address, table.words(key, pattern, "an address", example)))


def _fallback_languages(table: SettingsReader) -> tuple[str, ...]:
    key, example = "fallback_languages", 'two or three letters, "en"'
    mistakes = len(table.problems)
    languages = table.words(key, _LANGUAGE, "the code of a language", example, ("en", "de"))
    if not languages and len(table.problems) == mistakes:
        table.problem(key, "names no language", 'write ["en"]')
    if len(languages) > _MOST_LANGUAGES:
        table.problem(key, f"names {len(languages)} languages", "name two at most")
    elif len(set(languages)) < len(languages):
        table.problem(key, f'"{languages[0]}" is there twice', f'write ["{languages[0]}"]')
    return languages


def _deny(table: SettingsReader) -> tuple[str, ...]:
    """A pattern that does not compile is an error: it must not quietly deny nobody."""
    good = []
    for number, text in table.items("deny"):
        if len(text) > 2 and text.startswith("/") and text.endswith("/"):
            try:
                regex.compile(text[1:-1])
            except regex.error as error:
                table.problem(("deny", number), f"not a regular expression: {error}")
                continue
            good.append(text)
        elif _ADDRESS_OR_DOMAIN.fullmatch(text):
            good.append(same_address(text))
        else:
            hint = 'write "joe@example.com", "@example.com" or "/regex/"'
            table.problem(("deny", number), f"{show(text)} is not an address", hint)
    return tuple(good)


def _limits(table: SettingsReader) -> AckLimits:
    return AckLimits(
        cool_down=table.duration("cool_down", "5m", low="0s", high="7d"),
        same_subject=table.integer("same_subject", 2, low=1, high=1000),
        per_sender=table.integer("per_sender", 10, low=1, high=100_000),
        per_sender_day=table.integer("per_sender_day", 40, low=1, high=100_000),
        per_network=table.integer("per_network", 30, low=1, high=1_000_000),
        per_domain=table.integer("per_domain", 100, low=1, high=1_000_000),
        per_hour=table.integer("per_hour", 2000, low=1, high=10_000_000),
        burst=table.integer("burst", 200, low=1, high=1_000_000),
    )


def _forms(table: SettingsReader) -> FormsConfig:
    return FormsConfig(
        clients=table.networks("clients", ()),
        logins=table.texts("logins", ()),
        domains=_domains(table),
    )


def _domains(table: SettingsReader) -> tuple[str, ...]:
    return table.words("domains", _DOMAIN, "a domain", '"partner.example"')


def _exceptions(table: SettingsReader) -> tuple[RobotException, ...]:
    found = []
    for name in table.names():
        one = table.table(name)
        exception = RobotException(networks=one.networks("networks", ()), domains=_domains(one))
        if one.has("networks") != one.has("domains"):
            missing = "networks" if one.has("domains") else "domains"
            hint = "an exception holds for both together, and for nobody without either"
            table.problem(name, f"has no {missing}", hint, warning=True)
        found.append(exception)
    return tuple(found)


def read_calendars(table: SettingsReader) -> dict[str, Calendar]:
    """[calendars.NAME]."""
    return {name: _calendar(table.table(name), name) for name in table.names()}


def _calendar(table: SettingsReader, name: str) -> Calendar:
    zone = table.text("timezone", "UTC")
    if zone not in zoneinfo.available_timezones():
        hint = did_you_mean(zone, zoneinfo.available_timezones()) or 'write "Europe/Berlin"'
        table.problem("timezone", f'there is no time zone "{zone}"', hint)
        zone = "UTC"
    country = table.text("country", "", empty=True)
    if country and not _COUNTRY.fullmatch(country):
        hint = 'write two capital letters (ISO 3166-1), "DE"'
        table.problem("country", f'"{country}" is not the code of a country', hint)
        country = ""
    region = table.text("region", "", pattern=_REGION, empty=True)
    week = [read_hours(table, day, default) for day, default in _WEEK]
    closed = [_date(table, ("closed", number), text) for number, text in table.items("closed")]
    special: dict[date, Hours] = {}
    dated = table.table("special")
    for key in dated.names():
        day = _date(dated, key, key)
        hours = read_hours(dated, key, "")
        if day is not None:
            special[day] = hours
    return Calendar(
        name=name,
        timezone=zone,
        country=country,
        region=region,
        week=(week[0], week[1], week[2], week[3], week[4], week[5], week[6]),
        closed=frozenset(day for day in closed if day is not None),
        special=special,
    )


def read_hours(table: SettingsReader, key: str, default: str) -> Hours:
    """Hours of one day, such as "08:00-12:00, 13:00-17:00"; empty: none."""
    text = table.text(key, default, empty=True)
    found: list[tuple[int, int]] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _SPAN.fullmatch(part)
        if match is None:
            table.problem(key, f'"{part}" are no opening hours', 'write "08:00-12:00, 13:00-17:00"')
            continue
        start, end = (int(match[at]) * 60 + int(match[at + 1]) for at in (1, 3))
        if end > _DAY:
            table.problem(key, f'"{part}" goes beyond midnight', "a day ends at 24:00")
        elif start >= end:
            hint = "what goes beyond midnight is written in two: until 24:00, and from 00:00"
            table.problem(key, f'"{part}" ends before it begins', hint)
        elif found and start < found[-1][1]:
            table.problem(key, f'"{part}" begins before the hours in front of it end')
        else:
            found.append((start, end))
    return tuple(found)


def _date(table: SettingsReader, key: str | tuple[str | int, ...], text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        table.problem(key, f'"{text}" is not a date', "write 2026-12-24")
        return None


def read_targets(table: SettingsReader) -> Targets:
    """[targets] and [targets.skills.NAME]."""
    priorities = {
        name: table.duration(name, default, low="1m", high="365d") for name, default in _TARGETS
    }
    measured = table.boolean("measured", default=True)
    skills: dict[str, dict[str, float]] = {}
    below = table.table("skills")
    for skill in below.names():
        one = below.table(skill)
        skills[skill] = {
            name: one.duration(name, default, low="1m", high="365d")
            for name, default in _TARGETS
            if one.has(name)
        }
    return Targets(priorities, skills, measured)
