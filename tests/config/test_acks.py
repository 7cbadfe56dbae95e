"""The sections about acknowledgements: what each key means, and each mistake with its line."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from mailtriage.config import Config, Loaded
from mailtriage.config.acks import DEFAULT_CALENDAR, RobotException

Problems = Callable[[str], list[str]]
DURATION = 'write a number and one of ms, s, m, h, d: "500ms", "2s", "5m"'
HOURS = 'write "08:00-12:00, 13:00-17:00"'
BOTH = "an exception holds for both together, and for nobody without either"
BOX = "[mailboxes.'help@desk.example']\n"
IN_BOX = '2: mailboxes."help@desk.example".'

DESK = {
    "[desk]\nlistn = 'x'": "2: desk.listn: unknown key — did you mean 'listen'?",
    "[desk]\nlisten = 'inet:127.0.0.1'": (
        '2: desk.listen: "127.0.0.1" has no host or no port'
        " — write unix:/path, inet:HOST:PORT, inet:PORT@HOST or fd:N"
    ),
    "[desk]\nlisten = 'fd:3'": (
        "2: desk.listen: only the milter can inherit its socket — name an address"
    ),
    "[desk]\ncopy = 'body'": '2: desk.copy: "body" is not one of text, headers, full',
    "[desk]\nretention = '1h'": '2: desk.retention: "1h" is out of range — expected 1d to 3650d',
}

ACK = {
    "[ack]\nexpires = '1h'": "2: ack.expires: unknown key — did you mean 'expire'?",
    "[ack]\nexpire = '30s'": '2: ack.expire: "30s" is out of range — expected 1m to 1d',
    "[ack]\nreopen = '14'": f'2: ack.reopen: "14" has no unit — {DURATION}',
    "[ack]\nsubmit = 'lmtp:unix:/run/x'": (
        "2: ack.submit: acknowledgements are handed over by SMTP — write HOST:PORT"
    ),
    f"{BOX}[ack]\nsubmit = '127.0.0.1:10027'": (
        "3: ack.submit: the same address as desk.listen: nothing would be sent"
    ),
    "[ack]\ntemplates = '/nowhere'": "2: ack.templates: /nowhere is not there",
    "[ack]\nfallback_languages = []": (
        '2: ack.fallback_languages: names no language — write ["en"]'
    ),
    "[ack]\nfallback_languages = 'en'": (
        "2: ack.fallback_languages: expected an array of strings, found the string"
        ' "en" — write ["en"]'
    ),
    "[ack]\nfallback_languages = [\n'en',\n'de-AT']": (
        '4: ack.fallback_languages[1]: "de-AT" is not the code of a language'
        ' — write two or three letters, "en"'
    ),
    "[ack]\nfallback_languages = ['en', 'en']": (
        '2: ack.fallback_languages: "en" is there twice — write ["en"]'
    ),
    "[ack]\nfallback_languages = ['en', 'de', 'fr']": (
        "2: ack.fallback_languages: names 3 languages — name two at most"
    ),
    "[ack]\nsubmit = '127.0.0.1:25'": (
        "2: ack.submit: warning: port 25 takes mail from strangers: its restrictions and milters,"
        " mailtriage among them, would be those of acknowledgements too"
        " — name a port of its own; mailtriage postfix prints its line for master.cf"
    ),
    "[ack.limits]\nper_hour = 20\nburst = 21": (
        "3: ack.limits.burst: 21 at once are more than per_hour, 20, allows — write 20 at most"
    ),
    "[ack.limits]\nper_hour = 20": (
        "1: ack.limits.burst: 200 at once are more than per_hour, 20, allows — write 20 at most"
    ),
    "[ack]\nrepeat_subject = 'always'": (
        '2: ack.repeat_subject: "always" is not one of authenticated, never'
    ),
    "[ack]\nprecedence = 'junk'": '2: ack.precedence: "junk" is not one of none, bulk',
    "[ack]\nprefer = 'no-loss'": (
        "2: ack.prefer: \"no-loss\" is not one of no_loss, no_duplicate — did you mean 'no_loss'?"
    ),
    "[ack]\ndeny = ['joe@a.example', 'a.example']": (
        '2: ack.deny[1]: "a.example" is not an address'
        ' — write "joe@example.com", "@example.com" or "/regex/"'
    ),
    "[ack]\ndeny = [\n'@a.example',\n'/(/']": (
        "4: ack.deny[1]: not a regular expression: missing ) at position 1"
    ),
    "[ack]\nallow = ['@a.example']": (
        '2: ack.allow[0]: "@a.example" is not an address — write "abuse@partner.example"'
    ),
    "[ack]\nrobots = ['no reply']": (
        '2: ack.robots[0]: "no reply" is not what stands before an @ — write "shop-*"'
    ),
    "[ack]\nrobot_headers = ['X-A:']": (
        '2: ack.robot_headers[0]: "X-A:" is not the name of a header field — write "X-Robot"'
    ),
    "[ack]\nown_addresses = ['desk.example']": (
        '2: ack.own_addresses[0]: "desk.example" is not an address'
        ' — write "survey@desk.example" or "@desk.example"'
    ),
    "[ack]\nspam_score = 2": "2: ack.spam_score: 2 is out of range — expected 0.0 to 1.0",
    "[ack]\nspam_score = true": "2: ack.spam_score: expected a number, found true",
    "[ack.limits]\ncool_down = '8d'": (
        '2: ack.limits.cool_down: "8d" is out of range — expected 0s to 7d'
    ),
    "[ack.limits]\nper_hour = 0": (
        "2: ack.limits.per_hour: 0 is out of range — expected 1 to 10000000"
    ),
    "[ack.forms]\nclients = ['192.0.2.1/24']": (
        '2: ack.forms.clients[0]: "192.0.2.1/24" has host bits set — did you mean "192.0.2.0/24"?'
    ),
    "[ack.forms]\ndomains = ['@a.example']": (
        '2: ack.forms.domains[0]: "@a.example" is not a domain — write "partner.example"'
    ),
    "[ack.exceptions.x]\nnetworks = ['192.0.2.0/24']": (
        f"1: ack.exceptions.x: warning: has no domains — {BOTH}"
    ),
    "[ack.exceptions.x]\ndomains = ['a.example']": (
        f"1: ack.exceptions.x: warning: has no networks — {BOTH}"
    ),
    "[ack.exceptions]\nx = 1": "2: ack.exceptions.x: expected a table, found the number 1",
}

CALENDARS = {
    "[calendars.a]\ntimezone = 'Europe/Berln'": (
        '2: calendars.a.timezone: there is no time zone "Europe/Berln"'
        " — did you mean 'Europe/Berlin'?"
    ),
    "[calendars.a]\ncountry = 'de'": (
        '2: calendars.a.country: "de" is not the code of a country'
        ' — write two capital letters (ISO 3166-1), "DE"'
    ),
    "[calendars.a]\nmonday = '9-17'": (
        f'2: calendars.a.monday: "9-17" are no opening hours — {HOURS}'
    ),
    "[calendars.a]\nmonday = '08:00-12:00, lunch'": (
        f'2: calendars.a.monday: "lunch" are no opening hours — {HOURS}'
    ),
    "[calendars.a]\nmonday = '22:00-06:00'": (
        '2: calendars.a.monday: "22:00-06:00" ends before it begins'
        " — what goes beyond midnight is written in two: until 24:00, and from 00:00"
    ),
    "[calendars.a]\nmonday = '09:00-24:30'": (
        '2: calendars.a.monday: "09:00-24:30" goes beyond midnight — a day ends at 24:00'
    ),
    "[calendars.a]\nmonday = '09:00-13:00, 12:00-17:00'": (
        '2: calendars.a.monday: "12:00-17:00" begins before the hours in front of it end'
    ),
    "[calendars.a]\nmonda = ''": "2: calendars.a.monda: unknown key — did you mean 'monday'?",
    "[calendars.a]\nclosed = [\n'2026-12-24',\n'2026-02-30']": (
        '4: calendars.a.closed[1]: "2026-02-30" is not a date — write 2026-12-24'
    ),
    "[calendars.a.special]\n'24.12.2026' = ''": (
        '2: calendars.a.special."24.12.2026": "24.12.2026" is not a date — write 2026-12-24'
    ),
    "[calendars.a.special]\n2026-12-24 = 'noon'": (
        f'2: calendars.a.special.2026-12-24: "noon" are no opening hours — {HOURS}'
    ),
    "[calendars]\na = 'x'": '2: calendars.a: expected a table, found the string "x"',
}

TARGETS = {
    "[targets]\nurgnt = '2h'": "2: targets.urgnt: unknown key — did you mean 'urgent'?",
    "[targets]\nurgent = '2'": f'2: targets.urgent: "2" has no unit — {DURATION}',
    "[targets]\nlow = '30s'": '2: targets.low: "30s" is out of range — expected 1m to 365d',
    "[targets.skills.billing]\nhi = '1h'": (
        "2: targets.skills.billing.hi: unknown key — did you mean 'high'?"
    ),
    "[targets.skills]\nbilling = '1h'": (
        '2: targets.skills.billing: expected a table, found the string "1h"'
    ),
}

MAILBOXES = {
    BOX + "ack = 'sent'": (
        f"{IN_BOX}ack: \"sent\" is not one of send, delegate, deferred, off — did you mean 'send'?"
    ),
    BOX + "from = 'desk'": f'{IN_BOX}from: "desk" is not an e-mail address',
    BOX + "from = '*@desk.example'": f'{IN_BOX}from: "*@desk.example" is not an e-mail address',
    BOX + "reply_to = 'a b@desk.example'": (
        f'{IN_BOX}reply_to: "a b@desk.example" is not an e-mail address'
    ),
    BOX + "reply_to = 'no-reply@desk.example'": (
        f"{IN_BOX}reply_to: warning: answers to acknowledgements go to no-reply@desk.example,"
        " which looks as if nobody read it — customers answer them (RFC 3834 section 3.1.1)"
    ),
    BOX + "name = 'Help <desk>'": (
        f'{IN_BOX}name: "Help <desk>" is no name for a From field'
        " — at most 80 characters, without <, >, @, quotes and backslashes"
    ),
    BOX + "urgent = '<b>+49 30 1234</b>'": (
        f'{IN_BOX}urgent: "<b>+49 30 1234</b>" does not fit into a sentence'
        " — one line of at most 120 characters, without < and >"
    ),
    BOX + "privacy = 'http://desk.example'": (
        f'{IN_BOX}privacy: "http://desk.example" is no link that customers can follow'
        ' — write "https://desk.example/privacy", in ASCII, of at most 208 characters'
    ),
    BOX + "aliases = ['a@desk.example', 'A@desk.example']": (
        f"{IN_BOX}aliases[1]: warning: a@desk.example is there twice — leave one out"
    ),
    BOX + "aliases = ['Help@desk.example']": (
        f"{IN_BOX}aliases[0]: warning: help@desk.example is the mailbox itself — leave it out"
    ),
    BOX + "aliases = ['*@shop.example']": (
        f"{IN_BOX}aliases[0]: warning: an address that is not named is never acknowledged"
        " — name those that are; the others can have a section of their own"
    ),
    BOX + "ack = 'off'\naliases = ['*@shop.example']": "",
    BOX + "from = 'postmaster@desk.example'": "",
    "[mailboxes.'Help@Desk.example']\nfrom = 'noreply@desk.example'": (
        '2: mailboxes."Help@Desk.example".from: warning: acknowledgements come from'
        " noreply@desk.example, which looks as if nobody read it"
        " — customers answer them (RFC 3834 section 3.1.1)"
    ),
    BOX + "ack_when = 'cc'": f'{IN_BOX}ack_when: "cc" is not one of to, to_cc',
    BOX + "ack_to = 'reply_to'": f'{IN_BOX}ack_to: "reply_to" is not one of sender, from',
    BOX + "subject_style = 'Re'": (
        f"{IN_BOX}subject_style: \"Re\" is not one of marker, re — did you mean 're'?"
    ),
    BOX + "wait = '2h'": f'{IN_BOX}wait: "2h" is out of range — expected 1s to 1h',
    BOX + "repair = 'on'": f'{IN_BOX}repair: "on" is not one of off, headers',
}


MISTAKES = {**DESK, **ACK, **CALENDARS, **TARGETS, **MAILBOXES}


@pytest.mark.parametrize(("text", "problem"), MISTAKES.items())
def test_a_mistake_is_told_with_its_line(problems: Problems, text: str, problem: str) -> None:
    assert problems(text) == ([problem] if problem else [])


def test_several_mistakes_are_told_at_once(problems: Problems) -> None:
    found = problems("[ack]\nprefer = 'x'\n[desk]\ncopy = 'x'\n[targets]\nlow = 'x'\n")
    assert [line.partition(": ")[0] for line in found] == ["2", "4", "6"]


Load = Callable[[str], Loaded]


@pytest.fixture
def config(loaded: Load) -> Callable[[str], Config]:
    return lambda text: loaded(text).config


Read = Callable[[str], Config]


def test_what_holds_when_nothing_is_said(config: Read) -> None:
    found = config("")
    assert (found.desk.listen.host, found.desk.listen.port) == ("127.0.0.1", 10027)
    assert found.desk.copy == "text"
    assert (found.ack.submit.host, found.ack.submit.port) == ("127.0.0.1", 10026)
    assert found.ack.fallback_languages == ("en", "de")
    assert (found.ack.expire, found.ack.reopen) == (1800.0, 14 * 86400.0)
    assert (found.ack.prefer, found.ack.precedence) == ("no_loss", "none")
    assert found.ack.limits.cool_down == 300.0
    assert found.ack.forms.domains == found.ack.exceptions == found.ack.deny == ()
    assert found.calendars == {}
    assert DEFAULT_CALENDAR.week[0] == ((540, 1020),)
    assert found.targets.seconds("billing", "urgent") == 7200.0


def test_names_and_addresses_are_compared_in_lower_case(config: Read) -> None:
    ack = config(
        "[ack]\nallow = ['Abuse@Partner.Example']\nrobots = ['Shop-*']\n"
        "robot_headers = ['X-Robot']\nown_addresses = ['@Desk.Example', 'Survey@desk.example']\n"
        "deny = ['@A.example', '/(?i)^Robot/', 'a@b.example']\n"
        "[ack.forms]\nclients = ['192.0.2.7', '2001:db8::/64']\nlogins = ['Form']\n"
        "domains = ['Forms.Example']\n"
    ).ack
    assert ack.allow == ("abuse@partner.example",)
    assert ack.robots == ("shop-*",)
    assert ack.robot_headers == ("x-robot",)
    assert ack.own_addresses == ("@desk.example", "survey@desk.example")
    assert ack.deny == ("@a.example", "/(?i)^Robot/", "a@b.example")
    assert ack.forms.domains == ("forms.example",)
    assert ack.forms.logins == ("Form",)
    assert ack.forms.clients.contains("192.0.2.7")
    assert not ack.forms.clients.contains("192.0.2.8")


def test_an_exception(config: Read) -> None:
    (found,) = config(
        "[ack.exceptions.partner]\nnetworks = ['192.0.2.0/24']\ndomains = ['Partner.Example']\n"
    ).ack.exceptions
    assert isinstance(found, RobotException)
    assert found.networks.contains("192.0.2.200")
    assert found.domains == ("partner.example",)


def test_a_calendar(config: Read) -> None:
    found = config(
        "[calendars.desk]\ntimezone = 'Europe/Berlin'\ncountry = 'DE'\nregion = 'BY'\n"
        "monday = '08:00-12:00, 13:00 - 17:30'\ntuesday = ''\nsunday = '00:00–24:00'\n"
        "closed = ['2026-12-24']\n[calendars.desk.special]\n2026-12-31 = '09:00-12:00'\n"
        "2027-01-02 = ''\n"
    ).calendars["desk"]
    assert (found.name, found.timezone, found.country, found.region) == (
        "desk", "Europe/Berlin", "DE", "BY",
    )  # fmt: skip
    assert found.week[0] == ((480, 720), (780, 1050))
    assert found.week[1] == ()
    assert found.week[2] == ((540, 1020),), "as it is by default"
    assert found.week[5:] == ((), ((0, 1440),))
    assert found.closed == {date(2026, 12, 24)}
    assert found.special == {date(2026, 12, 31): ((540, 720),), date(2027, 1, 2): ()}


@pytest.mark.parametrize(
    ("skill", "priority", "seconds"),
    [
        ("billing", "high", 1800.0),
        ("billing", "urgent", 600.0),
        ("billing", "low", 57600.0),
        ("returns", "high", 14400.0),
        ("returns", "urgent", 600.0),
        ("nobody-knows-it", "normal", 28800.0),
    ],
)
def test_targets_of_a_skill_go_before_those_of_all(
    config: Read, skill: str, priority: str, seconds: float
) -> None:
    targets = config(
        "[targets]\nurgent = '10m'\n[targets.skills.billing]\nhigh = '30m'\n[targets.skills.returns]\n"
    ).targets
    assert targets.seconds(skill, priority) == seconds


def test_a_mailbox(config: Read) -> None:
    (found,) = config(
        BOX + "ack = 'deferred'\nname = 'Kundendienst Süd'\nfrom = 'Reply@desk.example'\n"
        "reply_to = 'Answers@desk.example'\nack_when = 'to_cc'\nack_to = 'from'\n"
        "subject_style = 're'\ncalendar = 'a'\nurgent = '+49 30 1234'\n"
        "privacy = 'https://desk.example/privacy'\nwait = '90s'\nrepair = 'headers'\n"
        "[calendars.a]\n"
    ).mailboxes.mailboxes
    assert found.ack == "deferred"
    assert (found.from_address, found.reply_to) == ("reply@desk.example", "answers@desk.example")
    assert (found.ack_when, found.ack_to, found.subject_style) == ("to_cc", "from", "re")
    assert (found.calendar, found.wait, found.repair) == ("a", 90.0, "headers")
    assert (found.name, found.urgent) == ("Kundendienst Süd", "+49 30 1234")


@pytest.mark.parametrize(
    ("box", "sender"),
    [
        ("[mailboxes.'help@desk.example']", "help@desk.example"),
        ("[mailboxes.'Help@Desk.example']\nfrom = 'x@y.example'", "x@y.example"),
        (
            "[mailboxes.'*@desk.example']\naliases = ['a@desk.example']\nack = 'off'",
            "a@desk.example",
        ),
    ],
)
def test_whom_acknowledgements_come_from(config: Read, box: str, sender: str) -> None:
    (found,) = config(box).mailboxes.mailboxes
    assert found.from_address == sender


def test_a_directory_of_texts(config: Read, tmp_path: Path) -> None:
    assert config(f"[ack]\ntemplates = '{tmp_path}'\n").ack.templates == tmp_path
