"""Processes that are killed, and processes that write at the same time."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from mailtriage.state.outbox import Outbox
from mailtriage.state.sqlite import open_database
from tests.state.conftest import NOW, TOKENS, Desk, ack_of, inbound, key_of, question

ROOT = Path(__file__).resolve().parents[2]
TOGETHER = 4

DESK = f"""
import itertools, sys
from pathlib import Path
from mailtriage.state.sqlite import open_database
from tests.state.conftest import *
desk = Desk(open_database(Path(sys.argv[1])), TOKENS)
for group in itertools.count(int(sys.argv[2])):
    with desk.transaction():
        for number in range({TOGETHER}):
            mail = inbound(f"m{{group}}.{{number}}")
            desk.record_inbound(mail, ack_of(mail))
    print(group, flush=True)
"""

WORKER = """
import sys, time
from pathlib import Path
from mailtriage.state.outbox import Outbox
from mailtriage.state.sqlite import open_database
from tests.state.conftest import NOW
outbox = Outbox(open_database(Path(sys.argv[1])))
while True:
    rows = outbox.claim(NOW, 60, 16).rows
    outbox.sent([row.key for row in rows], NOW)
    if rows:
        print(len(rows), flush=True)
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own; what it prints is what it would have told others."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill(process: subprocess.Popen[str]) -> list[int]:
    """kill -9; returns what it had reported."""
    process.kill()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL, "it ended by itself"
    # A number without its line end may be half of one.
    return [int(line) for line in out.splitlines(keepends=True) if line.endswith("\n")]


def test_a_killed_desk_has_kept_all_that_it_reported(database: Path) -> None:
    pause = random.Random(1)
    reported: list[int] = []
    for life in range(5):
        desk = start(DESK, database, life * 100_000)
        assert desk.stdout is not None
        first = int(desk.stdout.readline())
        time.sleep(pause.uniform(0, 0.2))
        reported += [first, *kill(desk)]
    with closing(open_database(database)) as connection:
        memory = Desk(connection, TOKENS)
        for group in reported:
            for number in range(TOGETHER):
                asked = question(key=key_of(f"m{group}.{number}"))
                assert memory.look_up(asked).handled, f"group {group} is lost"
        # A group is there as a whole, with what is owed, or not at all.
        tables = ("mail", "ack", "outbox", "conversation", "message")
        counts = {
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables
        }
        assert len(counts) == 1
        assert counts.pop() % TOGETHER == 0
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_killed_sender_leaves_every_row_sent_or_claimed(database: Path) -> None:
    with closing(open_database(database)) as connection:
        desk = Desk(connection, TOKENS)
        with desk.transaction():
            for number in range(4000):
                mail = inbound(f"m{number}")
                desk.record_inbound(mail, ack_of(mail))
        worker = start(WORKER, database)
        assert worker.stdout is not None
        reported = int(worker.stdout.readline()) + sum(kill(worker))
        outbox = Outbox(connection)
        counts = outbox.counts()
        assert sum(counts.values()) == 4000
        assert counts["SENT"] >= reported
        # Its claims come back when their lease is over.
        claimed = counts.get("SENDING", 0)
        assert len(outbox.claim(NOW + 60, 60, 5000).rows) == claimed + counts.get("READY", 0)


def test_desk_and_sender_write_at_once_and_neither_fails(database: Path) -> None:
    open_database(database).close()
    desk, worker = start(DESK, database, 0), start(WORKER, database)
    assert desk.stdout is not None
    assert worker.stdout is not None
    begun = [int(desk.stdout.readline()), int(worker.stdout.readline())]
    time.sleep(1.5)
    # An exception would have ended them.
    groups, rows = kill(desk), kill(worker)
    assert len(groups) > 1
    assert begun[1] + sum(rows) > TOGETHER


def test_all_processes_of_a_first_start_may_make_it(database: Path) -> None:
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            try:
                with closing(open_database(database)) as connection:
                    assert Outbox(connection).counts() == {}
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6


def test_a_crash_while_it_was_made(database: Path) -> None:
    """The file is there before what is in it."""
    database.touch(mode=0o600)
    with closing(open_database(database)) as connection:
        Desk(connection, TOKENS).acknowledge(inbound())
