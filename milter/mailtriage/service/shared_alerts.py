"""Alerts that one of several nodes owes for all: who delivers them, and what it remembers of that.

Redis has them, so that another node can go on. The holder of the lease has them as well, so that a
Redis that loses them is given them again; and it remembers what it has delivered.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from mailtriage.state.redis_warnings import RedisWarnings, name_of
from mailtriage.state.warnings import FARTHEST, Owed

DELIVERING: Final = 30.0
"""Seconds after which no further alert is begun with before the next look."""
MOST_SENT: Final = 200
"""Names of alerts that are remembered."""


class SharedOutbox:
    """For one thread."""

    def __init__(
        self,
        redis: RedisWarnings,
        deliver: Callable[[Owed, int], float | None],
        stopped: Callable[[], bool],
    ) -> None:
        """`deliver`: as `Alerting.deliver`."""
        self._redis: Final = redis
        self._deliver: Final = deliver
        self._stopped: Final = stopped
        self._owed: dict[str, Owed] = {}
        self._sent: dict[str, None] = {}

    @property
    def waiting(self) -> list[Owed]:
        """What is owed, as far as it is known here."""
        return list(self._owed.values())

    @property
    def sent(self) -> list[str]:
        """Names of what was delivered from here, or given up."""
        return list(self._sent)

    def add(self, owed: Iterable[Owed]) -> None:
        """What has been written down in Redis."""
        self._owed |= {name_of(one): one for one in owed if name_of(one) not in self._sent}

    def give_up(self) -> None:
        """Another node has the lease: what is owed it has from Redis."""
        self._owed.clear()

    def deliver(self, waiting: int, now: Callable[[], int], ends: float) -> None:
        """What is due, as long as this node is the one to do so: two would tell everybody twice.

        `waiting`: how much Redis has; `now`: by its clock; `ends`: when the lease is too short for
        another attempt, by time.monotonic. Raises RedisError and SharedDataError.
        """
        if not waiting and not self._owed:
            return
        self._owed |= {name_of(one): one for one in self._redis.owed()}
        ends = min(ends, time.monotonic() + DELIVERING)
        for name, one in list(self._owed.items()):
            if self._stopped() or time.monotonic() > ends:
                return
            at = now()
            if at < one.due <= at + FARTHEST:
                continue
            again = None if name in self._sent else self._deliver(one, at)
            if again is None:
                self._sent = dict.fromkeys([*self._sent, name][-MOST_SENT:])
                del self._owed[name]
            else:
                self._owed[name] = replace(one, tries=one.tries + 1, due=at + again)
            self._redis.attempted(one, None if again is None else at + again, at)
