"""Several nodes in one process: each with a database of its own, and one Redis between them.

What a node does for a mail is what the desk does: it asks, writes down what it hears, decides and
records in one transaction; `tell` is what the desk's publisher does in the background.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from mailtriage.acks.tokens import Tokens
from mailtriage.state.ledger import History, LedgerQuestion
from mailtriage.state.redis_ledger import RedisLedger
from mailtriage.state.redis_link import Place, RedisLink
from mailtriage.state.redis_scripts import POLL, PULL, PUSH
from mailtriage.state.shared_question import (
    fingerprint,
    horizon_of,
    pull_values,
    read_pulled,
)
from mailtriage.state.shared_records import Pulled, SharedOutcome, number
from mailtriage.state.sqlite import open_database
from mailtriage.state.sqlite_ledger import SqliteLedger
from mailtriage.state.store import Inbound, Outbound, OutboundEffect, Store
from tests.state.conftest import TOKENS, ack_of
from tests.support.redis_server import RedisServer

KEEP = 180 * 86_400
COOL_DOWN = 300.0


class Node:
    """One of them."""

    def __init__(
        self, directory: Path, url: str, *, tokens: Tokens = TOKENS, prefix: str = "mailtriage"
    ) -> None:
        self.file = directory / "state.db"
        self.tokens = tokens
        self.connection: sqlite3.Connection = open_database(self.file)
        self.store = Store(self.connection, tokens)
        self.node = self.store.sharing.switch(on=True)
        self.place = Place(url, None, prefix, fingerprint(tokens))
        self.link = RedisLink(self.place, 5.0)

    def close(self) -> None:
        self.link.close()
        self.connection.close()

    def ask(self, question: LedgerQuestion, *, claims: bool = True) -> Pulled:
        """The one question before a mail."""
        node = self.node if claims else b""
        also = (question.message_id,) if question.message_id else ()
        values = pull_values(question, self.tokens, horizon_of(COOL_DOWN), node=node, also=also)
        return read_pulled(self.link.run(PULL, "", values))

    def look_up(self, question: LedgerQuestion) -> History:
        """As the desk sees it, behind the question to Redis."""
        pulled = self.ask(question, claims=False)
        with self.store.transaction():
            self.store.hear(pulled)
            known = self.store.look_up(question)
        return replace(known, handled=known.handled or pulled.claim == "recorded")

    def takes(self, mail: Inbound, *, acknowledged: bool = True, **changes: object) -> bool:
        """A mail comes in; whether this node had it done, and no other."""
        question = LedgerQuestion(
            mail.key, mail.mailbox, mail.address, mail.subject, mail.network,
            mail.message_id, mail.references, mail.received,
        )  # fmt: skip
        pulled = self.ask(question)
        with self.store.transaction():
            self.store.hear(pulled)
            if pulled.claim in ("other", "recorded"):
                return False
            if self.store.look_up(question).handled:
                return False
            if acknowledged:
                self.store.record_inbound(mail, ack_of(mail, **changes))
            else:
                self.store.record_inbound(replace(mail, rule="G1"), None)
        return True

    def sends(self, mail: Outbound) -> OutboundEffect:
        """The helpdesk's mail leaves through this node."""
        own = (mail.message_id,) if mail.message_id else ()
        question = LedgerQuestion(mail.key, "", "", "", "", "", (*own, *mail.references), mail.sent)
        pulled = self.ask(question, claims=False)
        with self.store.transaction():
            self.store.hear(pulled)
            return self.store.record_outbound(mail)

    def tell(self, *, everything: bool = False) -> int:
        """Tell what waits; how many rows that were. `everything`: as to a Redis that lost all."""
        self.link.run(POLL, "0123456789abcdef", [KEEP])
        tables, told = self.store.sharing, 0
        if everything:
            tables.begin_walk("another.one", 0.0)
        walking = True
        while True:
            unshared = tables.unshared()
            if unshared.numbers:
                values = [value for row in unshared.rows for value in row]
                self.link.run(PUSH, "", [KEEP, *values])
                tables.shared(unshared.numbers)
                told += len(unshared.numbers)
            elif walking:
                walking = tables.walk()
            else:
                return told

    def hears(self) -> list[OutboundEffect]:
        """What became of the conversations in which something is owed here."""
        owed = self.store.sharing.owed(0.0)
        *_, news = self.link.run(POLL, "0123456789abcdef", [KEEP, *owed])
        effects = []
        for shared_id, (answered, helpdesk, ticket) in zip(owed, news, strict=True):
            outcome = SharedOutcome(shared_id, number(answered), number(helpdesk), ticket.decode())
            with self.store.transaction():
                effects.append(self.store.hear_outcome(outcome, time.time()))
        return effects

    def ledger(self, *, timeout: float = 5.0) -> RedisLedger:
        """What an analyser of this node asks."""
        here = SqliteLedger(self.file, self.tokens)
        link = partial(RedisLink, self.place, 1.0)
        return RedisLedger(here, link, self.tokens, timeout=timeout, cool_down=COOL_DOWN)


@contextmanager
def two_nodes(redis: RedisServer, directory: Path) -> Iterator[tuple[Node, Node]]:
    """Two that have seen nothing, with a Redis that is empty."""
    redis.client().flushall()
    for name in ("a", "b"):
        (directory / name).mkdir()
    with (
        closing(Node(directory / "a", redis.url)) as first,
        closing(Node(directory / "b", redis.url)) as second,
    ):
        yield first, second
