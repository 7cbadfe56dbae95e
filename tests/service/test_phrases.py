"""New phrases: texts go from an analyser to one thread's memory, and nowhere else."""

import json
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mailtriage.config.history import HistoryConfig
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import Question
from mailtriage.insight.counts import Series
from mailtriage.insight.phrases import WINDOW
from mailtriage.mail.model import Client, Envelope, Mail
from mailtriage.mail.read import read_message
from mailtriage.service import metrics_names as names
from mailtriage.service.history import MOST_WAITING, Writing, read_records
from mailtriage.service.load import read_everything
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.phrases import (
    MARK,
    MOST_CHARACTERS,
    MOST_LANGUAGES,
    Phrases,
    newest_of,
    text_record,
)
from mailtriage.service.phrases import MOST_WAITING as MOST_TEXTS
from mailtriage.service.recorder import Channel, Recorder
from mailtriage.state.warnings import WarningsFile
from mailtriage.triage.policy_set import policy_set
from tests.service.conftest import Stream
from tests.service.test_history import Running, counts
from tests.support.milter_wire import Sample, tag
from tests.support.serve import wait_for

NOON = 1_795_435_200
DAY = 86400
MARKER = "quizzaciously"
"""A word that nobody else uses."""
RAW = (
    b"From: Kim <kim@customer.example>\r\nTo: help@desk.example\r\n"
    b"Subject: Wrong amount on my invoice\r\n\r\nI was quizzaciously charged twice.\r\n"
)
ENVELOPE = Envelope("kim@customer.example", ("help@desk.example",))
QUESTION = Question(ENVELOPE, Client(), "4Wx1", (), (RAW,), complete=True, whole=True)
DESK = '[mailboxes."help@desk.example"]\n'
TRUST = '[authentication]\ntrusted_authserv_ids = ["mx.desk.example"]\n'


def make_analyst(directory: Path, more: str = "", of_desk: str = "") -> Analyst:
    config = directory / "mailtriage.toml"
    config.write_text(more + DESK + of_desk)
    return read_everything([config]).analyst()


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    return make_analyst(tmp_path_factory.mktemp("phrases"))


def analysed(analyst: Analyst, raw: bytes = RAW, client: Client = Client()) -> Analysis:  # noqa: B008
    read = partial(read_message, raw, envelope=ENVELOPE, client=client, queue_id="4Wx1")
    return analyst.analyse(read, ["From", "To", "Subject"], body=raw)


@pytest.fixture(scope="module")
def one(analyst: Analyst) -> Analysis:
    return analysed(analyst)


@pytest.fixture
def channel() -> Iterator[Channel]:
    made = Channel()
    yield made
    made.into.close()
    made.out.close()


def waiting(out: socket.socket) -> list[bytes]:
    """All that is in the socket."""
    found = []
    while True:
        try:
            found.append(out.recv(65536))
        except BlockingIOError:
            return found


