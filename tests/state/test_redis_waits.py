"""What a mail waits for a Redis that is killed, hung, slowed, or says nonsense."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from mailtriage.state import waits
from mailtriage.state.redis_bounded import BoundedRedis
from mailtriage.state.redis_customers import RedisCustomers
from mailtriage.state.redis_link import Place, RedisLink
from mailtriage.state.redis_scripts import PULL
from mailtriage.state.shared_question import fingerprint, pull_values
from mailtriage.state.shared_records import SharedDataError
from mailtriage.state.sqlite_ledger import SqliteLedger
from mailtriage.triage.customer import FixedCustomers
from tests.state.conftest import DAY, TOKENS, ack_id, inbound, question
from tests.state.nodes import Node
from tests.support.redis_server import RedisServer, slow_way, why_not
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


@pytest.fixture
def bounded() -> Iterator[Callable[..., BoundedRedis]]:
    """Questions with a limit."""
    with contextlib.ExitStack() as made:

        def make(url: str, *, limit: float = LIMIT, pause: float = 0.3) -> BoundedRedis:
            place = Place(url, None, "mailtriage", fingerprint(TOKENS))
            one = BoundedRedis(partial(RedisLink, place, 0.5), limit, pause=pause)
            made.callback(one.close)
            return one

        yield make


def waited(asker: BoundedRedis, mails: int) -> float:
    """Seconds that so many mails wait in all."""
    begun = time.monotonic()
    for _ in range(mails):
        asker.ask(PULL, ASKED)
    return time.monotonic() - begun


def hung(server: RedisServer) -> Iterator[str]:
    server.freeze()
    yield server.url
    server.thaw()


def dead(server: RedisServer) -> Iterator[str]:
    server.kill()
    yield server.url
    server.start()


def slow(server: RedisServer) -> Iterator[str]:
    with slow_way(server.port, 0.2) as port:
        yield server.url.replace(str(server.port), str(port))


def silent(server: RedisServer) -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def full_backlog(server: RedisServer) -> Iterator[str]:
    """Not even a connection comes about: packets to it are dropped, as by a firewall."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        with contextlib.ExitStack() as held:
            for _ in range(3):
                one = held.enter_context(socket.socket())
                one.settimeout(0)
                with contextlib.suppress(BlockingIOError):
                    one.connect(listener.getsockname())
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def trickling(server: RedisServer) -> Iterator[str]:
    """Answers one octet at a time, each well within a socket's time limit."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=drip, args=(connection,), daemon=True).start()

        def drip(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                connection.recv(65536)
                for octet in b"$1000000\r\n" + b"x" * 1000:
                    time.sleep(0.05)
                    connection.send(bytes([octet]))

        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


TROUBLES: Final = (hung, dead, slow, silent, full_backlog, trickling)


@pytest.fixture(params=TROUBLES, ids=[one.__name__ for one in TROUBLES])
def trouble(redis: RedisServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a Redis in trouble."""
    yield from request.param(redis)


def test_one_mail_waits_for_the_limit_and_no_other_waits_at_all(
    bounded: Callable[..., BoundedRedis], trouble: str
) -> None:
    asker = bounded(trouble, pause=60.0)
    assert waited(asker, 1) < 3 * LIMIT
    assert asker.problem
    assert asker.failures == 1
    assert waited(asker, 1000) < LIMIT
    assert asker.failures == 1


def test_nobody_waits_for_the_trials_either(
    bounded: Callable[..., BoundedRedis], trouble: str
) -> None:
    asker = bounded(trouble, pause=0.02)
    waited(asker, 1)
    begun, longest = time.monotonic(), 0.0
    while time.monotonic() - begun < 10 * LIMIT:
        longest = max(longest, waited(asker, 1))
        time.sleep(0.005)
    assert longest < LIMIT
    assert asker.problem


