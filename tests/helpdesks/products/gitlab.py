"""GitLab Service Desk, re-stated from gitlabhq/gitlabhq (16.6 and later).

lib/gitlab/email/receiver.rb, lib/gitlab/email/handler/service_desk_handler.rb and
module Gitlab::EmailHandler::MailKey, whose order is that of "Accepted headers"
in doc/administration/incoming_email.md.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import Final

from tests.helpdesks.headers import (
    addresses,
    bare_ids,
    delivered,
    first,
    is_queue,
    last,
    message_id,
    subject_of,
    values,
)
from tests.helpdesks.product import Product, Taken, Ticket

HOST: Final = "gitlab.desk.example"

_WILDCARD: Final = re.compile(rf"<?incoming\+(.+)@{re.escape(HOST)}>?")
"""incoming_email_address = "incoming+%{key}@gitlab.desk.example"."""
_FALLBACK: Final = re.compile(rf"reply-(.+)@{re.escape(HOST)}")
_FOR: Final = re.compile(r"for\s+<([^<]+)>")
_BEFORE_RECEIVED: Final = ("Delivered-To", "X-Delivered-To", "Envelope-To", "X-Envelope-To")
_AFTER_RECEIVED: Final = ("X-Original-To", "X-Forwarded-To")


def take(raw: bytes, recipient: str) -> Taken:
    """The project is that of the first key; mail without one is answered with a rejection."""
    mail = delivered(raw, recipient)
    if is_automatic(mail):
        return Taken(accepted=False, robot=True)
    found = key(mail)
    return Taken(accepted=bool(found), queue=found)


def is_automatic(mail: Message) -> bool:
    """Receiver#ignore_auto_reply!: case counts, and no other field does."""
    return first(mail, "Auto-Submitted") not in ("", "no") or first(mail, "X-Autoreply") == "yes"


def key(mail: Message) -> str:
    """MailKey.each_candidate. A project's own address ("custom email") is as good as a wildcard
    one: in these tests every address of the organisation but the public one is that of a project."""
    return next((found for found in map(_key, _candidates(mail)) if found), "")


def _candidates(mail: Message) -> Iterator[str]:
    yield from addresses(last(mail, "To"))
    yield from bare_ids(last(mail, "References"))
    for name in _BEFORE_RECEIVED:
        yield from values(mail, name)
    yield from (found[1] for found in map(_FOR.search, values(mail, "Received")) if found)
    for name in _AFTER_RECEIVED:
        yield from values(mail, name)
    yield from addresses(last(mail, "Cc"))


def _key(candidate: str) -> str:
    match = _WILDCARD.fullmatch(candidate) or _FALLBACK.fullmatch(candidate)
    if match:
        return match[1]
    return candidate.strip("<>") if is_queue(candidate.strip("<>")) else ""


def joins(raw: bytes, ticket: Ticket) -> bool:
    """By the reply key (CreateNoteHandler); else by In-Reply-To among the ids of first mails
    (ServiceDeskHandler#issue_from_reply_to). References lead nowhere but to a key."""
    mail = message_from_bytes(raw)
    if key(mail) == reply_key(ticket):
        return True
    return message_id(ticket.first) in bare_ids(last(mail, "In-Reply-To"))


def reply_key(ticket: Ticket) -> str:
    """SentNotification.reply_key: 32 hexadecimal digits."""
    return f"{int(ticket.number):032x}"


def own_reply(ticket: Ticket) -> bytes:
    """The thank-you mail: app/mailers/emails/service_desk.rb and app/mailers/notify.rb,
    mail_new_thread; the marks are those of lib/gitlab/email/hook/additional_headers_interceptor.rb.
    """
    title = subject_of(message_from_bytes(ticket.first))
    message = Message()
    message["From"] = f"GitLab Support Bot <gitlab@{HOST}>"
    message["Reply-To"] = f"Help <incoming+{reply_key(ticket)}@{HOST}>"
    message["To"] = ticket.customer
    message["Subject"] = f"Re: {title} (#{ticket.number})"
    message["Message-ID"] = f"<issue_{ticket.number}@{HOST}>"
    message["References"] = f"<reply-{reply_key(ticket)}@{HOST}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_payload("Thank you for your support request!\n")
    return message.as_bytes().replace(b"\n", b"\r\n")


PRODUCT: Final = Product(
    profile="gitlab-service-desk",
    take=take,
    joins=joins,
    own_reply=own_reply,
    threads="the key in its own address or References; else In-Reply-To alone",
    evidence="source, 16.6 and later",
)
