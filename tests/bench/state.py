"""What it costs to remember together: the question of a mail, a mail at the desk, and what Redis takes.

    python -m tests.bench.state [--short] [--directory DIR]

A real redis-server on loopback that writes an AOF every second, beside SQLite in DIR. Every figure is
a median of rounds in which all variants take turns, so that they see the same machine; ratios are to
SQLite alone. It never fails on a figure.
"""

import argparse
import contextlib
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.state.ledger import LedgerQuestion
from mailtriage.state.records import Inbound, NewAck
from mailtriage.state.redis_link import Place, RedisLink
from mailtriage.state.redis_scripts import POLL, PULL, PUSH
from mailtriage.state.shared_question import fingerprint, horizon_of, pull_values, read_pulled
from mailtriage.state.shared_tables import AT_ONCE
from mailtriage.state.sqlite import open_database
from mailtriage.state.sqlite_ledger import SqliteLedger
from mailtriage.state.store import Store
from tests.state.nodes import COOL_DOWN, KEEP, Node
from tests.support.redis_server import RedisServer

TOKENS: Final = Tokens(b"only for the benchmark of the state")
NOW: Final = float(int(time.time()))
HELP: Final = "help@desk.example"
KNOWN: Final = 20_000
"""Mails that are remembered before anything is measured."""


def main() -> int:
    """Prints the tables; 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.state", description=__doc__)
    parser.add_argument("--short", action="store_true", help="only shows that it runs")
    parser.add_argument("--directory", type=Path, help="where the databases are made")
    options = parser.parse_args()
    rounds, each, known = (3, 50, 500) if options.short else (15, 300, KNOWN)
    with (
        tempfile.TemporaryDirectory(dir=options.directory) as name,
        contextlib.ExitStack() as running,
    ):
        directory = Path(name)
        for one in ("redis", "plain", "shared", "other"):
            (directory / one).mkdir()
        server = running.enter_context(
            RedisServer(directory / "redis", "--appendonly", "yes", "--appendfsync", "everysec")
        )
        shared = running.enter_context(
            closing(Node(directory / "shared", server.url, tokens=TOKENS))
        )
        plain = open_database(directory / "plain" / "state.db")
        running.callback(plain.close)
        print(f"{known} mails are remembered")
        _fill(Store(plain, TOKENS), known)
        before = _memory(server)
        _fill(shared.store, known)
        begun = time.perf_counter()
        told = shared.tell()
        seconds = time.perf_counter() - begun
        print(f"told to Redis: {told} rows, {told / seconds:,.0f} a second, {AT_ONCE} at once")
        print(f"Redis holds {(_memory(server) - before) / known:,.0f} bytes a mail\n")
        _questions(directory / "plain" / "state.db", shared, rounds, each)
        _transactions(Store(plain, TOKENS), shared, rounds, max(10, each // 6))
        _shard(server, 0.5 if options.short else 4.0)
    return 0


def _mail(number: int, *references: str) -> Inbound:
    return Inbound(
        key=TOKENS.dedupe_key(HELP, "", str(number).encode()),
        mailbox=HELP,
        address=f"kim{number % 7000}@customer{number % 7000}.example",
        subject=f"Where is my parcel {number}?",
        network=f"198.18.{number % 250}.{number // 250 % 250}",
        message_id=f"<m{number}@customer.example>",
        references=references,
        received=NOW - 86_400 + number % 86_000,
        rule="",
        announced="sent",
        kind="human",
        skill="delivery",
        priority="normal",
        language="en",
        topic="parcel",
        thread="new",
        promised=NOW,
        writers=(),
    )


def _ack(mail: Inbound) -> NewAck:
    return NewAck(
        mail.key, mail.mailbox, mail.address, "customer.example", b"Subject: received\r\n\r\n",
        mail.received, mail.received, mail.received + 1800,
    )  # fmt: skip


def _fill(store: Store, number: int) -> None:
    for first in range(0, number, 500):
        with store.transaction():
            for each in range(first, min(first + 500, number)):
                mail = _mail(each)
                store.record_inbound(mail, _ack(mail))


def _question(number: int) -> LedgerQuestion:
    """Of an answer to one of these."""
    mail = _mail(number)
    return LedgerQuestion(
        TOKENS.dedupe_key(HELP, "", b"next" + str(number).encode()), HELP, mail.address,
        mail.subject, mail.network, f"<n{number}@x.example>",
        (mail.message_id, TOKENS.ack_message_id(mail.key, "desk.example")), NOW,
    )  # fmt: skip


def _memory(server: RedisServer) -> int:
    return int(server.client().info("memory")["used_memory"])


def _questions(plain: Path, shared: Node, rounds: int, each: int) -> None:
    alone = SqliteLedger(plain, TOKENS)
    link = RedisLink(shared.place, 5.0)
    with closing(shared.ledger()) as together, closing(link):
        variants: dict[str, Callable[[LedgerQuestion], object]] = {
            "SQLite alone": alone.look_up,
            "Redis alone, nobody else's thread": lambda asked: read_pulled(
                link.run(PULL, "", pull_values(asked, TOKENS, horizon_of(COOL_DOWN)))
            ),
            "SQLite and Redis, as an analyser asks": together.look_up,
        }
        times = _alternating(variants, rounds, each)
    _table("one question of the ledger", times)


def _alternating(
    variants: dict[str, Callable[[LedgerQuestion], object]], rounds: int, each: int
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in variants}
    number = 0
    for turn in range(rounds + 1):
        for name, ask in variants.items():
            for _ in range(each):
                number += 1
                asked = _question(number % 400)
                begun = time.perf_counter()
                ask(asked)
                if turn:  # the first round warms up
                    times[name].append(time.perf_counter() - begun)
    return times


def _transactions(plain: Store, shared: Node, rounds: int, each: int) -> None:
    times: dict[str, list[float]] = {"SQLite alone": [], "with Redis": [], "of it the question": []}
    number = 1_000_000
    link = RedisLink(shared.place, 5.0)
    for turn in range(rounds + 1):
        for _ in range(each):
            number += 1
            begun = time.perf_counter()
            mail = _mail(number)
            with plain.transaction():
                plain.look_up(_question(number))
                plain.record_inbound(mail, _ack(mail))
            if turn:
                times["SQLite alone"].append(time.perf_counter() - begun)
        for _ in range(each):
            number += 1
            begun = time.perf_counter()
            mail = _mail(number)
            values = pull_values(_question(number), TOKENS, horizon_of(COOL_DOWN), node=shared.node)
            pulled = read_pulled(link.run(PULL, "", values))
            asked = time.perf_counter() - begun
            with shared.store.transaction():
                shared.store.hear(pulled)
                shared.store.look_up(_question(number))
                shared.store.record_inbound(mail, _ack(mail))
            if turn:
                times["with Redis"].append(time.perf_counter() - begun)
                times["of it the question"].append(asked)
        shared.tell()
    link.close()
    _table("one mail at the desk, in a transaction of its own", times)


def _table(title: str, times: dict[str, list[float]]) -> None:
    first = statistics.median(next(iter(times.values())))
    print(f"{title:52}{'p50 µs':>9}{'p99 µs':>9}{'ratio':>8}")
    for name, seconds in times.items():
        p50 = statistics.median(seconds)
        p99 = statistics.quantiles(seconds, n=100)[98] if len(seconds) > 1 else p50
        print(f"  {name:50}{p50 * 1e6:9.0f}{p99 * 1e6:9.0f}{p50 / first:8.2f}")
    print()


def _shard(server: RedisServer, seconds: float) -> None:
    """As many askers as keep it busy: what one shard takes is what Redis's one thread takes."""
    print("what one shard takes")
    for name, ask in (("questions", _ask_questions), ("rows told", _tell_rows)):
        context = multiprocessing.get_context("fork")
        results: multiprocessing.Queue[int] = context.Queue()
        cpu_before = _redis_cpu(server)
        begun = time.perf_counter()
        askers = [
            context.Process(target=ask, args=(server.url, number, seconds, results))
            for number in range(max(2, os.cpu_count() or 2))
        ]
        for one in askers:
            one.start()
        done = sum(results.get() for _ in askers)
        for one in askers:
            one.join()
        took = time.perf_counter() - begun
        busy = _redis_cpu(server) - cpu_before
        print(
            f"  {name:12}{done / took:12,.0f} a second here, with the askers on the same"
            f" {os.cpu_count()} cores; {busy / done * 1e6:.0f} µs of Redis's CPU each:"
            f" {done / busy:,.0f} a second at most"
        )


