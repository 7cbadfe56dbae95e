"""The LMTP server (RFC 2033) that Postfix delivers the hidden copies to.

It takes mail for addresses that carry our signature, and for all of the domain of our return
addresses (desk/returns.py says why). It says 250 to a recipient only after all that follows from
the mail is on the disk. Everything else is 451: Postfix keeps the copy and comes again, so its
queue is where a mail waits that we cannot deal with.
"""

# ruff: noqa: N802 - aiosmtpd finds a command by the name of its method

import asyncio
import contextlib
import logging
import re
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import AnyStr, Final

from aiosmtpd.smtp import SMTP

from mailtriage.acks.tokens import HIDDEN_DOMAIN
from mailtriage.desk.content import READ_LIMIT, read_content

Deliver = Callable[[str, str, bytes], Awaitable[bool]]
"""Reverse-path, one recipient, message as received (CRLF, perhaps cut) → whether it is committed.
Never raises."""

SILENCE: Final = 300.0
"""Seconds that a client may take for a command, or for READ_LIMIT octets of a message."""

MOST_RECIPIENTS: Final = 1000
MOST_SESSIONS: Final = 500

_COMMAND_LIMIT: Final = 2048
"""Octets of a command line, as Postfix (line_length_limit)."""

_BACKLOG: Final = 1024

_ABOUT_TO: Final = 2.0
"""Seconds that a client gets to begin with a mail when the desk leaves."""

_GOODBYE: Final = 1.0
"""Seconds that sessions get to end when they are cut."""

# RFC 5321 section 4.1.2, loosely: a quoted string may hold ">". What Postfix sends has been parsed
# by Postfix; here only the end of the address matters.
_PATH: Final = re.compile(
    r"""(?:FROM|TO):[ ]*<((?:[^<>"\\]|\\.|"(?:[^"\\]|\\.)*")*)>(?:[ ].*)?""",
    re.IGNORECASE | re.VERBOSE,
)

_TRY_AGAIN: Final = "451 4.3.0 Not done yet, try again later"
_STOPPING: Final = "421 4.3.2 Stopping, try again later"
_CROWDED: Final = "421 4.3.2 Too many sessions"
_SILENT: Final = "421 4.4.2 Nothing came"


