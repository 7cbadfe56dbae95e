"""Mail to Triage: each facet in its turn, the later ones given what the earlier ones found.

First what the mail says is looked for (`Seen`), then the facets conclude from that alone.

Pure: the same mail, policies and customers give the same result. No sockets, no files, no clock
(a customer list may ask a server; that one look-up is bounded by its own time limit).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from mailtriage.classifier.model import Classifier
from mailtriage.mail.model import Mail
from mailtriage.policies.denial import without_denied
from mailtriage.policies.matcher import Hit, MailText, Matcher, mail_text
from mailtriage.policies.model import FACETS, Policies
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
from mailtriage.triage.model import Direction, Evidence, Kind, Triage
from mailtriage.triage.seen import Seen

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
    robot = kind.by_headers(mail)
    spoken = _language(mail, fixed_language, robot=robot is not None)
    seen = Seen(
        direction=direction,
        tier=tier,
        tier_why=tier_why,
        marked=priority.sender_marked(mail),
        spoken=spoken,
        standing=thread.standing(mail),
        robot=robot,
        skills=tuple(skills),
    )
    if robot is not None:
        # No human, no matter: nothing is looked for in the words of a third of all mail.
        held = priority.held_floors(mail, matcher.policies.facets.get("priority"))
        return conclude(replace(seen, held=held), matcher.policies)
    heard = heard_language(spoken)
    text = without_denied(mail_text(mail), heard)
    hits = matcher.scan(mail, text, heard, quote=quote)
    pressing = [hit for hit in hits if hit.policy.name == "priority" and not hit.policy.is_skill]
    seen = replace(
        seen,
        held={
            hit.signal.id: hit.where for hit in pressing if hit.signal.sender or hit.signal.header
        },
        null_sender=kind.null_sender(mail),
        hits=tuple(hits),
        learned=learned(model, text, hits),
        times=deadline.read(mail, text, heard),
        unfounded=unreal.unfounded(text, heard, matcher, pressing),
    )
    found = conclude(seen, matcher.policies, quote=quote)
    return _with_words(found, model, text, hits) if quote and model else found


def heard_language(spoken: language.Language) -> str:
    """The language whose words are looked for; "und" stands for all."""
    return spoken.code if spoken.confidence >= CONFIDENT_LANGUAGE else language.UNDETERMINED


def conclude(seen: Seen, policies: Policies, *, quote: bool = False) -> Triage:
    """What follows from what was seen, by these policies. Arithmetic alone."""
    if seen.robot is not None:
        return _robot(seen, *seen.robot, policies)
    facets = policies.facets
    skill_hits: list[Hit] = []
    facet_hits: dict[str, list[Hit]] = {name: [] for name in FACETS}
    for hit in seen.hits:
        (skill_hits if hit.policy.is_skill else facet_hits[hit.policy.name]).append(hit)
    heard = seen.learned
    who, kind_why = kind.by_words(
        facet_hits["kind"], facets.get("kind"), heard, unanswerable=seen.null_sender
    )
    if who is not Kind.HUMAN:
        return _robot(seen, who, kind_why, policies)
    where, thread_why = thread.judge(
        seen.standing, facet_hits["thread"], facets.get("thread"), seen.times.contacts
    )
    matter = skill.judge(skill_hits, seen.skills, heard)
    feeling, mood_why = mood.judge(facet_hits["mood"], facets.get("mood"), heard)
    leaving, churn_why = churn.judge(facet_hits["churn"], facets.get("churn"), heard)
    level, score, priority_why = priority.judge(
        facet_hits["priority"],
        facets.get("priority"),
        tier=seen.tier,
        churn=leaving,
        mood=feeling,
        thread=where,
        marked=seen.marked,
        skill=matter.skill,
        times=seen.times,
        unfounded=seen.unfounded,
        learned=heard,
        quote=quote,
    )
    return Triage(
        direction=seen.direction,
        language=seen.spoken.code,
        language_confidence=seen.spoken.confidence,
        skill=matter.skill,
        skill_confidence=matter.confidence,
        skills=matter.all,
        priority=level,
        score=score,
        tier=seen.tier,
        churn=leaving,
        mood=feeling,
        kind=who,
        thread=where,
        topic=matter.topic,
        sender_marked=seen.marked,
        why=(
            *seen.spoken.why,
            *matter.why,
            *priority_why,
            *churn_why,
            *mood_why,
            *kind_why,
            *thread_why,
            *seen.tier_why,
        ),
        seen=seen,
    )


def _language(mail: Mail, fixed: str, *, robot: bool) -> language.Language:
    if fixed:
        return language.Language(fixed, 1.0)
    # Robots quote nobody; what they write need not be looked for between quotes and signatures.
    return language.detect(mail, mail.text if robot else mail.newest_text)


def _with_words(found: Triage, model: Classifier, text: MailText, hits: Sequence[Hit]) -> Triage:
    """For people: the words with it by which the model told the skill."""
    why: list[Evidence] = []
    for one in found.why:
        told = one.facet == "skill" and one.id == "model"
        why += with_words([one], model, text, hits, found.skill) if told else [one]
    return replace(found, why=tuple(why))


def _robot(seen: Seen, who: Kind, kind_why: tuple[Evidence, ...], policies: Policies) -> Triage:
    """What no human wrote has no mood, leaves nobody, and asks for nothing."""
    where, thread_why = thread.judge(seen.standing, (), None)
    policy = policies.facets.get("priority")
    level, score, priority_why = priority.of_robot(who, seen.held, policy)
    return Triage(
        direction=seen.direction,
        language=seen.spoken.code,
        language_confidence=seen.spoken.confidence,
        priority=level,
        score=score,
        tier=seen.tier,
        kind=who,
        thread=where,
        sender_marked=seen.marked,
        why=(*seen.spoken.why, *priority_why, *kind_why, *thread_why, *seen.tier_why),
        seen=seen,
    )
