"""From counts of a quarter of an hour to what is told, by one of many nodes."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.insight.counts import Counts, Series
from mailtriage.insight.evaluator import (
    GRACE,
    HEARD,
    LEASE,
    LONGEST_GAP,
    PATIENCE,
    QUARTER,
    SETTLE,
    Board,
    Finding,
    Lease,
    Teller,
    alert,
    claim,
    complete,
    duty,
    evaluate,
    may_write,
    release,
)
from mailtriage.insight.profile import Week
from mailtriage.insight.surge import ON
from mailtriage.insight.surge_bytes import to_bytes
from tests.insight.surge_simulation import FIRST_HOUR, writer_bit

FIRST = FIRST_HOUR * 4
BILLING, SV = Series("skill", "billing"), Series("language", "sv")
RISES = FIRST + 20 * 96 + 40
"""The quarter in which mail about invoices rises to three times as much."""


def counts_of(quarter: int) -> Mapping[Series, Counts]:
    """One mail a quarter in working hours, every mail of another writer; one skill, one language."""
    clock = quarter // 4 % 24
    mails = 0 if not 8 <= clock < 18 else 3 if quarter >= RISES else 1
    bits = 0
    for each in range(mails):
        bits |= 1 << writer_bit(quarter * 3 + each)
    found = {BILLING: Counts(mails, bits)} if mails else {}
    return {**found, SV: Counts(mails, bits)}


def board() -> Board:
    return Board(Week(ZoneInfo("UTC")), FIRST_HOUR)


def after(quarter: int) -> int:
    """The moment at which a quarter can be evaluated."""
    return (quarter + 1) * QUARTER + GRACE


def started(findings: list[Finding]) -> list[tuple[int, Series]]:
    return [(each.quarter, each.series) for each in findings if each.reading.event == "started"]


def in_steps(one: Board, first: int, last: int, step: int) -> list[Finding]:
    findings = []
    for quarter in [*range(first, last, step), last]:
        findings += evaluate(one, counts_of, after(quarter))
    return findings


def test_a_rise_is_found_in_skill_and_language_at_once() -> None:
    findings = in_steps(board(), FIRST, RISES + 40, 96)
    assert [series for _, series in started(findings)] == [SV, BILLING]
    assert all(RISES <= quarter <= RISES + 16 for quarter, _ in started(findings))


def test_a_quarter_is_evaluated_when_it_is_over_and_once() -> None:
    one = board()
    assert evaluate(one, counts_of, after(FIRST) - 1) == []
    assert [each.series for each in evaluate(one, counts_of, after(FIRST))] == [SV]
    assert evaluate(one, counts_of, after(FIRST)) == []


def test_catching_up_finds_what_going_along_would_have_found() -> None:
    along, later = board(), board()
    one = in_steps(along, FIRST, RISES + 40, 1)
    other = in_steps(later, FIRST, RISES + 40, 37)
    assert started(one) == started(other)
    assert {s: to_bytes(each) for s, each in along.states.items()} == {
        s: to_bytes(each) for s, each in later.states.items()
    }
    assert along.profile.to_bytes() == later.profile.to_bytes()
    assert along.budget == later.budget


def test_what_is_too_old_is_left_out() -> None:
    asked = []

    def counts(quarter: int) -> Mapping[Series, Counts]:
        asked.append(quarter)
        return counts_of(quarter)

    one = board()
    evaluate(one, counts, after(FIRST))
    evaluate(one, counts, after(FIRST + 5000))
    assert asked[0] == FIRST
    assert LONGEST_GAP - 4 < len(asked) - 1 <= LONGEST_GAP
    assert asked[1] % 4 == 0  # the beginning of an hour
    assert asked[-1] == FIRST + 5000


def test_a_surge_is_no_part_of_the_profile() -> None:
    calm, risen = board(), board()
    in_steps(calm, FIRST, RISES - 1, 96)
    in_steps(risen, FIRST, RISES + 60, 96)
    at = calm.week.bin(RISES // 4 + 5)
    assert risen.profile.shape()[at] == pytest.approx(calm.profile.shape()[at], rel=0.15)


def test_every_alert_is_in_the_budget() -> None:
    one = board()
    in_steps(one, FIRST, RISES + 40, 96)
    assert {each.series for each in one.budget.alerts} == {SV, BILLING}
    assert one.budget.raises == ()


def test_a_finding_becomes_an_alert_with_what_is_known_of_its_mails() -> None:
    findings = in_steps(board(), FIRST, RISES + 40, 96)
    begun = next(each for each in findings if each.reading.event == "started")
    told = alert(begun, (("sv", 9),), ("två gånger",), ("4ABC123",))
    assert told is not None
    assert told.series == SV
    assert told.observed > 1.5 * told.expected
    assert told.since.timestamp() <= RISES * QUARTER + 3600
    assert told.queue_ids == ("4ABC123",)
    calm = next(each for each in findings if not each.reading.event)
    assert alert(calm) is None
    assert begun.reading.threshold == ON


NODES = ("mx1", "mx2", "mx3")


def test_the_first_node_takes_the_lease_and_keeps_it() -> None:
    lease = claim(None, "mx1", 1000)
    assert lease == Lease("mx1", 1000 + LEASE, 1)
    assert claim(lease, "mx2", 1000 + LEASE) is None
    assert claim(lease, "mx1", 1060) == Lease("mx1", 1060 + LEASE, 1)


def test_when_the_holder_is_gone_another_takes_over_in_a_new_term() -> None:
    lease = Lease("mx1", 1000, 7)
    taken = claim(lease, "mx2", 1006)
    assert taken == Lease("mx2", 1006 + LEASE, 8)
    assert not may_write(taken, "mx1", 7, 1007)
    assert may_write(taken, "mx2", 8, 1007)


def test_a_holder_that_slept_past_its_lease_comes_back_in_a_new_term() -> None:
    """What it had begun to reckon before must not be stored over what another one did meanwhile."""
    taken = claim(Lease("mx1", 1000, 7), "mx1", 2000)
    assert taken is not None
    assert taken.term == 8
    assert not may_write(taken, "mx1", 7, 2000)


def test_who_stops_lets_the_next_one_in_at_once() -> None:
    lease = release(Lease("mx1", 2000, 7), "mx1", 1500)
    assert claim(lease, "mx2", 1500) == Lease("mx2", 1500 + LEASE, 8)
    assert release(lease, "mx3", 1500) == lease


def test_the_duties_of_a_node() -> None:
    lease, quarter = Lease("mx1", 10 * QUARTER + GRACE + 100, 1), 9
    now = after(quarter)
    assert duty(lease, "mx1", now, done=8) == "evaluate"
    assert duty(lease, "mx1", now, done=9) == "wait"
    assert duty(lease, "mx1", lease.until - 10, done=9) == "renew"
    assert duty(lease, "mx2", now, done=8) == "wait"
    assert duty(lease, "mx2", lease.until + 60, done=8) == "renew"
    assert duty(None, "mx2", now, done=8) == "renew"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 200), st.integers(-2, 2)), max_size=40))
def test_never_do_two_nodes_write_in_the_same_term(steps: list[tuple[int, int, int]]) -> None:
    """Nodes come at any time, with clocks that are off by two seconds, and claim what they can."""
    lease: Lease | None = None
    holders: dict[int, str] = {}
    now = 1_000_000
    for node, pause, skew in steps:
        now += pause
        claimed = claim(lease, NODES[node], now + skew)
        if claimed is not None:
            if lease is not None and claimed.holder != lease.holder:
                assert now > lease.until  # by the true clock the other one's time was over
            lease = claimed
            assert holders.setdefault(lease.term, lease.holder) == lease.holder


def test_a_new_holder_waits_until_all_have_had_time_to_tell() -> None:
    now = after(9)
    assert complete([Teller(9, now)], now - SETTLE + 1, now) == 0
    assert complete([Teller(9, now)], now - SETTLE, now) == 9


def test_a_quarter_is_complete_when_every_node_that_is_there_has_told_it() -> None:
    now = after(9)
    there, owing = Teller(9, now), Teller(8, now - 30)
    assert complete([there], 0, now) == 9
    assert complete([there, owing], 0, now) == 8
    assert complete([there, Teller(10, now)], 0, now) == 9


def test_a_node_that_is_gone_or_never_tells_is_not_waited_for() -> None:
    now = after(9)
    assert complete([Teller(9, now), Teller(8, now - HEARD)], 0, now) == 9
    much_later = after(9) + PATIENCE
    assert complete([Teller(8, much_later)], 0, much_later) == (much_later - GRACE) // QUARTER - 1
