"""The small HTTP server: bounded, polite, and never in the way of the loop that it lives in."""

import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from mailtriage.config.endpoints import Networks, parse_network
from mailtriage.service import metrics_http
from mailtriage.service.metrics_http import (
    MAX_HEADER,
    MOST_CONNECTIONS,
    HttpServer,
    Request,
    Response,
)

BIG = b"x" * 3_000_000
"""More than the kernel takes at once."""

LOOPBACK = Networks((parse_network("127.0.0.0/8"),))


def answer(request: Request) -> Response:
    if request.path == "/bug":
        raise RuntimeError("a bug")
    return Response(HTTPStatus.OK, BIG if request.path == "/big" else b"hello\n")


class Loop:
    """A loop like the supervisor's, in a thread, so that a test can wait for it."""

    def __init__(self, listener: socket.socket) -> None:
        self.selector = selectors.DefaultSelector()
        self.server = HttpServer(listener, self.selector, answer)
        self.server.trusted = LOOPBACK
        self.longest = 0.0
        self._over = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over:
            for key, _ in self.selector.select(0.05):
                begun = time.thread_time()
                key.data()
                self.longest = max(self.longest, time.thread_time() - begun)
            self.server.run_due()

    def end(self) -> None:
        self._over = True
        self._thread.join()
        self.server.close()
        assert not self.selector.get_map(), "something stayed registered"
        self.selector.close()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., socket.socket]]:
    """Connects to a running server; `local` is where the client connects from."""
    monkeypatch.setattr(metrics_http, "TIME_LIMIT", 1.0)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    address = listener.getsockname()
    running = Loop(listener)

    def connect() -> socket.socket:
        return socket.create_connection(address, timeout=20)

    connect.loop = running  # type: ignore[attr-defined]  # for the tests that look into it
    yield connect
    running.end()


def read_all(client: socket.socket) -> bytes:
    data = b""
    while more := client.recv(1 << 20):
        data += more
    return data


def ask(client: socket.socket, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, fields and body of the answer, after which the server must hang up."""
    with client:
        client.sendall(request)
        head, _, body = read_all(client).partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in fields), body


def test_get(loop: Callable[[], socket.socket]) -> None:
    status, fields, body = ask(loop(), b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, body) == (200, b"hello\n")
    assert fields["Content-Length"] == "6"
    assert fields["Connection"] == "close"


def test_head_has_the_length_and_no_body(loop: Callable[[], socket.socket]) -> None:
    status, fields, body = ask(loop(), b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, fields["Content-Length"], body) == (200, "6", b"")


def test_an_answer_larger_than_the_socket_arrives_whole(
    loop: Callable[[], socket.socket],
) -> None:
    assert ask(loop(), b"GET /big HTTP/1.1\r\n\r\n")[2] == BIG


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"DELETE / HTTP/1.1\r\n\r\n", 405),
        (b"GET /bug HTTP/1.1\r\n\r\n", 500),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"GET http://a/ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n: no name\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nName : blank\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"EHLO mx.example\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * MAX_HEADER + b"\r\n\r\n", 431),
        (b"x" * (MAX_HEADER + 1), 431),
    ],
)
def test_what_is_refused(loop: Callable[[], socket.socket], request_: bytes, status: int) -> None:
    assert ask(loop(), request_)[0] == status
    assert ask(loop(), b"GET / HTTP/1.1\r\n\r\n")[0] == 200, "and the next is served"


def test_a_request_may_come_in_pieces(loop: Callable[[], socket.socket]) -> None:
    client = loop()
    for byte in b"GET / HTTP/1.0\r\nAccept: text/pl":
        client.sendall(bytes([byte]))
    assert ask(client, b"ain\r\n\r\n")[0] == 200


def test_who_says_nothing_is_hung_up_on(loop: Callable[[], socket.socket]) -> None:
    with loop() as silent:
        silent.sendall(b"GET / HT")
        assert silent.recv(100) == b""


def test_who_does_not_read_holds_up_nobody(loop: Callable[[], socket.socket]) -> None:
    with loop() as deaf:
        deaf.sendall(b"GET /big HTTP/1.1\r\n\r\n")
        assert ask(loop(), b"GET / HTTP/1.1\r\n\r\n")[0] == 200


def test_more_than_there_is_room_for_wait_and_are_served(
    loop: Callable[[], socket.socket],
) -> None:
    silent = [loop() for _ in range(MOST_CONNECTIONS + 4)]
    status, _, _ = ask(loop(), b"GET / HTTP/1.1\r\n\r\n")
    assert status == 200
    assert len(loop.loop.server._connections) <= MOST_CONNECTIONS  # type: ignore[attr-defined]
    for client in silent:
        client.close()


def test_strangers_are_refused(loop: Callable[[], socket.socket]) -> None:
    loop.loop.server.trusted = Networks((parse_network("192.0.2.0/24"),))  # type: ignore[attr-defined]
    client = loop()
    with client:
        head = client.recv(100)
    assert head.startswith(b"HTTP/1.1 403 ")


def test_a_unix_socket_is_guarded_by_its_mode(directory: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(directory / "metrics.sock"))
    listener.listen()
    listener.settimeout(0)
    running = Loop(listener)
    running.server.trusted = Networks()
    try:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        client.connect(str(directory / "metrics.sock"))
        assert ask(client, b"GET / HTTP/1.1\r\n\r\n")[0] == 200
    finally:
        running.end()


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_descriptor_is_left(loop: Callable[[], socket.socket]) -> None:
    ask(loop(), b"GET / HTTP/1.1\r\n\r\n")
    before = descriptors()
    for _ in range(50):
        ask(loop(), b"GET / HTTP/1.1\r\n\r\n")
    assert descriptors() <= before + 1