class Receiver:
    """One listening socket and the sessions on it. Lives in the event loop that calls `start`."""

    def __init__(self, is_ours: Callable[[str], bool], deliver: Deliver) -> None:
        """`is_ours` tells of an address (without brackets) whether we signed it."""
        self.is_ours: Final = is_ours
        self.deliver: Final = deliver
        self.sessions: Final[set[Session]] = set()
        self.stopping = False
        self._server: asyncio.Server | None = None
        self._empty: Final = asyncio.Event()

    async def start(self, sock: socket.socket) -> None:
        """Accept on this bound socket, which becomes the receiver's."""
        # aiosmtpd logs every command with its addresses.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Session(self, loop), sock=sock, backlog=_BACKLOG
        )

    async def stop(self, drain: float) -> None:
        """Accept no more connections; let mails on their way finish for `drain` seconds, then cut
        them. A client that was turned away with its mail would come again in minutes only, though
        our successor were ready for it."""
        self.stopping = True
        if self._server is not None:
            self._server.close()
        for session in tuple(self.sessions):
            session.leave_if_done()
        about_to = min(_ABOUT_TO, drain)
        await self._wait_for_end(about_to)
        for session in tuple(self.sessions):
            session.leave_if_idle()
        for patience in (drain - about_to, _GOODBYE):
            await self._wait_for_end(patience)
            for session in tuple(self.sessions):
                session.cut()

    async def _wait_for_end(self, patience: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self.sessions:
                    self._empty.clear()
                    await self._empty.wait()

    def left(self, session: "Session") -> None:
        """That session is over."""
        self.sessions.discard(session)
        if not self.sessions:
            self._empty.set()


@dataclass(slots=True)
class _Transaction:
    sender: str
    recipients: list[str] = field(default_factory=list)


class _SameForAll(defaultdict[str, int]):
    """aiosmtpd's limits per command: its own table is shared by all connections, and grows."""

    def __missing__(self, key: str) -> int:
        return _COMMAND_LIMIT


class Session(SMTP):
    """One connection."""

    command_size_limit = _COMMAND_LIMIT
    command_size_limits = _SameForAll()
    line_length_limit = READ_LIMIT  # which aiosmtpd makes the limit of its StreamReader

    def __init__(self, receiver: Receiver, loop: asyncio.AbstractEventLoop) -> None:
        self._receiver: Final = receiver
        self._mail: _Transaction | None = None
        self._done = False
        self._held = ""
        super().__init__(
            None,
            hostname=HIDDEN_DOMAIN,
            ident="LMTP",
            data_size_limit=None,
            enable_SMTPUTF8=True,  # arguments as UTF-8 with surrogate escapes, so no byte is lost
            timeout=SILENCE,
            loop=loop,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here."""
        self._receiver.sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone. A delivery that is under way is completed, or not, all the same:
        without its answer Postfix comes again, and the key tells that it is the same mail."""
        self._receiver.left(self)
        super().connection_lost(error)

    def leave_if_done(self) -> None:
        """Say goodbye where the client expects it: after a mail. Postfix sends RSET before it uses
        such a connection again, and takes another when there is no answer."""
        if self._done:
            self._leave(_STOPPING)

    def leave_if_idle(self) -> None:
        """Say goodbye, unless a mail is on its way."""
        if self._mail is None:
            self._leave(_STOPPING)

    def cut(self) -> None:
        """End the connection without a word: nothing that is unanswered counts as delivered."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def _leave(self, reply: str) -> None:
        self._release()
        transport = self.transport
        if isinstance(transport, asyncio.Transport) and not transport.is_closing():
            transport.write(reply.encode("ascii") + b"\r\n")
            transport.close()

    def _timeout_cb(self) -> None:
        self._leave(_SILENT)

    async def push(self, status: AnyStr) -> None:
        """Send a reply, without its last CRLF, behind those that are held."""
        held, self._held = self._held, ""
        with contextlib.suppress(ConnectionError):  # connection_lost follows and ends it all
            await super().push(held + (status if isinstance(status, str) else status.decode()))

    def _hold(self, status: str) -> None:
        """A reply that goes out with the next one, when the client has sent its next command
        already; else at once (RFC 2920 section 3.2). Sending is a third of what a mail costs
        here."""
        if not self._held and self.loop is not None:
            # Commands that are here already are carried out before the loop gets to this.
            self.loop.call_soon(self._release)
        self._held += f"{status}\r\n"

    def _release(self) -> None:
        held, self._held = self._held, ""
        transport = self.transport
        if held and isinstance(transport, asyncio.Transport) and not transport.is_closing():
            transport.write(held.encode("ascii"))

    async def handle_exception(self, error: Exception) -> str:
        """aiosmtpd would tell the client what broke."""
        logging.getLogger(__name__).error("an LMTP command failed", exc_info=error)
        self._mail = None
        return _TRY_AGAIN

    # The commands.

    async def smtp_LHLO(self, hostname: str) -> None:
        """RFC 2033 section 4.1."""
        if len(self._receiver.sessions) > MOST_SESSIONS:
            self._leave(_CROWDED)
            return
        if not hostname or self.session is None:
            await self.push("501 5.5.4 Syntax: LHLO hostname")
            return
        self.session.host_name = hostname
        self.session.extended_smtp = True
        self._mail = None
        self._done = False
        # SIZE 0: no limit (RFC 1870 section 4). Without DSN, Postfix would drop NOTIFY=NEVER;
        # without 8BITMIME or SMTPUTF8 it would re-encode a mail, or bounce it.
        announced = ("PIPELINING", "ENHANCEDSTATUSCODES", "SIZE 0", "8BITMIME", "SMTPUTF8", "DSN")
        lines = [f"250-{line}" for line in (HIDDEN_DOMAIN, *announced[:-1])]
        await self.push("\r\n".join((*lines, f"250 {announced[-1]}")))

    async def smtp_HELO(self, _hostname: str) -> None:
        """RFC 2033 section 4.1: an LMTP server must not take it."""
        await self.push("500 5.5.1 This is LMTP: LHLO")

    async def smtp_EHLO(self, _hostname: str) -> None:
        """The same."""
        await self.push("500 5.5.1 This is LMTP: LHLO")

    async def smtp_MAIL(self, arg: str | None) -> None:
        """The reverse-path may be anything; parameters say nothing that we need."""
        path = _PATH.fullmatch(arg or "")
        if self.session is None or not self.session.host_name:
            await self.push("503 5.5.1 LHLO comes first")
        elif self._mail is not None:
            await self.push("503 5.5.1 A mail has already begun")
        elif path is None:
            await self.push("501 5.5.4 Syntax: MAIL FROM:<address>")
        else:
            self._mail = _Transaction(path[1])
            self._done = False
            self._hold("250 2.1.0 OK")

    async def smtp_RCPT(self, arg: str | None) -> None:
        """Only who knows the secret of the installation makes an address that is taken."""
        path = _PATH.fullmatch(arg or "")
        if self._mail is None:
            await self.push("503 5.5.1 MAIL comes first")
        elif path is None:
            await self.push("501 5.5.4 Syntax: RCPT TO:<address>")
        elif not self._receiver.is_ours(path[1]):
            await self.push("550 5.1.1 Not an address of this installation")
        elif len(self._mail.recipients) >= MOST_RECIPIENTS:
            await self.push("452 4.5.3 Too many recipients")
        else:
            self._mail.recipients.append(path[1])
            self._hold("250 2.1.5 OK")

    async def smtp_DATA(self, arg: str | None) -> None:
        """One reply for each recipient, in their order (RFC 2033 section 4.2)."""
        mail = self._mail
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
        elif mail is None or not mail.recipients:
            await self.push("503 5.5.1 No valid recipients")
        else:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            with self._clock_stopped():
                try:
                    message = await read_content(self._reader, SILENCE)
                except TimeoutError:
                    self._leave(_SILENT)
                    return
                committed = await asyncio.gather(
                    *(self._receiver.deliver(mail.sender, one, message) for one in mail.recipients)
                )
            self._mail = None
            self._done = True
            await self.push("\r\n".join("250 2.0.0 OK" if ok else _TRY_AGAIN for ok in committed))
            if self._receiver.stopping:
                self._leave(_STOPPING)

    async def smtp_RSET(self, arg: str | None) -> None:
        """Forget the mail; or, without one, say whether the connection is still good."""
        if arg:
            await self.push("501 5.5.4 Syntax: RSET")
        elif self._receiver.stopping and self._mail is None:
            self._leave(_STOPPING)
        else:
            self._mail = None
            self._done = False
            await self.push("250 2.0.0 OK")

    async def smtp_VRFY(self, _arg: str) -> None:
        """RFC 5321 section 3.5.3: the answer of a server that does not look."""
        await self.push("252 2.5.0 Cannot tell")

    async def smtp_AUTH(self, _arg: str) -> None:
        """Not offered; aiosmtpd would take any name as a user."""
        await self.push("502 5.5.1 Not offered")

    async def smtp_EXPN(self, _arg: str) -> None:
        """Not offered."""
        await self.push("502 5.5.1 Not offered")

    async def smtp_HELP(self, _arg: str) -> None:
        """As much as RFC 5321 section 4.1.1.8 asks for."""
        await self.push("214 2.0.0 See RFC 2033")

    @contextlib.contextmanager
    def _clock_stopped(self) -> Iterator[None]:
        """Time spent in here is not the client's silence: it waits for the disk."""
        if self._timeout_handle:
            self._timeout_handle.cancel()
        try:
            yield
        finally:
            if self.transport is not None:
                self._reset_timeout()
