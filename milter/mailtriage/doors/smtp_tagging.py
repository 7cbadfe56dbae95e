"""What the SMTP door does with each mail: analysis in a thread, with a deadline, then our edits."""

import asyncio
import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from mailtriage.config import Config
from mailtriage.config.sections import SmtpConfig
from mailtriage.doors.analysis import Analysis, Analyst, direction, fail_open
from mailtriage.doors.smtp_settings import (
    Endpoint,
    MailProtocol,
    SmtpDoorSettings,
    TlsPolicy,
)
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.tags.apply import apply_edits
from mailtriage.tags.model import Status

Report = Callable[[Analysis, Envelope, str], None]


class Tagger:
    """Gives the SMTP door the message to relay; see `smtp.Tag`."""

    def __init__(self, analyst: Analyst, report: Report) -> None:
        """`report` is told of each analysis; it must not block."""
        config = analyst.config.milter
        self._analyst: Final = analyst
        self._report: Final = report
        self._deadline: Final = config.deadline
        self._queue: Final = config.queue
        self._waiting = 0
        self._threads: Final = ThreadPoolExecutor(config.threads, thread_name_prefix="analysis")

    async def __call__(
        self, message: bytes, envelope: Envelope, client: Client, mail_id: str
    ) -> bytes:
        """The message with our edits; never raises by contract of the analyst."""
        analysis = await self._analyse(message, envelope, client, mail_id)
        self._report(analysis, envelope, mail_id)
        return apply_edits(message, analysis.edits)

    async def _analyse(
        self, message: bytes, envelope: Envelope, client: Client, mail_id: str
    ) -> Analysis:
        if self._waiting >= self._queue:
            return self._pass(message, envelope, client, Status.OVERLOAD)
        read = partial(
            read_message,
            message,
            envelope=envelope,
            client=client,
            queue_id=mail_id,
            limits=self._analyst.limits,
        )
        self._waiting += 1
        try:
            work = asyncio.get_running_loop().run_in_executor(
                self._threads, self._analyst.analyse, read
            )
            return await asyncio.wait_for(work, self._deadline)
        except TimeoutError:
            return self._pass(message, envelope, client, Status.TIMEOUT)
        finally:
            self._waiting -= 1

    def _pass(self, message: bytes, envelope: Envelope, client: Client, status: Status) -> Analysis:
        limits = dataclasses.replace(self._analyst.limits, max_scan_bytes=1)
        return fail_open(
            read_message(message, limits=limits).headers,
            status,
            direction=direction(self._analyst.config, client),
            profile=self._analyst.profile(envelope.recipients),
        )


def door_settings(config: Config) -> SmtpDoorSettings:
    """The settings of the SMTP door from the configuration. Raises ValueError."""
    smtp: SmtpConfig = config.smtp
    settings = SmtpDoorSettings(
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
    )
    return dataclasses.replace(settings, hostname=smtp.hostname) if smtp.hostname else settings
