"""Which skill answers the mail, which others it touches, and its topic."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import GENERAL, Policy
from mailtriage.triage.model import Evidence, SkillScore

NO_TOPIC: Final = "none"

OTHER_SKILL: Final = "other-skill"
"""Facet of the evidence for skills that were not chosen: shown to people, never in a header."""


@dataclass(frozen=True, slots=True)
class Skills:
    """The skill of the mail, and every skill that reached its threshold, best first."""

    skill: str = GENERAL
    confidence: float = 0.0
    """0 to 1: how far it leads."""
    all: tuple[SkillScore, ...] = ()
    topic: str = NO_TOPIC
    why: tuple[Evidence, ...] = ()


def judge(hits: Sequence[Hit], allowed: Collection[str] = ()) -> Skills:
    """Add up the hits of each skill; the best one wins when it leads the next by its margin.

    `allowed` are the skills that the mailbox may give; empty means all. A tie is no answer: a mail
    that two skills claim equally goes to "general", with both named in `all`.
    """
    points: dict[str, float] = {}
    policies: dict[str, Policy] = {}
    for hit in hits:
        name = hit.policy.name
        if allowed and name not in allowed:
            continue
        policies[name] = hit.policy
        points[name] = points.get(name, 0.0) + hit.points
    reached = sorted(
        (
            SkillScore(name, score)
            for name, score in points.items()
            if score >= policies[name].threshold
        ),
        key=lambda entry: (-entry.score, entry.name),
    )
    if not reached:
        return Skills(why=_evidence(hits, ""))
    best = reached[0]
    second = max((score for name, score in points.items() if name != best.name), default=0.0)
    lead = best.score - max(second, 0.0)
    if lead < policies[best.name].margin:
        return Skills(all=tuple(reached), why=_evidence(hits, ""))
    return Skills(
        skill=best.name,
        confidence=round(lead / (best.score + max(second, 0.0)), 2),
        all=tuple(reached),
        topic=_topic([hit for hit in hits if hit.policy.name == best.name]),
        why=_evidence(hits, best.name),
    )


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
