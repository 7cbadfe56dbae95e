"""How many hidden copies a second the desk commits, durably, beside what the disk can do.

    python -m tests.bench.desk [--mails 3000] [--directory DIR]

The real desk, as `serve` forks it, on a TCP socket; sealed copies as the milter makes them, each of
which leads to a conversation, a row in the ledger and an acknowledgement; one connection, then
several, as Postfix would have. `synchronous=FULL`, in DIR (default: the system's temporary
directory). Beside it the same number of commits of one row each, one after the other: what a desk
without group commit could do at best on that disk. It never fails on a figure.
"""

import argparse
import contextlib
import os
import secrets
import signal
import socket
import sqlite3
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.doors.analysis import Analyst
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.service.channel import DRAIN
from mailtriage.service.desk import run_desk
from mailtriage.service.load import read_everything
from mailtriage.service.log import Log
from mailtriage.state.sqlite import open_database
from mailtriage.tags.apply import apply_edits, header_names
from tests.support.serve import cpu_seconds
from tests.support.smtp import SmtpClient, stuffed

CONNECTIONS: Final = (1, 8, 20)
"""The last one is Postfix's limit for one destination (lmtp_destination_concurrency_limit)."""

CONFIG: Final = """
[state]
url = "sqlite://{directory}/state.db"
[milter]
listen = "unix:{directory}/milter.sock"
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[mailboxes."help@desk.example"]
[ack]
submit = "127.0.0.1:1"
"""

MAIL: Final = """\
Received: from mail.customer{number}.example (mail.customer{number}.example [203.0.113.7])
\tby mx.desk.example (Postfix) with ESMTPS id 4Vx{number}; {date}
Authentication-Results: mx.desk.example; dmarc=pass header.from=customer{number}.example;
\tspf=pass smtp.mailfrom=customer{number}.example
From: Ann Smith <ann@customer{number}.example>
To: help@desk.example
Subject: Where is my order {number}?
Message-ID: <{number}@customer{number}.example>
Date: {date}
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Hello,

I ordered a kettle two weeks ago and it has not arrived yet. Could you please tell me where it is?

Kind regards
Ann
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """One hidden copy."""

    sender: str
    recipient: str
    wire: bytes


@dataclass(slots=True)
class Round:
    """What came of one round."""

    seconds: float
    latencies: list[float]
    refused: int
    cpu: float


def letters(analyst: Analyst, numbers: range) -> list[Letter]:
    """Copies as Postfix sends them: with our tags and seal, after `lmtp_body_checks`."""
    made = []
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    for number in numbers:
        sender = f"ann@customer{number}.example"
        raw = MAIL.format(number=number, date=date).replace("\n", "\r\n").encode()
        envelope = Envelope(sender, ("help@desk.example",))
        client = Client(f"198.{18 + number // 60000 % 2}.{number // 250 % 250}.{number % 250}")
        analysis = analyst.analyse(
            lambda r=raw, e=envelope, c=client: read_message(r, envelope=e, client=c),
            header_names(raw),
        )
        recipient = analysis.edits.recipient
        if not recipient:
            raise RuntimeError(f"no hidden recipient: {analysis}")
        made.append(Letter(sender, recipient, stuffed(apply_edits(raw, analysis.edits))))
    return made


@contextlib.contextmanager
def running_desk(analyst: Analyst):
    """The desk in a process of its own; yields its process id and port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    listener.settimeout(0)
    ours, theirs = socket.socketpair()
    log_fd = os.open(os.devnull, os.O_WRONLY)
    pid = os.fork()
    if pid == 0:
        ours.close()
        run_desk(analyst, listener.detach(), theirs, Log("info", log_fd))
        os._exit(1)
    theirs.close()
    ours.settimeout(60)
    try:
        if ours.recv(1) != b"R":
            raise RuntimeError("the desk did not start")
        yield pid, listener.getsockname()[1]
        ours.sendall(DRAIN)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.waitpid(pid, 0)
        ours.close()
        listener.close()


def play(pid: int, port: int, mails: list[Letter], connections: int) -> Round:
    """Deliver all of them over that many connections."""
    waiting = iter(mails)
    lock = threading.Lock()
    latencies: list[float] = []
    refused = 0

    def deliver() -> None:
        nonlocal refused
        client = SmtpClient(port)
        client.command("LHLO bench.example")
        while True:
            with lock:
                letter = next(waiting, None)
            if letter is None:
                break
            begun = time.perf_counter()
            # Postfix pipelines the envelope, and waits for 354.
            client.send(
                f"MAIL FROM:<{letter.sender}>\r\nRCPT TO:<{letter.recipient}>\r\nDATA\r\n".encode()
            )
            for kind in (2, 2, 3):
                client.expect(kind)
            client.send(letter.wire)
            code = client.receive().code
            latencies.append(time.perf_counter() - begun)
            if code != 250:
                with lock:
                    refused += 1
        client.command("QUIT")

    threads = [threading.Thread(target=deliver) for _ in range(connections)]
    cpu, begun = cpu_seconds(pid), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Round(time.perf_counter() - begun, latencies, refused, cpu_seconds(pid) - cpu)


def commits_a_second(directory: Path, number: int) -> float:
    """One row each, one after the other, with the same durability."""
    connection = sqlite3.connect(directory / "disk.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE row (content BLOB)")
    begun = time.perf_counter()
    for _ in range(number):
        connection.execute("INSERT INTO row VALUES (randomblob(2000))")
    return number / (time.perf_counter() - begun)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mails", type=int, default=3000, help="a round")
    parser.add_argument("--directory", type=Path, help="where the state is written")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        directory = Path(name)
        file = directory / "mailtriage.toml"
        file.write_text(CONFIG.format(directory=directory))
        analyst = read_everything([file]).analyst(Tokens(secrets.token_bytes(32)))
        disk = commits_a_second(directory, 500)
        print(f"{disk:.0f} durable commits a second of one row each")
        print(
            "connections  mails/s  times the commits  p50 ms  p99 ms  desk's CPU ms/mail  refused"
        )
        total = 0
        with running_desk(analyst) as (pid, port):
            for connections in CONNECTIONS:
                mails = letters(analyst, range(total, total + arguments.mails))
                total += arguments.mails
                done = play(pid, port, mails, connections)
                rate = arguments.mails / done.seconds
                p99 = statistics.quantiles(done.latencies, n=100)[98]
                print(
                    f"{connections:11}  {rate:7.0f}  {rate / disk:17.1f}"
                    f"  {statistics.median(done.latencies) * 1000:6.1f}  {p99 * 1000:6.1f}"
                    f"  {done.cpu * 1000 / arguments.mails:18.2f}  {done.refused:7}"
                )
        with contextlib.closing(open_database(directory / "state.db")) as connection:
            owed, known = (
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("outbox", "mail")
            )
        print(f"{known} of {total} mails are known, {owed} acknowledgements are owed")


if __name__ == "__main__":
    main()
