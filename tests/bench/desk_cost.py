"""What a mail costs at the desk after Postfix has accepted it, by where the time goes.

    python -m tests.bench.desk_cost [--short] [--mails 400] [--rounds 7] [--directory DIR]

Sealed copies as the milter makes them go over LMTP to the real desk, as `serve` forks it, on a
database with `synchronous=FULL` in DIR; each leads to a conversation and an acknowledgement. The
real ack worker hands those to a server that says 250 to everything. At last a human answers each
mail. CPU time of the process alone, start-up excluded, by the clocks of its threads: medians of
rounds. The host's noise is in them, so that two versions are compared in one sitting. It never
fails on a figure.
"""

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import socketserver
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailtriage.acks.tokens import Tokens
from mailtriage.desk import handle
from mailtriage.desk.handle import Handler
from mailtriage.doors.analysis import Analyst
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.service import desk
from mailtriage.service.ack_worker import run_ack_worker
from mailtriage.service.channel import DRAIN
from mailtriage.service.load import read_everything
from mailtriage.service.log import Log
from mailtriage.state.sqlite import open_database
from mailtriage.tags.apply import apply_edits, header_names
from tests.bench import cpu
from tests.bench.desk import Letter, letters, play
from tests.support.serve import wait_for
from tests.support.smtp import stuffed

CONNECTIONS: Final = (1, 8)
"""A quiet hour, and a busy one; Postfix opens up to 20 (lmtp_destination_concurrency_limit)."""

WANTED: Final = 1.0
"""Milliseconds of CPU that a mail should cost at the desk."""

CONFIG: Final = """
[state]
url = "sqlite://{directory}/state.db"
[milter]
listen = "unix:{directory}/milter.sock"
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[networks]
outbound = ["192.0.2.0/24"]
[calendars.office]
timezone = "Europe/Berlin"
country = "DE"
region = "BE"
monday = "09:00-12:00, 13:00-17:00"
tuesday = "09:00-12:00, 13:00-17:00"
wednesday = "09:00-12:00, 13:00-17:00"
thursday = "09:00-12:00, 13:00-17:00"
friday = "09:00-15:00"
[mailboxes."help@desk.example"]
name = "Example Ltd Customer Service"
[ack]
submit = "127.0.0.1:{port}"
[ack.limits]
per_network = 1000000
per_domain = 1000000
per_hour = 10000000
burst = 1000000
"""

ANSWER: Final = """\
From: Example Ltd Customer Service <help@desk.example>
To: Ann Smith <ann@customer{number}.example>
Subject: Re: Where is my order {number}?
Message-ID: <answer{number}@desk.example>
In-Reply-To: <{number}@customer{number}.example>
References: <{number}@customer{number}.example>
Date: {date}
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Hello Ann,

your kettle left our warehouse this morning.
"""

PARTS: Final = {
    "loop": "LMTP and event loop",
    "prepare": "prepare: open the copy, read the header, the seal",
    "hop": "handing it to the threads that prepare",
    "apply": "apply: look up, decide, draft, write rows",
    "compose": "compose: the text, the message, the last look",
    "commit": "commit: transaction, savepoint, fsync, wake-ups",
    "rest": "the rest: log",
}


