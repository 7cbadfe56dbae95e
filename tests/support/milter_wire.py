"""The MTA's side of the milter protocol, version 6, for talking to the real process.

Behaves as Postfix 3.7 does (src/milter/milter8.c): offers the same actions and steps, sends the
macros it sends, leaves out what was negotiated away, waits only where a reply was promised, stops
body chunks at SKIP and cuts them at 65535 bytes. Unlike Postfix it can also stop anywhere, say
nonsense and hang up.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

OFFERED_ACTIONS: Final = 0x1FF
OFFERED_STEPS: Final = 0x1FFFFF
CHUNK: Final = 65535
"""MILTER_CHUNK_SIZE: the most body bytes that one packet may carry."""

SKIP_ALLOWED: Final = 0x400
REJECTED_RECIPIENTS: Final = 0x800
LEADING_SPACE: Final = 0x100000

Address = Path | tuple[str, int]


class Verdict(StrEnum):
    """What a milter may answer to end a step, by its letter on the wire (SMFIR_*)."""

    ACCEPT = "a"
    CONTINUE = "c"
    DISCARD = "d"
    REJECT = "r"
    SKIP = "s"
    TEMPFAIL = "t"
    REPLYCODE = "y"
    SHUTDOWN = "4"
    CONNECTION_FAILED = "f"


VERDICTS: Final = frozenset(Verdict)


class Step(StrEnum):
    """The protocol steps of a session with one message, in their order."""

    NEGOTIATE = "O"
    CONNECT = "C"
    HELO = "H"
    MAIL = "M"
    RCPT = "R"
    DATA = "T"
    HEADER = "L"
    EOH = "N"
    BODY = "B"
    END = "E"


OMIT: Final = {
    Step.CONNECT: 0x1, Step.HELO: 0x2, Step.MAIL: 0x4, Step.RCPT: 0x8, Step.BODY: 0x10,
    Step.HEADER: 0x20, Step.EOH: 0x40, Step.DATA: 0x200,
}  # fmt: skip
"""SMFIP_NO*: the milter does not want the step at all."""
SILENT: Final = {
    Step.HEADER: 0x80, Step.CONNECT: 0x1000, Step.HELO: 0x2000, Step.MAIL: 0x4000,
    Step.RCPT: 0x8000, Step.DATA: 0x10000, Step.EOH: 0x40000, Step.BODY: 0x80000,
}  # fmt: skip
"""SMFIP_NR_*: the milter will not reply to the step."""


class DisconnectedError(Exception):
    """The milter closed the connection where a reply was due."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One message as Postfix would hand it over; header values without the blank after the colon."""

    headers: tuple[tuple[bytes, bytes], ...] = ((b"Subject", b"hello"),)
    body: bytes = b"Hello\r\n"
    sender: bytes = b"customer@example.org"
    recipients: tuple[bytes, ...] = (b"help@desk.example",)
    refused: tuple[bytes, ...] = ()
    """Recipients that Postfix refused itself: a milter hears of them only if it asked to."""
    login: bytes = b""
    queue_id: bytes = b"4Wx0ab1cd2z3ef"

    @classmethod
    def parse(cls, raw: bytes, **envelope: object) -> Self:
        """From the bytes of a mail, LF or CRLF; the header is split as Postfix splits it."""
        head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
        fields: list[tuple[bytes, bytes]] = []
        for line in head.split(b"\n"):
            if line[:1] in (b" ", b"\t") and fields:
                name, value = fields[-1]
                fields[-1] = (name, value + b"\n" + line)
            elif b":" in line:
                name, _, value = line.partition(b":")
                fields.append((name.rstrip(b" \t"), value.removeprefix(b" ")))
        body = body.replace(b"\n", b"\r\n")
        return cls(headers=tuple(fields), body=body, **envelope)  # type: ignore[arg-type] # test data


