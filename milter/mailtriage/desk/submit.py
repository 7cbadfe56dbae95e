"""One connection to the server that our mails are handed to, and what it says of each.

Whatever happens ends in an `Answer`, and an answer never claims more than is known: between the
final dot and its reply nothing is (RFC 1047).
"""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from mailtriage.config.endpoints import NextHop

CONNECT_LIMIT: Final = 10.0
"""Seconds until the connection stands and the server has greeted; it is on the same machine, or
near."""

COMMAND_LIMIT: Final = 30.0
"""Seconds for the answer to one command."""

IDLE_LIMIT: Final = 30.0
"""Seconds for which a connection is kept that nothing is sent on: it occupies an smtpd of Postfix,
which waits for five minutes (smtpd_timeout). One that Postfix has closed is opened anew."""

_QUIT_LIMIT: Final = 2.0
_ANSWER_SIZE: Final = 200

# What may stand between "<" and ">" on the wire (RFC 5321 section 4.1.2, loosely): nothing that
# ends the address early, or begins a parameter; no bytes that were no UTF-8 (lone surrogates).
_NEVER: Final = r"\x00-\x1f\x7f\ud800-\udfff"
_ADDRESS: Final = re.compile(
    rf"""(?:[^\s"<>@,;:\\()\[\]{_NEVER}]+|"(?:[^"\\{_NEVER}]|\\[^{_NEVER}])*")"""
    rf"""@[^\s"<>@,;\\(){_NEVER}]+"""
)
_ADDRESS_IN_TEXT: Final = re.compile(r"\S*@\S*")
_ENHANCED_STATUS: Final = re.compile(r"[245]\.(\d{1,3})\.\d{1,3}(?=\s|$)")
_LINE_BEGINS_WITH_DOT: Final = re.compile(rb"(?m)^\.")

_NO_MAILBOX: Final = frozenset({"1", "2"})
"""Subjects of an enhanced status code (RFC 3463 section 3) that speak of the address or its
mailbox. 5.7.1 "Relay access denied" speaks of us, and must not count against the address."""


class Result(StrEnum):
    """What became of one acknowledgement."""

    SENT = "sent"
    """The server has it."""
    REFUSED = "refused"
    """4xx: later, perhaps."""
    REJECTED = "rejected"
    """5xx: never."""
    NO_ADDRESS = "no-address"
    """What stands in the place of the address must not be sent; the server was not asked."""
    UNDELIVERABLE = "undeliverable"
    """5xx, since there is no such address."""
    NEEDS_UTF8 = "needs-utf8"
    """The address needs SMTPUTF8, and the server has not got it (RFC 6531 section 3.5)."""
    SERVER = "server"
    """The server cannot be reached or talks to nobody; it said nothing of this mail."""
    UNKNOWN = "unknown"
    """All was sent and no answer came: the server may have it, or not."""
    NO_TURN = "no-turn"
    """It was not its turn; the server got nothing of the message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A result, and why."""

    result: Result
    detail: str = ""
    """What the server said, without addresses, or the class of the fault."""

    @property
    def server_talks(self) -> bool:
        """Whether the server showed that it is in order, whatever it thinks of this mail."""
        return not self.server_fails and self.result not in (Result.NO_ADDRESS, Result.NO_TURN)

    @property
    def server_fails(self) -> bool:
        """Whether the server is away, hangs, or refuses to talk at all."""
        return self.result in (Result.SERVER, Result.UNKNOWN)


