"""The commands of a mail at the SMTP door: each is answered with what the next hop said to it.

A message is read to its last dot, tagged, and only then sent on, while the client waits: what the
next hop answers is the answer. So nothing is ever accepted here, and nothing has to be kept.

When the next hop speaks LMTP and the client SMTP, the client gets one reply where there are as many
as recipients. Once these differ, no single reply is true: 250 would lose a mail, 4xx deliver one
twice, 5xx bounce a delivered one. So such a mail has one recipient; further ones are answered with
452, and the client sends them in mails of their own (RFC 5321 §4.5.3.1.10).
"""

# ruff: noqa: N802 - aiosmtpd finds a command by the name of its method

import asyncio
import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from mailtriage.doors import smtp_data
from mailtriage.doors.relay import NextHopFailedError, Relay, offered_size
from mailtriage.doors.smtp_commands import (
    MAIL_EXTENSIONS,
    RCPT_EXTENSIONS,
    Path,
    declared_size,
    octets,
    parse_path,
)
from mailtriage.doors.smtp_connection import ClientConnection, Doorkeeper
from mailtriage.doors.smtp_replies import (
    CHANGED,
    LOCAL_ERROR,
    LOST,
    NO_SPACE,
    NOT_NOW,
    SILENT,
    STOPPING,
    TOO_BIG,
    TOO_MANY_RECIPIENTS,
    Reply,
)
from mailtriage.doors.smtp_settings import MailProtocol
from mailtriage.mail.model import Client, Envelope

_logger = logging.getLogger(__name__)

_KEEP_ALIVE: Final = 60.0
"""Seconds between NOOPs to the next hop while a client takes its time over a message."""


class MailRoom(Doorkeeper, Protocol):
    """What a session asks of its door for each mail."""

    @property
    def stopping(self) -> bool:
        """True when no new mail is to be begun."""

    def offer(self) -> Mapping[str, str] | None:
        """Extensions that the next hop offered a short while ago; None when not known."""

    async def open_relay(self) -> Relay:
        """A new connection to the next hop. Raises NextHopFailedError."""

    def release(self, relay: Relay) -> None:
        """Close this connection in the background."""

    async def tagged(self, raw: bytes, envelope: Envelope, client: Client, mail_id: str) -> bytes:
        """The message to relay; never raises, and always comes in time."""

    def committed(self, mail_id: str, sender: str, message: bytes) -> None:
        """The next hop has taken that message; never raises, never waits."""


@dataclass(slots=True)
class _MailOnItsWay:
    """A mail of which the next hop has accepted the sender."""

    sender: str
    recipients: list[str] = field(default_factory=list)
    """Those that the next hop has accepted, in order."""
    id: str = field(default_factory=lambda: secrets.token_hex(6))


