"""Several nodes that watch mail together, in one process, at a time of their own."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.config import load
from mailtriage.insight.surge_bytes import board_from_bytes, to_bytes
from mailtriage.service.early_warning import EarlyWarning
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.shared_warnings import SharedWarnings
from mailtriage.state.history_schema import Decision
from mailtriage.state.warnings import WarningsFile
from tests.support.redis_server import RedisServer
from tests.support.rising import HOUR, NOON, Hook, listening, mails, three_weeks, write

MORNING = NOON - 4 * HOUR
STARTED = ("surge.started", "skill:delivery")
SURGE = ("mailtriage_topic_surge", "skill", "delivery")
STEP = 30
"""Seconds between two looks, as in the service."""
TOKENS = Tokens(b"only for tests of early warning.")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """One that writes everything down."""
    (tmp_path / "r").mkdir()
    with RedisServer(tmp_path / "r", "--appendonly", "yes", "--appendfsync", "always") as running:
        yield running


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as found:
        yield found


class Lines(Log):
    """A log that is read."""

    def __init__(self) -> None:
        super().__init__("error")
        self.lines: list[dict[str, object]] = []

    def line(self, level: str, fields: Any) -> None:
        self.lines.append(dict(fields))

    def said(self, event: str, **facts: object) -> list[dict[str, object]]:
        """Lines of an event."""
        wanted = {"event": event, **facts}
        return [one for one in self.lines if wanted.items() <= one.items()]


class Node:
    """One of them; `skew`: seconds by which its clock is ahead."""

    def __init__(self, directory: Path, url: str, hook: str, *, tokens: Tokens = TOKENS) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "key").write_bytes(b"a key that only the two of us know\n")
        file = directory / "mailtriage.toml"
        file.write_text(
            f'[state]\nurl = "{url}"\nfile = "{directory}/state.db"\n'
            f'[warnings]\nwebhook = "{hook}"\nwebhook_secret_file = "{directory}/key"\n'
        )
        self.config = load([file]).config
        self.file = directory / "history.db"
        self.kept = WarningsFile(directory / "warnings.db")
        self.log = Lines()
        self.deltas = Deltas()
        self.skew = 0
        self.tokens = tokens
        self.warning = EarlyWarning(self.config, self.deltas, self.log, tokens=tokens)

    @property
    def shared(self) -> SharedWarnings:
        assert self.warning._shared is not None
        return self.warning._shared

    def write(self, decisions: list[Decision]) -> None:
        write(self.file, decisions)

    def look(self, now: int) -> None:
        self.shared.redis_clock = lambda _: float(now)
        self.warning.look(self.kept, self.file, now + self.skew)

    def gauge(self, name: str, *labels: str) -> float:
        return self.deltas._gauges.get((name, labels), -1.0)

    def begin_anew(self) -> None:
        """As a new process after kill -9: it knows nothing, and nobody was told that it ended."""
        self.shared._redis.close()
        self.deltas = Deltas()
        self.warning = EarlyWarning(self.config, self.deltas, self.log, tokens=self.tokens)

    def close(self) -> None:
        self.shared._redis.close()
        self.kept.close()


@dataclass
class Nodes:
    """Some of which may be down."""

    all: list[Node]
    down: set[int] = field(default_factory=set)

    def until(self, begin: int, end: int, step: int = STEP) -> None:
        """Each looks in turn."""
        for now in range(begin, end, step):
            for number, node in enumerate(self.all):
                if number not in self.down:
                    node.look(now + number)

    def holder(self) -> int:
        """Its number."""
        (found,) = [
            number
            for number, node in enumerate(self.all)
            if node.shared.holds and number not in self.down
        ]
        return found


@contextmanager
def nodes(count: int, redis: RedisServer, hook: str, directory: Path) -> Iterator[Nodes]:
    """So many, that have seen nothing."""
    with ExitStack() as stack:
        found = [Node(directory / f"mx{number}", redis.url, hook) for number in range(count)]
        for node in found:
            stack.enter_context(closing(node))
        yield Nodes(found)


def dealt(decisions: list[Decision], among: Nodes, dice: random.Random) -> None:
    """Each mail comes to any of the nodes."""
    parts: list[list[Decision]] = [[] for _ in among.all]
    for one in decisions:
        dice.choice(parts).append(one)
    for node, part in zip(among.all, parts, strict=True):
        node.write(part)


def usual(among: Nodes, seed: int = 2) -> random.Random:
    """Three ordinary weeks, learnt by all at eight in the morning."""
    dice = random.Random(seed)
    dealt(three_weeks(dice), among, dice)
    among.until(MORNING, MORNING + 300)
    return dice


def rising(among: Nodes, dice: random.Random) -> None:
    """Sixty mails in four hours, where twelve were to be expected."""
    dealt(mails(60, MORNING, 3.9, dice), among, dice)


def told(hook: Hook) -> Counter[tuple[str, str]]:
    """What was told of which series, and how often."""
    bodies = [json.loads(body) for body, _ in hook.calls]
    return Counter((body["type"], f"{body['kind']}:{body['name']}") for body in bodies)


def ids(hook: Hook) -> list[str]:
    """Of all calls."""
    return [json.loads(body)["id"] for body, _ in hook.calls]


def board(redis: RedisServer, node: Node) -> dict[str, bytes]:
    """What was learnt of each series."""
    data = redis.client().hget("mt:{mailtriage}:w:board", "b")
    assert isinstance(data, bytes)
    found = board_from_bytes(data, node.warning._week, 2)
    return {f"{s.kind}:{s.name}": to_bytes(state) for s, state in found.states.items()}
