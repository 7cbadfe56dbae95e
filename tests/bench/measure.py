"""One cell of the benchmark: a set of mails sent once, by so many clients, by one way, to one variant."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import cpu, load, protocol
from tests.bench.corpus import Letter
from tests.bench.postfix import Postfix
from tests.bench.variants import Daemon

POSTFIX: Final = "postfix"
SOCKET: Final = "socket"
WAYS: Final = (POSTFIX, SOCKET)


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured. Times of CPU in milliseconds a mail."""

    way: str
    """"postfix": by SMTP through Postfix; "socket": by the milter protocol to the milter alone."""
    mails: str
    clients: int
    variant: str
    round: int
    rate: float
    """Mails a second."""
    latencies: tuple[float, ...]
    """Milliseconds, in the order of the mails, which is the same in every cell of the set."""
    milter_ms: float
    postfix_ms: float
    foreign: float
    """Processor cores that programs outside this benchmark used meanwhile."""
    degraded: int
    """Mails that the milter let pass without having done its work."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The programs that are up while the benchmark runs."""

    postfix: Postfix
    milters: dict[str, Daemon]
    sockets: dict[str, Path]

    def cell(
        self, way: str, mails: str, letters: list[Letter], clients: int, variant: str, round_: int
    ) -> Cell:
        """Sends `letters` and measures. Raises LoadError when a mail does not get through."""
        if way == POSTFIX:
            job = load.smtp_job(self.postfix.ports[variant], letters)
        else:
            job = protocol.milter_job(self.sockets[variant], letters)
        before, started = self._seconds(variant), time.monotonic()
        result = load.run(clients, len(letters), job)
        if way == POSTFIX:
            self.postfix.wait_until_empty()
        # What a milter does after its answer, its log line say, belongs to the mail too.
        time.sleep(0.05)
        after, elapsed = self._seconds(variant), time.monotonic() - started
        milter, postfix, ours, machine = (b - a for a, b in zip(before, after, strict=True))
        count = len(letters)
        return Cell(
            way=way,
            mails=mails,
            clients=clients,
            variant=variant,
            round=round_,
            rate=count / result.seconds,
            latencies=result.latencies,
            milter_ms=milter / count * 1e3,
            postfix_ms=postfix / count * 1e3,
            foreign=max(0.0, machine - milter - postfix - ours) / elapsed,
            degraded=result.degraded,
        )

    def _seconds(self, variant: str) -> tuple[float, float, float, float]:
        """CPU seconds so far of the milter, of Postfix, of ourselves, and of the whole machine."""
        daemon = self.milters.get(variant)
        milter = daemon.seconds() if daemon else 0.0
        return milter, self.postfix.daemon.seconds(), cpu.own_seconds(), cpu.machine_seconds()
