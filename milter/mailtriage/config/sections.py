"""The sections of the configuration: what each holds, and how it is read from its table.

Every default stands once, in the function that reads its section, spelled as in the file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from mailtriage.config.acks import (
    AckConfig,
    Calendar,
    DeskConfig,
    Targets,
    read_ack,
    read_calendars,
    read_desk,
    read_targets,
)
from mailtriage.config.endpoints import Networks, NextHop, SocketAddress
from mailtriage.config.reader import SettingsReader

AckMode = Literal["send", "delegate", "deferred", "off"]

_NAME: Final = re.compile(r"[a-z0-9_-]{1,64}")
_GROUP: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_AUTHSERV_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,255}")
_REDIS_KEY: Final = re.compile(r"[!-~]{1,200}")
_ADDRESS: Final = re.compile(
    # A dot-atom (RFC 5322 section 3.2.3, RFC 6532), or * for all; quoted local parts are not taken.
    r"(?:\*|[^\s@<>()\[\],;:\\\"*]{1,64})@[^\s@<>()\[\],;:\\\"*/]{1,253}"
)
# Words that go into a header field and a text: nothing that could end a line or begin a tag.
_DISPLAY_NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f<>@\"\\]{1,80}")
_CONTACT: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f<>]{1,120}")
_LINK: Final = re.compile(r"https://[!-~]{1,200}")
_STATE_SCHEMES: Final = ("sqlite", "redis", "rediss", "redis+sentinel")
_REDIS_SCHEMES: Final = _STATE_SCHEMES[1:]

DEFAULT_DATABASE: Final = Path("/var/lib/mailtriage/state.db")


@dataclass(frozen=True, slots=True)
class MilterConfig:
    """[milter]: the door that Postfix knocks at. Times in seconds, sizes in bytes."""

    listen: SocketAddress
    socket_mode: int
    """Permission bits of a unix socket."""
    socket_group: str
    """Group that a unix socket is given to; empty: left as it is."""
    workers: int
    """Processes; 0: one per core."""
    analysers: int
    """Processes that analyse mails; 0: one per core."""
    queue: int
    """Mails that may wait for an analyser; more are passed on as overload."""
    deadline: float
    max_scan_bytes: int
    drain: float
    """How long a stopping worker waits for its open sessions."""
    recycle_messages: int
    """Mails after which a worker is replaced; 0: never."""
    recycle_memory: int
    """Resident memory above which a worker is replaced; 0: never."""


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    """[smtp]: the second door, a proxy. Times in seconds, sizes in bytes."""

    listen: SocketAddress | None
    """None: the door is shut."""
    protocol: Literal["smtp", "lmtp"]
    hostname: str
    """Name in the greeting; empty: the name of the machine."""
    next_hop: NextHop
    next_hop_tls: Literal["none", "opportunistic", "required"]
    next_hop_ca_file: Path | None
    """None: the certificate is not checked."""
    tls_certificate: Path | None
    tls_key: Path | None
    """None: the key stands in the certificate's file."""
    size_limit: int
    connections: int
    connections_per_client: int
    recipients: int
    timeout: float
    data_timeout: float


@dataclass(frozen=True, slots=True)
class AuthenticationConfig:
    """[authentication]: whose Authentication-Results (RFC 8601) are believed."""

    trusted_authserv_ids: tuple[str, ...]
    """Lower case."""
    own_hosts: tuple[str, ...]
    """Names that our own servers give themselves in Received: (lower case). Results below another
    server's Received: are not ours."""
    level: Literal["strict", "lenient"]
    """What an unauthenticated sender gets: nothing, or, when a known customer, an answer (D5)."""
    trusted_arc_sealers: tuple[str, ...]
    """Domains whose ARC seal may repair what forwarding broke (D8); lower case."""


@dataclass(frozen=True, slots=True)
class NetworksConfig:
    """[networks]: clients by address."""

    outbound: Networks


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


@dataclass(frozen=True, slots=True)
class CustomersConfig:
    """[customers]: who is VIP, gold or standard."""

    files: tuple[Path, ...]
    redis: str = field(repr=False)
    """URL, may hold a password; empty: none."""
    redis_key: str
    timeout: float
    """Seconds that one look-up in Redis may take."""


@dataclass(frozen=True, slots=True)
class PoliciesConfig:
    """[policies]: where the rules come from."""

    shipped: bool
    directories: tuple[Path, ...]
    disable: tuple[str, ...]
    """Names of skills that are not loaded."""
    time_limit: float
    """Seconds that one regex may take on one mail."""


@dataclass(frozen=True, slots=True)
class StateConfig:
    """[state]: where things are remembered."""

    url: str = field(repr=False)
    """May hold a password."""
    secret_file: Path | None
    """The secret of the installation; None: "secret" beside the database, made at first start."""

    @property
    def database(self) -> Path:
        """The SQLite file of this machine; with Redis, too, each node keeps what it owes."""
        if self.scheme == "sqlite":
            return Path(self.url.removeprefix("sqlite://"))
        return DEFAULT_DATABASE

    @property
    def secret(self) -> Path:
        """Where the secret stands."""
        return self.secret_file or self.database.with_name("secret")

    @property
    def scheme(self) -> str:
        """sqlite, redis, rediss or redis+sentinel."""
        return self.url.partition(":")[0]


