"""How a door has a mail analysed: one connection, one question, one answer.

The doors never analyse. libmilter's threads must not (Debian's libmilter moves a connection between
native threads, and a C extension that takes the GIL there deadlocks the process), and threads of
Python's own beside them cost more than they do: with eight sessions at once each of fifty header
callbacks waits for the interpreter that the analysis holds. So analysers are processes of their
own. They share one listening socket, whichever is idle takes the next mail, and one that crashes
takes no session with it.

A question is answered within a deadline or not at all; the door then lets the mail pass.
"""

import marshal
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from mailtriage.mail.model import Client, Envelope
from mailtriage.tags.model import Deletion, Edits, Rerouting, Status

_LENGTH: Final = struct.Struct("!I")
_CHUNK: Final = 64 * 1024
"""Bytes of one read: most mails fit, and the allocator serves it without asking the kernel."""

MAX_QUESTION: Final = 64 * 1024 * 1024
"""Bytes of one question; a door cuts the body at max_scan_bytes long before."""


class Overload(Exception):  # noqa: N818  a state, not a fault
    """As many mails as may wait are waiting already."""


class NoAnswer(Exception):  # noqa: N818  what happened to the mail, no fault of the door
    """The analyser ended before it answered."""


class Question(NamedTuple):
    """One mail as a door has it."""

    envelope: Envelope
    client: Client
    queue_id: str
    headers: Sequence[tuple[str, bytes]]
    """As a milter gets them; empty when `body` is a whole message with its header."""
    body: Sequence[bytes]
    """The first chunks of the body, or of the whole message."""
    complete: bool
    """False when the body goes on beyond the chunks."""
    whole: bool = False
    """True when `body` is a whole message."""


class Answer(NamedTuple):
    """What is to be done with it."""

    status: Status
    edits: Edits


def encode_question(question: Question) -> bytes:
    """The question with its length before it."""
    client = question.client
    return _framed(
        (
            (question.envelope.sender, question.envelope.recipients),
            (client.address, client.name, client.login, client.protocol),
            question.queue_id,
            list(question.headers),
            list(question.body),
            question.complete,
            question.whole,
        )
    )


def decode_question(data: bytes) -> Question:
    """The inverse of `encode_question`, without the length."""
    envelope, client, *rest = marshal.loads(data)  # noqa: S302  from our own door only
    return Question(Envelope(*envelope), Client(*client), *rest)


def encode_answer(answer: Answer) -> bytes:
    """The answer with its length before it."""
    edits = answer.edits
    delete = [(deletion.name, deletion.index) for deletion in edits.delete]
    reroute = [(change.old, change.new) for change in edits.reroute]
    return _framed((str(answer.status), delete, list(edits.insert), edits.recipient, reroute))


def decode_answer(data: bytes) -> Answer:
    """The inverse of `encode_answer`, without the length."""
    status, delete, insert, recipient, reroute = marshal.loads(data)  # noqa: S302  our own analyser's
    edits = Edits(
        tuple(Deletion(name, index) for name, index in delete),
        tuple(insert),
        recipient,
        tuple(Rerouting(old, new) for old, new in reroute),
    )
    return Answer(Status(status), edits)


def _framed(values: tuple[Any, ...]) -> bytes:
    # marshal is the quickest there is for plain values; both ends are forks of one process.
    data = marshal.dumps(values)
    return _LENGTH.pack(len(data)) + data


def ask(analysers: Path, question: Question, deadline: float) -> Answer:
    """The analysers' answer, within `deadline` seconds.

    Raises TimeoutError, Overload, or NoAnswer when the analyser crashed over the mail.
    """
    ends = time.monotonic() + deadline
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(deadline)
        try:
            connection.connect(str(analysers))
            connection.sendall(encode_question(question))
            connection.settimeout(max(0.001, ends - time.monotonic()))
            return decode_answer(receive(connection))
        except BlockingIOError:
            # A unix socket whose backlog is full says so at once.
            raise Overload from None
        except (ConnectionError, FileNotFoundError) as error:
            raise NoAnswer(str(error)) from None


def receive(connection: socket.socket) -> bytes:
    """One framed value from a stream. Raises ConnectionError when it ends before that."""
    data = connection.recv(_CHUNK)
    while len(data) < _LENGTH.size:
        data += _more(connection)
    (length,) = _LENGTH.unpack_from(data)
    if length > MAX_QUESTION:
        raise ConnectionAbortedError("not a question")
    if len(data) - _LENGTH.size >= length:
        return data[_LENGTH.size :]
    chunks = [data[_LENGTH.size :]]
    missing = length - len(chunks[0])
    while missing > 0:
        chunks.append(_more(connection))
        missing -= len(chunks[-1])
    return b"".join(chunks)


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(_CHUNK)
    if not data:
        raise ConnectionResetError("ended early")
    return data
