"""How soon a person should look: a score from 0 to 100 and the word for it."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from mailtriage.mail.model import Mail
from mailtriage.policies.conditions import Condition
from mailtriage.policies.matcher import SUBJECT_FACTOR, Hit
from mailtriage.policies.model import Policy, Signal
from mailtriage.triage.deadline import DAY, NOTHING, THREE_DAYS, WEEK, Times
from mailtriage.triage.evidence import of_hits
from mailtriage.triage.learned import NO_MODEL, Learned, decide, evidence
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

DEADLINES: Final = (("deadline-day", DAY, 14.0), ("deadline-3-days", THREE_DAYS, 8.0),
                    ("deadline-week", WEEK, 4.0))  # fmt: skip
"""Names, hours until then, and points of deadlines; only the first that holds counts."""

DEADLINE_FLOOR: Final = 82.0
"""What a mail scores at least when a right, a journey, wages or a fine hang on the next day."""

WAITING_MOST: Final = 10.0
CONTACT: Final = 3.0
"""Points for each time that the writer wrote before, as far as they say so ..."""
CONTACTS_MOST: Final = 12.0
"""... and the most that these give."""

ASKS_NOTHING: Final = -12.0
"""A mail in which nothing asks, wants or complains, and nothing is urgent: for information."""

CENTRES: Final = {
    Priority.URGENT: 88.0,
    Priority.HIGH: 68.0,
    Priority.NORMAL: 42.0,
    Priority.LOW: 12.0,
}
"""The score that stands for each level where rules and model are weighed against each other."""
RULES_WEIGHT: Final = 0.5
"""Log-odds that a level loses for each ten points between its centre and the rules' score."""
DOUBT: Final = 0.8
"""Log-odds by which another level must lead: in doubt a mail is normal."""
LEARNED_DOUBT: Final = -12.0
"""From here on the model may overrule a floor of urgent that stands on one phrase."""

TAKEN_BACK: Final = -18.0
"""When what speaks against ("all fine now") sums up to this, no phrase makes a mail urgent, ..."""
SETTLED: Final = -15.0
"""... and none makes it high when it sums up to this ("works now")."""


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


def held_floors(mail: Mail, policy: Policy | None) -> dict[str, str]:
    """The signals of `sender` or `header` with a floor that hold in a mail, and where they do."""
    return {
        signal.id: held
        for signal in (policy.signals if policy else ())
        if _is_for_robots(signal) and (held := Condition(signal).holds(mail))
    }


def _is_for_robots(signal: Signal) -> bool:
    return bool(signal.floor and (signal.sender or signal.header))


def of_robot(
    kind: Kind, held: Mapping[str, str], policy: Policy | None
) -> tuple[Priority, int, tuple[Evidence, ...]]:
    """What no human wrote is low, unless a policy knows it by its sender or a header field.

    Words do not count: a robot shouts "critical" all day. A signal of `sender` or `header` with a
    floor does (`held`: those that hold, and where): that is how a policy says which alarms are to
    be looked at.
    """
    why = [Evidence("priority", f"kind-{kind}", MACHINE_SCORE)]
    floors = (
        (float(signal.floor), signal.id, held[signal.id])
        for signal in (policy.signals if policy else ())
        if _is_for_robots(signal) and signal.id in held
    )
    floor, reason, where = max(floors, default=(0.0, "", ""))
    if policy is None or floor <= MACHINE_SCORE:
        return Priority.LOW, MACHINE_SCORE, tuple(why)
    why.append(Evidence("priority", reason, floor - MACHINE_SCORE, where))
    return _level(policy, round(floor)), round(floor), tuple(why)


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
    times: Times = NOTHING,
    unfounded: frozenset[str] = frozenset(),
    learned: Learned = NO_MODEL,
    quote: bool = False,
) -> tuple[Priority, int, tuple[Evidence, ...]]:
    """The word, the score and the reasons, whose weights add up from the base to the score.

    Pure arithmetic: the base, the signals, what the other facets and the dates add, and the floors
    below which some of them do not let a mail fall. `unfounded` names signals whose danger is not
    meant to be so now; `learned` is what the trained model hears. `quote` puts the
    words of a deadline into its reason. The score is then brought between 0 and 100.
    """
    if policy is None:
        return Priority.NORMAL, NORMAL_SCORE, ()
    why = list(of_hits("priority", hits))
    why += (
        Evidence("priority", "not-so-now", -round(hit.points, 2), hit.signal.id)
        for hit in hits
        if hit.signal.id in unfounded
    )
    facets = (
        f"tier-{tier}",
        f"churn-{churn}",
        f"mood-{mood}",
        f"thread-{thread}",
        f"marked-{marked}",
        f"skill-{skill}",
    )
    why += (
        Evidence("priority", name, policy.adjust[name], name.partition("-")[0])
        for name in facets
        if policy.adjust.get(name)
    )
    why += _of_times(times, policy, quote=quote)
    calm = mood is not Mood.NEGATIVE and churn is Churn.LOW and thread is not Thread.CHASER
    if calm and times.says_nothing and not any(hit.points > 0 for hit in hits):
        why.append(Evidence("priority", "asks-nothing", ASKS_NOTHING, "body"))
    score = policy.base + sum(reason.weight for reason in why)
    pull, said = _pull(learned, score, policy)
    if pull:
        why.append(Evidence("priority", "model", pull, said))
        score += pull
    floors = [
        *_of_hits(hits, policy, unfounded, pull),
        *_of_facets(policy, churn=churn, thread=thread, times=times),
    ]
    highest = max(floors, default=None)
    if highest is not None and highest.score > score:
        rise = round(highest.score - score, 2)
        why.append(Evidence("priority", highest.reason, rise, f"at least {highest.score:g}"))
        score = highest.score
    number = max(0, min(100, round(score)))
    return _level(policy, number), number, tuple(why)


