"""Metrics, health and self-test of the real service."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from mailtriage.service import metrics_names as names
from tests.support.milter_wire import MilterSession, Sample, Step, tag
from tests.support.postfix import free_port
from tests.support.serve import Service, cpu_seconds, wait_for

MAIL = Sample(
    headers=(
        (b"From", b"Kim <kim@customer.example>"),
        (b"To", b"help@desk.example"),
        (b"Subject", b"Wrong amount on my invoice"),
    ),
    body=b"Hello,\r\nthe amount on my invoice is wrong. I was charged twice.\r\nKim\r\n",
)


class Running:
    """A service with metrics on a port of its own."""

    def __init__(self, directory: Path, more: str = "") -> None:
        self.port = free_port()
        self.socket = directory / "milter.sock"
        self.service = Service(
            directory,
            f'[milter]\nlisten = "unix:{self.socket}"\nworkers = 2\nanalysers = 2\n'
            f'[metrics]\nlisten = "inet:127.0.0.1:{self.port}"\n{more}',
        )

    def get(self, path: str, accept: str = "") -> tuple[int, str]:
        """Status and body."""
        fields = {"Accept": accept} if accept else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=fields)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series that have these labels."""
        return sum(
            float(sample.value)
            for family in text_string_to_metric_families(self.get("/metrics")[1])
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def wait_for_total(self, name: str, value: float, **labels: str) -> None:
        """Until the workers have told it."""
        wait_for(lambda: self.total(name, **labels) >= value, f"{name} {labels}", 30)
        assert self.total(name, **labels) == value

    def is_ready(self) -> bool:
        """Whether a self-test has passed."""
        return self.get("/readyz")[0] == 200


Start = Callable[..., Running]


@pytest.fixture
def start(directory: Path) -> Iterator[Start]:
    """Start one, with further configuration."""
    with ExitStack() as stack:

        def start_one(more: str = "") -> Running:
            running = Running(directory, more)
            stack.enter_context(running.service)
            return running

        yield start_one


@pytest.fixture
def running(start: Start) -> Running:
    """With the shipped defaults."""
    return start()


def test_a_mail_is_counted_once_and_by_every_facet(running: Running) -> None:
    for _ in range(3):
        tag(running.socket, MAIL)
    running.wait_for_total(names.MESSAGES, 3, direction="inbound", outcome="tagged")
    running.wait_for_total(names.TAGS, 3, skill="billing")
    for name in (names.LANGUAGE, names.TOPIC, names.MOOD, names.TIER, names.CHURN, names.KIND):
        running.wait_for_total(name, 3)
    running.wait_for_total(f"{names.DURATION}_count", 3)
    running.wait_for_total(f"{names.SIZE}_sum", 3 * len(MAIL.body))
    for stage in ("parse", "state", "judge", "answer"):
        running.wait_for_total(f"{names.STAGES}_count", 3, stage=stage)
    assert running.total(names.SIGNALS, policy="billing") >= 3
    parts = running.total(f"{names.STAGES}_sum") - running.total(
        f"{names.STAGES}_sum", stage="answer"
    )
    assert parts == pytest.approx(running.total(f"{names.DURATION}_sum"), rel=0.01)


def test_outbound_mail_is_counted_and_not_tagged(running: Running) -> None:
    tag(running.socket, MAIL, client_address=b"127.0.0.1")
    running.wait_for_total(names.MESSAGES, 1, direction="outbound", outcome="skipped")
    assert running.total(names.TAGS) == 0


def test_the_self_test_is_ready_soon_and_no_traffic(running: Running) -> None:
    wait_for(running.is_ready, "the self-test", 30)
    assert running.total(names.SELFTEST) == 1
    assert running.total(names.SELFTEST_DURATION) > 0
    assert running.total(names.MESSAGES) == 0
    assert running.total(f"{names.STATE_DURATION}_count") == 0
    assert "event=mail" not in running.service.log()


def test_promtool_and_both_parsers_take_a_real_scrape(running: Running) -> None:
    tag(running.socket, MAIL)
    running.wait_for_total(names.MESSAGES, 1)
    status, text = running.get("/metrics")
    assert status == 200
    if shutil.which("promtool"):
        done = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            text=True,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
    modern = running.get("/metrics", "application/openmetrics-text; version=1.0.0")[1]
    exemplars = [
        sample.exemplar.labels["queue_id"]
        for family in parse_openmetrics(modern)
        for sample in family.samples
        if sample.exemplar
    ]
    assert MAIL.queue_id.decode() in exemplars
    assert "kim@customer.example" not in text + modern


def test_the_fail_open_of_a_killed_analyser_is_counted(start: Start) -> None:
    running = start("[policies]\nshipped = false\n")
    wait_for(running.is_ready, "the self-test", 30)
    for pid in running.service.workers("analyser"):
        os.kill(pid, signal.SIGSTOP)
    with MilterSession(running.socket).open() as session:
        session.stop_after(MAIL, Step.BODY)
        for pid in running.service.workers("analyser"):
            os.kill(pid, signal.SIGKILL)
        session.end(MAIL)
    running.wait_for_total(names.RESTARTS, 2, door="analyser", reason="died")
    # The mail found an analyser that was dying, or already its successor: it is counted either way.
    running.wait_for_total(names.MESSAGES, 1, direction="inbound")


def test_a_timeout_is_counted_by_its_reason(start: Start) -> None:
    running = start("[policies]\nshipped = false\n")
    wait_for(running.is_ready, "the self-test", 30)
    stopped = running.service.workers("analyser")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    tag(running.socket, MAIL)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    running.wait_for_total(names.FAIL_OPEN, 1, reason="timeout")
    running.wait_for_total(names.MESSAGES, 1, outcome="fail_open")


def test_what_was_counted_survives_a_reload_and_a_drain(running: Running) -> None:
    tag(running.socket, MAIL)
    running.service.reload()
    running.wait_for_total(names.MESSAGES, 1)
    assert running.total(names.RELOADS, result="done") == 1
    tag(running.socket, MAIL)
    running.wait_for_total(names.MESSAGES, 2)


def test_a_killed_worker_takes_only_what_it_had_not_told(running: Running) -> None:
    tag(running.socket, MAIL)
    running.wait_for_total(names.MESSAGES, 1)
    for pid in (*running.service.workers("analyser"), *running.service.workers("milter")):
        os.kill(pid, signal.SIGKILL)
    running.wait_for_total(names.RESTARTS, 2, door="milter", reason="died")
    assert running.total(names.MESSAGES) == 1
    assert running.total(names.SESSIONS) == 0


def test_a_refused_reload_shows(running: Running) -> None:
    good = running.service.config.read_text()
    running.service.config.write_text("[milter\n")
    running.service.signal(signal.SIGHUP)
    wait_for(lambda: running.total(names.RELOADS, result="refused") == 1, "the reload")
    assert running.total(names.RELOAD_GOOD) == 0
    running.service.config.write_text(good)
    running.service.reload()
    assert running.total(names.RELOAD_GOOD) == 1


def test_sessions_and_workers_are_counted(running: Running) -> None:
    with MilterSession(running.socket).open(), MilterSession(running.socket).open():
        wait_for(lambda: running.total(names.SESSIONS) >= 2, "both sessions", 30)
        for door in ("milter", "analyser"):
            assert running.total(names.WORKERS, door=door, state="ready") == 2
    wait_for(lambda: running.total(names.SESSIONS) == 0, "no session", 30)


def test_health_tells_of_a_door_that_nobody_serves(start: Start) -> None:
    running = start("[policies]\nshipped = false\n")
    wait_for(lambda: running.get("/healthz")[0] == 200, "health")
    victims = running.service.workers("analyser")
    for pid in victims:
        os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: running.get("/healthz")[0] == 503, "the silence to show", 30)
    assert running.get("/healthz")[1] == "analyser: none of 2 at work\n"
    assert running.get("/readyz")[0] == 503
    for pid in victims:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: running.get("/healthz")[0] == 200, "health again")


