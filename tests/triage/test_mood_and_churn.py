"""Mood is a balance of praise and complaint, churn a sum of what speaks for leaving."""

from collections.abc import Callable

import pytest

from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy
from mailtriage.triage import churn, mood
from mailtriage.triage.model import Churn, Mood

MakeHits = Callable[..., list[Hit]]
MOOD = Policy("mood.toml", 1, "mood", is_skill=False, levels={"positive": 2.0, "negative": -1.5})
CHURN = Policy("churn.toml", 1, "churn", is_skill=False, levels={"high": 3.0, "medium": 1.5})


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ({}, Mood.NEUTRAL),
        ({"praise": 2.0}, Mood.POSITIVE),
        ({"praise": 1.9}, Mood.NEUTRAL),
        ({"anger": -1.5}, Mood.NEGATIVE),
        ({"anger": -1.4}, Mood.NEUTRAL),
        ({"praise": 2.0, "anger": -2.0}, Mood.NEUTRAL),
        ({"praise": 1.0, "anger": -2.5}, Mood.NEGATIVE),
    ],
)
def test_mood(hits: MakeHits, points: dict[str, float], expected: Mood) -> None:
    assert mood.judge(hits(MOOD, **points), MOOD)[0] is expected


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ({}, Churn.LOW),
        ({"leaving": 3.0}, Churn.HIGH),
        ({"leaving": 2.0, "rival": 1.0}, Churn.HIGH),
        ({"leaving": 2.9}, Churn.MEDIUM),
        ({"rival": 1.5}, Churn.MEDIUM),
        ({"rival": 1.4}, Churn.LOW),
        ({"leaving": 3.0, "moving": -3.0}, Churn.LOW),
    ],
)
def test_churn(hits: MakeHits, points: dict[str, float], expected: Churn) -> None:
    assert churn.judge(hits(CHURN, **points), CHURN)[0] is expected


def test_the_evidence_names_every_signal_the_weightiest_first(hits: MakeHits) -> None:
    _, why = churn.judge(hits(CHURN, rival=1.0, moving=-3.0, leaving=2.0), CHURN)
    assert [(evidence.id, evidence.weight) for evidence in why] == [
        ("moving", -3.0),
        ("leaving", 2.0),
        ("rival", 1.0),
    ]


def test_without_a_policy_nothing_is_said(hits: MakeHits) -> None:
    assert mood.judge(hits(MOOD, anger=-9.0), None) == (Mood.NEUTRAL, ())
    assert churn.judge(hits(CHURN, leaving=9.0), None) == (Churn.LOW, ())
