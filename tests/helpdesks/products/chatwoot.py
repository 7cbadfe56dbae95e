"""An e-mail inbox of Chatwoot that fetches by IMAP, re-stated from chatwoot/chatwoot.

What is read there: app/mailboxes/imap/imap_mailbox.rb, app/presenters/mail_presenter.rb,
app/mailboxes/incoming_email_validity_helper.rb. Mail that is posted to its ingress instead finds
its inbox by To and Cc alone (app/finders/email_channel_finder.rb): `posted_to` below.
"""

import re
from email import message_from_bytes
from email.message import Message
from typing import Final

from tests.helpdesks.headers import addresses, bare_ids, first, is_queue, last, message_id, queue_of
from tests.helpdesks.product import Product, Taken, Ticket

CHATWOOT: Final = "accounts@chatwoot.desk.example"
"""MAILER_SENDER_EMAIL of the installation."""

_DEVISE: Final = re.compile(r"[^@\s]+@[^@\s]+")


def take(raw: bytes, recipient: str) -> Taken:
    """The account that the mail lies in is the inbox; no field says another."""
    mail = message_from_bytes(raw)
    writer = sender(mail)
    # valid_external_email_for_active_account?, incoming_email_from_valid_email?
    if writer.lower() == CHATWOOT or not _DEVISE.fullmatch(writer):
        return Taken(accepted=False, robot=is_automatic(mail))
    return Taken(robot=is_automatic(mail), queue=queue_of(recipient))


def sender(mail: Message) -> str:
    """MailPresenter#original_sender: whose contact the conversation belongs to."""
    fields = (last(mail, "Reply-To"), first(mail, "X-Original-Sender"), last(mail, "From"))
    return next(iter(addresses(*(value for value in fields if value))), "")


def is_automatic(mail: Message) -> bool:
    """MailPresenter#auto_reply?: case counts. The mail becomes a conversation all the same."""
    submitted = first(mail, "Auto-Submitted")
    return (submitted not in ("", "no")) or first(mail, "X-Autoreply") == "yes"


def posted_to(raw: bytes) -> str:
    """EmailChannelFinder#perform: the first of To and Cc that is an inbox; never the envelope."""
    mail = message_from_bytes(raw)
    named = addresses(last(mail, "To"), last(mail, "Cc"))
    plain = (re.sub(r"\+.*@", "@", address) for address in named)
    return next((address for address in plain if is_queue(address)), "")


def joins(raw: bytes, ticket: Ticket) -> bool:
    """Imap::ImapMailbox#find_or_create_conversation, in the same inbox: the first id of In-Reply-To,
    then any of References. Another inbox knows nothing of this conversation."""
    mail = message_from_bytes(raw)
    known = message_id(ticket.first)
    if known in bare_ids(last(mail, "In-Reply-To"))[:1]:
        return True
    return known in bare_ids(last(mail, "References"))


def joins_in_older_releases(raw: bytes, ticket: Ticket) -> bool:
    """The same of 2023 and before: In-Reply-To alone."""
    return message_id(ticket.first) in bare_ids(last(message_from_bytes(raw), "In-Reply-To"))[:1]


PRODUCT: Final = Product(
    profile="chatwoot",
    take=take,
    joins=joins,
    threads="In-Reply-To or References, within one inbox",
    evidence="source, single files of 2023 to 2026",
)