def test_when_it_hung_and_goes_on_it_is_asked_again(
    bounded: Callable[..., BoundedRedis], redis: RedisServer
) -> None:
    asker = bounded(redis.url, pause=0.1)
    assert asker.ask(PULL, ASKED) is not None
    redis.freeze()
    assert asker.ask(PULL, ASKED) is None
    redis.thaw()
    wait_for(lambda: asker.ask(PULL, ASKED) is not None, "an answer")
    redis.kill()
    assert asker.ask(PULL, ASKED) is None
    redis.start()
    wait_for(lambda: asker.ask(PULL, ASKED) is not None, "an answer")


def test_a_slow_way_is_not_taken_again_because_its_answers_come_at_last(
    bounded: Callable[..., BoundedRedis], redis: RedisServer
) -> None:
    with slow_way(redis.port, 0.2) as port:
        url = redis.url.replace(str(redis.port), str(port))
        asker = bounded(url, limit=LIMIT, pause=0.05)
        begun = time.monotonic()
        while time.monotonic() - begun < 2.0:
            asker.ask(PULL, ASKED)
            time.sleep(0.05)
        assert asker.failures == 1


def test_scripts_that_redis_has_forgotten_are_sent_again(
    bounded: Callable[..., BoundedRedis], redis: RedisServer
) -> None:
    asker = bounded(redis.url)
    assert asker.ask(PULL, ASKED) is not None
    redis.client().script_flush()
    assert asker.ask(PULL, ASKED) is not None
    assert asker.failures == 0


def test_an_outage_means_what_this_node_knows(redis: RedisServer, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    asked = question(NOW + 9, references=(ack_id("here"),))
    with (
        closing(Node(tmp_path / "a", redis.url)) as here,
        closing(Node(tmp_path / "b", redis.url)) as there,
        closing(here.ledger()) as ledger,
    ):
        here.takes(inbound("here", NOW))
        here.tell()
        there.takes(inbound("there", NOW + 1))
        there.tell()
        assert ledger.look_up(asked).to_sender == 2
        redis.freeze()
        alone = ledger.look_up(asked)
        assert (alone.to_sender, bool(ledger.shared_problem), ledger.problem) == (1, True, "")
        assert alone == SqliteLedger(here.file, TOKENS).look_up(asked)
        redis.thaw()


def test_a_ledger_that_holds_nonsense_is_not_believed(redis: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with (
        closing(Node(tmp_path / "a", redis.url)) as node,
        closing(node.ledger()) as ledger,
    ):
        node.takes(inbound("m1", NOW))
        node.tell()
        asked = question(NOW + 1, references=(ack_id("m1"),))
        client = redis.client()
        for word in ("yesterday", "nan", "inf", "-1e999"):
            for key in list(client.scan_iter(b"mt:{mailtriage}:c:*")):
                client.hset(key, "l", word)
            known = ledger.look_up(asked)
            assert (known.to_sender, known.conversation is not None) == (1, True)
            with pytest.raises(SharedDataError):
                node.ask(asked)
        for key in list(client.scan_iter(b"mt:{mailtriage}:c:*")):
            client.delete(key)
            client.set(key, "a string")
        assert ledger.look_up(asked) == known


def test_two_waits_do_not_add_up(redis: RedisServer, tmp_path: Path) -> None:
    """Customers and ledger in one Redis, or in two that hang at once."""
    (tmp_path / "a").mkdir()
    with (
        closing(Node(tmp_path / "a", redis.url)) as node,
        closing(node.ledger(timeout=LIMIT)) as ledger,
    ):
        ledger.look_up(question(NOW))
        customers = RedisCustomers(redis.url, "customers", LIMIT, FixedCustomers({}))
        redis.freeze()
        begun = time.monotonic()
        customers.tier(("joe@customer.example",))
        ledger.look_up(question(NOW))
        assert time.monotonic() - begun < 1.7 * LIMIT
        assert ledger.failures == 0
        redis.thaw()
        time.sleep(waits.SAME_MAIL)
        assert waits.may_wait()
