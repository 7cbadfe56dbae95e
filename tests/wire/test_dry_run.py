"""[dry_run] and [exempt] in the real service: also when the analysis is late, and of the self-test."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.config.endpoints import parse_socket
from mailtriage.service.metrics_selftest import send_one
from tests.support.mails import FORGED, LETTERS, ours, with_header
from tests.support.milter_wire import Sample, tag
from tests.support.serve import Service, wait_for

Start = Callable[..., Service]

QUIET = "shipped = false\n[metrics]\nlisten = ''\n"
SLOW = "(?:x+x+)+y"
LETTER = Sample.parse(with_header(LETTERS[0].raw, FORGED + b"X-Mailtriage-Dry-Run: v=1;\n"))


@pytest.fixture
def slow(directory: Path) -> str:
    """[policies] with patterns that a mail of many x keeps busy past any deadline."""
    folder = directory / "policies"
    folder.mkdir()
    signals = "".join(
        f"[[signal]]\nid = 'slow-{i}'\nweight = 1.0\nregex = '{SLOW}{i}'\n" for i in range(12)
    )
    (folder / "slow.toml").write_text(f"format = 1\nskill = 'slow'\ndescription = 's'\n{signals}")
    return f"directories = ['{folder}']\ntime_limit = '20ms'\n{QUIET}"


def slow_letter() -> Sample:
    bait = " ".join(f"y{i}" for i in range(12)).encode()
    return Sample.parse(with_header(b"Subject: s\n\n" + bait + b"\n" + b"x" * 200 + b"\n", FORGED))


def test_one_field_and_nothing_else(start: Start, directory: Path) -> None:
    start("workers = 1", policies=f"{QUIET}[dry_run]\nall = true\n")
    reply = tag(directory / "milter.sock", LETTER)
    ((name, value),) = reply.inserted
    assert name == "X-Mailtriage-Dry-Run"
    assert value.startswith("v=1; prio=")
    assert "status=" not in value
    assert ours(reply.applied_to(LETTER.headers)) == [(name, value)]
    kept = [(n.decode(), v.decode("latin-1")) for n, v in LETTER.headers]
    assert reply.applied_to(LETTER.headers)[1:] == [
        field for field in kept if field not in ours(kept)
    ]


def test_a_late_analysis_adds_no_more(start: Start, directory: Path, slow: str) -> None:
    start("workers = 1", "deadline = '50ms'", policies=f"{slow}[dry_run]\nall = true\n")
    letter = slow_letter()
    reply = tag(directory / "milter.sock", letter)
    ((name, value),) = reply.inserted
    assert name == "X-Mailtriage-Dry-Run"
    assert value.endswith("status=timeout;")
    assert ours(reply.applied_to(letter.headers)) == [(name, value)]


def test_a_late_analysis_of_exempt_mail_adds_nothing(start: Start, directory: Path) -> None:
    exempt = "[exempt]\nsenders = ['customer@example.org']\n"
    service = start("workers = 1", "deadline = '50ms'", policies=f"{QUIET}{exempt}")
    analysers = service.workers("analyser")
    for pid in analysers:
        os.kill(pid, signal.SIGSTOP)
    try:
        reply = tag(directory / "milter.sock", LETTER)
    finally:
        for pid in analysers:
            os.kill(pid, signal.SIGCONT)
    assert reply.inserted == []
    assert ours(reply.applied_to(LETTER.headers)) == []
    wait_for(lambda: "status=timeout exempt=sender" in service.log(), "its line in the log")


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("", "ok"),
        ("[dry_run]\nall = true\n", "ok"),
        ("[dry_run]\nactions = ['tags']\n", "ok"),
        ("[exempt]\nnetworks = ['192.0.2.0/24']\n", ""),
    ],
)
def test_the_self_test_knows_what_to_expect(
    start: Start, directory: Path, more: str, status: str
) -> None:
    """A service in dry run is healthy; one that exempts the network of the self-test does not tag
    it, as one to which that network is outbound does not."""
    start("workers = 1", policies=f"{QUIET}{more}")
    assert send_one(parse_socket(f"unix:{directory}/milter.sock"), 30) == status
