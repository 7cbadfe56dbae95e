"""An SMTP client for tests: says exactly what it is told, pipelines, and can hang up anywhere."""

import base64
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """One reply, all its lines."""

    code: int
    text: str


def stuffed(content: bytes) -> bytes:
    """A mail as DATA carries it: bare LF made CRLF, dots doubled, the final dot added."""
    wire = re.sub(rb"(?<!\r)\n", b"\r\n", content)
    if not wire.endswith(b"\r\n"):
        wire += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", wire) + b".\r\n"


class SmtpClient:
    """One SMTP session. XCLIENT lets a client on loopback stand for one on the Internet."""

    def __init__(self, port: int, *, timeout: float = 60) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self.socket.makefile("rb")
        self.expect(2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and self.socket.fileno() >= 0:
            self.command("QUIT")
        self.drop()

    def receive(self) -> SmtpReply:
        """The next reply; ConnectionError when the server hangs up instead."""
        lines: list[str] = []
        while True:
            line = self._stream.readline().decode("utf-8", "replace")
            if not line:
                raise ConnectionError(f"hung up after {lines}")
            lines.append(line.rstrip())
            if line[3:4] != "-":
                return SmtpReply(int(line[:3]), "\n".join(lines))

    def expect(self, kind: int) -> SmtpReply:
        """The next reply, which must be of that kind (its first digit)."""
        reply = self.receive()
        if reply.code // 100 != kind:
            raise AssertionError(reply.text)
        return reply

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.socket.sendall(data)

    def command(self, line: str, kind: int = 2) -> SmtpReply:
        """One command, whose reply must be of that kind."""
        self.send(line.encode() + b"\r\n")
        return self.expect(kind)

    def greet(self, client: str = "203.0.113.7", name: str = "mail.customer.example") -> Self:
        """EHLO as the client of that IP address; "" stays what it is, a client on loopback."""
        self.command(f"EHLO {name}")
        if client:
            self.command(f"XCLIENT ADDR={client} NAME={name} HELO={name} PROTO=ESMTP")
            self.command(f"EHLO {name}")
        return self

    def login(self, user: str = "agent", password: str = "secret") -> Self:
        """AUTH PLAIN (RFC 4616)."""
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.command(f"AUTH PLAIN {token}")
        return self

    def envelope(self, recipients: Iterable[str], sender: str = "customer@example.org") -> None:
        """MAIL and RCPT, all of which must be taken."""
        self.command(f"MAIL FROM:<{sender}> BODY=8BITMIME")
        for recipient in recipients:
            self.command(f"RCPT TO:<{recipient}>")

    def mail(
        self, content: bytes, *recipients: str, sender: str = "customer@example.org"
    ) -> SmtpReply:
        """A whole mail; returns the reply to the final dot, whatever it is."""
        self.envelope(recipients, sender)
        self.command("DATA", 3)
        self.send(stuffed(content))
        return self.receive()

    def drop(self) -> None:
        """Hang up without QUIT."""
        self._stream.close()
        self.socket.close()
