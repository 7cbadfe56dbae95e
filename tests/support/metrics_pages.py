"""Metrics as a running service exposes them, made by its own registry; and a server that answers
with them over real HTTP."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import ThreadingUnixStreamServer
from typing import Any, ClassVar

from mailtriage.commands.top_scrape import Scrape, read_series
from mailtriage.service import metrics_names as names
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_registry import Registry

STARTED = 1_795_000_000.0
"""When the service was started, unless told otherwise."""


class Metrics:
    """What a service has counted. `at` moves on by itself in no way."""

    def __init__(self, *, started: float = STARTED) -> None:
        self.registry = Registry()
        self.registry.set(names.BUILD, "0.1.0", "3.11.2", "8.17", value=1)
        self.registry.set(names.STARTED, value=started)
        self.registry.set(names.RELOAD_GOOD, value=1)
        self.registry.set(names.RELOAD_TIME, value=started)
        for door in ("analyser", "milter"):
            self.workers(door, 2)

    def workers(self, door: str, number: int, state: str = "ready") -> None:
        """So many processes of a door are in that state."""
        self.registry.set(names.WORKERS, door, state, value=number)

    def mails(self, number: int, *, skill: str = "billing", priority: str = "high") -> None:
        """So many customers wrote, in Swedish."""
        add = self.registry.add
        add(names.MESSAGES, "inbound", "tagged", amount=number)
        add(names.TAGS, skill, priority, amount=number)
        add(names.LANGUAGE, "sv", amount=number)

    def took(self, *seconds: float) -> None:
        """An analysis took so long; one for each."""
        deltas = Deltas()
        for value in seconds:
            deltas.observe(names.DURATION, value=value)
        self.registry.take(1, list(deltas._take()))

    def text(self) -> str:
        """What /metrics says."""
        return self.registry.text().decode()

    def scrape(self, after: float = 60.0, *, unready: tuple[str, ...] = ()) -> Scrape:
        """The same as `top` sees it, so many seconds after the start."""
        return Scrape(STARTED + after, after, read_series(self.text()), unready)


class Pages(BaseHTTPRequestHandler):
    """Answers with what stands in `pages`: path to status and body."""

    pages: ClassVar[dict[str, tuple[int, bytes]]] = {}

    def do_GET(self) -> None:
        status, body = self.pages.get(self.path, (404, b""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return ""  # a unix socket has none

    def log_message(self, *_: object) -> None:
        pass


class _UnixServer(ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def serving(
    pages: dict[str, tuple[int, bytes]], path: str = ""
) -> Iterator[ThreadingHTTPServer | ThreadingUnixStreamServer]:
    """A server for these pages, at a port of its own or at the path of a socket."""
    handler: Any = type("Handler", (Pages,), {"pages": pages})
    server = _UnixServer(path, handler) if path else ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def healthy(metrics: Metrics | None = None) -> dict[str, tuple[int, bytes]]:
    """The pages of a service that is well."""
    made = metrics or Metrics(started=time.time() - 3600)
    return {"/metrics": (200, made.text().encode()), "/readyz": (200, b"ok\n")}
