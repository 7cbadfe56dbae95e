"""What keeps a client from holding the desk: time and number. In this process, with small limits."""

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.desk import receiver as module
from mailtriage.desk.receiver import Receiver

TOKENS = Tokens(secrets.token_bytes(32))
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def play(scene: Callable[[Callable[[], Awaitable[Streams]]], Awaitable[None]]) -> list[bytes]:
    """Run the scene against a receiver; the messages that were delivered."""
    delivered: list[bytes] = []

    async def deliver(_sender: str, _recipient: str, message: bytes) -> bool:
        delivered.append(message)
        if b"boom" in message:
            raise KeyError("a bug")
        return True

    async def run() -> None:
        receiver = Receiver(lambda a: TOKENS.read_hidden_recipient(a) is not None, deliver)
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        await receiver.start(listener)

        async def connect() -> Streams:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert (await reader.readline()).startswith(b"220 ")
            return reader, writer

        await asyncio.wait_for(scene(connect), 60)
        await receiver.stop(0.1)

    asyncio.run(run())
    return delivered


async def say(streams: Streams, line: str) -> bytes:
    """One command; the last line of its reply."""
    reader, writer = streams
    writer.write(line.encode() + b"\r\n")
    while (reply := await reader.readline())[3:4] == b"-":
        pass
    return reply


async def begin(streams: Streams, recipients: int = 1) -> None:
    """As far as DATA."""
    await say(streams, "LHLO test")
    await say(streams, "MAIL FROM:<>")
    for _ in range(recipients):
        await say(streams, f"RCPT TO:<{TOKENS.hidden_recipient(secrets.token_bytes(16), 'in')}>")
    assert (await say(streams, "DATA")).startswith(b"354 ")


@pytest.mark.parametrize("begun", [False, True], ids=["between commands", "in a message"])
def test_silence_ends_the_connection(monkeypatch: pytest.MonkeyPatch, begun: bool) -> None:
    monkeypatch.setattr(module, "SILENCE", 0.2)

    async def scene(connect: Callable[[], Awaitable[Streams]]) -> None:
        streams = await connect()
        if begun:
            await begin(streams)
            streams[1].write(b"Subject: x\r\n\r\nhalf")
        assert (await streams[0].readline()).startswith(b"421 4.4.2 ")
        assert await streams[0].read() == b""

    assert play(scene) == []


def test_too_many_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 2)

    async def scene(connect: Callable[[], Awaitable[Streams]]) -> None:
        streams = [await connect() for _ in range(3)]
        replies = [(await say(one, "LHLO test"))[:3] for one in streams]
        assert sorted(replies) == [b"250", b"250", b"421"]
        _, writer = streams[replies.index(b"250")]
        writer.close()
        await writer.wait_closed()
        again = await connect()
        await begin(again)

    play(scene)


def test_too_many_recipients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RECIPIENTS", 1)

    async def scene(connect: Callable[[], Awaitable[Streams]]) -> None:
        streams = await connect()
        await begin(streams, recipients=2)
        streams[1].write(b"Subject: x\r\n\r\n.\r\n")
        assert (await streams[0].readline()).startswith(b"250 ")
        # One recipient was taken, so that was the only reply.
        assert (await say(streams, "RSET")).startswith(b"250 2.0.0")

    assert len(play(scene)) == 1


def test_what_nobody_expected_is_451_and_tells_nothing() -> None:
    async def scene(connect: Callable[[], Awaitable[Streams]]) -> None:
        streams = await connect()
        await begin(streams)
        streams[1].write(b"Subject: boom\r\n\r\n.\r\n")
        assert await streams[0].readline() == b"451 4.3.0 Not done yet, try again later\r\n"
        assert (await say(streams, "MAIL FROM:<>")).startswith(b"250 ")

    play(scene)
