"""Fixtures of the desk's tests: its two processes, an LMTP client and a server to hand mail to."""

import os
import secrets
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.service.channel import DRAIN
from mailtriage.state.outbox import Outbox
from mailtriage.state.secret import make_secret
from mailtriage.state.sqlite import open_database
from mailtriage.state.store import Inbound, NewAck, Store
from tests.support.serve import wait_for
from tests.support.smtp import SmtpClient, SmtpReply, stuffed

ROOT = Path(__file__).resolve().parents[2]
MAIL = b"From: Ann <ann@example.org>\r\nSubject: Hello\r\n\r\nWhere is it?\r\n"


class Lmtp(SmtpClient):
    """An LMTP session (RFC 2033)."""

    def greeted(self) -> Self:
        self.command("LHLO test.example")
        return self

    def deliver(
        self, message: bytes, *recipients: str, sender: str = "ann@example.org"
    ) -> list[SmtpReply]:
        """The replies to the final dot, one for each recipient."""
        self.envelope(recipients, sender)
        self.command("DATA", 3)
        self.send(stuffed(message))
        return [self.receive() for _ in recipients]


@dataclass(frozen=True)
class Taken:
    """One mail that the server took, and how it was handed in."""

    mail: str
    """The MAIL command."""
    rcpt: str
    """The RCPT command."""
    message: bytes
    """As sent, dots unstuffed."""


Script = Callable[[str, str], str]
"""Verb ("CONNECT" for the greeting, "DOT" for the end of the message) and line (of DATA and DOT: the
RCPT) → the reply to give instead of the usual one, "HANG", "CLOSE" or "SLOW"; empty: the usual."""


class _SmtpSession(socketserver.StreamRequestHandler):
    server: "MailServer"

    def handle(self) -> None:
        self.server.sessions += 1
        if not self.reply("CONNECT", "", "220 server"):
            return
        mail = rcpt = ""
        while line := self.rfile.readline().decode("utf-8").strip():
            verb = line.partition(" ")[0].upper()
            usual = {"DATA": "354 go on", "QUIT": "221 bye", "ETRN": "250 2.0.0 Queuing started"}
            if verb == "EHLO":
                names = ["server", *self.server.extensions]
                usual["EHLO"] = "\r\n".join(
                    f"250{'-' if name != names[-1] else ' '}{name}" for name in names
                )
            if verb == "MAIL":
                mail = line
            if verb == "RCPT":
                rcpt = line
            self.server.commands.append(line)
            about = rcpt if verb == "DATA" else line
            if not self.reply(verb, about, usual.get(verb, "250 2.0.0 ok")) or verb == "QUIT":
                return
            if verb == "DATA" and self.went_on:
                lines = []
                while (text := self.rfile.readline()) != b".\r\n":
                    if not text:
                        return
                    lines.append(text[1:] if text.startswith(b".") else text)
                taken = Taken(mail, rcpt, b"".join(lines))
                with self.server.changed:
                    self.server.seen.append(taken)
                if not self.reply("DOT", rcpt, "250 2.0.0 queued", taken):
                    return

    def reply(self, verb: str, line: str, usual: str, taken: Taken | None = None) -> bool:
        """Answer as the script says; False when the session is over."""
        said = self.server.script(verb, line) or usual
        if said == "HANG":
            self.server.release.wait(60)
            return False
        if said == "CLOSE":
            return False
        if said == "SLOW":
            said = usual
            time.sleep(1)
        if taken and said.startswith("2"):
            with self.server.changed:
                self.server.taken.append(taken)
        self.went_on = said.startswith("3")
        self.wfile.write(f"{said}\r\n".encode())
        return not said.startswith("421")


class MailServer(socketserver.ThreadingTCPServer):
    """The server that acknowledgements are handed to; does what its script says."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _SmtpSession)
        self.port: int = self.server_address[1]
        self.extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "DSN", "SMTPUTF8")
        self.script: Script = lambda verb, line: ""
        self.taken: list[Taken] = []
        """Answered with 2xx."""
        self.seen: list[Taken] = []
        """Received up to the dot, whatever the answer."""
        self.commands: list[str] = []
        self.sessions = 0
        self.changed = threading.Condition()
        self.release = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed is no matter."""

    def stop(self) -> None:
        self.release.set()
        self.shutdown()
        self.server_close()

    def verbs(self) -> list[str]:
        return [line.partition(" ")[0].upper() for line in self.commands]


