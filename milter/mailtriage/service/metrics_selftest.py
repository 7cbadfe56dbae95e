"""A mail of our own through the real socket, again and again: does the milter still tag?

It comes from no customer (a network for documentation, RFC 5737), is for no mailbox, has no sender
that could be answered, and a queue id that no Postfix gives: by that the service knows it, and
neither counts nor logs it. What it shows is what Postfix would see: socket, worker, analyser, tags.
"""

import os
import select
import signal
import socket
import struct
import time
from typing import Final

from mailtriage.config.endpoints import SocketAddress, parse_socket
from mailtriage.doors.analysis import Analyst, direction
from mailtriage.mail.model import Client
from mailtriage.service.channel import ALIVE, DRAIN, READY, TICK
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_names import (
    SELFTEST,
    SELFTEST_ANSWER,
    SELFTEST_DURATION,
    SELFTEST_TIME,
)
from mailtriage.tags.vocabulary import DRY_RUN, PREFIX
from mailtriage.triage.model import Direction

QUEUE_ID: Final = "mailtriage.selftest"
"""Postfix's own have letters and digits alone."""

EVERY: Final = 30.0
"""Seconds between two mails."""
AGAIN: Final = 5.0
"""Seconds after one that did not come back."""
SPARE: Final = 5.0
"""Seconds that it may take beyond milter.deadline."""
FRESH: Final = 90.0
"""Seconds for which one that came back says that all is well."""

CLIENT: Final = Client("192.0.2.1", "selftest.invalid", "", "smtp")
HEADERS: Final = (
    (b"From", b"mailtriage <selftest@selftest.invalid>"),
    (b"To", b"selftest@selftest.invalid"),
    (b"Subject", b"Self-test"),
    (b"Content-Type", b"text/plain; charset=utf-8"),
)
BODY: Final = b"Hello,\r\nI have a question about my invoice.\r\n"

_VERSION: Final = 6
_ACTIONS: Final = 0x1FF
_STEPS: Final = 0x1FFFFF
_MOST: Final = 1 << 20

# (command, SMFIP_NO* bit, SMFIP_NR_* bit): the step is not wanted; it is wanted without a reply.
_CONNECT: Final = ("C", 0x1, 0x1000)
_MAIL: Final = ("M", 0x4, 0x4000)
_RCPT: Final = ("R", 0x8, 0x8000)
_HEADER: Final = ("L", 0x20, 0x80)
_END_OF_HEADER: Final = ("N", 0x40, 0x40000)
_BODY: Final = ("B", 0x10, 0x80000)

STATUS_FIELD: Final = f"{PREFIX}-Status"


class SelfTestError(Exception):
    """The mail did not come back as it should; the message says how."""


def run_selftest(
    milter: str, analyst: Analyst, listen_fd: int, control: socket.socket, log: Log
) -> None:
    """The life of the process, from the fork to the exit; never returns.

    `milter` is the address that Postfix would be told; `listen_fd` is not needed.
    """
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.close(listen_fd)
    log.start_thread()
    limit = analyst.config.milter.deadline + SPARE
    tagged = direction(analyst.config, CLIENT) is Direction.INBOUND
    tagged = tagged and not analyst.config.exempt.why(CLIENT.address, (), ())
    deltas = Deltas()
    control.sendall(READY)
    due = time.monotonic()
    failing = False
    while True:
        if time.monotonic() >= due:
            fault = _tell(parse_socket(milter), limit, deltas, tagged=tagged)
            if fault and not failing:
                log.line("error", {"event": "selftest", "state": "failed", "fault": fault})
            elif failing and not fault:
                log.line("info", {"event": "selftest", "state": "passed"})
            failing = bool(fault)
            due = time.monotonic() + (AGAIN if failing else EVERY)
        try:
            deltas.flush(control)
            control.sendall(ALIVE)
            if select.select([control], [], [], TICK)[0] and control.recv(1) in (b"", DRAIN):
                break
        except OSError:
            break
    log.line("info", {"event": "worker-left", "pid": os.getpid(), "door": "selftest"})
    log.flush()
    os._exit(0)


