"""The share of satisfied customers, and how sure it is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.insight.csat import ENOUGH, Satisfaction, satisfaction, wilson

# Brown, Cai and DasGupta (2001), and computed anew by the formula of Wilson's paper.
PUBLISHED = [
    (0, 10, 0.0, 0.2775),
    (5, 10, 0.2366, 0.7634),
    (10, 10, 0.7225, 1.0),
    (81, 263, 0.2553, 0.3662),
]


@pytest.mark.parametrize(("hits", "total", "low", "high"), PUBLISHED)
def test_the_interval_is_wilsons(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_a_share(votes: tuple[int, int]) -> None:
    low, high = wilson(*votes)
    share = votes[0] / votes[1]
    assert 0.0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1.0


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_four_and_five_are_satisfied_and_who_did_not_answer_does_not_count() -> None:
    tally = [("billing", 0, 60), ("billing", 5, 20), ("billing", 4, 10), ("billing", 3, 5),
             ("billing", 1, 5), ("billing", -1, 3), ("delivery", 2, 1)]  # fmt: skip
    found = satisfaction(tally)
    assert found["billing"] == Satisfaction(asked=103, answered=40, satisfied=30, void=3)
    assert found["billing"].share == 0.75
    assert found["billing"].interval == wilson(30, 40)
    assert found["delivery"] == Satisfaction(asked=1, answered=1)


@pytest.mark.parametrize(("votes", "told"), [(ENOUGH - 1, False), (ENOUGH, True)])
def test_no_share_is_given_of_a_handful_of_votes(votes: int, told: bool) -> None:
    (found,) = satisfaction([("billing", 5, votes)]).values()
    assert math.isnan(found.share) is not told