@dataclass
class House:
    """A configuration, a state file and the processes that work on it."""

    directory: Path
    submit_port: int
    listener: socket.socket
    tokens: Tokens
    toml: str = (
        '[mailboxes."help@desk.example"]\nname = "Desk"\nupdates = "send"\nsurvey = "send"\n'
        '[return_addresses]\ndomain = "triage.desk.example"\n'
    )
    """Further sections of the configuration."""
    ack: str = ""
    """Further lines of its [ack]."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    controls: dict[str, socket.socket] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def database(self) -> Path:
        return self.directory / "state.db"

    def start(self, role: str, *wrapper: str) -> None:
        """Start "desk" or "acks", and wait until it says that it is ready."""
        config = self.directory / "mailtriage.toml"
        config.write_text(
            f'[state]\nurl = "sqlite://{self.database}"\n[milter]\ndrain = "3s"\n{self.toml}\n'
            f'[ack]\nsubmit = "127.0.0.1:{self.submit_port}"\n{self.ack}\n'
        )
        ours, theirs = socket.socketpair()
        fds = (self.listener.fileno(), theirs.fileno())
        command = [*wrapper, sys.executable, str(Path(__file__).with_name("process.py"))]
        with (self.directory / "log").open("ab") as log:
            self.processes[role] = subprocess.Popen(
                [*command, role, str(config), *map(str, fds)],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT / "milter")},
            )
        theirs.close()
        self.controls[role] = ours
        ours.settimeout(60)
        assert ours.recv(1) == b"R", self.log()

    def kill(self, role: str) -> None:
        process = self.processes.pop(role)
        process.kill()
        process.wait()
        self.controls.pop(role).close()

    def drain(self, role: str, timeout: float = 20) -> None:
        """As the supervisor ends it."""
        process = self.processes.pop(role)
        with self.controls.pop(role) as control:
            control.sendall(DRAIN)
            assert process.wait(timeout) == 0, self.log()

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def connect(self) -> Lmtp:
        return Lmtp(self.port).greeted()

    def recipient(self, key: bytes | None = None) -> str:
        return self.tokens.hidden_recipient(key or secrets.token_bytes(16), "in")

    def rows(self) -> dict[bytes, tuple[str, int, str]]:
        """State, attempts and error of each row of the outbox."""
        with self.connection() as connection:
            found = connection.execute(
                "SELECT key, state, attempts, coalesce(nullif(error, ''), rule) FROM outbox"
            )
            return {key: (state, attempts, why) for key, state, attempts, why in found}

    def counts(self) -> dict[str, int]:
        with self.outbox() as outbox:
            return dict(outbox.counts())

    def owe(
        self,
        address: str = "ann@example.org",
        message: bytes = b"Subject: thanks\r\n\r\n.dot\r\nbye\r\n",
        *,
        expires: float = 1800,
        waiting: bool = False,
        due: float = 0,
    ) -> bytes:
        """Put an acknowledgement into the outbox as the desk does; its key."""
        key, now = secrets.token_bytes(16), time.time()
        inbound = Inbound(
            key, "help@desk.example", address, "", "", f"<{key.hex()}@example.org>", (), now,
            "", "sent", "human", "general", "normal", "en", "none", "new", 0.0,
        )  # fmt: skip
        ack = NewAck(
            key, "help@desk.example", address, address.rpartition("@")[2], message, now, now + due,
            now + expires, waiting=waiting,
        )  # fmt: skip
        with self.connection() as connection:
            store = Store(connection, self.tokens)
            with store.transaction():
                store.record_inbound(inbound, ack)
        return key

    def wait_state(self, key: bytes, *states: str, timeout: float = 30) -> tuple[str, int, str]:
        """Until the row is in one of these states."""
        wait_for(lambda: self.rows()[key][0] in states, f"{states} in {self.rows()}", timeout)
        return self.rows()[key]

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of our own to the state."""
        with closing(open_database(self.database)) as connection:
            yield connection

    @contextmanager
    def outbox(self) -> Iterator[Outbox]:
        """The outbox, as another process sees it."""
        with self.connection() as connection:
            yield Outbox(connection)

    def lock(self) -> sqlite3.Connection:
        """Another process's write transaction, which lasts until it is closed."""
        other = sqlite3.connect(self.database, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        return other


@contextmanager
def running_server() -> Iterator[MailServer]:
    """A mail server that takes everything, until its script says otherwise."""
    server = MailServer()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def empty_house(directory: Path, server: MailServer) -> Iterator[House]:
    """Nothing runs yet."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(0)
        house = House(directory, server.port, listener, Tokens(make_secret(directory / "secret")))
        try:
            yield house
        finally:
            for role in tuple(house.processes):
                house.kill(role)


@pytest.fixture
def server() -> Iterator[MailServer]:
    """For one test."""
    with running_server() as server:
        yield server


@pytest.fixture
def house(tmp_path: Path, server: MailServer) -> Iterator[House]:
    """For one test, which starts what it needs."""
    with empty_house(tmp_path, server) as house:
        yield house


@pytest.fixture
def desk(house: House) -> House:
    """The desk runs."""
    house.start("desk")
    return house


@pytest.fixture
def worker(house: House) -> House:
    """The ack worker runs; no desk does."""
    house.start("acks")
    return house


@pytest.fixture(scope="module")
def shared_server() -> Iterator[MailServer]:
    """For the tests of a module that leave it as it was."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def shared_desk(
    tmp_path_factory: pytest.TempPathFactory, shared_server: MailServer
) -> Iterator[House]:
    """The desk runs, for the tests of a module that only deliver mail."""
    with empty_house(tmp_path_factory.mktemp("house"), shared_server) as house:
        house.start("desk")
        yield house


@pytest.fixture(scope="module")
def shared_worker(
    tmp_path_factory: pytest.TempPathFactory, shared_server: MailServer
) -> Iterator[House]:
    """The ack worker runs, for the tests of a module that only owe acknowledgements."""
    with empty_house(tmp_path_factory.mktemp("house"), shared_server) as house:
        house.start("acks")
        yield house
