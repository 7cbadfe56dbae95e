"""One connection carries many messages, and may end anywhere: nothing leaks, nothing breaks."""

import contextlib
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.support.mails import FORGED, LETTERS, assert_tagged, with_header
from tests.support.milter_wire import (
    Address,
    DisconnectedError,
    MilterSession,
    Reply,
    Sample,
    Step,
    Verdict,
    packet,
    tag,
)
from tests.support.serve import Service

NOISE = {
    "nothing": b"",
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeroes": b"\x00" * 64,
    "ones": b"\xff" * 64,
    "short offer": packet("O", b"\0\0\0\6"),
    "absurd offer": packet("O", b"\xff" * 12),
    "unknown command": packet("Z", b"what is this?"),
    "end of nothing": packet("E"),
    "unfinished macro": packet("D", b"M{no value}"),
    "endless packet": (0x7FFFFFFF).to_bytes(4, "big") + b"Lendless",
}
SAMPLES = [Sample.parse(letter.raw) for letter in LETTERS]


def assert_healthy(milter: Path, plain: Sample) -> None:
    """Eight sessions, open at the same time, so that every worker has some: all are served."""
    sessions = [MilterSession(milter).open() for _ in range(8)]
    for session in sessions:
        assert_tagged(session.message(plain).applied_to(plain.headers))
        session.quit()


def assert_tags_of(index: int, reply: Reply) -> None:
    assert reply.verdict in (Verdict.CONTINUE, Verdict.ACCEPT)
    assert LETTERS[index].agrees_with(reply.tags), reply.tags
    assert_tagged(reply.applied_to(SAMPLES[index].headers))


def test_each_message_of_a_session_gets_its_own_tags(milter: Path) -> None:
    with MilterSession(milter).open() as session:
        for index in islice(cycle(range(len(SAMPLES))), 10):
            assert_tags_of(index, session.message(SAMPLES[index]))


@pytest.mark.parametrize(
    "last", [s for s in Step if s not in (Step.NEGOTIATE, Step.CONNECT, Step.HELO, Step.END)]
)
def test_an_aborted_message_leaves_nothing_behind(milter: Path, last: Step) -> None:
    """RSET, or a client that hangs up in DATA: the next message is tagged from its own words."""
    forged = Sample.parse(with_header(LETTERS[1].raw, FORGED))
    with MilterSession(milter).open() as session:
        session.stop_after(forged, last)
        session.abort()
        reply = session.message(SAMPLES[0])
        assert reply.deleted == []
        assert_tags_of(0, reply)


def test_aborts_before_between_and_after_messages_are_harmless(milter: Path) -> None:
    with MilterSession(milter).open() as session:
        session.abort()
        assert_tags_of(0, session.message(SAMPLES[0]))
        session.abort()
        session.abort()
        assert_tags_of(1, session.message(SAMPLES[1]))


def test_an_outbound_message_does_not_colour_the_next(milter: Path) -> None:
    """{auth_authen} belongs to the message: it must be forgotten with it."""
    agent = Sample(headers=SAMPLES[0].headers, body=SAMPLES[0].body, login=b"agent")
    with MilterSession(milter).open() as session:
        assert session.message(agent).inserted == []
        assert_tags_of(1, session.message(SAMPLES[1]))


def test_sessions_that_run_at_the_same_time_are_kept_apart(milter: Path) -> None:
    """Twelve sessions, their steps interleaved one by one."""
    sessions = [MilterSession(milter).open() for _ in range(12)]
    for _ in range(3):
        plays = [s.play(SAMPLES[i % len(SAMPLES)]) for i, s in enumerate(sessions)]
        while plays:
            plays = [play for play in plays if next(play, None) is not None]
        for i, session in enumerate(sessions):
            assert_tags_of(i % len(SAMPLES), session.end(SAMPLES[i % len(SAMPLES)]))
            session.abort()
    for session in sessions:
        session.quit()


def test_idle_sessions_keep_nobody_waiting(milter: Path, plain: Sample) -> None:
    idle = [MilterSession(milter).open() for _ in range(100)]
    assert_healthy(milter, plain)
    for session in idle:
        assert_tagged(session.message(plain).applied_to(plain.headers))
        session.drop()


@pytest.mark.parametrize("last", list(Step))
def test_a_connection_dropped_at_any_step_hurts_nobody(
    milter: Path, plain: Sample, last: Step
) -> None:
    for _ in range(5):
        go_and_drop(milter, plain, last)
    assert_healthy(milter, plain)


def go_and_drop(address: Address, sample: Sample, last: Step) -> None:
    """Go as far as that step, and hang up without waiting for the reply to END."""
    greeting = last in (Step.NEGOTIATE, Step.CONNECT, Step.HELO)
    session = MilterSession(address).open(until=last if greeting else Step.HELO)
    if last is Step.END:
        session.stop_after(sample, Step.BODY)
        session.send(packet("E"))
    elif not greeting:
        session.stop_after(sample, last)
    session.drop()


def test_dropped_sessions_are_not_waited_for_at_the_end(
    start: Callable[..., Service], directory: Path, plain: Sample
) -> None:
    """Each session that is opened is counted off again, however it ended."""
    address = directory / "milter.sock"
    service = start("workers = 2", "drain = '60s'")
    for last in Step:
        for _ in range(5):
            go_and_drop(address, plain, last)
    for noise in NOISE.values():
        session = MilterSession(address).open()
        session.send(noise)
        session.drop()
    assert service.stop(timeout=20) == 0


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
def test_noise_hurts_nobody(milter: Path, plain: Sample, noise: bytes) -> None:
    for greeted in (False, True):
        session = MilterSession(milter)
        if greeted:
            session.open()
        session.send(noise)
        session.drop()
    assert_healthy(milter, plain)


def test_a_packet_larger_than_the_protocol_allows_ends_only_its_own_connection(
    milter: Path, plain: Sample
) -> None:
    session = MilterSession(milter).open()
    session.stop_after(plain, Step.DATA)
    with contextlib.suppress(ConnectionError):
        session.send(packet("L", b"Subject\0" + b"x" * 200_000 + b"\0"))
    with pytest.raises(DisconnectedError):
        session.receive()
    session.drop()
    assert_healthy(milter, plain)


@pytest.mark.parametrize("host", [b"\xe5\xe4\xf6.example", b"", b"x" * 500])
def test_odd_client_names_are_taken(milter: Path, plain: Sample, host: bytes) -> None:
    reply = tag(milter, plain, client_name=host)
    assert_tagged(reply.applied_to(plain.headers))


@pytest.mark.parametrize("address", [b"2001:db8::7", b"IPv6:2001:db8::7", b"192.0.2.1"])
def test_clients_of_both_families_are_inbound(milter: Path, plain: Sample, address: bytes) -> None:
    reply = tag(milter, plain, client_address=address)
    assert_tagged(reply.applied_to(plain.headers))