def _pull(learned: Learned, score: float, policy: Policy) -> tuple[float, str]:
    """The points by which the model moves the score of the rules, and what it says for itself.

    Each level has the log-odds that the model gives it, less what the rules hold against it. The
    score moves into the band of the level that wins, and no farther.
    """
    opinion = learned.opinions.get("priority")
    if opinion is None:
        return 0.0, ""
    seen = max(0.0, min(100.0, score))
    against = {
        str(level): -RULES_WEIGHT * abs(seen - centre) / 10 for level, centre in CENTRES.items()
    }
    against[Priority.NORMAL] += DOUBT
    level = Priority(decide(opinion, against)[0])
    lowest, highest = _band(policy, level)
    said = evidence("priority", opinion, level).where
    return round(max(lowest, min(highest, seen)) - score, 2), said


def _band(policy: Policy, level: Priority) -> tuple[float, float]:
    """The lowest and the highest score of a level."""
    starts = {**policy.levels, Priority.LOW: 0.0}
    above = [start for start in starts.values() if start > starts[level]]
    return starts[level], min(above, default=101.0) - 1


class _Floor(NamedTuple):
    score: float
    reason: str


def _level(policy: Policy, score: int) -> Priority:
    for level in (Priority.URGENT, Priority.HIGH, Priority.NORMAL):
        if score >= policy.levels[level]:
            return level
    return Priority.LOW


def _of_times(times: Times, policy: Policy, *, quote: bool) -> Iterator[Evidence]:
    """Points for the deadline, for how long the writer has waited and how often they wrote."""
    if times.deadline is not None:
        where = f'"{times.quoted}"' if quote and times.quoted else "date"
        for name, hours, points in DEADLINES:
            if times.deadline.hours <= hours:
                yield Evidence("priority", name, policy.adjust.get(name, points), where)
                break
    if times.waited >= 1:
        points = min(WAITING_MOST, round(2 * math.log2(1 + times.waited), 1))
        yield Evidence(
            "priority", "waiting", points, f"{times.waited:.0f} days" if quote else "date"
        )
    if times.contacts > 1:
        points = min(CONTACTS_MOST, CONTACT * (times.contacts - 1))
        yield Evidence("priority", "contacts", points, str(times.contacts))


def _of_hits(
    hits: Sequence[Hit], policy: Policy, unfounded: frozenset[str], learned: float
) -> Iterator[_Floor]:
    """The floors of the signals that hit, but for those that something takes back."""
    urgent = policy.levels[Priority.URGENT]
    with_floor = [hit for hit in hits if hit.signal.floor and hit.signal.id not in unfounded]
    pressing = [hit for hit in with_floor if hit.signal.floor >= urgent]
    against = sum(hit.points for hit in hits if hit.points < 0 and not hit.signal.floor)
    taken_back = against <= TAKEN_BACK or (learned <= LEARNED_DOUBT and _is_one_phrase(pressing))
    for hit in with_floor:
        if not (taken_back if hit.signal.floor >= urgent else against <= SETTLED):
            yield _Floor(float(hit.signal.floor), hit.signal.id)


def _is_one_phrase(hits: Sequence[Hit]) -> bool:
    """Whether one signal alone was hit, and that by one phrase."""
    return len(hits) == 1 and hits[0].points <= hits[0].signal.weight * SUBJECT_FACTOR


def _of_facets(policy: Policy, *, churn: Churn, thread: Thread, times: Times) -> Iterable[_Floor]:
    # A customer about to leave, or left waiting, is never an ordinary case.
    if churn is Churn.HIGH:
        yield _Floor(policy.levels[Priority.HIGH], f"churn-{churn}")
    if thread is Thread.CHASER:
        yield _Floor(policy.levels[Priority.HIGH], f"thread-{thread}")
    deadline = times.deadline
    if deadline is not None and deadline.kind and deadline.hours <= DAY:
        yield _Floor(DEADLINE_FLOOR, f"deadline-{deadline.kind}")
