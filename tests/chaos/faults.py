"""Single faults, each in a site of its own under a steady trickle of mail."""

import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from itertools import count
from typing import Final

from tests.chaos.account import ACCEPTED, SECONDS, UNTAGGED, Account, draw_up
from tests.chaos.killer import living
from tests.chaos.letters import Letter, Posting, post_all
from tests.chaos.place import database, drain, place
from tests.support.serve import wait_for
from tests.support.site import HELP, Site

MAILS: Final = 60
CLIENTS: Final = 4
PAUSE: Final = 0.8
"""Seconds between two mails of one client: a fault begins and ends while they send."""

FIRST_ACKS: Final = 3
"""Acknowledgements after which the fault begins."""

PATIENCE: Final = 150.0
"""Seconds in which everything has to be quiet again; a lease is 60."""

_TMPFS: Final = 6 * 1024 * 1024


class SkippedError(Exception):
    """It cannot be tried here; the message says why."""


def desk_stopped(site: Site, mails: "Trickle") -> str:
    """The desk hangs (SIGSTOP) for 10 s."""
    (desk,) = living(site.service, "desk")
    os.kill(desk, signal.SIGSTOP)
    try:
        time.sleep(10)
        return f"{mails.meanwhile()} mails at the helpdesk meanwhile"
    finally:
        os.kill(desk, signal.SIGCONT)


def submission_down(site: Site, mails: "Trickle") -> str:
    """Nobody listens at the port for acknowledgements, for 10 s from the start."""
    master = site.postfix.config / "master.cf"
    before = master.read_text()
    services = [line.split() for line in site.shell.ask("postconf", "-M").splitlines()]
    (service,) = {name for name, kind, *_ in services if kind == "inet"} - _public(site)
    site.shell.ask("postconf", "-MX", f"{service}/inet")
    site.shell.ask("postfix", "reload")
    mails.begin()
    time.sleep(10)
    acks, copies = len(site.acks()), mails.meanwhile()
    opened = site.service.log().count("event=ack-server state=down")
    master.write_text(before)
    site.shell.ask("postfix", "reload")
    if acks or not opened:
        raise AssertionError(f"{acks} acknowledgements went out, breaker opened {opened} times")
    return f"{copies} mails at the helpdesk meanwhile, no acknowledgement, breaker open"


def disk_full(site: Site, mails: "Trickle") -> str:
    """No room is left for the database, for 8 s."""
    filler = database(site).with_name("filler")
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    try:
        unusable = "event=desk-database state=unusable"
        wait_for(lambda: unusable in site.service.log(), "the desk to find the disk full")
        time.sleep(8)
        queued, copies = site.postfix.queued(), mails.meanwhile()
    finally:
        filler.unlink()
    if not queued:
        raise AssertionError("Postfix kept nothing")
    return f"{copies} mails at the helpdesk meanwhile, {queued} copies kept by Postfix"


