"""The service addresses: what is known of each, and how it is read from its table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from mailtriage.config.facts import ROUTE
from mailtriage.config.profile_file import key_problem
from mailtriage.config.profile_sections import Profiles, find_profile
from mailtriage.config.profiles import DEFAULT_WORD, GENERIC
from mailtriage.config.reader import SettingsReader
from mailtriage.mail.domains import same_address
from mailtriage.toml_lines import KeyPath

AckMode = Literal["send", "delegate", "deferred", "off"]

_NAME: Final = re.compile(r"[a-z0-9_-]{1,64}")
_ADDRESS: Final = re.compile(
    # A dot-atom (RFC 5322 section 3.2.3, RFC 6532), or * for all; quoted local parts are not taken.
    r"(?:\*|[^\s@<>()\[\],;:\\\"*]{1,64})@[^\s@<>()\[\],;:\\\"*/]{1,253}"
)
# Words that go into a header field and a text: nothing that could end a line or begin a tag.
_DISPLAY_NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f<>@\"\\]{1,80}")
_CONTACT: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f<>]{1,120}")
_LINK: Final = re.compile(r"https://[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """[mailboxes."address"]: one service address."""

    address: str
    """"*@domain" stands for every address of the domain that has no entry. Like all addresses here,
    in lower case and with its domain in A-labels."""
    aliases: tuple[str, ...] = ()
    """Further addresses of the same mailbox."""
    ack: AckMode = "send"
    profile: str = "generic"
    """Helpdesk whose headers are added; a directory of config/helpdesks/."""
    skills: tuple[str, ...] = ()
    """Only these skills are given; empty: all."""
    name: str = ""
    """Display name in the From: of acknowledgements; empty: the bare address."""
    sender: str = ""
    """Address in their From:; empty: `address` (for "*@domain" the first alias that is a single
    address). Key: from."""
    reply_to: str = ""
    """Where answers to them go; empty: `sender`."""
    ack_when: Literal["to", "to_cc"] = "to"
    """Which header fields must name the mailbox (rules E2 and E6)."""
    ack_to: Literal["sender", "from"] = "sender"
    """Who is answered: the reverse-path, or From: when another domain sent the mail (I3)."""
    subject_style: Literal["marker", "re"] = "marker"
    """Subject of acknowledgements: a marker in their language, or exactly "Re: " (Zammad)."""
    calendar: str = ""
    """Name of a [calendars] section; empty: the only one there is, or the default calendar."""
    urgent: str = ""
    """How to reach somebody at once: a telephone number, as it stands in acknowledgements."""
    privacy: str = ""
    """URL of the privacy notice (https)."""
    wait: float = 300.0
    """Seconds that a deferred acknowledgement waits for the ticket number."""
    repair: Literal["off", "headers"] = "off"
    """Whether answers to our acknowledgements get the original Message-ID back, so that a helpdesk
    that never saw the acknowledgement finds its ticket."""
    route: Literal["header", "recipient", "postfix"] = "header"
    """How `routes` come about: by nobody but X-Mailtriage-Route; by the milter, which replaces the
    recipient; by Postfix, with the header checks that `mailtriage postfix` prints."""
    routes: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Route, skill or "default" to the address that such mail goes to; each is one more address of
    this mailbox, as answers come to it and go out from it."""
    updates: Literal["off", "send"] = "off"
    """Whether a customer is told before a promise slips ([updates])."""
    survey: Literal["off", "send"] = "off"
    """Whether a customer is asked afterwards how it went ([surveys])."""
    dry_run: bool | None = None
    """Whether all that is done to its mail is only tried; None: what [dry_run] says."""
    tries: tuple[str, ...] = ()
    """What is only tried in the end, of `trial.ACTIONS`."""
    tried_ack: AckMode = "off"
    """What `ack` would be, if acknowledging were not only tried; then `ack` is "off"."""
    written: str = field(default="", compare=False)
    """The address as the file spells it, to find its line; empty: as in `address`."""

    @property
    def planned_ack(self) -> AckMode:
        """`ack` as it is written, whether it is only tried or not."""
        return self.tried_ack if self.ack == "off" else self.ack

    @property
    def from_address(self) -> str:
        """The address that acknowledgements come from."""
        if self.sender:
            return self.sender
        if not self.address.startswith("*@"):
            return self.address
        single = (alias for alias in self.aliases if not alias.startswith("*@"))
        return next(single, self.address)

    def route_to(self, skill: str, language: str) -> str:
        """Where mail of that skill and language goes; empty: it stays where it was sent."""
        routes = self.routes
        found = routes.get(f"{skill}-{language}") or routes.get(skill)
        return found or routes.get(DEFAULT_WORD, "")

    @property
    def path(self) -> KeyPath:
        """The path of its section in the configuration."""
        return ("mailboxes", self.written or self.address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The address, its aliases, and where its mail is routed to."""
        return (self.address, *self.aliases, *self.routes.values())


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """All service addresses."""

    mailboxes: tuple[Mailbox, ...] = ()
    by_address: dict[str, Mailbox] = field(default_factory=dict, repr=False)
    """Each address and alias."""

    def find(self, address: str) -> Mailbox | None:
        """The mailbox that an envelope recipient belongs to, or None. Case does not matter, nor
        whether its domain is spelled in U-labels or A-labels (RFC 5890)."""
        known = same_address(address)
        found = self.by_address.get(known)
        if found is None:
            found = self.by_address.get(f"*@{known.rpartition('@')[2]}")
        return found


def read_mailboxes(
    table: SettingsReader, profiles: Profiles, *, all_tried: bool = False
) -> Mailboxes:
    """[mailboxes."address"]; what a section does not say its profile says. `all_tried`: what
    dry_run.all says, and each mailbox that does not say otherwise."""
    written = {name: _mailbox(table, name, profiles, all_tried) for name in table.names()}
    by_address: dict[str, Mailbox] = {}
    for name, mailbox in written.items():
        if mailbox.address in by_address:
            _report_twice(table, name, by_address[mailbox.address])
        by_address.setdefault(mailbox.address, mailbox)
    for name, mailbox in written.items():
        for number, alias in enumerate(mailbox.aliases):
            path = (name, "aliases", number)
            owner = by_address.setdefault(alias, mailbox)
            if alias == mailbox.address:
                table.problem(path, f"{alias} is the mailbox itself", "leave it out", warning=True)
            elif alias in mailbox.aliases[:number]:
                table.problem(path, f"{alias} is there twice", "leave one out", warning=True)
            elif owner.address != mailbox.address:
                a_mailbox = alias == owner.address
                what = "is a mailbox of its own" if a_mailbox else f"is an alias of {owner.address}"
                table.problem(path, f"{alias} {what} already")
    for mailbox in written.values():
        for target in mailbox.routes.values():
            by_address.setdefault(target, mailbox)
    return Mailboxes(tuple(written.values()), by_address)


def _report_twice(table: SettingsReader, name: str, first: Mailbox) -> None:
    what = f"{first.address} is there twice"
    if name.lower() == first.written.lower():
        table.problem(name, what, "case does not matter")
    else:
        # Before the two spellings of a domain were one, both had to be named.
        table.problem(name, what, f'"{first.written}" is enough, and counts', warning=True)


def _mailbox(mailboxes: SettingsReader, name: str, profiles: Profiles, all_tried: bool) -> Mailbox:
    table = mailboxes.table(name)
    if not _ADDRESS.fullmatch(name):
        hint = 'write [mailboxes."help@desk.example"] or [mailboxes."*@desk.example"]'
        mailboxes.problem(name, "not an e-mail address", hint)
    aliases = table.items("aliases")
    for number, alias in aliases:
        if not _ADDRESS.fullmatch(alias):
            table.problem(("aliases", number), f'"{alias}" is not an e-mail address')
    profile = find_profile(profiles, table.peek("profile", "generic")) or GENERIC
    dry_run = table.boolean("dry_run", default=all_tried)
    return Mailbox(
        address=same_address(name),
        aliases=tuple(same_address(alias) for _, alias in aliases),
        ack=table.choice("ack", profile.ack, ("send", "delegate", "deferred", "off")),
        profile=table.text("profile", "generic", pattern=_NAME),
        skills=table.texts("skills", (), pattern=_NAME),
        name=table.line_of_text(
            "name",
            _DISPLAY_NAME,
            "is no name for a From field",
            "at most 80 characters, without <, >, @, quotes and backslashes",
        ),
        sender=_one_address(table, "from"),
        reply_to=_one_address(table, "reply_to"),
        ack_when=table.choice("ack_when", "to", ("to", "to_cc")),
        ack_to=table.choice("ack_to", "sender", ("sender", "from")),
        subject_style=table.choice("subject_style", profile.subject_style, ("marker", "re")),
        calendar=table.text("calendar", "", pattern=_NAME, empty=True),
        urgent=table.line_of_text(
            "urgent",
            _CONTACT,
            "does not fit into a sentence",
            "one line of at most 120 characters, without < and >",
        ),
        privacy=table.line_of_text(
            "privacy",
            _LINK,
            "is no link that customers can follow",
            'write "https://desk.example/privacy", in ASCII, of at most 208 characters',
        ),
        wait=table.duration("wait", "5m", low="1s", high="1h"),
        repair=table.choice("repair", profile.repair, ("off", "headers")),
        updates=table.choice("updates", "off", ("off", "send")),
        survey=table.choice("survey", "off", ("off", "send")),
        route=table.choice("route", "header", ("header", "recipient", "postfix")),
        dry_run=dry_run if table.has("dry_run") else None,
        routes=_routes(table.table("routes"), same_address(name)),
        written=name,
    )


def _routes(table: SettingsReader, address: str) -> dict[str, str]:
    routes = {}
    for key in table.names():
        target = _one_address(table, key)
        problem = key_problem(ROUTE, key)
        if problem:
            table.problem(key, *problem)
        elif target == address and key == DEFAULT_WORD:
            table.problem(key, "that is where it stays without it", "leave it out", warning=True)
        elif target:
            routes[key] = target
    return routes


def _one_address(table: SettingsReader, key: str) -> str:
    text = table.text(key, "", empty=True)
    if text and (not _ADDRESS.fullmatch(text) or text.startswith("*@")):
        table.problem(key, f'"{text}" is not an e-mail address')
        return ""
    return same_address(text)
