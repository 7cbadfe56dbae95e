"""Decisions on their way into the history: nobody waits for them, whatever happens to the file."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from mailtriage.config.history import HistoryConfig
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import Question
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.service import metrics_names as names
from mailtriage.service.history import MOST_WAITING, Writing, row_of
from mailtriage.service.load import read_everything
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.recorder import Channel, Recorder
from mailtriage.state.history import Decision, HistoryError, open_history
from mailtriage.state.history_schema import COLUMNS
from mailtriage.triage.policy_set import PolicySet, policy_set
from tests.service.conftest import Stream
from tests.support.milter_wire import Sample, tag
from tests.support.postfix import free_port
from tests.support.serve import Service, wait_for

RAW = (
    b"From: Kim <kim@customer.example>\r\nTo: help@desk.example\r\n"
    b"Subject: Wrong amount on my secret invoice\r\n\r\nI was charged twice. Kim\r\n"
)
ENVELOPE = Envelope("kim@customer.example", ("help@desk.example",))
QUESTION = Question(ENVELOPE, Client(), "4Wx1", (), (RAW,), complete=True, whole=True)


def counts(deltas: Deltas) -> dict[str, float]:
    """What was counted: name or reason to number."""
    found: dict[str, float] = {}
    for entry in deltas._take():
        label = "".join(entry["l"]) or entry["n"]
        if "c" in entry:
            found[label] = found.get(label, 0) + entry["c"]
    return found


def crafted(**values: object) -> bytes:
    """A record of somebody who has broken out of an analyser."""
    whole = dict.fromkeys(COLUMNS[:-1], "") | dict.fromkeys(("at", "confidence", "score", "ms"), 1)
    return json.dumps(list((whole | values).values())).encode() + b"\n"


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    config = tmp_path_factory.mktemp("history") / "mailtriage.toml"
    config.write_text('[mailboxes."help@desk.example"]\n')
    return read_everything([config]).analyst()


def analysed(analyst: Analyst, raw: bytes = RAW) -> Analysis:
    read = partial(read_message, raw, envelope=ENVELOPE, queue_id="4Wx1")
    return analyst.analyse(read, ["From", "To", "Subject"], body=raw)


@pytest.fixture
def channel() -> Iterator[Channel]:
    made = Channel()
    yield made
    made.into.close()
    made.out.close()


class Desk:
    """A thread that writes, without its process."""

    def __init__(self, file: Path, policies: PolicySet, stream: int) -> None:
        self.deltas = Deltas()
        config = HistoryConfig(keep=14 * 86400, max_size=1 << 40)
        self.log = Log(stream=stream)
        self.writing = Writing(file, config, policies, self.deltas, self.log)


class TestRecord:
    def test_it_has_the_decision_and_nothing_of_the_text(
        self, analyst: Analyst, channel: Channel
    ) -> None:
        analysis = analysed(analyst)
        Recorder(analyst, channel, Deltas()).record(analysis, QUESTION)
        record = channel.out.recv(65536)
        for private in (b"secret", b"Wrong", b"charged twice", b"kim", b"customer.example"):
            assert private not in record
        values = row_of(record)
        assert values is not None
        found = dict(zip(COLUMNS, values, strict=True))
        assert found["queue_id"] == "4Wx1"
        assert found["mailbox"] == "help@desk.example"
        assert (found["skill"], found["priority"]) == ("billing", analysis.triage.priority)
        assert found["route"] == "billing-en"
        assert found["sender"] == analyst.tokens.pseudonym("address", "kim@customer.example")
        assert found["ack_rule"] == (analysis.plan.verdict.rule if analysis.plan else "?")
        assert "billing-charged-twice" in found["why"].split()
        assert abs(found["at"] - time.time()) < 60

    def test_a_full_socket_costs_the_record_and_no_time(
        self, analyst: Analyst, channel: Channel
    ) -> None:
        deltas = Deltas()
        recorder = Recorder(analyst, channel, deltas)
        analysis = analysed(analyst)
        for _ in range(100_000):
            recorder.record(analysis, QUESTION)
            if dropped := counts(deltas).get("queue"):
                break
        assert dropped
        channel.out.recv(65536)
        channel.out.recv(65536)
        recorder.record(analysis, QUESTION)
        assert "queue" not in counts(deltas)

    @pytest.mark.parametrize("end", ["into", "out"])
    def test_a_socket_that_is_shut_does_not_stop_mail(
        self, analyst: Analyst, channel: Channel, end: str
    ) -> None:
        deltas = Deltas()
        getattr(channel, end).close()
        Recorder(analyst, channel, deltas).record(analysed(analyst), QUESTION)
        assert counts(deltas)["queue"] == 1

    @pytest.mark.parametrize(
        "record",
        [
            b"", b"\n", b"[]\n{}", b"{}\n", b"\xff\xfe\n", b"[" * 9000, b"null\nnull",
            json.dumps([0] * (len(COLUMNS) - 1)).encode(),
            json.dumps([None] * (len(COLUMNS) - 1)).encode(),
            json.dumps([["x"]] * (len(COLUMNS) - 1)).encode() + b"\n",
            crafted(at=float("nan")), crafted(at=float("inf")), crafted(at=10**400),
            crafted(score=float("inf")), crafted(score=10**30), crafted(queue_id="\udcff"),
        ],
    )  # fmt: skip
    def test_what_is_no_record_is_none(self, record: bytes) -> None:
        assert row_of(record) is None


class TestWriting:
    @pytest.fixture
    def desk(self, tmp_path: Path, analyst: Analyst, stream: Stream) -> Desk:
        policies = policy_set(analyst.matcher.policies, analyst.model)
        return Desk(tmp_path / "history.db", policies, stream.writer)

    @pytest.fixture
    def record(self, analyst: Analyst, channel: Channel) -> bytes:
        Recorder(analyst, channel, Deltas()).record(analysed(analyst), QUESTION)
        return channel.out.recv(65536)

    def newest(self, file: Path) -> list[Decision]:
        with open_history(file) as history:
            return history.newest(10_000)

    def test_what_it_takes_is_written(self, desk: Desk, record: bytes, tmp_path: Path) -> None:
        desk.writing.start()
        for _ in range(1200):
            desk.writing.take(record)
        desk.writing.take(b"no record")
        desk.writing.stop()
        found = self.newest(tmp_path / "history.db")
        assert len(found) == 1200
        assert counts(desk.deltas) == {names.HISTORY_RECORDS: 1200, "damaged": 1}
        with open_history(tmp_path / "history.db") as history:
            assert history.policy_set(found[0].policies)

    def test_crafted_records_cost_no_other_and_do_not_end_it(
        self, desk: Desk, record: bytes, tmp_path: Path
    ) -> None:
        desk.writing.start()
        for values in (
            {"at": float("nan")},
            {"score": float("inf")},
            {"queue_id": "\ud800"},
        ):
            for one in (crafted(**values), record):
                desk.writing.take(one)
        desk.writing.stop()
        assert len(self.newest(tmp_path / "history.db")) == 3
        assert counts(desk.deltas)["damaged"] == 3

    def test_too_many_are_dropped_and_counted(self, desk: Desk, record: bytes) -> None:
        for _ in range(MOST_WAITING + 7):
            desk.writing.take(record)
        assert counts(desk.deltas) == {"waiting": 7}

    def test_a_directory_that_is_not_there_is_told_of_once(
        self, analyst: Analyst, record: bytes, tmp_path: Path, stream: Stream
    ) -> None:
        policies = policy_set(analyst.matcher.policies, analyst.model)
        file = tmp_path / "state" / "history.db"
        desk = Desk(file, policies, stream.writer)
        for _ in range(3):
            desk.writing.take(record)
            desk.writing.write()
        assert counts(desk.deltas) == {"file": 3}
        file.parent.mkdir()
        desk.writing.take(record)
        desk.writing.write()
        assert len(self.newest(file)) == 1
        log = stream.read()
        assert log.count("state=unusable") == log.count("state=usable") == 1

    def test_a_damaged_file_makes_way(
        self, desk: Desk, record: bytes, tmp_path: Path, stream: Stream
    ) -> None:
        file = tmp_path / "history.db"
        file.write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)
        desk.writing.take(record)
        desk.writing.write()
        assert len(self.newest(file)) == 1
        assert file.with_name("history.db.damaged").exists()
        assert "a new one is made" in stream.read()

    def test_one_that_is_damaged_while_it_is_written_makes_way(
        self, desk: Desk, record: bytes, tmp_path: Path
    ) -> None:
        file = tmp_path / "history.db"
        for _ in range(3000):
            desk.writing.take(record)
        while desk.writing._waiting:
            desk.writing.write()
        desk.writing._close()
        with file.open("r+b") as opened:
            opened.seek(4096)
            opened.write(b"\xff" * 400_000)
        for _ in range(10):
            desk.writing.take(record)
            desk.writing.write()
            desk.writing.forget()
        assert file.with_name("history.db.damaged").exists()
        assert self.newest(file)

    def test_a_file_that_was_removed_is_made_again(
        self, desk: Desk, record: bytes, tmp_path: Path
    ) -> None:
        file = tmp_path / "history.db"
        for _ in range(2):
            desk.writing.take(record)
            desk.writing.write()
        for one in tmp_path.iterdir():
            one.unlink()
        desk.writing.forget()
        desk.writing.take(record)
        desk.writing.write()
        assert len(self.newest(file)) == 1

    @pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
    @pytest.mark.e2e
    def test_a_full_disk_drops_records_until_there_is_room(
        self, analyst: Analyst, record: bytes, tmp_path: Path, stream: Stream
    ) -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")
        try:
            policies = policy_set(analyst.matcher.policies, analyst.model)
            desk = Desk(disk / "history.db", policies, stream.writer)
            desk.writing.take(record)
            desk.writing.write()
            (disk / "big").write_bytes(b"x" * 600_000)
            for _ in range(20):
                for _ in range(100):
                    desk.writing.take(record)
                desk.writing.write()
                desk.writing.forget()
            assert counts(desk.deltas)["file"] > 0
            (disk / "big").unlink()
            before = len(self.newest(disk / "history.db"))
            desk.writing.take(record)
            desk.writing.write()
            assert len(self.newest(disk / "history.db")) == before + 1
            desk.writing._close()
            assert not (disk / "history.db.damaged").exists()
        finally:
            subprocess.run(["umount", str(disk)], check=True)


MAIL = Sample(
    headers=(
        (b"From", b"Kim <kim@customer.example>"),
        (b"To", b"help@desk.example"),
        (b"Subject", b"Wrong amount on my invoice"),
    ),
    body=b"Hello,\r\nthe amount on my invoice is wrong. I was charged twice.\r\nKim\r\n",
)
TOML = """\
[milter]
listen = "unix:{directory}/milter.sock"
workers = 1
analysers = 2
[metrics]
listen = "inet:127.0.0.1:{port}"
[state]
url = "sqlite://{directory}/state/state.db"
"""


class Running:
    """The real service."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        (directory / "state").mkdir(exist_ok=True)
        self.file = directory / "state" / "history.db"
        self.toml = TOML.format(directory=directory, port=self.port)
        self.service = Service(directory, self.toml)

    def tag(self) -> str:
        return tag(self.directory / "milter.sock", MAIL).tags["X-Mailtriage-Skill"]

    def written(self) -> int:
        try:
            with open_history(self.file) as history:
                return history.count()
        except HistoryError:
            return 0

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.fixture
def running(directory: Path) -> Iterator[Running]:
    with ExitStack() as stack:
        made = Running(directory)
        stack.enter_context(made.service)
        yield made


