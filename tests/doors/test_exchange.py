"""A door's question and an analyser's answer: what goes over the socket, and what may go wrong."""

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.config import Config, load
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import (
    MAX_QUESTION,
    Answer,
    NoAnswer,
    Overload,
    Question,
    ask,
    decode_answer,
    decode_question,
    encode_answer,
    encode_question,
    receive,
)
from mailtriage.doors.smtp_tagging import Tagger
from mailtriage.mail.model import Client, Envelope
from mailtriage.policies.matcher import Matcher
from mailtriage.policies.model import Policies
from mailtriage.tags.model import Deletion, Edits, Status
from mailtriage.triage.customer import FixedCustomers

QUESTION = Question(
    Envelope("kim@customer.example", ("help@desk.example",)),
    Client("203.0.113.7", "mx.customer.example"),
    "4Wx0ab1cd2z3ef",
    [("Subject", b" hello")],
    [b"Hello\r\n"],
    complete=True,
)
ANSWER = Answer(
    Status.OK, Edits((Deletion("X-Mailtriage", 1),), (("X-Mailtriage", "v=1; prio=normal;"),))
)
DEADLINE = 0.5
"""Seconds; short, as the tests wait for it to pass."""

# Surrogates too: bytes that are no text come as those.
texts = st.text(st.characters(exclude_categories=[]), max_size=50)
questions = st.builds(
    Question,
    st.builds(Envelope, texts, st.lists(texts).map(tuple)),
    st.builds(Client, texts, texts, texts, texts),
    texts,
    st.lists(st.tuples(texts, st.binary())),
    st.lists(st.binary()),
    st.booleans(),
    st.booleans(),
)
answers = st.builds(
    Answer,
    st.sampled_from(Status),
    st.builds(
        Edits,
        st.lists(st.builds(Deletion, texts, st.integers(1, 1000))).map(tuple),
        st.lists(st.tuples(texts, texts)).map(tuple),
    ),
)


def unframed(framed: bytes) -> bytes:
    """What follows the length, which must be right."""
    (length,) = struct.unpack_from("!I", framed)
    assert length == len(framed) - 4
    return framed[4:]


@given(questions)
def test_a_question_arrives_as_it_was_asked(question: Question) -> None:
    assert decode_question(unframed(encode_question(question))) == question


@given(answers)
def test_an_answer_arrives_as_it_was_given(answer: Answer) -> None:
    arrived = decode_answer(unframed(encode_answer(answer)))
    assert arrived == answer
    assert type(arrived.status) is Status


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets, with a deadline."""
    left, right = socket.socketpair()
    left.settimeout(20)
    with left, right:
        yield left, right


@pytest.mark.parametrize("chunk", [1, 3, 4, 5, 1000])
def test_what_comes_in_pieces_is_put_together(
    pair: tuple[socket.socket, socket.socket], chunk: int
) -> None:
    ours, theirs = pair
    framed = encode_question(QUESTION)

    def send() -> None:
        for start in range(0, len(framed), chunk):
            theirs.sendall(framed[start : start + chunk])
            time.sleep(0.0005)

    sender = threading.Thread(target=send)
    sender.start()
    assert decode_question(receive(ours)) == QUESTION
    sender.join()


def test_a_big_question_is_put_together(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    big = QUESTION._replace(body=[bytes(range(256)) * 40_000])
    sender = threading.Thread(target=theirs.sendall, args=(encode_question(big),))
    sender.start()
    assert decode_question(receive(ours)) == big
    sender.join()


def test_a_length_beyond_all_reason_is_refused_before_it_is_waited_for(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.sendall(struct.pack("!I", MAX_QUESTION + 1) + b"x")
    with pytest.raises(ConnectionAbortedError):
        receive(ours)


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\x05", b"\0\0\0\x05half"])
def test_an_early_end_is_noticed(pair: tuple[socket.socket, socket.socket], sent: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(sent)
    theirs.close()
    with pytest.raises(ConnectionError):
        receive(ours)


Conduct = Callable[[socket.socket], None]


@contextlib.contextmanager
def analyser(path: Path, conduct: Conduct, *, backlog: int = 8) -> Iterator[Path]:
    """A socket at which somebody treats each caller as told, in a thread of its own."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(backlog)
        stopped = threading.Event()

        def serve() -> None:
            while not stopped.is_set():
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                with caller, contextlib.suppress(OSError):
                    conduct(caller)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield path
        finally:
            stopped.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(20)


def says_nothing(caller: socket.socket) -> None:
    """Takes the question and falls silent until the door hangs up."""
    while caller.recv(65536):
        pass


def hears_nothing(caller: socket.socket) -> None:
    """Does not even read."""
    time.sleep(DEADLINE * 3)


def answers_well(caller: socket.socket) -> None:
    receive(caller)
    caller.sendall(encode_answer(ANSWER))


def hangs_up(caller: socket.socket) -> None:
    receive(caller)


