"""What the doctor sees of a real Redis that nodes share."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.config import load
from mailtriage.doctor.facts import Redis
from mailtriage.doctor.model import Undone
from mailtriage.doctor.stored import look_at_redis
from mailtriage.state.secret import make_secret
from tests.state.nodes import Node
from tests.support.redis_server import PASSWORD, RedisServer, why_not

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]


def looked(directory: Path, server: RedisServer) -> tuple[Redis, list[Undone]]:
    """With a configuration that names it."""
    (directory / "password").write_text(PASSWORD)
    file = directory / "mailtriage.toml"
    file.write_text(
        f'[state]\nurl = "{server.bare_url}"\nfile = "{directory}/state.db"\n'
        f'secret_file = "{directory}/secret"\npassword_file = "{directory}/password"\n'
        '[mailboxes."help@desk.example"]\n'
    )
    undone: list[Undone] = []
    (found,) = look_at_redis(load([file]).config, undone)
    return found, undone


@pytest.fixture
def server(tmp_path: Path) -> Callable[..., RedisServer]:
    """One with these options."""

    def make(*options: str) -> RedisServer:
        (tmp_path / "r").mkdir(exist_ok=True)
        return RedisServer(tmp_path / "r", *options)

    return make


def test_one_that_is_well(tmp_path: Path, server: Callable[..., RedisServer]) -> None:
    make_secret(tmp_path / "secret")
    with server("--appendonly", "yes") as running:
        assert looked(tmp_path, running) == (Redis("state.url"), [])
        assert running.keys() == {}


def test_how_it_keeps_things(tmp_path: Path, server: Callable[..., RedisServer]) -> None:
    make_secret(tmp_path / "secret")
    with server("--maxmemory", "99mb", "--maxmemory-policy", "volatile-lru") as running:
        found, _ = looked(tmp_path, running)
    assert found == Redis("state.url", appends=False, eviction="volatile-lru")


def test_one_of_nodes_with_another_secret(
    tmp_path: Path, server: Callable[..., RedisServer]
) -> None:
    make_secret(tmp_path / "secret")
    with server("--appendonly", "yes") as running:
        (tmp_path / "other").mkdir()
        stranger = Tokens(b"another secret, of another installation.")
        with closing(Node(tmp_path / "other", running.url, tokens=stranger)) as node:
            node.tell()
        found, undone = looked(tmp_path, running)
    assert "another secret" in found.foreign
    assert replace(found, foreign="") == Redis("state.url")
    assert undone == []


def test_one_that_is_down(tmp_path: Path, server: Callable[..., RedisServer]) -> None:
    make_secret(tmp_path / "secret")
    found, _ = looked(tmp_path, server())
    assert "refused" in found.fault
    assert PASSWORD not in found.fault


def test_without_our_own_secret_it_is_not_said_whose_it_is(
    tmp_path: Path, server: Callable[..., RedisServer]
) -> None:
    with server("--appendonly", "yes") as running:
        _, undone = looked(tmp_path, running)
    assert [one.id for one in undone] == ["redis-foreign"]
