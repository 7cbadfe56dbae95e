"""A group inbox of Discourse, re-stated from discourse/discourse, lib/email/receiver.rb (2023-2024)."""

import re
from email import message_from_bytes
from email.message import Message
from typing import Final

from tests.helpdesks.headers import (
    addresses,
    bare_ids,
    delivered,
    is_queue,
    last,
    message_id,
    subject_of,
    values,
)
from tests.helpdesks.product import Product, Taken, Ticket

MOST_IDS: Final = 5

_PRECEDENCE: Final = re.compile(r"list|junk|bulk|auto_reply", re.IGNORECASE)
_SENDER: Final = re.compile(r"(mailer[\-_]?daemon|post[\-_]?master|no[\-_]?reply)@", re.IGNORECASE)
_SUBJECT: Final = re.compile(
    r"\s*(Auto:|Automatic reply|Autosvar|Automatisk svar|Automatisch antwoord|Abwesenheitsnotiz"
    r"|Risposta Non al computer|Auto Response|Respuesta automática|Fuori sede|Out of Office"
    r"|Frånvaro|Réponse automatique)",
    re.IGNORECASE,
)
_ANYWHERE: Final = re.compile(
    r"auto[\-_]?(response|submitted|replied|reply|generated|respond)|holidayreply|machinegenerated",
    re.IGNORECASE,
)


def take(raw: bytes, recipient: str) -> Taken:
    """process_internal: robots and mail to no group are rejected, with a mail to the writer."""
    mail = delivered(raw, recipient)
    if is_automatic(mail):
        return Taken(accepted=False, robot=True)
    found = destination(mail)
    return Taken(accepted=bool(found), queue=found)


def is_automatic(mail: Message) -> bool:
    """is_auto_generated?, with block_auto_generated_emails as it is installed: on. The last one
    searches names and values of every field, with "no" behind them or not."""
    everything = "\n".join(
        f"{name}: {value}"
        for name, value in mail.items()
        if name.lower() != "x-auto-response-suppress"
    )
    return bool(
        any(_PRECEDENCE.search(value) for value in values(mail, "Precedence"))
        or _SENDER.search(last(mail, "From"))
        or _SUBJECT.match(subject_of(mail))
        or _ANYWHERE.search(everything)
    )


def destination(mail: Message) -> str:
    """all_destinations, destinations: the first that belongs to a group."""
    named = addresses(
        last(mail, "To"),
        last(mail, "Cc"),
        last(mail, "Bcc"),
        *values(mail, "X-Forwarded-To"),
        *values(mail, "Delivered-To"),
    )
    return next((address for address in named if is_queue(address)), "")


def writer(mail: Message) -> str:
    """parse_from_field, without bounces and forwarded mail: who is taken to have written it."""
    own = next(iter(addresses(last(mail, "From"))), "")
    reply_to = next(iter(addresses(last(mail, "Reply-To"))), "")
    if values(mail, "X-Mailman-Version"):
        # extract_email_address_and_name_from_mailman
        named = addresses(*values(mail, "List-Post"), *values(mail, "X-BeenThere"))
        candidates = (own, reply_to, *addresses(*values(mail, "X-Original-From")))
        if named:
            return next((one for one in candidates if one and one != named[0]), own)
    original = addresses(*values(mail, "X-Original-From"))
    return reply_to if reply_to and reply_to in original[:1] else own


def joins(raw: bytes, ticket: Ticket) -> bool:
    """create_group_post: five ids, In-Reply-To first; whoever writes must have been a party to that
    mail (IncomingEmail.addressed_to_user; the group forbids unknown senders, as it is made)."""
    mail = message_from_bytes(raw)
    named = [*bare_ids(last(mail, "In-Reply-To")), *bare_ids(last(mail, "References"))]
    looked_at = list(dict.fromkeys(named))[:MOST_IDS]
    original = message_from_bytes(ticket.first)
    parties = addresses(*(last(original, name) for name in ("From", "To", "Cc")))
    return message_id(ticket.first) in looked_at and writer(mail) in parties


PRODUCT: Final = Product(
    profile="discourse",
    take=take,
    joins=joins,
    threads="five of In-Reply-To and References, from a party to the mail",
    evidence="source, 2023 to 2024",
)
