"""Load: forked clients that share out the mails among them, and the SMTP client.

A client is a process of its own with blocking sockets: so its clock is disturbed by nothing but the
programs measured. A mail's latency runs from its first body byte to the answer to the final dot,
which is the span in which a milter can make a sender wait.
"""

import gc
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.bench.corpus import Letter

SESSIONS: Final = (1, 1, 1, 1, 1, 4)
"""Mails in a client's first, second, ... session; then from the start again."""
TIMEOUT: Final = 120.0

Done = tuple[int, float, bool]
"""Of one mail: its index, its latency in milliseconds, whether the milter gave up on it."""
Job = Callable[[Iterator[int]], list[Done]]
"""Works off the mails whose indices it is given."""


class LoadError(Exception):
    """A mail was refused, or a client met something it cannot go on after."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of sending a set of mails once."""

    seconds: float
    """From the start of the first client to the end of the last."""
    latencies: tuple[float, ...]
    """Milliseconds, in the order of the mails."""
    degraded: int
    """Mails that the milter let pass without having done its work; known on its own socket only."""


def run(clients: int, count: int, job: Job) -> Run:
    """Has `clients` processes work off the mails 0 … count-1, each whichever comes next.

    `job` is called in every process with the indices that fall to it. Raises LoadError when a client
    failed or a mail was left over.
    """
    todo_read, todo_write = os.pipe()
    os.write(todo_write, b"".join(index.to_bytes(2) for index in range(count)))
    gate_read, gate_write = os.pipe()
    gc.freeze()  # nothing of the mails is copied because a child's collector walked over it
    children = []
    for _ in range(clients):
        result_read, result_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                for descriptor in (todo_write, gate_write, result_read):
                    os.close(descriptor)
                _child(job, gate_read, todo_read, result_write)
            finally:  # a copy of the benchmark must never go on beyond this point
                os._exit(0)
        os.close(result_write)
        children.append((pid, result_read))
    for descriptor in (todo_read, todo_write, gate_read, gate_write):
        os.close(descriptor)  # the last one opens the gate

    reports = []
    for pid, result_read in children:
        with os.fdopen(result_read) as pipe:
            reports.append(json.loads(pipe.read() or '{"error": "a client died"}'))
        os.waitpid(pid, 0)
    errors = [report["error"] for report in reports if "error" in report]
    if errors:
        raise LoadError(errors[0])
    done = sorted(entry for report in reports for entry in report["done"])
    if len(done) != count:
        raise LoadError(f"{count - len(done)} of {count} mails were not sent")
    return Run(
        max(report["end"] for report in reports) - min(report["start"] for report in reports),
        tuple(latency for _, latency, _ in done),
        sum(degraded for _, _, degraded in done),
    )


def _child(job: Job, gate: int, todo: int, result: int) -> None:
    os.read(gate, 1)  # end of file when all clients are there
    start = time.perf_counter()  # CLOCK_MONOTONIC: the same for all processes
    try:
        report = {"start": start, "done": job(_take(todo)), "end": time.perf_counter()}
    except Exception as error:
        report = {"error": f"{type(error).__name__}: {error}"}
    with os.fdopen(result, "w") as pipe:
        json.dump(report, pipe)


def _take(todo: int) -> Iterator[int]:
    while index := os.read(todo, 2):
        yield int.from_bytes(index)


def session_lengths() -> Iterator[int]:
    """How many mails go into a client's next session, without end."""
    while True:
        yield from SESSIONS


# -------------------------------------------------------------------- SMTP


def smtp_job(port: int, letters: list[Letter]) -> Job:
    """Delivers to 127.0.0.1:`port` as an MTA does: pipelining, several mails in some sessions."""
    prepared = [(_envelope(letter), _stuffed(letter.data)) for letter in letters]

    def job(indices: Iterator[int]) -> list[Done]:
        done: list[Done] = []
        lengths = session_lengths()
        session, left = None, 0
        for index in indices:
            if session is None:
                session, left = _SmtpSession(port), next(lengths)
            envelope, data = prepared[index]
            done.append((index, session.deliver(envelope, data), False))
            left -= 1
            if not left:
                session.quit()
                session = None
        if session is not None:
            session.quit()
        return done

    return job


class _SmtpSession:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")
        self._expect(b"2")
        self._socket.sendall(b"EHLO client.example\r\n")
        self._expect(b"2")

    def deliver(self, envelope: bytes, data: bytes) -> float:
        """Milliseconds from the first byte of `data` to the answer to its final dot."""
        self._socket.sendall(envelope)
        for wanted in (b"2", b"2", b"3"):
            self._expect(wanted)
        start = time.perf_counter()
        self._socket.sendall(data)
        self._expect(b"2")
        return (time.perf_counter() - start) * 1e3

    def quit(self) -> None:
        self._socket.sendall(b"QUIT\r\n")
        self._expect(b"2")
        self._replies.close()
        self._socket.close()

    def _expect(self, wanted: bytes) -> None:
        line = self._replies.readline()
        while line[3:4] == b"-":
            line = self._replies.readline()
        if line[:1] != wanted:
            raise LoadError(f"SMTP answer {line.decode('latin-1').strip() or 'end of file'!r}")


def _envelope(letter: Letter) -> bytes:
    return (
        f"MAIL FROM:<{letter.sender}> SIZE={len(letter.data)} BODY=8BITMIME\r\n"
        "RCPT TO:<help@desk.example>\r\nDATA\r\n"
    ).encode()


def _stuffed(data: bytes) -> bytes:
    """RFC 5321 §4.5.2."""
    return re.sub(rb"(?m)^\.", b"..", data) + b".\r\n"
