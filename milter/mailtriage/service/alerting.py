"""Alerts on their way: as a mail to the team, and as a signed call of a webhook.

Whatever goes wrong is tried again (insight/alert.py: `next_try`), for about a day. No attempt takes
longer than `LIMIT` and `TOTAL`, and no mail of a customer waits for it at all.
"""

import http.client
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final
from urllib.parse import urlsplit

from mailtriage.config import Config
from mailtriage.config.endpoints import NextHop
from mailtriage.insight.alert import KEY_AT_LEAST, SIGNATURE_FIELD, next_try, sign
from mailtriage.service.log import Log
from mailtriage.state.warnings import Owed

LIMIT: Final = 10.0
"""Seconds that the other side may be silent."""
TOTAL: Final = 20.0
"""Seconds for one attempt from the connection on: who sends a byte now and then is never silent."""
MOST_READ: Final = 4096
"""Bytes of a webhook's answer that are looked at."""

_OK, _FAILED, _GIVEN_UP = 200, 503, 410


class Alerting:
    """Delivers one alert at a time."""

    def __init__(self, config: Config, log: Log) -> None:
        self._settings: Final = config.warnings
        self._server: Final = config.ack.submit
        self._hostname: Final = config.smtp.hostname or socket.gethostname()
        self._log: Final = log

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
        session = smtplib.SMTP(timeout=LIMIT, local_hostname=self._hostname)
        with _bounded(lambda: session.sock), _connected(session, self._server):
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
        message["X-Auto-Response-Suppress"] = "All"  # Exchange does not read the other one
        message.set_content(body)
        return message

    def _call(self, one: Owed, now: int) -> tuple[int, str]:
        file = self._settings.webhook_secret_file
        if not self._settings.webhook or file is None:
            return _GIVEN_UP, "there is no webhook any more"
        key = file.read_bytes().strip()
        if len(key) < KEY_AT_LEAST:
            return _FAILED, f"the key in webhook_secret_file is shorter than {KEY_AT_LEAST} bytes"
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "mailtriage",
            SIGNATURE_FIELD: sign(one.content, [key], now),
        }
        # Not urllib.request: it asks the environment for a proxy, follows redirects, and keeps its
        # socket to itself. What is signed goes to the address of the configuration alone.
        connection, target = _to(self._settings.webhook)
        with closing(connection), _bounded(lambda: connection.sock):
            connection.request("POST", target, one.content, headers)
            answer = connection.getresponse()
            answer.read(MOST_READ)
            status = answer.status
        return status, "" if status // 100 == 2 else f"HTTP {status}"


def _to(url: str) -> tuple[http.client.HTTPConnection, str]:
    """A connection, not opened yet, and the path with the query. Raises ValueError."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=LIMIT, context=context
        ), target
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=LIMIT), target


@contextmanager
def _bounded(current: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Within it, a connection ends after `TOTAL` seconds. `current`: its socket, once there is
    one. Raises TimeoutError when that was so."""
    over = threading.Event()
    late = threading.Event()

    def end() -> None:
        if over.wait(TOTAL):
            return
        late.set()
        while True:
            opened = current()
            if opened is not None:
                with suppress(OSError):  # not of the TLS layer: that would take its lock
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)
            if over.wait(1.0):
                return

    guard = threading.Thread(target=end, name="alert-limit", daemon=True)
    guard.start()
    try:
        yield
    except Exception:
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        over.set()
        guard.join()


@contextmanager
def _connected(session: smtplib.SMTP, server: NextHop) -> Iterator[None]:
    code, _ = session.connect(server.host, server.port)
    if code != 220:
        session.close()
        raise smtplib.SMTPConnectError(code, b"")
    with session:
        yield
