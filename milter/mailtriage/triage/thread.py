"""Where the mail stands in a conversation: new, a reply, or a chaser for an answer that is owed."""

import re
from collections.abc import Sequence
from typing import Final

from mailtriage.mail.model import Mail
from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy
from mailtriage.triage.evidence import of_hits
from mailtriage.triage.model import Evidence, Thread

# "Re:" as mail programs write it in their languages, with counters ("Re[2]:", "AW(3):"), behind the
# tags that gateways and helpdesks put before it ("[External] Re:"). "Ref:", "RV:" and "VL:" are
# none: they mark a reference number and a mail that was forwarded.
_REPLY_PREFIX: Final = re.compile(
    r"\s*(?:\[[^\]]{1,60}\]\s*){0,3}"
    r"(?:re|sv|aw|antw|antwort|vs|odp|res|r|rif|rép|ynt|bls)"
    r"\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\d{1,3})?\s*[:：]",
    re.IGNORECASE,
)


def judge(
    mail: Mail, hits: Sequence[Hit], policy: Policy | None
) -> tuple[Thread, tuple[Evidence, ...]]:
    """A chaser says so in words; a reply names the mail that it answers, or wears "Re:"."""
    if policy is not None and hits and sum(hit.points for hit in hits) >= policy.levels["chaser"]:
        return Thread.CHASER, of_hits("thread", hits)
    if mail.references:
        return Thread.REPLY, (Evidence("thread", "references", 1.0, "header References"),)
    if _REPLY_PREFIX.match(mail.subject):
        return Thread.REPLY, (Evidence("thread", "reply-subject", 1.0, "subject"),)
    return Thread.NEW, ()
