"""The score, the word for it, its floors, and what the sender's own headers claim."""

from collections.abc import Callable
from typing import Any

import pytest

from mailtriage.mail.model import Mail
from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy, Signal
from mailtriage.triage.model import Churn, Kind, Mood, Priority, Thread, Tier
from mailtriage.triage.priority import judge, of_robot, sender_marked

MakeMail = Callable[..., Mail]

POLICY = Policy(
    "priority.toml",
    1,
    "priority",
    is_skill=False,
    base=40,
    levels={"urgent": 80, "high": 60, "normal": 20},
    adjust={
        "tier-vip": 15,
        "mood-negative": 8,
        "mood-positive": -12,
        "churn-high": 10,
        "thread-chaser": 6,
        "marked-urgent": 3,
        "marked-low": -5,
        "skill-privacy": 4,
    },
)


def hit(points: float, floor: int = 0, name: str = "word") -> Hit:
    return Hit(POLICY, Signal(name, points, floor=floor), points, "body")


def judged(*hits: Hit, **facets: Any) -> tuple[Priority, int]:
    plain = {
        "tier": Tier.UNKNOWN,
        "churn": Churn.LOW,
        "mood": Mood.NEUTRAL,
        "thread": Thread.NEW,
        "marked": None,
        "skill": "general",
    }
    level, score, why = judge(hits, POLICY, **(plain | facets))
    total = POLICY.base + sum(evidence.weight for evidence in why)
    assert max(0, min(100, round(total))) == score, "the reasons add up to the score"
    return level, score


@pytest.mark.parametrize(
    ("points", "level", "score"),
    [
        (0, Priority.NORMAL, 40),
        (39.4, Priority.HIGH, 79),
        (40, Priority.URGENT, 80),
        (20, Priority.HIGH, 60),
        (19, Priority.NORMAL, 59),
        (-20, Priority.NORMAL, 20),
        (-21, Priority.LOW, 19),
        (90, Priority.URGENT, 100),
        (-90, Priority.LOW, 0),
    ],
)
def test_the_levels(points: float, level: Priority, score: int) -> None:
    assert judged(hit(points)) == (level, score)


@pytest.mark.parametrize(
    ("facets", "score"),
    [
        ({"tier": Tier.VIP}, 55),
        ({"tier": Tier.STANDARD}, 40),
        ({"mood": Mood.NEGATIVE}, 48),
        ({"mood": Mood.POSITIVE}, 28),
        ({"marked": Priority.URGENT}, 43),
        ({"marked": Priority.LOW}, 35),
        ({"skill": "privacy"}, 44),
        ({"tier": Tier.VIP, "mood": Mood.NEGATIVE, "skill": "privacy"}, 67),
    ],
)
def test_what_other_facets_add(facets: dict[str, Any], score: int) -> None:
    assert judged(**facets)[1] == score


@pytest.mark.parametrize(
    ("hits", "facets", "level", "score"),
    [
        ([hit(10, floor=85)], {}, Priority.URGENT, 85),
        ([hit(50, floor=85)], {}, Priority.URGENT, 90),
        ([hit(-30, floor=60)], {}, Priority.HIGH, 60),
        ([hit(1, floor=60, name="a"), hit(1, floor=85, name="b")], {}, Priority.URGENT, 85),
        ([], {"churn": Churn.HIGH}, Priority.HIGH, 60),
        ([], {"churn": Churn.MEDIUM}, Priority.NORMAL, 40),
        ([], {"thread": Thread.CHASER}, Priority.HIGH, 60),
        ([], {"thread": Thread.REPLY}, Priority.NORMAL, 40),
        ([hit(-40)], {"churn": Churn.HIGH, "mood": Mood.POSITIVE}, Priority.HIGH, 60),
    ],
)
def test_floors(hits: list[Hit], facets: dict[str, Any], level: Priority, score: int) -> None:
    assert judged(*hits, **facets) == (level, score)


@pytest.mark.parametrize("kind", [Kind.MACHINE, Kind.BOUNCE, Kind.LIST])
def test_what_no_human_wrote_is_low(kind: Kind) -> None:
    level, score, why = of_robot(kind)
    assert (level, score, why[0].id) == (Priority.LOW, 5, f"kind-{kind}")


def test_without_a_policy_every_human_is_normal() -> None:
    level, score, why = judge(
        (),
        None,
        tier=Tier.VIP,
        churn=Churn.HIGH,
        mood=Mood.NEGATIVE,
        thread=Thread.CHASER,
        marked=Priority.URGENT,
        skill="billing",
    )
    assert (level, score, why) == (Priority.NORMAL, 40, ())


@pytest.mark.parametrize(
    ("fields", "claim"),
    [
        ([], None),
        (["X-Priority: 1"], Priority.URGENT),
        (["X-Priority: 1 (Highest)"], Priority.URGENT),
        (["X-Priority: 2"], Priority.HIGH),
        (["X-Priority: 3 (Normal)"], Priority.NORMAL),
        (["X-Priority: 4"], Priority.LOW),
        (["X-Priority: 5 (Lowest)"], Priority.LOW),
        (["X-Priority: 0"], None),
        (["X-Priority: high"], Priority.HIGH),
        (["X-Priority: P1"], None),
        (["X-Priority:"], None),
        (["X-MSMail-Priority: High"], Priority.HIGH),
        (["Importance: High"], Priority.HIGH),
        (["Importance: low"], Priority.LOW),
        (["Importance: normal"], Priority.NORMAL),
        (["Importance: 1"], None),
        (["Priority: urgent"], Priority.URGENT),
        (["Priority: non-urgent"], Priority.LOW),
        (["priority: Normal"], Priority.NORMAL),
        (["X-Priority: 3", "Importance: high"], Priority.HIGH),
        (["X-Priority: 1", "Importance: low"], Priority.URGENT),
        (["X-Priority: 5", "Priority: normal"], Priority.NORMAL),
    ],
)
def test_what_the_sender_claims_is_the_highest_of_the_claims(
    mail: MakeMail, fields: list[str], claim: Priority | None
) -> None:
    assert sender_marked(mail(*fields)) is claim


def test_a_score_below_zero_needs_no_reason_to_be_zero() -> None:
    level, score, why = judge(
        (hit(-90),),
        POLICY,
        tier=Tier.UNKNOWN,
        churn=Churn.LOW,
        mood=Mood.NEUTRAL,
        thread=Thread.NEW,
        marked=None,
        skill="general",
    )
    assert (level, score) == (Priority.LOW, 0)
    assert all(evidence.id for evidence in why)
