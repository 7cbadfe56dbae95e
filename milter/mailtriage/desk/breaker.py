"""The circuit breaker before the server that acknowledgements are handed to.

A server that is down costs nobody an acknowledgement: after a few failures in a row nothing is
tried any more but one probe every few seconds, and everything else stays where it is.
"""

import time
from collections.abc import Callable
from typing import Final

FAILURES: Final = 5
"""Failures in a row that open the circuit."""

PROBE_EVERY: Final = 3.0
"""Seconds between two probes while it is open."""


class Breaker:
    """Closed: everything may pass. Open: one probe at a time, until one succeeds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that only ever grow."""
        self._clock: Final = clock
        self._failures = 0
        self._next_probe = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the server counts as down."""
        return self._failures >= FAILURES

    def seconds_to_wait(self) -> float:
        """How long nothing may be tried; 0: now is the time."""
        return max(0.0, self._next_probe - self._clock()) if self.is_open else 0.0

    def probing(self) -> None:
        """A probe is under way: the next one has its time from now on."""
        self._next_probe = self._clock() + PROBE_EVERY

    def failed(self) -> bool:
        """The server could not be reached or refused to talk; True when that opens the circuit."""
        self._failures += 1
        self.probing()
        return self._failures == FAILURES

    def succeeded(self) -> bool:
        """The server talked; True when that closes the circuit."""
        was_open = self.is_open
        self._failures = 0
        return was_open
