"""What the supervisor knows of the service's health, and tells: metrics, readiness, the watchdog.

It lives in the supervisor's loop and never waits. Nothing of it may hold up mail: a port that is
taken costs the metrics and no more.
"""

import os
import platform
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from mailtriage import __version__
from mailtriage.doors.analysis import Analyst
from mailtriage.doors.milter import versions
from mailtriage.service import metrics_names as names
from mailtriage.service import notify
from mailtriage.service.listener import Listener
from mailtriage.service.metrics_declared import declare_all
from mailtriage.service.metrics_deltas import decode
from mailtriage.service.metrics_http import HttpServer, Request, Response
from mailtriage.service.metrics_registry import Registry
from mailtriage.service.metrics_selftest import FRESH

HEARD: Final = 10.0
"""Seconds without a sign of life after which a worker does not count as one."""

BEHIND: Final = frozenset({"desk", "acks", "history"})
"""Doors that no mail waits for: Postfix and the outbox keep what they do not take."""

NEEDLESS: Final = "history"
"""The door without which all is well, too: nobody is to restart us for it."""

REASONS: Final = ("died", "silent", "did-not-leave", "worn-out")
"""Why workers are replaced."""

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Post:
    """One worker as the supervisor sees it."""

    door: str
    state: str
    """starting, ready or leaving."""
    unheard: float
    """Seconds since its last sign of life."""


@dataclass(frozen=True, slots=True)
class Census:
    """All workers, and how many each door should have."""

    wanted: dict[str, int]
    posts: Sequence[Post]

    def at_work(self, door: str) -> int:
        """How many are ready and alive."""
        return sum(
            post.door == door and post.state == "ready" and post.unheard < HEARD
            for post in self.posts
        )