class Submission:
    """A connection that is opened when it is needed, and kept open. One mail at a time."""

    def __init__(self, server: NextHop, hostname: str = "") -> None:
        """`server` speaks SMTP. `hostname` is what we greet with; empty: the name of the machine,
        which is not looked up in the DNS."""
        self._server: Final = server
        self._hostname: Final = hostname or socket.gethostname()
        self._client: aiosmtplib.SMTP | None = None
        self._used = 0.0

    async def send(
        self,
        address: str,
        message: bytes,
        limit: float,
        ready: Callable[[], Awaitable[bool]] | None = None,
        *,
        sender: str = "",
    ) -> Answer:
        """Hand in one mail.

        `sender`: its reverse-path. An acknowledgement has the null one (RFC 3834 section 3.3); what
        nobody asked for has one that can bounce, and is never null (RFC 5321 section 4.5.5).
        `message` has CRLF line ends and goes out byte for byte. `ready` is waited for when the
        server wants the message, before anything of that is sent; false: it is not to be sent now.
        `limit` in seconds, for all of it but the wait for `ready`. Never raises but when cancelled,
        and then the connection is dropped.
        """
        if not _ADDRESS.fullmatch(address):
            return Answer(Result.NO_ADDRESS)
        sent_all = False
        try:
            async with asyncio.timeout(limit) as clock:
                client = await self._begun(sender, address, message)
                if isinstance(client, Answer):
                    return client
                refusal = await self._envelope(client, sender, address)
                if refusal is not None:
                    return refusal
                if ready is not None and not await _uncounted(clock, ready):
                    self.drop()
                    return Answer(Result.NO_TURN)
                # Not client.data(): a failure of that would not tell whether the message was sent.
                protocol = _write(client, message)
                sent_all = True
                return self._verdict(await protocol.read_response())
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as fault:
            self.drop()
            detail = type(fault).__name__
            if isinstance(fault, aiosmtplib.SMTPResponseException):
                detail = _cut(fault.code, fault.message)
            return Answer(Result.UNKNOWN if sent_all else Result.SERVER, detail)
        except asyncio.CancelledError:
            self.drop()
            raise

    async def _begun(self, sender: str, address: str, message: bytes) -> aiosmtplib.SMTP | Answer:
        """A connection on which MAIL was accepted, or what stands in the way.

        One that was kept open may have died since; then a new one is tried once.
        """
        reused = self._client is not None and self._client.is_connected
        try:
            client = await self._connected()
            answer = await self._mail_from(client, sender, address, message)
            if answer is None:
                return client
            if not reused or client.is_connected:
                return answer
        except (aiosmtplib.SMTPServerDisconnected, ConnectionError):
            if not reused:
                raise
        self.drop()
        client = await self._connected()
        return await self._mail_from(client, sender, address, message) or client

    async def _connected(self) -> aiosmtplib.SMTP:
        client = self._client
        if client is not None and client.is_connected:
            return client
        self._client = await _greeted(self._server, self._hostname)
        self._used = time.monotonic()
        return self._client

    async def _mail_from(
        self, client: aiosmtplib.SMTP, sender: str, address: str, message: bytes
    ) -> Answer | None:
        words = [b"FROM:<" + sender.encode("ascii") + b">"]
        if not message.isascii() and client.supports_extension("8bitmime"):
            words.append(b"BODY=8BITMIME")
        utf8 = not address.isascii()
        if utf8:
            if not client.supports_extension("smtputf8"):
                return Answer(Result.NEEDS_UTF8)
            words.append(b"SMTPUTF8")
        reply = await client.execute_command(b"MAIL", *words)
        if reply.code // 100 == 2:
            return None
        if sender and reply.code != 421:
            # Perhaps it does not like the sender: acknowledgements, which have none, go on.
            return _refusal(reply.code, reply.message)
        # MAIL FROM:<> is the same for all: who refuses it refuses everything. Not so SMTPUTF8.
        of_this_mail = utf8 and reply.code // 100 == 5
        result = Result.REJECTED if of_this_mail else Result.SERVER
        return Answer(result, _cut(reply.code, reply.message))

    async def _envelope(self, client: aiosmtplib.SMTP, sender: str, address: str) -> Answer | None:
        """RCPT and DATA; None when the server waits for the message."""
        words = [b"TO:<" + address.encode("utf-8") + b">"]
        if client.supports_extension("dsn"):
            # Nobody is to get a bounce of an acknowledgement (RFC 3461 section 4.1). Of the others
            # we want to know that they failed, and nothing of delays.
            words.append(b"NOTIFY=FAILURE" if sender else b"NOTIFY=NEVER")
        reply = await client.execute_command(b"RCPT", *words)
        if reply.code // 100 == 2:
            reply = await client.execute_command(b"DATA")
            if reply.code == 354:
                return None
            answer = _refusal(reply.code, reply.message)
        else:
            answer = _refusal(reply.code, reply.message, of_recipient=True)
        await self._reset(client)
        return answer

    def _verdict(self, reply: aiosmtplib.SMTPResponse) -> Answer:
        self._used = time.monotonic()
        if reply.code // 100 == 2:
            return Answer(Result.SENT, _cut(reply.code, reply.message))
        if reply.code == 421:
            self.drop()
        return _refusal(reply.code, reply.message)

    async def _reset(self, client: aiosmtplib.SMTP) -> None:
        """End a mail that was refused half-way; a connection that will not is dropped."""
        if not client.is_connected:
            return
        try:
            reply = await client.execute_command(b"RSET")
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            self.drop()
        else:
            if reply.code // 100 != 2:
                self.drop()

    def drop(self) -> None:
        """Close the connection without QUIT."""
        client, self._client = self._client, None
        if client is not None:
            transport = client.transport
            if isinstance(transport, asyncio.Transport):
                # close() would still send what is buffered: a mail that counts as not sent.
                transport.abort()
            client.close()

    async def rest(self) -> None:
        """Close the connection if nothing was sent on it for a while."""
        if self._client is not None and time.monotonic() - self._used > IDLE_LIMIT:
            await self.quit()

    async def quit(self) -> None:
        """Close the connection."""
        if self._client is not None and self._client.is_connected:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await self._client.quit(timeout=_QUIT_LIMIT)
        self.drop()