@dataclass(frozen=True, slots=True)
class Edit:
    """One modification request. `kind` is its letter: i insert, h add, m change, + 2 add recipient, …"""

    kind: str
    index: int = -1
    name: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of a message: the edits in the order they came, then the verdict."""

    verdict: Verdict
    edits: tuple[Edit, ...] = ()

    @property
    def inserted(self) -> list[tuple[str, str]]:
        """Inserted header fields, in the order of the requests."""
        return [(edit.name, edit.value) for edit in self.edits if edit.kind == "i"]

    @property
    def deleted(self) -> list[tuple[str, int]]:
        """Deleted header fields as (name, index), in the order of the requests."""
        return [(e.name, e.index) for e in self.edits if e.kind == "m" and not e.value]

    @property
    def tags(self) -> dict[str, str]:
        """Inserted header fields by name."""
        return dict(self.inserted)

    def applied_to(self, headers: tuple[tuple[bytes, bytes], ...]) -> list[tuple[str, str]]:
        """The header as Postfix would deliver it, by its rules (cleanup_milter.c).

        A change counts the fields of that name as they stand at that moment, case ignored, from 1;
        an insertion counts all fields, from 0.
        """
        fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in headers]
        for edit in self.edits:
            if edit.kind == "i":
                fields.insert(edit.index, (edit.name, edit.value))
            elif edit.kind == "h":
                fields.append((edit.name, edit.value))
            elif edit.kind == "m":
                same = [i for i, f in enumerate(fields) if f[0].lower() == edit.name.lower()]
                if edit.index <= len(same):
                    at = same[edit.index - 1]
                    fields[at : at + 1] = [(edit.name, edit.value)] if edit.value else []
        return fields


def packet(command: str, data: bytes = b"") -> bytes:
    """One packet: length (4 bytes, big endian, command included), command, data."""
    return struct.pack("!I", len(data) + 1) + command.encode() + data


def strings(*values: bytes) -> bytes:
    """NUL-terminated strings, one after the other."""
    return b"".join(value + b"\0" for value in values)


def macros(step: Step, values: dict[str, bytes]) -> bytes:
    """The macro packet (SMFIC_MACRO) that goes ahead of a step; empty values are not sent."""
    pairs = [part for name, value in values.items() if value for part in (name.encode(), value)]
    return packet("D", step.encode() + strings(*pairs))


def read_edit(kind: str, data: bytes) -> Edit:
    """Decode a modification request."""
    index = -1
    if kind in "im":
        (index,) = struct.unpack_from("!I", data)
        data = data[4:]
    name, value, *_ = [*(part.decode("latin-1") for part in data.split(b"\0")), "", ""]
    return Edit(kind, index, name, value)


class MilterSession:
    """One connection, as one SMTP session makes it. Raises `DisconnectedError` where the milter hangs up."""

    def __init__(
        self,
        address: Address,
        *,
        client_name: bytes = b"mail.customer.example",
        client_address: bytes = b"203.0.113.7",
        client_port: int = 40000,
        timeout: float = 30,
    ) -> None:
        self.client_name = client_name
        self.client_address = client_address
        self.client_port = client_port
        self.steps = 0
        self.actions = 0
        self.finished = False
        """True once the milter accepted the whole connection: Postfix then says no more to it."""
        if isinstance(address, Path):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(str(address))
        else:
            self.socket = socket.create_connection(address, timeout)
        self._stream = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def send(self, data: bytes) -> None:
        """Bytes as they are: packets, or anything else."""
        self.socket.sendall(data)

    def receive(self) -> tuple[str, bytes]:
        """The next packet that is not a sign of life (SMFIR_PROGRESS)."""
        while True:
            try:
                head = self._stream.read(5)
                if len(head) < 5:
                    raise DisconnectedError(f"after {head!r}")
                (length,) = struct.unpack_from("!I", head)
                data = self._stream.read(length - 1)
            except (ConnectionError, BrokenPipeError) as error:
                raise DisconnectedError(str(error)) from error
            if head[4:] != b"p":
                return head[4:].decode("latin-1"), data

    def open(self, until: Step = Step.HELO) -> Self:
        """Negotiate and greet, up to and including the step named."""
        self.send(packet(Step.NEGOTIATE, struct.pack("!III", 6, OFFERED_ACTIONS, OFFERED_STEPS)))
        command, data = self.receive()
        assert command == Step.NEGOTIATE, command
        version, self.actions, self.steps = struct.unpack_from("!III", data)
        assert version == 6
        if until is Step.NEGOTIATE:
            return self
        self.send(macros(Step.CONNECT, {
            "j": b"mx.test.example", "{daemon_name}": b"mx.test.example", "v": b"Postfix 3.7.11",
            "{client_addr}": self.client_address, "{client_name}": self.client_name,
            "{daemon_addr}": b"127.0.0.1", "{daemon_port}": b"25",
        }))  # fmt: skip
        family = b"6" if b":" in self.client_address else b"4"
        port = struct.pack("!H", self.client_port)
        verdict = self.step(
            Step.CONNECT, strings(self.client_name) + family + port + strings(self.client_address)
        )
        self.finished = verdict is Verdict.ACCEPT
        if until is Step.HELO and not self.finished:
            self.step(Step.HELO, strings(self.client_name))
        return self

    def step(self, step: Step, data: bytes = b"") -> Verdict | None:
        """One step, unless it was negotiated away; None when no reply was promised."""
        if self.steps & OMIT.get(step, 0):
            return None
        self.send(packet(step, data))
        if self.steps & SILENT.get(step, 0):
            return None
        return Verdict(self.receive()[0])

    def play(self, sample: Sample) -> Iterator[tuple[Step, Verdict | None]]:
        """The steps from MAIL to the last body chunk, each sent when the one before was taken."""
        macro_id = {"i": sample.queue_id}
        self.send(macros(Step.MAIL, {"{auth_authen}": sample.login, "{mail_addr}": sample.sender}))
        yield (
            Step.MAIL,
            self.step(Step.MAIL, strings(b"<" + sample.sender + b">", b"BODY=8BITMIME")),
        )
        for address in sample.refused if self.steps & REJECTED_RECIPIENTS else ():
            self.send(macros(Step.RCPT, {"{rcpt_mailer}": b"error", "{rcpt_addr}": address}))
            yield Step.RCPT, self.step(Step.RCPT, strings(b"<" + address + b">"))
        for address in sample.recipients:
            self.send(macros(Step.RCPT, {"{rcpt_mailer}": b"relay", "{rcpt_addr}": address}))
            yield Step.RCPT, self.step(Step.RCPT, strings(b"<" + address + b">"))
        self.send(macros(Step.DATA, macro_id))
        yield Step.DATA, self.step(Step.DATA)
        space = b" " if self.steps & LEADING_SPACE else b""
        for name, value in sample.headers:
            yield Step.HEADER, self.step(Step.HEADER, strings(name, space + value))
        self.send(macros(Step.EOH, macro_id))
        yield Step.EOH, self.step(Step.EOH)
        for start in range(0, len(sample.body), CHUNK):
            verdict = self.step(Step.BODY, sample.body[start : start + CHUNK])
            yield Step.BODY, verdict
            if verdict is Verdict.SKIP:
                assert self.steps & SKIP_ALLOWED, "SKIP without having negotiated it"
                break

    def end(self, sample: Sample) -> Reply:
        """End of message: send it, and collect the edits up to the verdict."""
        self.send(macros(Step.END, {"i": sample.queue_id}) + packet(Step.END))
        edits: list[Edit] = []
        while True:
            command, data = self.receive()
            if command in VERDICTS:
                return Reply(Verdict(command), tuple(edits))
            edits.append(read_edit(command, data))

    def message(self, sample: Sample) -> Reply:
        """A whole message. Ends with ABORT, which Postfix sends after every message (smtpd.c)."""
        if self.finished:
            return Reply(Verdict.ACCEPT)
        for _, verdict in self.play(sample):
            if verdict not in (None, Verdict.CONTINUE, Verdict.SKIP):
                return Reply(verdict)
        reply = self.end(sample)
        self.abort()
        return reply

    def stop_after(self, sample: Sample, last: Step) -> None:
        """Only the steps up to the first of the kind named; then silence."""
        for step, _ in self.play(sample):
            if step is last:
                return

    def abort(self) -> None:
        """Forget the message (RSET, or a client that went away in DATA)."""
        self.send(packet("A"))

    def quit(self) -> None:
        """End the session as QUIT does, and wait for the milter to hang up."""
        self.send(packet("Q"))
        assert self._stream.read(1) == b"", "a milter does not answer QUIT"
        self.drop()

    def drop(self) -> None:
        """Hang up without a word."""
        self._stream.close()
        self.socket.close()


def tag(address: Address, sample: Sample, **client: object) -> Reply:
    """One message in a session of its own."""
    with MilterSession(address, **client).open() as session:  # type: ignore[arg-type] # passed on
        return session.message(sample)
