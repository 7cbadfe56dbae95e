"""Several nodes and one Redis: nobody hears that an answer is late which another node saw pass."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from mailtriage.config import Config
from mailtriage.service.follow_up import UNHEARD
from mailtriage.state.ledger import LedgerQuestion
from mailtriage.state.records import FollowUp
from mailtriage.state.store import Store
from tests.state.conftest import DAY, HOUR, MINUTE, inbound, key_of, outbound
from tests.state.publishing import Publishing
from tests.state.surveys import NOW, looked, order
from tests.support.orders import read_config
from tests.support.redis_server import RedisServer, why_not

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]

TOML: Final = """
[mailboxes."help@desk.example"]
updates = "send"
survey = "send"
[return_addresses]
domain = "triage.desk.example"
[updates]
hours = "00:00-24:00"
[calendars.always]
timezone = "UTC"
monday = "00:00-24:00"
tuesday = "00:00-24:00"
wednesday = "00:00-24:00"
thursday = "00:00-24:00"
friday = "00:00-24:00"
saturday = "00:00-24:00"
sunday = "00:00-24:00"
"""


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for all."""
    with RedisServer(tmp_path_factory.mktemp("r")) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Of both nodes."""
    return read_config(tmp_path, TOML)


def slipping(node: Publishing, name: str, address: str) -> None:
    """A mail of eight hours ago, to which an answer was promised within the next hour."""
    at = NOW - 8 * HOUR
    sent = dataclasses.replace(order(name, address), received=at, by=NOW + HOUR, generic="")
    kept = FollowUp(sent.to_json(), "updates survey", NOW + HOUR, at, NOW + 90 * DAY)
    node.records(inbound(name, at, address=address, promised=NOW + HOUR), follow_up=kept)
    node.sends(key_of(name))
    node.do(lambda store: store._connection.execute("UPDATE ack SET sent = at"))
    node.do(lambda store: store._connection.execute("UPDATE follow_up SET due = ?", (NOW,)))


def answer_passes(node: Publishing, name: str, address: str) -> None:
    """An agent's answer to that mail, on its way out through this node."""
    about = LedgerQuestion(
        key_of(f"o{name}"),
        "",
        "",
        "",
        "",
        f"<o{name}@desk.example>",
        references=(f"<{name}@customer.example>",),
        now=NOW,
    )
    known = node.judgement.pulled_about(about)
    assert known is not None
    answer = outbound(
        f"o{name}", NOW - MINUTE, (f"<{name}@customer.example>",), recipients=(address,)
    )

    def record(store: Store) -> None:
        store.hear(known)
        store.record_outbound(answer)

    node.do(record)


def owed(node: Publishing) -> list[str]:
    """Kinds of mail that are to go to customers."""
    query = "SELECT kind FROM outbox WHERE kind != 'ack'"
    return node.do(lambda store: [kind for (kind,) in store._connection.execute(query).fetchall()])


def test_an_answer_that_passed_another_node_came_in_time(
    redis: RedisServer, tmp_path: Path, config: Config
) -> None:
    redis.client().flushall()
    with (
        Publishing(tmp_path / "a", redis.url) as here,
        Publishing(tmp_path / "b", redis.url) as there,
    ):
        slipping(here, "m1", "joe@customer.example")
        slipping(here, "m2", "ann@customer.example")
        here.wait_until_told()
        answer_passes(there, "m2", "ann@customer.example")
        there.wait_until_told()
        assert looked(here, config) == ["owed"]
        assert owed(here) == ["update"]
        waits = (
            "SELECT due FROM follow_up JOIN conversation ON conversation = id WHERE answered > 0"
        )
        ((due,),) = here.do(lambda store: store._connection.execute(waits).fetchall())
        assert due > NOW, "Ann, who was answered, may be asked later how it went"


def test_while_redis_is_away_nobody_is_told_anything(
    redis: RedisServer, tmp_path: Path, config: Config
) -> None:
    away = redis.bare_url.replace(str(redis.port), "1")
    with Publishing(tmp_path / "a", away) as alone:
        slipping(alone, "m1", "joe@customer.example")
        assert looked(alone, config) == []
        assert owed(alone) == []
        assert len(alone.do(lambda store: store.follow_ups.due(NOW + UNHEARD + HOUR, 10))) == 1