class TestRecord:
    def test_a_text_follows_its_decision(
        self, analyst: Analyst, one: Analysis, channel: Channel
    ) -> None:
        Recorder(analyst, channel, Deltas()).record(one, QUESTION)
        decision, text = waiting(channel.out)
        assert (decision[:1], text[:1]) == (b"[", MARK)
        assert MARKER.encode() not in decision
        assert b"kim@" not in text
        found = newest_of(text)
        assert found is not None
        assert found.text == "Wrong amount on my invoice\nI was quizzaciously charged twice."
        assert (found.language, found.queue_id) == ("en", "4Wx1")
        assert found.sender == analyst.tokens.pseudonym("address", "kim@customer.example")
        assert {"skill:billing", "language:en"} <= set(found.labels)

    @pytest.mark.parametrize(
        "settings",
        ["[warnings]\nphrases = false\n", "[warnings]\nenabled = false\n", '[history]\nkeep="0"\n'],
    )
    def test_where_it_is_switched_off_no_text_is_handed_on(
        self, tmp_path: Path, settings: str, one: Analysis, channel: Channel
    ) -> None:
        analyst = make_analyst(tmp_path, settings)
        Recorder(analyst, channel, Deltas()).record(one, QUESTION)
        assert [record[:1] for record in waiting(channel.out)] == [b"["]

    @pytest.mark.parametrize(
        ("headers", "client"),
        [
            (b"Auto-Submitted: auto-replied\r\n", Client()),
            (b"", Client(login="team")),
            (b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"\r\n',
             Client()),
        ],
        ids=["robot", "our own", "encrypted"],
    )  # fmt: skip
    def test_only_what_people_write_to_us_in_the_open(
        self, analyst: Analyst, headers: bytes, client: Client
    ) -> None:
        assert text_record(analysed(analyst, headers + RAW, client), "4Wx1", analyst.tokens) == b""
        assert text_record(analysed(analyst), "4Wx1", analyst.tokens)

    def test_who_is_exempt_is_not_watched(self, analyst: Analyst, one: Analysis) -> None:
        exempt = replace(one, exempt="sender")
        assert text_record(exempt, "4Wx1", analyst.tokens) == b""

    def test_no_more_than_the_beginning_of_a_text(self, analyst: Analyst, one: Analysis) -> None:
        assert one.mail is not None
        long = replace(one, mail=Mail(from_address="a@b.example", newest_text="\U0001f600" * 9000))
        record = text_record(long, "4Wx1", analyst.tokens)
        assert len(record) < 4 * MOST_CHARACTERS + 300
        found = newest_of(record)
        assert found is not None
        assert len(found.text) == MOST_CHARACTERS

    def test_texts_are_dropped_long_before_decisions(
        self, analyst: Analyst, one: Analysis, channel: Channel
    ) -> None:
        deltas = Deltas()
        recorder = Recorder(analyst, channel, deltas)
        dropped: dict[str, float] = {}
        decisions = 0
        while not dropped.get("queue"):
            recorder.record(one, QUESTION)
            decisions += 1
            for reason, number in counts(deltas).items():
                dropped[reason] = dropped.get(reason, 0) + number
        assert dropped["text"] > decisions / 2
        kinds = [record[:1] for record in waiting(channel.out)]
        assert kinds.count(b"[") == decisions - 1
        assert MARK not in kinds[len(kinds) // 2 :]

    @pytest.mark.parametrize("end", ["into", "out"])
    def test_a_socket_that_is_shut_does_not_stop_mail(
        self, analyst: Analyst, one: Analysis, channel: Channel, end: str
    ) -> None:
        deltas = Deltas()
        recorder = Recorder(analyst, channel, deltas)
        getattr(channel, end).close()
        recorder.record(one, QUESTION)
        assert counts(deltas) == {"queue": 1, "text": 1}

    @pytest.mark.parametrize(
        "facts",
        [
            b"", b"{}", b"[]", b"null", b"\xff", b"[" * 9000, b"[1,2,3,4,5]",
            b'["zz","4Wx1","en","billing","none"]', b'["","4Wx1","en","billing","none"]',
            b'["00ff","4Wx1","../../x","billing","none"]', b'["00ff","4Wx1","--","b","none"]',
            b'["00ff","4Wx1","en","<b>","none"]', b'["00ff",7,"en","billing","none"]',
        ],
    )  # fmt: skip
    def test_what_is_no_text_is_none(self, facts: bytes) -> None:
        assert newest_of(MARK + facts + b"\ntext") is None

    def test_a_queue_id_that_is_none_is_not_shown(self) -> None:
        found = newest_of(MARK + b'["00ff","<b>\\r\\n","en","billing","none"]\ntext')
        assert found is not None
        assert found.queue_id == ""


NOUNS = ("parcel", "invoice", "refund", "password", "address", "printer", "lamp", "sofa", "order")
VERBS = ("lost", "broken", "late", "wrong", "missing", "cancelled", "changed", "returned", "paid")


class Watching:
    """The thread that watches, with the socket that feeds it."""

    def __init__(self, analyst: Analyst, one: Analysis, out: int, directory: Path) -> None:
        self.analyst, self.one = analyst, one
        self.deltas, self.log = Deltas(), Log(stream=out)
        self.phrases = Phrases(analyst, self.deltas, self.log)
        self.channel = Channel()
        keep = HistoryConfig(keep=14 * DAY, max_size=1 << 40)
        policies = policy_set(analyst.matcher.policies, analyst.model)
        self.writing = Writing(
            directory / "history.db", keep, policies, self.deltas, Log("error", stream=out)
        )
        self.recorder = Recorder(analyst, self.channel, self.deltas)
        self.dice = random.Random(4)

    def ordinary(self, number: int) -> None:
        for index in range(number):
            noun, verb = self.dice.choice(NOUNS), self.dice.choice(VERBS)
            self.send(f"Hello, my {noun} is {verb}. Please help", f"o{index}@customer.example")

    def send(self, text: str, sender: str, queue_id: str = "4Wx1") -> None:
        mail = Mail(from_address=sender, newest_text=text)
        question = QUESTION._replace(queue_id=queue_id)
        self.recorder.record(replace(self.one, mail=mail), question)
        read_records(self.channel.out, self.writing, self.phrases)

    def look(self, now: int = NOON) -> None:
        while self.phrases._waiting:
            self.phrases.look(now)

    def known(self) -> "Watching":
        for _ in range(8):
            self.ordinary(100)
            self.look()
        return self

    def new(self, writers: int, text: str = "The loyalty card shows an error") -> None:
        for index in range(10):
            self.send(text, f"n{index % writers}@customer.example", f"4WNEW{index}")
        self.look()


@pytest.fixture
def watching(analyst: Analyst, one: Analysis, stream: Stream, tmp_path: Path) -> Iterator[Watching]:
    made = Watching(analyst, one, stream.writer, tmp_path)
    yield made
    made.channel.into.close()
    made.channel.out.close()


Read = Callable[[], str]


@pytest.fixture
def log(stream: Stream) -> Read:
    return stream.read  # type: ignore[attr-defined, no-any-return]


class TestWatching:
    def test_what_is_new_is_told_in_log_and_metric(self, watching: Watching, log: Read) -> None:
        watching.known().new(writers=8)
        watching.phrases.scan(NOON)
        (line,) = [line for line in log().splitlines() if "event=emerging" in line]
        assert "loyalty card" in line
        assert "language=en" in line
        assert "senders=8" in line
        assert "4WNEW" in line
        assert watching.deltas._gauges[names.EMERGING, ("en",)] == 1
        watching.phrases.scan(NOON + DAY)
        assert watching.deltas._gauges[names.EMERGING, ("en",)] == 0

    def test_the_next_alert_has_it(self, watching: Watching) -> None:
        assert watching.known().phrases.paragraph(NOON) == ""
        watching.new(writers=8)
        watching.phrases.scan(NOON)
        told = watching.phrases.paragraph(NOON + 3600)
        assert "loyalty card" in told
        assert "10 mails of 8 senders" in told
        assert watching.phrases.paragraph(NOON + DAY) == ""

    def test_a_surge_gets_the_phrases_of_its_mails(self, watching: Watching) -> None:
        watching.known()
        delivery = replace(watching.one.triage, skill="delivery")
        watching.one = replace(watching.one, triage=delivery)
        watching.new(writers=8)
        found = watching.phrases.typical(Series("skill", "delivery"))
        assert any("loyalty" in phrase for phrase in found), found
        assert watching.phrases.typical(Series("skill", "account")) == ()

    def test_our_own_words_are_nothing_new(self, watching: Watching, log: Read) -> None:
        watching.known().new(writers=8, text="A member of our team will reply to you. Confirmation")
        watching.phrases.scan(NOON)
        assert "event=emerging" not in log()
        assert "outag" not in watching.phrases._watches["en"].ignore

    @pytest.mark.parametrize(
        ("sends", "text"),
        [
            ("updates", "Our answer may take longer. We promised you an answer by Friday"),
            ("survey", "Would you rather not get questions like this? Neither satisfied"),
        ],
    )
    def test_nor_are_those_of_updates_and_surveys_where_they_are_sent(
        self, one: Analysis, stream: Stream, log: Read, tmp_path: Path, sends: str, text: str
    ) -> None:
        returns = '[return_addresses]\ndomain = "triage.desk.example"\n'
        for number, (more, is_new) in enumerate(((f'{sends} = "send"\n', False), ("", True))):
            directory = tmp_path / str(number)
            directory.mkdir()
            analyst = make_analyst(directory, returns + TRUST, more)
            watching = Watching(analyst, one, stream.writer, directory)
            watching.known().new(writers=8, text=text)
            watching.phrases.scan(NOON)
            assert ("event=emerging" in log()) == is_new
            assert "outag" not in watching.phrases._watches["en"].ignore
            watching.channel.into.close()
            watching.channel.out.close()

    def test_what_a_few_wrote_is_in_memory_alone(
        self, watching: Watching, log: Read, tmp_path: Path
    ) -> None:
        watching.writing.start()
        watching.known().new(writers=3, text=f"The {MARKER} card shows an error")
        watching.phrases.scan(NOON)
        watching.writing.stop()
        with closing(WarningsFile(tmp_path / "warnings.db")):
            assert MARKER not in watching.phrases.paragraph(NOON)
            assert watching.phrases.typical(Series("language", "en")) == ()
            files = [file.read_bytes() for file in tmp_path.iterdir()]
        assert any(b"4WNEW" in content for content in files)
        assert not any(MARKER.encode() in content for content in files)
        assert MARKER not in log()
        window = watching.phrases._watches["en"].window
        assert sum(any(MARKER[:8] in gram for gram in mail.grams) for mail in window) == 10

    def test_too_many_are_dropped_and_no_decision_is(self, watching: Watching) -> None:
        watching.ordinary(MOST_TEXTS + 7)
        assert counts(watching.deltas) == {"text": 7}
        assert len(watching.writing._waiting) == MOST_TEXTS + 7 < MOST_WAITING

    def test_the_real_thread_takes_them_and_outlives_what_is_damaged(
        self, watching: Watching
    ) -> None:
        watching.phrases.take(MARK + b"no text")
        watching.phrases.start()
        watching.send("Hello, my parcel is late", "a@customer.example")
        wait_for(lambda: "en" in watching.phrases._watches, "the mail")
        watching.phrases.stop()
        assert not watching.phrases._thread.is_alive()
        assert counts(watching.deltas)["damaged"] == 1

    def test_a_fault_is_told_once_without_the_text(
        self, watching: Watching, log: Read, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(language: str) -> None:
            raise ValueError(MARKER)

        monkeypatch.setattr(watching.phrases, "_watch", fail)
        watching.send(MARKER, "a@customer.example")
        watching.phrases.start()
        wait_for(lambda: watching.phrases._trouble != "", "the fault")
        watching.phrases.stop()
        assert "event=phrases fault=" in (told := log())
        assert MARKER not in told

    def test_nobody_fills_the_memory_with_languages(self, watching: Watching) -> None:
        watching.ordinary(WINDOW)
        watching.look()
        codes = [f"{first}{second}" for first in "abc" for second in "xyz"]
        for code in codes:
            facts = json.dumps(["00ff", "4Wx1", code, "billing", "none"]).encode()
            watching.phrases.take(MARK + facts + b"\nHello")
        watching.look()
        assert len(watching.phrases._watches) == MOST_LANGUAGES
        assert "en" in watching.phrases._watches


class TestService:
    def test_no_file_and_no_log_has_the_text(self, directory: Path) -> None:
        running = Running(directory)
        with running.service:
            for number in range(3):
                mail = Sample(
                    headers=((b"From", b"Kim <kim%d@customer.example>" % number),
                             (b"To", b"help@desk.example"), (b"Subject", MARKER.encode())),
                    body=f"I was {MARKER} charged twice on my invoice.\r\n".encode(),
                )  # fmt: skip
                assert tag(directory / "milter.sock", mail).tags["X-Mailtriage-Skill"] == "billing"
            wait_for(lambda: running.written() == 3, "three decisions")
            assert running.metric(names.HISTORY_DROPPED) == 0
            assert running.metric(names.EMERGING + '{language="en"}') == 0
        files = [file for file in directory.rglob("*") if file.is_file()]
        assert {"history.db", "stderr.log"} <= {file.name for file in files}
        assert not [file.name for file in files if MARKER.encode() in file.read_bytes()]
