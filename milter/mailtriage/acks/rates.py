"""Rules F: how many there were.

Whatever robot is not told by its marks is stopped here: these are the bounds on every loop. The
ledger counts acknowledgements, so what another rule has forbidden uses nothing up. One
acknowledgement a conversation (F1) is no rule of its own: a mail that belongs to a conversation is
forbidden by G1, and one that begins another is answered, however soon after the cool-down.
"""

from typing import Final

from mailtriage.acks.model import Case, Rule

_MOST_UNANSWERED: Final = 4
"""Mails of one conversation after an acknowledgement that nobody answered; the next is one more."""


def _handled(case: Case) -> str | None:
    """A client that lost the answer to its DATA sends the mail again (RFC 1047)."""
    return "" if case.history.handled else None


def _robot(case: Case) -> str | None:
    return "" if case.history.robot else None


def _cool_down(case: Case) -> str | None:
    last = case.history.last_ack
    # Either way: a clock that was put back must not shut a sender out until it has caught up.
    soon = abs(case.now - last) < case.config.ack.limits.cool_down
    return "" if last and soon else None


def _same_subject(case: Case) -> str | None:
    return "" if case.history.same_subject >= case.config.ack.limits.same_subject else None


def _to_sender(case: Case) -> str | None:
    limits, history = case.config.ack.limits, case.history
    if history.to_sender >= limits.per_sender:
        return "3h"
    if history.to_sender_today >= limits.per_sender_day:
        return "day"
    return None


def _unanswered(case: Case) -> str | None:
    """A robot that keeps a thread going, or a customer whom no more mail will calm. It holds
    after a long silence, too, when the conversation would begin anew (G7)."""
    conversation = case.history.conversation
    if conversation is None:
        return None
    nobody_answered = conversation.acknowledged > conversation.answered
    return "" if nobody_answered and conversation.unanswered >= _MOST_UNANSWERED else None


# A mail that was handled, and a robot, are always within the cool-down, too: they come first, to be
# named for what they are.
RULES: Final = (
    Rule("F7", "this very mail has been handled already", _handled, uses_history=True),
    Rule("F13", "the sender answers acknowledgements like a machine", _robot, uses_history=True),
    Rule("F2", "the sender was sent one a moment ago", _cool_down, uses_history=True),
    Rule("F3", "the sender was sent enough about this subject", _same_subject, uses_history=True),
    Rule("F4", "the sender was sent enough for now", _to_sender, uses_history=True),
    Rule(
        "F14", "nobody answered the last mails of this conversation", _unanswered, uses_history=True
    ),
)
"""Those that forbid, in the order in which they are asked."""