def _redis_cpu(server: RedisServer) -> float:
    info = server.client().info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _asking(url: str, seconds: float) -> Iterator[RedisLink]:
    link = RedisLink(Place(url, None, "mailtriage", fingerprint(TOKENS)), 10.0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield link
    link.close()


def _ask_questions(
    url: str, first: int, seconds: float, results: "multiprocessing.Queue[int]"
) -> None:
    values = [pull_values(_question(first * 97 + n), TOKENS, 86_400.0) for n in range(50)]
    done = 0
    for link in _asking(url, seconds):
        link.run(PULL, "", values[done % 50])
        done += 1
    results.put(done)


def _tell_rows(url: str, first: int, seconds: float, results: "multiprocessing.Queue[int]") -> None:
    with tempfile.TemporaryDirectory() as name:
        connection = open_database(Path(name) / "state.db")
        store = Store(connection, TOKENS)
        store.sharing.switch(on=True)
        for number in range(30):
            mail = _mail(2_000_000 + first * 1000 + number)
            with store.transaction():
                store.record_inbound(mail, _ack(mail))
        rows: Sequence[object] = store.sharing.unshared().rows
        values = [value for row in store.sharing.unshared().rows for value in row]
        connection.close()
    done = 0
    for link in _asking(url, seconds):
        link.run(POLL if not done else PUSH, "0123456789abcdef" if not done else "",
                 [KEEP] if not done else [KEEP, *values])  # fmt: skip
        done += len(rows)
    results.put(done)


if __name__ == "__main__":
    raise SystemExit(main())
