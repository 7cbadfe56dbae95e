"""Addresses in the network: where we listen, where mail goes next, and which clients are ours."""

import ipaddress
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Literal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_UNIX_PATH: Final = 100
"""Bytes. sun_path holds 107 and a NUL; a socket is made under a longer temporary name first."""

SOCKET_FORM: Final = "write unix:/path, inet:HOST:PORT, inet:PORT@HOST or fd:N"
NEXT_HOP_FORM: Final = "write HOST:PORT, lmtp:HOST:PORT or lmtp:unix:/path"

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,40}}")
_STANDARD_DESCRIPTORS: Final = 3
_MAX_PORT: Final = 65535


class EndpointError(ValueError):
    """An address that cannot be understood. `hint` says how to write it."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint: Final = hint


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """A stream socket to listen on or to connect to."""

    kind: Literal["unix", "inet", "inet6", "fd"]
    path: str = ""
    """Absolute; "unix" only."""
    host: str = ""
    """Host name or IP address, without brackets; "inet" and "inet6" only."""
    port: int = 0
    descriptor: int = -1
    """A listening socket that we inherit; "fd" only."""

    def __str__(self) -> str:
        return self.postfix() or self.libmilter()

    def postfix(self) -> str | None:
        """As main.cf spells it: "unix:/path", "inet:host:port".

        None for an inherited socket: only whoever opened it knows its address.
        """
        if self.kind == "unix":
            return f"unix:{self.path}"
        if self.kind == "fd":
            return None
        return f"inet:{host_and_port(self.host, self.port)}"

    def libmilter(self) -> str:
        """As smfi_setconn(3) spells it: "unix:/path", "inet:port@host", "inet6:port@host".

        "fd:N" is understood by Debian's libmilter alone (its socket_activation.patch).
        """
        if self.kind == "unix":
            return f"unix:{self.path}"
        if self.kind == "fd":
            return f"fd:{self.descriptor}"
        return f"{self.kind}:{self.port}@{self.host}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect; a host name other than localhost counts as no."""
        if self.kind in {"unix", "fd"} or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class NextHop:
    """The server that mail is handed to."""

    protocol: Literal["smtp", "lmtp"]
    host: str = ""
    """Host name or IP address, without brackets; empty for a unix socket."""
    port: int = 0
    path: str = ""
    """Absolute path of a unix socket, LMTP only; empty for TCP."""

    def __str__(self) -> str:
        if self.path:
            return f"{self.protocol}:unix:{self.path}"
        return f"{self.protocol}:{host_and_port(self.host, self.port)}"


@dataclass(frozen=True)
class Networks:
    """A set of IP networks."""

    networks: tuple[Network, ...] = ()

    @cached_property
    def _ranges(self) -> tuple[tuple[int, int, int], ...]:
        """(IP version, first, last address): comparing numbers is what makes `contains` quick."""
        return tuple(
            (network.version, int(network.network_address), int(network.broadcast_address))
            for network in self.networks
        )

    def contains(self, address: str) -> bool:
        """Whether the IP address (text without brackets) lies in one of the networks.

        False for whatever is no IP address. IPv4 addresses mapped into IPv6, as dual-stack sockets
        report them (RFC 4291 section 2.5.5.2), count as IPv4.
        """
        if not self.networks:
            return False
        version, number = _as_number(address)
        return any(
            version == known and first <= number <= last for known, first, last in self._ranges
        )


@lru_cache(maxsize=64)  # one client is looked for in several sets, a dozen times a mail
def _as_number(address: str) -> tuple[int, int]:
    """IP version and number; version 0 for whatever is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return 0, 0
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed.version, int(parsed)


def host_and_port(host: str, port: int) -> str:
    """ "host:port", an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_socket(text: str) -> SocketAddress:
    """Understand Postfix's spelling, libmilter's, a bare path and a bare "host:port".

    Raises EndpointError.
    """
    scheme, rest = _scheme(text, ("unix", "local", "inet", "inet6", "fd"))
    if scheme in {"unix", "local"} or (not scheme and _is_path(rest)):
        return SocketAddress("unix", path=_unix_path(rest))
    if scheme == "fd":
        return SocketAddress("fd", descriptor=_descriptor(rest))
    if "@" in rest:
        written_port, _, host = rest.partition("@")
        host, port = _host(host), _port(written_port)
    else:
        host, port = _host_port(rest, SOCKET_FORM)
    kind: Literal["inet", "inet6"] = "inet6" if scheme == "inet6" or ":" in host else "inet"
    return SocketAddress(kind, host=host, port=port)


def parse_next_hop(text: str) -> NextHop:
    """Understand "host:port", "smtp:host:port", "lmtp:host:port", "lmtp:unix:/path".

    "inet:" before the host is taken too, as in Postfix's "lmtp:inet:host:port". Raises
    EndpointError.
    """
    protocol, rest = _scheme(text, ("smtp", "lmtp"))
    family, place = _scheme(rest, ("unix", "inet"))
    if family == "unix" or (not family and _is_path(place)):
        if protocol != "lmtp":
            raise EndpointError(
                "only LMTP is spoken over a unix socket", f"write lmtp:unix:{place}"
            )
        return NextHop("lmtp", path=_unix_path(place))
    host, port = _host_port(place, NEXT_HOP_FORM)
    return NextHop("lmtp" if protocol == "lmtp" else "smtp", host=host, port=port)


def parse_network(text: str) -> Network:
    """An IP network, or a single address. Raises EndpointError."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise EndpointError(
            f'"{text}" is not an IP network', 'write for example "192.0.2.0/24" or "2001:db8::/32"'
        ) from None
    raise EndpointError(f'"{text}" has host bits set', f'did you mean "{meant}"?')


def _scheme(text: str, known: tuple[str, ...]) -> tuple[str, str]:
    scheme, colon, rest = text.partition(":")
    return (scheme, rest) if colon and scheme in known else ("", text)


def _is_path(text: str) -> bool:
    return "/" in text


def _unix_path(path: str) -> str:
    if not path.startswith("/"):
        raise EndpointError(
            "the path of a unix socket must be absolute",
            f"write unix:/run/mailtriage/{path or 'milter.sock'}",
        )
    if len(path.encode()) > MAX_UNIX_PATH:
        raise EndpointError(f"the path of a unix socket has at most {MAX_UNIX_PATH} bytes")
    return path


def _descriptor(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise EndpointError(f'"{text}" is not a file descriptor', "write fd:3")
    number = int(text)
    if number < _STANDARD_DESCRIPTORS:
        raise EndpointError(
            f"descriptor {number} is standard input, output or error",
            "systemd hands sockets over from fd:3 on",
        )
    return number


def _host_port(text: str, form: str) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if bracket and rest.startswith(":"):
            return _host(host), _port(rest[1:])
        raise EndpointError(f'"{text}" has no port', form)
    host, colon, port = text.rpartition(":")
    if not colon:
        raise EndpointError(f'"{text}" has no host or no port', form)
    if ":" in host:
        raise EndpointError(
            "an IPv6 address must stand in brackets", f"write [{host}]:{port or 'PORT'}"
        )
    return _host(host), _port(port)


def _host(text: str) -> str:
    host = text.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not HOST_NAME.fullmatch(host) or host.replace(".", "").isdigit():
        raise EndpointError(f'"{text}" is not a host name or IP address')
    return host.lower()


def _port(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text) and 1 <= int(text) <= _MAX_PORT:
        return int(text)
    raise EndpointError(f'"{text}" is not a port number from 1 to {_MAX_PORT}')
