"""The SMTP door: a proxy for mail servers that know no milters.

It listens as an SMTP or LMTP server and relays every mail, tagged, to one next hop, whose answers
it gives to the client; the next hop's 250 is the only 250 there is. It keeps no queue and writes no
bounces: whenever the next hop cannot be asked, the client gets a 4xx and keeps its mail. It adds no
Received: field: nothing but the tags tells a mail from one that did not come through here.

    client ── smtp_connection (limits, clocks, TLS) ── smtp_session (one mail) ── relay ── next hop
                                                          └─ tag(message, envelope, client, id)
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from mailtriage.doors.relay import NextHopFailedError, Relay, next_hop_tls_context
from mailtriage.doors.smtp_connection import ClientConnection
from mailtriage.doors.smtp_session import DoorSession
from mailtriage.doors.smtp_settings import Endpoint, MailProtocol, SmtpDoorSettings, TlsPolicy
from mailtriage.mail.model import Client, Envelope
from mailtriage.tags.apply import header_end

__all__ = ["Endpoint", "MailProtocol", "SmtpDoor", "SmtpDoorSettings", "Tag", "TlsPolicy"]

Tag = Callable[[bytes, Envelope, Client, str], Awaitable[bytes]]
"""Message as received (CRLF line ends), envelope, client, our id of the mail → message to relay."""

Committed = Callable[[str, str, bytes], None]
"""Our id of a mail, its reverse-path, and the message that the next hop has taken."""

_logger = logging.getLogger(__name__)

_OFFER_LASTS: Final = 60.0
"""Seconds for which EHLO is answered from what the next hop last offered."""
_BACKLOG: Final = 128
_GOODBYE: Final = 1.0
"""Seconds that closing connections get when the door stops."""


class SmtpDoor:
    """One listening socket and the sessions on it. Lives in the event loop that calls `start`."""

    def __init__(
        self, settings: SmtpDoorSettings, tag: Tag, committed: Committed | None = None
    ) -> None:
        """Reads the TLS files that the settings name; raises OSError when it cannot.

        `committed` is told of each mail that the next hop has taken; it must not wait.
        """
        self.settings: Final = settings
        self.server_tls: Final = _server_tls(settings)
        self.stopping = False
        self._tag = tag
        self._committed = committed
        self._next_hop_tls = next_hop_tls_context(settings)
        self._server: asyncio.Server | None = None
        self._connections: set[ClientConnection] = set()
        self._per_client: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._background: set[asyncio.Task[Any]] = set()
        self._offer: Mapping[str, str] | None = None
        self._offer_ends = 0.0

    async def start(self, sock: socket.socket | None = None) -> Endpoint:
        """Listen; return where (the port is the real one). Raises OSError when it is not possible.

        `sock` is a bound socket to listen on instead of `settings.listen`; it becomes the door's.
        """
        # aiosmtpd logs every command with its addresses, and every client's mistakes.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        listener = sock or _listener(self.settings.listen)
        self._server = await loop.create_server(
            lambda: DoorSession(self, loop), sock=listener, backlog=_BACKLOG
        )
        name = listener.getsockname()
        return Endpoint(path=name) if isinstance(name, str) else Endpoint(name[0], name[1])

    async def stop(self, drain: float) -> None:
        """Accept no more; let mails on their way finish for `drain` seconds, then cut them.

        A client that is cut has no answer, so it still has its mail.
        """
        self.stopping = True
        if self._server:
            self._server.close()
        for connection in tuple(self._connections):
            connection.close_if_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain):
                await self._all_gone()
        for connection in tuple(self._connections):
            connection.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                await self._all_gone()
                if self._background:
                    await asyncio.wait(self._background)

    @property
    def sessions(self) -> int:
        """Open sessions."""
        return len(self._connections)

    async def _all_gone(self) -> None:
        while self._connections:
            self._empty.clear()
            await self._empty.wait()

    # What the sessions ask for.

    def admit(self, connection: ClientConnection) -> bool:
        """Whether this client may stay, by the limits on connections; counts it when it may."""
        client = connection.peer_address
        if self.stopping or len(self._connections) >= self.settings.connections:
            return False
        if client and self._per_client[client] >= self.settings.connections_per_client:
            return False
        self._connections.add(connection)
        self._per_client[client] += 1
        return True

    def leave(self, connection: ClientConnection) -> None:
        """The connection is over; harmless when said twice."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        self._per_client[connection.peer_address] -= 1
        if not self._per_client[connection.peer_address]:
            del self._per_client[connection.peer_address]
        if not self._connections:
            self._empty.set()

    def offer(self) -> Mapping[str, str] | None:
        """Extensions that the next hop offered a short while ago; None when not known."""
        return self._offer if time.monotonic() < self._offer_ends else None

    async def open_relay(self) -> Relay:
        """A new connection to the next hop. Raises NextHopFailedError."""
        try:
            relay = await Relay.open(self.settings, self._next_hop_tls)
        except NextHopFailedError:
            self._offer_ends = 0.0
            raise
        self._offer = relay.extensions
        self._offer_ends = time.monotonic() + _OFFER_LASTS
        return relay

    def release(self, relay: Relay) -> None:
        """Close this connection to the next hop in the background."""
        self._in_background(asyncio.get_running_loop().create_task(relay.quit()))

    async def tagged(self, raw: bytes, envelope: Envelope, client: Client, mail_id: str) -> bytes:
        """The message to relay: as it came when tagging fails, hangs or does not keep the body.

        The deadline is kept by leaving the task behind, because one that ignores its cancellation
        would hold the mail.
        """
        task = asyncio.create_task(self._run_tag(raw, envelope, client, mail_id))
        self._in_background(task)
        try:
            done, _ = await asyncio.wait({task}, timeout=self.settings.tag_deadline)
        finally:
            task.cancel()
        if not done or task.cancelled():
            _logger.error("id=%s relayed as it came: tagging did not end", mail_id)
            return raw
        return task.result()

    async def _run_tag(self, raw: bytes, envelope: Envelope, client: Client, mail_id: str) -> bytes:
        try:
            message = await self._tag(raw, envelope, client, mail_id)
            if message.endswith(raw[header_end(raw) :]):
                return message
            _logger.error("id=%s relayed as it came: tagging changed the body", mail_id)
        except Exception:
            _logger.exception("id=%s relayed as it came: tagging failed", mail_id)
        return raw

    def committed(self, mail_id: str, sender: str, message: bytes) -> None:
        """The next hop has taken that message."""
        if self._committed is not None:
            try:
                self._committed(mail_id, sender, message)
            except Exception:
                _logger.exception("id=%s the desk is not told", mail_id)

    def _in_background(self, task: asyncio.Task[Any]) -> None:
        self._background.add(task)  # the event loop itself holds tasks only weakly
        task.add_done_callback(self._background.discard)


def _server_tls(settings: SmtpDoorSettings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context


def _listener(listen: Endpoint) -> socket.socket:
    """A bound socket."""
    if not listen.path:
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        return socket.create_server((listen.host, listen.port), family=family)
    path = Path(listen.path)
    if path.is_socket():  # left by a process that was killed; anything else is not ours to remove
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(listen.path)
    return listener
