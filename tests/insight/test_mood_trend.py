"""How the mood of customers changes over a conversation."""

import pytest

from mailtriage.insight.mood_trend import Trend, trend, trends

START, END = 100.0, 200.0


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("negative", "neutral", Trend.BETTER),
        ("negative", "positive", Trend.BETTER),
        ("neutral", "neutral", Trend.SAME),
        ("positive", "neutral", Trend.WORSE),
        ("neutral", "negative", Trend.WORSE),
        ("", "negative", None),
        ("neutral", "furious", None),
    ],
)
def test_moods_make_a_scale(first: str, last: str, found: Trend | None) -> None:
    assert trend(first, last) == found


def test_the_first_and_the_last_mood_count_and_nothing_between() -> None:
    course = [(110.0, "neutral"), (120.0, "negative"), (130.0, "positive")]
    assert trends([course], START, END) == {Trend.BETTER: 1}


def test_one_mail_is_no_course() -> None:
    assert not trends([[(110.0, "negative")], []], START, END)


def test_a_mail_without_a_mood_is_passed_over() -> None:
    course = [(110.0, ""), (120.0, "negative"), (130.0, "positive"), (140.0, "")]
    assert trends([course], START, END) == {Trend.BETTER: 1}


def test_a_conversation_counts_where_its_last_mail_came_as_it_stood_then() -> None:
    course = [(50.0, "negative"), (150.0, "neutral"), (250.0, "negative")]
    assert trends([course], START, END) == {Trend.BETTER: 1}
    assert trends([course], END, 300.0) == {Trend.SAME: 1}
    assert not trends([course], 300.0, 400.0)
