"""Tells the desk of the mails that the SMTP door's next hop has taken.

There is no queue in between that would carry a hidden recipient. So once the next hop has said 250
and the client has its answer, the desk gets its copy over LMTP from here. While the desk is down a
copy waits in memory, as long as an acknowledgement would be of use.
"""

import asyncio
import itertools
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, localtime
from typing import Final

from mailtriage.clock import Clock
from mailtriage.config import Config
from mailtriage.doors.relay import NextHopFailedError, Relay
from mailtriage.doors.smtp_settings import Endpoint, MailProtocol, SmtpDoorSettings, TlsPolicy
from mailtriage.mail.fields import skip_mbox_line
from mailtriage.tags.apply import header_end

_logger = logging.getLogger(__name__)

MOST_WAITING: Final = 10_000
"""Mails on their way to the next hop, and copies on their way to the desk."""

AT_ONCE: Final = 4
"""Copies that are told, or wait for the next attempt, at once: the others stand in line."""

PAUSES: Final = (0.5, 2.0, 5.0, 15.0)
"""Seconds before each further attempt; the last one from then on."""

BODY: Final = 256 * 1024
"""Octets of a body that the desk is sent; it reads no more."""


@dataclass(frozen=True, slots=True)
class _News:
    sender: str
    recipient: str
    message: bytes


def desk_copy(message: bytes, mail_id: str, at: datetime | None = None) -> bytes:
    """The message as Postfix would deliver it to the desk: with a Received: on top that was not
    there when it was analysed, and is left out there.

    Without it the desk would leave out a genuine one, and believe what a stranger wrote below it.
    `at`: when the next hop took it, with its zone; None: now.
    """
    received = (
        f"Received: by mailtriage with SMTP id {mail_id}; {format_datetime(at or localtime())}"
    )
    return received.encode("ascii") + b"\r\n" + message[skip_mbox_line(message) :]


class DeskNews:
    """The news that are still to be told. Lives in one event loop."""

    def __init__(self, config: Config, clock: Clock = time.time) -> None:
        """`config.desk.listen` is where the desk is."""
        listen = config.desk.listen
        where = Endpoint(path=listen.path) if listen.path else Endpoint(listen.host, listen.port)
        self._settings: Final = SmtpDoorSettings(
            next_hop=where, next_hop_protocol=MailProtocol.LMTP, next_hop_tls=TlsPolicy.NONE
        )
        self._header_only: Final = config.desk.copy == "headers"
        self._lifetime: Final = config.ack.expire
        self._clock: Final = clock
        self._hidden: Final[OrderedDict[str, str]] = OrderedDict()
        self._telling: Final[set[asyncio.Task[None]]] = set()
        self._room: Final = asyncio.Semaphore(AT_ONCE)

    def expect(self, mail_id: str, recipient: str) -> None:
        """The mail leads to something at the desk, if the next hop takes it."""
        self._hidden[mail_id] = recipient
        while len(self._hidden) > MOST_WAITING:  # refused ones are never taken out
            self._hidden.popitem(last=False)

    def committed(self, mail_id: str, sender: str, message: bytes) -> None:
        """The next hop has taken the mail, as `message`. Returns at once."""
        recipient = self._hidden.pop(mail_id, "")
        if not recipient:
            return
        if len(self._telling) >= MOST_WAITING:
            _logger.error("id=%s the desk is not told: too many wait", mail_id)
            return
        end = header_end(message)
        at = datetime.fromtimestamp(self._clock()).astimezone()
        copy = desk_copy(message[: end if self._header_only else end + BODY], mail_id, at)
        task = asyncio.create_task(self._tell(mail_id, _News(sender, recipient, copy)))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def stop(self, patience: float) -> None:
        """Wait for what is on its way, `patience` seconds at most."""
        if self._telling:
            _, late = await asyncio.wait(self._telling, timeout=patience)
            for task in late:
                task.cancel()
            if late:
                _logger.error("the desk was not told of %d mails", len(late))

    async def _tell(self, mail_id: str, news: _News) -> None:
        ends = time.monotonic() + self._lifetime
        async with self._room:
            for attempt in itertools.count():
                try:
                    if await self._delivered(news):
                        return
                except (NextHopFailedError, OSError) as fault:
                    _logger.info("id=%s the desk cannot be told yet: %s", mail_id, fault)
                pause = PAUSES[min(attempt, len(PAUSES) - 1)]
                if time.monotonic() + pause > ends:
                    break
                await asyncio.sleep(pause)
        _logger.error("id=%s the desk was not told: it did not answer in time", mail_id)

    async def _delivered(self, news: _News) -> bool:
        """One attempt; False when it should be made again. Raises NextHopFailedError, OSError."""
        relay = await Relay.open(self._settings, None)
        try:
            sender = news.sender.encode("utf-8", "surrogateescape")
            needs_utf8 = not sender.isascii()
            for command in (
                b"MAIL FROM:<%b>%b" % (sender, b" SMTPUTF8" if needs_utf8 else b""),
                b"RCPT TO:<%b>" % news.recipient.encode("ascii"),
            ):
                reply = await (relay.begin if command.startswith(b"MAIL") else relay.command)(
                    command
                )
                if not reply.accepted:
                    return reply.code >= 500  # refused for good: it would be again
            replies = await relay.content(news.message, 1)
            return replies[0].code // 100 != 4
        finally:
            await relay.quit()
