"""Postfix's side of the milter protocol, version 6, for one canned mail.

As much of it as a polite question needs: what was negotiated away is not sent, and no reply is
waited for where none was promised (libmilter's mfdef.h; Postfix's src/milter/milter8.c).
"""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailtriage.doctor.reach import connected

Fields = Sequence[tuple[str, str]]

_VERSION: Final = 6
_ACTIONS: Final = 0x1FF
_STEPS: Final = 0x0FFFFF
"""All that Postfix offers, but for the blank after the colon of a header field."""
_TIME_LIMIT: Final = 10.0
_MOST: Final = 1 << 20
_CONTINUE: Final = "cs"
_VERDICTS: Final = "acdrsty4f"
_OMIT: Final = {"C": 0x1, "H": 0x2, "M": 0x4, "R": 0x8, "B": 0x10, "L": 0x20, "N": 0x40, "T": 0x200}
_SILENT: Final = {
    "L": 0x80, "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "N": 0x40000,
    "B": 0x80000,
}  # fmt: skip


class MilterError(Exception):
    """A milter did not do what the protocol says; the message tells what instead."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that nobody gets."""

    fields: tuple[tuple[str, str], ...]
    sender: str
    recipient: str
    client: str = "203.0.113.7"
    """IPv4 address of the client; of a network that exists in documents alone (RFC 5737)."""
    body: str = "Where is my parcel?\r\n"


def passed(place: str, letter: Letter) -> Fields:
    """The mail's header as it is behind the milter at `place` ("unix:/path", "inet:host:port").

    Raises MilterError, and OSError when nobody answers.
    """
    with connected(place, _TIME_LIMIT) as sock:
        return _Session(sock).play(letter)


class _Session:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._stream = sock.makefile("rb")
        self._steps = 0

    def play(self, letter: Letter) -> Fields:
        self._send("O", struct.pack("!III", _VERSION, _ACTIONS, _STEPS))
        kind, data = self._receive()
        if kind != "O":
            raise MilterError("it does not speak the milter protocol")
        _, _, self._steps = struct.unpack_from("!III", data)
        name = "client.mailtriage.invalid"
        host = _strings(name) + b"4" + struct.pack("!H", 40000) + _strings(letter.client)
        self._macros("C", j="doctor", v="doctor", client_addr=letter.client, client_name=name)
        steps: list[tuple[str, bytes]] = [("C", host), ("H", _strings(name))]
        steps += [("M", _strings(f"<{letter.sender}>")), ("R", _strings(f"<{letter.recipient}>"))]
        steps += [("T", b"")]
        steps += [("L", _strings(field, value)) for field, value in letter.fields]
        steps += [("N", b""), ("B", letter.body.encode())]
        for step, payload in steps:
            if not self._step(step, payload):
                return letter.fields
        self._macros("E", i="DOCTOR")
        self._send("E")
        fields = self._edited(list(letter.fields))
        self._send("Q")
        return fields

    def _step(self, step: str, data: bytes) -> bool:
        """Whether the milter wants to see more of this mail."""
        if self._steps & _OMIT[step]:
            return True
        self._send(step, data)
        if self._steps & _SILENT[step]:
            return True
        kind, _ = self._receive()
        if kind in _CONTINUE:
            return True
        if kind == "a":
            return False
        raise MilterError(f"it refuses the mail at step {step} (answer '{kind}')")

    def _edited(self, fields: list[tuple[str, str]]) -> Fields:
        while True:
            kind, data = self._receive()
            if kind in _VERDICTS:
                if kind not in "ac":
                    raise MilterError(f"it refuses the mail (answer '{kind}')")
                return fields
            _apply(kind, data, fields)

    def _macros(self, step: str, **values: str) -> None:
        pairs = [
            part
            for name, value in values.items()
            for part in (name if len(name) == 1 else f"{{{name}}}", value)
        ]
        self._send("D", step.encode() + _strings(*pairs))

    def _send(self, kind: str, data: bytes = b"") -> None:
        self._sock.sendall(struct.pack("!I", len(data) + 1) + kind.encode() + data)

    def _receive(self) -> tuple[str, bytes]:
        """The next packet that is not a sign of life."""
        while True:
            head = self._stream.read(5)
            if len(head) < 5:
                raise MilterError("it hung up")
            (length,) = struct.unpack_from("!I", head)
            if not 1 <= length <= _MOST:
                raise MilterError("it does not speak the milter protocol")
            data = self._stream.read(length - 1)
            if head[4:] != b"p":
                return head[4:].decode("latin-1"), data


def _apply(kind: str, data: bytes, fields: list[tuple[str, str]]) -> None:
    """One edit, by Postfix's rules (cleanup_milter.c): a change counts the fields of that name."""
    if kind not in "him":
        return
    index = 0
    if kind in "im":
        (index,) = struct.unpack_from("!I", data)
        data = data[4:]
    parts = [part.decode("utf-8", "replace") for part in data.split(b"\0")]
    name, value = parts[0], parts[1]
    if kind == "h":
        fields.append((name, value))
    elif kind == "i":
        fields.insert(index, (name, value))
    else:
        same = [at for at, field in enumerate(fields) if field[0].lower() == name.lower()]
        if 1 <= index <= len(same):
            at = same[index - 1]
            fields[at : at + 1] = [(name, value)] if value else []


def _strings(*values: str) -> bytes:
    return b"".join(value.encode() + b"\0" for value in values)
