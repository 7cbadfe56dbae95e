"""What an administrator decides about the SMTP door."""

import socket
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self


class MailProtocol(StrEnum):
    """What is spoken on a connection."""

    SMTP = "smtp"
    LMTP = "lmtp"


class TlsPolicy(StrEnum):
    """When STARTTLS is used towards the next hop."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    """Used when offered, never checked; without it when it is not offered or fails."""
    REQUIRED = "required"
    """No mail without it; the certificate is checked when a CA file is given."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Either a TCP address (host and port) or the path of a Unix-domain socket."""

    host: str = ""
    port: int = 0
    """0 lets the system choose, which only makes sense for listening."""
    path: str = ""

    def __post_init__(self) -> None:
        if bool(self.host) == bool(self.path):
            raise ValueError("an endpoint is a host with a port, or the path of a socket")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port {self.port} is not between 0 and 65535")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "host:port", "[ipv6]:port" (each also with "inet:" before it) or "unix:/path".

        Raises ValueError when the text is none of these.
        """
        scheme, _, rest = text.partition(":")
        if scheme == "unix":
            return cls(path=rest)
        host, colon, port = text.removeprefix("inet:").rpartition(":")
        if not (colon and port.isascii() and port.isdigit()):
            raise ValueError(f"{text!r} is neither host:port nor unix:/path")
        return cls(host=host.removeprefix("[").removesuffix("]"), port=int(port))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SmtpDoorSettings:
    """Settings of one SMTP door; raises ValueError for a combination that cannot work."""

    next_hop: Endpoint
    """Where every mail goes: the server whose answers the client gets."""
    next_hop_protocol: MailProtocol = MailProtocol.SMTP
    next_hop_tls: TlsPolicy = TlsPolicy.OPPORTUNISTIC
    next_hop_ca_file: Path | None = None
    """PEM file of the authorities that the next hop's certificate must come from; its name is then
    checked as well."""
    listen: Endpoint = field(default_factory=lambda: Endpoint("127.0.0.1", 10025))
    protocol: MailProtocol = MailProtocol.SMTP
    hostname: str = field(default_factory=socket.getfqdn)
    """The name we greet with, on both sides."""
    tls_certificate: Path | None = None
    """PEM file of our own certificate chain: STARTTLS is offered to clients when it is given."""
    tls_key: Path | None = None
    """PEM file of its key; None when the key is in the certificate's file."""

    size_limit: int = 50 * 1024 * 1024
    """Bytes of one message. Beyond 1 MiB it is spooled to an unlinked temporary file while it
    arrives; while it is tagged and relayed it is in memory, up to four times."""
    connections: int = 200
    connections_per_client: int = 50
    """Per IP address; clients on a Unix-domain socket count as no one's."""
    recipients: int = 1000
    """Per mail."""
    timeout: float = 300.0
    """Seconds of silence: of a client between commands, of the next hop before a reply. Also the
    time in which a client must get 64 KiB of a message through (RFC 5321 §4.5.3.2)."""
    data_timeout: float = 600.0
    """Seconds for a whole message to arrive, and for the next hop to answer it."""
    tag_deadline: float = 10.0
    """Seconds that tagging may take before the mail is relayed as it came."""

    def __post_init__(self) -> None:
        for name in ("size_limit", "connections", "connections_per_client", "recipients"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for name in ("timeout", "data_timeout", "tag_deadline"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0 seconds")
        if not self.hostname.isascii() or not self.hostname.isprintable() or " " in self.hostname:
            raise ValueError(f"{self.hostname!r} is no host name")
        if self.next_hop == self.listen:
            raise ValueError(f"the next hop {self.next_hop} is where this door itself listens")
        if self.next_hop.host and not self.next_hop.port:
            raise ValueError("the next hop needs a port")
        if self.next_hop_ca_file and self.next_hop_tls is not TlsPolicy.REQUIRED:
            raise ValueError("a CA file for the next hop says nothing unless its TLS is required")
        if self.next_hop_ca_file and not self.next_hop.host:
            raise ValueError("the certificate of a next hop on a Unix-domain socket has no name")
        if self.tls_key and not self.tls_certificate:
            raise ValueError("a TLS key without its certificate")
