"""All that the checks know: seen once, then only looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailtriage.config import Config
from mailtriage.doctor.expected import Expected
from mailtriage.doctor.lists import MilterEntry, entries, milters, socket_path
from mailtriage.doctor.model import Shell, Undone
from mailtriage.doctor.postconf import Service


@dataclass(frozen=True, slots=True)
class Postfix:
    """A Postfix as it is configured."""

    main: Mapping[str, str]
    """main.cf with every $name replaced."""
    written: Mapping[str, str]
    """main.cf as it is written."""
    services: tuple[Service, ...]
    header_actions: Mapping[str, str]
    """Header field to what header_checks do with it; those that they leave alone are missing."""
    route_actions: Mapping[str, str]
    """The same for milter_header_checks."""
    hidden_route: str = ""
    """What transport_maps have for a hidden recipient."""
    hidden_open: tuple[str, ...] = ()
    """Parameters that say that mail for the hidden domain is taken from anybody."""
    returns_route: str = ""
    """What transport_maps have for a return address."""
    returns_in: tuple[str, ...] = ()
    """The lists of domains that have that of the return addresses."""
    swept: Mapping[str, str] = field(default_factory=dict)
    """Service address to what recipient_bcc_maps have for it: "ours", another address, nothing."""
    tables: Mapping[str, str] = field(default_factory=dict)
    """Our files beside main.cf, as far as they can be read."""

    def value(self, service: Service | None, parameter: str) -> str:
        """A parameter as it holds for a service; None stands for main.cf."""
        own = service.options if service is not None else {}
        return own.get(parameter, self.main.get(parameter, ""))

    def list_of(self, service: Service | None, parameter: str) -> list[str]:
        """A list as it holds for a service."""
        return entries(self.value(service, parameter))

    def service(self, key: str) -> Service | None:
        """A service by its key, "smtp/inet"."""
        return next((one for one in self.services if one.key == key), None)

    @property
    def queue(self) -> str:
        """The directory that its daemons run in."""
        return self.main.get("queue_directory", "/var/spool/postfix")


@dataclass(frozen=True, slots=True)
class Reached:
    """An attempt to connect."""

    place: str
    error: int = 0
    """errno; 0: somebody answered."""
    postfix_error: int | None = 0
    """The same for the user of Postfix's daemons; None: could not be tried."""
    closed: str = ""
    """The directory or socket that does not let that user through."""
    greeting: str = ""
    """What a mail server's answer to EHLO or LHLO was; empty when it was not the wanted 250."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What our milter did to the canned mail."""

    fault: str = ""
    status: str = ""
    """X-Mailtriage-Status."""
    tags: int = 0
    """Header fields that it added."""


@dataclass(frozen=True, slots=True)
class State:
    """What lies in the state directory. Faults are empty where all is well."""

    secret_fault: str = ""
    database_fault: str = ""
    file_system: str = ""
    """As /proc/mounts has it, "ext4"."""
    dead: int = 0
    """Acknowledgements that were given up."""
    oldest_due: float = 0.0
    """Seconds for which the oldest acknowledgement has been due."""
    ahead: float = 0.0
    """Seconds by which the newest row is later than now."""


@dataclass(frozen=True, slots=True)
class Redis:
    """A Redis server of the configuration."""

    key: str
    """Which key of the configuration names it."""
    fault: str = ""
    appends: bool = True
    """Whether it writes down each change (AOF)."""
    eviction: str = "noeviction"
    """maxmemory-policy."""
    foreign: str = ""
    """Why what it holds is not for this node; empty: it is, or is nobody's yet."""
    ahead: float = 0.0
    """Seconds by which its clock differs from ours."""
    asked: bool = True
    """Whether it could be asked for its settings."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The file of the knowledge base."""

    missing: bool = False
    fault: str = ""
    """Why it cannot be used; empty: it can, or there is none."""
    age: float = 0.0
    """Seconds since it was built."""


@dataclass(frozen=True, slots=True)
class Templates:
    """The index of answer templates, and the folder that it is made of."""

    missing: bool = False
    """There is no index."""
    fault: str = ""
    """Why the index cannot be used; empty: it can, or there is none."""
    mistakes: tuple[str, ...] = ()
    """In the folder, as `mailtriage kb build` says them."""
    is_behind: bool = False
    """The folder has changed since the index was made."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of this machine."""

    synchronised: bool | None
    """None: the kernel could not be asked."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system below a directory. In bytes."""

    directory: str
    free: int
    inodes_free: float
    """Share, 0 to 1; 1 where the file system has no such limit."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One machine."""

    config: Config
    shell: Shell
    expected: Expected
    postfix: Postfix | None
    postfix_fault: str
    """Why `postfix` is None."""
    milter: Reached
    desk: Reached | None
    """None without mailboxes; so are the next two."""
    port: Reached | None
    signers: tuple[Reached, ...]
    """The milters at the port."""
    forged: bool | None
    """Whether a forged Authentication-Results would be believed; None: not known."""
    probed: Probed | None
    state: State | None
    redis: tuple[Redis, ...]
    clock: Clock
    disks: tuple[Disk, ...]
    knowledge: Knowledge | None = None
    """None where nobody wants one."""
    templates: Templates | None = None
    """None where there are to be none."""
    undone: tuple[Undone, ...] = ()

    def smtpds(self) -> list[Service]:
        """The services that take mail from elsewhere, without the port for acknowledgements."""
        if self.postfix is None:
            return []
        return [
            one
            for one in self.postfix.services
            if one.program.rpartition("/")[2] == "smtpd" and one.key != self.expected.port
        ]

    def milters(self, service: Service | None) -> list[MilterEntry]:
        """The milters that mail at a service passes; None stands for main.cf."""
        if self.postfix is None:
            return []
        if "no_milters" in self.postfix.list_of(service, "receive_override_options"):
            return []
        return milters(self.postfix.value(service, "smtpd_milters"))

    def is_ours(self, entry: MilterEntry) -> bool:
        """Whether this milter is mailtriage: what main.cf calls so, or what has our address."""
        if self.postfix is None:
            return False
        named = milters(self.postfix.main.get("mailtriage_milter", ""))
        addresses = {one.address for one in (*named, self.expected.milter)}
        return entry.address in addresses or self._path(entry) == self._path(self.expected.milter)

    def ours(self, service: Service | None) -> MilterEntry | None:
        """mailtriage among the milters of a service."""
        return next(filter(self.is_ours, self.milters(service)), None)

    def own_lists(self, parameter: str) -> Sequence[Service | None]:
        """main.cf, and the services that have their own value of a parameter."""
        return [None, *(one for one in self.smtpds() if parameter in one.options)]

    def _path(self, entry: MilterEntry) -> str:
        """The socket's file; the address itself where it is none."""
        queue = self.postfix.queue if self.postfix else ""
        return socket_path(entry.address, queue, chroot=False) or entry.address
