"""The state that nodes share, as the configuration describes it."""

from collections.abc import Callable
from functools import partial
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config
from mailtriage.state.ledger import Ledger
from mailtriage.state.redis_ledger import RedisLedger
from mailtriage.state.redis_link import Place, RedisLink
from mailtriage.state.shared_question import fingerprint

ANSWER: Final = 1.0
"""Seconds for a connection and for an answer, in threads that no mail waits for any longer."""


def place_of(config: Config, tokens: Tokens) -> Place:
    """Where it is."""
    state = config.state
    return Place(state.url, state.password_file, state.prefix, fingerprint(tokens))


def desk_link(place: Place) -> Callable[[], RedisLink]:
    """Makes a connection, each for one thread."""
    return partial(RedisLink, place, ANSWER)


def shared_ledger(config: Config, tokens: Tokens, here: Ledger) -> RedisLedger:
    """What an analyser asks; `here`: the ledger of this node."""
    return RedisLedger(
        here,
        desk_link(place_of(config, tokens)),
        tokens,
        timeout=config.state.timeout,
        cool_down=config.ack.limits.cool_down,
    )
