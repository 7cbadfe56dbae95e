"""The service addresses: what is known of each, and how it is read from its table."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from mailtriage.config.reader import SettingsReader

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
    """Lower case; "*@domain" stands for every address of the domain that has no entry."""
    aliases: tuple[str, ...] = ()
    """Lower case; further addresses of the same mailbox."""
    ack: AckMode = "send"
    profile: str = "generic"
    """Helpdesk whose headers are added; a directory of config/helpdesks/."""
    skills: tuple[str, ...] = ()
    """Only these skills are given; empty: all."""
    name: str = ""
    """Display name in the From: of acknowledgements; empty: the bare address."""
    sender: str = ""
    """Address in their From:; empty: `address` (the first alias for "*@domain"). Key: from."""
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

    @property
    def from_address(self) -> str:
        """The address that acknowledgements come from."""
        if self.sender:
            return self.sender
        if self.address.startswith("*@") and self.aliases:
            return self.aliases[0]
        return self.address

    @property
    def addresses(self) -> tuple[str, ...]:
        """The address and its aliases."""
        return (self.address, *self.aliases)


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """All service addresses."""

    mailboxes: tuple[Mailbox, ...] = ()
    by_address: dict[str, Mailbox] = field(default_factory=dict, repr=False)
    """Each address and alias."""

    def find(self, address: str) -> Mailbox | None:
        """The mailbox that an envelope recipient belongs to, or None; case does not matter."""
        lower = address.lower()
        found = self.by_address.get(lower)
        if found is None:
            found = self.by_address.get(f"*@{lower.rpartition('@')[2]}")
        return found


def read_mailboxes(table: SettingsReader) -> Mailboxes:
    """[mailboxes."address"]."""
    written = {name: _mailbox(table, name) for name in table.names()}
    by_address: dict[str, Mailbox] = {}
    for name, mailbox in written.items():
        if mailbox.address in by_address:
            table.problem(name, f"{mailbox.address} is there twice", "case does not matter")
        by_address.setdefault(mailbox.address, mailbox)
    for name, mailbox in written.items():
        for number, alias in enumerate(mailbox.aliases):
            owner = by_address.setdefault(alias, mailbox)
            if owner.address != mailbox.address:
                a_mailbox = alias == owner.address
                what = "is a mailbox of its own" if a_mailbox else f"is an alias of {owner.address}"
                table.problem((name, "aliases", number), f"{alias} {what} already")
    return Mailboxes(tuple(written.values()), by_address)


def _mailbox(mailboxes: SettingsReader, name: str) -> Mailbox:
    table = mailboxes.table(name)
    if not _ADDRESS.fullmatch(name):
        hint = 'write [mailboxes."help@desk.example"] or [mailboxes."*@desk.example"]'
        mailboxes.problem(name, "not an e-mail address", hint)
    aliases = table.items("aliases")
    for number, alias in aliases:
        if not _ADDRESS.fullmatch(alias):
            table.problem(("aliases", number), f'"{alias}" is not an e-mail address')
    return Mailbox(
        address=name.lower(),
        aliases=tuple(alias.lower() for _, alias in aliases),
        ack=table.choice("ack", "send", ("send", "delegate", "deferred", "off")),
        profile=table.text("profile", "generic", pattern=_NAME),
        skills=table.texts("skills", (), pattern=_NAME),
        name=table.text("name", "", pattern=_DISPLAY_NAME, empty=True),
        sender=_one_address(table, "from"),
        reply_to=_one_address(table, "reply_to"),
        ack_when=table.choice("ack_when", "to", ("to", "to_cc")),
        ack_to=table.choice("ack_to", "sender", ("sender", "from")),
        subject_style=table.choice("subject_style", "marker", ("marker", "re")),
        calendar=table.text("calendar", "", pattern=_NAME, empty=True),
        urgent=table.text("urgent", "", pattern=_CONTACT, empty=True),
        privacy=table.text("privacy", "", pattern=_LINK, empty=True),
        wait=table.duration("wait", "5m", low="1s", high="1h"),
        repair=table.choice("repair", "off", ("off", "headers")),
    )


def _one_address(table: SettingsReader, key: str) -> str:
    text = table.text(key, "", empty=True)
    if text and (not _ADDRESS.fullmatch(text) or text.startswith("*@")):
        table.problem(key, f'"{text}" is not an e-mail address')
        return ""
    return text.lower()