class Meter:
    """CPU time of the threads of this process, and of what they do; asked for through a pipe."""

    def __init__(self) -> None:
        self._done: Final = dict.fromkeys(("prepare", "apply", "compose"), 0.0)
        self._threads: Final[dict[str, dict[int, int]]] = {"prepare": {}, "apply": {}}
        self._lock: Final = threading.Lock()

    @contextlib.contextmanager
    def during(self, part: str) -> Iterator[None]:
        """Count what this thread uses."""
        ident = threading.get_ident()
        if part in self._threads and ident not in self._threads[part]:
            self._threads[part][ident] = time.pthread_getcpuclockid(ident)
        begun = time.thread_time()
        try:
            yield
        finally:
            spent = time.thread_time() - begun
            with self._lock:
                self._done[part] += spent

    def answer(self, questions: int, answers: int) -> None:
        """Until nobody asks any more, tell for each octet what was used so far."""
        loop = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
        while os.read(questions, 1):
            preparing, writing = (
                sum(map(time.clock_gettime, self._threads[part].values()))
                for part in ("prepare", "apply")
            )
            with self._lock:
                prepare, apply, compose = self._done.values()
            parts = {
                "all": time.process_time(),
                "loop": time.clock_gettime(loop),
                "prepare": prepare,
                "hop": preparing - prepare,
                "apply": apply - compose,
                "compose": compose,
                "commit": writing - apply,
            }
            parts["rest"] = 2 * parts["all"] - sum(parts.values())
            os.write(answers, json.dumps(parts).encode() + b"\n")


class Measured(Handler):
    """The desk's judgement, with a clock at its two doors."""

    meter = Meter()

    def prepare(self, *given: Any) -> Any:
        """See `Handler`."""
        with self.meter.during("prepare"):
            return super().prepare(*given)

    def apply(self, *given: Any) -> Any:
        """See `Handler`."""
        with self.meter.during("apply"):
            return super().apply(*given)


