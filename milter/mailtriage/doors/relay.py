"""The next hop: one connection to the server that has the last word on every mail.

aiosmtplib opens the connection (greeting, EHLO or LHLO, STARTTLS). Then asyncio streams take over,
because aiosmtplib 5.1 cannot do what a transparent relay needs: its DATA turns bare CR and LF into
CRLF and hands the whole message to the kernel without flow control, it reads one reply after DATA
where LMTP sends one for each recipient (the others are dropped), and its close() still flushes, so
that a mail which its client gave up would be sent all the same.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import Final, Self, cast

import aiosmtplib

from mailtriage.doors.smtp_data import stuff
from mailtriage.doors.smtp_replies import (
    GARBLED,
    LOST,
    UNREACHABLE,
    UNTRUSTED,
    Reply,
    parse_reply_line,
)
from mailtriage.doors.smtp_settings import MailProtocol, SmtpDoorSettings, TlsPolicy

_logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT: Final = 30.0
"""Seconds until the connection and its greeting must stand, as Postfix's smtp_connect_timeout."""
_QUIT_TIMEOUT: Final = 5.0
_LINE_LIMIT: Final = 8 * 1024
_MAX_REPLY_LINES: Final = 100
_WRITE_CHUNK: Final = 64 * 1024


class NextHopFailedError(Exception):
    """The next hop could not be asked, or did not answer: nothing is known, so it is a 4xx."""

    def __init__(self, reply: Reply, cause: str) -> None:
        super().__init__(cause)
        self.reply: Final = reply
        """What the client is told."""


class _NoTlsError(Exception):
    """STARTTLS was wanted and failed."""


