"""When something fails the client keeps its mail: 4xx, and nothing was accepted twice or half."""

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from mailtriage.doors.smtp import Endpoint, SmtpDoor, SmtpDoorSettings, Tag, TlsPolicy
from tests.doors.smtp_support import MAIL, TAG, Neighbourhood, add_a_line, eventually


def test_next_hop_down_is_a_matter_of_time(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    hood.client(where)
    client = hood.client(where)  # greeted from what is known, so it has no connection yet
    hood.stop_listening(hop)
    client.says("MAIL FROM:<a@x>", "451 4.4.1")

    _, where = hood.door(hop)
    hood.client(where, greet="HELO x").says("MAIL FROM:<a@x>", "451 4.4.1")
    client = hood.client(where, greet="")
    client.expect("220")
    client.says("EHLO x", "421 4.4.1")
    assert client.reply() == ""

    hop.answers.clear()
    hood.listen(hop)
    assert hood.client(where).sends_mail().startswith("250"), "and then it is back"


@pytest.mark.parametrize(
    "script",
    [
        {"CONNECT": ""},
        {"CONNECT": "554 5.7.1 go away"},
        {"CONNECT": "421 4.3.2 busy"},
        {"CONNECT": "hello"},
        {"MAIL": ""},
        {"MAIL": "421 4.3.2 shutting down"},
        {"MAIL": "what?"},
        {"MAIL": "354 go on"},
        {"MAIL": "250-one\n550 two"},
        {"MAIL": "250-" + "x" * 100_000 + "\n250 y"},
        {"MAIL": "\n".join(["250-x"] * 1000) + "\n250 y"},
        {"RCPT": ""},
        {"RCPT": "421 4.3.2 shutting down"},
        {"RCPT": "0"},
        {"DATA": ""},
        {"DATA": "250 odd"},
        {"DATA": "421 4.3.2 shutting down"},
        {".": ""},
        {".": "354 more"},
        {".": "\x00\xff"},
        {".": "421 4.3.2 shutting down"},
    ],
    ids=str,
)
def test_a_next_hop_that_fails_or_babbles_is_a_451(
    hood: Neighbourhood, script: dict[str, str]
) -> None:
    hop = hood.hop(answers=dict(script))
    _, where = hood.door(hop)
    client = hood.client(where, greet="HELO x")

    reply = client.says("MAIL FROM:<a@x>", "")
    if reply.startswith("250"):
        reply = client.says("RCPT TO:<b@x>", "")
    if reply.startswith("250"):
        client.says("DATA", "354")
        reply = client.says(MAIL + b".", "")
    assert reply.startswith("451 4."), reply

    hop.answers.clear()
    client.says("RSET", "250")
    assert client.sends_mail().startswith("250"), "the session goes on when the next hop is well"


def test_next_hop_killed_while_the_mail_is_sent(hood: Neighbourhood) -> None:
    hop = hood.hop(dies_after=300_000)
    _, where = hood.door(hop)
    mail = MAIL + (b"x" * 76 + b"\r\n") * 100_000
    assert hood.client(where).sends_mail(mail).startswith("451 4.4.2")
    assert hop.taken == []


def test_a_silent_next_hop_is_given_up(hood: Neighbourhood) -> None:
    hop = hood.hop()
    hop.may_answer.clear()
    _, where = hood.door(hop, data_timeout=0.5)
    assert hood.client(where).sends_mail().startswith("451 4.4.2")


def test_recipients_after_the_loss_of_the_next_hop_fail_too(hood: Neighbourhood) -> None:
    """A new connection would know nothing of the sender and the first recipient."""
    hop = hood.hop(answers={"RCPT TO:<kill@x>": ""})
    _, where = hood.door(hop)
    client = hood.client(where)
    client.says("MAIL FROM:<a@x>", "250")
    client.says("RCPT TO:<b@x>", "250")
    client.says("RCPT TO:<kill@x>", "451 4.4.2")
    client.says("RCPT TO:<c@x>", "451 4.4.2")
    client.says("DATA", "354")
    client.says(MAIL + b".", "451 4.4.2")
    assert hop.taken == []


@pytest.mark.parametrize("farewell", ["421 4.4.2 idle too long", ""])
def test_a_connection_that_the_next_hop_tired_of_is_replaced(
    hood: Neighbourhood, farewell: str
) -> None:
    hop = hood.hop(only_once=True)
    _, where = hood.door(hop)
    client = hood.client(where)
    assert client.sends_mail().startswith("250")
    hop.answers["MAIL"] = farewell
    assert client.sends_mail().startswith("250")
    assert [line for line in hop.commands if line.startswith("EHLO")] == ["EHLO door.example"] * 2


async def _raises(*_: Any) -> bytes:
    raise RuntimeError("secret detail")


async def _hangs(*_: Any) -> bytes:
    while True:  # and does not let itself be cancelled
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1)
            return b""


async def _cuts(raw: bytes, *_: Any) -> bytes:
    return raw[:-3]


