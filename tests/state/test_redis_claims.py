"""Whose a mail is, where disks are copied, databases replaced, and clocks run wild."""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest

from mailtriage.desk import sharing
from mailtriage.state import shared_tables
from mailtriage.state.redis_link import Place, RedisError, RedisLink
from mailtriage.state.redis_scripts import PULL
from tests.state.conftest import DAY, inbound, key_of, question
from tests.state.nodes import Node
from tests.state.publishing import Publishing
from tests.support.redis_server import RedisServer, why_not
from tests.support.serve import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]

NOW: Final = float(int(time.time()))


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """One that writes nothing down."""
    (tmp_path / "r").mkdir()
    with RedisServer(tmp_path / "r") as running:
        yield running


def test_a_machine_that_was_copied_with_its_disk_is_another_node(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    mail = question(NOW, key=key_of("m1"))
    with closing(Node(tmp_path / "a", redis.url)) as first:
        first.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(first.file, tmp_path / "b" / "state.db")
        monkeypatch.setattr(shared_tables, "machine", lambda: b"the copy")
        with closing(Node(tmp_path / "b", redis.url)) as copy:
            assert first.ask(mail).claim == "mine"
            assert copy.ask(mail).claim == "other"
    monkeypatch.undo()
    with closing(Node(tmp_path / "a", redis.url)) as again:
        assert again.ask(mail).claim == "mine"


def test_who_cannot_write_claims_nothing(redis: RedisServer, tmp_path: Path) -> None:
    """Its mails wait in the queue: perhaps for a new database, which is another node; and another
    node may have the mail meanwhile."""
    (tmp_path / "b").mkdir()
    mail = question(NOW, key=key_of("m1"))
    with (
        Publishing(tmp_path / "a", redis.url) as node,
        closing(Node(tmp_path / "b", redis.url)) as other,
    ):
        judgement = node.judgement
        node.publisher.database_usable = False
        assert judgement.claimant == b""
        node.publisher.database_usable = True
        assert judgement.claimant == judgement.node != b""
        assert other.ask(mail).claim == "mine"


def test_a_clock_that_is_days_away_is_not_believed_by_others(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it tells would count for the limits until that day comes, on every node."""
    wild = SimpleNamespace(time=lambda: time.time() + 400 * DAY, monotonic=time.monotonic)
    monkeypatch.setattr(sharing, "time", wild)
    with Publishing(tmp_path / "a", redis.url) as node:
        node.records(inbound("m1", NOW + 400 * DAY))
        wait_for(lambda: bool(node.said("unusable")), "a word about it")
        assert "clock" in str(node.said("unusable")[0])
        assert node.unshared() > 0
        assert not [key for key in redis.client().scan_iter() if not key.endswith(b":meta")]
        monkeypatch.undo()
        node.wait_until_told()


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3c/ret@desk.example:6379/0",
        "redis://:s3c#ret@desk.example:6379/0",
        "redis+sentinel://u:s3c/ret@desk.example:26379/service",
    ],
)
def test_a_url_that_cannot_be_read_is_not_quoted(url: str) -> None:
    with closing(RedisLink(Place(url, None, "mailtriage", "f"), 0.5)) as link:
        with pytest.raises(RedisError) as run:
            link.run(PULL, "", [])
        with pytest.raises(RedisError) as asked:
            link.ask("TIME")
    for said in (str(run.value), str(asked.value)):
        assert "s3c" not in said
        assert "%2F" in said
