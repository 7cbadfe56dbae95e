"""A milter client that speaks as Postfix does, for load on the milter's socket alone.

It waits for an answer exactly where the negotiation left one to wait for, sends nothing that was
declined, ends the body when the milter says SKIP, cuts the body into chunks of 65535 bytes and
opens one milter connection per SMTP session (libmilter's mfdef.h; Postfix src/milter/milter8.c).
"""

import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.corpus import Letter
from tests.bench.load import TIMEOUT, Done, Job, LoadError, session_lengths

_CHUNK: Final = 65535
_ALL_ACTIONS: Final = 0x1FF
_ALL_STEPS: Final = 0x1FFFFF

# For each command: the bit that declines it and the bit that leaves it unanswered (SMFIP_NO*, SMFIP_NR_*).
_CONNECT: Final = (0x01, 0x1000)
_HELO: Final = (0x02, 0x2000)
_MAIL: Final = (0x04, 0x4000)
_RCPT: Final = (0x08, 0x8000)
_BODY: Final = (0x10, 0x80000)
_HEADER: Final = (0x20, 0x80)
_EOH: Final = (0x40, 0x40000)
_DATA: Final = (0x200, 0x10000)

_FIELD: Final = re.compile(rb"^([^:\r\n\t ]+):[ \t]?([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", re.MULTILINE)