class _Taker(socketserver.StreamRequestHandler):
    """Says yes to everything, as fast as it can."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._serve()

    def _serve(self) -> None:
        self.wfile.write(b"220 server\r\n")
        while verb := self.rfile.readline()[:4].upper():
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
            if verb == b"EHLO":
                self.wfile.write(b"250-server\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 DSN\r\n")
            else:
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 ok\r\n")


@dataclass(frozen=True, slots=True)
class Place:
    """Where it all is."""

    directory: Path
    analyst: Analyst
    tokens: Tokens

    def owed(self) -> int:
        """Acknowledgements that wait to be sent."""
        with contextlib.closing(open_database(self.directory / "state.db")) as connection:
            query = "SELECT count(*) FROM outbox WHERE state IN ('READY', 'SENDING', 'RETRY')"
            return int(connection.execute(query).fetchone()[0])


@dataclass(frozen=True, slots=True)
class Desk:
    """The process that is measured."""

    pid: int
    port: int
    ask: int
    told: int

    def spent(self) -> dict[str, float]:
        """CPU seconds so far, by part."""
        os.write(self.ask, b"?")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += os.read(self.told, 65536)
        return dict(json.loads(answer))


@contextlib.contextmanager
def forked(run: Any, analyst: Analyst, listener: socket.socket) -> Iterator[int]:
    """A process of the service as its supervisor forks it; yields its id when it is ready."""
    ours, theirs = socket.socketpair()
    log = Log("info", os.open(os.devnull, os.O_WRONLY))
    pid = os.fork()
    if pid == 0:
        ours.close()
        run(analyst, listener.detach(), theirs, log)
        os._exit(1)
    theirs.close()
    ours.settimeout(60)
    try:
        if ours.recv(1) != b"R":
            raise RuntimeError("the process did not start")
        yield pid
        ours.sendall(DRAIN)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.waitpid(pid, 0)
        ours.close()


@contextlib.contextmanager
def measured_desk(analyst: Analyst) -> Iterator[Desk]:
    """The desk, whose parts are measured."""
    questions, ask = os.pipe()
    told, answers = os.pipe()

    def run(*given: Any) -> None:
        meter, compose = Measured.meter, handle.compose

        def measured_compose(*order: Any) -> bytes:
            with meter.during("compose"):
                return compose(*order)

        vars(handle)["compose"], vars(desk)["Handler"] = measured_compose, Measured
        threading.Thread(target=meter.answer, args=(questions, answers), daemon=True).start()
        desk.run_desk(*given)

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        with forked(run, analyst, listener) as pid:
            yield Desk(pid, port, ask, told)
    for end in (questions, ask, told, answers):
        os.close(end)


def answers_to(place: Place, numbers: range) -> list[Letter]:
    """Copies of what an agent wrote to the customers with these numbers."""
    made = []
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    envelope, client = Envelope("help@desk.example", ("ann@x.example",)), Client("192.0.2.7")
    for number in numbers:
        raw = ANSWER.format(number=number, date=date).replace("\n", "\r\n").encode()
        edits = place.analyst.analyse(
            lambda r=raw: read_message(r, envelope=envelope, client=client), header_names(raw)
        ).edits
        made.append(Letter("help@desk.example", edits.recipient, stuffed(apply_edits(raw, edits))))
    return made


def played(running: Desk, mails: list[Letter], connections: int) -> dict[str, float]:
    """Deliver them; milliseconds of CPU a mail, by part."""
    before = running.spent()
    done = play(running.pid, running.port, mails, connections)
    after = running.spent()
    if done.refused:
        raise RuntimeError(f"{done.refused} mails were refused")
    return {part: (after[part] - before[part]) / len(mails) * 1000 for part in after}


def sent(place: Place) -> float:
    """Milliseconds of CPU that the ack worker needs for an acknowledgement, all that are owed."""
    number = place.owed()
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        forked(run_ack_worker, place.analyst, listener) as pid,
    ):
        before = cpu.tree_seconds(pid)
        wait_for(lambda: place.owed() == 0, "the ack worker", timeout=300)
        return (cpu.tree_seconds(pid) - before) / max(1, number) * 1000


def table(title: str, rounds: list[dict[str, float]]) -> None:
    """Medians, and how far the rounds are apart."""
    whole = [one["all"] for one in rounds]
    print(f"\n{title}: {statistics.median(whole):.2f} ms CPU a mail", end="")
    print(f" ({min(whole):.2f} to {max(whole):.2f} in {len(rounds)} rounds; wanted {WANTED:.2f})")
    for part, name in PARTS.items():
        print(f"  {name:52}{statistics.median(one[part] for one in rounds):6.2f}")


def measure(place: Place, mails: int, rounds: int) -> None:
    """Prints the tables."""
    with measured_desk(place.analyst) as running:
        number = 0
        cost: dict[int, list[dict[str, float]]] = {one: [] for one in CONNECTIONS}
        acks = []
        for turn in range(rounds + 1):
            for connections in CONNECTIONS:
                made = letters(place.analyst, range(number, number + mails))
                number += mails
                spent = played(running, made, connections)
                if turn:  # the first round warms up
                    cost[connections].append(spent)
            acks.append(sent(place))
        answered = []
        for first in range(0, number, mails):
            made = answers_to(place, range(first, first + mails))
            answered.append(played(running, made, CONNECTIONS[-1]))
    for connections in CONNECTIONS:
        table(f"a mail that comes in, {connections} at a time", cost[connections])
    table(f"an answer that goes out, {CONNECTIONS[-1]} at a time", answered[1:])
    print(
        f"\nthe ack worker: {statistics.median(acks):.2f} ms CPU an acknowledgement"
        f" ({min(acks):.2f} to {max(acks):.2f})"
    )


def main() -> None:
    """Runs it all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="only shows that it runs")
    parser.add_argument("--mails", type=int, default=400, help="a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--directory", type=Path, help="where the state is written")
    options = parser.parse_args()
    mails, rounds = (40, 2) if options.short else (options.mails, options.rounds)
    with (
        tempfile.TemporaryDirectory(dir=options.directory) as name,
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Taker) as server,
    ):
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        directory = Path(name)
        file = directory / "mailtriage.toml"
        file.write_text(CONFIG.format(directory=directory, port=server.server_address[1]))
        tokens = Tokens(secrets.token_bytes(32))
        analyst = read_everything([file]).analyst(tokens)
        measure(Place(directory, analyst, tokens), mails, rounds)
        server.shutdown()


if __name__ == "__main__":
    main()
