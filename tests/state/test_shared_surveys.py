"""Who was asked how satisfied they were, and who wants to be asked no more, holds on every node."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from mailtriage.service.follow_up import UNHEARD
from mailtriage.state.follow_ups import OwedMail
from mailtriage.state.records import FollowUp
from mailtriage.state.redis_scripts import OPT_OUT_KEPT
from mailtriage.state.store import Store
from tests.state.conftest import DAY, HOUR, JOE, TOKENS, inbound, key_of, outbound
from tests.state.nodes import KEEP, Node, two_nodes
from tests.state.publishing import Publishing
from tests.state.surveys import NOW, WHO, ask, begin, hear, looked, opt_out, order, standing
from tests.support.orders import read_config
from tests.support.redis_server import RedisServer, why_not

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]


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


@pytest.fixture(params=["same node", "another node"])
def other(pair: tuple[Node, Node], request: pytest.FixtureRequest) -> Node:
    """The first node, or the second."""
    return pair[0] if request.param == "same node" else pair[1]


@pytest.fixture
def first(pair: tuple[Node, Node]) -> Node:
    """The one through which everything comes."""
    return pair[0]


# What was asked, and what was said, counts everywhere.


def test_of_nobody_anything_is_known(first: Node, other: Node) -> None:
    first.tell()
    found = standing(other, begin(other, "m2"))
    assert (found.asked_last, found.opted_out) == (0.0, False)


def test_when_somebody_was_asked_last_is_known(first: Node, other: Node) -> None:
    for name, at in (("m1", NOW - 5 * DAY), ("m3", NOW - 2 * DAY)):
        ask(first, begin(first, name), at)
    first.tell()
    here = begin(other, "m2")
    assert standing(other, here).asked_last == NOW - 2 * DAY
    assert not standing(other, here).opted_out
    assert standing(other, begin(other, "m4", "ann@customer.example")).asked_last == 0.0


def test_the_latest_of_two_nodes_counts(pair: tuple[Node, Node]) -> None:
    numbers = [begin(node, name) for node, name in zip(pair, ("m1", "m2"), strict=True)]
    for node, number, days in zip(pair, numbers, (3, 9), strict=True):
        ask(node, number, NOW - days * DAY)
    for node in (*pair, pair[0]):
        node.tell()
    for node, number in zip(pair, numbers, strict=True):
        assert standing(node, number).asked_last == NOW - 3 * DAY


def test_who_opted_out_is_known(first: Node, other: Node) -> None:
    opt_out(first)
    first.tell()
    assert standing(other, begin(other, "m2")).opted_out
    assert standing(other, begin(other, "m3", "Joe+shop@customer.example")).opted_out
    assert not standing(other, begin(other, "m4", "ann@customer.example")).opted_out


def test_who_has_answers_sent_to_another_is_not_followed_up(first: Node, other: Node) -> None:
    """The acknowledgement of Ann's mail went to Joe: no answer to him is known for one to her."""
    number = begin(other, "m2", JOE, writes="ann@customer.example")
    assert other.store.follow_ups.standing(number, NOW) is None
    assert first.store.follow_ups.due(NOW + DAY, 9) == []


def test_an_update_is_no_question_of_this_kind(first: Node, other: Node) -> None:
    number = begin(first, "m1")
    found = first.store.follow_ups.standing(number, NOW)
    assert found is not None
    mail = OwedMail(key_of("u"), "update", b"x", "<u@x>", "", NOW + DAY, NOW + 2 * DAY)
    with first.store.transaction():
        first.store.follow_ups.owe(found, mail, NOW)
    first.tell()
    assert standing(other, begin(other, "m2")).asked_last == 0.0


def test_how_many_are_asked_in_a_day_is_counted_on_each_node(pair: tuple[Node, Node]) -> None:
    first, second = pair
    ask(first, begin(first, "m1"), NOW - HOUR)
    first.tell()
    found = standing(second, begin(second, "m2", "ann@customer.example"))
    assert found.asked_today == 0


def test_neither_is_held_against_anybody(first: Node, other: Node) -> None:
    ask(first, begin(first, "m1"))
    opt_out(first)
    first.tell()
    assert not standing(other, begin(other, "m2")).unwelcome


# How long.


def test_an_opt_out_outlives_what_is_forgotten(
    redis: RedisServer, first: Node, other: Node
) -> None:
    ask(first, begin(first, "m1"))
    opt_out(first)
    first.tell()
    hear(other, begin(other, "m2"))
    while other.store.purge(NOW + 181 * DAY, 180 * DAY):
        pass
    redis.client().flushall()
    number = begin(other, "m3")
    found = other.store.follow_ups.standing(number, NOW)
    assert found is not None
    assert (found.opted_out, found.asked_last) == (True, 0.0)


def test_redis_keeps_it_longer_than_the_rest(redis: RedisServer, first: Node) -> None:
    key = first.place.key("s:").encode() + WHO
    ask(first, begin(first, "m1"))
    first.tell()
    assert redis.client().ttl(key) == pytest.approx(KEEP, abs=DAY)
    opt_out(first)
    first.tell()
    assert redis.client().ttl(key) == pytest.approx(OPT_OUT_KEPT, abs=DAY)
    begin(first, "m2")
    first.connection.execute("UPDATE mark SET asked = asked + 1")
    first.tell()
    assert redis.client().ttl(key) == pytest.approx(OPT_OUT_KEPT, abs=DAY)


