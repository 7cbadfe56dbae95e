"""Looks at the Redis that nodes share, as this node does. Writes nothing."""

import time
from contextlib import closing
from typing import Any, Final

from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config
from mailtriage.doctor.facts import Redis
from mailtriage.doctor.model import Undone
from mailtriage.service.shared_state import place_of
from mailtriage.state.ledger import LedgerQuestion
from mailtriage.state.redis_link import NotSharedError, RedisError, RedisLink
from mailtriage.state.redis_scripts import PULL
from mailtriage.state.secret import SecretError, read_secret
from mailtriage.state.shared_question import pull_values

_KEY: Final = "state.url"
_TIME_LIMIT: Final = 2.0


def ask_shared(config: Config, undone: list[Undone]) -> Redis:
    """What it answers to the question that a mail leads to, and how it keeps what it is told."""
    tokens = Tokens(b"")
    try:
        tokens = Tokens(read_secret(config.state.secret))
    except SecretError as error:
        undone.append(Undone("redis-foreign", str(error)))
    with closing(RedisLink(place_of(config, tokens), _TIME_LIMIT)) as link:
        foreign = ""
        try:
            nothing = LedgerQuestion(b"", "", "", "", "", "", (), time.time())
            link.run(PULL, "", pull_values(nothing, tokens, 1.0))
        except NotSharedError as error:
            foreign = str(error)
        except RedisError as error:
            return Redis(_KEY, fault=str(error))
        try:
            seconds, _ = link.ask("TIME")
            persistence, memory = link.ask("INFO", "persistence"), link.ask("INFO", "memory")
        except RedisError as error:
            unseen = ("redis-durability", "redis-eviction", "redis-clock")
            undone += [Undone(one, f"{_KEY}: {error}") for one in unseen]
            return Redis(_KEY, foreign=foreign, asked=False)
    return Redis(
        _KEY,
        appends=bool(persistence.get("aof_enabled")),
        eviction=str(memory.get("maxmemory_policy", "noeviction")),
        foreign=foreign,
        ahead=_apart(seconds),
    )


def _apart(seconds: Any) -> float:
    """A whole second is not known of either."""
    return max(0.0, abs(time.time() - float(seconds)) - 1.0)
