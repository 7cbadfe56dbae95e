"""The customer list in a real Redis: alive, hung, dead, and back again."""

import os
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from mailtriage.state.redis_customers import RedisCustomers
from mailtriage.triage.customer import FixedCustomers, lookup_keys
from mailtriage.triage.model import Tier

KEY = "mailtriage:customers"
TIMEOUT = 0.1
ANNA = lookup_keys("anna@shop.example")
NOBODY = FixedCustomers({})
UNKNOWN = (Tier.UNKNOWN, "")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server"),
]


class Server:
    """A Redis of its own, on a unix socket and in memory alone."""

    def __init__(self, directory: Path) -> None:
        # The path of a socket may be no longer than 107 bytes, that of a test's directory is.
        self.socket = directory / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = [
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self.process = subprocess.Popen(
            ["redis-server", *options, "--dir", str(self.socket.parent)], stdout=subprocess.DEVNULL
        )
        for _ in range(200):
            try:
                self.client().ping()
                return
            except redis.ConnectionError:
                time.sleep(0.05)
        raise AssertionError("redis-server did not start")

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, decode_responses=True)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("r"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """A live, empty server, whatever the test before did to it."""
    if running.process is None:
        running.start()
    running.client().flushall()
    yield running
    if running.process is not None:
        running.send(signal.SIGCONT)


@pytest.fixture
def customers(server: Server) -> Callable[..., RedisCustomers]:
    def make(files: FixedCustomers = NOBODY, pause: float = 60.0) -> RedisCustomers:
        return RedisCustomers(server.url, KEY, TIMEOUT, files, pause=pause)

    return make


@pytest.mark.parametrize(
    ("fields", "address", "tier"),
    [
        ({"anna@shop.example": "vip"}, "anna@shop.example", Tier.VIP),
        ({"shop.example": "gold"}, "anna@shop.example", Tier.GOLD),
        ({"shop.example": "gold", "anna@shop.example": "vip"}, "anna@shop.example", Tier.VIP),
        ({"shop.example": " Standard\n"}, "anna@mail.shop.example", Tier.STANDARD),
        ({"anna@shop.example": "platinum", "shop.example": "gold"}, "anna@shop.example", Tier.GOLD),
        ({"shop.example": "unknown"}, "anna@shop.example", Tier.UNKNOWN),
        ({"shop.example": b"\xff\xfe"}, "anna@shop.example", Tier.UNKNOWN),
        ({}, "anna@shop.example", Tier.UNKNOWN),
        ({"shop.example": "gold"}, "no address", Tier.UNKNOWN),
    ],
)
def test_the_tier_of_the_most_exact_key(
    server: Server,
    customers: Callable[..., RedisCustomers],
    fields: dict[str, str | bytes],
    address: str,
    tier: Tier,
) -> None:
    for field, value in fields.items():
        server.client().hset(KEY, field, value)
    found = customers()
    assert found.tier(lookup_keys(address))[0] is tier
    assert found.failures == 0


def test_the_files_win_over_redis(server: Server, customers: Callable[..., RedisCustomers]) -> None:
    server.client().hset(KEY, "anna@shop.example", "standard")
    files = FixedCustomers({"shop.example": Tier.VIP})
    assert customers(files).tier(ANNA) == (Tier.VIP, "shop.example")


def test_a_change_in_redis_counts_at_once(
    server: Server, customers: Callable[..., RedisCustomers]
) -> None:
    found = customers()
    assert found.tier(ANNA) == UNKNOWN
    server.client().hset(KEY, "shop.example", "gold")
    assert found.tier(ANNA) == (Tier.GOLD, "shop.example")


def test_a_key_of_another_type_is_a_failure_and_no_fault(
    server: Server, customers: Callable[..., RedisCustomers]
) -> None:
    server.client().set(KEY, "no hash")
    found = customers()
    assert found.tier(ANNA) == UNKNOWN
    assert found.failures == 1


def stop_answering(server: Server) -> None:
    server.send(signal.SIGSTOP)


def die(server: Server) -> None:
    server.stop()


@pytest.mark.parametrize("trouble", [stop_answering, die])
@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.alone
def test_a_server_in_trouble_costs_one_time_limit_and_then_nothing(
    server: Server,
    customers: Callable[..., RedisCustomers],
    trouble: Callable[[Server], None],
    connected: bool,
) -> None:
    server.client().hset(KEY, "shop.example", "gold")
    found = customers()
    if connected:
        assert found.tier(ANNA)[0] is Tier.GOLD
    trouble(server)
    began = time.monotonic()
    assert found.tier(ANNA) == UNKNOWN
    first = time.monotonic() - began
    # redis-py's defaults take seconds; this is a bound on waiting, not on speed.
    assert first < 10 * TIMEOUT
    for _ in range(100):
        assert found.tier(ANNA) == UNKNOWN
    assert found.failures == 1, "the circuit breaker is open: nobody asks"


def test_files_answer_while_redis_does_not(
    server: Server, customers: Callable[..., RedisCustomers]
) -> None:
    found = customers(FixedCustomers({"shop.example": Tier.VIP}))
    server.stop()
    assert found.tier(lookup_keys("a@other.example")) == UNKNOWN
    assert found.tier(ANNA) == (Tier.VIP, "shop.example")


def test_when_the_pause_is_over_the_server_is_asked_again(
    server: Server, customers: Callable[..., RedisCustomers]
) -> None:
    found = customers(pause=0.2)
    server.stop()
    assert found.tier(ANNA) == UNKNOWN
    server.start()
    server.client().hset(KEY, "shop.example", "gold")
    deadline = time.monotonic() + 10
    while found.tier(ANNA) == UNKNOWN and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found.tier(ANNA)[0] is Tier.GOLD
    assert found.failures == 1


def test_only_one_mail_tries_a_server_that_was_in_trouble(
    server: Server, customers: Callable[..., RedisCustomers]
) -> None:
    found = customers(pause=0.3)
    stop_answering(server)
    found.tier(ANNA)
    time.sleep(0.3)
    threads = [threading.Thread(target=found.tier, args=(ANNA,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.failures == 2


def test_a_server_that_takes_no_connections_is_bounded_too() -> None:
    """A listening socket whose queue is full: the kernel drops what comes, nobody refuses."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        full = [socket.socket() for _ in range(3)]
        try:
            for one in full:
                one.settimeout(0)
                one.connect_ex(("127.0.0.1", port))
            found = RedisCustomers(f"redis://127.0.0.1:{port}", KEY, TIMEOUT, NOBODY, pause=60)
            assert found.tier(ANNA) == UNKNOWN
            assert found.failures == 1
            # Who sets no limit still waits for the kernel to give up.
            assert select.select([], [full[-1]], [full[-1]], 0) == ([], [], [])
        finally:
            for one in full:
                one.close()


def test_a_list_made_before_a_fork_works_on_both_sides(
    server: Server, customers: Callable[..., RedisCustomers]
) -> None:
    """The supervisor makes it, the workers use it."""
    server.client().hset(KEY, "shop.example", "gold")
    found = customers()
    assert found.tier(ANNA)[0] is Tier.GOLD
    child = os.fork()
    if child == 0:
        os._exit(0 if found.tier(ANNA)[0] is Tier.GOLD else 1)
    assert found.tier(ANNA)[0] is Tier.GOLD
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
