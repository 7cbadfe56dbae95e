"""An embedded mail system: the real SMTP door, the real desk, and an SMTP server behind both.

Nothing leaves this process, and nothing of it stays.
"""

import asyncio
import dataclasses
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from functools import partial
from pathlib import Path
from typing import Final

import aiosmtplib
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailtriage.config.acks import Calendar
from mailtriage.config.endpoints import Networks, NextHop
from mailtriage.config.mailboxes import Mailbox, Mailboxes
from mailtriage.config.sections import Config, NetworksConfig
from mailtriage.demo.desk import DemoDesk
from mailtriage.desk.copy import Copy
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.smtp import SmtpDoor, SmtpDoorSettings
from mailtriage.doors.smtp_desk import desk_copy
from mailtriage.doors.smtp_settings import Endpoint
from mailtriage.mail import model
from mailtriage.mail.fields import split_fields
from mailtriage.mail.read import read_message
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.model import Tier

RECIPIENT: Final = "help@desk.example"

AUTHSERV_ID: Final = "mx.desk.example"
"""The mail server in front of the demonstration, which does not exist: what it would have said of
a sender is said here."""

CUSTOMERS: Final = FixedCustomers(
    {"northwind.example": Tier.VIP, "ceo@northwind.example": Tier.VIP, "contoso.example": Tier.GOLD}
)
"""The customer list of the demonstration."""

_MOST_AT_ONCE: Final = 100
"""Mails that wait for the next hop to take them; the oldest of more are those it refused."""

_SIZE_LIMIT: Final = 50 * 1024 * 1024
"""Bytes of one mail."""


def demo_config(config: Config) -> Config:
    """The configuration as given, with a mailbox that the samples are for."""
    mailbox = config.mailboxes.by_address.get(RECIPIENT) or Mailbox(
        RECIPIENT,
        name="Desk Example",
        calendar="demo",
        urgent="+46 8 123 45 67",
        privacy="https://desk.example/privacy",
    )
    others = [other for other in config.mailboxes.mailboxes if other.address != RECIPIENT]
    return dataclasses.replace(
        config,
        # Whoever tries the demonstration sends from this machine and wants to see tags.
        networks=NetworksConfig(outbound=Networks(())),
        authentication=dataclasses.replace(
            config.authentication, trusted_authserv_ids=(AUTHSERV_ID,)
        ),
        mailboxes=Mailboxes((mailbox, *others), config.mailboxes.by_address | {RECIPIENT: mailbox}),
        calendars={
            "demo": Calendar("demo", "Europe/Stockholm", country="SE"),
            **config.calendars,
        },
    )


@dataclass(frozen=True, slots=True)
class Delivered:
    """One mail as the helpdesk would get it, what was found out about it, and the answer."""

    raw: bytes
    analysis: Analysis
    acknowledgement: bytes
    """As the customer would get it; empty when there is none."""


class _World:
    """The next hop: the helpdesk and the customers, an SMTP server that takes everything."""

    async def handle_DATA(  # noqa: N802  aiosmtpd finds it by this name
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        """Take the mail."""
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


class EmbeddedMail:
    """The door, the desk, what is behind both, and the mails that came through, in order."""

    def __init__(self, analyst: Analyst, delivered: Callable[[Delivered], None]) -> None:
        """`delivered` is called in the event loop for each mail that reached the next hop."""
        texts = analyst.texts
        if texts is None:
            raise ValueError("acknowledgements need their texts")
        analyst = dataclasses.replace(
            analyst, config=demo_config(analyst.config), customers=CUSTOMERS
        )
        self._desk: Final = DemoDesk(analyst, texts)
        self._delivered: Final = delivered
        self._on_their_way: Final[OrderedDict[str, Analysis]] = OrderedDict()
        self._telling: Final[set[asyncio.Task[None]]] = set()
        self._inbox: Final = _Inbox(_World(), hostname="127.0.0.1", port=_free_port())
        self._door: SmtpDoor | None = None

    async def start(self, listen: Endpoint) -> Endpoint:
        """Open both doors; returns where mail is taken. Raises OSError when that fails."""
        self._inbox.start()
        settings = SmtpDoorSettings(
            listen=listen,
            next_hop=Endpoint("127.0.0.1", self._inbox.port),
            hostname="desk.example",
            size_limit=_SIZE_LIMIT,
        )
        self._door = SmtpDoor(settings, self._tag, self._committed)
        return await self._door.start()

    async def stop(self) -> None:
        """Close both doors."""
        if self._door is not None:
            await self._door.stop(1.0)
        if self._telling:
            await asyncio.wait(self._telling)
        self._inbox.stop()
        self._desk.close()

    async def _tag(
        self, message: bytes, envelope: model.Envelope, client: model.Client, mail_id: str
    ) -> bytes:
        checked = vouched_for(message, envelope.sender)
        # All come from this machine; as many from one out there would be too many (rule D12).
        client = dataclasses.replace(client, address="")
        read = partial(read_message, checked, envelope=envelope, client=client, queue_id=mail_id)
        body = checked[split_fields(checked)[1] :]
        analysis = await self._desk.analyse(read, header_names(checked), body)
        self._on_their_way[mail_id] = analysis
        while len(self._on_their_way) > _MOST_AT_ONCE:
            self._on_their_way.popitem(last=False)
        return apply_edits(checked, analysis.edits)

    def _committed(self, mail_id: str, sender: str, message: bytes) -> None:
        analysis = self._on_their_way.pop(mail_id, None)
        if analysis is not None:
            copy = Copy(sender, analysis.edits.recipient, desk_copy(message, mail_id))
            task = asyncio.create_task(self._tell(copy, message, analysis))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self, copy: Copy, message: bytes, analysis: Analysis) -> None:
        """The next hop has said 250: now the desk hears of it, and only now."""
        acknowledgement = b""
        try:
            if copy.recipient:
                server = NextHop("smtp", "127.0.0.1", self._inbox.port)
                acknowledgement = await self._desk.acknowledge(copy, server)
        finally:
            self._delivered(Delivered(message, analysis, acknowledgement))


def vouched_for(message: bytes, sender: str) -> bytes:
    """The mail as the organisation's mail server would hand it on: with its word for the sender.

    A sample that has that server's word already keeps it.
    """
    if f"Authentication-Results: {AUTHSERV_ID};".encode() in message:
        return message
    domain = sender.rpartition("@")[2] or "unknown.example"
    if not domain.isascii():
        domain = domain.encode("idna").decode("ascii")
    return (
        f"Authentication-Results: {AUTHSERV_ID}; spf=pass smtp.mailfrom={domain}\r\n".encode()
        + message
    )


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
