"""Users with few rights, TLS, clusters, sentinels."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
import redis as redis_py

from mailtriage.state.redis_link import Place, RedisError, RedisLink
from mailtriage.state.redis_scripts import PULL
from mailtriage.state.shared_question import fingerprint, pull_values
from tests.state.conftest import DAY, TOKENS, ack_id, inbound, key_of, outbound, question
from tests.state.nodes import Node
from tests.state.publishing import Publishing
from tests.support.postfix import free_port
from tests.support.redis_server import RedisServer, why_not
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


COMMANDS: Final = (
    "+eval +evalsha +info +time +hget +hset +hsetnx +hmget +hgetall +hdel +hlen +get +set +setnx"
    " +expire +expireat +ttl +zadd +zrevrangebyscore +zremrangebyscore"
)
"""As docs/many-nodes.md has them."""


def test_a_user_with_no_more_rights_than_it_needs(redis: RedisServer, tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "many-nodes.md"
    assert COMMANDS in " ".join(page.read_text().replace("`", "").split())
    redis.client().execute_command(
        "ACL", "SETUSER", "mt", "on", ">mt-secret", "~mt:{mailtriage}:*", *COMMANDS.split()
    )
    url = redis.bare_url.replace("//", "//mt:mt-secret@")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with (
        closing(Node(tmp_path / "a", url)) as first,
        closing(Node(tmp_path / "b", url)) as second,
    ):
        scenario(first, second)


def test_over_tls(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    options = ["--tls-port", str(port), "--tls-cert-file", str(certificate)]
    options += ["--tls-key-file", str(key), "--tls-auth-clients", "no"]
    with RedisServer(tmp_path / "r", *options) as server:
        login = f":{server.password}@localhost:{port}/0"
        with (
            closing(Node(tmp_path / "a", f"rediss://{login}?ssl_ca_certs={certificate}")) as first,
            closing(Node(tmp_path / "b", server.url)) as second,
        ):
            scenario(first, second)
        place = Place(f"rediss://{login}", None, "mailtriage", fingerprint(TOKENS))
        with closing(RedisLink(place, 1.0)) as link, pytest.raises(RedisError, match="certificate"):
            link.run(PULL, "", ASKED)


def test_a_cluster_of_one_takes_every_script(tmp_path: Path) -> None:
    """A key of another slot would be refused with CROSSSLOT, or as not local."""
    (tmp_path / "r").mkdir()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with RedisServer(tmp_path / "r", "--cluster-enabled", "yes") as server:
        client = server.client()
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_for(lambda: client.cluster("info")["cluster_state"] == "ok", "the cluster")
        with (
            closing(Node(tmp_path / "a", server.url)) as first,
            closing(Node(tmp_path / "b", server.url)) as second,
        ):
            scenario(first, second)


def test_a_cluster_is_followed_to_whoever_has_our_slot(tmp_path: Path) -> None:
    servers = []
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        servers.append(
            RedisServer(
                tmp_path / name,
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                str(free_port()),
                password="",
            )
        )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with servers[0] as seed, servers[1] as owner:
        owner.client().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        bus = owner._options[-1]
        seed.client().execute_command("CLUSTER", "MEET", "127.0.0.1", owner.port, bus)

        def joined() -> bool:
            if owner.client().cluster("info")["cluster_state"] != "ok":
                return False
            try:
                seed.client().get("mt:{mailtriage}:meta")
            except redis_py.exceptions.MovedError:
                return True
            except redis_py.RedisError:
                pass
            return False

        wait_for(joined, "the cluster")
        with (
            closing(Node(tmp_path / "a", seed.url)) as first,
            closing(Node(tmp_path / "b", owner.url)) as second,
        ):
            scenario(first, second)


def test_behind_sentinels_the_new_master_is_found(tmp_path: Path) -> None:
    for name in ("x", "y", "s", "a", "b"):
        (tmp_path / name).mkdir()
    master = RedisServer(tmp_path / "x", password="")
    with master, RedisServer(tmp_path / "y", password="") as replica:
        replica.client().replicaof("127.0.0.1", master.port)
        wait_for(lambda: replica.client().info()["master_link_status"] == "up", "the replica")
        port = free_port()
        conf = tmp_path / "s" / "sentinel.conf"
        conf.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {tmp_path / 's'}\n"
            f"sentinel monitor desk 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds desk 500\nsentinel failover-timeout desk 3000\n"
        )
        watching = subprocess.Popen(
            ["redis-server", str(conf), "--sentinel"], stdout=subprocess.DEVNULL
        )
        try:
            sentinel = redis_py.Redis(port=port)

            def knows() -> bool:
                with contextlib.suppress(redis_py.RedisError):
                    return bool(sentinel.sentinel_slaves("desk"))
                return False

            wait_for(knows, "the sentinel")
            url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{port}/desk/0"
            with Publishing(tmp_path / "a", url) as node:
                node.records(inbound("m1", NOW))
                node.wait_until_told()
                master.kill()
                node.records(inbound("m2", NOW + 1))
                node.wait_until_told()
            assert replica.client().info("replication")["role"] == "master"
            with closing(Node(tmp_path / "b", replica.url)) as other:
                assert other.look_up(question(NOW + 2)).to_sender == 2
        finally:
            watching.kill()
            watching.wait()


def scenario(first: Node, second: Node) -> None:
    """Every script, with every kind of key."""
    assert first.takes(inbound("m1", NOW), waiting=True, order="{}")
    with first.store.transaction():
        first.store.record_complaint("joe@customer.example", NOW)
    first.tell()
    assert not second.takes(inbound("m1", NOW))
    known = second.look_up(question(NOW + 1, references=(ack_id("m1"),)))
    assert (known.to_sender, known.complained, known.to_network) == (1, True, 1)
    second.sends(outbound("o1", NOW + 2, ("<m1@customer.example>",)))
    second.tell()
    assert [one.suppressed for one in first.hears()] == [(key_of("m1"),)]
    with closing(first.ledger()) as ledger:
        assert ledger.look_up(question(NOW + 3, references=(ack_id("m1"),))).conversation
