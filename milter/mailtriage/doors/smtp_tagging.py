"""What the SMTP door does with each mail: it asks an analyser, within a deadline, and edits."""

import asyncio
import dataclasses
import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mailtriage.config import Config
from mailtriage.config.sections import SmtpConfig
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import Answer, Question, decode_answer, encode_question
from mailtriage.doors.smtp_settings import (
    Endpoint,
    MailProtocol,
    SmtpDoorSettings,
    TlsPolicy,
)
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Client, Envelope
from mailtriage.tags.apply import apply_edits, header_end, header_names
from mailtriage.tags.model import Status

Report = Callable[[Analysis, Question], None]

Expect = Callable[[str, str], None]
"""Our id of a mail, and its hidden recipient."""


class Tagger:
    """Gives the SMTP door the message to relay; see `smtp.Tag`."""

    def __init__(self, analyst: Analyst, analysers: Path, report: Report, expect: Expect) -> None:
        """`analysers` is the socket of the analysers; `report` is told of each mail that passes
        without an analysis, `expect` of each that leads to something at the desk. Neither may
        block.
        """
        self._expect: Final = expect
        self._analyst: Final = analyst
        self._analysers: Final = analysers
        self._report: Final = report
        self._deadline: Final = analyst.config.milter.deadline

    async def __call__(
        self, message: bytes, envelope: Envelope, client: Client, mail_id: str
    ) -> bytes:
        """The message with our edits."""
        question = self._question(message, envelope, client, mail_id)
        try:
            edits = (await self._ask(question)).edits
        except Exception as fault:  # noqa: BLE001  whatever it is, the mail goes on
            passed = self._pass(question, fault)
            self._report(passed, question)
            edits = passed.edits
        if edits.recipient:
            self._expect(mail_id, edits.recipient)
        return apply_edits(message, edits)

    def _question(
        self, message: bytes, envelope: Envelope, client: Client, mail_id: str
    ) -> Question:
        if _is_loopback(client.address):
            # An MTA on this machine in front of us: it is not the client, and who was is not known.
            client = dataclasses.replace(client, address="")
        # All of the header, since forged fields are counted in it, and the part of the body that is
        # read.
        end = header_end(message) + self._analyst.limits.max_scan_bytes
        return Question(
            envelope, client, mail_id, (), [message[:end]], len(message) <= end, whole=True
        )

    async def _ask(self, question: Question) -> Answer:
        async with asyncio.timeout(self._deadline):
            reader, writer = await asyncio.open_unix_connection(sock=_connected(self._analysers))
            try:
                writer.write(encode_question(question))
                length = int.from_bytes(await reader.readexactly(4))
                return decode_answer(await reader.readexactly(length))
            finally:
                writer.close()

    def _pass(self, question: Question, fault: Exception) -> Analysis:
        status = Status.TIMEOUT if isinstance(fault, TimeoutError) else Status.ERROR
        if isinstance(fault, BlockingIOError):
            status = Status.OVERLOAD
        fields, body_at, _ = split_fields(question.body[0])
        return self._analyst.pass_on(
            header_names(question.body[0]),
            [(name.decode("latin-1"), value) for name, value in fields],
            question.body[0][body_at:],
            question.envelope,
            question.client,
            question.queue_id,
            status,
            type(fault).__name__,
        )


def _connected(analysers: Path) -> socket.socket:
    """A connection to the analysers, at once or not at all; BlockingIOError when too many wait.

    asyncio would take that error for a connection that is on its way.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.setblocking(False)  # noqa: FBT003  the signature of socket
        connection.connect(str(analysers))
    except BaseException:
        connection.close()
        raise
    return connection


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def door_settings(config: Config) -> SmtpDoorSettings:
    """The settings of the SMTP door from the configuration. Raises ValueError."""
    smtp: SmtpConfig = config.smtp
    named: dict[str, Any] = {}
    if smtp.hostname:
        named["hostname"] = smtp.hostname
    if smtp.listen is not None:
        named["listen"] = Endpoint(smtp.listen.host, smtp.listen.port, smtp.listen.path)
    return SmtpDoorSettings(
        next_hop=Endpoint(smtp.next_hop.host, smtp.next_hop.port, smtp.next_hop.path),
        next_hop_protocol=MailProtocol(smtp.next_hop.protocol),
        next_hop_tls=TlsPolicy(smtp.next_hop_tls),
        next_hop_ca_file=smtp.next_hop_ca_file,
        protocol=MailProtocol(smtp.protocol),
        tls_certificate=smtp.tls_certificate,
        tls_key=smtp.tls_key,
        size_limit=smtp.size_limit,
        connections=smtp.connections,
        connections_per_client=smtp.connections_per_client,
        recipients=smtp.recipients,
        timeout=smtp.timeout,
        data_timeout=smtp.data_timeout,
        tag_deadline=config.milter.deadline + 1.0,
        **named,
    )
