"""What counting costs, and what a second worker and a second node bring.

    python -m tests.bench.scale [--short]

Counting: the analyses of an analyser with and without what it counts for /metrics, in two processes
that take turns; CPU time, medians of rounds. Workers and nodes: small mails on the milter's socket,
eight clients, one milter worker with one analyser, then two with two, then two nodes of one each,
which share nothing. The clients run on the same machine: with two cores the second worker finds but
what they and the first one leave. It never fails on a figure.
"""

import argparse
import multiprocessing
import os
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from mailtriage.doors.analysis import Analyst
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.service.load import read_everything
from mailtriage.service.metrics_counting import Watch
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.tags.apply import header_names
from tests.bench import corpus, load, protocol, variants

CLIENTS: Final = 8
FLUSH_EVERY: Final = 40
"""Mails between two messages to the supervisor; in service there is one a second."""

CONFIG: Final = """\
[milter]
listen = "unix:{path}"
workers = {workers}
analysers = {workers}
[networks]
outbound = []
[metrics]
listen = ""
[state]
url = "sqlite://{place}/state.db"
"""


def main() -> None:
    """Prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="few mails: shows that it runs")
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    rounds = arguments.rounds or (2 if arguments.short else 9)
    letters = corpus.small(40 if arguments.short else 200)
    print(counting_table(counting(letters, max(5, rounds))))
    print()
    print(crew_table(crews(letters, rounds)))


# ------------------------------------------------------------------ counting


@dataclass(frozen=True, slots=True)
class Counting:
    """Microseconds of CPU a mail."""

    without: float
    counted: float
    ratio: float
    """Median of the ratios of the rounds."""


def counting(letters: Sequence[corpus.Letter], rounds: int) -> Counting:
    """Measure both. Each has a process of its own: what is clocked is so for a whole process."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "mailtriage.toml"
        file.write_text('[authentication]\ntrusted_authserv_ids = ["mx.desk.example"]\n')
        analyst = read_everything([file]).analyst()
    fork = multiprocessing.get_context("fork")
    ends: list[Connection] = []
    processes = []
    for work in (_plain, _counted):
        ours, theirs = fork.Pipe()
        processes.append(fork.Process(target=_serve, args=(work(analyst), letters, theirs)))
        processes[-1].start()
        theirs.close()
        ends.append(ours)
    rows: list[list[float]] = []
    for _ in range(rounds + 1):
        rows.append([])
        for end in ends:
            end.send("go")
            rows[-1].append(end.recv())
    for end, process in zip(ends, processes, strict=True):
        end.send("")
        process.join()
    without, counted = (statistics.median(column) for column in zip(*rows[1:], strict=True))
    ratio = statistics.median(after / before for before, after in rows[1:])
    return Counting(without * 1e6, counted * 1e6, ratio)


Work = Callable[[corpus.Letter], object]


def _plain(analyst: Analyst) -> Callable[[], Work]:
    def start() -> Work:
        return lambda letter: analyst.analyse(_read(letter), header_names(letter.data))

    return start


def _counted(analyst: Analyst) -> Callable[[], Work]:
    def start() -> Work:
        deltas = Deltas()
        watch = Watch(analyst, deltas)
        ours, supervisor = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        threading.Thread(target=_drain, args=(supervisor,), daemon=True).start()
        mails = iter(range(1, sys.maxsize))

        def work(letter: corpus.Letter) -> None:
            analysis = watch.analyst.analyse(
                watch.reading(_read(letter)), header_names(letter.data)
            )
            watch.count(analysis, "4Vx1", 0.0001)
            if next(mails) % FLUSH_EVERY == 0:
                deltas.flush(ours)

        return work

    return start


def _serve(start: Callable[[], Work], letters: Sequence[corpus.Letter], told: Connection) -> None:
    work = start()
    while told.recv():
        begun = time.process_time()
        for letter in letters:
            work(letter)
        told.send((time.process_time() - begun) / len(letters))


def _read(letter: corpus.Letter) -> Callable[[], object]:
    envelope = Envelope(letter.sender, ("help@desk.example",))
    return partial(read_message, letter.data, envelope=envelope, client=Client("203.0.113.7"))