def hangs_up_within_the_answer(caller: socket.socket) -> None:
    receive(caller)
    caller.sendall(encode_answer(ANSWER)[:-3])


def does_not_listen(caller: socket.socket) -> None:
    """Hangs up before it has read the question."""


def test_a_question_is_answered(tmp_path: Path) -> None:
    with analyser(tmp_path / "a", answers_well) as path:
        assert ask(path, QUESTION, 20) == ANSWER
        assert ask(path, QUESTION, 20) == ANSWER


@pytest.mark.parametrize("conduct", [hangs_up, hangs_up_within_the_answer, does_not_listen])
def test_an_analyser_that_ends_gives_no_answer(tmp_path: Path, conduct: Conduct) -> None:
    with analyser(tmp_path / "a", conduct) as path, pytest.raises(NoAnswer):
        ask(path, QUESTION, 20)


@pytest.mark.parametrize("left", ["nothing", "a stale socket"])
def test_no_analyser_at_all_gives_no_answer(tmp_path: Path, left: str) -> None:
    path = tmp_path / "a"
    if left == "a stale socket":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    with pytest.raises(NoAnswer):
        ask(path, QUESTION, 20)


@pytest.mark.parametrize("conduct", [says_nothing, hears_nothing])
@pytest.mark.alone
def test_silence_is_borne_until_the_deadline(tmp_path: Path, conduct: Conduct) -> None:
    big = QUESTION._replace(body=[b"x" * 4_000_000])
    with analyser(tmp_path / "a", conduct) as path:
        for question in (QUESTION, big):
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                ask(path, question, DEADLINE)
            assert DEADLINE * 0.9 <= time.monotonic() - began < DEADLINE * 2


@contextlib.contextmanager
def crowd(path: Path) -> Iterator[Path]:
    """A socket at which as many wait as may."""
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as callers:
        listener.bind(str(path))
        listener.listen(1)
        with contextlib.suppress(BlockingIOError):
            while True:
                caller = callers.enter_context(socket.socket(socket.AF_UNIX))
                caller.settimeout(0)
                caller.connect(str(path))
        yield path


def test_where_too_many_wait_nobody_else_does(tmp_path: Path) -> None:
    with crowd(tmp_path / "a") as path, pytest.raises(Overload):
        ask(path, QUESTION, 20)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The defaults, with a deadline that tests can wait for."""
    file = tmp_path / "mailtriage.toml"
    file.write_text(f"[milter]\ndeadline = '{DEADLINE * 1000:.0f}ms'\n")
    return load([file]).config


class SmtpSide:
    """What the SMTP door, which asks without blocking, makes of the same conduct."""

    def __init__(self, config: Config) -> None:
        self._analyst = Analyst(config, Matcher(Policies()), FixedCustomers({}))
        self.reported: list[Analysis] = []

    def tagged(self, analysers: Path) -> bytes:
        """A mail with a forged tag, as it goes on."""
        tagger = Tagger(
            self._analyst,
            analysers,
            lambda passed, _: self.reported.append(passed),
            lambda *_: None,
        )
        mail = b"X-Mailtriage-Tier: vip\r\nSubject: hello\r\n\r\nHello\r\n"
        return asyncio.run(tagger(mail, QUESTION.envelope, QUESTION.client, "id"))


@pytest.fixture
def smtp(config: Config) -> SmtpSide:
    """The SMTP door's side."""
    return SmtpSide(config)


def test_the_smtp_door_makes_the_edits_that_it_is_told(tmp_path: Path, smtp: SmtpSide) -> None:
    def strips_and_tags(caller: socket.socket) -> None:
        receive(caller)
        caller.sendall(
            encode_answer(
                Answer(
                    Status.OK,
                    Edits((Deletion("x-mailtriage-tier", 1),), (("X-Mailtriage", "v=1;"),)),
                )
            )
        )

    with analyser(tmp_path / "a", strips_and_tags) as path:
        assert smtp.tagged(path) == b"X-Mailtriage: v=1;\r\nSubject: hello\r\n\r\nHello\r\n"
    assert smtp.reported == []


@pytest.mark.parametrize(
    ("conduct", "status"),
    [
        (says_nothing, "timeout"),
        (hears_nothing, "timeout"),
        (hangs_up, "error"),
        (hangs_up_within_the_answer, "error"),
        (does_not_listen, "error"),
        (None, "overload"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_smtp_door_relays_whatever_the_analyser_does(
    tmp_path: Path, smtp: SmtpSide, conduct: Conduct | None, status: str
) -> None:
    crowded_or_not = crowd(tmp_path / "a") if conduct is None else analyser(tmp_path / "a", conduct)
    with crowded_or_not as path:
        mail = smtp.tagged(path)
    assert mail.endswith(b"\r\nSubject: hello\r\n\r\nHello\r\n")
    assert b"vip" not in mail
    assert f"X-Mailtriage-Status: {status}\r\n".encode() in mail
    assert [str(passed.status) for passed in smtp.reported] == [status]
