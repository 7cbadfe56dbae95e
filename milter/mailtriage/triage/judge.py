"""Mail to Triage: each facet in its turn, the later ones given what the earlier ones found.

Pure: the same mail, policies and customers give the same result. No sockets, no files, no clock
(a customer list may ask a server; that one look-up is bounded by its own time limit).
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from mailtriage.classifier.model import Classifier
from mailtriage.mail.model import Mail
from mailtriage.policies.denial import without_denied
from mailtriage.policies.matcher import Hit, Matcher, mail_text
from mailtriage.policies.model import FACETS
from mailtriage.triage import (
    churn,
    customer,
    deadline,
    kind,
    language,
    mood,
    priority,
    skill,
    thread,
    unreal,
)
from mailtriage.triage.learned import learned, with_words
from mailtriage.triage.model import Direction, Evidence, Kind, Priority, Tier, Triage

CONFIDENT_LANGUAGE: Final = 0.5
"""Below this the words of every language count."""


def triage(
    mail: Mail,
    matcher: Matcher,
    customers: customer.CustomerList,
    *,
    skills: Collection[str] = (),
    direction: Direction = Direction.INBOUND,
    fixed_language: str = "",
    quote: bool = False,
    model: Classifier | None = None,
) -> Triage:
    """Judge one mail.

    `skills` are the ones that its mailbox may give (empty: all); `fixed_language` spares detection,
    for policy tests that say which language they are written in. With `quote` the evidence quotes
    the words that were hit. `model` speaks beside the rules; without one they decide alone.
    """
    tier, tier_why = customer.judge(mail, customers)
    envelope = _Envelope(direction, tier, tier_why, priority.sender_marked(mail))
    robot = kind.by_headers(mail)
    spoken = _language(mail, fixed_language, robot=robot is not None)
    if robot is not None:
        # No human, no matter: nothing is looked for in the words of a third of all mail.
        return _robot(mail, envelope, spoken, *robot, matcher)
    heard = spoken.code if spoken.confidence >= CONFIDENT_LANGUAGE else language.UNDETERMINED
    facets = matcher.policies.facets
    skill_hits: list[Hit] = []
    facet_hits: dict[str, list[Hit]] = {name: [] for name in FACETS}
    text = without_denied(mail_text(mail), heard)
    hits = matcher.scan(mail, text, heard, quote=quote)
    for hit in hits:
        (skill_hits if hit.policy.is_skill else facet_hits[hit.policy.name]).append(hit)
    heard_by_model = learned(model, text, hits)
    who, kind_why = kind.by_words(mail, facet_hits["kind"], facets.get("kind"), heard_by_model)
    if who is not Kind.HUMAN:
        return _robot(mail, envelope, spoken, who, kind_why, matcher)
    times = deadline.read(mail, text, heard)
    where, thread_why = thread.judge(
        mail, facet_hits["thread"], facets.get("thread"), times.contacts
    )
    matter = skill.judge(skill_hits, skills, heard_by_model)
    feeling, mood_why = mood.judge(facet_hits["mood"], facets.get("mood"), heard_by_model)
    leaving, churn_why = churn.judge(facet_hits["churn"], facets.get("churn"), heard_by_model)
    level, score, priority_why = priority.judge(
        facet_hits["priority"],
        facets.get("priority"),
        tier=tier,
        churn=leaving,
        mood=feeling,
        thread=where,
        marked=envelope.marked,
        skill=matter.skill,
        times=times,
        unfounded=unreal.unfounded(text, heard, matcher, facet_hits["priority"]),
        learned=heard_by_model,
        quote=quote,
    )
    return Triage(
        direction=direction,
        language=spoken.code,
        language_confidence=spoken.confidence,
        skill=matter.skill,
        skill_confidence=matter.confidence,
        skills=matter.all,
        priority=level,
        score=score,
        tier=tier,
        churn=leaving,
        mood=feeling,
        kind=who,
        thread=where,
        topic=matter.topic,
        sender_marked=envelope.marked,
        why=(
            *spoken.why,
            *(
                with_words(matter.why, model, text, hits, matter.skill)
                if quote and model
                else matter.why
            ),
            *priority_why,
            *churn_why,
            *mood_why,
            *kind_why,
            *thread_why,
            *tier_why,
        ),
    )


class _Envelope(NamedTuple):
    """What is known of a mail before its words are read."""

    direction: Direction
    tier: Tier
    tier_why: tuple[Evidence, ...]
    marked: Priority | None


def _language(mail: Mail, fixed: str, *, robot: bool) -> language.Language:
    if fixed:
        return language.Language(fixed, 1.0)
    # Robots quote nobody; what they write need not be looked for between quotes and signatures.
    return language.detect(mail, mail.text if robot else mail.newest_text)


def _robot(
    mail: Mail,
    envelope: _Envelope,
    spoken: language.Language,
    who: Kind,
    kind_why: tuple[Evidence, ...],
    matcher: Matcher,
) -> Triage:
    """What no human wrote has no mood, leaves nobody, and asks for nothing."""
    where, thread_why = thread.judge(mail, (), None)
    level, score, priority_why = priority.of_robot(
        who, mail, matcher.policies.facets.get("priority")
    )
    return Triage(
        direction=envelope.direction,
        language=spoken.code,
        language_confidence=spoken.confidence,
        priority=level,
        score=score,
        tier=envelope.tier,
        kind=who,
        thread=where,
        sender_marked=envelope.marked,
        why=(*spoken.why, *priority_why, *kind_why, *thread_why, *envelope.tier_why),
    )
