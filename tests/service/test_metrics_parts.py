"""Metrics of parts that know of none: stages of an analysis, patterns that take too long, Redis that
is left alone, sessions of the SMTP door."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mailtriage.doors.analysis import Analyst
from mailtriage.mail.model import Mail
from mailtriage.service import metrics_names as names
from mailtriage.service.load import read_everything
from mailtriage.service.metrics_counting import Watch
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_registry import Registry
from mailtriage.service.metrics_stages import unclock_stages
from tests.service.test_metrics_service import MAIL, Running
from tests.support.milter_wire import Sample, tag
from tests.support.postfix import free_port
from tests.support.serve import wait_for

SLOW = """
format = 1
skill = "slow"
threshold = 3.0
signal = [
  { id = "runaway", weight = 1, regex = '(?:a|aa)+(?:b|c)+$', guard = [] },
  { id = "quick", weight = 1, regex = 'invoice', guard = [] },
  { id = "word", weight = 1, words.any = ["invoice"] },
]
"""
ENDLESS = Sample(
    headers=((b"From", b"Kim <kim@customer.example>"), (b"Subject", b"hello")),
    body=b"invoice " + b"a" * 5000 + b"\r\n",
)

Start = Callable[[str], Running]


@pytest.fixture
def start(directory: Path) -> Iterator[Start]:
    """Start a service with further configuration."""
    with ExitStack() as stack:

        def start_one(more: str) -> Running:
            running = Running(directory, more)
            stack.enter_context(running.service)
            return running

        yield start_one


@pytest.fixture
def analyst(tmp_path: Path) -> Iterator[Analyst]:
    """With the shipped policies; afterwards nothing is timed any more."""
    file = tmp_path / "mailtriage.toml"
    file.write_text("")
    yield read_everything([file]).analyst(None)
    unclock_stages()


def stages(deltas: Deltas) -> dict[str, tuple[float, float]]:
    """Stage to how often and how many seconds."""
    registry = Registry()
    registry.take(1, list(deltas._take()))
    found = {}
    for metric in registry.collect():
        if metric.name == names.STAGES:
            sums = {s.labels["stage"]: s.value for s in metric.samples if s.name.endswith("_sum")}
            for sample in metric.samples:
                if sample.name.endswith("_count"):
                    stage = sample.labels["stage"]
                    found[stage] = (sample.value, sums[stage])
    return found


def letter() -> Mail:
    """A mail of a human."""
    return Mail(newest_text="Hello, my invoice is wrong. " * 50, text="Hello, my invoice is wrong.")


def test_every_stage_has_its_own_time_and_they_add_up(analyst: Analyst) -> None:
    deltas = Deltas()
    watch = Watch(analyst, deltas)
    total = 0.0
    for _ in range(20):
        analysis = watch.analyst.analyse(watch.reading(letter), ["Subject"])
        watch.count(analysis, "4Wx0", 0.001)
        total += analysis.milliseconds / 1000
    found = stages(deltas)
    assert {stage: number for stage, (number, _) in found.items()} == dict.fromkeys(
        ("parse", "language", "policy", "state", "judge", "header", "answer"), 20
    )
    assert all(seconds > 0 for stage, (_, seconds) in found.items() if stage != "state")
    parts = sum(seconds for stage, (_, seconds) in found.items() if stage != "answer")
    assert parts == pytest.approx(total, rel=0.01)


def test_two_watches_do_not_count_each_other_s_mails(analyst: Analyst) -> None:
    """A test may have two in a process; the service never has."""
    first, second = Deltas(), Deltas()
    Watch(analyst, first)
    watch = Watch(analyst, second)
    watch.count(watch.analyst.analyse(watch.reading(letter), []), "", 0.0)
    assert stages(first) == {}
    assert stages(second)["header"][0] == 1


def test_timing_changes_no_result(analyst: Analyst) -> None:
    plain = analyst.analyse(letter, ["X-Mailtriage"])
    watch = Watch(analyst, Deltas())
    timed = watch.analyst.analyse(watch.reading(letter), ["X-Mailtriage"])
    assert (timed.triage, timed.edits, timed.status) == (plain.triage, plain.edits, plain.status)


def test_a_pattern_that_is_given_up_is_counted_by_its_name(start: Start, directory: Path) -> None:
    (directory / "policies").mkdir()
    (directory / "policies" / "slow.toml").write_text(SLOW)
    running = start(f'[policies]\nshipped = false\ndirectories = ["{directory}/policies"]\n')
    page = running.get("/metrics")[1]
    assert f'{names.TIME_LIMITS}{{policy="slow",signal="quick"}} 0.0' in page, (
        "there from the start"
    )
    assert (
        'policy="slow",signal="word"' not in page.partition(names.TIME_LIMITS)[2].partition("#")[0]
    )
    assert tag(running.socket, ENDLESS)
    # Once for each part of the mail that it was searched in and did not get through.
    running.wait_for_total(names.TIME_LIMITS, 1, policy="slow", signal="runaway")
    assert running.total(names.TIME_LIMITS, signal="quick") == 0
    assert running.total(names.SIGNALS, signal="quick") == 1


def test_a_redis_that_is_left_alone_is_told_and_also_that_it_is_over(start: Start) -> None:
    running = start(f'[customers]\nredis = "redis://127.0.0.1:{free_port()}"\n')
    assert f'{names.STATE_OPEN}{{op="customers"}} 0.0' in running.get("/metrics")[1]
    tag(running.socket, MAIL)
    wait_for(lambda: running.total(names.STATE_OPEN, op="customers") == 1, "the open circuit", 30)
    running.wait_for_total(names.STATE_ERRORS, 1, backend="redis", op="customers")
    # Nobody asks it again, and yet its pause ends.
    wait_for(lambda: running.total(names.STATE_OPEN, op="customers") == 0, "its end", 30)


def test_sessions_of_the_smtp_door_are_counted(start: Start) -> None:
    port, next_hop = free_port(), free_port()
    running = start(
        f'[smtp]\nlisten = "inet:127.0.0.1:{port}"\nnext_hop = "127.0.0.1:{next_hop}"\n'
    )
    assert running.total(names.SESSIONS) == 0
    with socket.create_server(("127.0.0.1", next_hop)), ExitStack() as clients:
        for _ in range(3):
            clients.enter_context(socket.create_connection(("127.0.0.1", port)))
        wait_for(lambda: running.total(names.SESSIONS) == 3, "three sessions", 30)
    wait_for(lambda: running.total(names.SESSIONS) == 0, "no session", 30)
