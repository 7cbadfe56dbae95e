"""Mails at a steady rate, as high as is wished for and as the machine can do."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

CLIENTS: Final = 8

STEP: Final = 1.0
"""Seconds between two looks at how much is waiting."""

LONG: Final = 200
"""Mails in Postfix's queue and acknowledgements owed, together, from which the rate falls."""

SLOWEST: Final = 1.0
FALL: Final = 0.85
RISE: Final = 1.04


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client said of a mail."""

    number: int
    code: int
    """Of the answer to the final dot: 250, where it was taken."""
    tries: int
    lost: int
    """Answers that did not come."""
    waited: float
    """Milliseconds, from the start of the first try."""
    at: float
    """When it was said, as of time.monotonic."""


class Pace:
    """The rate, which `steer` changes once a STEP: down by a share while too much waits and more and
    more does, and up in small steps, never beyond the wish."""

    def __init__(self, wish: float) -> None:
        self.wish: Final = wish
        self.rate = min(wish, 20.0)
        self._waited = 0

    def steer(self, waiting: int, *, behind: bool) -> None:
        """`waiting`: mails under way behind the clients; `behind`: the clients are not ready."""
        if waiting > LONG:
            if waiting >= self._waited:
                self.rate = max(SLOWEST, self.rate * FALL)
        elif not behind:
            self.rate = min(self.wish, self.rate * RISE + 0.5)
        self._waited = waiting


class Clients:
    """The processes that send. Use as a context manager; leaving it waits for their last mails."""

    def __init__(self, port: int, pace: Pace, waiting: Callable[[], int]) -> None:
        """`waiting`: how much is under way behind them, asked once a STEP."""
        self.sent: Final[list[Sent]] = []
        self.given = 0
        """Mails that were given to them so far."""
        self._pace: Final = pace
        self._waiting: Final = waiting
        self._command: Final = [sys.executable, "-m", "tests.soak.client", str(port)]
        self._processes: Final[list[subprocess.Popen[bytes]]] = []
        self._over: Final = threading.Event()

    def __enter__(self) -> Self:
        todo, self._todo = os.pipe()
        done, told = os.pipe()
        os.set_blocking(self._todo, False)
        for _ in range(CLIENTS):
            self._processes.append(subprocess.Popen(self._command, stdin=todo, stdout=told))
        os.close(todo)
        os.close(told)
        self._reader = threading.Thread(target=self._read, args=(done,), daemon=True)
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._reader.start()
        self._feeder.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._over.set()
        self._feeder.join()
        os.close(self._todo)
        for process in self._processes:
            if kind is not None:
                process.terminate()
            process.wait()
        self._reader.join()

    def _feed(self) -> None:
        """Give out numbers, so many a second."""
        allowance, before, looked = 0.0, time.monotonic(), 0.0
        while not self._over.wait(0.02):
            now = time.monotonic()
            allowance += (now - before) * self._pace.rate
            before = now
            # What they have not begun with waits here, not in the pipe.
            while allowance >= 1 and self._open() < 2 * CLIENTS:
                self.given += 1
                os.write(self._todo, self.given.to_bytes(4))
                allowance -= 1
            behind = allowance >= 1
            allowance = min(allowance, self._pace.rate * STEP)
            if now - looked > STEP:
                looked = now
                self._pace.steer(self._waiting(), behind=behind)

    def _open(self) -> int:
        return self.given - len(self.sent)

    def _read(self, done: int) -> None:
        with os.fdopen(done, "r", encoding="ascii") as lines:
            for line in lines:
                number, code, tries, lost, waited = map(int, line.split())
                self.sent.append(Sent(number, code, tries, lost, waited, time.monotonic()))
