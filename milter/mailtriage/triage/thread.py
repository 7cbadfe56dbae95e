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


CONTACT: Final = 1.0
"""Points for each mail from the third on that the writer says this is, ..."""
CONTACTS_MOST: Final = 2.0
"""... and the most that these give: one more word makes a chaser."""


def standing(mail: Mail) -> Evidence | None:
    """What marks a reply: that it names the mail that it answers, or wears "Re:"; else None."""
    if mail.references:
        return Evidence("thread", "references", 1.0, "header References")
    if _REPLY_PREFIX.match(mail.subject):
        return Evidence("thread", "reply-subject", 1.0, "subject")
    return None


def judge(
    reply: Evidence | None, hits: Sequence[Hit], policy: Policy | None, contacts: int = 0
) -> tuple[Thread, tuple[Evidence, ...]]:
    """A chaser says so in words; a reply is marked as one (`standing`).

    `contacts` is how many times the writer says that they wrote, this mail counted; 0 when nothing
    is said of it.
    """
    if policy is not None and (hits or contacts > 2):
        why = of_hits("thread", hits)
        if contacts > 2:
            points = min(CONTACTS_MOST, CONTACT * (contacts - 2))
            why = (*why, Evidence("thread", "contacts", points, str(contacts)))
        if sum(reason.weight for reason in why) >= policy.levels["chaser"]:
            return Thread.CHASER, why
    return (Thread.REPLY, (reply,)) if reply is not None else (Thread.NEW, ())
