"""systemd's interface: what it is told, and what it may pass."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.service import notify
from tests.support.serve import Service, wait_for


@pytest.fixture
def systemd(directory: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """The socket at which systemd hears of a service; a thing of this test alone."""
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(directory / "notify.sock"))
    heard.settimeout(20)
    monkeypatch.setenv("NOTIFY_SOCKET", str(directory / "notify.sock"))
    return heard


def hears(systemd: socket.socket) -> dict[str, str]:
    """The next message, as assignments."""
    return dict(line.split("=", 1) for line in systemd.recv(4096).decode().splitlines())


def test_states_are_told(systemd: socket.socket) -> None:
    notify.ready()
    notify.reloading()
    notify.stopping()
    assert hears(systemd) == {"READY": "1"}
    reloading = hears(systemd)
    assert reloading["RELOADING"] == "1"
    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert hears(systemd) == {"STOPPING": "1"}
    systemd.close()


def test_a_name_without_a_file_is_understood(
    monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{directory}/abstract")
        heard.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{directory}/abstract")
        notify.ready()
        assert hears(heard) == {"READY": "1"}


@pytest.mark.parametrize(
    "address", ["", "/does/not/exist", "@nobody-listens", "x" * 300, "vsock:2:1"]
)
def test_nobody_to_tell_is_no_fault(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify.ready()
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify.ready()


@pytest.mark.parametrize(
    ("pid", "count", "passed"),
    [
        (os.getpid, "1", 3),
        (os.getpid, "3", 3),
        (os.getppid, "1", None),
        (os.getpid, "0", None),
        (os.getpid, "", None),
        (os.getpid, "-1", None),
        (os.getpid, "many", None),
        (os.getpid, None, None),
        (None, "1", None),
        (lambda: "", "1", None),
        (lambda: "me", "1", None),
    ],
)
def test_a_socket_is_taken_only_when_it_was_passed_to_this_process(
    monkeypatch: pytest.MonkeyPatch,
    pid: Callable[[], object] | None,
    count: str | None,
    passed: int | None,
) -> None:
    """A variable that a parent left behind must not make us take its descriptor 3."""
    for name, value in (("LISTEN_PID", pid and str(pid())), ("LISTEN_FDS", count)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert notify.passed_socket() == passed


def test_a_service_tells_when_it_is_ready_reloads_and_stops(
    systemd: socket.socket, directory: Path
) -> None:
    toml = f'[milter]\nlisten = "unix:{directory}/milter.sock"\nworkers = 1\n[policies]\nshipped = false\n'
    with Service(directory, toml) as service:
        assert hears(systemd) == {"READY": "1"}
        service.signal(signal.SIGHUP)
        assert hears(systemd)["RELOADING"] == "1"
        assert hears(systemd) == {"READY": "1"}
        service.config.write_text("[milter\n")
        service.signal(signal.SIGHUP)
        assert hears(systemd)["RELOADING"] == "1"
        assert hears(systemd) == {"READY": "1"}, "a refused reload ends too"
        wait_for(lambda: "event=reload-refused" in service.log(), "the refusal")
        service.signal(signal.SIGTERM)
        assert hears(systemd) == {"STOPPING": "1"}
    systemd.close()


def test_a_variable_left_behind_does_not_make_it_take_descriptor_3(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    toml = f'[milter]\nlisten = "unix:{directory}/milter.sock"\nworkers = 1\n[policies]\nshipped = false\n'
    with Service(directory, toml) as service:
        assert f"listen=unix:{directory}/milter.sock" in service.log()