class DoorSession(ClientConnection):
    """The conversation with one client, and the one with the next hop on its behalf."""

    def __init__(self, room: MailRoom, loop: asyncio.AbstractEventLoop) -> None:
        self._room = room
        self._relay: Relay | None = None
        self._mail: _MailOnItsWay | None = None
        self._offer: Mapping[str, str] = {}
        super().__init__(room, loop)

    @property
    def in_mail(self) -> bool:
        return self._mail is not None

    def connection_lost(self, error: Exception | None) -> None:
        """RFC 5321 §4.1.1.10: a mail without its final answer is void."""
        self._drop_relay()
        super().connection_lost(error)

    # Greetings.

    async def smtp_EHLO(self, hostname: str) -> None:
        await self._hello(hostname, "EHLO", fits=not self.speaks_lmtp)

    async def smtp_LHLO(self, hostname: str) -> None:
        await self._hello(hostname, "LHLO", fits=self.speaks_lmtp)

    async def smtp_HELO(self, hostname: str) -> None:
        if self.speaks_lmtp:
            await self.push("500 5.5.1 HELO is not understood here")
            return
        await self.forget_mail()
        self.announce_statuses(announced=False)
        self._offer = {}
        await super().smtp_HELO(hostname)

    async def _hello(self, hostname: str | None, command: str, *, fits: bool) -> None:
        if not fits:
            await self.push(f"500 5.5.1 {command} is not understood here")
            return
        if not hostname:
            await self.push(f"501 5.5.4 Syntax: {command} hostname")
            return
        await self.forget_mail()
        offer = self._room.offer()
        if offer is None:
            try:
                with self.clock_stopped():
                    offer = (await self._connected()).extensions
            except NextHopFailedError:
                # To announce less than the next hop can do would be worse: a client bounces the
                # mail that needs SMTPUTF8 where it is not offered (RFC 6531 §3.5).
                self.end_with(NOT_NOW)
        if self.session is None:  # aiosmtpd gives every connection one
            return
        self.session.extended_smtp = True
        self.session.host_name = hostname
        self._offer = offer
        self.announce_statuses(announced=False)
        await self.say(Reply(250, tuple(self._announced())))
        self.announce_statuses(announced=self._has_statuses)

    @property
    def _has_statuses(self) -> bool:
        return self.speaks_lmtp or "enhancedstatuscodes" in self._offer  # a must of RFC 2033 §5

    @property
    def _size_limit(self) -> int:
        ours, theirs = self._room.settings.size_limit, offered_size(self._offer)
        return min(ours, theirs) if theirs else ours

    def _announced(self) -> Iterator[bytes]:
        """The lines of the answer to EHLO: what we do ourselves, then what the next hop does."""
        yield self.hostname.encode("ascii")
        yield b"PIPELINING"
        yield b"SIZE %d" % self._size_limit
        if self.tls_context and not self._tls_protocol:
            yield b"STARTTLS"
        if self._has_statuses:
            yield b"ENHANCEDSTATUSCODES"
        for keyword in ("8BITMIME", "SMTPUTF8", "DSN"):
            if keyword.lower() in self._offer:
                yield keyword.encode("ascii")

    # The envelope.

    async def smtp_MAIL(self, arg: str | None) -> None:
        if self._room.stopping:
            self.end_with(STOPPING)
        if await self.check_helo_needed():
            return
        if self._mail:
            await self.push("503 5.5.1 A mail has already begun")
            return
        path = parse_path(b"FROM:", octets(arg))
        fault = self._fault_in(path, MAIL_EXTENSIONS)
        if not path or fault:
            await self.push(fault or "501 5.5.4 Syntax: MAIL FROM:<address>")
            return
        size = declared_size(path)
        if size is None:
            await self.push("501 5.5.4 Bad SIZE")
        elif size > self._size_limit:
            await self.say(TOO_BIG)
        else:
            with self.clock_stopped():
                reply = await self._begin(path)
            await self.say(reply)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if not self._mail:
            await self.push("503 5.5.1 MAIL comes first")
            return
        path = parse_path(b"TO:", octets(arg))
        fault = self._fault_in(path, RCPT_EXTENSIONS)
        if not path or fault:
            await self.push(fault or "501 5.5.4 Syntax: RCPT TO:<address>")
            return
        if len(self._mail.recipients) >= self._most_recipients:
            await self.say(TOO_MANY_RECIPIENTS)
            return
        words = [parameter.wire for parameter in path.parameters]
        line = b" ".join((b"RCPT TO:" + path.wire, *words))
        try:
            with self.clock_stopped():
                reply = await self._same_relay().command(line)
        except NextHopFailedError as failure:
            reply = failure.reply
        if reply.accepted:
            self._mail.recipients.append(path.address)
        await self.say(reply)

    async def smtp_RSET(self, arg: str | None) -> None:
        if arg:
            await self.push("501 5.5.4 Syntax: RSET")
            return
        await self.forget_mail()
        await self.push("250 2.0.0 OK")

    def _fault_in(self, path: Path | None, extensions: Mapping[bytes, str]) -> str:
        """The refusal of a parameter that was not announced; empty when there is none to refuse."""
        for parameter in path.parameters if path else ():
            extension = extensions.get(parameter.keyword)
            if extension != "size" and extension not in self._offer:
                return "555 5.5.4 Unsupported parameter"
            if extension == "8bitmime" and parameter.value.upper() not in (b"7BIT", b"8BITMIME"):
                return "501 5.5.4 Unsupported BODY type"
        return ""

    @property
    def _most_recipients(self) -> int:
        settings = self._room.settings
        one_reply_for_many = not self.speaks_lmtp and (
            settings.next_hop_protocol is MailProtocol.LMTP
        )
        return 1 if one_reply_for_many else settings.recipients

    async def _begin(self, path: Path) -> Reply:
        """MAIL at the next hop, on a new connection if the one from the last mail has died."""
        reused = self._relay is not None and self._relay.usable
        try:
            reply = await self._mail_from(path)
            if reused and not (self._relay and self._relay.usable):  # 421: it was tired of waiting
                reply = await self._mail_from(path)
        except NextHopFailedError as failure:
            if not reused:
                return failure.reply
            try:
                reply = await self._mail_from(path)
            except NextHopFailedError as again:
                return again.reply
        if reply.accepted:
            self._mail = _MailOnItsWay(path.address)
        return reply

    async def _mail_from(self, path: Path) -> Reply:
        relay = await self._connected()
        words = []
        for parameter in path.parameters:
            extension = MAIL_EXTENSIONS[parameter.keyword]
            if extension in relay.extensions:
                words.append(parameter.wire)
            elif extension != "size":  # SIZE is ours as well, the rest is the next hop's alone
                return CHANGED
        await relay.forward_client(self._who())
        return await relay.begin(b" ".join((b"MAIL FROM:" + path.wire, *words)))

    def _who(self) -> dict[str, str]:
        address = self.peer_address
        extended = "ESMTP" if self.session and self.session.extended_smtp else "SMTP"
        return {
            "NAME": "",
            "ADDR": f"IPV6:{address}" if ":" in address else address,
            "PROTO": "LMTP" if self.speaks_lmtp else extended,
            "HELO": (self.session and self.session.host_name) or "",
        }

    # The message.

    async def smtp_DATA(self, arg: str | None) -> None:
        mail = self._mail
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
        elif not mail:
            await self.push("503 5.5.1 MAIL comes first")
        elif not mail.recipients:
            await self.push("554 5.5.1 No valid recipients")
        else:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            with self.clock_stopped():
                replies = await self._final_replies(mail)
            await self.say(*replies)
            await self.forget_mail()
            if self._room.stopping:
                self.end_with(STOPPING)

    async def _final_replies(self, mail: _MailOnItsWay) -> tuple[Reply, ...]:
        """What is said of the message: one reply, to an LMTP client one for each recipient."""
        begun = time.monotonic()
        size = 0
        try:
            raw = await self._received()
            size = len(raw)
            replies = await self._relayed(raw, mail)
        except smtp_data.TooBigError:
            replies = (TOO_BIG,)
        if self.speaks_lmtp and len(replies) == 1:
            replies *= len(mail.recipients)
        _logger.info(
            "id=%s recipients=%d bytes=%d ms=%d replies=%s%s",
            mail.id,
            len(mail.recipients),
            size,
            round((time.monotonic() - begun) * 1000),
            ",".join(str(reply.code) for reply in replies),
            # The text of a 2xx has the next hop's queue id, that of the others may have addresses.
            f" text={replies[0].lines[-1][:100]!r}" if replies[0].accepted else "",
        )
        return replies

    async def _received(self) -> bytes:
        """The message as the client has it. Raises TooBigError; may end the session."""
        settings = self._room.settings
        reading = asyncio.create_task(
            smtp_data.receive(self._reader, settings.size_limit, settings.timeout)
        )
        try:
            async with asyncio.timeout(settings.data_timeout):
                while not (await asyncio.wait({reading}, timeout=_KEEP_ALIVE))[0]:
                    await self._keep_alive()
            return reading.result()
        except TimeoutError:
            self.end_with(SILENT)
        except OSError:
            _logger.exception("no message can be spooled")
            self.end_with(NO_SPACE)
        finally:
            reading.cancel()

    async def _keep_alive(self) -> None:
        """Without it a next hop that waits less than we do would leave in the middle of a mail."""
        try:
            await self._same_relay().command(b"NOOP")
        except NextHopFailedError:
            _logger.info("the next hop left while a message came in")

    async def _relayed(self, raw: bytes, mail: _MailOnItsWay) -> tuple[Reply, ...]:
        envelope = Envelope(mail.sender, tuple(mail.recipients))
        message = await self._room.tagged(raw, envelope, Client(self.peer_address), mail.id)
        try:
            relay = self._same_relay()
            if len(raw) <= relay.size_limit < len(message):
                _logger.warning("id=%s has no room for tags, relayed as it came", mail.id)
                message = raw
            replies = await relay.content(message, len(mail.recipients))
        except NextHopFailedError as failure:
            return (failure.reply,)
        except Exception:  # here and not in handle_exception: each recipient must get its reply
            _logger.exception("id=%s could not be relayed", mail.id)
            return (LOCAL_ERROR,)
        if any(reply.accepted for reply in replies):
            self._room.committed(mail.id, mail.sender, message)
        return replies

    # The next hop.

    async def _connected(self) -> Relay:
        if self._relay is None or not self._relay.usable:
            self._drop_relay()
            self._relay = await self._room.open_relay()
        return self._relay

    def _same_relay(self) -> Relay:
        """The connection that knows this mail: a new one would not."""
        if self._relay is None or not self._relay.usable:
            raise NextHopFailedError(LOST, "the connection is gone")
        return self._relay

    def _drop_relay(self) -> None:
        relay, self._relay = self._relay, None
        if relay is not None:
            self._room.release(relay)

    async def forget_mail(self) -> None:
        self._mail = None
        if self._relay is not None:
            try:
                with self.clock_stopped():
                    await self._relay.reset()
            except NextHopFailedError:
                self._drop_relay()
