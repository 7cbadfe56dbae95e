"""Rules G: what came before.

An acknowledgement answers a request, and a conversation has one. What belongs to a conversation is
told by the Message-IDs that a mail refers to; where those lead nowhere, by its subject.
"""

import re
from typing import Final

from mailtriage.acks.domains import aligned
from mailtriage.acks.model import Case, Rule
from mailtriage.acks.ticket_tokens import MAX_SUBJECT, ticket_token
from mailtriage.state.ledger import Conversation
from mailtriage.triage.model import Thread

# What gateways and helpdesks put before "Re:", and the counters behind it.
_TAGS: Final = r"\s{0,5}(?:\[[^\]]{1,60}\]\s{0,5}){0,3}"
_COUNTER: Final = r"\s{0,3}(?:\[\d{1,3}\]|\(\d{1,3}\)|\d{1,3})?\s{0,3}[:：]"
_REPLY: Final = re.compile(
    rf"{_TAGS}(?:re|sv|aw|antw|antwort|vs|odp|res|r|rif|rép|ynt|bls){_COUNTER}", re.IGNORECASE
)
_FORWARD: Final = re.compile(
    rf"{_TAGS}(?:fwd?|wg|tr|vs|vb|vl|rv|i|enc|doorst|pd|ilt|továbbítás){_COUNTER}", re.IGNORECASE
)
# "VS:" is a reply in Finland and a forwarded mail in Norway and Denmark.
_VS_FORWARDS: Final = re.compile(rf"{_TAGS}vs{_COUNTER}", re.IGNORECASE)
_VS_LANGUAGES: Final = frozenset({"nb", "nn", "no", "da"})


def _open_conversation(case: Case) -> Conversation | None:
    """The conversation that the mail belongs to, unless it has been silent for so long that whoever
    writes now begins anew (G7)."""
    conversation = case.history.conversation
    if conversation is None or case.now - conversation.last_activity > case.config.ack.reopen:
        return None
    return conversation


def _other_sender(case: Case) -> str | None:
    """The boss in Cc: answers all. Whoever asked has been acknowledged."""
    conversation = _open_conversation(case)
    return None if conversation is None or conversation.same_sender else ""


def _promise(case: Case) -> float:
    """The time that was named to somebody who now asks where the answer is; 0: there is none, or it
    was kept."""
    conversation = _open_conversation(case)
    if case.triage.thread is not Thread.CHASER or conversation is None:
        return 0.0
    kept = conversation.answered >= conversation.acknowledged
    return 0.0 if kept else conversation.promised


def _chaser_too_early(case: Case) -> str | None:
    return "" if _promise(case) > case.now else None


def _chaser_too_late(case: Case) -> str | None:
    """What is owed now is an explanation, not another acknowledgement."""
    return "" if 0.0 < _promise(case) <= case.now else None


def _known(case: Case) -> str | None:
    if _open_conversation(case) is not None:
        return "conversation"
    if case.history.conversation is not None:
        return None
    # Our signature is proof enough, should the ledger know nothing of it (any more). A forged one
    # is a Message-ID like any other.
    ours = any(case.tokens.read_ack_message_id(each) is not None for each in case.mail.references)
    return "ack-id" if ours else None


def _reply_to_unknown(case: Case) -> str | None:
    """Both marks of a reply, yet to nothing that we know: it passed another way, or is forgotten.

    "Re:" alone is what people type to sound familiar; a reference alone is left by those who take
    an old mail to write a new one.
    """
    mail = case.mail
    if case.history.conversation is not None:
        return None  # G1 has judged it, by more than a guess
    if not mail.references and "In-Reply-To" not in mail.headers:
        return None
    if case.triage.language in _VS_LANGUAGES and _VS_FORWARDS.match(mail.subject):
        return None
    return "" if _REPLY.match(mail.subject) else None


def _ticket(case: Case) -> str | None:
    """A helpdesk's number in the subject, or a Message-ID of its making among those that the mail
    refers to: either puts the mail to the ticket that is there."""
    if case.history.conversation is not None:
        return None  # so that a conversation is begun anew (G7) where every subject has a number
    return _own_ticket(case) or ticket_token(case.mail.subject)


def _own_ticket(case: Case) -> str | None:
    """By the marks of the very helpdesk that the mailbox feeds."""
    profile = case.config.profiles.get(case.mailbox.profile) if case.mailbox else None
    if profile is None:
        return None
    form, own_id = profile.ticket_subject, profile.own_message_id
    subject = case.mail.subject[:MAX_SUBJECT]
    for found in form.finditer(subject) if form is not None else ():
        if not _counts_goods(subject[found.start() : found.start(found.lastindex or 0)]):
            return "helpdesk-number"
    if own_id is not None and any(
        own_id.fullmatch(each.strip("<>")) for each in case.mail.references
    ):
        return "helpdesk-id"
    return None


def _counts_goods(before: str) -> bool:
    """Whether a number is that of an order or a customer, by what stands before it: "[Order-4711]"
    fits the "[{name}-{number}]" of a helpdesk. Answers to a queue of such a name refer to its mail.
    """
    return ticket_token(f"[{before.strip('[#')[-60:]}#4711]") is None


def _forwarded_by_us(case: Case) -> str | None:
    """An agent hands a mail over: the customer who wrote it is not who would be answered.

    That the mail is really of our own domain D10 has seen to.
    """
    if not _FORWARD.match(case.mail.subject):
        return None
    author = case.mail.from_address.rpartition("@")[2]
    own = (*case.config.mailboxes.by_address, *case.config.ack.own_addresses)
    return "" if any(aligned(author, each.rpartition("@")[2]) for each in own) else None


RULES: Final = (
    Rule("G6", "somebody else joins a known conversation", _other_sender, uses_history=True),
    Rule("G4", "the promised time has not come yet", _chaser_too_early, uses_history=True),
    Rule(
        "G5", "the promised time is over: an apology is owed", _chaser_too_late, uses_history=True
    ),
    Rule("G1", "it belongs to a known conversation", _known, uses_history=True),
    Rule(
        "G2", "it answers a mail, of which nothing is known", _reply_to_unknown, uses_history=True
    ),
    Rule("G3", "it belongs to a ticket of the helpdesk", _ticket, uses_history=True),
    Rule("G10", "it was forwarded from within the organisation", _forwarded_by_us),
)
"""Those that forbid, in the order in which they are asked: what tells most comes first."""
