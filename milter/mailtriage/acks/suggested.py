"""What the knowledge base says to a mail, and what its acknowledgement shows of that.

A door looks the mail up while Postfix waits: pure, bounded, and never in the way. Under the seal it
says which section and paragraph it was, and the desk takes that out of the index again. It may have
another edition by then, or none: then there is no link, and nothing else changes.
"""

from dataclasses import dataclass
from typing import Final, Literal

from mailtriage.acks.order import KbLink
from mailtriage.config.kb import KbConfig
from mailtriage.knowledge.model import Suggestion
from mailtriage.knowledge.quote import quoted
from mailtriage.knowledge.rules import not_for_customers, not_looked_up
from mailtriage.knowledge.search import KnowledgeIndex, Limits
from mailtriage.mail.model import Mail
from mailtriage.triage.model import Triage

Result = Literal["", "suggested", "maybe", "abstained"]
"""What became of the look-up; empty: there was none."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """What is said of the section that answers a mail."""

    result: Result = ""
    id: str = ""
    """For X-Mailtriage-Kb; empty: none."""
    passage: int = -1
    """Which paragraph of the section the customer is shown; -1: none."""
    link: KbLink | None = None
    """The same, as it stands in the acknowledgement."""


NOTHING: Final = Suggested()

MOST_PASSAGES: Final = 99
"""Number of the last paragraph that a seal has room for."""


def suggest(
    knowledge: KnowledgeIndex | None, mail: Mail, judged: Triage, settings: KbConfig
) -> Suggested:
    """Look a mail up. Agents are told the section; customers only where that is no mockery
    (knowledge/rules.py), and the page has an address. Never raises."""
    if knowledge is None or not_looked_up(judged, mail):
        return NOTHING
    limits = Limits(threshold=settings.threshold, maybe=settings.maybe)
    found = knowledge.find(mail.newest_text, judged.language, subject=mail.subject, limits=limits)
    if found is None:
        return Suggested("abstained")
    if not found.sure:
        return Suggested("maybe")
    if not found.url or not_for_customers(judged, mail):
        return Suggested("suggested", found.id)
    if found.passage > MOST_PASSAGES:
        return Suggested("suggested", found.id)
    return Suggested("suggested", found.id, found.passage, _link(found))


def link_of(knowledge: KnowledgeIndex | None, section: str, passage: int) -> KbLink | None:
    """What the acknowledgement says of it; None when there is nothing to be said. Never raises."""
    if knowledge is None or passage < 0:
        return None
    entry = knowledge.named(section)
    if entry is None or passage >= len(entry.passages):
        return None
    found = entry.passages[passage]
    return KbLink(entry.heading or entry.title, found.link, quoted(found.text))


def _link(found: Suggestion) -> KbLink:
    return KbLink(found.heading, found.url, found.quote)
