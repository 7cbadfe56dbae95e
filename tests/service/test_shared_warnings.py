"""Several nodes and one Redis: one of them watches the mail of all, whatever happens to it."""

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.insight.evaluator import QUARTER
from tests.support.redis_server import RedisServer, why_not
from tests.support.rising import DAY, HOUR, NOON, Hook, mails, three_weeks
from tests.support.warning_nodes import (
    MORNING,
    STARTED,
    SURGE,
    Node,
    Nodes,
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


# The sum.


@pytest.mark.parametrize("count", [2, 3])
def test_nodes_together_find_what_one_with_all_the_mail_finds(
    redis: RedisServer, hook: Hook, tmp_path: Path, count: int
) -> None:
    boards, calls = [], []
    for number in (1, count):
        redis.client().flushall()
        hook.calls.clear()
        (tmp_path / str(number)).mkdir()
        with nodes(number, redis, hook.url, tmp_path / str(number)) as among:
            dice = random.Random(count)
            dealt(three_weeks(dice), among, random.Random(7))
            among.until(MORNING, MORNING + 300)
            dealt(mails(60, MORNING, 3.9, dice), among, random.Random(8))
            among.until(MORNING + 300, NOON, 120)
            boards.append(board(redis, among.all[0]))
            bodies = [json.loads(body) for body, _ in hook.calls]
            calls.append(
                {
                    body["id"]: [body[each] for each in ("observed", "senders", "languages", "at")]
                    for body in bodies
                }
            )
    assert boards[0] == boards[1]
    assert calls[0] == calls[1]
    assert calls[0]


def test_a_surge_that_is_spread_is_told_once_and_shown_by_one(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(3, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        among.until(MORNING + 300, NOON)
        assert told(hook)[STARTED] == 1
        assert len(ids(hook)) == len(set(ids(hook)))
        shown = [node.gauge(*SURGE) for node in among.all]
        assert shown.count(1.0) == 1
        assert among.all[among.holder()].gauge(*SURGE) == 1.0
        counted = ("mailtriage_surges_total", ("skill", "started"))
        totals = [node.deltas._counts.get(counted, 0) for node in among.all]
        assert sum(totals) == 1


def test_an_ordinary_day_alarms_nobody(redis: RedisServer, hook: Hook, tmp_path: Path) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        dice = usual(among)
        dealt(mails(12, MORNING, 4, dice), among, dice)
        among.until(MORNING + 300, NOON)
        assert hook.calls == []
        assert among.all[among.holder()].gauge("mailtriage_topic_expected", "skill", "delivery") > 1


# Clocks, and what comes late.


def test_mail_that_is_written_late_counts_within_the_grace(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        dice = usual(among)
        among.until(MORNING + 300, MORNING + 3 * QUARTER + 31)
        late = mails(40, MORNING + 2 * QUARTER, 0.24, dice)
        other = 1 - among.holder()
        among.all[other].write(late)
        assert hook.calls == []
        among.until(MORNING + 3 * QUARTER + 45, MORNING + 3 * QUARTER + 300)
        assert told(hook)[STARTED] == 1


@pytest.mark.parametrize("skew", [-400, 700])
def test_a_node_whose_clock_is_minutes_off_changes_nothing(
    redis: RedisServer, hook: Hook, tmp_path: Path, skew: int
) -> None:
    boards = []
    for off in (0, skew):
        redis.client().flushall()
        (tmp_path / str(off)).mkdir()
        with nodes(2, redis, hook.url, tmp_path / str(off)) as among:
            dice = random.Random(2)
            first, second = among.all
            second.skew = off
            everything = three_weeks(dice) + mails(60, MORNING, 3.9, dice)
            first.write(everything[::2])
            second.write([replace(one, at=one.at + off) for one in everything[1::2]])
            among.until(MORNING, NOON, 60)
            boards.append(board(redis, first))
    assert boards[0] == boards[1]


def test_a_node_whose_clock_is_days_off_watches_alone_and_the_others_go_on(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        dice = usual(among)
        wrong = among.all[1 - among.holder()]
        wrong.skew = 3 * DAY
        among.all[among.holder()].write(mails(60, MORNING, 3.9, dice))
        among.until(MORNING + 300, NOON)
        assert told(hook)[STARTED] == 1
        (said,) = wrong.log.said("early-warning", state="alone")
        assert "clock" in str(said["fault"])


# The holder dies.


def test_another_one_goes_on_within_minutes_and_nothing_is_told_twice(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(3, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        among.until(MORNING + 300, MORNING + 2 * HOUR)
        before, first = told(hook), among.holder()
        among.down.add(first)
        gone_at = MORNING + 2 * HOUR
        among.until(gone_at, gone_at + 300)
        assert among.holder() != first
        among.until(gone_at + 300, NOON)
        after = told(hook)
        assert after[STARTED] == 1
        assert len(ids(hook)) == len(set(ids(hook)))
        assert before[STARTED] == 1
        done = int(redis.client().hget("mt:{mailtriage}:w:board", "d") or 0)  # type: ignore[arg-type] # typed for asyncio, too
        assert done == NOON // QUARTER - 2


@pytest.mark.parametrize("after", range(300, 2 * HOUR, 29 * 60))
def test_whenever_it_dies_the_surge_is_told_exactly_once(
    redis: RedisServer, hook: Hook, tmp_path: Path, after: int
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        among.until(MORNING + 300, MORNING + after)
        first = among.holder()
        among.down.add(first)
        among.until(MORNING + after, MORNING + after + 600)
        among.all[first].begin_anew()
        among.down.clear()
        among.until(MORNING + after + 600, NOON)
        assert told(hook)[STARTED] == 1
        assert len(ids(hook)) == len(set(ids(hook)))


def test_an_alert_that_the_holder_could_not_deliver_is_delivered_by_the_next(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    hook.answers = [500]
    with nodes(2, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        now = MORNING + 300
        while not hook.calls:
            among.until(now, now + 30)
            now += 30
        among.down.add(among.holder())
        hook.answers = [204]
        hook.calls.clear()
        among.until(now, NOON)
        assert told(hook)[STARTED] == 1


LOOKS = """
import sys
from pathlib import Path
from tests.support.warning_nodes import Node

directory, url, hook = sys.argv[1:]
node = Node(Path(directory), url, hook)
for line in sys.stdin:
    node.look(int(line))
    print(line, end="", flush=True)
"""


def test_a_process_that_is_killed_while_it_calls_somebody_leaves_the_call_to_the_next(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the call, and never answers
        silent.settimeout(60)
        dead_end = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with nodes(2, redis, hook.url, tmp_path) as among:
            dice = usual(among)
            first = among.holder()
            among.all[first].write(mails(60, MORNING, 3.9, dice))
            place = among.all[first].file.parent
            among.all[first].shared.leave()
            among.down = {0, 1}
            process = subprocess.Popen(
                [sys.executable, "-c", LOOKS, str(place), redis.url, dead_end],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
            )  # fmt: skip
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                now = MORNING + 300
                for now in range(MORNING + 300, NOON, 30):
                    process.stdin.write(f"{now}\n")
                    process.stdin.flush()
                    ready, _, _ = select.select([process.stdout, silent], [], [], 60)
                    if silent in ready:
                        break
                    assert process.stdout.readline()
                assert silent in ready
                os.kill(process.pid, signal.SIGKILL)
            finally:
                process.kill()
                process.wait()
            assert hook.calls == []
            among.down = {first}
            among.until(now, now + 300)
            assert among.holder() == 1 - first
            among.until(now + 300, NOON)
            assert told(hook)[STARTED] == 1
            assert len(ids(hook)) == len(set(ids(hook)))


def test_who_leaves_lets_the_next_one_in_at_once(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    with nodes(2, redis, hook.url, tmp_path) as among:
        usual(among)
        first = among.holder()
        among.all[first].shared.leave()
        among.down.add(first)
        among.until(MORNING + 300, MORNING + 331)
        assert among.holder() == 1 - first


def test_two_processes_of_a_node_do_not_both_hold_the_lease(
    redis: RedisServer, hook: Hook, tmp_path: Path
) -> None:
    """A reload: the new one begins before the old one has gone."""
    with nodes(1, redis, hook.url, tmp_path) as among:
        rising(among, usual(among))
        with closing(Node(tmp_path / "mx0", redis.url, hook.url)) as new:
            both = Nodes([among.all[0], new])
            both.until(MORNING + 300, NOON)
            assert among.all[0].shared.holds
            assert not new.shared.holds
        assert told(hook)[STARTED] == 1
