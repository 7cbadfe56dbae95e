"""What answers teach: Kaplan-Meier by hand, what is recent counts more, sums are only added up."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.insight.replies import (
    BUCKETS,
    EDGES,
    EMPTY,
    HALF_LIFE,
    HIGHEST,
    LOWEST,
    RATIO,
    USUALLY_NEEDS,
    Cell,
    answered,
    bucket,
    chances,
    estimated,
    given_up,
    quantile,
    share_with_answer,
    survival,
    weight,
    with_open,
)

NOW = 1_795_500_000.0
DAY = 86_400.0


def cell_of(*quotients: float, at: float = NOW) -> Cell:
    return sum((answered(each, at) for each in quotients), EMPTY)


def test_the_example_of_kaplan_and_meier() -> None:
    """JASA 53 (1958), page 463: eight items, of which those at 1.0, 2.7, 7.0 and 12.1 are lost."""
    #         0.8 1.0 2.7 3.1 5.4 7.0 9.2 12.1
    died = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0]
    lost = [1 - each for each in died]
    expected = [7 / 8, 7 / 8, 7 / 8, 7 / 10, 21 / 40, 21 / 40, 21 / 80, 21 / 80]
    assert survival(died, lost) == pytest.approx(expected)


def test_the_example_of_the_textbooks() -> None:
    """6-mercaptopurine in leukaemia, Freireich and others, Blood 21 (1963): weeks in remission."""
    weeks = [6, 7, 9, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 34, 35]
    ended = {6: 3.0, 7: 1.0, 10: 1.0, 13: 1.0, 16: 1.0, 22: 1.0, 23: 1.0}
    still = {6: 1.0, 9: 1.0, 10: 1.0, 11: 1.0, 17: 1.0, 19: 1.0, 20: 1.0, 25: 1.0, 32: 2.0, 34: 1.0, 35: 1.0}  # fmt: skip
    curve = survival([ended.get(each, 0.0) for each in weeks], [still.get(each, 0.0) for each in weeks])  # fmt: skip
    found = dict(zip(weeks, curve, strict=True))
    expected = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {week: found[week] for week in expected} == pytest.approx(expected, abs=5e-4)


def test_weights_stand_for_numbers() -> None:
    """Two of weight 1.5 are like three; by hand: 1 - 1.5/4 and that times 1 - 1/1."""
    assert survival([1.5, 0.0, 1.0], [0.0, 1.5, 0.0]) == pytest.approx([0.625, 0.625, 0.0])


def test_nothing_known_and_nothing_answered() -> None:
    assert survival(EMPTY.events, EMPTY.censored) == [1.0] * BUCKETS
    assert quantile(EMPTY, 0.8) == math.inf
    only_open = with_open(EMPTY, [0.5, 2.0], NOW, EMPTY)
    assert quantile(only_open, 0.8) == math.inf


def test_without_open_mails_the_curve_counts_answers() -> None:
    events = [2.0, 3.0, 5.0]
    assert survival(events, [0.0] * 3) == pytest.approx([0.8, 0.5, 0.0])


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.booleans(), st.floats(0.1, 9.0)), min_size=1, max_size=40
    )
)
def test_the_curve_of_buckets_is_that_of_single_mails(rows: list[tuple[int, bool, float]]) -> None:
    events, censored = [0.0] * 10, [0.0] * 10
    for number, done, heavy in rows:
        (events if done else censored)[number] += heavy
    left, expected = 1.0, []
    for number in range(10):
        at_risk = sum(heavy for each, _, heavy in rows if each >= number)
        now = sum(heavy for each, done, heavy in rows if each == number and done)
        left *= 1 - now / at_risk if at_risk else 1.0
        expected.append(left)
    assert survival(events, censored) == pytest.approx(expected, abs=1e-9)


def test_buckets_are_geometric_and_leave_nothing_out() -> None:
    assert len(EDGES) == BUCKETS == 48
    assert (EDGES[0], EDGES[-1]) == (LOWEST, HIGHEST)
    assert pytest.approx(1.18, abs=0.01) == RATIO
    assert all(b / a == pytest.approx(RATIO) for a, b in pairwise(EDGES))
    assert bucket(0.0) == bucket(LOWEST) == 0
    assert bucket(LOWEST * 1.001) == 1
    assert bucket(HIGHEST) == bucket(1e9) == bucket(math.inf) == BUCKETS - 1
    assert [bucket(edge) for edge in EDGES] == list(range(BUCKETS))


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_the_quantile_lies_within_a_bucket_of_the_true_one(share: float) -> None:
    quotients = [0.05 * 1.01**number for number in range(600)]
    true = quotients[int(share * 600) - 1]
    assert quantile(cell_of(*quotients), share) == pytest.approx(true, rel=0.03)


def test_between_the_edges_of_a_bucket_it_is_interpolated() -> None:
    edge = EDGES[20]
    assert quantile(cell_of(*[edge] * 10), 0.8) == pytest.approx(edge * RATIO**-0.2)


def test_ten_days_make_an_answer_half() -> None:
    assert weight(NOW + HALF_LIFE) / weight(NOW) == pytest.approx(2.0)
    assert HALF_LIFE == 10 * DAY
    # One of ten days ago and one of today: today's is two of three.
    cell = answered(1.0, NOW - 10 * DAY) + answered(4.0, NOW)
    curve = survival(cell.events, cell.censored)
    assert curve[bucket(1.0)] == pytest.approx(2 / 3)


def test_what_has_become_slower_is_believed_soon() -> None:
    cell = cell_of(*[1.0] * 100, at=NOW - 40 * DAY) + cell_of(*[5.0] * 40, at=NOW)
    assert quantile(cell, 0.8) > 4.0
    assert quantile(cell_of(*[1.0] * 100) + cell_of(*[5.0] * 10), 0.8) < 1.1


def test_no_clock_makes_weights_that_cannot_be_counted() -> None:
    for at in (-1e12, 0.0, 1e12):
        assert 0.0 < weight(at) < math.inf
        assert cell_of(1.0, at=at).to_bytes()


def test_a_clock_that_ran_ahead_is_noticed() -> None:
    good, wrong = cell_of(*[1.0] * 30), cell_of(*[9.0] * 30, at=NOW + 400 * DAY)
    assert good.plausible(NOW)
    assert good.plausible(NOW + 3 * 365 * DAY)
    for poisoned in (wrong, good + wrong, given_up(NOW + 400 * DAY), estimated(60, NOW + 4e7)):
        assert not poisoned.plausible(NOW)
        assert not poisoned.known(NOW)


def test_twenty_answers_are_known_as_long_as_they_are_fresh() -> None:
    assert not cell_of(*[1.0] * 19).known(NOW)
    assert cell_of(*[1.0] * 20).known(NOW)
    assert cell_of(*[1.0] * 20).known(NOW + 19 * DAY)
    assert not cell_of(*[1.0] * 20).known(NOW + 21 * DAY)  # they weigh 20 / 4 no more
    every_two_days = sum((answered(1.0, NOW - 2 * DAY * each) for each in range(40)), EMPTY)
    assert every_two_days.known(NOW)
    once_a_week = sum((answered(1.0, NOW - 7 * DAY * each) for each in range(40)), EMPTY)
    assert not once_a_week.known(NOW)


def test_open_mails_make_a_promise_longer() -> None:
    cell = cell_of(*[0.5] * 50, *[1.0] * 30, *[2.0] * 20)
    longer = with_open(cell, [0.8] * 40, NOW, cell)
    assert quantile(longer, 0.8) > quantile(cell, 0.8)


def test_the_older_an_open_mail_the_less_it_needs_an_answer() -> None:
    cell = cell_of(*[0.5] * 50, *[1.0] * 30, *[2.0] * 20)
    found = chances(cell, NOW)
    share = share_with_answer(cell, NOW)
    assert found[0] == pytest.approx(share)
    assert all(b <= a for a, b in pairwise(found))
    # By hand, one estimate old: between 1/2 and 1/5 of those with an answer have none yet.
    left = (0.5 + 0.2) / 2
    assert found[bucket(1.0)] == pytest.approx(share * left / (share * left + 1 - share))
    assert found[-1] == 0.0  # whatever was answered was so sooner


def test_mails_that_never_get_an_answer_do_not_lead_to_infinity() -> None:
    """One in eight is like that, and stays open until it is given up."""
    cell = cell_of(*[0.5] * 700, *[1.0] * 300)
    for _ in range(10):
        cell = with_open(cell, [0.2] * 10 + [3.0 + 0.2 * each for each in range(140)], NOW, cell)
    assert quantile(cell, 0.8) < 1.1
    assert share_with_answer(cell, NOW) == pytest.approx(0.88, abs=0.02)


def test_how_many_need_an_answer_is_counted() -> None:
    assert share_with_answer(EMPTY, NOW) == USUALLY_NEEDS
    cell = cell_of(*[1.0] * 600) + sum((given_up(NOW) for _ in range(400)), EMPTY)
    assert share_with_answer(cell, NOW) == pytest.approx(0.6, abs=0.01)
    assert share_with_answer(cell_of(*[1.0] * 10_000), NOW) < 1.0


def test_looking_again_replaces_what_was_open() -> None:
    once = with_open(cell_of(*[1.0] * 9), [0.1, 5.0], NOW, EMPTY)
    assert with_open(once, [0.1, 5.0], NOW, EMPTY) == once
    assert with_open(once, [], NOW, EMPTY) == cell_of(*[1.0] * 9)


def filled(some: dict[int, float]) -> Cell:
    return Cell.from_numbers(some.get(place, 0.0) for place in range(len(EMPTY.numbers())))


cells = st.dictionaries(
    st.integers(0, len(EMPTY.numbers()) - 1), st.floats(0, 1e12), max_size=8
).map(filled)


@given(cells, cells, cells)
def test_cells_are_added_in_any_order(a: Cell, b: Cell, c: Cell) -> None:
    assert ((a + b) + c).numbers() == pytest.approx((a + (b + c)).numbers())
    assert (a + b) == (b + a)
    assert a + EMPTY == a


@given(st.lists(st.tuples(st.floats(0.01, 80), st.floats(0, 90)), max_size=30), st.integers(0, 30))
def test_two_servers_know_as_much_as_one(answers: list[tuple[float, float]], cut: int) -> None:
    events = [answered(quotient, NOW - age * DAY) for quotient, age in answers]
    one, left, right = (
        sum(each, EMPTY) for each in (events, events[:cut], events[cut:])
    )  # fmt: skip
    assert (left + right).numbers() == pytest.approx(one.numbers())


@given(cells)
def test_what_is_kept_is_read_again(cell: Cell) -> None:
    assert Cell.from_bytes(cell.to_bytes()) == cell
    assert Cell.from_numbers(cell.numbers()) == cell


def test_the_size_does_not_grow() -> None:
    assert len(cell_of(*[0.1 * each for each in range(500)]).to_bytes()) == len(EMPTY.to_bytes())
    assert len(EMPTY.to_bytes()) == 809


@given(st.binary(max_size=1000))
def test_other_bytes_are_refused(kept: bytes) -> None:
    with pytest.raises(ValueError, match="not a cell of answers"):
        Cell.from_bytes(kept)


@pytest.mark.parametrize("number", [math.nan, math.inf, -1.0])
@pytest.mark.parametrize("place", [0, 3, 5, 100])
def test_sums_that_are_none_are_refused(number: float, place: int) -> None:
    numbers = list(EMPTY.numbers())
    numbers[place] = number
    with pytest.raises(ValueError, match="not a cell of answers"):
        Cell.from_numbers(numbers)


def test_cut_off_or_of_another_version() -> None:
    kept = EMPTY.to_bytes()
    for wrong in (b"", kept[:-1], kept + b"\0", bytes([2]) + kept[1:]):
        with pytest.raises(ValueError, match="not a cell of answers"):
            Cell.from_bytes(wrong)
