"""Rules and model together: one unit, and which of the two has the last word."""

import pytest

from mailtriage.classifier.model import Opinion, softmax
from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy, Signal
from mailtriage.triage import churn, kind, mood, skill
from mailtriage.triage.learned import NO_MODEL, Learned, decide
from mailtriage.triage.model import Churn, Evidence, Kind, Mood

SKILLS = ("billing", "delivery", "general")
KIND = Policy("kind.toml", 1, "kind", is_skill=False, levels={"machine": 3, "bounce": 3, "list": 3})


def hit(name: str, points: float, *, policy: str = "billing", says: str = "") -> Hit:
    signal = Signal(id=name, weight=points, kind=says)
    return Hit(Policy(f"{policy}.toml", 1, policy, is_skill=True), signal, points, "body")


def heard(facet: str, *, strange: tuple[str, ...] = (), **margins: float) -> Learned:
    opinion = Opinion(tuple(margins), tuple(margins.values()))
    return Learned({facet: opinion}, frozenset(strange))


def test_shares_sum_up_to_one() -> None:
    assert sum(softmax((1.0, -2.0, 700.0))) == pytest.approx(1)


def test_the_highest_sum_wins() -> None:
    opinion = Opinion(SKILLS, (1.0, 0.8, 0.0))
    assert decide(opinion, {})[0] == "billing"
    assert decide(opinion, {"delivery": 0.3})[0] == "delivery"


class TestSkill:
    def test_the_model_decides_where_no_rule_speaks(self) -> None:
        found = skill.judge([], (), heard("skill", billing=3.0, delivery=0.0, general=0.0))
        assert found.skill == "billing"
        # e^(3/1.3) : 1 : 1, as the words of strangers tell less than those of the corpus.
        assert found.confidence == pytest.approx(0.83, abs=0.01)
        assert Evidence("skill", "model", 3.0, "billing, then general") in found.why

    def test_points_of_a_known_signal_count_a_fifth(self) -> None:
        model = heard("skill", billing=0.0, delivery=0.7, general=-1.0)
        assert skill.judge([hit("invoice", 3)], (), model).skill == "delivery"
        assert skill.judge([hit("invoice", 4)], (), model).skill == "billing"

    def test_points_of_an_organisations_own_signal_count_in_full(self) -> None:
        model = heard("skill", strange=("ours",), billing=0.0, delivery=0.7, general=-1.0)
        assert skill.judge([hit("ours", 1)], (), model).skill == "billing"

    def test_a_skill_that_the_model_does_not_know_is_given_by_its_policy(self) -> None:
        model = heard("skill", strange=("ours",), billing=9.0, delivery=0.0, general=0.0)
        assert skill.judge([hit("ours", 2, policy="events")], (), model).skill == "billing"
        assert skill.judge([hit("ours", 3, policy="events")], (), model).skill == "events"

    def test_a_mailbox_gets_only_its_skills_or_general(self) -> None:
        model = heard("skill", billing=5.0, delivery=1.0, general=0.5)
        assert skill.judge([], ("delivery",), model).skill == "delivery"
        assert skill.judge([], ("sales",), model).skill == "general"

    def test_when_none_is_sure_it_is_general(self) -> None:
        labels = {f"skill-{number}": 0.1 for number in range(9)}
        assert skill.judge([], (), heard("skill", **labels, general=0.0)).skill == "general"

    def test_what_the_mail_touches_stands_behind_the_skill(self) -> None:
        model = heard("skill", billing=1.0, delivery=0.5, general=0.0, sales=-4.0)
        found = skill.judge([], (), model)
        assert [entry.name for entry in found.all] == ["billing", "delivery"]
        assert found.all[0].score > found.all[1].score

    def test_without_a_model_the_rules_decide(self) -> None:
        assert skill.judge([hit("invoice", 3)], (), NO_MODEL).skill == "billing"
        assert skill.judge([hit("invoice", 2)], (), NO_MODEL).skill == "general"


def test_in_doubt_a_mail_is_neutral() -> None:
    model = heard("mood", negative=0.9, neutral=0.0, positive=0.0)
    assert mood.judge([], None, model)[0] is Mood.NEUTRAL
    model = heard("mood", negative=1.1, neutral=0.0, positive=0.0)
    assert mood.judge([], None, model)[0] is Mood.NEGATIVE


def test_who_says_plainly_that_they_leave_leaves() -> None:
    model = heard("churn", high=-3.0, low=0.5, medium=-1.0)
    assert churn.judge([], None, model)[0] is Churn.LOW
    assert churn.judge([hit("leaving", 4)], None, model)[0] is Churn.HIGH


class TestKind:
    def judged(self, *hits: Hit, machine: float) -> Kind:
        model = heard("kind", human=0.0, machine=machine)
        return kind.by_words(hits, KIND, model)[0]

    def test_the_model_alone_must_be_as_good_as_certain(self) -> None:
        assert self.judged(machine=3.0) is Kind.HUMAN  # 95 %
        assert self.judged(machine=3.6) is Kind.MACHINE  # 97 %

    def test_less_is_enough_where_a_signal_says_the_same(self) -> None:
        assert self.judged(hit("hint", 1.5, says="machine"), machine=1.8) is Kind.MACHINE
        assert self.judged(hit("hint", 1, says="machine"), machine=3.0) is Kind.HUMAN

    def test_a_signal_keeps_its_kind(self) -> None:
        assert self.judged(hit("unsubscribe", 1, says="list"), machine=4.0) is Kind.LIST

    def test_a_human_with_a_robots_subject_stays_one(self) -> None:
        subject = hit("out-of-office", 3, says="machine")
        assert self.judged(subject, machine=-5.0) is Kind.HUMAN
        assert self.judged(subject, machine=0.0) is Kind.MACHINE
