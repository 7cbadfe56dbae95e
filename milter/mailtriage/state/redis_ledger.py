"""The ledger as analysers see it on one of many nodes: its own file, and what Redis has of all.

One round trip a mail. An outage of Redis means no more than that a node knows what it knows itself.
"""

from collections.abc import Callable
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.state import waits
from mailtriage.state.ledger import History, Ledger, LedgerQuestion
from mailtriage.state.lookup import address_pseudonym
from mailtriage.state.redis_bounded import BoundedRedis
from mailtriage.state.redis_link import RedisLink
from mailtriage.state.redis_scripts import PULL
from mailtriage.state.shared_question import (
    history_of,
    horizon_of,
    merged,
    pull_values,
    read_pulled,
)
from mailtriage.state.shared_records import Pulled, SharedDataError


class RedisLedger:
    """`Ledger` over Redis and the ledger of this node, for one thread; a fork connects anew."""

    def __init__(
        self,
        here: Ledger,
        link: Callable[[], RedisLink],
        tokens: Tokens,
        *,
        timeout: float,
        cool_down: float,
    ) -> None:
        """`link` makes a connection. `timeout`: seconds for one mail. `cool_down`: the longest time
        for which an acknowledgement counts, of the configuration's."""
        self._here: Final = here
        self._tokens: Final = tokens
        self._horizon: Final = horizon_of(cool_down)
        self._redis: Final = BoundedRedis(link, timeout)
        self._last: Pulled = Pulled()

    @property
    def problem(self) -> str:
        """Why the file of this node cannot be read at present; empty when all is well."""
        return str(getattr(self._here, "problem", ""))

    @property
    def shared_problem(self) -> str:
        """Why Redis is left alone at present; empty when all is well."""
        return self._redis.problem

    @property
    def failures(self) -> int:
        """Questions to Redis that were not answered."""
        return self._redis.failures

    def look_up(self, question: LedgerQuestion) -> History:
        """See `Ledger`."""
        self._last = Pulled()
        here = self._here.look_up(question)
        if not waits.may_wait():
            return here
        answer = self._redis.ask(PULL, pull_values(question, self._tokens, self._horizon))
        if answer is None:
            return here
        try:
            self._last = read_pulled(answer)
        except SharedDataError:
            return here
        return merged(here, history_of(self._last, question, self._tokens))

    def original_id(self, key: bytes, address: str) -> str:
        """See `Ledger`: out of the answer to the last question, in which the mail's references
        stood."""
        found = self._here.original_id(key, address)
        if found:
            return found
        who = address_pseudonym(self._tokens, address)
        return next(
            (
                ack.original_id
                for ack in self._last.acks
                if ack.key == key and who and ack.address == who
            ),
            "",
        )

    def close(self) -> None:
        """Hang up; the next question connects again."""
        self._redis.close()
