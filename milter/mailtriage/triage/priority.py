"""How soon a person should look: a score from 0 to 100 and the word for it."""

import math
import re
from collections.abc import Sequence
from typing import Final

from mailtriage.mail.model import Mail
from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy
from mailtriage.triage.evidence import of_hits
from mailtriage.triage.model import Churn, Evidence, Kind, Mood, Priority, Thread, Tier

_FIRST_DIGIT: Final = re.compile(r"\s*([1-5])")
_WORDS: Final = {
    "urgent": Priority.URGENT,
    "high": Priority.HIGH,
    "normal": Priority.NORMAL,
    "low": Priority.LOW,
    "non-urgent": Priority.LOW,
}
_BY_DIGIT: Final = {
    "1": Priority.URGENT,
    "2": Priority.HIGH,
    "3": Priority.NORMAL,
    "4": Priority.LOW,
    "5": Priority.LOW,
}
_RANK: Final = (Priority.URGENT, Priority.HIGH, Priority.NORMAL, Priority.LOW)

NORMAL_SCORE: Final = 40
"""What a mail scores when there is no policy for the priority."""

MACHINE_SCORE: Final = 5
"""What no human wrote is low, whatever words it carries."""


def sender_marked(mail: Mail) -> Priority | None:
    """The highest that the sender's own X-Priority, Importance and Priority fields claim."""
    claims = []
    for name in ("X-Priority", "X-MSMail-Priority"):
        value = mail.headers.first(name)
        digit = _FIRST_DIGIT.match(value)
        claim = _BY_DIGIT[digit.group(1)] if digit else _WORDS.get(value.strip().lower())
        if claim is not None:
            claims.append(claim)
    for name in ("Importance", "Priority"):  # RFC 4021 sections 2.1.55 and 2.1.54
        claim = _WORDS.get(mail.headers.first(name).strip().lower())
        if claim is not None:
            claims.append(claim)
    return min(claims, key=_RANK.index) if claims else None


def of_robot(kind: Kind) -> tuple[Priority, int, tuple[Evidence, ...]]:
    """What no human wrote is low, whatever words it carries."""
    return Priority.LOW, MACHINE_SCORE, (Evidence("priority", f"kind-{kind}", MACHINE_SCORE),)


def judge(
    hits: Sequence[Hit],
    policy: Policy | None,
    *,
    tier: Tier,
    churn: Churn,
    mood: Mood,
    thread: Thread,
    marked: Priority | None,
    skill: str,
) -> tuple[Priority, int, tuple[Evidence, ...]]:
    """The word, the score and the reasons, whose weights add up to the score.

    Pure arithmetic: the base, the signals, what the other facets add, and the floors below which
    some of them do not let a mail fall.
    """
    if policy is None:
        return Priority.NORMAL, NORMAL_SCORE, ()
    why = list(of_hits("priority", hits))
    score = policy.base + sum(hit.points for hit in hits)
    for name in (
        f"tier-{tier}",
        f"churn-{churn}",
        f"mood-{mood}",
        f"thread-{thread}",
        f"marked-{marked}",
        f"skill-{skill}",
    ):
        points = policy.adjust.get(name)
        if points:
            score += points
            why.append(Evidence("priority", name, points, name.partition("-")[0]))
    floor, reason = _floor(hits, policy, churn=churn, thread=thread)
    if floor > score:
        why.append(Evidence("priority", reason, round(floor - score, 2), f"at least {floor:g}"))
        score = floor
    number = max(0, min(100, round(score)))
    for level in (Priority.URGENT, Priority.HIGH, Priority.NORMAL):
        if number >= policy.levels[level]:
            return level, number, tuple(why)
    return Priority.LOW, number, tuple(why)


def _floor(
    hits: Sequence[Hit], policy: Policy, *, churn: Churn, thread: Thread
) -> tuple[float, str]:
    """The highest of the scores that the mail may not fall below, and the reason's id."""
    floors = [(float(hit.signal.floor), hit.signal.id) for hit in hits if hit.signal.floor]
    # A customer about to leave, or left waiting, is never an ordinary case.
    if churn is Churn.HIGH:
        floors.append((policy.levels["high"], f"churn-{churn}"))
    if thread is Thread.CHASER:
        floors.append((policy.levels["high"], f"thread-{thread}"))
    return max(floors, default=(-math.inf, ""))
