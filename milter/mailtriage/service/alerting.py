"""Alerts on their way: as a mail to the team, and as a signed call of a webhook.

Whatever goes wrong is tried again (insight/alert.py: `next_try`), for about a day. Nothing here
waits for longer than `LIMIT`, and no mail of a customer waits for it at all.
"""

import http.client
import smtplib
import socket
import time
import urllib.error
import urllib.request
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import IO, Final

from mailtriage.config import Config
from mailtriage.config.endpoints import NextHop
from mailtriage.insight.alert import SIGNATURE_FIELD, next_try, sign
from mailtriage.service.log import Log
from mailtriage.state.warnings import Owed

LIMIT: Final = 10.0
"""Seconds for one attempt."""
MOST_READ: Final = 4096
"""Bytes of a webhook's answer that are looked at."""
_KEY_AT_LEAST: Final = 16

_OK, _FAILED, _GIVEN_UP = 200, 503, 410


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What is signed goes to the address of the configuration, and to no other."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002  the signature of the library
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: http.client.HTTPMessage,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        """None of them is followed."""
        return None  # noqa: RET501  what the library asks for


class Alerting:
    """Delivers one alert at a time."""

    def __init__(self, config: Config, log: Log) -> None:
        self._settings: Final = config.warnings
        self._server: Final = config.ack.submit
        self._hostname: Final = config.smtp.hostname or socket.gethostname()
        self._log: Final = log
        # No proxy of the environment: the address is the administrator's, and often a local one.
        self._opener: Final = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), _NoRedirects
        )

    def deliver(self, one: Owed, now: int) -> float | None:
        """Try once. None: it is there, or given up; else seconds until the next attempt."""
        try:
            status, detail = self._mail(one) if one.way == "mail" else self._call(one, now)
        except (OSError, http.client.HTTPException, smtplib.SMTPException, ValueError) as fault:
            status, detail = _FAILED, type(fault).__name__
        again = next_try(one.id, one.tries + 1, status)
        fields = {"event": "alert", "way": one.way, "alert": one.id, "status": status}
        if again is None and status // 100 == 2:
            self._log.line("info", fields | {"state": "sent"})
        else:
            state = "given-up" if again is None else "retry"
            self._log.line("warning", fields | {"state": state, "fault": detail})
        return again

    def _mail(self, one: Owed) -> tuple[int, str]:
        if not self._settings.mail_to:
            return _GIVEN_UP, "nobody is to be told any more"
        message = self._message(one)
        with _session(self._server, self._hostname) as session:
            refused = session.send_message(message, to_addrs=self._settings.mail_to)
        return (_FAILED, "refused for some") if refused and not one.tries else (_OK, "")

    def _message(self, one: Owed) -> EmailMessage:
        subject, _, body = one.content.decode().partition("\n")
        message = EmailMessage(SMTP)
        sender = self._settings.mail_from or self._settings.mail_to[0]
        message["From"] = sender
        message["To"] = ", ".join(self._settings.mail_to)
        message["Subject"] = subject
        message["Date"] = formatdate(time.time(), localtime=True)
        # The same at each attempt: who gets it twice can tell.
        message["Message-ID"] = f"<alert.{one.id}@{sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        return message

    def _call(self, one: Owed, now: int) -> tuple[int, str]:
        file = self._settings.webhook_secret_file
        if not self._settings.webhook or file is None:
            return _GIVEN_UP, "there is no webhook any more"
        key = file.read_bytes().strip()
        if len(key) < _KEY_AT_LEAST:
            return _FAILED, f"the key in webhook_secret_file is shorter than {_KEY_AT_LEAST} bytes"
        request = urllib.request.Request(  # noqa: S310  the scheme is checked when it is read
            self._settings.webhook,
            data=one.content,
            headers={
                "Content-Type": "application/json",
                "User-Agent": "mailtriage",
                SIGNATURE_FIELD: sign(one.content, [key], now),
            },
            method="POST",
        )
        try:
            with self._opener.open(request, timeout=LIMIT) as answer:
                answer.read(MOST_READ)
                return int(answer.status), ""
        except urllib.error.HTTPError as error:
            with error:
                return error.code, f"HTTP {error.code}"


def _session(server: NextHop, hostname: str) -> smtplib.SMTP:
    session = smtplib.SMTP(timeout=LIMIT, local_hostname=hostname)
    code, _ = session.connect(server.host, server.port)
    if code != 220:
        raise smtplib.SMTPConnectError(code, b"")
    return session
