"""The measures, against figures worked out by hand."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.evaluation.measures import (
    calibration_error,
    f1,
    f1_interval,
    folded,
    macro_f1,
    macro_f1_interval,
    mean_interval,
    reliability,
    token_f1,
    wilson,
)

CHURN = Counter({("high", "high"): 2, ("high", "low"): 1, ("low", "high"): 2, ("low", "low"): 5})
"""High: TP 2, FN 1, FP 2. Low: TP 5, FN 2, FP 1."""


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        # (0.8 + 3.8415/20 ± 1.96·√(0.16/10 + 3.8415/400)) / (1 + 3.8415/10)
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (263, 360, 0.6825, 0.7738),
    ],
)
def test_wilson(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=0.0001)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_share_lies_in_its_interval_and_that_within_0_and_1(counts: tuple[int, int]) -> None:
    right, n = counts
    low, high = wilson(right, n)
    assert 0.0 <= low <= right / n <= high <= 1.0
    wrong_low, wrong_high = wilson(n - right, n)
    assert (1 - wrong_high, 1 - wrong_low) == pytest.approx((low, high))


@pytest.mark.parametrize(("right", "n"), [(0, 0), (2, 1), (-1, 5)])
def test_wilson_of_no_share(right: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"{right} of {n} is no share"):
        wilson(right, n)


def test_f1_of_one_label() -> None:
    assert f1(CHURN, "high") == pytest.approx(2 * 2 / (2 * 2 + 2 + 1))
    assert f1(CHURN, "low") == pytest.approx(2 * 5 / (2 * 5 + 1 + 2))
    assert math.isnan(f1(CHURN, "medium")), "nobody expected it, nobody said it"
    assert f1(Counter({("a", "b"): 3}), "b") == 0.0


def test_macro_f1_is_the_plain_mean() -> None:
    assert macro_f1(CHURN) == pytest.approx((4 / 7 + 10 / 13) / 2)
    assert macro_f1(Counter({("a", "a"): 5})) == 1.0


def test_a_label_that_is_given_and_never_expected_counts_as_0() -> None:
    assert macro_f1(Counter({("a", "a"): 1, ("a", "c"): 1})) == pytest.approx((2 / 3 + 0) / 2)


def test_a_bootstrap_gives_the_same_interval_each_time_in_whatever_order_the_counts_come() -> None:
    first = (f1_interval(CHURN, "high"), macro_f1_interval(CHURN))
    again = Counter(dict(reversed(CHURN.items())))
    assert (f1_interval(again, "high"), macro_f1_interval(again)) == first
    values = [0.2, 0.9, 1.0, 0.4]
    assert mean_interval(values) == mean_interval(values)


def test_the_bootstrap_of_counts_is_that_of_mails_drawn_one_by_one() -> None:
    mails = [pair for pair, count in CHURN.items() for _ in range(count * 10)]
    draw = random.Random(1)
    by_hand = sorted(f1(Counter(draw.choices(mails, k=len(mails))), "high") for _ in range(1000))
    low, high = f1_interval(Counter(mails), "high")
    assert (low, high) == pytest.approx((by_hand[25], by_hand[975]), abs=0.03)


def test_an_interval_surrounds_its_figure_and_narrows_as_the_mails_become_more() -> None:
    few = macro_f1_interval(CHURN)
    many = macro_f1_interval(Counter({pair: 100 * count for pair, count in CHURN.items()}))
    for low, high in (few, many):
        assert low < macro_f1(CHURN) < high
    assert many[1] - many[0] < (few[1] - few[0]) / 5


def test_where_all_are_right_the_bootstrap_knows_no_doubt() -> None:
    assert macro_f1_interval(Counter({("a", "a"): 4, ("b", "b"): 6})) == (1.0, 1.0)


def test_draws_without_the_label_are_left_out() -> None:
    low, high = f1_interval(Counter({("high", "high"): 1, ("low", "low"): 9}), "high")
    assert (low, high) == (1.0, 1.0), "a third of the draws has no high at all"


def test_the_interval_of_a_mean() -> None:
    low, high = mean_interval([0.0, 1.0] * 50)
    # 0.5 ± 1.96 · 0.5 / √100
    assert (low, high) == pytest.approx((0.402, 0.598), abs=0.02)
    assert mean_interval([0.7]) == pytest.approx((0.7, 0.7))


def test_calibration_error() -> None:
    bins = reliability([(0.95, True), (0.95, True), (0.95, False), (0.55, True)])
    assert [entry.n for entry in bins] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 3]
    assert (bins[9].confidence, bins[9].right) == pytest.approx((0.95, 2 / 3))
    # 3/4 · |2/3 - 0.95| + 1/4 · |1 - 0.55|
    assert calibration_error(bins) == pytest.approx(0.75 * 0.28333333 + 0.25 * 0.45)


def test_what_is_said_with_70_percent_and_is_right_7_times_in_10_is_no_error() -> None:
    bins = reliability([(0.7, number < 7) for number in range(10)])
    assert calibration_error(bins) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("confidence", "number"),
    [(0.0, 0), (0.05, 0), (0.1, 1), (0.3, 3), (0.7999999999999999, 8), (0.99, 9), (1.0, 9)],
)
def test_each_bin_begins_with_its_lower_bound_and_the_last_has_1(
    confidence: float, number: int
) -> None:
    bins = reliability([(confidence, True)])
    assert [entry.n for entry in bins].index(1) == number
    assert (bins[number].low, bins[number].high) == (number / 10, (number + 1) / 10)


def test_of_no_answers_there_is_no_calibration() -> None:
    assert math.isnan(calibration_error(reliability([])))


def test_token_f1() -> None:
    # "a" and one "b" in common: 2 · 2 / (4 + 3)
    assert token_f1("a b b c", "a b\nd") == pytest.approx(4 / 7)
    assert (token_f1("", " "), token_f1("a", ""), token_f1("", "a")) == (1.0, 0.0, 0.0)


def test_folding() -> None:
    assert folded(" Hej,\r\n\n  du\u00a0\t") == "Hej, du"


def test_numpy_is_not_left_in_the_results() -> None:
    assert type(f1(CHURN, "high")) is type(macro_f1(CHURN)) is float
    assert not any(isinstance(bound, np.generic) for bound in macro_f1_interval(CHURN))