@pytest.mark.parametrize("teller", [0, 1], ids=["who had it", "who heard it"])
def test_a_redis_that_has_lost_it_is_told_again(
    redis: RedisServer, pair: tuple[Node, Node], tmp_path: Path, teller: int
) -> None:
    first, second = pair
    opt_out(first, NOW - 400 * DAY)
    first.tell()
    hear(second, begin(second, "m2"))
    for node in pair:
        while node.store.purge(NOW + 181 * DAY, 180 * DAY):
            pass
    redis.client().flushall()
    pair[teller].tell(everything=True)
    (tmp_path / "c").mkdir()
    with closing(Node(tmp_path / "c", redis.url)) as new:
        assert standing(new, begin(new, "m3")).opted_out


def test_opt_outs_are_told_before_all_else(first: Node) -> None:
    for number in range(3):
        begin(first, f"m{number}")
    for number in range(450):
        opt_out(first, NOW, f"customer{number}@customer.example")
    first.tell()
    tables = first.store.sharing
    tables.begin_walk("another.one", 0.0)
    for _ in range(3):
        assert tables.walk()
    kinds = first.connection.execute("SELECT kind, count(*) FROM unshared GROUP BY kind").fetchall()
    assert kinds == [("mark", 450)]


def test_a_walk_back_to_some_time_tells_what_is_younger(first: Node) -> None:
    opt_out(first, NOW - 10 * DAY)
    opt_out(first, NOW, "ann@customer.example")
    first.tell()
    tables = first.store.sharing
    tables.begin_walk("another.one", NOW - DAY)
    while tables.walk():
        pass
    noted = first.connection.execute("SELECT id FROM unshared").fetchall()
    assert noted == [(TOKENS.pseudonym("address", "ann@customer.example"),)]


def test_what_was_heard_is_not_told_again(pair: tuple[Node, Node]) -> None:
    first, second = pair
    ask(first, begin(first, "m1"))
    opt_out(first)
    first.tell()
    number = begin(second, "m2")
    second.tell()
    hear(second, number)
    assert second.store.sharing.count() == 0


@pytest.mark.parametrize(
    "changes",
    [
        lambda store: store.record_complaint(JOE, NOW + 1),
        lambda store: store.surveys.opt_out_address(JOE, NOW + 1),
    ],
    ids=["complaint", "opt-out"],
)
def test_what_changes_while_it_is_told_is_told_again(
    first: Node, changes: Callable[[Store], object]
) -> None:
    """Even where the same was noted before, and an upsert has changed it."""
    with first.store.transaction():
        first.store.record_complaint(JOE, NOW)
    told = first.store.sharing.unshared()
    with first.store.transaction():
        changes(first.store)
    first.store.sharing.shared(told.numbers)
    assert first.store.sharing.count() == 1


# The desk of a node asks before it asks a customer.


def test_nobody_is_asked_through_another_node(redis: RedisServer, tmp_path: Path) -> None:
    redis.client().flushall()
    config = read_config(tmp_path, TOML)
    with (
        Publishing(tmp_path / "a", redis.url) as here,
        Publishing(tmp_path / "b", redis.url) as there,
    ):
        for node, name in ((here, "m1"), (there, "m2")):
            answered(node, name)
        answered(there, "m3", "ann@customer.example")
        answered(there, "m4", "kim@customer.example")
        assert looked(here, config) == ["owed"]
        here.do(lambda store: store.surveys.opt_out_address("Ann@customer.example", NOW))
        here.wait_until_told()
        assert sorted(looked(there, config)) == ["owed", "withheld", "withheld"]


def test_without_redis_nobody_is_asked(tmp_path: Path, redis: RedisServer) -> None:
    config = read_config(tmp_path, TOML)
    with Publishing(tmp_path / "a", redis.bare_url.replace(str(redis.port), "1")) as alone:
        answered(alone, "m1")
        assert looked(alone, config) == []
        due = alone.do(lambda store: store.follow_ups.due(NOW + UNHEARD + HOUR, 10))
        assert len(due) == 1, "it is looked at again"


TOML: Final = """
[mailboxes."help@desk.example"]
survey = "send"
[return_addresses]
domain = "triage.desk.example"
[updates]
hours = "00:00-24:00"
"""


def answered(node: Publishing, name: str, address: str = JOE) -> None:
    """A mail was acknowledged and answered three days ago."""
    at = NOW - 3 * DAY
    sent = dataclasses.replace(order(name, address), received=at, by=at + HOUR, generic="")
    kept = FollowUp(sent.to_json(), "survey", at + HOUR, at, NOW + 90 * DAY)
    node.records(inbound(name, at, address=address), follow_up=kept)
    node.sends(key_of(name))
    answer = outbound(f"o{name}", at + HOUR, (sent.message_id,), recipients=(address,))
    node.do(lambda store: store.record_outbound(answer))
