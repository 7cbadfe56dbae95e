"""May this mail be answered? Every rule in its order; the first that forbids decides.

The order is that of docs/acknowledgements.md: who sent it, what its header says, what it carries,
whether the address to be answered is authenticated, whom it was written to, how many there were
before, what came before it, and where the answer would go.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Final

from mailtriage.acks import (
    content,
    conversations,
    destinations,
    headers,
    rates,
    recipients,
    senders,
    trust,
)
from mailtriage.acks.model import Announced, Case, Rule, Verdict

RULES: Final[tuple[Rule, ...]] = tuple(
    chain(
        senders.RULES,
        headers.RULES,
        content.RULES,
        trust.RULES,
        recipients.RULES,
        rates.RULES,
        conversations.RULES,
        destinations.RULES,
    )
)

_OF_HISTORY: Final = tuple(rule for rule in RULES if rule.uses_history)


def decide(case: Case) -> Verdict:
    """The decision on one mail, with the first rule that forbids an answer."""
    return _verdict(case, RULES)


def decide_again(case: Case) -> Verdict:
    """The same by those rules alone that look at what is remembered: for a mail of which a door has
    found that no other forbids an answer."""
    return _verdict(case, _OF_HISTORY)


def _verdict(case: Case, rules: Iterable[Rule]) -> Verdict:
    for rule in rules:
        detail = rule.forbids(case)
        if detail is not None:
            announced = Announced.SKIPPED if _acknowledges(case) else Announced.NONE
            return Verdict(announced, rule.id, detail, rule.why)
    # Not before: what a robot or a list says is never cut into new and quoted for its own sake.
    generic = content.generic(case)
    repeat = trust.may_repeat_subject(case) and not generic
    delegated = case.mailbox is not None and case.mailbox.ack == "delegate"
    announced = Announced.DELEGATED if delegated else Announced.SENT
    return Verdict(announced, generic=generic, repeat_subject=repeat)


def _acknowledges(case: Case) -> bool:
    """Whether acknowledgements are this mail's matter at all."""
    return case.mailbox is not None and case.mailbox.ack != "off"