Tag = Callable[[], str]


class TestService:
    def test_mails_are_in_the_history_without_a_mailbox_or_a_desk(self, running: Running) -> None:
        for _ in range(5):
            assert running.tag() == "billing"
        wait_for(lambda: running.written() == 5, "five decisions")
        wait_for(lambda: running.metric(names.HISTORY_RECORDS) == 5, "their count")
        assert running.metric(names.HISTORY_DROPPED) == 0
        assert not running.service.workers("desk")

    def test_mail_passes_when_nobody_writes(self, running: Running) -> None:
        (writer,) = running.service.workers("history")
        os.kill(writer, signal.SIGSTOP)
        for _ in range(3):
            assert running.tag() == "billing"
        os.kill(writer, signal.SIGKILL)
        # What waited in the socket reaches the next one.
        wait_for(lambda: running.written() == 3, "what waited")

    def test_it_leaves_with_all_that_was_said(self, running: Running) -> None:
        for _ in range(4):
            running.tag()
        running.service.stop()
        assert running.written() == 4

    def test_a_reload_loses_nothing_and_switches_it_off_and_on(self, running: Running) -> None:
        service = running.service
        running.tag()
        service.reload()
        running.tag()
        wait_for(lambda: running.written() == 2, "both")
        service.config.write_text(running.toml + '[history]\nkeep = "0"\n')
        service.reload()
        wait_for(lambda: not service.workers("history"), "the writer gone")
        assert running.tag() == "billing"
        service.config.write_text(running.toml)
        service.reload()
        running.tag()
        wait_for(lambda: running.written() == 3, "the one after")

    def test_where_it_cannot_be_written_mail_is_tagged(self, directory: Path) -> None:
        made = Running(directory)
        (directory / "state").rmdir()
        with made.service:
            assert made.tag() == "billing"
            wait_for(lambda: made.metric(names.HISTORY_DROPPED) == 1, "the count")
            assert made.service.log().count("event=history state=unusable") == 1
