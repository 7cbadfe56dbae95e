"""The clock that is handed in wherever time decides something.

The service hands in the machine's. A test, or a replay of weeks, hands in one that it sets itself.
"""

from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since the epoch: `time.time`, or what stands in for it."""
