"""The score, the word for it, its floors, and what the sender's own headers claim."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mailtriage.classifier.model import Opinion
from mailtriage.mail.model import Mail
from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import HeaderCondition, Policy, Signal
from mailtriage.triage.deadline import Deadline, Times
from mailtriage.triage.learned import Learned
from mailtriage.triage.model import Churn, Kind, Mood, Priority, Thread, Tier
from mailtriage.triage.priority import held_floors, judge, of_robot, sender_marked

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


PLAIN: dict[str, Any] = {
    "tier": Tier.UNKNOWN,
    "churn": Churn.LOW,
    "mood": Mood.NEUTRAL,
    "thread": Thread.NEW,
    "marked": None,
    "skill": "general",
}


def hit(points: float, floor: int = 0, name: str = "word") -> Hit:
    return Hit(POLICY, Signal(name, points, floor=floor), points, "body")


def judged(*hits: Hit, **facets: Any) -> tuple[Priority, int]:
    level, score, why = judge(hits, POLICY, **(PLAIN | facets))
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
@pytest.mark.parametrize("policy", [None, POLICY])
def test_what_no_human_wrote_is_low(mail: MakeMail, kind: Kind, policy: Policy | None) -> None:
    level, score, why = of_robot(kind, held_floors(mail(), policy), policy)
    assert (level, score, why[0].id) == (Priority.LOW, 5, f"kind-{kind}")


def alarm(**condition: Any) -> Policy:
    return replace(POLICY, signals=(Signal("alarm", 10, **condition),))


@pytest.mark.parametrize(
    ("condition", "level", "score"),
    [
        ({"sender": ("alarms@*",), "floor": 85}, Priority.URGENT, 85),
        ({"sender": ("alarms@*",), "floor": 60}, Priority.HIGH, 60),
        ({"header": HeaderCondition("X-Severity", contains=("crit",)), "floor": 85},
         Priority.URGENT, 85),
        ({"header": HeaderCondition("X-Severity", contains=("info",)), "floor": 85},
         Priority.LOW, 5),
        ({"sender": ("other@*",), "floor": 85}, Priority.LOW, 5),
        ({"sender": ("alarms@*",)}, Priority.LOW, 5),  # points alone are not enough
        ({"words": {"en": ("critical",)}, "floor": 85}, Priority.LOW, 5),
        ({"recipient": ("help@*",), "floor": 85}, Priority.LOW, 5),
    ],
)  # fmt: skip
def test_a_policy_may_say_which_robots_are_heard(
    mail: MakeMail, condition: dict[str, Any], level: Priority, score: int
) -> None:
    sent = mail("X-Severity: Critical", text="critical", from_address="alarms@monitor.example")
    policy = alarm(**condition)
    found, number, why = of_robot(Kind.MACHINE, held_floors(sent, policy), policy)
    assert (found, number) == (level, score)
    assert sum(reason.weight for reason in why) == score


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


def due(hours: float, kind: str = "") -> Times:
    return Times(deadline=Deadline(hours, kind, 0, 1))


@pytest.mark.parametrize(
    ("times", "score"),
    [
        (due(5), 54),
        (due(24), 54),
        (due(25), 48),
        (due(72), 48),
        (due(168), 44),
        (due(169), 40),
        (due(5, "travel"), 82),
        (due(25, "travel"), 48),
        (Times(waited=1), 42),
        (Times(waited=7), 46),
        (Times(waited=1000), 50),
        (Times(contacts=2), 43),
        (Times(contacts=9), 52),
        (Times(asks=False), 28),
        (Times(asks=False, waited=7), 46),
    ],
)
def test_what_dates_add(times: Times, score: int) -> None:
    assert judged(times=times)[1] == score


def test_a_policy_may_weigh_deadlines_otherwise() -> None:
    policy = replace(POLICY, adjust={"deadline-day": 30.0})
    assert judge((), policy, **(PLAIN | {"times": due(5)}))[1] == 70


@pytest.mark.parametrize("facets", [{"mood": Mood.NEGATIVE}, {"churn": Churn.HIGH},
                                    {"thread": Thread.CHASER}])  # fmt: skip
def test_somebody_upset_always_asks_for_something(facets: dict[str, Any]) -> None:
    assert judged(times=Times(asks=False), **facets) == judged(**facets)


def heard(level: str, surely: float = 6.0) -> Learned:
    """A model that takes the mail for one of that level, by so many log-odds."""
    labels = ("high", "low", "normal", "urgent")
    margins = tuple(surely if label == level else 0.0 for label in labels)
    return Learned({"priority": Opinion(labels, margins)})


@pytest.mark.parametrize(
    ("level", "score"), [("urgent", 80), ("high", 60), ("normal", 40), ("low", 19)]
)
def test_a_sure_model_moves_the_score_into_the_band_and_no_farther(level: str, score: int) -> None:
    assert judged(learned=heard(level))[1] == score


def test_an_unsure_model_leaves_the_score_to_the_rules() -> None:
    assert judged(learned=heard("high", 0.5))[1] == 40


def test_what_the_rules_hold_against_a_level_counts() -> None:
    assert judged(learned=heard("high", 3.0))[0] is Priority.HIGH
    assert judged(hit(-35), learned=heard("high", 2.0))[0] is not Priority.HIGH


DANGER = hit(20, floor=85)


@pytest.mark.parametrize(
    ("hits", "learned", "level"),
    [
        ([DANGER], "high", Priority.URGENT),
        ([DANGER], "low", Priority.LOW),
        ([DANGER, hit(20, floor=84, name="fraud")], "low", Priority.URGENT),  # two speak for it
        ([Hit(POLICY, Signal("word", 10, floor=85, max_hits=2), 20, "body")], "low",
         Priority.URGENT),  # two phrases do
        ([hit(4, floor=60)], "low", Priority.HIGH),  # what was said of money stands
    ],
)  # fmt: skip
def test_the_model_may_overrule_one_phrase(hits: list[Hit], learned: str, level: Priority) -> None:
    assert judged(*hits, learned=heard(learned))[0] is level


def test_the_model_overrules_no_date() -> None:
    assert judged(times=due(5, "legal"), learned=heard("low"))[0] is Priority.URGENT


@pytest.mark.parametrize(
    ("against", "floor", "score"),
    [(-17, 85, 85), (-18, 85, 42), (-14, 60, 60), (-15, 60, 45)],
)
def test_what_is_over_carries_no_floor(against: float, floor: int, score: int) -> None:
    assert judged(hit(20, floor=floor), hit(against, name="over"))[1] == score


def test_danger_that_is_not_meant_adds_nothing() -> None:
    assert judged(DANGER, unfounded=frozenset({"word"})) == (Priority.NORMAL, 40)
