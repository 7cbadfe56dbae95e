"""An embedded mail system: the real SMTP door, relaying to an SMTP server that keeps what it gets.

Nothing is written and nothing leaves this process.
"""

import asyncio
import dataclasses
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from functools import partial
from pathlib import Path
from typing import Final

import aiosmtplib
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailtriage.config.endpoints import Networks
from mailtriage.config.sections import NetworksConfig
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.smtp import SmtpDoor, SmtpDoorSettings
from mailtriage.doors.smtp_settings import Endpoint
from mailtriage.mail import model
from mailtriage.mail.read import read_message
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.model import Tier

RECIPIENT: Final = "help@desk.example"

CUSTOMERS: Final = FixedCustomers(
    {"northwind.example": Tier.VIP, "ceo@northwind.example": Tier.VIP, "contoso.example": Tier.GOLD}
)
"""The customer list of the demonstration."""


_MOST_AT_ONCE: Final = 100
"""Mails that wait for the next hop to take them; the oldest of more are those it refused."""

_SIZE_LIMIT: Final = 50 * 1024 * 1024
"""Bytes of one mail."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One mail as the helpdesk would get it, and what was found out about it."""

    raw: bytes
    analysis: Analysis


class Helpdesk:
    """The next hop: an SMTP server that hands every mail to a callback."""

    def __init__(self, received: Callable[[bytes], None]) -> None:
        self._received: Final = received

    async def handle_DATA(  # noqa: N802  aiosmtpd finds it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take the mail."""
        if isinstance(envelope.content, bytes):
            self._received(envelope.content)
        return "250 2.0.0 delivered"


class _PatientServer(SMTP):
    """Takes every line that the door takes; RFC 5321 section 4.5.3.1.6 would stop at 1000 octets,
    and the HTML of many a newsletter does not.
    """

    line_length_limit = _SIZE_LIMIT


class _Inbox(Controller):
    """The next hop in a thread of its own."""

    def factory(self) -> SMTP:
        """The server of one connection; the door has kept to the limit on size already."""
        return _PatientServer(self.handler, data_size_limit=None, enable_SMTPUTF8=True)


@dataclass(frozen=True, slots=True)
class _OnItsWay:
    """A mail that was analysed, and may yet be refused by the next hop."""

    before: bytes
    after: bytes
    analysis: Analysis

    def is_of(self, received: bytes) -> bool:
        """Whether that is what arrived. Untagged, when the tags were what made it too big."""
        return received in (self.after, self.before)


class EmbeddedMail:
    """The door, its next hop, and the mails that came through, in order."""

    def __init__(self, analyst: Analyst, delivered: Callable[[Delivered], None]) -> None:
        """`delivered` is called in the event loop for each mail that reached the next hop."""
        config = dataclasses.replace(
            analyst.config,
            # Whoever tries the demonstration sends from this machine and wants to see tags.
            networks=NetworksConfig(outbound=Networks(())),
        )
        self._analyst: Final = dataclasses.replace(analyst, config=config, customers=CUSTOMERS)
        self._delivered: Final = delivered
        self._on_their_way: Final[deque[_OnItsWay]] = deque(maxlen=_MOST_AT_ONCE)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._helpdesk: Final = _Inbox(
            Helpdesk(self._on_received), hostname="127.0.0.1", port=_free_port()
        )
        self._door: SmtpDoor | None = None

    async def start(self, listen: Endpoint) -> Endpoint:
        """Open both doors; returns where mail is taken. Raises OSError when that fails."""
        self._loop = asyncio.get_running_loop()
        self._helpdesk.start()
        settings = SmtpDoorSettings(
            listen=listen,
            next_hop=Endpoint("127.0.0.1", self._helpdesk.port),
            hostname="desk.example",
            size_limit=_SIZE_LIMIT,
        )
        self._door = SmtpDoor(settings, self._tag)
        return await self._door.start()

    async def stop(self) -> None:
        """Close both doors."""
        if self._door is not None:
            await self._door.stop(1.0)
        self._helpdesk.stop()

    async def _tag(
        self, message: bytes, envelope: model.Envelope, client: model.Client, mail_id: str
    ) -> bytes:
        read = partial(read_message, message, envelope=envelope, client=client, queue_id=mail_id)
        analysis = await asyncio.to_thread(self._analyst.analyse, read, header_names(message))
        tagged = apply_edits(message, analysis.edits)
        self._on_their_way.append(_OnItsWay(message, tagged, analysis))
        return tagged

    def _on_received(self, raw: bytes) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._hand_over, raw)

    def _hand_over(self, raw: bytes) -> None:
        for mail in self._on_their_way:
            if mail.is_of(raw):
                self._on_their_way.remove(mail)
                self._delivered(Delivered(raw, mail.analysis))
                return


async def send(raw: bytes, to: Endpoint) -> None:
    """Send one stored mail by SMTP, its envelope taken from its header."""
    mail = read_message(raw)
    null_sender = mail.headers.first("Return-Path").strip() == "<>"
    _, sender = parseaddr(mail.headers.first("From"))
    client = aiosmtplib.SMTP(hostname=to.host, port=to.port, start_tls=False)
    async with client:
        await client.sendmail("" if null_sender else sender, [RECIPIENT], raw)


def sample_files() -> Sequence[Path]:
    """The sample mails, in the order in which they tell their story."""
    return sorted((Path(__file__).parent / "samples").glob("*.eml"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
