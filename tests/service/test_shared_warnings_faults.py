"""Several nodes that watch together, and a Redis that fails, or holds what it should not."""

import random
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.insight.evaluator import QUARTER
from mailtriage.service.shared_warnings import ALONE_AFTER
from tests.support.redis_server import RedisServer, why_not
from tests.support.rising import HOUR, NOON, START, Hook, mails, three_weeks
from tests.support.warning_nodes import (
    MORNING,
    STARTED,
    SURGE,
    Node,
    board,
    dealt,
    hook,
    ids,
    nodes,
    redis,
    rising,
    told,
    usual,
)

__all__ = ["hook", "redis"]  # the fixtures

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]

ROOT = Path(__file__).resolve().parents[2]


# Redis fails.


def test_without_redis_each_goes_on_with_its_own_mail_and_says_so_once(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        dice = usual(among)
        redis.kill()
        one = among.all[0]
        one.write(mails(60, MORNING, 3.9, dice))
        among.until(MORNING + 300, NOON, 60)
        assert told(hook)[STARTED] == 1
        assert one.gauge(*SURGE) == 1
        for node in among.all:
            assert len(node.log.said("early-warning", state="alone")) == 1


@pytest.mark.parametrize("outage", [90, 600, 2 * HOUR])
def test_an_outage_loses_no_surge_and_tells_none_twice(
    redis: RedisServer, hook: Hook, tmp_path: Path, outage: int
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        among.until(MORNING + 300, MORNING + 1200)
        redis.kill()
        among.until(MORNING + 1200, MORNING + 1200 + outage)
        redis.start()
        among.until(MORNING + 1200 + outage, NOON)
        by_node = told(hook)
        assert 1 <= by_node[STARTED] <= (1 if outage < ALONE_AFTER else 2)
        assert len(ids(hook)) == len(set(ids(hook))) or outage > ALONE_AFTER
        for node in among.all:
            assert len(node.log.said("early-warning", state="shared")) == 1


def test_what_happened_in_an_outage_is_evaluated_afterwards(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    boards = []
    for broken in (False, True):
        redis.client().flushall()
        (tmp_path / str(broken)).mkdir()
        with nodes(2, redis, hook.url, tmp_path / str(broken)) as among:
            rising(among, usual(among))
            among.until(MORNING + 300, MORNING + HOUR)
            if broken:
                redis.kill()
            among.until(MORNING + HOUR, MORNING + 3 * HOUR)
            if broken:
                redis.start()
            among.until(MORNING + 3 * HOUR, NOON)
            boards.append(board(redis, among.all[0]))
    assert boards[0] == boards[1]


def test_a_redis_that_hangs_is_an_outage(redis: RedisServer, hook: Hook, tmp_path: Path) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        among.until(MORNING + 300, MORNING + 1200)
        redis.freeze()
        among.until(MORNING + 1200, MORNING + 1380)
        redis.thaw()
        among.until(MORNING + 1380, NOON)
        assert told(hook)[STARTED] == 1
        assert all(node.log.said("early-warning", state="alone") for node in among.all)


def test_a_redis_that_lost_everything_is_given_what_was_learnt(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        among.until(MORNING + 300, MORNING + 2 * HOUR)
        first = among.holder()
        assert told(hook)[STARTED] == 1
        learnt = redis.keys()[b"mt:{mailtriage}:w:board"]
        redis.client().flushall()
        among.until(MORNING + 2 * HOUR, MORNING + 2 * HOUR + 30)
        assert redis.keys()[b"mt:{mailtriage}:w:board"] == learnt
        among.until(MORNING + 2 * HOUR + 30, NOON)
        assert among.holder() == first
        assert told(hook)[STARTED] == 1
        assert len(ids(hook)) == len(set(ids(hook)))


def test_an_alert_that_waits_survives_a_redis_that_lost_it(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    hook.answers = [500]
    with nodes(2, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        now = MORNING + 300
        while not hook.calls:
            among.until(now, now + 30)
            now += 30
        redis.client().flushall()
        hook.answers = [204]
        hook.calls.clear()
        among.until(now, NOON)
        assert told(hook)[STARTED] == 1


def test_another_secret_is_not_among_them(redis: RedisServer, hook: Hook, tmp_path: Path) -> None:
    with nodes(1, redis, hook.url, tmp_path) as among:
        usual(among)
        stranger = Tokens(b"of another installation, not ours")
        with closing(Node(tmp_path / "x", redis.url, hook.url, tokens=stranger)) as other:
            other.write(mails(5, START, 1, random.Random(1)))
            other.look(MORNING)
            (said,) = other.log.said("early-warning", state="alone")
            assert "secret" in str(said["fault"])
        assert len(redis.client().hgetall("mt:{mailtriage}:w:nodes")) == 1  # type: ignore[arg-type] # typed for asyncio, too


# What Redis holds.


def test_all_keys_have_the_hash_tag_and_a_time_to_live_and_old_counts_go(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        among.until(MORNING + 300, NOON)
        client = redis.client()
        keys = [bytes(key) for key in client.scan_iter(count=1000)]
        assert all(key.startswith(b"mt:{mailtriage}:") for key in keys)
        assert all(client.ttl(key) > 0 for key in keys)
        old = [
            key
            for key in keys
            if b":w:q:" in key and int(key.rpartition(b":")[2]) < START // 900 + 96
        ]
        assert old
        assert all(client.ttl(key) <= HOUR for key in old)  # type: ignore[operator] # typed for asyncio, too


def test_no_sender_stands_in_redis(redis: RedisServer, hook: Hook, tmp_path: Path) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        dice = random.Random(2)
        everything = three_weeks(dice) + mails(60, MORNING, 3.9, dice)
        dealt(everything, among, dice)
        among.until(MORNING, NOON, 120)
        held = repr(redis.keys()).encode()
        whole = b"".join(
            value
            for key in redis.client().scan_iter(match="*:w:*")
            for value in _values(redis, key)
        )
        assert whole
        for one in everything:
            assert one.sender[:6] not in whole
            assert one.sender.hex().encode() not in held


def _values(redis: RedisServer, key: bytes) -> list[bytes]:
    return [bytes(value) for value in redis.client().hgetall(key).values()]  # type: ignore[union-attr]


def test_rubbish_in_redis_keeps_nobody_from_watching(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        client = redis.client()
        for quarter in range(MORNING // QUARTER, NOON // QUARTER):
            client.hset(f"mt:{{mailtriage}}:w:q:{quarter}", "stranger", b"\x01\xff rubbish")
        among.until(MORNING + 300, NOON, 60)
        assert told(hook)[STARTED] == 1


def test_a_board_that_nobody_can_read_leaves_each_node_to_its_own_mail(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        dice = usual(among)
        for node in among.all:
            node.begin_anew()  # or it would give Redis what it knows
        redis.client().hset("mt:{mailtriage}:w:board", "b", b"B\x09 of a later version")
        among.all[0].write(mails(60, MORNING, 3.9, dice))
        among.until(MORNING + 300, NOON, 60)
        assert told(hook)[STARTED] == 1
        redis.client().delete("mt:{mailtriage}:w:board")
        among.until(NOON, NOON + 2 * QUARTER)
        learnt = board(redis, among.all[0])
    redis.client().flushall()
    with nodes(1, redis, hook.url, tmp_path / "other") as one:
        dice = random.Random(2)
        one.all[0].write(three_weeks(dice))
        one.all[0].write(mails(60, MORNING, 3.9, dice))
        one.until(NOON, NOON + 2 * QUARTER)
        assert board(redis, one.all[0]).keys() == learnt.keys()


def test_a_node_that_joins_with_its_own_past_is_no_rise_of_everything(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    """One after the other is told of a Redis: the second brings three times the mail."""
    dice = random.Random(2)
    with nodes(2, redis, hook.url, tmp_path) as among:
        for node, share in zip(among.all, (1, 3), strict=True):
            for _ in range(share):
                node.write(three_weeks(dice) + mails(12, MORNING, 4, dice))
        among.down = {1}
        among.until(MORNING, MORNING + HOUR)
        alone = among.all[0].gauge("mailtriage_topic_expected", "skill", "delivery")
        among.down = set()
        among.until(MORNING + HOUR, NOON)
        assert hook.calls == []
        holder = among.all[among.holder()]
        expected = holder.gauge("mailtriage_topic_expected", "skill", "delivery")
        assert expected > 3 * alone


def test_a_new_node_that_takes_over_a_part_of_the_mail_changes_nothing(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        dice = random.Random(2)
        among.all[0].write(three_weeks(dice) + mails(6, MORNING, 4, dice))
        among.all[1].write(mails(6, MORNING - 2 * HOUR, 6, dice))
        among.down = {1}
        among.until(MORNING, MORNING + HOUR)
        term = among.all[0].shared._redis.look().lease
        among.down = set()
        among.until(MORNING + HOUR, NOON)
        after = among.all[0].shared._redis.look().lease
        assert term is not None
        assert after is not None
        assert (after.holder, after.term) == (term.holder, term.term)
        assert hook.calls == []
