"""The sections of the configuration: what each holds, and how it is read from its table.

Every default stands once, in the function that reads its section, spelled as in the file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from mailtriage.config.answers import AnswersConfig, read_answers
from mailtriage.config.endpoints import Networks, NextHop, SocketAddress
from mailtriage.config.follow_ups import FollowUps, read_follow_ups
from mailtriage.config.history import HistoryConfig, read_history
from mailtriage.config.kb import KbConfig, read_kb
from mailtriage.config.mailboxes import Mailboxes, read_mailboxes
from mailtriage.config.profile_sections import Profiles, find_profile, read_profiles
from mailtriage.config.profiles import Profile
from mailtriage.config.reader import SettingsReader
from mailtriage.config.trial import DryRun, Exempt, read_dry_run, read_exempt, tried
from mailtriage.config.warnings import WarningsConfig, read_warnings

_NAME: Final = re.compile(r"[a-z0-9_-]{1,64}")
_GROUP: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_AUTHSERV_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,255}")
_REDIS_KEY: Final = re.compile(r"[!-~]{1,200}")
_STATE_SCHEMES: Final = ("sqlite", "redis", "rediss", "redis+sentinel")
_REDIS_SCHEMES: Final = _STATE_SCHEMES[1:]

DEFAULT_DATABASE: Final = Path("/var/lib/mailtriage/state.db")
DEFAULT_MODEL: Final = Path("/var/lib/mailtriage/model.npz")


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
class ModelConfig:
    """[model]: the trained model beside the rules."""

    enabled: bool
    file: Path
    """The organisation's own, made by `mailtriage train`; where it is missing, the shipped one."""


@dataclass(frozen=True, slots=True)
class StateConfig:
    """[state]: where things are remembered."""

    url: str = field(repr=False)
    """May hold a password."""
    secret_file: Path | None
    """The secret of the installation; None: "secret" beside the database, made at first start."""
    file: Path | None = None
    """With Redis, the SQLite file of this node; None: where it lies without."""
    password_file: Path | None = None
    """Holds the password of Redis, unless the URL does; None: it needs none."""
    prefix: str = "mailtriage"
    """Tells the keys of this organisation from those of others in one Redis."""
    timeout: float = 0.05
    """Seconds that Redis may take while a mail waits."""

    @property
    def database(self) -> Path:
        """The SQLite file of this machine; with Redis, too, each node keeps what it owes."""
        if self.scheme == "sqlite":
            return Path(self.url.removeprefix("sqlite://"))
        return self.file or DEFAULT_DATABASE

    @property
    def shared(self) -> bool:
        """Whether nodes share what they remember."""
        return self.scheme != "sqlite"

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
class MetricsConfig:
    """[metrics]: HTTP for Prometheus and for whoever asks whether all is well."""

    listen: SocketAddress | None
    """None: off."""
    networks: Networks
    """Clients that are answered."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, checked; immutable, and can be pickled."""

    milter: MilterConfig
    smtp: SmtpConfig
    authentication: AuthenticationConfig
    networks: NetworksConfig
    exempt: Exempt
    dry_run: DryRun
    mailboxes: Mailboxes
    profiles: Mapping[str, Profile]
    """Those that a mailbox names or that have a section of their own, by name."""
    customers: CustomersConfig
    policies: PoliciesConfig
    model: ModelConfig
    kb: KbConfig
    answers: AnswersConfig
    state: StateConfig
    desk: DeskConfig
    ack: AckConfig
    calendars: Mapping[str, Calendar]
    targets: Targets
    follow_ups: FollowUps
    log: LogConfig
    metrics: MetricsConfig
    history: HistoryConfig
    warnings: WarningsConfig


def read_sections(root: SettingsReader) -> Config:
    """Read every section. What is wrong is added to the reader's problems, and replaced by its
    default in what is returned."""
    milter, smtp = _milter(root.table("milter")), _smtp(root.table("smtp"))
    authentication = _authentication(root.table("authentication"))
    networks = _networks(root.table("networks"))
    exempt, dry_run = read_exempt(root.table("exempt")), read_dry_run(root.table("dry_run"))
    profiles = read_profiles(root.table("profiles"))
    mailboxes = read_mailboxes(root.table("mailboxes"), profiles, all_tried=dry_run.all)
    mailboxes = tried(mailboxes, dry_run)
    config = Config(
        milter=milter,
        smtp=smtp,
        authentication=authentication,
        networks=networks,
        exempt=exempt,
        dry_run=dry_run,
        mailboxes=mailboxes,
        profiles=_used(profiles, mailboxes),
        customers=_customers(root.table("customers")),
        policies=_policies(root.table("policies")),
        model=_model(root.table("model")),
        kb=read_kb(root.table("kb")),
        answers=read_answers(root.table("answers")),
        state=_state(root.table("state")),
        desk=read_desk(root.table("desk")),
        ack=read_ack(root.table("ack")),
        calendars=read_calendars(root.table("calendars")),
        targets=read_targets(root.table("targets")),
        follow_ups=read_follow_ups(root),
        log=_log(root.table("log")),
        metrics=_metrics(root.table("metrics")),
        history=read_history(root.table("history")),
        warnings=read_warnings(root.table("warnings")),
    )
    root.finish()
    return replace(config, exempt=exempt.also(config.follow_ups.returns.domain))


def _used(profiles: Profiles, mailboxes: Mailboxes) -> dict[str, Profile]:
    used = dict(profiles)
    for mailbox in mailboxes.mailboxes:
        found = find_profile(profiles, mailbox.profile)
        if found is not None:
            used[mailbox.profile] = found
    return used


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
    server = '"mx.desk.example"'
    return AuthenticationConfig(
        trusted_authserv_ids=table.words(
            "trusted_authserv_ids", _AUTHSERV_ID, "the authserv-id of a server", server
        ),
        own_hosts=table.words("own_hosts", _AUTHSERV_ID, "a host name", server),
        level=table.choice("level", "strict", ("strict", "lenient")),
        trusted_arc_sealers=table.words(
            "trusted_arc_sealers", _AUTHSERV_ID, "a domain", '"forwarder.example"'
        ),
    )


def _networks(table: SettingsReader) -> NetworksConfig:
    return NetworksConfig(table.networks("outbound", ("127.0.0.0/8", "::1/128")))


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


def _model(table: SettingsReader) -> ModelConfig:
    return ModelConfig(
        enabled=table.boolean("enabled", default=True),
        file=table.file("file", str(DEFAULT_MODEL)) or DEFAULT_MODEL,
    )


def _state(table: SettingsReader) -> StateConfig:
    url = table.url("url", f"sqlite://{DEFAULT_DATABASE}", _STATE_SCHEMES)
    return StateConfig(
        url,
        table.file("secret_file"),
        table.file("file"),
        table.file("password_file"),
        table.text("prefix", "mailtriage", pattern=_NAME),
        table.duration("timeout", "50ms", low="1ms", high="1s"),
    )


def _log(table: SettingsReader) -> LogConfig:
    return LogConfig(
        level=table.choice("level", "info", ("debug", "info", "warning", "error")),
        addresses=table.choice("addresses", "hashed", ("hashed", "plain")),
        hash_key_file=table.file("hash_key_file"),
    )


def _metrics(table: SettingsReader) -> MetricsConfig:
    return MetricsConfig(
        listen=table.optional_socket("listen", "inet:127.0.0.1:8895"),
        networks=table.networks("networks", ("127.0.0.0/8", "::1/128")),
    )
