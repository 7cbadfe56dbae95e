"""The one question about a mail, put to Redis, and the answer."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from mailtriage.acks.tokens import Tokens
from mailtriage.state.ledger import Conversation, History, LedgerQuestion
from mailtriage.state.lookup import (
    DAY,
    HOUR,
    RECENT,
    ROBOT,
    UNDELIVERABLE,
    address_pseudonym,
    client_of,
    subject_of,
)
from mailtriage.state.redis_link import Value
from mailtriage.state.shared_records import (
    Claim,
    Pulled,
    SharedAck,
    SharedConversation,
    SharedDataError,
    SharedMark,
    number,
    read_conversation,
    unpack_ack,
)

MOST_REFERENCES: Final = 50
"""Of a mail, the newest; each costs Redis a look."""
CLAIM: Final = int(DAY)
"""Seconds for which a node has a mail in hand, unless it tries again: its Postfix does so within
two hours."""

_CLAIMS: Final[dict[bytes, Claim]] = {
    b"none": "none",
    b"mine": "mine",
    b"other": "other",
    b"recorded": "recorded",
}


def fingerprint(tokens: Tokens) -> str:
    """Tells the secret of this installation from another, and nothing about it."""
    return tokens.seal(b"the secret of the nodes that share a Redis")


def pull_values(
    question: LedgerQuestion,
    tokens: Tokens,
    horizon: float,
    *,
    node: bytes = b"",
    also: Iterable[str] = (),
) -> list[Value]:
    """What redis_scripts.PULL wants. `node`: who claims the mail; empty: nobody. `horizon`: seconds
    for which acknowledgements count. `also`: Message-IDs whose conversations are wanted beside that
    of the references."""
    values: list[Value] = [
        node,
        CLAIM if node else 0,
        question.key,
        address_pseudonym(tokens, question.address),
        client_of(tokens, question.network),
        question.now,
        question.now - horizon,
    ]
    groups = [tuple(reversed(question.references[-MOST_REFERENCES:])), *((one,) for one in also)]
    for group in groups:
        values.append(len(group))
        for reference in group:
            key = tokens.read_ack_message_id(reference)
            values += ("k", key) if key else ("i", tokens.pseudonym("message-id", reference))
    return values


def horizon_of(cool_down: float) -> float:
    """Seconds for which an acknowledgement counts for any limit."""
    return max(DAY, cool_down)


def read_pulled(answer: Sequence[Any]) -> Pulled:
    """What PULL returned. Raises SharedDataError."""
    try:
        epoch, claim, address, network, acks, others, mark, conversations = answer
        own = _pairs(acks)
        held = SharedMark(address, *map(number, mark)) if mark else None
        read = [
            read_conversation(shared_id, message, dict(_pairs(fields)))
            for shared_id, message, fields in conversations
        ]
        known = {key: unpack_ack(address, key, packed) for key, packed in own}
        for key, at in _pairs(others):
            known.setdefault(key, SharedAck(key, number(at), network=network))
        return Pulled(
            epoch=epoch.decode(),
            claim=_CLAIMS[claim],
            acks=tuple(known.values()),
            mark=held if held is not None and (held.latest or held.opted_out) else None,
            conversations=tuple(one for one in read if one is not None),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SharedDataError("Redis holds what mailtriage has not written") from error


def history_of(pulled: Pulled, question: LedgerQuestion, tokens: Tokens) -> History:
    """The same as `lookup.look_up` would find, had all of it happened on one node."""
    now, address = question.now, address_pseudonym(tokens, question.address)
    own = [ack for ack in pulled.acks if address and ack.address == address]
    recent = [ack for ack in own if ack.at > now - RECENT]
    subject = subject_of(tokens, question.subject)
    mark = pulled.mark or SharedMark(b"")
    network = client_of(tokens, question.network)
    found = pulled.conversations[0] if pulled.conversations else None
    return History(
        handled=pulled.claim == "recorded",
        last_ack=max((ack.at for ack in own if ack.mailbox == question.mailbox), default=0.0),
        same_subject=sum(ack.subject == subject for ack in recent),
        to_sender=len(recent),
        to_sender_today=sum(ack.at > now - DAY for ack in own),
        to_network=sum(ack.at > now - HOUR and ack.network == network for ack in pulled.acks)
        if network
        else 0,
        undeliverable=0 < mark.undeliverable > now - UNDELIVERABLE,
        complained=mark.complained > 0,
        robot=0 < mark.robot > now - ROBOT,
        conversation=_conversation(found, address) if found else None,
    )


def merged(here: History, everywhere: History) -> History:
    """What this node knows beside what all of them know: the latter may be a moment behind."""
    return History(
        handled=here.handled or everywhere.handled,
        last_ack=max(here.last_ack, everywhere.last_ack),
        same_subject=max(here.same_subject, everywhere.same_subject),
        to_sender=max(here.to_sender, everywhere.to_sender),
        to_sender_today=max(here.to_sender_today, everywhere.to_sender_today),
        to_network=max(here.to_network, everywhere.to_network),
        undeliverable=here.undeliverable or everywhere.undeliverable,
        complained=here.complained or everywhere.complained,
        robot=here.robot or everywhere.robot,
        conversation=_merged(here.conversation, everywhere.conversation),
    )


def _merged(here: Conversation | None, everywhere: Conversation | None) -> Conversation | None:
    if here is None or everywhere is None:
        return here or everywhere
    newer = here if here.acknowledged >= everywhere.acknowledged else everywhere
    return Conversation(
        id=here.id,
        same_sender=here.same_sender,
        last_activity=max(here.last_activity, everywhere.last_activity),
        answered=max(here.answered, everywhere.answered),
        acknowledged=newer.acknowledged,
        promised=newer.promised,
        # Each may have seen a reset that the other has not: the later view counts.
        unanswered=here.unanswered
        if here.last_activity >= everywhere.last_activity
        else everywhere.unanswered,
        skill=here.skill or everywhere.skill,
        language=here.language or everywhere.language,
    )


def _conversation(found: SharedConversation, address: bytes) -> Conversation:
    first = next((mail for mail in found.mails if mail.way == "in"), None)
    return Conversation(
        id=0,
        same_sender=bool(address) and found.customer == address,
        last_activity=found.last_activity,
        answered=found.answered,
        acknowledged=found.acknowledged,
        promised=found.promised,
        unanswered=found.unanswered,
        skill=first.skill if first else "",
        language=first.language if first else "",
    )


def _pairs(flat: Sequence[Any]) -> list[tuple[bytes, bytes]]:
    return cast("list[tuple[bytes, bytes]]", list(zip(flat[::2], flat[1::2], strict=True)))
