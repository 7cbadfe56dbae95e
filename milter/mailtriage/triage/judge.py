"""Mail to Triage: each facet in its turn, the later ones given what the earlier ones found.

Pure: the same mail, policies and customers give the same result. No sockets, no files, no clock
(a customer list may ask a server; that one look-up is bounded by its own time limit).
"""

from collections.abc import Collection
from typing import Final

from mailtriage.mail.model import Mail
from mailtriage.policies.matcher import Hit, Matcher, mail_text
from mailtriage.triage import churn, customer, kind, language, mood, priority, skill, thread
from mailtriage.triage.model import Direction, Kind, Thread, Triage

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
) -> Triage:
    """Judge one mail.

    `skills` are the ones that its mailbox may give (empty: all); `fixed_language` spares detection,
    for policy tests that say which language they are written in. With `quote` the evidence quotes
    the words that were hit.
    """
    spoken = language.Language(fixed_language, 1.0) if fixed_language else language.detect(mail)
    heard = spoken.code if spoken.confidence >= CONFIDENT_LANGUAGE else language.UNDETERMINED
    facets = matcher.policies.facets
    skill_hits: list[Hit] = []
    facet_hits: dict[str, list[Hit]] = {name: [] for name in facets}
    for hit in matcher.scan(mail, mail_text(mail), heard, quote=quote):
        if hit.policy.is_skill:
            skill_hits.append(hit)
        else:
            facet_hits[hit.policy.name].append(hit)

    def of(facet: str) -> list[Hit]:
        return facet_hits.get(facet, [])

    who, kind_why = kind.judge(mail, of("kind"), facets.get("kind"))
    where, thread_why = thread.judge(mail, of("thread"), facets.get("thread"))
    tier, tier_why = customer.judge(mail, customers)
    if who is Kind.HUMAN:
        matter = skill.judge(skill_hits, skills)
        feeling, mood_why = mood.judge(of("mood"), facets.get("mood"))
        leaving, churn_why = churn.judge(of("churn"), facets.get("churn"))
    else:
        # A robot has no mood, leaves nobody and asks for nothing.
        matter = skill.Skills()
        feeling, mood_why = mood.judge((), None)
        leaving, churn_why = churn.judge((), None)
        if where is Thread.CHASER:
            where, thread_why = thread.judge(mail, (), None)
    marked = priority.sender_marked(mail)
    level, score, priority_why = priority.judge(
        of("priority"),
        facets.get("priority"),
        kind=who,
        tier=tier,
        churn=leaving,
        mood=feeling,
        thread=where,
        marked=marked,
        skill=matter.skill,
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
        sender_marked=marked,
        why=(
            *spoken.why,
            *matter.why,
            *priority_why,
            *churn_why,
            *mood_why,
            *kind_why,
            *thread_why,
            *tier_why,
        ),
    )
