"""What one node does after another, and what of it stands in Redis."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from mailtriage.state.ledger import LedgerQuestion
from mailtriage.state.store import OutboundEffect
from tests.state.conftest import (
    DAY,
    HELP,
    JOE,
    MINUTE,
    TOKENS,
    ack_id,
    inbound,
    key_of,
    outbound,
    question,
)
from tests.state.nodes import Node, two_nodes
from tests.support.redis_server import RedisServer, why_not

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]

NOW: Final = float(int(time.time()))
"""Redis forgets by its own clock."""


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


def asked(at: float = NOW, **changes: object) -> LedgerQuestion:
    """The next mail of Joe's."""
    return question(at, **changes)


def test_of_one_mail_at_two_nodes_the_first_to_ask_has_it(pair: tuple[Node, Node]) -> None:
    first, second = pair
    claimed = asked(key=key_of("m1"))
    assert first.ask(claimed).claim == "mine"
    assert second.ask(claimed).claim == "other"
    assert first.ask(claimed).claim == "mine"  # after a crash, say
    first.takes(inbound("m1", NOW))
    first.tell()
    assert second.ask(claimed).claim == "recorded"


def test_a_second_acknowledgement_is_counted_on_top_of_another_nodes(
    pair: tuple[Node, Node],
) -> None:
    first, second = pair
    for number, node in enumerate((first, second, first, second)):
        assert node.takes(inbound(f"m{number}", NOW + number))
        node.tell()
    for node in pair:
        assert node.look_up(asked(NOW + 9)).to_sender == 4
        assert node.ledger().look_up(asked(NOW + 9)).to_sender == 4


def test_an_answer_through_another_node_finds_the_conversation_and_withdraws(
    pair: tuple[Node, Node],
) -> None:
    first, second = pair
    first.takes(inbound("m1", NOW), waiting=True, order="{}")
    first.tell()
    effect = second.sends(outbound("o1", NOW + 60, ("<m1@customer.example>",)))
    assert effect.conversation is not None
    second.tell()
    assert [one.suppressed for one in first.hears()] == [(key_of("m1"),)]
    assert first.hears() == []
    found = first.look_up(asked(NOW + 61, references=(ack_id("m1"),))).conversation
    assert found is not None
    assert found.answered == NOW + 60


def test_an_answer_to_what_came_before_withdraws_nothing_newer(pair: tuple[Node, Node]) -> None:
    first, second = pair
    first.takes(inbound("m1", NOW - DAY))
    first.connection.execute("UPDATE outbox SET state = 'SENT', due = NULL, finished = 1,"
                             " address = NULL, message = NULL, plan = NULL")  # fmt: skip
    first.tell()
    second.sends(outbound("o1", NOW - DAY + 60, ("<m1@customer.example>",)))
    second.tell()
    first.takes(inbound("m2", NOW, references=(ack_id("m1"),)), waiting=True, order="{}")
    assert [one.suppressed for one in first.hears()] in ([()], [])


def test_a_ticket_that_another_node_saw_releases_what_waits(pair: tuple[Node, Node]) -> None:
    first, second = pair
    first.takes(inbound("m1", NOW), waiting=True, order="{}")
    first.tell()
    told = outbound(
        "o1", NOW + 1, ("<m1@customer.example>",),
        automatic=True, ticket="[desk #17]", recipients=("agent@desk.example",),
    )  # fmt: skip
    second.sends(told)
    second.tell()
    (effect,) = first.hears()
    assert [one.key for one in effect.release] == [key_of("m1")]
    assert effect.suppressed == ()


def test_a_helpdesk_that_acknowledges_through_another_node_is_noticed(
    pair: tuple[Node, Node],
) -> None:
    first, second = pair
    first.takes(inbound("m1", NOW))
    first.connection.execute("UPDATE ack SET sent = ?", (NOW + 1,))
    first.tell()
    robot = outbound("o1", NOW + 5, ("<m1@customer.example>",), automatic=True)
    effect: OutboundEffect = second.sends(robot)
    assert effect.double_ack


def test_an_original_id_is_known_everywhere_to_whom_it_went(pair: tuple[Node, Node]) -> None:
    first, second = pair
    first.takes(inbound("m1", NOW - 40 * DAY), original_id="<m1@customer.example>")
    first.tell()
    ledger = second.ledger()
    ledger.look_up(asked(references=(ack_id("m1"),)))
    assert ledger.original_id(key_of("m1"), JOE) == "<m1@customer.example>"
    assert ledger.original_id(key_of("m1"), "ann@customer.example") == ""
    ledger.look_up(asked())
    assert ledger.original_id(key_of("m1"), JOE) == ""


