"""Where it happens: a whole site with another milter in it, and how long until it is quiet again."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.state.outbox import OWED, Outbox
from mailtriage.state.sqlite import StateError, open_database
from tests.chaos.refuser import Refuser
from tests.support.serve import Service
from tests.support.site import Site, running_site

# All mails come from one test within minutes: no rule about rates may forbid an acknowledgement.
_LIMITS: Final = """
[ack.limits]
cool_down = "0s"
per_network = 1000000
per_domain = 1000000
per_hour = 10000000
burst = 1000000
"""

# The same program with shorter waits. An administrator has no use for these as settings.
_HASTY: Final = (
    "from mailtriage.cli import main; from mailtriage.desk import sender; "
    "from mailtriage.service import supervisor; supervisor.LONGEST_PAUSE = 0.2; "
    "sender.LEASE, sender.SEND_LIMIT = 8.0, 6.0; main()"
)

_FLUSH_EVERY: Final = 5.0
"""Seconds: Postfix puts off a destination that just failed, by more with each time."""

_HOPELESS: Final = 100.0
"""Seconds in which nothing more is done, after which nothing is waited for; a lease is 60."""


class HastyService(Service):
    """`mailtriage serve` that replaces at once what was killed, with leases of seconds."""

    def spawn(self) -> None:
        """Start the process without waiting for it."""
        command = [sys.executable, "-c", _HASTY, "--config", str(self.config), "serve"]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


@contextmanager
def place(*, as_shipped: bool = False, serve: bool = True) -> Iterator[Site]:
    """A running site whose smtpd services "before" and "after" have a milter that refuses."""
    with Refuser() as refuser:
        other = f"inet:127.0.0.1:{refuser.port}"
        services = {
            "before": {"smtpd_milters": f"{other}, $mailtriage_milter"},
            "after": {"smtpd_milters": f"$mailtriage_milter, {other}"},
        }
        with running_site(toml=_LIMITS, services=services, serve=False) as site:
            if not as_shipped:
                config = site.service.config
                site.service = HastyService(config.parent, config.read_text())
            if not serve:
                yield site
                return
            with site.service:
                yield site


def flush(site: Site) -> None:
    """Have Postfix try everything again that it has put off."""
    command = ["/usr/sbin/postqueue", "-c", str(site.postfix.config), "-f"]
    subprocess.run(command, check=False, capture_output=True, timeout=30)


def database(site: Site) -> Path:
    """The file in which mailtriage keeps everything."""
    return site.directory / "state" / "state.db"


def outbox_counts(site: Site) -> dict[str, int]:
    """How many rows the outbox has of each state; none while it cannot be read."""
    try:
        with closing(open_database(database(site), read_only=True)) as connection:
            return {str(state): number for state, number in Outbox(connection).counts().items()}
    except StateError:
        return {}


@dataclass(frozen=True, slots=True)
class Left:
    """What is still under way."""

    queued: int
    owed: int

    @property
    def nothing(self) -> bool:
        """Whether all is done."""
        return not self.queued and not self.owed


def left(site: Site) -> Left:
    """What Postfix and the outbox have at this moment."""
    counts = outbox_counts(site)
    return Left(site.postfix.queued(), sum(counts.get(state, 0) for state in OWED))


def drain(site: Site, ends: float) -> Left:
    """Wait until Postfix's queue and the outbox are empty, or until `ends` (time.monotonic), or
    until there is no hope."""
    now, quiet = left(site), 0
    changed = flushed = time.monotonic()
    while time.monotonic() < min(ends, changed + _HOPELESS):
        before, now = now, left(site)
        if now != before:
            changed = time.monotonic()
        # An acknowledgement is in neither for a moment, between the outbox and the queue.
        quiet = quiet + 1 if now.nothing else 0
        if quiet > 2:
            break
        if time.monotonic() > flushed + _FLUSH_EVERY:
            flush(site)
            flushed = time.monotonic()
        time.sleep(0.2)
    return now
