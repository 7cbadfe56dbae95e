"""A client's connection at the SMTP door: who may stay, for how long, and how replies go out.

This is aiosmtpd's SMTP class with its ways mended: it sends exception texts to clients, offers AUTH
once TLS is on, closes without a word when a client is silent, counts the time in which the next hop
thinks as silence of the client, and has no limit on connections.
"""

# ruff: noqa: N802 - aiosmtpd finds a command by the name of its method

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterator
from ssl import SSLContext
from typing import Final, NoReturn, Protocol

from aiosmtpd.smtp import SMTP, TLSSetupException

from mailtriage.doors.smtp_data import READ_LIMIT
from mailtriage.doors.smtp_replies import (
    BUSY,
    LOCAL_ERROR,
    SILENT,
    STOPPING,
    Reply,
    with_enhanced_status,
)
from mailtriage.doors.smtp_settings import MailProtocol, SmtpDoorSettings

_logger = logging.getLogger(__name__)

_COMMAND_LIMIT: Final = 2048
"""Bytes of a command line, as Postfix (line_length_limit); RFC 5321 asks for 512 and extensions."""

# Per connection, so that none is kept busy for ever; far above what an MTA sends in one.
_COMMAND_BUDGET: Final = {"*": 100, "MAIL": 10_000, "RCPT": 100_000, "DATA": 10_000, "RSET": 10_000}


class Doorkeeper(Protocol):
    """What a connection asks of the door it belongs to."""

    @property
    def settings(self) -> SmtpDoorSettings:
        """As configured."""

    @property
    def server_tls(self) -> SSLContext | None:
        """For STARTTLS; None when it is not offered."""

    def admit(self, connection: "ClientConnection") -> bool:
        """Whether this client may stay; counts it when it may."""

    def leave(self, connection: "ClientConnection") -> None:
        """The connection is over; harmless when said twice."""


class _SameForAll(defaultdict[str, int]):
    """aiosmtpd's limits per command: its own table is shared by all connections, and grows."""

    def __missing__(self, key: str) -> int:
        return _COMMAND_LIMIT


class _TurnedAway(asyncio.Protocol):
    """Nobody listens to a client that was not admitted."""


class ClientConnection(SMTP):
    """One connection, from the greeting to the end; the commands of a mail are the subclass's."""

    command_size_limits = _SameForAll()
    line_length_limit = READ_LIMIT  # which aiosmtpd makes the limit of its StreamReader

    def __init__(self, keeper: Doorkeeper, loop: asyncio.AbstractEventLoop) -> None:
        self._keeper = keeper
        self._statuses = False
        self.speaks_lmtp: Final = keeper.settings.protocol is MailProtocol.LMTP
        self.peer_address = ""
        """IP address of the client; empty on a Unix-domain socket."""
        super().__init__(
            None,
            hostname=keeper.settings.hostname,
            ident="LMTP" if self.speaks_lmtp else "ESMTP",
            data_size_limit=None,
            enable_SMTPUTF8=True,  # arguments as UTF-8 with surrogate escapes, so no byte is lost
            tls_context=keeper.server_tls,
            timeout=keeper.settings.timeout,
            command_call_limit=_COMMAND_BUDGET,
            loop=loop,
        )

    @property
    def in_mail(self) -> bool:
        """True while a mail is on its way, from MAIL to the answer to its last dot."""
        raise NotImplementedError

    async def forget_mail(self) -> None:
        """End the mail that is on its way, if any, as if it had never begun."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here, or (called once more by aiosmtpd) has begun TLS."""
        if self._original_transport is None:
            self.peer_address = _address(transport.get_extra_info("peername"))
            if not self._keeper.admit(self):
                _turn_away(transport)
                return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone. aiosmtpd calls this twice when TLS fails."""
        self._keeper.leave(self)
        super().connection_lost(error)

    def close_if_idle(self) -> None:
        """Say goodbye, unless a mail is on its way."""
        if not self.in_mail:
            self.close_with(STOPPING)

    def close_with(self, reply: Reply) -> None:
        """Say this last thing and close the connection; from outside a command."""
        transport = self.transport
        if isinstance(transport, asyncio.Transport) and not transport.is_closing():
            transport.write(reply.wire)
            transport.close()

    def end_with(self, reply: Reply) -> NoReturn:
        """The same from inside a command: what the client has sent already is not looked at."""
        self.close_with(reply)
        raise asyncio.CancelledError

    def abort(self) -> None:
        """Cut the connection. The client has no answer to its mail, so it will send it again."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def _timeout_cb(self) -> None:
        transport = self.transport
        if isinstance(transport, asyncio.Transport) and transport.get_write_buffer_size():
            transport.abort()  # it does not read either, and close() would wait for it for ever
        else:
            self.close_with(SILENT)

    @contextlib.contextmanager
    def clock_stopped(self) -> Iterator[None]:
        """Time spent in here is not the client's silence."""
        if self._timeout_handle:
            self._timeout_handle.cancel()
        try:
            yield
        finally:
            if self.transport is not None:
                self._reset_timeout()

    def announce_statuses(self, announced: bool) -> None:
        """Whether ENHANCEDSTATUSCODES is in force: every reply then needs a status."""
        self._statuses = announced

    async def push(self, status: str | bytes) -> None:
        """Send a reply, with or without its last CRLF."""
        wire = status.encode("ascii", "replace") if isinstance(status, str) else status
        wire = wire.removesuffix(b"\r\n")
        with contextlib.suppress(ConnectionError):  # connection_lost follows and ends it all
            await super().push(with_enhanced_status(wire) if self._statuses else wire)

    async def say(self, *replies: Reply) -> None:
        """Send these replies in one write."""
        await self.push(b"".join(reply.wire for reply in replies))

    async def handle_exception(self, error: Exception) -> str:
        """What the client hears when something of ours broke."""
        if isinstance(error, TLSSetupException):
            _logger.info("TLS with a client failed: %r", error.__cause__)
        else:
            _logger.error("an SMTP command failed", exc_info=error)
            await self.forget_mail()
        return LOCAL_ERROR.wire.decode("ascii").rstrip()

    async def smtp_STARTTLS(self, arg: str) -> None:
        """RFC 3207: all that was said before is forgotten."""
        if self._tls_protocol:
            await self.push("503 5.5.1 TLS is already in use")
            return
        await self.forget_mail()
        self.announce_statuses(announced=False)
        await super().smtp_STARTTLS(arg)

    # aiosmtpd would offer AUTH, take any name as a user, and list its commands.

    async def smtp_AUTH(self, _arg: str) -> None:
        """Not offered: this door stands behind an MTA."""
        await self.push("502 5.5.1 AUTH is not offered")

    async def smtp_VRFY(self, _arg: str) -> None:
        """RFC 5321 §3.5.3: the answer of a server that does not look."""
        await self.push("252 2.5.0 Cannot tell, send some mail and see")

    async def smtp_EXPN(self, _arg: str) -> None:
        """Not offered."""
        await self.push("502 5.5.1 EXPN is not offered")

    async def smtp_HELP(self, _arg: str) -> None:
        """As much as RFC 5321 §4.1.1.8 asks for."""
        await self.push("214 2.0.0 See RFC 5321")


def _turn_away(transport: asyncio.BaseTransport) -> None:
    transport.set_protocol(_TurnedAway())
    if isinstance(transport, asyncio.Transport):
        transport.write(BUSY.wire)
    transport.close()


def _address(peer: object) -> str:
    """IP address of a socket name; empty for that of a Unix-domain socket."""
    if not isinstance(peer, tuple):
        return ""
    return str(peer[0]).partition("%")[0].removeprefix("::ffff:")
