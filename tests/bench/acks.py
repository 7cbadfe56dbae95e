"""What acknowledgements cost: the same mails with them and without, by turns, through one Postfix.

    python -m tests.bench.acks            about four minutes
    python -m tests.bench.acks --short    half a minute: shows that it runs

A private Postfix, wired with what `mailtriage postfix` prints, a signer (OpenDKIM) and two
`mailtriage serve`, all up all the time:

off        a configuration without service mailboxes: tags, and nothing else.
on         the same with a mailbox: rules, hidden recipient, desk, and an acknowledgement for each
           mail, handed in at Postfix, signed, and delivered to where everything is discarded.
sweeper    on, with recipient_bcc_maps as well, as it is printed: the desk hears of each mail twice.

Every mail is one that is acknowledged, from a customer of its own, with 30 to 60 header fields: more
than in real life, where robots and lists are a third. Postfix's queue is in memory where /dev/shm
is there, the database on the disk, as ever, with synchronous=FULL. CPU is counted until all is
delivered, and of all processes; latency is from the first byte of a mail to the answer to its final
dot. Ratios are taken within a round. It never fails on a figure, only when something does not work.
"""

import argparse
import os
import random
import re
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.commands.postfix import wiring
from mailtriage.config import load as load_config
from tests.bench import corpus, cpu, load
from tests.bench.corpus import Letter
from tests.support import opendkim, postfix
from tests.support.opendkim import OpenDkim
from tests.support.postfix import PrivatePostfix, RootShell, free_port
from tests.support.serve import Service, resident_kib, wait_for

OFF, ON, SWEEPER = VARIANTS = ("off", "on", "sweeper")
CLIENTS: Final = (1, 8)
ROLES: Final = ("milter", "analyser", "desk", "acks")
POSTFIX: Final = "Postfix"
REST: Final = "rest"
"""The supervisor and whatever else `serve` starts."""