def _tell(address: SocketAddress, limit: float, deltas: Deltas, *, tagged: bool) -> str:
    """Send one mail; return what was wrong with it, or ""."""
    begun = time.monotonic()
    try:
        status = send_one(address, limit)
    except (OSError, ValueError, SelfTestError) as error:
        deltas.set(SELFTEST, value=0)
        return str(error) or type(error).__name__
    deltas.set(SELFTEST_ANSWER, value=time.time())
    deltas.set(SELFTEST_DURATION, value=time.monotonic() - begun)
    passed = status == "ok" or not tagged
    deltas.set(SELFTEST, value=int(passed))
    if not passed:
        return f"it came back with status {status or 'none'}"
    deltas.set(SELFTEST_TIME, value=time.time())
    return ""


def send_one(address: SocketAddress, limit: float) -> str:
    """One mail in a session of its own, as Postfix would bring it; `limit` seconds a reply.

    Returns what our status field says that the milter adds; empty when it adds none. Raises
    SelfTestError, OSError.
    """
    family = socket.AF_UNIX if address.kind == "unix" else socket.AF_INET
    if ":" in address.host:
        family = socket.AF_INET6
    place = address.path if address.kind == "unix" else (address.host, address.port)
    with socket.socket(family) as sock:
        sock.settimeout(limit)
        sock.connect(place)
        status = _Session(sock).mail()
        sock.sendall(_packet("Q"))
    return status


class _Session:
    """The MTA's side of the milter protocol, version 6, as far as one small mail needs it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock: Final = sock
        self._stream: Final = sock.makefile("rb")
        self._steps = 0

    def mail(self) -> str:
        """See `send_one`."""
        self._sock.sendall(_packet("O", struct.pack("!III", _VERSION, _ACTIONS, _STEPS)))
        command, data = self._receive()
        if command != "O" or len(data) < struct.calcsize("!III"):
            raise SelfTestError(f"it does not speak the milter protocol: {command!r}")
        self._steps = struct.unpack_from("!III", data)[2]
        name, address = CLIENT.name.encode(), CLIENT.address.encode()
        peer = name + b"\0" + b"4" + struct.pack("!H", 25) + address + b"\0"
        self._step(_CONNECT, peer)
        self._step(_MAIL, b"<>\0")
        self._step(_RCPT, b"<selftest@selftest.invalid>\0")
        for field, value in HEADERS:
            self._step(_HEADER, field + b"\0" + value + b"\0")
        self._step(_END_OF_HEADER)
        self._step(_BODY, BODY)
        macro = b"Ei\0" + QUEUE_ID.encode() + b"\0"
        self._sock.sendall(_packet("D", macro) + _packet("E"))
        return self._edits()

    def _edits(self) -> str:
        status = ""
        while True:
            command, data = self._receive()
            if command in ("c", "a"):
                return status
            if command not in "+2-himbqep":  # what else may come before the verdict
                raise SelfTestError(f"the verdict was {command!r}")
            if command == "i":
                name, value = data[4:].decode("latin-1").rstrip("\0").split("\0", 1)
                status = value if name == STATUS_FIELD else status
                if name == DRY_RUN and not status:
                    # Of a mail that gets no tags ([dry_run]); a status that is not ok stands here.
                    status = value.partition("status=")[2].rstrip(";") or "ok"

    def _step(self, step: tuple[str, int, int], data: bytes = b"") -> None:
        command, unwanted, silent = step
        if self._steps & unwanted:
            return
        self._sock.sendall(_packet(command, data))
        if self._steps & silent:
            return
        reply = self._receive()[0]
        if reply not in ("c", "s"):
            raise SelfTestError(f"the reply to {command} was {reply!r}")

    def _receive(self) -> tuple[str, bytes]:
        head = self._stream.read(5)
        if len(head) < 5:
            raise SelfTestError("it hung up")
        (length,) = struct.unpack_from("!I", head)
        if not 0 < length < _MOST:
            raise SelfTestError("it does not speak the milter protocol")
        return head[4:].decode("latin-1"), self._stream.read(length - 1)


def _packet(command: str, data: bytes = b"") -> bytes:
    return struct.pack("!I", len(data) + 1) + command.encode() + data
