"""What a worker has counted reaches the supervisor: once, whole, and without holding anybody up."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtriage.service import metrics_names as names
from mailtriage.service.metrics_deltas import MARK, MAX_MESSAGE, MOST_IN_ONE, Deltas, decode
from mailtriage.service.metrics_registry import Registry

SOURCES = Path(__file__).resolve().parents[2] / "milter"


@pytest.fixture
def channel() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The worker's end and the supervisor's."""
    worker, supervisor = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    supervisor.settimeout(0)
    with worker, supervisor:
        yield worker, supervisor


def hear(supervisor: socket.socket, registry: Registry) -> int:
    """Take all messages that wait; how many there were."""
    number = 0
    while True:
        try:
            message = supervisor.recv(MAX_MESSAGE)
        except BlockingIOError:
            return number
        assert message.startswith(MARK)
        registry.take(1, decode(message))
        number += 1


def counted(registry: Registry, name: str) -> float:
    """The sum of all series of a counter."""
    lines = registry.text().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_counts_arrive_once(channel: tuple[socket.socket, socket.socket]) -> None:
    worker, supervisor = channel
    deltas, registry = Deltas(), Registry()
    deltas.add(names.LANGUAGE, "sv")
    deltas.add(names.LANGUAGE, "sv")
    deltas.flush(worker)
    assert hear(supervisor, registry) == 1
    deltas.flush(worker)
    assert hear(supervisor, registry) == 0, "nothing new, nothing told"
    deltas.add(names.LANGUAGE, "sv", amount=3)
    deltas.flush(worker)
    hear(supervisor, registry)
    assert 'mailtriage_language_total{language="sv"} 5.0' in registry.text().decode()


def test_a_supervisor_that_does_not_listen_costs_no_count(
    channel: tuple[socket.socket, socket.socket],
) -> None:
    """It reads a new configuration for a second or two, and the socket fills up."""
    worker, supervisor = channel
    deltas, registry = Deltas(), Registry()
    expected = 0
    for round_ in range(40):
        for number in range(150):
            deltas.add(names.SIGNALS, "billing", f"signal-{number}-with-a-rather-long-name")
            expected += 1
        deltas.observe(names.DURATION, value=0.003, queue_id=f"4Wx{round_}")
        deltas.flush(worker)
    for _ in range(100):
        hear(supervisor, registry)
        deltas.flush(worker)
    assert counted(registry, names.SIGNALS) == expected
    assert "mailtriage_message_duration_seconds_count 40.0" in registry.text().decode()


def test_many_series_are_told_in_several_messages(
    channel: tuple[socket.socket, socket.socket],
) -> None:
    worker, supervisor = channel
    deltas, registry = Deltas(), Registry()
    for number in range(2 * MOST_IN_ONE + 1):
        deltas.add(names.SIGNALS, "billing", f"s{number}")
    deltas.flush(worker)
    assert hear(supervisor, registry) == 3
    assert counted(registry, names.SIGNALS) == 2 * MOST_IN_ONE + 1


def test_a_supervisor_that_is_gone_is_no_fault(
    channel: tuple[socket.socket, socket.socket],
) -> None:
    worker, supervisor = channel
    supervisor.close()
    deltas = Deltas()
    deltas.add(names.LANGUAGE, "sv")
    deltas.flush(worker)


@pytest.mark.parametrize(
    "message",
    [b"", b"M", b"M{", b"M[1,2]", b"M{}", b'M[{"n":1}]', b"M" + b"[" * 5000, b"M\xff\xfe"],
)
def test_what_is_no_message_is_left_out(message: bytes) -> None:
    registry = Registry()
    before = registry.text()
    registry.take(1, decode(message))
    assert registry.text() == before


@pytest.mark.parametrize(
    "module",
    ["worker", "analyser", "desk", "ack_worker", "smtp_worker", "metrics_desk", "metrics_outbox"],
)
def test_workers_never_load_the_library_of_the_registry(module: str) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(SOURCES)!r}); import mailtriage.service.{module};"
        " assert not [name for name in sys.modules if name.startswith('prometheus_client')]"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
