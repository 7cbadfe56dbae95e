"""Alerts that come too often make the noisiest series quieter, and never silent."""

import pytest

from mailtriage.insight.budget import (
    A_WEEK,
    MOST_RAISES,
    Budget,
    alerted,
    from_rows,
    not_a_surge,
    threshold,
    to_rows,
)
from mailtriage.insight.counts import Series
from mailtriage.insight.surge import ON

DAY = 86400
REFUND, PARCEL = Series("topic", "refund"), Series("topic", "parcel")


def after(*alerts: tuple[int, Series]) -> Budget:
    budget = Budget()
    for day, series in alerts:
        budget = alerted(budget, series, day * DAY)
    return budget


def test_within_the_budget_nothing_changes() -> None:
    budget = after((0, REFUND), (1, REFUND))
    assert threshold(budget, REFUND, 2 * DAY) == ON


def test_one_more_than_the_budget_makes_the_noisiest_quieter() -> None:
    budget = after((0, REFUND), (1, REFUND), (2, PARCEL))
    assert threshold(budget, REFUND, 3 * DAY) == ON + 1
    assert threshold(budget, PARCEL, 3 * DAY) == ON


def test_of_equals_the_one_that_spoke_last() -> None:
    budget = after((0, REFUND), (1, PARCEL), (2, REFUND), (3, PARCEL))
    assert threshold(budget, PARCEL, 4 * DAY) == ON + 1


def test_alerts_of_a_week_ago_do_not_count() -> None:
    budget = after((0, REFUND), (4, REFUND), (8, REFUND))
    assert threshold(budget, REFUND, 9 * DAY) == ON


def test_a_raise_ends_after_a_fortnight() -> None:
    budget = after((0, REFUND), (1, REFUND), (2, REFUND))
    assert threshold(budget, REFUND, 16 * DAY - 1) == ON + 1
    assert threshold(budget, REFUND, 16 * DAY) == ON


def test_several_that_begin_at_once_are_one_mail_and_one_of_the_budget() -> None:
    """An outage raises its topic, its skill and its language in the same quarter of an hour."""
    skill, language = Series("skill", "billing"), Series("language", "sv")
    budget = after((0, REFUND), (0, skill), (0, language), (1, PARCEL))
    assert {threshold(budget, each, 2 * DAY) for each in (REFUND, skill, language, PARCEL)} == {ON}


def test_not_a_surge_does_the_same_as_an_alert_too_many() -> None:
    budget = not_a_surge(Budget(), PARCEL, 0)
    assert threshold(budget, PARCEL, DAY) == ON + 1
    assert threshold(budget, REFUND, DAY) == ON


def test_a_noisy_series_never_falls_silent() -> None:
    budget = Budget()
    for _ in range(100):
        budget = not_a_surge(budget, REFUND, 0)
    assert threshold(budget, REFUND, DAY) == ON + MOST_RAISES


def test_it_keeps_no_more_than_it_needs() -> None:
    budget = Budget()
    for hour in range(5000):
        budget = alerted(budget, Series("topic", f"t{hour % 50}"), hour * 3600)
    assert len(budget.alerts) <= 14 * 24
    assert len(budget.raises) <= 1000


def test_it_survives_its_rows_in_any_order() -> None:
    budget = after((0, REFUND), (1, PARCEL), (2, REFUND), (3, REFUND))
    assert from_rows(reversed(to_rows(budget))) == budget
    assert budget.a_week == A_WEEK


@pytest.mark.parametrize("row", [("alarm", 0, "topic", "x"), ("alert", 0, "person", "x")])
def test_foreign_rows_are_refused(row: tuple[str, int, str, str]) -> None:
    with pytest.raises(ValueError, match="no such row"):
        from_rows([row])
