"""How fast acknowledgements go out, in all and to one domain (rule F6).

What exceeds a limit waits; it is never dropped. Each limit is a token bucket, kept as the generic
cell rate algorithm does it (ITU-T I.371): the time up to which everything is taken is all it needs.
To one domain a whole hour's share may go at once, and then one after the other: a window of an hour
would let those who come next wait until they expire.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mailtriage.config.acks import AckLimits

HOUR: Final = 3600.0

_INSTANT: Final = 1e-6
"""Seconds that are no time: what floating-point sums may be off by."""

_DOMAINS: Final = 10_000
"""Domains between two looks for those that may be forgotten."""


class _Bucket:
    """`burst` at once, then one every `interval` seconds."""

    __slots__ = ("_interval", "_slack", "_taken_until")

    def __init__(self, per_hour: int, burst: int, taken: int, now: float) -> None:
        """`taken`: how many went out in the last hour, as far as they still count."""
        self._interval: Final = HOUR / per_hour
        self._slack: Final = (burst - 1) * self._interval
        self._taken_until = now + min(max(taken, 0), burst) * self._interval

    def wait(self, now: float) -> float:
        """Seconds until one more may go; 0: now."""
        wait = self._taken_until - self._slack - now
        return wait if wait > _INSTANT else 0.0

    def room(self, now: float) -> int:
        """How many may go now."""
        if self.wait(now):
            return 0
        free = now + self._slack - max(self._taken_until, now)
        return max(1, int((free + _INSTANT) / self._interval) + 1)

    def spacing(self) -> float:
        """Seconds from one to the next when all is taken."""
        return self._interval

    def take(self, now: float) -> None:
        """One goes out."""
        self._taken_until = max(self._taken_until, now) + self._interval

    def give_back(self) -> None:
        """One that was taken did not go out."""
        self._taken_until -= self._interval

    def is_full(self, now: float) -> bool:
        """Whether nothing of it is taken, so that a new one would be the same."""
        return self._taken_until <= now


class Pace:
    """The limits of [ack.limits], for the process that sends. Times are seconds since the epoch."""

    def __init__(
        self,
        limits: AckLimits,
        now: float,
        *,
        sent: int = 0,
        to_domains: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """`sent` and `to_domains`: what went out in the last hour, before this process began."""
        self._limits: Final = limits
        self._all: Final = _Bucket(
            limits.per_hour, limits.burst, sent - (limits.per_hour - limits.burst), now
        )
        self._domains: Final = {
            domain: self._domain_bucket(count, now) for domain, count in to_domains.items()
        }

    def _domain_bucket(self, taken: int, now: float) -> _Bucket:
        return _Bucket(self._limits.per_domain, self._limits.per_domain, taken, now)

    def room(self, now: float) -> int:
        """How many may go out now, whatever their domains."""
        return self._all.room(now)

    def wait_for(self, domain: str, now: float, ahead: int = 0) -> float:
        """Seconds until one more to that domain may go out, when `ahead` others wait; 0: now."""
        bucket = self._domains.get(domain)
        if bucket is None:
            return 0.0
        wait = bucket.wait(now)
        return wait + ahead * bucket.spacing() if wait or ahead else 0.0

    def take(self, domain: str, now: float) -> None:
        """One goes out to that domain."""
        self._all.take(now)
        if domain not in self._domains:
            if len(self._domains) >= _DOMAINS:
                self._forget(now)
            self._domains[domain] = self._domain_bucket(0, now)
        self._domains[domain].take(now)

    def give_back(self, domain: str) -> None:
        """One that was taken did not go out."""
        self._all.give_back()
        if domain in self._domains:
            self._domains[domain].give_back()

    def _forget(self, now: float) -> None:
        for domain in [name for name, bucket in self._domains.items() if bucket.is_full(now)]:
            del self._domains[domain]
