"""From the decision to answer to all that goes into the answer."""

import datetime as dt
from typing import Final

from mailtriage.acks.compose import Order
from mailtriage.acks.model import Case, Verdict
from mailtriage.acks.promise import StaticTargets, config_calendar, promise
from mailtriage.config.mailboxes import Mailbox

CONFIDENT: Final = 0.8
"""Below this confidence in the language the customer is answered in two."""


def draft(case: Case, mailbox: Mailbox, verdict: Verdict) -> Order:
    """Everything that the acknowledgement of that mail is made of, the promised time included."""
    judged, mail = case.triage, case.mail
    received = dt.datetime.fromtimestamp(case.now, dt.UTC)
    target = StaticTargets(case.config.targets).target(judged.skill, str(judged.priority))
    when = promise(config_calendar(case.config, mailbox), target, received)
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
        busy=False,
        kb=None,
        ticket="",
    )