def database_locked(site: Site, mails: "Trickle") -> str:
    """Another process holds the database for 8 s."""
    with closing(sqlite3.connect(database(site), isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(8)
        connection.execute("ROLLBACK")
        return f"{mails.meanwhile()} mails at the helpdesk meanwhile"


def supervisor_killed(site: Site, mails: "Trickle") -> str:
    """kill -9 to the supervisor alone; started again as systemd would, until it stays."""
    began, starts = time.monotonic(), 0
    for _ in range(2):
        os.kill(site.service.pid, signal.SIGKILL)
        assert site.service.process is not None
        site.service.process.wait()
        starts += _start_until_it_stays(site)
        time.sleep(2)
    seconds = time.monotonic() - began
    return f"twice, {starts} starts, {mails.meanwhile()} mails at the helpdesk in those {seconds:.0f} s"


def _start_until_it_stays(site: Site) -> int:
    """How many starts it took."""
    ends = time.monotonic() + 60
    for number in count(1):
        try:
            site.service.start()
        except RuntimeError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.5)
        else:
            return number
    raise AssertionError("count never ends")


def _public(site: Site) -> set[str]:
    return {f"127.0.0.1:{port}" for port in site.postfix.ports.values()}


class Trickle:
    """Mails that come one after the other in the background."""

    def __init__(self, site: Site) -> None:
        self._site: Final = site
        self._pool: Final = ThreadPoolExecutor(1)
        self._letters: Final = [Letter(number) for number in range(1, MAILS + 1)]
        self._begun: Final = threading.Event()
        self._arrived_before = 0
        self._postings: Final = self._pool.submit(self._post)

    def _post(self) -> Sequence[Posting]:
        self._begun.wait()
        ends = time.monotonic() + PATIENCE
        return post_all(self._site, self._letters, ends, clients=CLIENTS, pause=PAUSE)

    def begin(self) -> None:
        """From now on."""
        self._begun.set()

    def fault_begins(self) -> None:
        """What has arrived until now is not `meanwhile`."""
        self._arrived_before = self._arrived()

    def meanwhile(self) -> int:
        """Mails that have come to the helpdesk since the fault began."""
        return self._arrived() - self._arrived_before

    def _arrived(self) -> int:
        return len(self._site.world.to(HELP))

    def end(self) -> Sequence[Posting]:
        """All of them, when the last has been sent."""
        self.begin()
        return self._postings.result()


FAULTS: Final[dict[str, Callable[[Site, Trickle], str]]] = {
    "desk-stopped": desk_stopped,
    "submission-down": submission_down,
    "disk-full": disk_full,
    "database-locked": database_locked,
    "supervisor-killed": supervisor_killed,
}


def main(only: Sequence[str] | None = None) -> int:
    """Try them, print a line for each; 0 when all went well."""
    worst = 0
    for name in only or FAULTS:
        try:
            said, failed = attempt(name)
        except SkippedError as reason:
            print(f"{name}: skipped: {reason}", flush=True)
            continue
        print(f"{name}: {'WRONG: ' if failed else ''}{said}", flush=True)
        worst = max(worst, int(failed))
    return worst


def attempt(name: str) -> tuple[str, bool]:
    """What one fault did, in a line, and whether anything went wrong."""
    said, problems = "", []
    with (
        place(as_shipped=True, serve=False) as site,
        _small_disk(site, wanted=name == "disk-full"),
        site.service,
    ):
        began = time.monotonic()
        mails = Trickle(site)
        if name != "submission-down":  # which has to come before the first connection
            mails.begin()
            wait_for(lambda: len(site.acks()) >= FIRST_ACKS, "the first acknowledgements")
        try:
            mails.fault_begins()
            said = FAULTS[name](site, mails)
        except (AssertionError, TimeoutError) as fault:
            problems.append(str(fault))
        finally:
            postings = mails.end()
        rest = drain(site, time.monotonic() + PATIENCE)
        account = draw_up(site, postings, {}, rest, time.monotonic() - began)
    parts = [said, *problems, *account.failures, _summary(account)]
    wrong = bool(problems or account.failures)
    evidence = f"\n{account.evidence}" if account.failures else ""
    return "; ".join(part for part in parts if part) + evidence, wrong


def _summary(account: Account) -> str:
    untagged = account.figure(UNTAGGED)
    passed = f", {untagged} passed untagged" if untagged else ""
    acks = "" if account.failures else ", each acknowledged once"
    return f"{account.figure(ACCEPTED)} accepted{acks}{passed}, {account.figure(SECONDS)} s in all"


@contextmanager
def _small_disk(site: Site, *, wanted: bool) -> Iterator[None]:
    """A disk of its own for the state, of a few megabytes, if wanted. Raises SkippedError."""
    if not wanted:
        yield
        return
    state = database(site).parent
    secret = (state / "secret").read_bytes()
    size = f"size={_TMPFS},mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", size, "mailtriage-chaos", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SkippedError(f"nothing may be mounted here: {done.stderr.strip()}")
    try:
        (state / "secret").touch(0o600)
        (state / "secret").write_bytes(secret)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=False)
