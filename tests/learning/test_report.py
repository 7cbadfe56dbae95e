"""The figures of a cross-validation, on answers few enough to be counted by hand."""

import numpy as np
import pytest

from mailtriage.learning.report import Answer, answers, compare, figures
from mailtriage.learning.texts import Lesson

RIGHT_AND_WRONG = [
    ("cats", "cats", 0.9),
    ("cats", "cats", 0.8),
    ("cats", "dogs", 0.6),
    ("dogs", "dogs", 0.7),
    ("dogs", "birds", 0.3),
]
"""Expected, got, confidence. Nobody taught "birds" here."""


def given(*said: tuple[str, str, float]) -> list[Answer]:
    return [Answer(number, *one) for number, one in enumerate(said)]


def test_accuracy_and_the_table_a_label() -> None:
    found = figures("skill", given(*RIGHT_AND_WRONG))
    assert found.n == 5
    assert found.accuracy == pytest.approx(3 / 5)
    table = {entry.label: entry for entry in found.labels}
    assert set(table) == {"cats", "dogs"}
    assert (table["cats"].precision, table["cats"].recall) == (1.0, pytest.approx(2 / 3))
    assert (table["dogs"].precision, table["dogs"].recall) == (0.5, 0.5)


def test_macro_f1_is_the_mean_over_the_labels_that_were_taught() -> None:
    found = figures("skill", given(*RIGHT_AND_WRONG))
    assert found.macro_f1 == pytest.approx((0.8 + 0.5) / 2)
    low, high = found.macro_f1_interval
    assert low < found.macro_f1 < high


def test_the_surest_ones() -> None:
    found = figures("skill", given(*RIGHT_AND_WRONG))
    assert found.coverage == ((0.9, 0.75), (0.8, 0.75), (0.7, 0.75))
    surest = given(*[("a", "a", 0.9)] * 7, *[("a", "b", 0.2)] * 3)
    assert figures("skill", surest).coverage[-1] == (0.7, 1.0)


def test_confidence_that_keeps_its_word_has_no_error() -> None:
    honest = given(*[("a", "a", 0.75)] * 3, ("a", "b", 0.75))
    assert figures("skill", honest).calibration_error == pytest.approx(0.0)
    boasting = given(*[("a", "a", 1.0)] * 3, ("a", "b", 1.0))
    assert figures("skill", boasting).calibration_error == pytest.approx(0.25)


def test_the_most_confused_pairs_come_first() -> None:
    said = given(("a", "b", 0.5), ("a", "b", 0.5), ("b", "a", 0.5), ("a", "a", 0.5))
    assert figures("skill", said).confused == (("a", "b", 2), ("b", "a", 1))


def lesson(label: str, **points: float) -> Lesson:
    return Lesson("1", "1", (), {"skill": label}, points=tuple(points.items()))


def test_answers_are_what_triage_would_say_points_of_the_rules_included() -> None:
    scores = np.array([[1.0, 0.0]], np.float32)
    plain = answers([lesson("cats")], "skill", ["cats", "dogs"], scores, 1.0)
    assert plain[0].got == "cats"
    ruled = answers([lesson("cats", dogs=8.0)], "skill", ["cats", "dogs"], scores, 1.0)
    assert ruled[0].got == "dogs"
    assert ruled[0].confidence < plain[0].confidence


def test_a_higher_temperature_is_less_sure() -> None:
    scores = np.array([[1.0, 0.0]], np.float32)
    sure, mild = (
        answers([lesson("cats")], "skill", ["cats", "dogs"], scores, degrees)[0].confidence
        for degrees in (0.3, 2.0)
    )
    assert sure > mild > 0.5


class TestComparison:
    """100 mails: the one is right 9 times in 10, the other 5 times in 10."""

    GOOD = given(*[("a", "a", 1.0), ("b", "b", 1.0)] * 45, *[("a", "b", 1.0), ("b", "a", 1.0)] * 5)
    POOR = given(*[("a", "a", 1.0), ("b", "b", 1.0)] * 25, *[("a", "b", 1.0), ("b", "a", 1.0)] * 25)
    NONE_SEEN = [False] * 100
    ALL_SEEN = [True] * 100

    def test_a_worse_one_is_called_so(self) -> None:
        found = compare("skill", self.POOR, self.GOOD, ["a", "b"], self.NONE_SEEN, {})
        assert (found.basis, found.is_worse) == ("unseen", True)
        assert (found.new, found.old) == (pytest.approx(0.5), pytest.approx(0.9))

    def test_a_better_one_and_an_equal_one_are_not(self) -> None:
        for old in (self.POOR, self.GOOD):
            found = compare("skill", self.GOOD, old, ["a", "b"], self.NONE_SEEN, {})
            assert not found.is_worse

    def test_one_mail_less_is_chance(self) -> None:
        slightly = [*self.GOOD[:89], Answer(89, "b", "a", 1.0), *self.GOOD[90:]]
        found = compare("skill", slightly, self.GOOD, ["a", "b"], self.NONE_SEEN, {})
        assert found.new < found.old
        assert not found.is_worse

    def test_labels_that_the_old_one_does_not_know_make_it_no_rival(self) -> None:
        found = compare("skill", self.POOR, self.GOOD, ["a", "other"], self.NONE_SEEN, {})
        assert (found.basis, found.is_worse) == ("new", False)

    def test_what_the_old_one_knows_by_heart_is_left_out(self) -> None:
        """It was trained with the half that it gets right."""
        seen = [answer.wanted == answer.got for answer in self.POOR]
        found = compare("skill", self.GOOD, self.POOR, ["a", "b"], seen, {})
        assert (found.basis, found.n) == ("unseen", 50)
        assert found.old == 0.0
        assert found.seen == pytest.approx(0.5)

    def test_where_it_knows_all_by_heart_its_own_cross_validation_stands_for_it(self) -> None:
        by_heart = given(*[("a", "a", 1.0), ("b", "b", 1.0)] * 50)
        stored = {"skill": {"macro_f1": 0.88}}
        found = compare("skill", self.GOOD, by_heart, ["a", "b"], self.ALL_SEEN, stored)
        assert (found.basis, found.old, found.is_worse) == ("seen", 0.88, False)
        stored = {"skill": {"macro_f1": 0.99}}
        assert compare("skill", self.GOOD, by_heart, ["a", "b"], self.ALL_SEEN, stored).is_worse
