"""When the knowledge base keeps silent, whatever it has found.

Agents are told the section of every mail that a human wrote. Customers are not told to read a page
when they complain, want to leave, call in a lawyer or report danger: there it reads as mockery.
"""

from typing import Final

from mailtriage.mail.model import Mail, MailStatus
from mailtriage.triage.model import Churn, Direction, Kind, Mood, Priority, Thread, Triage

SENSITIVE: Final = frozenset({"complaint", "cancellation", "privacy"})
"""Skills whose mails want a person: who withdraws, or asks for their data, has rights, not
questions."""
_THREATS: Final = frozenset({"priority-threat", "churn-threat"})
"""Signals that name a lawyer, a court, a regulator or the press."""


def not_looked_up(judged: Triage, mail: Mail) -> str:
    """Why nothing is looked up at all; empty when it is."""
    if judged.direction is Direction.OUTBOUND:
        return "outbound"
    if judged.kind is not Kind.HUMAN:
        return "not-human"
    if mail.encrypted:
        return "encrypted"
    if mail.status is MailStatus.UNREAD:
        return "unread"
    return ""


def not_for_customers(judged: Triage, mail: Mail) -> str:
    """Why the customer is shown no paragraph; empty when they may be."""
    reasons = (
        (not_looked_up(judged, mail), not_looked_up(judged, mail)),
        ("sensitive-skill", _sensitive(judged)),
        ("churn", judged.churn is not Churn.LOW),
        ("legal", any(one.id in _THREATS for one in judged.why)),
        ("urgent", judged.priority is Priority.URGENT),
        ("angry", judged.mood is Mood.NEGATIVE and judged.priority is Priority.HIGH),
        ("chaser", judged.thread is Thread.CHASER),
    )
    return next((reason for reason, applies in reasons if applies), "")


def _sensitive(judged: Triage) -> bool:
    return judged.skill in SENSITIVE or any(one.name in SENSITIVE for one in judged.skills)
