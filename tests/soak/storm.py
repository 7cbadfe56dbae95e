"""SIGKILL to workers in turn, and SIGHUP to the supervisor, each at its own steady interval."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self

from tests.chaos.killer import living
from tests.support.serve import Service

KILL_EVERY: Final = 20.0
RELOAD_EVERY: Final = 30.0


class Storm:
    """From the moment it is entered until it is left. Use as a context manager."""

    def __init__(self, service: Service, roles: Sequence[str]) -> None:
        """`roles`: whom to kill, in turns."""
        self.kills: Final[Counter[str]] = Counter()
        self.reloads = 0
        self._service: Final = service
        self._roles: Final = tuple(roles)
        self._over: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        kill = reload = time.monotonic()
        turn = 0
        while not self._over.wait(0.2):
            now = time.monotonic()
            if now - kill >= KILL_EVERY and self._kill(self._roles[turn % len(self._roles)]):
                kill, turn = now, turn + 1
            if now - reload >= RELOAD_EVERY:
                reload = now
                self._service.signal(signal.SIGHUP)
                self.reloads += 1

    def _kill(self, role: str) -> bool:
        targets = living(self._service, role)
        if not targets:
            return False  # its successor is not there yet
        with suppress(ProcessLookupError):
            os.kill(random.choice(targets), signal.SIGKILL)
            self.kills[role] += 1
        return True