def test_a_second_quick_answer_is_a_robots_wherever_it_comes(pair: tuple[Node, Node]) -> None:
    first, second = pair
    first.takes(inbound("m1", NOW))
    first.tell()
    for number, node in enumerate((second, first)):
        short = inbound(f"r{number}", NOW + 5 + number, references=(ack_id("m1"),), short=True)
        node.takes(short, acknowledged=False)
        node.tell()
    assert second.look_up(asked(NOW + 9)).robot


def test_what_is_told_twice_or_in_another_order_changes_nothing(
    pair: tuple[Node, Node], redis: RedisServer
) -> None:
    first, second = pair
    for number in range(6):
        first.takes(inbound(f"m{number}", NOW + number))
    first.takes(inbound("r1", NOW + 7, references=(ack_id("m1"),)), acknowledged=False)
    first.tell()
    second.sends(outbound("o1", NOW + 8, (ack_id("m1"),)))
    second.tell()
    before = redis.keys()
    for node in (second, first, second):
        assert node.tell(everything=True) > 0
    assert redis.keys() == before


def test_a_redis_that_lost_everything_is_told_all_of_it(
    pair: tuple[Node, Node], redis: RedisServer
) -> None:
    first, second = pair
    for number in range(300):
        first.takes(inbound(f"m{number}", NOW + number, address=f"kim{number}@x.example"))
        if number % 50 == 0:
            first.tell()
    second.takes(inbound("s1", NOW))
    for node in pair:
        node.tell()
    before = redis.keys()
    redis.client().flushall()
    for node in pair:
        node.tell(everything=True)
    after = redis.keys()
    assert set(after) == set(before)
    volatile = (b":k:", b":meta")
    assert {key: after[key] for key in after if not any(one in key for one in volatile)} == {
        key: before[key] for key in before if not any(one in key for one in volatile)
    }


def test_no_address_subject_network_or_id_stands_in_redis(
    pair: tuple[Node, Node], redis: RedisServer
) -> None:
    first, _ = pair
    first.takes(inbound("m1", NOW, writers=("joe@private.example",)))
    first.tell()
    held = repr(redis.keys())
    for private in ("joe", "customer.example", "parcel", "198.51", "m1@"):
        assert private not in held
    assert HELP in held


def test_every_key_ends_by_itself_and_lies_in_one_slot(
    pair: tuple[Node, Node], redis: RedisServer
) -> None:
    first, _ = pair
    first.takes(inbound("m1", NOW))
    with first.store.transaction():
        first.store.record_complaint(JOE, NOW)
    first.tell()
    client = redis.client()
    keys = list(client.scan_iter())
    assert len(keys) == 7
    assert all(0 < client.ttl(key) <= 180 * DAY + MINUTE for key in keys)
    assert all(key.startswith(b"mt:{mailtriage}:") for key in keys)


def test_a_conversation_of_a_thousand_mails_stays_small(
    pair: tuple[Node, Node], redis: RedisServer
) -> None:
    first, second = pair
    first.takes(inbound("m0", NOW - 2000))
    for number in range(1, 400):
        again = inbound(f"m{number}", NOW - 2000 + number, references=(ack_id("m0"),))
        with first.store.transaction():
            first.store.record_inbound(again, None)
    first.tell()
    (key,) = redis.client().scan_iter(b"mt:{mailtriage}:c:*")
    assert redis.client().hlen(key) < 200
    found = second.look_up(asked(references=(ack_id("m0"),))).conversation
    assert found is not None
    assert found.unanswered >= 100
    assert found.skill == "delivery"


def test_another_prefix_is_another_organisation(
    redis: RedisServer, pair: tuple[Node, Node], tmp_path: Path
) -> None:
    first, _ = pair
    first.takes(inbound("m1", NOW))
    first.tell()
    (tmp_path / "c").mkdir()
    with closing(Node(tmp_path / "c", redis.url, tokens=TOKENS, prefix="other")) as third:
        assert third.takes(inbound("m1", NOW))


def test_switching_back_to_one_node_notes_nothing_any_more(
    pair: tuple[Node, Node],
) -> None:
    first, _ = pair
    first.takes(inbound("m1", NOW))
    assert first.store.sharing.count() > 0
    first.store.sharing.switch(on=False)
    with first.store.transaction():
        first.store.record_inbound(inbound("m2", NOW), None)
    assert first.store.sharing.count() == 0
