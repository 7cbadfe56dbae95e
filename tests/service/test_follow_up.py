"""The task that comes back to conversations: with a real database and the thread that writes."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.desk.commit import GroupCommit
from mailtriage.desk.follow_up_desk import FollowUpDesk, Looked
from mailtriage.desk.report import Level
from mailtriage.service import follow_up
from mailtriage.service.follow_up import FollowUpTask
from mailtriage.state.ledger import LedgerQuestion
from mailtriage.state.records import FollowUp, Inbound, NewAck
from mailtriage.state.shared_records import Pulled
from mailtriage.state.sqlite import open_database
from mailtriage.state.store import Store
from tests.support.orders import ORDER, TOKENS

NOW = 1_795_600_000.0


class Judge(FollowUpDesk):
    """Notes what it was shown, and puts it off; stumbles over conversation 2 when told to."""

    def __init__(self, *, stumbles: bool = False) -> None:
        self.seen: list[int] = []
        self.heard: list[Pulled | None] = []
        self.stumbles = stumbles

    def look(
        self, store: Store, conversation: int, now: float, shared: Pulled | None = None
    ) -> Looked:
        self.seen.append(conversation)
        self.heard.append(shared)
        if self.stumbles and conversation == 2:
            store.follow_ups.look_again(conversation, now + 5)
            raise KeyError("something of ours")
        store.follow_ups.look_again(conversation, now + 600)
        return Looked("update", "owed", "billing", "abc")


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[Level, Mapping[str, object]]] = []

    def __call__(self, level: Level, fields: Mapping[str, object]) -> None:
        self.lines.append((level, fields))

    def events(self) -> list[object]:
        return [fields["event"] for _, fields in self.lines]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """With rows for three conversations that are due."""
    file = tmp_path / "state.db"
    with closing(open_database(file)) as connection:
        store = Store(connection, TOKENS)
        for number in range(3):
            key = bytes([number]) * 16
            mail = Inbound(
                key, "help@desk.example", "joe@customer.example", "", "", f"<{number}@x.example>",
                (), NOW, "", "sent", "human", "billing", "normal", "en", "none", "new", 0.0,
            )  # fmt: skip
            kept = FollowUp(ORDER.to_json(), "updates", NOW + 3600, NOW + number, NOW + 86_400)
            ack = NewAck(
                key, mail.mailbox, mail.address, "customer.example", b"x", NOW, NOW, NOW + 60,
                follow_up=kept,
            )  # fmt: skip
            with store.transaction():
                store.record_inbound(mail, ack)
    return file


def running(
    file: Path, work: Callable[[GroupCommit], Coroutine[Any, Any, None]], report: Log
) -> None:
    """Do it while the thread that writes runs."""

    async def do() -> None:
        commit = GroupCommit(
            file, Tokens(TOKENS.secret), lambda fault: report("error", {"event": fault})
        )
        commit.start()
        try:
            await work(commit)
        finally:
            await commit.stop()

    asyncio.run(do())


def rows(file: Path) -> list[int]:
    with closing(open_database(file, read_only=True)) as connection:
        found = connection.execute("SELECT conversation FROM follow_up ORDER BY conversation")
        return [number for (number,) in found]


def test_everything_that_is_due_is_looked_at_once(database: Path) -> None:
    judge, log = Judge(), Log()

    async def work(commit: GroupCommit) -> None:
        task = FollowUpTask(judge, commit, log, clock=lambda: NOW + 1)
        assert await task.look() == 2
        assert await task.look() == 0

    running(database, work, log)
    assert sorted(judge.seen) == [1, 2]
    assert log.lines[0] == (
        "info",
        {
            "event": "follow-up",
            "kind": "update",
            "result": "owed",
            "skill": "billing",
            "key": "abc",
        },
    )


def test_more_than_are_taken_at_a_time(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_up, "AT_ONCE", 1)
    judge, log = Judge(), Log()

    async def work(commit: GroupCommit) -> None:
        assert await FollowUpTask(judge, commit, log, clock=lambda: NOW + 10).look() == 3

    running(database, work, log)
    assert judge.seen == [1, 2, 3]


def test_a_row_that_our_code_stumbles_over_goes_and_holds_up_no_other(database: Path) -> None:
    judge, log = Judge(stumbles=True), Log()

    async def work(commit: GroupCommit) -> None:
        await FollowUpTask(judge, commit, log, clock=lambda: NOW + 10).look()

    running(database, work, log)
    assert rows(database) == [1, 3]
    ((level, fields),) = [line for line in log.lines if line[1]["event"] == "follow-up-failed"]
    assert level == "error"
    assert "test_follow_up:" in str(fields["fault"])


def test_with_other_nodes_their_news_come_first(database: Path) -> None:
    judge, log = Judge(), Log()
    told = Pulled()
    asked: list[LedgerQuestion] = []

    def ask(question: LedgerQuestion) -> Pulled:
        asked.append(question)
        return told

    async def work(commit: GroupCommit) -> None:
        await FollowUpTask(judge, commit, log, ask=ask, clock=lambda: NOW).look()

    running(database, work, log)
    assert judge.heard == [told]
    assert asked[0].references[0] == ORDER.message_id
    assert asked[0].address == ORDER.to


def test_when_redis_is_away_nothing_is_sent(database: Path) -> None:
    judge, log = Judge(), Log()

    async def work(commit: GroupCommit) -> None:
        task = FollowUpTask(judge, commit, log, ask=lambda question: None, clock=lambda: NOW + 10)
        assert await task.look() == 3

    running(database, work, log)
    assert judge.seen == []
    assert rows(database) == [1, 2, 3]


def test_a_database_that_cannot_be_used_sends_nothing(tmp_path: Path) -> None:
    judge, log = Judge(), Log()
    (tmp_path / "state.db").write_bytes(b"this is no database" * 100)

    async def work(commit: GroupCommit) -> None:
        assert await FollowUpTask(judge, commit, log, clock=lambda: NOW).look() == 0

    running(tmp_path / "state.db", work, log)
    assert judge.seen == []


@pytest.mark.parametrize(("jump", "looks"), [(0.0, True), (86_400.0, False), (-86_400.0, False)])
def test_after_the_clock_was_set_nothing_is_sent_for_a_while(
    database: Path, monkeypatch: pytest.MonkeyPatch, jump: float, *, looks: bool
) -> None:
    monkeypatch.setattr(follow_up, "CATCH_UP", 0.05)
    monkeypatch.setattr(follow_up, "EVERY", 0.05)
    judge, log = Judge(), Log()
    begun, times = time.monotonic(), 0
    asked_often = asyncio.Event()

    def clock() -> float:
        nonlocal times
        times += 1
        if times > 5:
            asked_often.set()
        return NOW + 10 + (time.monotonic() - begun) + (jump if times > 1 else 0.0)

    async def work(commit: GroupCommit) -> None:
        task = asyncio.create_task(FollowUpTask(judge, commit, log, clock=clock).run())
        await asked_often.wait()
        task.cancel()

    running(database, work, log)
    assert bool(judge.seen) == looks
    assert ("follow-up-clock" in log.events()) != looks


@pytest.mark.parametrize("recovers", [False, True])
def test_what_postfix_kept_while_the_database_was_unusable_comes_first(
    database: Path, monkeypatch: pytest.MonkeyPatch, *, recovers: bool
) -> None:
    monkeypatch.setattr(follow_up, "CATCH_UP", 0.02)
    monkeypatch.setattr(follow_up, "EVERY", 0.02)
    judge = Judge()
    asked, often = 0, asyncio.Event()

    def recovered() -> float:
        nonlocal asked
        asked += 1
        if asked > 5:
            often.set()
        return time.monotonic() if recovers else 0.0

    async def work(commit: GroupCommit) -> None:
        task = FollowUpTask(judge, commit, Log(), clock=lambda: NOW + 10, recovered=recovered)
        running = asyncio.create_task(task.run())
        await often.wait()
        running.cancel()

    running(database, work, Log())
    assert bool(judge.seen) != recovers
