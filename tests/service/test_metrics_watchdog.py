"""When systemd shall restart the service, and when that would only do harm."""

import socket
from pathlib import Path

import pytest

from mailtriage.doors.analysis import Analyst
from mailtriage.service import metrics_monitor
from mailtriage.service import metrics_names as names
from mailtriage.service.load import read_everything
from mailtriage.service.metrics_deltas import encode
from mailtriage.service.metrics_monitor import Census, Monitor, Post

WANTED = {"milter": 2, "analyser": 2, "desk": 1, "selftest": 1}
ALL_WELL = [Post(door, "ready", 0.5) for door in WANTED]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_800_000_000.0 + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The monitor's."""
    found = Clock()
    monkeypatch.setattr(metrics_monitor, "time", found)
    return found


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    """With the defaults, and no policies."""
    file = tmp_path_factory.mktemp("watchdog") / "mailtriage.toml"
    file.write_text("[policies]\nshipped = false\n")
    return read_everything([file]).analyst()


class Service:
    """A monitor, whose workers are what a test says, and what systemd hears of it."""

    def __init__(self, analyst: Analyst, clock: Clock, systemd: socket.socket) -> None:
        self.monitor = Monitor(analyst, None, selftest=True)
        self.monitor._census = lambda: Census(WANTED, self.posts)
        self.posts = ALL_WELL
        self.clock = clock
        self.systemd = systemd

    def hears_within(self, seconds: int, *, verdicts: bool, passes: bool = True) -> bool:
        """Let time pass; whether systemd heard of us in the last ten seconds of it."""
        heard = -100.0
        for _ in range(seconds):
            self.clock.now += 1
            if verdicts:
                told = {names.SELFTEST_ANSWER: self.clock.time()}
                if passes:
                    told[names.SELFTEST_TIME] = self.clock.time()
                entries = [{"n": name, "l": [], "g": value} for name, value in told.items()]
                self.monitor.take(7, encode(entries))
            self.monitor.run_due()
            try:
                while self.systemd.recv(100) == b"WATCHDOG=1":
                    heard = self.clock.now
            except BlockingIOError:
                pass
        return self.clock.now - heard < 10


@pytest.fixture
def service(
    analyst: Analyst, clock: Clock, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> Service:
    """One that has just started, under a watchdog of 30 seconds."""
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(str(directory / "notify.sock"))
    systemd.settimeout(0)
    monkeypatch.setenv("NOTIFY_SOCKET", str(directory / "notify.sock"))
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    return Service(analyst, clock, systemd)


def test_all_is_well(service: Service) -> None:
    assert service.hears_within(300, verdicts=True)


def test_a_milter_without_a_verdict_is_restarted_after_a_while(service: Service) -> None:
    assert service.hears_within(60, verdicts=True)
    assert service.hears_within(80, verdicts=False)
    assert not service.hears_within(30, verdicts=False)


def test_overload_is_no_reason(service: Service) -> None:
    assert service.hears_within(300, verdicts=True, passes=False)
    assert "selftest: none has passed yet" in service.monitor._untested()


def test_analysers_that_are_not_heard_of_are_one(service: Service) -> None:
    service.posts = [post for post in ALL_WELL if post.door != "analyser"]
    assert service.hears_within(80, verdicts=True)
    assert not service.hears_within(30, verdicts=True)


def test_a_desk_that_fails_is_none(service: Service) -> None:
    service.posts = [post for post in ALL_WELL if post.door != "desk"]
    assert service.hears_within(300, verdicts=True)
    assert service.monitor._ailments() == ["desk: none of 1 at work"]
