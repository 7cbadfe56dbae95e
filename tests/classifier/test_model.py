"""What the model says of a mail: sums of weights, a temperature, shares."""

import math

import pytest

from mailtriage.classifier.features import Text
from mailtriage.classifier.model import Opinion, softmax
from tests.classifier.tiny import INVOICE, PARCEL, tiny


def test_a_word_speaks_for_its_label() -> None:
    opinion = tiny().opinions(PARCEL)["skill"]
    assert opinion.margins == pytest.approx((-10 * 0.02 + 0.1, 100 * 0.02), abs=1e-6)
    assert opinion.probability("delivery") > 0.8


def test_a_signal_counts_a_quarter_whatever_else_is_there() -> None:
    plain, hit = Text(b" parcel "), Text(b" parcel ", "", ("billing-word",))
    before, after = (tiny().opinions(text)["skill"].margin("billing") for text in (plain, hit))
    assert after - before == pytest.approx(0.25 * 40 * 0.02, abs=1e-6)


def test_nothing_known_leaves_the_bias() -> None:
    assert tiny().opinions(Text(b" qqq "))["skill"].margins == pytest.approx((0.1, 0.0), abs=1e-6)


def test_temperature_makes_it_less_sure_and_never_changes_its_mind() -> None:
    for text in (PARCEL, INVOICE):
        sharp, mild = (tiny(degrees).opinions(text)["skill"] for degrees in (0.5, 2.0))
        assert max(sharp.probabilities) > max(mild.probabilities) > 0.5
        assert sharp.margins[0] / mild.margins[0] == pytest.approx(4.0)


def test_shares_sum_up_to_one_even_of_huge_margins() -> None:
    assert math.fsum(softmax((1000.0, 999.0, -1000.0))) == pytest.approx(1.0)
    assert softmax((0.0, 0.0)) == (0.5, 0.5)


def test_a_label_that_it_does_not_know_has_no_probability_and_no_margin() -> None:
    opinion = Opinion(("billing", "delivery"), (0.0, 1.0))
    assert opinion.probability("returns") == 0.0
    with pytest.raises(ValueError, match="not in tuple"):
        opinion.margin("returns")


def test_labels_of_a_facet() -> None:
    assert tiny().labels("skill") == ("billing", "delivery")
    assert tiny().labels("mood") == ()


def test_signals_that_it_was_not_trained_with() -> None:
    assert tiny().unknown(["billing-word", "own-word", "delivery-word"]) == {"own-word"}
    assert tiny().unknown([]) == frozenset()