def test_other_pages_are_not_there(running: Running) -> None:
    assert running.get("/")[0] == 404
    assert running.get("/metrics/../etc/passwd")[0] == 404


def test_a_slow_client_holds_up_no_mail(running: Running) -> None:
    silent = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(30)]
    for client in silent:
        client.sendall(b"GET /metrics HT")
    before = cpu_seconds(running.service.pid)
    assert tag(running.socket, MAIL).tags["X-Mailtriage-Status"] == "ok"
    time.sleep(2)
    assert cpu_seconds(running.service.pid) - before < 1, "the supervisor must not spin"
    for client in silent:
        client.close()
    assert running.get("/healthz")[0] == 200


def test_a_port_that_is_taken_costs_the_metrics_alone(directory: Path) -> None:
    running = Running(directory)
    with socket.create_server(("127.0.0.1", running.port)), running.service:
        assert tag(running.socket, MAIL).tags["X-Mailtriage-Status"] == "ok"
        assert "event=metrics state=off" in running.service.log()


def test_empty_switches_it_off(directory: Path) -> None:
    running = Running(directory)
    config = running.service.config
    config.write_text(config.read_text().replace(f"inet:127.0.0.1:{running.port}", ""))
    with running.service:
        assert tag(running.socket, MAIL).tags["X-Mailtriage-Status"] == "ok"
        assert not running.service.workers("selftest")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", running.port))


def test_systemd_hears_that_we_live(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that without a port for metrics."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(directory / "notify.sock"))
        systemd.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(directory / "notify.sock"))
        monkeypatch.setenv("WATCHDOG_USEC", "2000000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        running = Running(directory, "[policies]\nshipped = false\n")
        config = running.service.config
        config.write_text(config.read_text().replace(f"inet:127.0.0.1:{running.port}", ""))
        with running.service:
            assert running.service.workers("selftest")
            heard = [systemd.recv(100) for _ in range(4)]
        assert heard.count(b"WATCHDOG=1") >= 3
