"""What early warning has in Redis: one writes, the others wait; nothing grows without end."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from mailtriage.insight.count_bytes import MOST_TOLD, to_bytes
from mailtriage.insight.counts import Counts, Series
from mailtriage.insight.evaluator import LEASE, Lease, Teller
from mailtriage.state.redis_link import Place, RedisError, RedisLink
from mailtriage.state.redis_warnings import KEEP, KEEP_COUNTS, KEEP_OLD, RedisWarnings
from mailtriage.state.shared_question import fingerprint
from mailtriage.state.shared_records import SharedDataError
from mailtriage.state.warnings import MOST_OWED, Owed
from tests.state.conftest import TOKENS
from tests.support.redis_server import RedisServer, why_not

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_795_500_000
QUARTER = NOW // 900
PARCEL = Series("topic", "parcel")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("r")) as running:
        yield running


@pytest.fixture
def two(redis: RedisServer) -> Iterator[tuple[RedisWarnings, RedisWarnings]]:
    """Two nodes, and nothing in Redis."""
    redis.client().flushall()
    place = Place(redis.url, None, "mailtriage", fingerprint(TOKENS))
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(closing(RedisWarnings(RedisLink(place, 5.0), name, f"{name}.1")))
            for name in ("mx1", "mx2")
        )
        yield first, second


def owed(number: int, due: float = NOW) -> Owed:
    return Owed(f"id{number}", "mail", b"Subject\nBody \xc3\xa5", 0, due)


def holds(node: RedisWarnings, term: int = 1) -> None:
    """The node takes the lease."""
    assert node.claim(node.look().lease, Lease(node.holder, NOW + LEASE, term), NOW)


def test_nothing_is_there_at_first(two: tuple[RedisWarnings, RedisWarnings]) -> None:
    sight = two[0].look()
    assert (sight.lease, sight.done, sight.tellers, sight.owed) == (None, 0, {}, 0)
    assert two[0].board() == b""
    assert two[0].owed() == []


def test_of_two_that_claim_at_once_one_has_it(two: tuple[RedisWarnings, RedisWarnings]) -> None:
    known = two[0].look().lease
    wanted = [Lease(node.holder, NOW + LEASE, 1) for node in two]
    assert two[0].claim(known, wanted[0], NOW)
    assert not two[1].claim(known, wanted[1], NOW)
    assert two[1].look().lease == wanted[0]
    assert two[1].look().since == NOW


def test_counts_of_all_nodes_come_back_and_telling_twice_adds_nothing(
    two: tuple[RedisWarnings, RedisWarnings],
) -> None:
    for node in (*two, two[0]):
        node.tell([(QUARTER, to_bytes({PARCEL: Counts(3, 7)}))], QUARTER, 5, NOW, {})
    found = two[1].counts([QUARTER - 1, QUARTER])
    assert found == {QUARTER - 1: [], QUARTER: [{PARCEL: Counts(3, 7)}] * 2}
    sight = two[0].look()
    assert sight.tellers == {"mx1": Teller(QUARTER, NOW), "mx2": Teller(QUARTER, NOW)}
    assert sight.begins == {"mx1": 5, "mx2": 5}


def test_many_quarters_of_many_series_are_told_in_pieces(
    two: tuple[RedisWarnings, RedisWarnings],
) -> None:
    counts = {Series("topic", f"topic-{one:050}"): Counts(1, 1) for one in range(MOST_TOLD)}
    data = to_bytes(counts)
    two[0].tell([(QUARTER + one, data) for one in range(12)], QUARTER + 11, 5, NOW, {})
    found = two[1].counts(range(QUARTER, QUARTER + 12))
    assert all(told == [counts] for told in found.values())


def test_only_the_holder_in_its_term_writes_over_what_it_has_read(
    two: tuple[RedisWarnings, RedisWarnings],
) -> None:
    first, second = two
    assert not first.commit(1, 0, (QUARTER, b"without a lease"), NOW)
    holds(first)
    assert first.commit(1, 0, (QUARTER, b"board"), NOW, owed=[owed(1)])
    assert not second.commit(1, QUARTER, (QUARTER + 1, b"of another"), NOW)
    assert not first.commit(2, QUARTER, (QUARTER + 1, b"in another term"), NOW)
    assert not first.commit(1, 0, (QUARTER + 1, b"over what it has not read"), NOW, owed=[owed(2)])
    holds(second, 2)
    assert not first.commit(1, QUARTER, (QUARTER + 1, b"too late"), NOW, owed=[owed(3)])
    assert second.board() == b"board"
    assert second.owed() == [owed(1)]


def test_to_begin_anew_is_the_holders_alone(two: tuple[RedisWarnings, RedisWarnings]) -> None:
    first, second = two
    second.tell([], QUARTER, 5, NOW, {})
    holds(first)
    assert first.commit(1, 0, (QUARTER, b"board"), NOW, nodes=["mx1", "mx2"], owed=[owed(1)])
    assert first.look().learnt_from == {"mx1", "mx2"}
    assert not second.begin_anew(1, NOW)
    assert first.begin_anew(1, NOW + 7)
    sight = second.look()
    assert (sight.done, sight.tellers, sight.since) == (0, {}, NOW + 7)
    assert sight.lease == Lease(first.holder, NOW + LEASE, 2)
    assert first.owed() == [owed(1)]
    assert not first.commit(1, 0, (QUARTER, b"of the old term"), NOW)


def test_what_was_delivered_is_not_owed_again(two: tuple[RedisWarnings, RedisWarnings]) -> None:
    first, second = two
    holds(first)
    first.commit(1, 0, (QUARTER, b"board"), NOW, owed=[owed(1), owed(2)])
    first.attempted(owed(1), None, NOW)
    first.attempted(owed(2), NOW + 60.0, NOW)
    holds(second, 2)
    assert second.commit(2, QUARTER, (QUARTER + 1, b"b"), NOW, owed=[owed(1), owed(2)])
    assert second.owed() == [Owed("id2", "mail", owed(2).content, 1, NOW + 60.0)]
    assert second.commit(2, QUARTER + 1, (QUARTER + 2, b"b"), NOW, sent=["id2:mail"])
    assert second.look().owed == 0


def test_alerts_and_nodes_do_not_grow_without_end(
    two: tuple[RedisWarnings, RedisWarnings], redis: RedisServer
) -> None:
    first, second = two
    second.tell([], QUARTER, 0, NOW, {})
    first.tell([], QUARTER, 0, NOW, {"started topic parcel": QUARTER})
    holds(first)
    many = [owed(number, NOW + number) for number in range(MOST_OWED + 20)]
    first.commit(1, 0, (QUARTER, b"board"), NOW, owed=many, forget=["mx2"])
    assert first.owed() == many[20:]
    assert list(first.look().tellers) == ["mx1"]
    assert first.alone() == {"started topic parcel": QUARTER}
    client = redis.client()
    assert all(0 < int(client.ttl(key)) <= KEEP for key in client.scan_iter())  # type: ignore[arg-type]


def test_counts_go_when_nobody_will_ask_for_them(
    two: tuple[RedisWarnings, RedisWarnings], redis: RedisServer
) -> None:
    data = to_bytes({PARCEL: Counts(1, 1)})
    two[0].tell([(QUARTER - 4000, data), (QUARTER - 1, data)], QUARTER, 0, NOW, {})
    lives = [
        int(redis.client().ttl(f"mt:{{mailtriage}}:w:q:{quarter}"))  # type: ignore[arg-type]
        for quarter in (QUARTER - 4000, QUARTER - 1)
    ]
    assert lives[0] <= KEEP_OLD < lives[1] <= KEEP_COUNTS + 900


def test_who_leaves_gives_back_its_own_lease_alone(
    two: tuple[RedisWarnings, RedisWarnings],
) -> None:
    first, second = two
    for node in two:
        node.tell([], QUARTER, 0, NOW, {})
    holds(first)
    second.leave(Lease(second.holder, 0, 1))
    assert first.look().lease == Lease(first.holder, NOW + LEASE, 1)
    assert list(first.look().tellers) == ["mx1"]
    first.leave(Lease(first.holder, NOW - 6, 1))
    assert second.look().lease == Lease(first.holder, NOW - 6, 1)


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("w:nodes", "x", "not three numbers"),
        ("w:nodes", b"\xff\xfe", "1 2 3"),
        ("w:lease", "h", b"\xff"),
    ],
)
def test_what_somebody_else_has_written_is_told_apart_from_a_fault(
    two: tuple[RedisWarnings, RedisWarnings],
    redis: RedisServer,
    key: str,
    field: str | bytes,
    value: str | bytes,
) -> None:
    holds(two[0])
    redis.client().hset(f"mt:{{mailtriage}}:{key}", field, value)  # type: ignore[arg-type]
    with pytest.raises(SharedDataError):
        two[0].look()


def test_a_full_redis_refuses_and_has_what_it_had(
    two: tuple[RedisWarnings, RedisWarnings], redis: RedisServer
) -> None:
    first, client = two[0], redis.client()
    holds(first)
    first.commit(1, 0, (QUARTER, b"board"), NOW)
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(RedisError, match="maxmemory"):
            first.commit(1, QUARTER, (QUARTER + 1, b"more"), NOW)
    finally:
        client.config_set("maxmemory", "0")
    assert first.board() == b"board"


def test_the_rights_that_the_documentation_gives_are_enough(
    redis: RedisServer, two: tuple[RedisWarnings, RedisWarnings]
) -> None:
    text = (ROOT / "docs/many-nodes.md").read_text(encoding="utf-8")
    rights = re.search(r"`(~mt:\{mailtriage\}:\* [^`]*)`", text)
    assert rights is not None
    redis.client().execute_command("ACL", "SETUSER", "few", "on", ">word", *rights[1].split())
    url = redis.bare_url.replace("redis://", "redis://few:word@")
    place = Place(url, None, "mailtriage", fingerprint(TOKENS))
    with closing(RedisWarnings(RedisLink(place, 5.0), "mx3", "mx3.1")) as node:
        node.look()
        data = to_bytes({PARCEL: Counts(1, 1)})
        node.tell([(QUARTER, data)], QUARTER, 1, NOW, {"started topic parcel": QUARTER})
        holds(node)
        many = [owed(number, NOW + number) for number in range(MOST_OWED + 1)]
        assert node.commit(1, 0, (1, b"b"), NOW, owed=many, sent=["x:mail"], forget=["mx9"])
        assert node.commit(1, 1, (2, b"b"), NOW + 30 * 86_400, sent=["y:mail"])
        assert node.counts([QUARTER])
        assert (node.board(), bool(node.alone()), bool(node.owed())) == (b"b", True, True)
        node.attempted(owed(1), None, NOW)
        node.attempted(owed(2), NOW + 1.0, NOW)
        assert node.begin_anew(1, NOW)
        node.leave(Lease(node.holder, 0, 1))
