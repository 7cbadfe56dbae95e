"""Where the mail stands in a conversation: new, a reply, or a chaser for an answer that is owed."""

import re
from collections.abc import Sequence
from typing import Final

from mailtriage.mail.model import Mail
from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy
from mailtriage.triage.model import Evidence, Thread

# "Re:" in the languages that people's mail programs speak, with counters ("Re[2]:", "AW(3):").
_REPLY_PREFIX: Final = re.compile(
    r"\s*(re|sv|aw|antw|antwort|vs|odp|rv|res|r|rif|rép|ref|ynt|vl|bls)"
    r"\s*(\[\d{1,3}\]|\(\d{1,3}\)|\d{1,3})?\s*:",
    re.IGNORECASE,
)


def judge(
    mail: Mail, hits: Sequence[Hit], policy: Policy | None
) -> tuple[Thread, tuple[Evidence, ...]]:
    """A chaser says so in words; a reply names the mail that it answers, or wears "Re:"."""
    if policy is not None and hits:
        points = sum(hit.points for hit in hits)
        if points >= policy.levels["chaser"]:
            why = (
                Evidence("thread", hit.signal.id, round(hit.points, 2), hit.where) for hit in hits
            )
            return Thread.CHASER, tuple(why)
    if mail.references:
        return Thread.REPLY, (Evidence("thread", "references", 1.0, "header References"),)
    if _REPLY_PREFIX.match(mail.subject):
        return Thread.REPLY, (Evidence("thread", "reply-subject", 1.0, "subject"),)
    return Thread.NEW, ()
