"""What is kept beside an acknowledgement where something may follow it: its order, and with that
the address. Nothing where neither updates nor surveys are switched on."""

from collections.abc import Iterable
from typing import Final

from mailtriage.acks.order import Order
from mailtriage.config.follow_ups import FollowUps
from mailtriage.config.mailboxes import Mailbox
from mailtriage.state.records import FollowUp
from mailtriage.triage.model import Churn, Triage

NEVER_ASKED: Final = frozenset({"complaint", "privacy", "cancellation", "legal"})
"""Skills after which nobody is asked how satisfied he was."""

AFTER_PROMISE: Final = 14 * 86_400.0
"""Seconds after the promised time for which an address is kept while nobody answers."""


def wanted(mailbox: Mailbox, follow_ups: FollowUps) -> frozenset[str]:
    """What a mailbox has switched on."""
    if not follow_ups.returns.domain or mailbox.ack not in ("send", "deferred"):
        return frozenset()
    switches = (("updates", mailbox.updates), ("survey", mailbox.survey))
    return frozenset(name for name, value in switches if value == "send")


def allowed(mailboxes: Iterable[Mailbox], follow_ups: FollowUps) -> frozenset[tuple[str, str]]:
    """Mailboxes with the kinds of mail, as the outbox has them, that each sends now."""
    kinds = {"updates": "update", "survey": "survey"}
    return frozenset(
        (mailbox.address, kinds[each])
        for mailbox in mailboxes
        for each in wanted(mailbox, follow_ups)
    )


def follow_up_of(
    order: Order, judged: Triage, mailbox: Mailbox, follow_ups: FollowUps
) -> FollowUp | None:
    """What may follow that acknowledgement; None: nothing."""
    wants = wanted(mailbox, follow_ups)
    if not order.by:
        wants -= {"updates"}
    if order.generic or order.skill in NEVER_ASKED or judged.churn is not Churn.LOW:
        wants -= {"survey"}
    if not wants:
        return None
    return FollowUp(
        plan=order.to_json(),
        wants=" ".join(sorted(wants)),
        promised=order.by,
        due=order.received + follow_ups.updates.quiet,
        expires=max(order.by, order.received) + AFTER_PROMISE,
    )
