"""Memory and descriptors of the processes of a service, looked at every other second."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.support.serve import alive, children

EVERY: Final = 2.0
SUPERVISOR: Final = "supervisor"


@dataclass(frozen=True, slots=True)
class Process:
    """One process at one moment. Memory in MB (10^6 bytes)."""

    pid: int
    role: str
    """"milter", "analyser", "desk", ...; the supervisor has none of these."""
    age: float
    """Seconds since it was forked."""
    rss: float
    pss: float
    """As `rss`, but a page that several share counts in equal parts for each."""
    descriptors: int


@dataclass(frozen=True, slots=True)
class Sample:
    """All of them at one moment."""

    at: float
    """Seconds, of time.monotonic."""
    processes: tuple[Process, ...]


class Sampler:
    """Looks at them from the moment it is entered until it is left. Use as a context manager."""

    def __init__(self, supervisor: int) -> None:
        self.samples: Final[list[Sample]] = []
        self._supervisor: Final = supervisor
        self._over: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self.samples.append(sample(self._supervisor))


def sample(supervisor: int) -> Sample:
    """The supervisor and its children now; one that goes meanwhile is left out."""
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    found = [_process(supervisor, SUPERVISOR, now)]
    found += [_process(pid, _role(pid), now) for pid in children(supervisor) if alive(pid)]
    return Sample(time.monotonic(), tuple(one for one in found if one is not None))


def _process(pid: int, role: str, now: float) -> Process | None:
    place = Path(f"/proc/{pid}")
    try:
        fields = (place / "stat").read_text().rpartition(") ")[2].split()
        memory = (place / "smaps_rollup").read_text()
        descriptors = sum(1 for _ in (place / "fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return None
    born = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return Process(
        pid, role, now - born, _megabytes(memory, "Rss:"), _megabytes(memory, "Pss:"), descriptors
    )


def _role(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip().removeprefix("mt-")
    except OSError:
        return ""


def _megabytes(rollup: str, name: str) -> float:
    """A line of smaps_rollup (proc(5)); a zombie has none."""
    words = rollup.partition(name)[2].split()
    return int(words[0]) * 1024 / 1e6 if words else 0.0
