"""A very small HTTP server that lives in the supervisor's own loop and never makes it wait.

It answers GET and HEAD, closes after each answer (RFC 9112 section 9.6), and reads no body. The
supervisor forks, and so may have no threads: everything here is one step at a time, bounded in
size, time and number.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from mailtriage.config.endpoints import Networks

MAX_HEADER: Final = 8192
"""Bytes of request line and header fields."""
TIME_LIMIT: Final = 5.0
"""Seconds for one request and its answer."""
MOST_CONNECTIONS: Final = 16
"""At once. More wait in the backlog until one has ended."""
PLAIN: Final = "text/plain; charset=utf-8"
_CHUNK: Final = 65536


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    method: str
    path: str
    """Without the query."""
    accept: str


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: HTTPStatus
    body: bytes
    content_type: str = PLAIN
    fields: tuple[tuple[str, str], ...] = ()


Answer = Callable[[Request], Response]


@dataclass(slots=True)
class _Connection:
    sock: socket.socket
    ends: float
    asked: bytes = b""
    answer: bytes = b""
    sent: int = 0
    answering: bool = field(default=False)


class HttpServer:
    """Serves on a listening socket. `run_due` must be called once a second or oftener."""

    def __init__(
        self, listener: socket.socket, selector: selectors.BaseSelector, answer: Answer
    ) -> None:
        """`listener` is non-blocking. What waits for an event is registered at the selector, with a
        function without arguments as its data."""
        self._listener: Final = listener
        self._selector: Final = selector
        self._answer: Final = answer
        self._connections: Final[dict[int, _Connection]] = {}
        self._accepting = False
        self.trusted = Networks()
        """Clients by address; those of a unix socket are trusted if they can open it."""
        self._accept_again()

    def run_due(self) -> None:
        """Hang up on those whose time is over."""
        now = time.monotonic()
        for connection in [one for one in self._connections.values() if one.ends <= now]:
            self._end(connection)

    def forget(self) -> None:
        """Give up this process's hold on all of its sockets, after a fork."""
        self._listener.close()
        for connection in self._connections.values():
            connection.sock.close()

    def close(self) -> None:
        """Stop."""
        for connection in list(self._connections.values()):
            self._end(connection)
        if self._accepting:
            self._selector.unregister(self._listener)
            self._accepting = False
        self._listener.close()

    def _accept_again(self) -> None:
        if not self._accepting and len(self._connections) < MOST_CONNECTIONS:
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
            self._accepting = True

    def _accept(self) -> None:
        try:
            sock, peer = self._listener.accept()
        except OSError:
            return  # gone again
        sock.setblocking(False)  # noqa: FBT003  the signature of socket
        connection = _Connection(sock, time.monotonic() + TIME_LIMIT)
        self._connections[sock.fileno()] = connection
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._step(connection))
        if sock.family != socket.AF_UNIX and not self.trusted.contains(str(peer[0])):
            self._begin(connection, _refused(HTTPStatus.FORBIDDEN), head=False)
        if len(self._connections) >= MOST_CONNECTIONS:
            self._selector.unregister(self._listener)
            self._accepting = False

    def _step(self, connection: _Connection) -> None:
        try:
            if connection.answering:
                self._write(connection)
            else:
                self._read(connection)
        except BlockingIOError:
            return
        except OSError:
            self._end(connection)

    def _read(self, connection: _Connection) -> None:
        data = connection.sock.recv(_CHUNK)
        if not data:
            self._end(connection)
            return
        connection.asked += data
        header, end, _ = connection.asked.partition(b"\r\n\r\n")
        if len(header) > MAX_HEADER:
            refused = _refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            self._begin(connection, refused, head=False)
        elif end:
            self._respond(connection, header)

    def _respond(self, connection: _Connection, header: bytes) -> None:
        request = parse_request(header)
        if request is None:
            self._begin(connection, _refused(HTTPStatus.BAD_REQUEST), head=False)
        elif request.method not in ("GET", "HEAD"):
            refused = _refused(HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "GET, HEAD"))
            self._begin(connection, refused, head=False)
        else:
            try:
                response = self._answer(request)
            except Exception:  # noqa: BLE001  a bug here must not end the service
                response = _refused(HTTPStatus.INTERNAL_SERVER_ERROR)
            self._begin(connection, response, head=request.method == "HEAD")

    def _begin(self, connection: _Connection, response: Response, *, head: bool) -> None:
        status = response.status
        fields = [
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
            *response.fields,
        ]
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{n}: {v}" for n, v in fields)]
        header = "\r\n".join((*lines, "", "")).encode("ascii")
        connection.answer = header if head else header + response.body
        connection.answering = True
        self._selector.modify(
            connection.sock, selectors.EVENT_WRITE, lambda: self._step(connection)
        )

    def _write(self, connection: _Connection) -> None:
        end = connection.sent + _CHUNK
        connection.sent += connection.sock.send(connection.answer[connection.sent : end])
        if connection.sent >= len(connection.answer):
            # What was sent and not read would make close() a reset, which takes the answer along.
            connection.sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(BlockingIOError):
                connection.sock.recv(_CHUNK)
            self._end(connection)

    def _end(self, connection: _Connection) -> None:
        self._connections.pop(connection.sock.fileno(), None)
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._accept_again()


def parse_request(header: bytes) -> Request | None:
    """The request line and what we look at of the header (RFC 9112 section 3); None: it is none."""
    lines = header.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1") or not words[1].startswith("/"):
        return None
    accept = ""
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            return None
        if name.lower() == "accept":
            accept = f"{accept},{value.strip()}" if accept else value.strip()
    return Request(words[0], words[1].partition("?")[0], accept)


def _refused(status: HTTPStatus, *fields: tuple[str, str]) -> Response:
    return Response(status, f"{status.value} {status.phrase}\n".encode(), fields=fields)