class Monitor:
    """Metrics, health and watchdog of one service."""

    def __init__(
        self, analyst: Analyst, listener: Listener | None, *, selftest: bool = False
    ) -> None:
        """`listener`: where HTTP is spoken; None: nowhere. `selftest`: whether a process sends
        mails of our own through the service."""
        self._listener: Final = listener
        self._selftest: Final = selftest
        self._registry: Final = Registry()
        self._begun: Final = time.monotonic()
        self._passed = -FRESH
        self._answered = self._well = self._begun
        self._watchdog: Final = notify.watchdog_interval()
        self._next_feed = 0.0
        self._server: HttpServer | None = None
        self._census: Callable[[], Census] = lambda: Census({}, ())
        self._analyst = analyst
        self._declare()

    def start(self, selector: selectors.BaseSelector, census: Callable[[], Census]) -> None:
        """Answer from now on; `census` counts the workers when somebody asks."""
        self._census = census
        if self._listener is not None:
            sock = socket.socket(fileno=os.dup(self._listener.fileno()))
            sock.setblocking(False)  # noqa: FBT003  the signature of socket
            self._server = HttpServer(sock, selector, self.answer)
            self._server.trusted = self._analyst.config.metrics.networks

    def take(self, pid: int, message: bytes) -> None:
        """What a worker has counted."""
        registry = self._registry
        before = registry.gauge(names.SELFTEST_TIME), registry.gauge(names.SELFTEST_ANSWER)
        registry.take(pid, decode(message))
        now = time.monotonic()
        if registry.gauge(names.SELFTEST_TIME) > before[0]:
            self._passed = now
        if registry.gauge(names.SELFTEST_ANSWER) > before[1]:
            self._answered = now

    def gone(self, pid: int) -> None:
        """A worker has ended."""
        # What it said last of the self-tests stays true.
        for name in (names.SELFTEST_TIME, names.SELFTEST_ANSWER):
            self._registry.set(name, value=self._registry.gauge(name))
        self._registry.forget(pid)

    def replaced(self, door: str, reason: str) -> None:
        """A worker died, was killed, or was worn out."""
        self._registry.add(names.RESTARTS, door, reason)

    def reloaded(self, analyst: Analyst | None) -> None:
        """After a reload; None: it was refused."""
        self._registry.add(names.RELOADS, "refused" if analyst is None else "done")
        self._registry.set(names.RELOAD_GOOD, value=int(analyst is not None))
        if analyst is not None:
            self._analyst = analyst
            self._registry.set(names.RELOAD_TIME, value=time.time())
            declare_all(self._registry, analyst)
            if self._server is not None:
                self._server.trusted = analyst.config.metrics.networks

    def run_due(self, *, stopping: bool = False) -> None:
        """Once a second or oftener: hang up on the slow, and tell systemd that we live."""
        if self._server is not None:
            self._server.run_due()
        now = time.monotonic()
        if self._watchdog and now >= self._next_feed:
            self._next_feed = now + self._watchdog / 4
            if stopping or self._deserves_to_live():
                notify.watchdog()

    def forget(self) -> None:
        """Give up this process's hold on the sockets, after a fork."""
        if self._server is not None:
            self._server.forget()
        if self._listener is not None:
            self._listener.forget()

    def close(self) -> None:
        """The service has ended."""
        if self._server is not None:
            self._server.close()
        if self._listener is not None:
            self._listener.close()

    def answer(self, request: Request) -> Response:
        """The three pages."""
        match request.path:
            case "/metrics":
                self._count_workers()
                if wants_openmetrics(request.accept):
                    return Response(HTTPStatus.OK, self._registry.openmetrics(), OPENMETRICS)
                return Response(HTTPStatus.OK, self._registry.text(), TEXT)
            case "/healthz":
                return _page(self._ailments())
            case "/readyz":
                return _page([*self._ailments(), *self._untested()])
        return Response(HTTPStatus.NOT_FOUND, b"there are /metrics, /healthz and /readyz\n")

    def _unserved(self) -> dict[str, int]:
        """Doors that nobody serves, and how many should."""
        census = self._census()
        return {
            door: wanted
            for door, wanted in census.wanted.items()
            if wanted and not census.at_work(door)
        }

    def _ailments(self) -> list[str]:
        return [
            f"{door}: none of {wanted} at work"
            for door, wanted in self._unserved().items()
            if door != NEEDLESS
        ]

    def _untested(self) -> list[str]:
        age = time.monotonic() - self._passed
        if not self._selftest or age <= FRESH:
            return []
        if self._passed < self._begun:
            return ["selftest: none has passed yet"]
        return [f"selftest: the last that passed was {age:.0f} s ago"]

    def _deserves_to_live(self) -> bool:
        """Whether mail has a way through, or had within `FRESH` seconds.

        Single processes that hang are replaced by the supervisor itself, without the others. And a
        milter that says "overload" works: a restart would add to the load.
        """
        now = time.monotonic()
        if not any(door not in BEHIND for door in self._unserved()):
            self._well = now
        if self._selftest and now - self._answered > FRESH:
            return False
        return now - self._well <= FRESH

    def _declare(self) -> None:
        registry, now = self._registry, time.time()
        libraries = dict(versions())
        registry.set(
            names.BUILD, __version__, platform.python_version(), libraries["libmilter"], value=1
        )
        registry.set(names.STARTED, value=now)
        registry.set(names.RELOAD_GOOD, value=1)
        registry.set(names.RELOAD_TIME, value=now)
        registry.set(names.SESSIONS, value=0)
        if self._selftest:
            for name in (names.SELFTEST, names.SELFTEST_TIME, names.SELFTEST_ANSWER):
                registry.set(name, value=0)
        declare_all(registry, self._analyst)

    def _count_workers(self) -> None:
        census = self._census()
        for door in census.wanted:
            for state in ("starting", "ready", "leaving"):
                here = sum(post.door == door and post.state == state for post in census.posts)
                self._registry.set(names.WORKERS, door, state, value=here)
            self._registry.declare(names.RESTARTS, [(door, reason) for reason in REASONS])


def wants_openmetrics(accept: str) -> bool:
    """Whether that Accept field (RFC 9110 section 12.5.1) prefers OpenMetrics to plain text."""
    weights = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for item in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
            elif name == "version" and kind == "application/openmetrics-text":
                weight = weight if value in ("1.0.0", "0.0.1") else 0.0
        if kind in weights:
            weights[kind] = max(weights[kind], weight)
    return 0 < weights["application/openmetrics-text"] >= weights["text/plain"]


def _page(problems: Sequence[str]) -> Response:
    if problems:
        return Response(HTTPStatus.SERVICE_UNAVAILABLE, "\n".join((*problems, "")).encode())
    return Response(HTTPStatus.OK, b"ok\n")
