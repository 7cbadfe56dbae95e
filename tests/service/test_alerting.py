"""Alerts on their way to places that do not behave."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from mailtriage.config import ConfigError, load
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.service import alerting
from mailtriage.service.alerting import Alerting
from mailtriage.service.load import read_everything
from mailtriage.service.log import Log
from mailtriage.service.state_checks import state_problems
from mailtriage.state.warnings import Owed
from mailtriage.tags.apply import header_names
from mailtriage.triage.model import Kind

KEY = b"a key that only the two of us know"
NOW = 1_793_577_600
CALL = Owed("0123456789abcdef", "webhook", b"{}", 0, 0.0)
MAIL = Owed("0123456789abcdef", "mail", b"[mailtriage] a surge\nMore mail than usual.\n", 0, 0.0)
TICK = 0.05

Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Something that listens, and treats each connection in its own way; its port."""
    listeners = []

    def start(treat: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=treat, args=(connection,), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


class Dripping:
    """Sends something now and then for a minute, and notes when nobody took it any more."""

    def __init__(self, first: bytes, drop: bytes) -> None:
        self.first, self.drop = first, drop
        self.left = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        try:
            connection.sendall(self.first)
            for _ in range(int(60 / TICK)):
                time.sleep(TICK)
                connection.sendall(self.drop)
        except OSError:
            self.left.set()


def made(directory: Path, hook: int = 9, submit: int = 9) -> Alerting:
    (directory / "key").write_bytes(KEY)
    file = directory / "mailtriage.toml"
    file.write_text(
        f'[state]\nurl = "sqlite://{directory}/state.db"\n[ack]\nsubmit = "127.0.0.1:{submit}"\n'
        f'[warnings]\nmail_to = ["team@desk.example"]\nwebhook = "http://127.0.0.1:{hook}/a?b=c"\n'
        f'webhook_secret_file = "{directory}/key"\n'
    )
    return Alerting(load([file]).config, Log("error"))


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 503 No\r\n", b"X-A: b\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 4000\r\n\r\n", b"x"),
    ],
)
def test_a_webhook_that_drips_is_left(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, first: bytes, drop: bytes
) -> None:
    monkeypatch.setattr(alerting, "TOTAL", 4 * TICK)
    dripping = Dripping(first, drop)
    assert made(tmp_path, hook=serve(dripping)).deliver(CALL, NOW) is not None
    assert dripping.left.wait(30)


@pytest.mark.parametrize(("first", "drop"), [(b"", b"2"), (b"220-a\r\n", b"220-b\r\n")])
def test_a_mail_server_that_drips_is_left(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, first: bytes, drop: bytes
) -> None:
    monkeypatch.setattr(alerting, "TOTAL", 4 * TICK)
    dripping = Dripping(first, drop)
    assert made(tmp_path, submit=serve(dripping)).deliver(MAIL, NOW) is not None
    assert dripping.left.wait(30)


def test_of_a_huge_answer_little_is_read(tmp_path: Path, serve: Serve) -> None:
    sent = []

    def huge(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
            for _ in range(1000):
                connection.sendall(b"x" * 1_000_000)
                sent.append(1)

    assert made(tmp_path, hook=serve(huge)).deliver(CALL, NOW) is None
    assert len(sent) < 1000


@pytest.mark.parametrize("one", [CALL, MAIL])
def test_where_nobody_listens_it_is_tried_again(tmp_path: Path, one: Owed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert made(tmp_path, hook=port, submit=port).deliver(one, NOW) is not None


def test_without_its_key_a_call_is_not_made(tmp_path: Path, serve: Serve) -> None:
    called = []
    alerts = made(tmp_path, hook=serve(called.append))
    (tmp_path / "key").write_bytes(b"short")
    assert alerts.deliver(CALL, NOW) is not None
    (tmp_path / "key").unlink()
    assert alerts.deliver(CALL, NOW) is not None
    assert called == []


def test_an_alert_asks_for_no_automatic_answer(tmp_path: Path) -> None:
    message = made(tmp_path)._message(MAIL)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:8080/a", True),
        ("http://[::1]:8080/a", True),
        ("http://localhost/a", True),
        ("https://hooks.example/a", True),
        ("http://hooks.example/a", False),
        ("http://localhost.example/a", False),
        ("http://127.0.0.1@hooks.example/a", False),
        ("http://192.0.2.1/a", False),
    ],
)
def test_what_is_not_encrypted_stays_on_this_machine(
    tmp_path: Path, url: str, allowed: bool
) -> None:
    file = tmp_path / "mailtriage.toml"
    file.write_text(f'[warnings]\nwebhook = "{url}"\nwebhook_secret_file = "/etc/key"\n')
    if allowed:
        load([file])
    else:
        with pytest.raises(ConfigError, match="in the clear"):
            load([file])


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (None, 0, "cannot be read"),
        (b"\n", 0o640, "is empty"),
        (b"short", 0o640, "shorter than 16"),
        (KEY, 0o644, "every user of this machine may read it"),
        (KEY, 0o640, ""),
    ],
)
def test_a_key_that_is_not_kept_well_is_told_of_and_stops_nothing(
    tmp_path: Path, content: bytes | None, mode: int, said: str
) -> None:
    made(tmp_path)
    key = tmp_path / "key"
    key.unlink() if content is None else key.write_bytes(content)
    if content is not None:
        key.chmod(mode)
    found = state_problems(load([tmp_path / "mailtriage.toml"]))
    assert [said in str(problem) and problem.warning for problem in found] == [True] * bool(said)


@pytest.mark.parametrize("key", ["mail_to", "mail_from"])
@pytest.mark.parametrize(
    "text",
    ["a@b.example\\r\\nBcc: c@d.example", "a@b, c@d.example", "A <a@b.example>", "a\\u0000@b"],
)
def test_an_address_cannot_hold_more_than_one(tmp_path: Path, key: str, text: str) -> None:
    file = tmp_path / "mailtriage.toml"
    value = f'["{text}"]' if key == "mail_to" else f'"{text}"'
    file.write_text(f"[warnings]\n{key} = {value}\n")
    with pytest.raises(ConfigError):
        load([file])


def test_an_alert_that_comes_back_is_no_mail_of_a_customer(tmp_path: Path) -> None:
    """Forwarded, or written to an address that is a service mailbox too: neither acknowledged nor
    counted, so that no alert makes another one."""
    alerts = made(tmp_path)
    file = tmp_path / "mailtriage.toml"
    file.write_text(file.read_text() + '[mailboxes."help@desk.example"]\n')
    message = bytes(alerts._message(MAIL)).replace(b"team@desk.example", b"help@desk.example")
    analyst = read_everything([file]).analyst()
    envelope = Envelope("help@desk.example", ("help@desk.example",))
    found = analyst.analyse(
        partial(read_message, message, envelope=envelope, client=Client("203.0.113.7")),
        header_names(message),
    )
    assert found.triage.kind is not Kind.HUMAN
    assert found.plan is not None
    assert found.plan.verdict.announced != "sent"
    assert found.plan.verdict.rule
