"""From the decision to answer to all that goes into the answer."""

from typing import Final

from mailtriage.acks.compose import KbLink, Order
from mailtriage.acks.model import Case, Verdict
from mailtriage.acks.promise import TARGETS_ALONE, Answers, StaticTargets, config_calendar
from mailtriage.config.mailboxes import Mailbox

CONFIDENT: Final = 0.8
"""Below this confidence in the language the customer is answered in two."""


def draft(
    case: Case,
    mailbox: Mailbox,
    verdict: Verdict,
    answers: Answers = TARGETS_ALONE,
    kb: KbLink | None = None,
) -> Order:
    """Everything that the acknowledgement of that mail is made of, the promised time included."""
    judged, mail = case.triage, case.mail
    when, busy = answers.expect(
        config_calendar(case.config, mailbox),
        StaticTargets(case.config.targets),
        (judged.skill, str(judged.priority)),
        case.now,
        _still_promised(case),
    )
    confident = judged.language_confidence >= CONFIDENT
    return Order(
        key=case.key,
        mailbox=mailbox.address,
        to=case.destination.address,
        language=judged.language if confident else "und",
        subject=mail.subject if verdict.repeat_subject else "",
        message_id=mail.message_id,
        references=mail.references,
        received=case.now,
        skill=judged.skill,
        priority=str(judged.priority),
        generic=verdict.generic,
        by=when.by.timestamp() if when else 0.0,
        opening=when.opening if when else "open",
        opens=when.opens.timestamp() if when and when.opens else 0.0,
        late=when.late if when else False,
        busy=busy,
        kb=kb,
        ticket="",
    )


def _still_promised(case: Case) -> float:
    """The time that the conversation was promised, unless somebody has answered since; else 0."""
    known = case.history.conversation
    if known is None or not known.same_sender or known.answered >= known.acknowledged:
        return 0.0
    return known.promised
