"""Weeks of decisions about mail, in which a topic rises; and a webhook that is told."""

import random
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mailtriage.insight.alert import SIGNATURE_FIELD
from mailtriage.state.history_schema import COLUMNS, Decision, skills_text
from mailtriage.state.history_writer import HistoryWriter

HOUR, DAY = 3600, 86400
START = 1_793_577_600
"""Monday, 2 November 2026, 00:00 UTC."""
NOON = START + 21 * DAY + 12 * HOUR

ORDINARY = Decision(
    at=0.0, queue_id="", direction="inbound", status="ok", mailbox="help@desk.example",
    sender=b"", skill="delivery", confidence=0.9, skills=(), priority="normal", score=50,
    language="en", tier="unknown", churn="low", mood="neutral", topic="none", kind="human",
    thread="new", kb="none", route="delivery-en", ack="sent", ack_rule="", why=(), ms=1.0,
)  # fmt: skip


def write(file: Path, decisions: list[Decision]) -> None:
    with closing(HistoryWriter(file)) as writer:
        writer.add([list(_row(one)) for one in decisions])


def _row(one: Decision) -> list[Any]:
    named = dict(zip(COLUMNS, astuple(one), strict=False))
    return list((named | {"skills": skills_text(one.skills), "why": " ".join(one.why)}).values())


def mails(
    count: int, begin: float, hours: float, dice: random.Random, **facts: Any
) -> list[Decision]:
    """So many mails, each of another writer, at any moment of a period."""
    return [
        replace(
            ORDINARY,
            at=begin + dice.random() * hours * HOUR,
            sender=dice.randbytes(16),
            queue_id=f"4W{dice.randrange(10**6)}",
            **facts,
        )
        for _ in range(count)
    ]


def three_weeks(dice: random.Random) -> list[Decision]:
    """Thirty mails on each day from eight to six."""
    return [one for day in range(21) for one in mails(30, START + day * DAY + 8 * HOUR, 10, dice)]


@dataclass
class Hook:
    """A webhook on this machine; `answers` are its status codes, the last one for ever."""

    url: str
    answers: list[int] = field(default_factory=lambda: [204])
    calls: list[tuple[bytes, str]] = field(default_factory=list)
    """Body and signature."""


@contextmanager
def listening() -> Iterator[Hook]:
    """Somebody who is called."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.calls.append((body, self.headers[SIGNATURE_FIELD]))
            status = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Hook(f"http://127.0.0.1:{server.server_port}/surge")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()
