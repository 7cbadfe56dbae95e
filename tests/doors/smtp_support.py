"""The neighbours of the SMTP door in tests: a client that says anything, a next hop on script."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from mailtriage.doors.smtp import Endpoint, MailProtocol, SmtpDoor, SmtpDoorSettings, Tag, TlsPolicy
from mailtriage.mail.model import Client, Envelope

T = TypeVar("T")

FULL_OFFER = ("PIPELINING", "SIZE 40000000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
TAG = b"X-Mailtriage: v=1;\r\n"
MAIL = b"From: a@example.org\r\nSubject: hello\r\n\r\nHi\r\n"


async def add_a_line(raw: bytes, _envelope: Envelope, _client: Client, _mail_id: str) -> bytes:
    """The simplest tag: one header line on top."""
    return TAG + raw


@dataclass
class Taken:
    """A mail of which the next hop saw the final dot."""

    mail: str
    """The MAIL command."""
    recipients: list[str]
    """The RCPT commands that were accepted."""
    wire: bytes
    """What came between DATA and the final dot."""

    @property
    def content(self) -> bytes:
        """Without the dots of RFC 5321 §4.5.2."""
        return (b"\r\n" + self.wire).replace(b"\r\n.", b"\r\n")[2:]


@dataclass
class NextHop:
    """A server that answers as it is told.

    `answers` maps the beginning of a command to its answer: lines joined by "\\n", or "" to hang up.
    "CONNECT" stands for the greeting, "." for the final dot. The answer to the final dot waits for
    `may_answer`.
    """

    lmtp: bool = False
    offer: tuple[str, ...] = FULL_OFFER
    answers: dict[str, str] = field(default_factory=dict)
    only_once: bool = False
    """Each of `answers` is given once; then all is well."""
    dies_after: int | None = None
    """Hang up when that many octets of a message have come."""
    tls: ssl.SSLContext | None = None

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    cut_off: int = 0
    """Messages that ended before their final dot."""
    hung_up: int = 0
    """Connections that ended without QUIT."""
    dot_seen: threading.Event = field(default_factory=threading.Event)
    may_read: threading.Event = field(default_factory=threading.Event)
    """A message is not read before this is set."""
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()
        self.may_read.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            await self._converse(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            self.hung_up += 1
        finally:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mail = ""
        recipients: list[str] = []
        _answer(writer, self.answers.get("CONNECT", "220 hop.example"))
        while True:
            line = (await reader.readuntil(b"\r\n"))[:-2].decode("utf-8", "surrogateescape")
            self.commands.append(line)
            verb = line.partition(" ")[0].upper()
            reply = self._scripted(line) or self._usual(verb, writer)
            _answer(writer, "" if reply == "hang up" else reply)
            if verb == "STARTTLS" and reply.startswith("2") and self.tls:
                await writer.start_tls(self.tls)
            elif verb == "QUIT":
                await writer.drain()
                return
            elif verb in ("MAIL", "RSET"):
                mail, recipients = (line if verb == "MAIL" else ""), []
            elif verb == "RCPT" and reply.startswith("2"):
                recipients.append(line)
            elif verb == "DATA" and reply.startswith("3"):
                self.taken.append(Taken(mail, recipients, await self._message(reader)))
                self.dot_seen.set()
                while not self.may_answer.is_set():  # noqa: ASYNC110 - set by another thread
                    await asyncio.sleep(0.01)
                kept = "\n".join(["250 2.0.0 kept"] * (len(recipients) if self.lmtp else 1))
                reply = self._scripted(".") or kept
                _answer(writer, "" if reply == "hang up" else reply)

    def _scripted(self, line: str) -> str:
        for start, reply in self.answers.items():
            if line.startswith(start):
                if self.only_once:
                    del self.answers[start]
                return reply or "hang up"
        return ""

    def _usual(self, verb: str, writer: asyncio.StreamWriter) -> str:
        if verb in ("EHLO", "LHLO"):
            if (verb == "LHLO") != self.lmtp:
                return "500 5.5.1 not here"
            lines = ["hop.example", *self.offer]
            if self.tls and not writer.get_extra_info("sslcontext"):
                lines.append("STARTTLS")
            return "\n".join(["250-" + text for text in lines[:-1]] + ["250 " + lines[-1]])
        if verb == "STARTTLS" and self.tls:
            return "220 2.0.0 go on"
        return {"DATA": "354 go on", "QUIT": "221 2.0.0 bye"}.get(verb, "250 2.0.0 fine")

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        content = bytearray()
        while not self.may_read.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)
        while True:
            try:
                line = await reader.readuntil(b"\r\n")
            except (OSError, EOFError):
                self.cut_off += 1
                raise
            if line == b".\r\n":
                return bytes(content)
            content += line
            if self.dies_after is not None and len(content) >= self.dies_after:
                raise ConnectionError


def _answer(writer: asyncio.StreamWriter, text: str) -> None:
    if not text:
        raise ConnectionError
    writer.write(text.replace("\n", "\r\n").encode("utf-8", "surrogateescape") + b"\r\n")


class Neighbourhood:
    """An event loop in a thread of its own, with doors and next hops in it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._unhandled)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._servers: dict[int, asyncio.Server] = {}
        self._doors: list[SmtpDoor] = []
        self._clients: list[SmtpClient] = []
        self.unhandled: list[dict[str, Any]] = []
        """What reached the event loop because nobody caught it."""

    def _unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.unhandled.append(context)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it in the loop and wait for its result."""
        return self.start(coroutine).result(timeout=60)

    def hop(self, **script: Any) -> NextHop:
        """A next hop that listens; keywords are the fields of NextHop."""
        hop = NextHop(**script)
        self.listen(hop)
        return hop

    def listen(self, hop: NextHop) -> None:
        """Have it listen: on its own port again when it had one."""

        async def listen() -> None:
            server = await asyncio.start_server(
                hop.serve, "127.0.0.1", hop.port, limit=4 * 1024 * 1024
            )
            hop.port = server.sockets[0].getsockname()[1]
            self._servers[hop.port] = server

        self.run(listen())

    def stop_listening(self, hop: NextHop) -> None:
        """New connections are refused; those that stand stay."""
        server = self._servers[hop.port]
        self._loop.call_soon_threadsafe(server.close)
        assert eventually(lambda: not server.is_serving())

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run it in the loop without waiting for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def door(
        self,
        hop: NextHop | int,
        tag: Tag = add_a_line,
        sock: socket.socket | None = None,
        **settings: Any,
    ) -> tuple[SmtpDoor, Endpoint]:
        """A door that listens, and where. Keywords are fields of SmtpDoorSettings."""
        lmtp = isinstance(hop, NextHop) and hop.lmtp
        values: dict[str, Any] = {
            "next_hop": Endpoint("127.0.0.1", hop.port if isinstance(hop, NextHop) else hop),
            "next_hop_protocol": MailProtocol.LMTP if lmtp else MailProtocol.SMTP,
            "next_hop_tls": TlsPolicy.NONE,
            "listen": Endpoint("127.0.0.1", 0),
            "hostname": "door.example",
            "timeout": 20.0,
            "data_timeout": 40.0,
        }

        async def start() -> tuple[SmtpDoor, Endpoint]:
            door = SmtpDoor(SmtpDoorSettings(**{**values, **settings}), tag)
            return door, await door.start(sock)

        door, where = self.run(start())
        self._doors.append(door)
        return door, where

    def client(self, where: Endpoint, greet: str = "EHLO client.example") -> "SmtpClient":
        """A client that has been greeted, and has said `greet` unless that is empty."""
        client = SmtpClient(where)
        self._clients.append(client)
        if greet:
            client.expect("220")
            client.says(greet, "250")
        return client

    def close(self) -> None:
        """End everything, in order."""
        for client in self._clients:
            client.drop()
        for door in self._doors:
            self.run(door.stop(0))

        async def finish() -> None:
            for server in self._servers.values():
                server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.run(finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SmtpClient:
    """One connection to the door: sends what it is told, and shows replies as they came."""

    def __init__(self, where: Endpoint, receive_buffer: int = 0) -> None:
        self.socket = socket.socket(socket.AF_UNIX if where.path else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect(where.path or (where.host, where.port))
        self._stream = self.socket.makefile("rb")

    def send(self, data: bytes | str) -> None:
        """Octets as they are, text as UTF-8."""
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def reply(self) -> str:
        """The next reply, its lines joined by "\\n"; empty when the door hung up."""
        lines = []
        while True:
            try:
                line = self._stream.readline()
            except ConnectionError:
                line = b""
            if line:
                assert line.endswith(b"\r\n"), line
                lines.append(line[:-2].decode())
            if not line or line[3:4] == b" ":
                return "\n".join(lines)

    def expect(self, start: str) -> str:
        """The next reply, which must begin like that."""
        reply = self.reply()
        assert reply.startswith(start), f"{reply!r} instead of {start}"
        return reply

    def says(self, command: str | bytes, start: str) -> str:
        """Send a command; its reply must begin with `start`."""
        self.send((command.encode() if isinstance(command, str) else command) + b"\r\n")
        return self.expect(start)

    def begins_mail(self, *recipients: str) -> None:
        """MAIL and RCPTs that are all taken."""
        self.says("MAIL FROM:<a@example.org>", "250")
        for recipient in recipients or ("b@desk.example",):
            self.says(f"RCPT TO:<{recipient}>", "250")

    def sends_mail(self, content: bytes = MAIL, *recipients: str) -> str:
        """A whole mail to b@desk.example; the (first) reply to its final dot."""
        self.begins_mail(*recipients)
        self.says("DATA", "354")
        self.send((b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
        return self.reply()

    def hears_nothing(self, seconds: float = 0.3) -> bool:
        """Whether no reply comes within that time."""
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(30)

    def starts_tls(self, context: ssl.SSLContext) -> Self:
        """The handshake after the 220 to STARTTLS."""
        self._stream.close()
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._stream = self.socket.makefile("rb")
        return self

    def drop(self) -> None:
        """Hang up without a word."""
        self._stream.close()
        self.socket.close()


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it comes true in that time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for localhost and 127.0.0.1."""

    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """For a server that shows it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """For a client that trusts it alone."""
        return ssl.create_default_context(cafile=self.certificate)
