"""What the desk finds again of a mail: in the tags that it bears, and in the store."""

from mailtriage.acks.seal import Facts
from mailtriage.desk.copy import Opened, tag
from mailtriage.state.ledger import LedgerQuestion
from mailtriage.state.store import Store
from mailtriage.triage.model import Churn, Kind, Mood, Priority, Thread, Tier, Triage


def triage_of(opened: Opened, facts: Facts) -> Triage:
    """The tags again as a triage: as far as an acknowledgement depends on it."""
    tags = opened.tags
    return Triage(
        language=tag(tags, "language"),
        language_confidence=facts.confidence / 100,
        skill=tag(tags, "skill"),
        priority=Priority(tag(tags, "priority")),
        tier=Tier(tag(tags, "tier")),
        churn=Churn(tag(tags, "churn")),
        kind=Kind(tag(tags, "kind")),
        thread=Thread(tag(tags, "thread")),
        topic=tag(tags, "topic"),
        mood=Mood(tag(tags, "mood")),
    )


def is_other_copy(only_here: str, question: LedgerQuestion, store: Store) -> bool:
    """Whether this very delivery was recorded already, by the other of the two ways to the desk."""
    if not only_here:
        return False
    return store.conversation_of((only_here,), question.address) is not None


def is_acknowledged_elsewhere(question: LedgerQuestion, store: Store) -> bool:
    """Whether another mailbox has acknowledged this very mail (rule E5): it came for both while the
    milter was down, or in a transaction for each."""
    if not question.message_id:
        return False
    known = store.conversation_of((question.message_id,), question.address)
    return known is not None and known.same_sender and known.acknowledged > 0