@dataclass(frozen=True, slots=True)
class LogConfig:
    """[log]: what is written to standard error."""

    level: Literal["debug", "info", "warning", "error"]
    addresses: Literal["hashed", "plain"]
    hash_key_file: Path | None
    """None: a key made at each start, so that hashes differ from run to run."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, checked; immutable, and can be pickled."""

    milter: MilterConfig
    smtp: SmtpConfig
    authentication: AuthenticationConfig
    networks: NetworksConfig
    mailboxes: Mailboxes
    customers: CustomersConfig
    policies: PoliciesConfig
    state: StateConfig
    desk: DeskConfig
    ack: AckConfig
    calendars: Mapping[str, Calendar]
    targets: Targets
    log: LogConfig


def read_sections(root: SettingsReader) -> Config:
    """Read every section. What is wrong is added to the reader's problems, and replaced by its
    default in what is returned."""
    config = Config(
        milter=_milter(root.table("milter")),
        smtp=_smtp(root.table("smtp")),
        authentication=_authentication(root.table("authentication")),
        networks=_networks(root.table("networks")),
        mailboxes=_mailboxes(root.table("mailboxes")),
        customers=_customers(root.table("customers")),
        policies=_policies(root.table("policies")),
        state=_state(root.table("state")),
        desk=read_desk(root.table("desk")),
        ack=read_ack(root.table("ack")),
        calendars=read_calendars(root.table("calendars")),
        targets=read_targets(root.table("targets")),
        log=_log(root.table("log")),
    )
    root.finish()
    return config


def _milter(table: SettingsReader) -> MilterConfig:
    return MilterConfig(
        listen=table.socket("listen", "unix:/run/mailtriage/milter.sock"),
        socket_mode=table.mode("socket_mode", "0660"),
        socket_group=table.text("socket_group", "", pattern=_GROUP, empty=True),
        workers=table.integer("workers", 0, low=0, high=256),
        analysers=table.integer("analysers", 0, low=0, high=256),
        queue=table.integer("queue", 64, low=1, high=10_000),
        deadline=table.duration("deadline", "2s", low="50ms", high="5m"),
        max_scan_bytes=table.size("max_scan_bytes", "256KiB", low="4KiB", high="64MiB"),
        drain=table.duration("drain", "30s", low="0s", high="10m"),
        recycle_messages=table.integer("recycle_messages", 20_000, low=0),
        recycle_memory=table.size("recycle_memory", "512MiB", low="0", high="1024GiB"),
    )


def _smtp(table: SettingsReader) -> SmtpConfig:
    return SmtpConfig(
        listen=table.optional_socket("listen"),
        protocol=table.choice("protocol", "smtp", ("smtp", "lmtp")),
        hostname=table.host_name("hostname"),
        next_hop=table.next_hop("next_hop", "127.0.0.1:10026"),
        next_hop_tls=table.choice("next_hop_tls", "none", ("none", "opportunistic", "required")),
        next_hop_ca_file=table.file("next_hop_ca_file"),
        tls_certificate=table.file("tls_certificate"),
        tls_key=table.file("tls_key"),
        size_limit=table.size("size_limit", "50MiB", low="64KiB", high="2GiB"),
        connections=table.integer("connections", 100, low=1, high=10_000),
        connections_per_client=table.integer("connections_per_client", 20, low=1, high=10_000),
        # RFC 5321 section 4.5.3.1.8: a server must take at least 100 recipients.
        recipients=table.integer("recipients", 1000, low=100, high=50_000),
        timeout=table.duration("timeout", "5m", low="1s", high="1h"),
        data_timeout=table.duration("data_timeout", "10m", low="1s", high="1h"),
    )


def _authentication(table: SettingsReader) -> AuthenticationConfig:
    names = table.texts("trusted_authserv_ids", (), pattern=_AUTHSERV_ID)
    hosts = table.texts("own_hosts", (), pattern=_AUTHSERV_ID)
    return AuthenticationConfig(
        trusted_authserv_ids=tuple(name.lower() for name in names),
        own_hosts=tuple(host.lower() for host in hosts),
        level=table.choice("level", "strict", ("strict", "lenient")),
        trusted_arc_sealers=tuple(
            sealer.lower()
            for sealer in table.texts("trusted_arc_sealers", (), pattern=_AUTHSERV_ID)
        ),
    )


def _networks(table: SettingsReader) -> NetworksConfig:
    return NetworksConfig(table.networks("outbound", ("127.0.0.0/8", "::1/128")))


def _mailboxes(table: SettingsReader) -> Mailboxes:
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


def _customers(table: SettingsReader) -> CustomersConfig:
    return CustomersConfig(
        files=table.files("files"),
        redis=table.url("redis", "", _REDIS_SCHEMES),
        redis_key=table.text("redis_key", "mailtriage:customers", pattern=_REDIS_KEY),
        timeout=table.duration("timeout", "50ms", low="1ms", high="1s"),
    )


def _policies(table: SettingsReader) -> PoliciesConfig:
    return PoliciesConfig(
        shipped=table.boolean("shipped", default=True),
        directories=table.files("directories"),
        disable=table.texts("disable", (), pattern=_NAME),
        time_limit=table.duration("time_limit", "20ms", low="1ms", high="1s"),
    )


def _state(table: SettingsReader) -> StateConfig:
    url = table.url("url", f"sqlite://{DEFAULT_DATABASE}", _STATE_SCHEMES)
    return StateConfig(url, table.file("secret_file"))


def _log(table: SettingsReader) -> LogConfig:
    return LogConfig(
        level=table.choice("level", "info", ("debug", "info", "warning", "error")),
        addresses=table.choice("addresses", "hashed", ("hashed", "plain")),
        hash_key_file=table.file("hash_key_file"),
    )
