"""SIGKILL to one process after the other."""

import os
import random
import signal
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from tests.support.serve import Service, alive, children

ROLES: Final = ("milter", "analyser", "desk", "acks")

PAUSES: Final = (0.1, 0.4)
"""Seconds between two kills, at least and at most."""


def living(service: Service, role: str) -> list[int]:
    """Process ids, by the name that each process has from its first moment: the log is later."""
    return [pid for pid in children(service.pid) if _name(pid) == f"mt-{role}" and alive(pid)]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Killer:
    """Kills from the moment it is entered until it is left. Use as a context manager."""

    def __init__(self, service: Service, rng: random.Random) -> None:
        self.kills: Final[Counter[str]] = Counter()
        self._service: Final = service
        self._rng: Final = rng
        self._over: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._rng.uniform(*PAUSES)):
            role = self._rng.choice(ROLES)
            targets = living(self._service, role)
            if not targets:
                continue  # its successor is not there yet
            with suppress(ProcessLookupError):
                os.kill(self._rng.choice(targets), signal.SIGKILL)
                self.kills[role] += 1