async def ask_for_delivery(server: NextHop, domain: str, hostname: str = "") -> str:
    """Have the server deliver now what waits for that domain: ETRN (RFC 1985); return its answer.

    The same as `postqueue -s`, which, being setgid, does nothing under NoNewPrivileges. Raises
    aiosmtplib.SMTPException, OSError or TimeoutError.
    """
    client = await _greeted(server, hostname or socket.gethostname())
    try:
        reply = await client.execute_command(b"ETRN", domain.encode("ascii"))
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit(timeout=_QUIT_LIMIT)
    finally:
        client.close()
    return _cut(reply.code, reply.message)


async def _greeted(server: NextHop, hostname: str) -> aiosmtplib.SMTP:
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=hostname,
        timeout=COMMAND_LIMIT,
        start_tls=False,
    )
    await client.connect(timeout=CONNECT_LIMIT)
    try:
        await client.ehlo()
    except BaseException:
        client.close()
        raise
    return client


async def _uncounted(clock: asyncio.Timeout, ready: Callable[[], Awaitable[bool]]) -> bool:
    """Wait while the clock stands: what others take says nothing of the server."""
    loop = asyncio.get_running_loop()
    left = (clock.when() or 0.0) - loop.time()
    clock.reschedule(None)
    try:
        return await ready()
    finally:
        clock.reschedule(loop.time() + left)


def _write(client: aiosmtplib.SMTP, message: bytes) -> SMTPProtocol:
    """Hand the whole message to the kernel; the reply has not been read then."""
    if client.protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("gone before the message")
    content = _LINE_BEGINS_WITH_DOT.sub(b"..", message)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    client.protocol.write(content + b".\r\n")
    return client.protocol


def _refusal(code: int, text: str, *, of_recipient: bool = False) -> Answer:
    if code // 100 != 5:
        return Answer(Result.REFUSED, _cut(code, text))
    status = _ENHANCED_STATUS.match(text)
    no_mailbox = status[1] in _NO_MAILBOX if status else code in (550, 551, 553)
    result = Result.UNDELIVERABLE if of_recipient and no_mailbox else Result.REJECTED
    return Answer(result, _cut(code, text))


def _cut(code: int, text: str) -> str:
    """One line for log and database: without addresses, and no longer than is useful."""
    line = " ".join(text.split())
    return _ADDRESS_IN_TEXT.sub("<address>", f"{code} {line}")[:_ANSWER_SIZE].rstrip()
