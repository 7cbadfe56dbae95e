"""The shared Redis killed, full, restarted, emptied, put back, and somebody else's: what is told."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.state.redis_link import NotSharedError, Place, RedisError, RedisLink
from mailtriage.state.redis_scripts import PULL, SCHEMA
from mailtriage.state.shared_question import fingerprint, pull_values
from tests.state.conftest import DAY, TOKENS, inbound, key_of, outbound, question
from tests.state.nodes import Node
from tests.state.publishing import Publishing
from tests.support.redis_server import PASSWORD, RedisServer, why_not
from tests.support.serve import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]

NOW: Final = float(int(time.time()))
LIMIT: Final = 0.1
ASKED: Final = pull_values(question(NOW), TOKENS, DAY)
AOF: Final = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """One that writes nothing down."""
    (tmp_path / "r").mkdir()
    with RedisServer(tmp_path / "r") as running:
        yield running


# What is owed to the others.


def test_all_that_happened_in_an_outage_is_told_afterwards(
    redis: RedisServer, tmp_path: Path
) -> None:
    with Publishing(tmp_path / "a", redis.url) as node:
        node.records(inbound("before", NOW))
        node.wait_until_told()
        redis.kill()
        for number in range(300):
            who = "sam@customer.example" if number == 7 else "joe@customer.example"
            node.records(inbound(f"m{number}", NOW + number, address=who))
        node.sends(key_of("m7"))
        node.do(lambda store: store.record_complaint("ann@customer.example", NOW))
        wait_for(lambda: bool(node.said("unusable")), "a word about it")
        assert node.unshared() > 1000
        assert node.waiting > 0
        redis.start()  # empty: what it was told before the outage is told again, too
        node.wait_until_told()
        wait_for(lambda: len(node.said("usable")) == 2, "a word about its end")
        assert len(node.said("unusable")) == 1
    (tmp_path / "b").mkdir()
    with closing(Node(tmp_path / "b", redis.url)) as other:
        assert not other.takes(inbound("m7", NOW))
        assert not other.takes(inbound("before", NOW))
        known = other.look_up(question(NOW + 400))
        assert known.to_sender_today > 100
        assert other.look_up(question(NOW + 400, address="ann@customer.example")).complained
        sent = "SELECT sent FROM ack WHERE key = ?"
        other.look_up(question(NOW + 400, address="sam@customer.example"))
        assert other.connection.execute(sent, (key_of("m7"),)).fetchone()[0] > 0


def test_a_node_that_is_killed_before_it_told_tells_when_it_is_back(
    redis: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    with closing(Node(tmp_path / "a", redis.url)) as node:
        node.takes(inbound("m1", NOW))
    with Publishing(tmp_path / "a", redis.url) as again:
        again.wait_until_told()
    (tmp_path / "b").mkdir()
    with closing(Node(tmp_path / "b", redis.url)) as other:
        assert not other.takes(inbound("m1", NOW))


def test_a_redis_that_was_put_back_to_yesterday_is_told_what_is_recent(
    tmp_path: Path,
) -> None:
    """The same data set, but older: a snapshot, or a replica that had not heard all."""
    (tmp_path / "r").mkdir()
    server = RedisServer(tmp_path / "r").start()
    try:
        with Publishing(tmp_path / "a", server.url) as node:
            node.records(inbound("m1", NOW - 60))
            node.wait_until_told()
            server.client().save()
            node.records(inbound("m2", NOW))
            node.wait_until_told()
            server.kill()
            server.start()
            missing = b"mt:{mailtriage}:k:" + key_of("m2")
            wait_for(lambda: bool(server.client().exists(missing)), "what was lost")
            node.wait_until_told()
    finally:
        server.stop()


def test_full_memory_loses_nothing_and_reads_go_on(redis: RedisServer, tmp_path: Path) -> None:
    client = redis.client()
    (tmp_path / "b").mkdir()
    with (
        Publishing(tmp_path / "a", redis.url) as node,
        closing(Node(tmp_path / "b", redis.url)) as other,
    ):
        node.records(inbound("m1", NOW))
        node.wait_until_told()
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        node.records(inbound("m2", NOW + 1))
        wait_for(lambda: bool(node.said("unusable")), "a word about it")
        assert "maxmemory" in str(node.said("unusable")[-1])
        pulled = other.ask(question(NOW + 2, key=key_of("m3")))
        assert (pulled.claim, len(pulled.acks)) == ("none", 1)
        assert other.ask(question(NOW + 2, key=key_of("m1"))).claim == "recorded"
        assert node.unshared() > 0
        client.config_set("maxmemory", "0")
        node.wait_until_told()
        assert other.look_up(question(NOW + 2)).to_sender == 2


def test_what_another_node_heard_releases_and_withdraws_within_seconds(
    redis: RedisServer, tmp_path: Path
) -> None:
    state = "SELECT state FROM outbox WHERE key = ?"
    (tmp_path / "b").mkdir()
    with (
        Publishing(tmp_path / "a", redis.url) as node,
        closing(Node(tmp_path / "b", redis.url)) as other,
    ):
        for name in ("ticket", "answer"):
            mail = inbound(name, NOW, address=f"{name}@customer.example")
            node.records(mail, waiting=True, order="{}", expires=NOW + DAY)
        node.wait_until_told()
        ticket = outbound(
            "o1", NOW + 1, ("<ticket@customer.example>",),
            automatic=True, ticket="[desk #17]", recipients=("agent@desk.example",),
        )  # fmt: skip
        other.sends(ticket)
        answer = outbound(
            "o2", NOW + 2, ("<answer@customer.example>",),
            recipients=("answer@customer.example",),
        )  # fmt: skip
        other.sends(answer)
        other.tell()

        def states() -> list[str]:
            return [
                node.do(
                    lambda store, name=name: store._connection.execute(  # type: ignore[misc]
                        state, (key_of(name),)
                    ).fetchone()[0]
                )
                for name in ("ticket", "answer")
            ]

        wait_for(lambda: states() == ["READY", "SUPPRESSED"], "both to be heard")


# Whose it is.


def test_a_node_with_another_secret_shares_nothing_and_says_so(
    redis: RedisServer, tmp_path: Path
) -> None:
    with Publishing(tmp_path / "a", redis.url) as node:
        node.records(inbound("m1", NOW))
        node.wait_until_told()
        before = redis.keys()
        stranger = Tokens(b"another secret, of another installation.")
        with Publishing(tmp_path / "b", redis.url, tokens=stranger) as other:
            other.records(inbound("m2", NOW))
            wait_for(lambda: bool(other.said("unusable")), "a word about it")
            assert "secret" in str(other.said("unusable")[0])
            assert other.unshared() > 0
        assert redis.keys() == before


def test_a_newer_schema_is_left_alone(redis: RedisServer, tmp_path: Path) -> None:
    meta = "mt:{mailtriage}:meta"
    redis.client().hset(meta, mapping={"schema": SCHEMA + 1, "epoch": "x"})
    place = Place(redis.url, None, "mailtriage", fingerprint(TOKENS))
    with closing(RedisLink(place, 1.0)) as link, pytest.raises(NotSharedError, match="newer"):
        link.run(PULL, "", ASKED)
    with Publishing(tmp_path / "a", redis.url) as node:
        node.records(inbound("m1", NOW))
        wait_for(lambda: bool(node.said("unusable")), "a word about it")
    assert list(redis.client().scan_iter()) == [meta.encode()]


def test_the_password_comes_from_its_file_and_stands_in_no_message(
    redis: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    place = Place(redis.bare_url, file, "mailtriage", fingerprint(TOKENS))
    with closing(RedisLink(place, 1.0)) as link:
        with pytest.raises(RedisError, match="No such file"):
            link.run(PULL, "", ASKED)
        file.write_text("wrong-password")
        with pytest.raises(RedisError) as refused:
            link.run(PULL, "", ASKED)
        assert "wrong-password" not in str(refused.value)
        file.write_text(f"{PASSWORD}\n")
        assert link.run(PULL, "", ASKED)
        assert PASSWORD not in repr(place)