BASE: Final = """\
[milter]
listen = "unix:{place}/milter.sock"
socket_group = "postfix"
workers = 2
analysers = 2
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[networks]
outbound = ["192.0.2.0/24"]
[state]
url = "sqlite://{place}/state/state.db"
"""
WITH_ACKS: Final = """\
[desk]
listen = "inet:127.0.0.1:{desk}"
[ack]
submit = "127.0.0.1:{submit}"
[ack.limits]
per_network = 1000000
per_domain = 1000000
per_hour = 10000000
burst = 1000000
[mailboxes."help@desk.example"]
name = "Desk Support"
"""
VOUCHED: Final = """\
Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom={domain};\r
\tdmarc=pass header.from={domain}\r
"""
DISCARD: Final = """\
postconf -e relay_transport=discard: default_transport=discard: smtpd_sasl_auth_enable=no
postfix reload
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """A set of mails sent once."""

    variant: str
    clients: int
    latencies: tuple[float, ...]
    """Milliseconds."""
    cpu: dict[str, float]
    """Milliseconds a mail, by role."""
    acknowledged: int

    @property
    def ours(self) -> float:
        """CPU of all mailtriage processes."""
        return sum(self.cpu[role] for role in (*ROLES, REST))

    @property
    def p50(self) -> float:
        """Median latency."""
        return statistics.median(self.latencies)

    @property
    def p99(self) -> float:
        """99th percentile of the latencies."""
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[98]


@dataclass(frozen=True, slots=True)
class Bench:
    """What is up while it is measured."""

    mta: PrivatePostfix
    services: dict[str, Service]
    database: Path

    def cell(self, variant: str, clients: int, letters: list[Letter]) -> Cell:
        """Send them, and wait until all that follows is done."""
        before, known = self._seconds(variant), self._acknowledged()
        job = load.smtp_job(self.mta.ports[variant], letters)
        run = load.run(clients, len(letters), job)
        self._wait_until_done()
        after = self._seconds(variant)
        spent = {role: (after[role] - before[role]) * 1e3 / len(letters) for role in after}
        return Cell(variant, clients, run.latencies, spent, self._acknowledged() - known)

    def memory(self) -> list[tuple[str, str, int, float, float]]:
        """Service, role, how many processes, and their mean resident and proportional set in MB."""
        found = []
        for name, service in (("off", self.services[OFF]), ("on", self.services[ON])):
            for role in ("supervisor", *ROLES):
                pids = [service.pid] if role == "supervisor" else service.workers(role)
                if pids:
                    resident = statistics.mean(resident_kib(pid) for pid in pids) * 1024 / 1e6
                    share = statistics.mean(cpu.pss(pid) for pid in pids)
                    found.append((name, role, len(pids), resident, share))
        return found

    def _seconds(self, variant: str) -> dict[str, float]:
        service = self.services[variant]
        used = {role: sum(map(cpu.tree_seconds, service.workers(role))) for role in ROLES}
        master = int((self.mta.queue / "pid" / "master.pid").read_text())
        rest = cpu.tree_seconds(service.pid) - sum(used.values())
        return {**used, REST: rest, POSTFIX: cpu.tree_seconds(master)}

    def _wait_until_done(self) -> None:
        """No mail is queued, and nothing is owed; then what is logged after an answer has time."""
        for _ in range(2):  # an acknowledgement is queued once more
            self.mta.wait_until_empty()
            wait_for(lambda: not self._count("due IS NOT NULL"), "the acknowledgements to be sent")
        self.mta.wait_until_empty()
        time.sleep(0.1)

    def _acknowledged(self) -> int:
        return self._count("state = 'SENT'")

    def _count(self, which: str) -> int:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return int(
                connection.execute(f"SELECT count(*) FROM outbox WHERE {which}").fetchone()[0]
            )


def main() -> int:
    """0 when all was measured, 2 when it cannot run here at all."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.acks", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--short", action="store_true", help="few mails, two rounds")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (5; short: 2)")
    parser.add_argument("--mails", type=int, help="mails in a round (200; short: 40)")
    options = parser.parse_args()
    if reason := postfix.why_not() or opendkim.why_not():
        print(f"bench: {reason}", file=sys.stderr)
        return 2
    rounds = options.rounds or (2 if options.short else 5)
    mails = options.mails or (40 if options.short else 200)
    with running() as bench:
        cells = list(_measured(bench, rounds, mails))
        _print_cells(cells)
        print()
        _print_memory(bench)
    return 0


@contextmanager
def running() -> Iterator[Bench]:
    """Start everything; stop and remove it afterwards."""
    memory = Path("/dev/shm")
    with ExitStack() as stack:
        queue, disk = (
            Path(tempfile.mkdtemp(prefix="mt-", dir=parent))
            for parent in (memory if os.access(memory, os.W_OK) else None, None)
        )
        for directory in (queue, disk):
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
            directory.chmod(0o755)  # the user postfix must get through
        places = {name: disk / name for name in (OFF, ON)}
        for place in (disk / "dkim", *places.values(), *(one / "state" for one in places.values())):
            place.mkdir(mode=0o755)
        signer = stack.enter_context(OpenDkim(disk / "dkim"))
        mta = PrivatePostfix(
            queue,
            sink_port=free_port(),
            sasl_port=free_port(),
            services={
                OFF: _smtpd(places[OFF], "cleanup_alone"),
                ON: _smtpd(places[ON], "cleanup_alone"),
                SWEEPER: _smtpd(places[ON], "cleanup"),
            },
            cleanups={"cleanup_alone": {"recipient_bcc_maps": ""}},
        )
        acks = WITH_ACKS.format(desk=free_port(), submit=free_port())
        off = Service(places[OFF], BASE.format(place=places[OFF]))
        on = Service(places[ON], BASE.format(place=places[ON]) + acks)
        for service in (off, on):
            stack.enter_context(service)
        mta.start()
        stack.callback(mta.stop)
        shell = RootShell(mta, running=True)
        script = wiring(load_config([on.config]).config)
        shell.paste(script, signer=f"inet:127.0.0.1:{signer.port}")
        shell.paste(DISCARD)
        services = {OFF: off, ON: on, SWEEPER: on}
        yield Bench(mta, services, places[ON] / "state" / "state.db")


