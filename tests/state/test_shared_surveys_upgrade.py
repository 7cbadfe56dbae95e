"""Nodes are updated one after the other: what is shared about surveys outlives those that know nothing
of it."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from mailtriage.state.redis_scripts import Script
from mailtriage.state.schema import APPLICATION_ID, MIGRATIONS
from mailtriage.state.shared_question import horizon_of, pull_values
from tests.state.conftest import DAY, JOE, TOKENS, key_of
from tests.state.nodes import COOL_DOWN, KEEP, Node, two_nodes
from tests.state.surveys import NOW, WHO, ask, begin, opt_out, standing
from tests.support.redis_server import RedisServer, why_not

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]

OLDER: Final = Path(__file__).parent / "older"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for all."""
    with RedisServer(tmp_path_factory.mktemp("r")) as running:
        yield running


@pytest.fixture
def pair(redis: RedisServer, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Two nodes that have seen nothing."""
    with two_nodes(redis, tmp_path) as both:
        yield both


@pytest.fixture
def first(pair: tuple[Node, Node]) -> Node:
    """The one through which everything comes."""
    return pair[0]


def older(name: str) -> Script:
    """A script as nodes of schema 2 have it."""
    text = (OLDER / f"{name}.lua").read_text()
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def test_a_node_that_knows_nothing_of_it_reads_what_it_knows(first: Node) -> None:
    number = begin(first, "m1")
    ask(first, number)
    opt_out(first)
    with first.store.transaction():
        first.store.record_complaint(JOE, NOW + 1)
    first.tell()
    question = first.store.follow_ups.question(number, NOW)
    assert question is not None
    values = pull_values(question, TOKENS, horizon_of(COOL_DOWN))
    *_, mark, _conversations = first.link.run(older("pull"), "", values)
    assert [float(one) for one in mark] == [0.0, NOW + 1, 0.0, 0.0]


def test_what_such_a_node_tells_undoes_nothing(redis: RedisServer, pair: tuple[Node, Node]) -> None:
    """It tells a mark of which all that it knows is so old that it lets Redis forget it at once."""
    first, second = pair
    ask(first, begin(first, "m1"))
    opt_out(first)
    first.tell()
    row = ["k", 5, WHO, NOW - 400 * DAY, 0.0, 0.0, 0.0]
    first.link.run(older("push"), "", [KEEP, *row])
    assert redis.client().exists(first.place.key("m:").encode() + WHO) == 0
    found = standing(second, begin(second, "m2"))
    assert (found.asked_last, found.opted_out) == (NOW, True)
    first.link.run(older("push"), "", [KEEP, "k", 5, WHO, 0.0, NOW, 0.0, 0.0])
    assert standing(second, begin(second, "m3")).unwelcome


def test_what_such_a_node_tells_is_heard(pair: tuple[Node, Node]) -> None:
    first, second = pair
    first.link.run(older("push"), "", [KEEP, "k", 5, WHO, NOW, 0.0, 0.0, 0.0])
    found = standing(second, begin(second, "m2"))
    assert (found.unwelcome, found.opted_out, found.asked_last) == (True, False, 0.0)


def test_its_database_goes_on_where_it_was(redis: RedisServer, tmp_path: Path) -> None:
    """An old process may still write to it while the new one is at work."""
    redis.client().flushall()
    (tmp_path / "a").mkdir()
    mark = "INSERT INTO mark (address, complained, latest) VALUES (?, ?, ?)"
    with closing(second_schema(tmp_path / "a" / "state.db")) as old:
        old.execute("UPDATE sharing SET active = 1, epoch = 'e.r', stage = 'done'")
        old.execute(mark, (key_of("who 1"), NOW, NOW))
        with closing(Node(tmp_path / "a", redis.url)) as new:
            assert new.store.sharing.epoch() == "e.r"
            old.execute(mark, (WHO, NOW, NOW))
            opt_out(new)
            assert new.store.sharing.count() == 2
            new.tell()
            client, key = redis.client(), new.place.key
            assert client.hget(key("m:").encode() + key_of("who 1"), "c") == repr(NOW).encode()
            assert client.hget(key("m:").encode() + WHO, "c") == repr(NOW).encode()
            assert client.hget(key("s:").encode() + WHO, "o") == repr(NOW).encode()


def second_schema(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    for script in MIGRATIONS[:2]:
        connection.executescript(script)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 2")
    connection.execute("PRAGMA journal_mode = WAL")
    return connection
