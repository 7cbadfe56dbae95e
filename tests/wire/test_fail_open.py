"""Late, overloaded or recycled: the mail is accepted, forged tags go, and the status says why."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.mails import FORGED, assert_tagged, ours, with_header
from tests.support.milter_wire import MilterSession, Reply, Sample, Verdict, tag
from tests.support.serve import Service, cpu_seconds, wait_for

Start = Callable[..., Service]

SLOW_PATTERNS = 12
"""Each runs into `policies.time_limit`, so that one mail takes this many times the limit."""


@pytest.fixture
def slow_policies(directory: Path) -> str:
    """The section [policies] for policies whose patterns backtrack without end on `slow_mail`."""
    folder = directory / "policies"
    folder.mkdir()
    signals = "".join(
        f"[[signal]]\nid = 'slow-{i}'\nweight = 1.0\nregex = '(?:x+x+)+y{i}'\n"
        for i in range(SLOW_PATTERNS)
    )
    policy = f"format = 1\nskill = 'slow'\ndescription = 'slow'\nthreshold = 3.0\n{signals}"
    (folder / "slow.toml").write_text(policy)
    return f"shipped = false\ntime_limit = '20ms'\ndirectories = ['{folder}']"


@pytest.fixture
def slow_mail() -> Sample:
    """A mail with forged tags that keeps those patterns busy."""
    bait = " ".join(f"y{i}" for i in range(SLOW_PATTERNS)).encode()
    raw = b"Subject: slow\n\n" + bait + b"\n" + b"x" * 200 + b"\n"
    return Sample.parse(with_header(raw, FORGED))


def assert_failed_open(reply: Reply, sample: Sample, *statuses: str) -> str:
    """Accepted, no forged tag left, and the status is one of those given. Returns the status."""
    assert reply.verdict in (Verdict.CONTINUE, Verdict.ACCEPT)
    status = reply.tags["X-Mailtriage-Status"]
    assert status in statuses
    left = ours(reply.applied_to(sample.headers))
    assert sorted(left) == sorted(reply.inserted), "only what was inserted is left"
    return status


def test_an_analysis_past_its_deadline_is_not_waited_for(
    start: Start, directory: Path, slow_policies: str, slow_mail: Sample, plain: Sample
) -> None:
    start("workers = 1", "deadline = '50ms'", policies=slow_policies)
    reply = tag(directory / "milter.sock", slow_mail)
    assert_failed_open(reply, slow_mail, "timeout")
    wait_for(
        lambda: tag(directory / "milter.sock", plain).tags["X-Mailtriage-Status"] == "ok",
        "an ordinary mail to be tagged again",
    )


def test_a_deadline_that_holds_is_not_reported(
    start: Start, directory: Path, slow_policies: str, slow_mail: Sample
) -> None:
    start("workers = 1", "deadline = '20s'", policies=slow_policies)
    assert_failed_open(tag(directory / "milter.sock", slow_mail), slow_mail, "ok")


def test_overload_passes_mail_on_instead_of_deferring_it(
    start: Start, directory: Path, slow_policies: str, slow_mail: Sample, plain: Sample
) -> None:
    start("workers = 1", "analysers = 1", "queue = 1", "deadline = '20s'", policies=slow_policies)
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: tag(directory / "milter.sock", slow_mail), range(32)))
    seen = Counter(assert_failed_open(r, slow_mail, "ok", "overload", "timeout") for r in replies)
    assert seen["overload"] > 0
    assert seen["ok"] > 0
    reply = tag(directory / "milter.sock", plain)
    assert_tagged(reply.applied_to(plain.headers))


@pytest.mark.parametrize(
    "limit", ["recycle_messages = 20", "recycle_memory = '1MiB'"], ids=["messages", "memory"]
)
def test_recycling_a_worker_costs_no_session(
    start: Start, directory: Path, plain: Sample, limit: str
) -> None:
    service = start("workers = 2", limit)
    first = set(service.workers())

    def session(_: int) -> None:
        reply = tag(directory / "milter.sock", plain)
        assert_tagged(reply.applied_to(plain.headers))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(session, range(200)))
    wait_for(lambda: not first & set(service.workers()), "the first workers to be replaced")
    session(0)


def test_an_analyser_killed_over_a_mail_takes_no_session_with_it(
    start: Start, directory: Path, slow_policies: str, slow_mail: Sample, plain: Sample
) -> None:
    service = start("workers = 1", "analysers = 1", "deadline = '20s'", policies=slow_policies)
    with MilterSession(directory / "milter.sock").open() as session, ThreadPoolExecutor(1) as pool:
        (analyser,) = service.workers("analyser")
        idle = cpu_seconds(analyser)
        waiting = pool.submit(session.message, slow_mail)
        wait_for(lambda: cpu_seconds(analyser) > idle + 0.04, "the analyser to be at work")
        os.kill(analyser, signal.SIGKILL)
        assert_failed_open(waiting.result(), slow_mail, "error")
        wait_for(lambda: service.workers("analyser") not in ([], [analyser]), "another analyser")
        reply = session.message(plain)
    assert reply.tags["X-Mailtriage-Status"] == "ok"
    assert "event=worker-died door=analyser" in service.log()