async def _answers_nothing(*_: Any) -> None:
    return None


async def _is_cancelled(*_: Any) -> bytes:
    raise asyncio.CancelledError


@pytest.mark.parametrize("tag", [_raises, _hangs, _cuts, _answers_nothing, _is_cancelled])
def test_a_mail_whose_tagging_fails_goes_on_as_it_came(hood: Neighbourhood, tag: Tag) -> None:
    hop = hood.hop()
    _, where = hood.door(hop, tag, tag_deadline=0.3)
    assert hood.client(where).sends_mail().startswith("250")
    assert [mail.content for mail in hop.taken] == [MAIL]


def test_a_client_that_leaves_before_the_dot_has_sent_nothing(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    client.send(MAIL + b".\r")
    client.drop()
    assert eventually(lambda: hop.commands[-1] == "QUIT" or hop.hung_up == 1)
    assert "DATA" not in hop.commands


def test_a_client_that_leaves_while_the_mail_is_sent_on_voids_it(hood: Neighbourhood) -> None:
    """The rest must not be flushed after it: the client will send the mail again."""
    hop = hood.hop()
    hop.may_read.clear()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    client.send(MAIL + (b"x" * 76 + b"\r\n") * 300_000 + b".\r\n")
    assert eventually(lambda: hop.commands[-1] == "DATA")
    client.drop()
    assert eventually(lambda: not door_connections(hood))
    hop.may_read.set()
    assert eventually(lambda: hop.hung_up == 1)
    assert (hop.taken, hop.cut_off) == ([], 1)


def door_connections(hood: Neighbourhood) -> int:
    return sum(len(door._connections) for door in hood._doors)


def test_a_client_that_leaves_while_its_mail_is_tagged_voids_it(hood: Neighbourhood) -> None:
    reached = asyncio.Event()

    async def slow(raw: bytes, *_: Any) -> bytes:
        reached.set()
        await asyncio.sleep(1)
        return raw

    hop = hood.hop()
    _, where = hood.door(hop, slow)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    client.send(MAIL + b".\r\n")
    assert eventually(reached.is_set)
    client.drop()
    assert eventually(lambda: hop.commands[-1] == "QUIT")
    assert hop.taken == []


def test_exceptions_stay_inside(hood: Neighbourhood, monkeypatch: pytest.MonkeyPatch) -> None:
    hop = hood.hop()
    door, where = hood.door(hop)
    client = hood.client(where)

    async def broken() -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr(door, "open_relay", broken)
    other = hood.client(where)
    assert "secret" not in other.says("MAIL FROM:<a@x>", "451 4.3.0 Local error")
    assert client.sends_mail().startswith("250")


def test_stop_lets_a_mail_on_its_way_finish(hood: Neighbourhood) -> None:
    hop = hood.hop()
    hop.may_answer.clear()
    door, where = hood.door(hop)
    idle, busy = hood.client(where), hood.client(where)
    busy.begins_mail()
    busy.says("DATA", "354")
    busy.send(MAIL + b".\r\n")
    assert hop.dot_seen.wait(20)

    stopping = hood.start(door.stop(20))
    idle.expect("421 4.3.2")
    assert idle.reply() == ""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((where.host, where.port))
    assert not stopping.done()
    hop.may_answer.set()
    busy.expect("250 2.0.0 kept")
    busy.expect("421 4.3.2")
    stopping.result(20)
    assert [mail.content for mail in hop.taken] == [TAG + MAIL]


def test_stop_cuts_what_does_not_finish(hood: Neighbourhood) -> None:
    hop = hood.hop()
    door, where = hood.door(hop)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    client.send(MAIL)
    hood.run(door.stop(0.2))
    assert client.reply() == ""
    assert hop.taken == []


def test_settings_that_cannot_work_are_refused() -> None:
    hop = Endpoint("127.0.0.1", 25)
    for wrong in (
        {"listen": hop},
        {"connections": 0},
        {"timeout": 0.0},
        {"hostname": "a b"},
        {"next_hop_ca_file": "ca.pem", "next_hop_tls": TlsPolicy.OPPORTUNISTIC},
        {"tls_key": "key.pem"},
    ):
        with pytest.raises(ValueError, match=r".+"):
            SmtpDoorSettings(hop, **wrong)
    with pytest.raises(OSError, match="No such file"):
        SmtpDoor(SmtpDoorSettings(hop, tls_certificate="/nonexistent"), add_a_line)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:25", Endpoint("127.0.0.1", 25)),
        ("inet:mx.example:25", Endpoint("mx.example", 25)),
        ("[::1]:2525", Endpoint("::1", 2525)),
        ("unix:/run/lmtp", Endpoint(path="/run/lmtp")),
    ],
)
def test_endpoints_are_read_and_shown(text: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(text) == endpoint
    assert str(endpoint) == text.removeprefix("inet:")


@pytest.mark.parametrize("text", ["", "25", "host", "host:", ":25", "host:99999", "unix:"])
def test_what_is_no_endpoint_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Endpoint.parse(text)