def _drain(supervisor: socket.socket) -> None:
    while supervisor.recv(1 << 20):
        pass


def counting_table(found: Counting) -> str:
    """For a terminal."""
    return (
        f"{'µs of CPU a mail, small mails':34}{'without':>10}{'counted':>10}{'x':>7}\n"
        f"{'counting for /metrics':34}{found.without:10.0f}{found.counted:10.0f}{found.ratio:7.3f}"
    )


# ---------------------------------------------------------- workers and nodes


@dataclass(frozen=True, slots=True)
class Crew:
    """Some nodes, each with so many workers and analysers."""

    name: str
    nodes: int
    workers: int


CREWS: Final = (
    Crew("1 node, 1 worker", 1, 1),
    Crew("1 node, 2 workers", 1, 2),
    Crew("2 nodes, 1 worker each", 2, 1),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a crew did: medians of the rounds."""

    crew: Crew
    rate: float
    """Mails a second."""
    ratio: float
    """The same divided by the first crew's in the same round."""
    milliseconds: float
    """CPU a mail, of all its processes."""
    memory: float
    """PSS in MB, of all its processes."""


def crews(letters: list[corpus.Letter], rounds: int) -> list[Measured]:
    """All crews in turns."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="mt-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        up = {crew: list(_start(crew, directory, stack)) for crew in CREWS}
        figures: dict[Crew, list[tuple[float, float]]] = {crew: [] for crew in CREWS}
        for number in range(rounds + 1):
            for crew, nodes in up.items():
                found = _send(nodes, letters)
                if number:  # the first round warms up
                    figures[crew].append(found)
        memory = {
            crew: sum(variants.cpu.tree_pss(daemon.process.pid) for daemon, _ in nodes)
            for crew, nodes in up.items()
        }
    first = [rate for rate, _ in figures[CREWS[0]]]
    return [
        Measured(
            crew,
            statistics.median(rate for rate, _ in found),
            statistics.median(rate / base for (rate, _), base in zip(found, first, strict=True)),
            statistics.median(cpu for _, cpu in found),
            memory[crew],
        )
        for crew, found in figures.items()
    ]


def _start(crew: Crew, directory: Path, stack: ExitStack) -> Iterator[tuple[variants.Daemon, Path]]:
    for number in range(crew.nodes):
        place = directory / f"{crew.nodes}-{crew.workers}-{number}"
        place.mkdir()
        path = place / "socket"
        file = place / "mailtriage.toml"
        file.write_text(CONFIG.format(path=path, workers=crew.workers, place=place))
        command = [sys.executable, "-m", "mailtriage", "--config", str(file), "serve"]
        daemon = variants.spawn(
            "mailtriage", command, place / "log", lambda _, path=path: _listening(path)
        )
        stack.callback(daemon.stop)
        yield daemon, path


def _listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _send(
    nodes: Sequence[tuple[variants.Daemon, Path]], letters: list[corpus.Letter]
) -> tuple[float, float]:
    """Mails a second, and milliseconds of CPU a mail."""
    jobs = [protocol.milter_job(path, letters) for _, path in nodes]
    turns, give = os.pipe()
    os.write(give, bytes(number % len(jobs) for number in range(CLIENTS)))

    def job(indices: Iterator[int]) -> list[load.Done]:
        return jobs[os.read(turns, 1)[0]](indices)  # every client stays with one node

    before = sum(daemon.seconds() for daemon, _ in nodes)
    result = load.run(CLIENTS, len(letters), job)
    time.sleep(0.05)  # the log line of the last mail
    used = sum(daemon.seconds() for daemon, _ in nodes) - before
    os.close(turns)
    os.close(give)
    return len(letters) / result.seconds, used / len(letters) * 1e3


def crew_table(found: Sequence[Measured]) -> str:
    """For a terminal."""
    lines = [
        f"{f'{CLIENTS} clients, {os.cpu_count()} cores':34}{'mails/s':>10}{'x':>7}{'CPU ms':>9}{'MB':>7}"
    ]
    lines += [
        f"{one.crew.name:34}{one.rate:10.0f}{one.ratio:7.2f}{one.milliseconds:9.2f}{one.memory:7.0f}"
        for one in found
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
