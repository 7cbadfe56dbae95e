"""Every figure of a set of ten answers, against a count done by hand."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mailtriage.evaluation.figures import MEASURES, measure_all
from mailtriage.evaluation.judged import FACETS, OF_HUMANS, Outcome
from mailtriage.evaluation.measures import token_f1, wilson
from mailtriage.evaluation.report import as_object, make_report, milliseconds, mistakes
from tests.evaluation.conftest import outcome

HUMAN = {"kind": "human", "thread": "new"}
ROBOT = {"kind": "machine", "thread": "new", "skill": "general", "priority": "low", "mood": "neutral",
         "churn": "low"}  # fmt: skip

SET: Sequence[Outcome] = [
    outcome(
        HUMAN | {"language": "sv", "skill": "billing", "skills_also": ("sales",), "priority": "urgent",
                 "mood": "negative", "churn": "high", "newest_text": "x"},
        {"language": "sv", "skill": "billing", "skill_confidence": 0.9, "priority": "urgent",
         "mood": "negative", "churn": "high"},
        newest_exact=True, newest_f1=1.0, id="1", ms=3.0,
    ),
    outcome(
        HUMAN | {"language": "sv", "skill": "billing", "skills_also": ("sales",), "priority": "urgent",
                 "mood": "negative", "churn": "high"},
        {"language": "da", "language_confidence": 0.6, "skill": "sales", "skill_confidence": 0.4,
         "priority": "high", "mood": "neutral", "churn": "low"},
        newest_exact=False, newest_f1=0.5, id="2", ms=9.0,
        why=(("skill", "sales-price +2"), ("language", "text +0.6")),
    ),
    outcome(
        HUMAN | {"language": "da", "skill": "returns", "skills_also": (), "priority": "normal",
                 "mood": "positive", "churn": "low"},
        {"language": "da", "skill": "general", "priority": "urgent", "mood": "positive",
         "churn": "high"},
        id="3",
    ),
    outcome(
        HUMAN | {"language": "da", "skill": "general", "priority": "normal", "mood": "neutral",
                 "churn": "low"},
        {"language": "da", "kind": "machine", "thread": "reply"},
        id="4",
    ),
    # A robot: asked for language, kind and thread alone, whatever else it is labelled.
    outcome(ROBOT | {"language": "en"}, {"priority": "urgent", "skill": "sales", "mood": "negative"},
            id="5"),
]  # fmt: skip


def figure(outcomes: Sequence[Outcome], key: str) -> tuple[float, int]:
    found = measure_all(outcomes).figures[key]
    return found.value, found.n


@pytest.mark.parametrize(
    ("key", "value", "n"),
    [
        ("newest_text", 1 / 2, 2),
        ("newest_text_token_f1", (1.0 + 0.5) / 2, 2),
        ("language", 4 / 5, 5),
        ("skill", 2 / 4, 4),
        ("skill_or_second", 3 / 4, 4),
        # billing 2/3, sales 0, returns 0, general 2/3
        ("skill_macro_f1", (2 / 3 + 0 + 0 + 2 / 3) / 4, 4),
        ("priority", 2 / 4, 4),
        ("urgent_recall", 1 / 2, 2),
        ("urgent_precision", 1 / 2, 2),
        # negative 2/3, neutral 2/3, positive 1
        ("mood_macro_f1", (2 / 3 + 2 / 3 + 1) / 3, 4),
        # high: TP 1, FP 1, FN 1
        ("churn_high_f1", 1 / 2, 4),
        ("churn_macro_f1", (1 / 2 + 1 / 2) / 2, 4),
        # the robot was taken for a human, a human for a robot
        ("kind", 3 / 5, 5),
        ("humans_called_non_human", 1 / 4, 4),
        ("thread", 4 / 5, 5),
        # 0.9 right; 0.4 wrong; twice 0.0, once right: (0.1 + 0.4 + 2 · 0.5) / 4
        ("skill_ece", 0.375, 4),
        # 0.6 wrong; four times 1.0, all right: 0.6 / 5
        ("language_ece", 0.12, 5),
    ],
)
def test_a_figure(key: str, value: float, n: int) -> None:
    found, of = figure(SET, key)
    assert (found, of) == pytest.approx((value, n))


def test_every_figure_is_tested_above_and_each_has_a_title() -> None:
    measured = measure_all(SET)
    assert list(measured.figures) == list(MEASURES)
    assert not measured.missing
    assert len({measure.title for measure in MEASURES.values()}) == len(MEASURES)


def test_shares_have_the_interval_of_wilson_and_calibration_has_none() -> None:
    figures = measure_all(SET).figures
    assert figures["skill"].interval == wilson(2, 4)
    assert figures["humans_called_non_human"].interval == wilson(1, 4)
    assert figures["skill_ece"].interval is None
    for key in ("mood_macro_f1", "churn_high_f1", "newest_text_token_f1"):
        low, high = figures[key].interval or (1.0, 0.0)
        assert low <= figures[key].value <= high


def test_without_a_label_for_kind_every_mail_counts() -> None:
    labels: dict[str, Any] = {"skill": "general", "mood": "neutral"}
    robot = outcome(labels, {"kind": "machine"})
    assert figure([robot], "skill") == (1.0, 1)
    assert robot.expected("mood") == "neutral"


def test_what_is_asked_of_humans_only() -> None:
    robot = SET[4]
    assert {facet for facet in FACETS if robot.expected(facet) is None} == OF_HUMANS
    assert not any(robot.is_wrong(facet) for facet in OF_HUMANS)


@pytest.mark.parametrize(
    ("labels", "got", "key", "reason"),
    [
        ({"skill": "sales"}, {}, "mood_macro_f1", "no mail has the label 'mood'"),
        ({"skill": "sales"}, {}, "skill_or_second", "no mail has the label 'skills_also'"),
        ({"skill": "sales"}, {}, "newest_text", "no mail has the label 'newest_text'"),
        ({"mood": "neutral"}, {}, "skill", "no mail has the label 'skill'"),
        ({"mood": "neutral"}, {}, "language_ece", "no mail has the label 'language'"),
        ({"mood": "neutral"}, {}, "urgent_precision", "no mail has the label 'priority'"),
        ({"priority": "low"}, {}, "urgent_precision", "no mail is called urgent"),
        ({"priority": "low"}, {}, "urgent_recall", "no mail is labelled priority = urgent"),
        ({"churn": "low"}, {}, "churn_high_f1", "no mail is labelled or called churn = high"),
        ({"kind": "list"}, {}, "humans_called_non_human", "no mail is labelled kind = human"),
    ],
)
def test_what_could_not_be_measured_says_why(
    labels: dict[str, Any], got: dict[str, Any], key: str, reason: str
) -> None:
    measured = measure_all([outcome(labels, got)])
    assert key not in measured.figures
    assert measured.missing[key] == reason
    assert not any(math.isnan(found.value) for found in measured.figures.values())


def test_of_no_mails_nothing_is_measured() -> None:
    measured = measure_all([])
    assert (dict(measured.figures), list(measured.missing)) == ({}, list(MEASURES))


class TestReport:
    report = make_report(Path("gold"), SET, by=("language", "skill"), notes=["a note"])

    def test_groups_are_those_of_the_expected_label_the_largest_first(self) -> None:
        assert list(self.report.groups["language"]) == ["da", "sv", "en"]
        assert self.report.groups["language"]["sv"].figures["language"].value == 0.5
        assert list(self.report.groups["skill"]) == ["billing", "general", "returns"]

    def test_mails_without_that_label_are_a_group_of_their_own_at_the_end(self) -> None:
        some = [
            outcome({"mood": "neutral"}),
            outcome({"language": "sv"}),
            outcome({"churn": "low"}),
        ]
        assert list(make_report(Path(), some).groups["language"]) == ["sv", "(none)"]
        assert make_report(Path(), some[::2]).groups["language"] == {}

    def test_confusions_are_counted_and_the_ten_most_frequent_kept(self) -> None:
        found = [
            (entry.expected, entry.got, entry.count) for entry in self.report.confusions["skill"]
        ]
        assert found == [("billing", "sales", 1), ("returns", "general", 1)]
        many = [outcome({"skill": f"s{number:02}"}) for number in range(12) for _ in range(number)]
        top = make_report(Path(), many).confusions["skill"]
        assert [entry.count for entry in top] == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]
        assert top[0].expected == "s11"

    def test_the_slowest_come_first(self) -> None:
        assert [entry.example.id for entry in self.report.slowest[:2]] == ["2", "1"]
        assert milliseconds(self.report) == (1.0, 9.0)
        assert milliseconds(make_report(Path(), [])) == (0.0, 0.0)

    def test_wrong_answers_are_listed_the_surest_first(self) -> None:
        listed = mistakes(self.report, 5)
        assert [(entry.id, entry.confidence) for entry in listed["skill"]] == [
            ("2", 0.4),
            ("3", 0.0),
        ]
        assert listed["skill"][0].evidence == ("sales-price +2",)
        assert [(entry.expected, entry.got) for entry in listed["language"]] == [("sv", "da")]
        assert [entry.id for entry in listed["newest_text"]] == ["2"]
        assert [entry.confidence for entry in listed["kind"]] == [None, None]
        assert len(mistakes(self.report, 1)["skill"]) == 1
        assert mistakes(self.report, 0) == {}

    def test_a_fault_of_ours_is_named(self) -> None:
        broken = outcome({"skill": "sales"}, id="7", fault="ValueError at judge.py:1")
        report = make_report(Path(), [broken])
        assert as_object(report, 0)["faults"] == [{"id": "7", "detail": "ValueError at judge.py:1"}]

    def test_the_object_has_every_key_always(self) -> None:
        full, empty = as_object(self.report, 9), as_object(make_report(Path(), []), 0)
        assert list(full) == list(empty) == [
            "gold", "mails", "unreadable", "notes", "faults", "figures", "not_measured", "by",
            "confusions", "calibration", "milliseconds", "slowest", "errors",
        ]  # fmt: skip
        assert full["figures"]["skill_ece"] == {"value": 0.375, "low": None, "high": None, "n": 4}
        assert full["by"]["language"]["sv"]["language"]["value"] == 0.5
        assert len(full["calibration"]["skill"]) == 10
        assert set(empty["not_measured"]) == set(MEASURES)


def test_token_f1_is_one_where_the_text_is_exact() -> None:
    assert token_f1("Hej du", "Hej\n du") == 1.0
