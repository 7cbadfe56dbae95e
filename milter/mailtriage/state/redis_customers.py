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
from mailtriage.state.waits import waited
from mailtriage.triage.customer import CustomerList
from mailtriage.triage.model import Tier


class RedisCustomers:
    """A customer list in Redis: one bounded look-up a mail, none while Redis is in trouble.

    redis-py retries a dead server ten times with pauses by default, and would hold up a mail for
    seconds: no retries, one short time limit, and after a failure a circuit breaker that lets the
    mails pass for a while. When that is over one mail tries Redis again, the others still pass.
    """

    def __init__(
        self, url: str, key: str, timeout: float, files: CustomerList, *, pause: float = 5.0
    ) -> None:
        """`timeout` is for one look-up, `pause` for what follows a failure, both in seconds.

        `files` is asked first. Raises ValueError when `url` is none that redis-py knows.
        """
        # A look-up may have to connect first, and then waits for one answer: half the time each.
        self._client: Final = redis.Redis.from_url(
            url,
            socket_timeout=timeout / 2,
            socket_connect_timeout=timeout / 2,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            decode_responses=True,
            encoding_errors="replace",
            # By default the server has to answer three questions before the look-up is sent.
            protocol=2,
            driver_info=None,
        )
        self._key: Final = key
        self._files: Final = files
        self._pause: Final = pause
        self._lock: Final = threading.Lock()
        self._shut_until = 0.0
        self.failures = 0
        """Look-ups that failed."""

    @property
    def resting(self) -> bool:
        """Whether Redis is left alone at this moment, because a look-up has failed."""
        return time.monotonic() < self._shut_until

    def tier(self, keys: tuple[str, ...]) -> tuple[Tier, str]:
        """See CustomerList; the files win over Redis."""
        found = self._files.tier(keys)
        if found[0] is not Tier.UNKNOWN or not keys or not self._may_ask():
            return found
        begun = time.monotonic()
        try:
            values = cast("list[str | None]", self._client.hmget(self._key, list(keys)))
        except (redis.RedisError, OSError):
            with self._lock:
                self.failures += 1
                self._shut_until = time.monotonic() + self._pause
            return found
        finally:
            waited(time.monotonic() - begun)
        self._shut_until = 0.0
        for key, value in zip(keys, values, strict=True):
            tier = (value or "").strip().lower()
            if tier in TIERS:
                return Tier(tier), key
        return found

    def _may_ask(self) -> bool:
        """Whether the circuit is closed; when its pause is over, True for one caller alone."""
        if not self._shut_until:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._shut_until:
                return False
            self._shut_until = now + self._pause
            return True