def _smtpd(place: Path, cleanup: str) -> dict[str, str]:
    milter = f"unix:{place}/milter.sock"
    return {"smtpd_milters": milter, "cleanup_service_name": cleanup}


def _measured(bench: Bench, rounds: int, mails: int) -> Iterator[Cell]:
    # Of the small set the even ones are generated: those have a sender that can be vouched for.
    generated = corpus.small(2 * mails)[::2]
    for variant in VARIANTS:  # caches, and processes that Postfix has yet to start
        bench.cell(variant, 8, _posted(generated[:40], f"w{variant}"))
    for number in range(rounds):
        for clients in CLIENTS:
            order = list(VARIANTS)
            random.Random(f"{number} {clients}").shuffle(order)
            for variant in order:
                print(f"round {number + 1}: {variant}, {clients} clients", file=sys.stderr)
                yield bench.cell(
                    variant, clients, _posted(generated, f"r{number}c{clients}{variant}")
                )


def _posted(letters: list[Letter], turn: str) -> list[Letter]:
    """The same mails from other customers: nobody is acknowledged twice within minutes."""
    posted = []
    for letter in letters:
        local, _, domain = letter.sender.partition("@")
        sender = f"{local}{turn}@{domain}"
        data = letter.data.replace(letter.sender.encode(), sender.encode())
        data = re.sub(rb"(?m)^(Message-ID: <)", rb"\1" + f"{turn}.".encode(), data)
        posted.append(Letter(sender, VOUCHED.format(domain=domain).encode() + data))
    return posted


def _print_cells(cells: list[Cell]) -> None:
    columns = (*ROLES, REST, POSTFIX)
    print("CPU, ms a mail".ljust(22), *(f"{name:>9}" for name in (*columns, "ours")), end="")
    print("    p50 ms    p99 ms  acknowledged")
    for clients in CLIENTS:
        for variant in VARIANTS:
            of = [cell for cell in cells if (cell.variant, cell.clients) == (variant, clients)]
            print(f"{variant:8} {clients} client{'s' if clients > 1 else ' '}    ", end=" ")
            figures: list[Callable[[Cell], float]] = [
                *(lambda cell, role=role: cell.cpu[role] for role in columns),
                lambda cell: cell.ours,
                lambda cell: cell.p50,
                lambda cell: cell.p99,
            ]
            print(*(f"{statistics.median(map(figure, of)):9.2f}" for figure in figures), end="")
            share = sum(cell.acknowledged for cell in of) / sum(len(cell.latencies) for cell in of)
            print(f"  {share:12.0%}")
    print()
    print(f"{'divided by off':22} {'ours':>9} {'all':>9} {'p50':>9} {'p99':>9}")
    for clients in CLIENTS:
        for variant in (ON, SWEEPER):
            print(f"{variant:8} {clients} client{'s' if clients > 1 else ' '}    ", end=" ")
            figures = [
                lambda cell: cell.ours,
                lambda cell: cell.ours + cell.cpu[POSTFIX],
                lambda cell: cell.p50,
                lambda cell: cell.p99,
            ]
            print(*(f"{_ratio(cells, variant, clients, figure):9.2f}" for figure in figures))


def _ratio(cells: list[Cell], variant: str, clients: int, figure: Callable[[Cell], float]) -> float:
    """The median over the rounds of what a variant has, divided by what "off" has."""
    of, off = (
        [figure(cell) for cell in cells if (cell.variant, cell.clients) == (name, clients)]
        for name in (variant, OFF)
    )
    return statistics.median(a / b for a, b in zip(of, off, strict=True))


def _print_memory(bench: Bench) -> None:
    print(f"{'memory, MB a process':28} {'processes':>9} {'resident':>9} {'share':>9}")
    for service, role, number, resident, share in bench.memory():
        print(f"{service:8} {role:19} {number:9} {resident:9.1f} {share:9.1f}")


if __name__ == "__main__":
    sys.exit(main())
