"""A node with the desk's own writer and publisher, for as long as a test needs them."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mailtriage.acks.tokens import Tokens
from mailtriage.desk.commit import GroupCommit
from mailtriage.desk.copy import Copy
from mailtriage.desk.handle import NOTHING, Outcome, Prepared
from mailtriage.desk.sharing import Publisher, SharedJudgement
from mailtriage.state.outbox import Outbox
from mailtriage.state.records import Inbound
from mailtriage.state.redis_link import Place, RedisLink
from mailtriage.state.shared_question import fingerprint
from mailtriage.state.sqlite import open_database
from mailtriage.state.store import Store, WaitingAck
from tests.state.conftest import TOKENS, ack_of
from tests.state.nodes import COOL_DOWN, KEEP
from tests.support.serve import wait_for

T = TypeVar("T")


class Records:
    """Records what it is told to, and judges nothing."""

    def prepare(self, copy: Copy, now: float) -> Prepared | None:
        return None

    def apply(self, prepared: Prepared, store: Store, now: float) -> Outcome:
        return NOTHING

    def release(self, waiting: Iterable[WaitingAck], ticket: str, store: Store, now: float) -> None:
        for one in waiting:
            store.release(one.key, f"Subject: {ticket}\r\n".encode(), now)


class Publishing:
    """Use as a context manager. `reports` are the lines of its log."""

    def __init__(
        self,
        directory: Path,
        url: str,
        *,
        tokens: Tokens = TOKENS,
        password_file: Path | None = None,
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.file = directory / "state.db"
        self.tokens = tokens
        self.reports: list[dict[str, object]] = []
        self.waiting = -1
        place = Place(url, password_file, "mailtriage", fingerprint(tokens))
        self.link: Callable[[], RedisLink] = partial(RedisLink, place, 0.5)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    async def _live(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        self.commit = GroupCommit(self.file, self.tokens, lambda _: None)
        self.commit.start()
        self.judgement = SharedJudgement(Records(), self.link, self.tokens, COOL_DOWN)
        publisher = Publisher(self.judgement, self.link, KEEP, self._report, self._gauge)
        self.publisher = publisher
        await publisher.begin(self.commit)
        running = asyncio.create_task(publisher.run(self.commit))
        self._ready.set()
        await self._leave.wait()
        running.cancel()
        await publisher.close(self.commit)
        await self.commit.stop()

    def _report(self, level: str, fields: Mapping[str, object]) -> None:
        self.reports.append({"level": level, **fields})

    def _gauge(self, waiting: int) -> None:
        self.waiting = waiting

    def do(self, work: Callable[[Store], T]) -> T:
        """Work in the desk's transaction, as a mail would."""
        found = self.awaits(self.commit.run(work))
        self.judgement.applied()
        return found

    def awaits(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it in the loop of this node."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def records(self, mail: Inbound, **changes: object) -> None:
        """A mail comes in and is acknowledged."""
        self.do(lambda store: store.record_inbound(mail, ack_of(mail, **changes)))

    def sends(self, key: bytes) -> None:
        """The ack worker, a process of its own, hands one in."""
        connection = open_database(self.file)
        Outbox(connection).sent([key], time.time())
        connection.close()

    def unshared(self) -> int:
        """Rows that are not told."""
        return self.do(lambda store: store.sharing.count())

    def wait_until_told(self) -> None:
        """All of it."""

        def told() -> bool:
            stage = "SELECT stage FROM sharing"
            done = self.do(lambda store: store._connection.execute(stage).fetchone()[0]) == "done"
            return done and self.unshared() == 0

        wait_for(told, "what is not told yet", 60)

    def said(self, state: str) -> list[object]:
        """What it reported about Redis, as far as that was `state`."""
        return [
            one.get("fault", "")
            for one in list(self.reports)
            if one["event"] == "shared-state" and one["state"] == state
        ]
