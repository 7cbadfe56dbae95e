"""Which skill answers the mail, which others it touches, and its topic.

The rules alone: points of the signals that hit, a threshold and a margin for each policy. With a
trained model: its log-odds and the points together (`learned`), and a probability for each skill.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailtriage.classifier.model import Opinion
from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import GENERAL, Policy
from mailtriage.triage.learned import NO_MODEL, Learned, decide, evidence
from mailtriage.triage.model import Evidence, SkillScore

NO_TOPIC: Final = "none"

OTHER_SKILL: Final = "other-skill"
"""Facet of the evidence for skills that were not chosen: shown to people, never in a header."""

SURE: Final = 0.25
"""A skill that is less probable than this is no answer: the mail is "general"."""

OTHERS: Final = 1.3
"""By how much less telling the words of other writers are than those of the corpus: its log-odds
count so much less for the confidence. On labelled mails of strangers the mean error of what it says
is 0.06 with this and 0.08 without (docs/accuracy.md)."""

TOUCHED: Final = 0.12
"""A skill that is this probable is named among all that the mail touches."""


@dataclass(frozen=True, slots=True)
class Skills:
    """The skill of the mail, and every skill that it touches, best first."""

    skill: str = GENERAL
    confidence: float = 0.0
    """0 to 1: with a model the probability; without one how far it leads."""
    all: tuple[SkillScore, ...] = ()
    topic: str = NO_TOPIC
    why: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the policies say: points of each skill that hit, and its policy."""

    points: dict[str, float]
    policies: dict[str, Policy]

    def reached(self, name: str) -> bool:
        """Whether that skill has the points that its policy asks for."""
        return name in self.points and self.points[name] >= self.policies[name].threshold

    def leads(self, name: str) -> bool:
        """Whether it reached its threshold, and leads every other skill by its margin."""
        second = max((score for other, score in self.points.items() if other != name), default=0.0)
        lead = self.points[name] - max(second, 0.0)
        return self.reached(name) and lead >= self.policies[name].margin


def judge(
    hits: Sequence[Hit], allowed: Collection[str] = (), learned: Learned = NO_MODEL
) -> Skills:
    """The skill of the mail by rules and, where there is one, model.

    `allowed` are the skills that the mailbox may give; empty means all. "general" is always allowed
    and is the answer when no skill is sure.
    """
    kept = [hit for hit in hits if not allowed or hit.policy.name in allowed]
    points: dict[str, float] = {}
    policies: dict[str, Policy] = {}
    for hit in kept:
        policies[hit.policy.name] = hit.policy
        points[hit.policy.name] = points.get(hit.policy.name, 0.0) + hit.points
    rules = _Rules(points, policies)
    opinion = learned.opinions.get("skill")
    if opinion is None:
        return _by_rules(hits, rules)
    return _by_both(hits, kept, rules, _allowed(opinion, allowed), learned)


def _by_rules(hits: Sequence[Hit], rules: _Rules) -> Skills:
    """The best one wins when it leads the next by its margin.

    A tie is no answer: a mail that two skills claim equally goes to "general", with both in `all`.
    """
    reached = sorted(
        (SkillScore(name, score) for name, score in rules.points.items() if rules.reached(name)),
        key=lambda entry: (-entry.score, entry.name),
    )
    if not reached or not rules.leads(reached[0].name):
        return Skills(all=tuple(reached), why=_evidence(hits, ""))
    best = reached[0]
    second = max((score for name, score in rules.points.items() if name != best.name), default=0.0)
    lead = best.score - max(second, 0.0)
    return Skills(
        skill=best.name,
        confidence=round(lead / (best.score + max(second, 0.0)), 2),
        all=tuple(reached),
        topic=_topic([hit for hit in hits if hit.policy.name == best.name]),
        why=_evidence(hits, best.name),
    )


def _allowed(opinion: Opinion, allowed: Collection[str]) -> Opinion:
    if not allowed:
        return opinion
    places = [
        place for place, label in enumerate(opinion.labels) if label in allowed or label == GENERAL
    ]
    return Opinion(
        tuple(opinion.labels[place] for place in places),
        tuple(opinion.margins[place] for place in places),
    )


def _by_both(
    hits: Sequence[Hit], kept: Sequence[Hit], rules: _Rules, opinion: Opinion, learned: Learned
) -> Skills:
    strange = {hit.policy.name for hit in kept if hit.signal.id in learned.strange}
    own = [name for name in strange - set(opinion.labels) if rules.leads(name)]
    if own:
        # The model cannot speak for a skill that it was not trained with: its policy decides. Not
        # so a shipped policy beside a model of other skills, which has weighed its signals.
        alone = _by_rules(hits, rules)
        if alone.skill in own:
            return alone
    added = {
        name: learned.points([hit for hit in kept if hit.policy.name == name])
        for name in rules.points
    }
    best, shares = decide(opinion, added)
    if shares[best] < SURE and GENERAL in shares:
        best = GENERAL
    touched = [
        SkillScore(name, round(share, 2))
        for name, share in sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))
        if name != GENERAL and (name == best or share >= TOUCHED or rules.reached(name))
    ]
    if touched and best != GENERAL and touched[0].name != best:
        touched.sort(key=lambda entry: entry.name != best)
    return Skills(
        skill=best,
        confidence=round(_confidence(shares, best), 2),
        all=tuple(touched),
        topic=_topic([hit for hit in kept if hit.policy.name == best]),
        why=(evidence("skill", opinion, best), *_evidence(hits, best)),
    )


def _confidence(shares: Mapping[str, float], best: str) -> float:
    """The share of the best with all log-odds divided by OTHERS."""
    softer = {name: math.pow(share, 1 / OTHERS) for name, share in shares.items()}
    return softer[best] / sum(softer.values())


def _topic(hits: Sequence[Hit]) -> str:
    """The topic with the most points behind it; the one named first in the file wins a tie."""
    points: dict[str, float] = {}
    for hit in hits:
        if hit.signal.topic and hit.points > 0:
            points[hit.signal.topic] = points.get(hit.signal.topic, 0.0) + hit.points
    return max(points, key=lambda topic: points[topic]) if points else NO_TOPIC


def _evidence(hits: Sequence[Hit], chosen: str) -> tuple[Evidence, ...]:
    """What spoke for the chosen skill, the weightiest first, then what spoke for the others."""
    ordered = sorted(hits, key=lambda hit: (hit.policy.name != chosen, -hit.points))
    return tuple(
        Evidence("skill", hit.signal.id, round(hit.points, 2), hit.where)
        if hit.policy.name == chosen
        else Evidence(
            OTHER_SKILL, hit.signal.id, round(hit.points, 2), f"{hit.policy.name}: {hit.where}"
        )
        for hit in ordered
    )