@dataclass(slots=True)
class Verdict:
    """What the milter did to one mail."""

    added: list[tuple[str, str]] = field(default_factory=list)
    """Header fields put in, wherever."""
    deleted: list[tuple[str, int]] = field(default_factory=list)
    """Header fields taken out: name and index from 1."""
    final: str = ""
    """"a" accept, "c" continue, anything else stops the mail."""

    @property
    def degraded(self) -> bool:
        """Whether it says of itself that it did not get to the end of its work."""
        return dict(self.added).get("X-Mailtriage-Status", "ok") not in {"ok", "unread"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A mail cut into the packets that Postfix would send."""

    sender: bytes
    headers: tuple[bytes, ...]
    body: tuple[bytes, ...]


def prepare(letter: Letter) -> Prepared:
    """The packets of one mail."""
    head, _, body = letter.data.partition(b"\r\n\r\n")
    headers = (
        _packet(b"L", name + b"\0" + value.replace(b"\r\n", b"\n") + b"\0")
        for name, value in _FIELD.findall(head)
    )
    chunks = (_packet(b"B", body[at : at + _CHUNK]) for at in range(0, len(body), _CHUNK))
    return Prepared(letter.sender.encode(), tuple(headers), tuple(chunks))


def milter_job(path: Path, letters: list[Letter]) -> Job:
    """Hands the mails to the milter on the unix socket `path`, in the same sessions as over SMTP."""
    prepared = [prepare(letter) for letter in letters]

    def job(indices: Iterator[int]) -> list[Done]:
        done: list[Done] = []
        lengths = session_lengths()
        session, left = None, 0
        for index in indices:
            if session is None:
                session, left = MilterSession(path), next(lengths)
            start = time.perf_counter()
            verdict = session.deliver(prepared[index])
            done.append((index, (time.perf_counter() - start) * 1e3, verdict.degraded))
            left -= 1
            if not left:
                session.quit()
                session = None
        if session is not None:
            session.quit()
        return done

    return job


class MilterSession:
    """One milter connection, up to and including HELO; then any number of mails."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(str(path))
        self._received = bytearray()
        self._pending: list[bytes] = []
        self._steps = 0
        self._pending.append(_packet(b"O", struct.pack("!III", 6, _ALL_ACTIONS, _ALL_STEPS)))
        code, options = self._answer()
        if code != "O":
            raise LoadError(f"the milter answered {code!r} to the negotiation")
        self._steps = struct.unpack("!III", options[:12])[2]
        self._macros("C", j="mx.bench.test", daemon_name="mx.bench.test", v="Postfix")
        self._command(
            b"C",
            b"client.example\0" + b"4" + struct.pack("!H", 40000) + b"198.51.100.7\0",
            _CONNECT,
        )
        self._command(b"H", b"client.example\0", _HELO)

    def deliver(self, mail: Prepared) -> Verdict:
        """Sends one mail; raises LoadError unless the milter lets it pass."""
        self._macros(
            "M",
            i="4ABCDEF0123456",
            mail_addr=mail.sender.decode(),
            mail_host="client.example",
            mail_mailer="smtp",
        )
        self._command(b"M", b"<" + mail.sender + b">\0BODY=8BITMIME\0", _MAIL)
        self._macros(
            "R",
            i="4ABCDEF0123456",
            rcpt_addr="help@desk.example",
            rcpt_host="desk.example",
            rcpt_mailer="smtp",
        )
        self._command(b"R", b"<help@desk.example>\0", _RCPT)
        self._macros("T", i="4ABCDEF0123456")
        self._command(b"T", b"", _DATA)
        for packet in mail.headers:
            self._send(packet, _HEADER)
        self._macros("N", i="4ABCDEF0123456")
        self._command(b"N", b"", _EOH)
        for packet in mail.body:
            if self._send(packet, _BODY) == "s":
                break
        self._macros("E", i="4ABCDEF0123456")
        self._pending.append(_packet(b"E"))
        verdict = self._verdict()
        # Postfix ends each mail with an abort, which resets the milter's state.
        self._pending.append(_packet(b"A"))
        return verdict

    def quit(self) -> None:
        """Ends the connection."""
        self._pending.append(_packet(b"Q"))
        self._flush()
        self._socket.close()

    def _verdict(self) -> Verdict:
        verdict = Verdict()
        while not verdict.final:
            code, data = self._answer()
            if code in "hi":
                name, value = data[4 if code == "i" else 0 :].split(b"\0")[:2]
                verdict.added.append((name.decode("latin-1"), value.decode("latin-1")))
            elif code == "m":
                name, value = data[4:].split(b"\0")[:2]
                if not value:
                    verdict.deleted.append((name.decode("latin-1"), int.from_bytes(data[:4])))
            elif code in "acrtdy":
                verdict.final = code
        if verdict.final not in "ac":
            raise LoadError(f"the milter stopped a mail with {verdict.final!r}")
        return verdict

    def _command(self, code: bytes, data: bytes, step: tuple[int, int]) -> str:
        return self._send(_packet(code, data), step)

    def _send(self, packet: bytes, step: tuple[int, int]) -> str:
        """The code of the answer, "c" when none is awaited."""
        declined, unanswered = step
        if self._steps & declined:
            return "c"
        self._pending.append(packet)
        if self._steps & unanswered:
            return "c"
        code, _ = self._answer()
        if code not in "cs":
            raise LoadError(f"the milter answered {code!r} before the end of a mail")
        return code

    def _macros(self, command: str, **macros: str) -> None:
        pairs = "".join(
            f"{name if len(name) == 1 else '{' + name + '}'}\0{value}\0"
            for name, value in macros.items()
        )
        self._pending.append(_packet(b"D", (command + pairs).encode()))

    def _flush(self) -> None:
        """All that was held back goes out in one write, as from Postfix's buffered stream."""
        self._socket.sendall(b"".join(self._pending))
        self._pending.clear()

    def _answer(self) -> tuple[str, bytes]:
        self._flush()
        code = "p"
        data = b""
        while code == "p":  # progress: wait on
            self._fill(4)
            length = int.from_bytes(self._received[:4])
            self._fill(4 + length)
            code, data = chr(self._received[4]), bytes(self._received[5 : 4 + length])
            del self._received[: 4 + length]
        return code, data

    def _fill(self, size: int) -> None:
        while len(self._received) < size:
            more = self._socket.recv(65536)
            if not more:
                raise LoadError("the milter closed the connection")
            self._received += more


def _packet(code: bytes, data: bytes = b"") -> bytes:
    return struct.pack("!I", len(data) + 1) + code + data
