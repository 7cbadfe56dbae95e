"""The organisation's customer list in Redis: one hash, kept up to date by whoever knows.

Its fields are addresses and domains, its values tiers: `HSET mailtriage:customers northwind.example
vip`. A CRM can write it at any time; nothing has to be reloaded.
"""

import threading
import time
from typing import Final, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mailtriage.state.customers import TIERS
from mailtriage.triage.customer import CustomerList
from mailtriage.triage.model import Tier


class RedisCustomers:
    """A customer list in Redis: one bounded look-up a mail, none while Redis is in trouble.

    redis-py retries a dead server ten times with pauses by default, and would hold up a mail for
    seconds: no retries, one short time limit, and after a failure a circuit breaker that lets the
    mails pass untouched for a while.
    """

    PAUSE: Final = 5.0
    """Seconds without a look-up after a failure."""

    def __init__(self, url: str, key: str, timeout: float, files: CustomerList) -> None:
        """`timeout` in seconds is for one look-up; `files` is asked first."""
        self._client: Final = redis.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            decode_responses=True,
        )
        self._key: Final = key
        self._files: Final = files
        self._shut_until = 0.0
        self._lock: Final = threading.Lock()
        self.failures = 0

    def tier(self, keys: tuple[str, ...]) -> tuple[Tier, str]:
        """See CustomerList; the files win over Redis."""
        found = self._files.tier(keys)
        if found[0] is not Tier.UNKNOWN or time.monotonic() < self._shut_until:
            return found
        try:
            values = cast("list[str | None]", self._client.hmget(self._key, list(keys)))
        except (redis.RedisError, OSError):
            with self._lock:
                self.failures += 1
                self._shut_until = time.monotonic() + self.PAUSE
            return Tier.UNKNOWN, ""
        for key, value in zip(keys, values, strict=True):
            if value is not None and value.strip().lower() in TIERS:
                return Tier(value.strip().lower()), key
        return Tier.UNKNOWN, ""
