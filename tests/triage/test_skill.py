"""Which skill answers: thresholds, margins, ties, topics, and what a mailbox allows."""

from collections.abc import Callable

import pytest

from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy, Signal
from mailtriage.triage.skill import OTHER_SKILL, Skills, judge


def policy(name: str, threshold: float = 3.0, margin: float = 0.5) -> Policy:
    return Policy(f"{name}.toml", 1, name, is_skill=True, threshold=threshold, margin=margin)


BILLING, SALES, DELIVERY = policy("billing"), policy("sales"), policy("delivery")


def hit(owner: Policy, points: float, topic: str = "", signal: str = "") -> Hit:
    name = signal or f"{owner.name}-{points:g}"
    return Hit(owner, Signal(name, points, topic=topic), points, "body")


@pytest.mark.parametrize(
    ("hits", "skill", "skills"),
    [
        ([], "general", []),
        ([hit(BILLING, 2.9)], "general", []),
        ([hit(BILLING, 3.0)], "billing", ["billing"]),
        ([hit(BILLING, 1.5), hit(BILLING, 1.5)], "billing", ["billing"]),
        ([hit(BILLING, 4.0), hit(BILLING, -2.0)], "general", []),
        ([hit(BILLING, 5.0), hit(SALES, 4.0)], "billing", ["billing", "sales"]),
        ([hit(BILLING, 3.0), hit(SALES, 2.5)], "billing", ["billing"]),
        # Too close to call: both are named, neither is chosen.
        ([hit(BILLING, 3.4), hit(SALES, 3.0)], "general", ["billing", "sales"]),
        ([hit(BILLING, 3.0), hit(SALES, 3.0)], "general", ["billing", "sales"]),
        # A skill below its own threshold still makes the lead too small.
        ([hit(BILLING, 3.0), hit(SALES, 2.9)], "general", ["billing"]),
        ([hit(BILLING, 3.0), hit(SALES, -5.0)], "billing", ["billing"]),
        (
            [hit(SALES, 3.0), hit(DELIVERY, 9.0), hit(BILLING, 6.0)],
            "delivery",
            ["delivery", "billing", "sales"],
        ),
    ],
)
def test_the_best_skill_wins_when_it_leads_by_its_margin(
    hits: list[Hit], skill: str, skills: list[str]
) -> None:
    found = judge(hits)
    assert (found.skill, [entry.name for entry in found.all]) == (skill, skills)


def test_threshold_and_margin_are_those_of_the_best_skill() -> None:
    careful, quick = policy("careful", margin=3.0), policy("quick", threshold=1.0, margin=0.1)
    assert judge([hit(careful, 5.0), hit(quick, 3.0)]).skill == "general"
    assert judge([hit(quick, 5.0), hit(careful, 3.0)]).skill == "quick"
    assert judge([hit(quick, 1.0)]).skill == "quick"


@pytest.mark.parametrize(
    ("allowed", "skill", "skills"),
    [
        ((), "billing", ["billing", "sales"]),
        (("billing", "sales"), "billing", ["billing", "sales"]),
        (("sales",), "sales", ["sales"]),
        (("general", "delivery"), "general", []),
    ],
)
def test_a_mailbox_gives_only_the_skills_that_it_has(
    allowed: tuple[str, ...], skill: str, skills: list[str]
) -> None:
    found = judge([hit(BILLING, 9.0), hit(SALES, 4.0)], allowed)
    assert (found.skill, [entry.name for entry in found.all]) == (skill, skills)


@pytest.mark.parametrize(
    ("hits", "topic"),
    [
        ([hit(BILLING, 3.0)], "none"),
        ([hit(BILLING, 3.0, "invoice")], "invoice"),
        ([hit(BILLING, 2.0, "invoice"), hit(BILLING, 3.0, "refund")], "refund"),
        ([hit(BILLING, 2.0, "invoice"), hit(BILLING, 1.5, "invoice"), hit(BILLING, 3.0, "refund")],
         "invoice"),
        ([hit(BILLING, 2.0, "invoice"), hit(BILLING, 2.0, "refund")], "invoice"),
        ([hit(BILLING, 4.0), hit(BILLING, -1.0, "refund")], "none"),
        ([hit(BILLING, 5.0, "invoice"), hit(SALES, 3.0, "offer")], "invoice"),
        ([hit(BILLING, 2.0, "invoice")], "none"),
    ],
)  # fmt: skip
def test_the_topic_is_that_of_the_weightiest_signals_of_the_skill(
    hits: list[Hit], topic: str
) -> None:
    assert judge(hits).topic == topic


@pytest.mark.parametrize(
    ("best", "second", "confidence"), [(4.0, 0.0, 1.0), (6.0, 2.0, 0.5), (3.0, -4.0, 1.0)]
)
def test_confidence_is_the_lead_over_the_sum(best: float, second: float, confidence: float) -> None:
    assert judge([hit(BILLING, best), hit(SALES, second)]).confidence == confidence


def test_the_evidence_of_the_chosen_skill_comes_first_and_by_weight() -> None:
    found = judge([hit(SALES, 4.0), hit(BILLING, 2.0), hit(BILLING, -1.0), hit(BILLING, 6.0)])
    assert [(evidence.facet, evidence.weight) for evidence in found.why] == [
        ("skill", 6.0),
        ("skill", 2.0),
        ("skill", -1.0),
        (OTHER_SKILL, 4.0),
    ]
    assert found.why[-1].where == "sales: body"


def test_nothing_found_is_general() -> None:
    assert judge([]) == Skills()


def test_the_order_of_equal_skills_does_not_depend_on_the_order_of_hits() -> None:
    make: Callable[[Policy], Hit] = lambda owner: hit(owner, 4.0)  # noqa: E731
    one = judge([make(BILLING), make(SALES), make(DELIVERY)])
    other = judge([make(DELIVERY), make(SALES), make(BILLING)])
    assert one.all == other.all
    assert [entry.name for entry in one.all] == ["billing", "delivery", "sales"]