class Relay:
    """An open connection to the next hop. Commands go one at a time.

    Whatever goes wrong ends in NextHopFailedError and a dead connection, never in a guess.
    """

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        extensions: Mapping[str, str],
        settings: SmtpDoorSettings,
    ) -> None:
        self._reader, self._writer = streams
        self._settings = settings
        self._waiting = False
        self._in_mail = False
        self.extensions: Final = extensions
        """EHLO keywords in lower case, with their parameters; empty for a server without EHLO."""

    @classmethod
    async def open(cls, settings: SmtpDoorSettings, tls: ssl.SSLContext | None) -> Self:
        """Connect, greet and, as the policy says, encrypt. `tls` comes from `next_hop_tls_context`.

        Raises NextHopFailedError.
        """
        try:
            async with asyncio.timeout(min(_CONNECT_TIMEOUT, settings.timeout)):
                try:
                    client = await _greeted(settings, tls)
                except _NoTlsError:
                    if settings.next_hop_tls is TlsPolicy.REQUIRED:
                        raise
                    client = await _greeted(settings, None)
        except _NoTlsError as error:
            _logger.warning("next hop %s: no TLS: %s", settings.next_hop, error)
            raise NextHopFailedError(UNTRUSTED, "tls") from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            _logger.warning("next hop %s: %s: %s", settings.next_hop, type(error).__name__, error)
            raise NextHopFailedError(UNREACHABLE, "connect") from error
        return cls(_take_over(client), dict(client.esmtp_extensions), settings)

    @property
    def size_limit(self) -> int:
        """The most octets that the next hop takes; 0 when it says none."""
        return offered_size(self.extensions)

    @property
    def usable(self) -> bool:
        """True while the connection stands and owes us no reply."""
        return not (self._waiting or self._writer.is_closing() or self._reader.at_eof())

    async def command(self, line: bytes) -> Reply:
        """Send one command (without CRLF); return its reply, which is 2xx, 4xx or 5xx."""
        reply = await self._exchange(line)
        if not (reply.accepted or reply.refused):
            raise self._failed(GARBLED, f"{reply.code} in answer to a command")
        return reply

    async def begin(self, line: bytes) -> Reply:
        """Send MAIL."""
        reply = await self.command(line)
        self._in_mail = reply.accepted
        return reply

    async def reset(self) -> None:
        """Make the next hop forget a mail that was begun; nothing when there is none."""
        if self._in_mail:
            self._in_mail = False
            if not self.usable or not (await self.command(b"RSET")).accepted:
                raise self._failed(LOST, "no RSET")

    async def forward_client(self, attributes: Mapping[str, str]) -> None:
        """Tell a Postfix that asks for it whose mail this is, for its log (XFORWARD_README).

        `attributes` are XFORWARD names (ADDR, HELO, ...) with values, empty when unknown. To be
        sent before each MAIL. A refusal changes nothing for the mail, so it is ignored.
        """
        wanted = self.extensions.get("xforward", "").upper().split()
        words = [f"{name}={_xtext(attributes[name])}" for name in wanted if name in attributes]
        if words:
            await self.command(f"XFORWARD {' '.join(words)}".encode("ascii"))

    async def content(self, message: bytes, recipients: int) -> tuple[Reply, ...]:
        """Send DATA and the message; return what the next hop says of it.

        The answer is one reply, or `recipients` replies from an LMTP server, in the order of the
        accepted RCPTs (RFC 2033 §4.2). Where the connection is lost between two of these, those
        that came stand, and the rest are LOST. Raises NextHopFailedError when none came.
        """
        expected = recipients if self._settings.next_hop_protocol is MailProtocol.LMTP else 1
        start = await self._exchange(b"DATA")
        if start.code != 354:
            if not start.refused:
                raise self._failed(GARBLED, f"{start.code} in answer to DATA")
            return (start,) * expected
        self._waiting = True
        await self._send(stuff(message))
        replies: list[Reply] = []
        try:
            for _ in range(expected):
                reply = await self._reply(self._settings.data_timeout)
                if not (reply.accepted or reply.refused):
                    raise self._failed(GARBLED, f"{reply.code} in answer to a message")
                replies.append(reply)
        except NextHopFailedError as failure:
            if not replies:
                raise
            replies += [failure.reply] * (expected - len(replies))
        else:
            self._waiting = False
        self._in_mail = False
        return tuple(replies)

    async def quit(self) -> None:
        """Leave politely, or at once when a reply is outstanding. Never raises."""
        if self.usable:
            try:
                async with asyncio.timeout(_QUIT_TIMEOUT):
                    await self._exchange(b"QUIT")
            except (NextHopFailedError, TimeoutError):
                pass
        self.abort()

    def abort(self) -> None:
        """Cut the connection. What is not sent yet is thrown away: an unfinished mail is void."""
        self._writer.transport.abort()

    async def _exchange(self, line: bytes) -> Reply:
        self._waiting = True
        await self._send(line + b"\r\n")
        reply = await self._reply(self._settings.timeout)
        self._waiting = False
        return reply

    async def _send(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            for start in range(0, len(view), _WRITE_CHUNK):
                self._writer.write(view[start : start + _WRITE_CHUNK])
                async with asyncio.timeout(self._settings.timeout):
                    await self._writer.drain()
        except OSError as error:  # TimeoutError is one
            raise self._failed(LOST, type(error).__name__) from error

    async def _reply(self, patience: float) -> Reply:
        lines: list[bytes] = []
        code = 0
        try:
            async with asyncio.timeout(patience):
                while len(lines) < _MAX_REPLY_LINES:
                    parsed = parse_reply_line(await self._reader.readuntil(b"\n"))
                    if not parsed or (code and parsed[0] != code):
                        break
                    code, last, text = parsed
                    lines.append(text)
                    if last:
                        return self._for_the_client(code, tuple(lines))
        except (OSError, EOFError) as error:
            raise self._failed(LOST, type(error).__name__) from error
        except asyncio.LimitOverrunError:
            pass
        raise self._failed(GARBLED, "a malformed reply")

    def _for_the_client(self, code: int, lines: tuple[bytes, ...]) -> Reply:
        if code != 421:
            return Reply(code, lines)
        # The next hop closes now, whatever it was asked (RFC 5321 §3.8). We do not: for the client
        # it is one command that failed for the time being.
        self.abort()
        return Reply(451, lines)

    def _failed(self, reply: Reply, cause: str) -> NextHopFailedError:
        self._waiting = True  # nothing more is to be asked here
        self.abort()
        _logger.warning("next hop %s: %s", self._settings.next_hop, cause)
        return NextHopFailedError(reply, cause)


def offered_size(extensions: Mapping[str, str]) -> int:
    """The limit that an EHLO answer gives; 0 when it gives none (RFC 1870 §4)."""
    digits = extensions.get("size", "").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else 0


def next_hop_tls_context(settings: SmtpDoorSettings) -> ssl.SSLContext | None:
    """How connections are encrypted; None when they are not. Raises OSError for a bad CA file."""
    if settings.next_hop_tls is TlsPolicy.NONE:
        return None
    if settings.next_hop_ca_file:
        return ssl.create_default_context(cafile=settings.next_hop_ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _greeted(settings: SmtpDoorSettings, tls: ssl.SSLContext | None) -> aiosmtplib.SMTP:
    """A connection after EHLO; encrypted if `tls` is given and the server offers it.

    Raises _NoTlsError, and what aiosmtplib raises.
    """
    target = settings.next_hop
    client = aiosmtplib.SMTP(
        hostname=target.host or None,
        port=target.port or None,
        socket_path=target.path or None,
        local_hostname=settings.hostname,
        timeout=settings.timeout,
        start_tls=False,
        tls_context=tls,
    )
    try:
        await client.connect()
        await _hello(client, settings)
        if tls and client.supports_extension("starttls"):
            try:
                await client.starttls()
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                raise _NoTlsError(f"{type(error).__name__}: {error}") from error
            await _hello(client, settings)
        elif tls and settings.next_hop_tls is TlsPolicy.REQUIRED:
            raise _NoTlsError("STARTTLS is not offered")
    except BaseException:
        client.close()
        raise
    return client


async def _hello(client: aiosmtplib.SMTP, settings: SmtpDoorSettings) -> None:
    if settings.next_hop_protocol is MailProtocol.LMTP:
        reply = await client.execute_command(b"LHLO", settings.hostname.encode("ascii"))
        if reply.code != 250:
            raise aiosmtplib.SMTPHeloError(reply.code, reply.message)
        client.last_ehlo_response = reply
        return
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()


def _take_over(client: aiosmtplib.SMTP) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Move the connection from aiosmtplib's protocol to streams, between two replies."""
    if not client.is_connected:
        raise NextHopFailedError(LOST, "closed after EHLO")
    transport = cast("asyncio.Transport", client.transport)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LINE_LIMIT, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _xtext(value: str) -> str:
    """RFC 3461 §4: what is not a visible ASCII character, "+" and "=" as "+" and two hex digits."""
    if not value:
        return "[UNAVAILABLE]"
    octets = value[:255].encode("utf-8", "surrogateescape")
    return "".join(
        chr(octet) if 33 <= octet <= 126 and octet not in b"+=" else f"+{octet:02X}"
        for octet in octets
    )
