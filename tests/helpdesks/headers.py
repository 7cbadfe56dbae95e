"""What several helpdesks have in common: how mail gets to them, and how their libraries read it."""

import re
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from typing import Final

from tests.helpdesks.finished import desk
from tests.support.office import HELP, letter

ORGANISATION: Final = "@desk.example"
ROUTES: Final = '{ billing = "billing@desk.example", billing-de = "billing-de@desk.example" }'
REST: Final = "inbox@desk.example"
"""What README.md of these helpdesks advises: an address for each queue, and a virtual alias that
leads the public address, with all that no route takes from it, to one for the rest."""


def arrives(
    profile: str, raw: bytes, *, routes: str = ROUTES, rest: str = REST
) -> tuple[bytes, str]:
    """A mail of Joe's after our edits, and to whom it goes in the end."""
    installed = desk(profile, route="recipient", routes=routes)
    (recipient,) = installed.recipients(raw)
    return installed.finished(raw), rest if recipient == HELP else recipient


def delivered(raw: bytes, recipient: str) -> Message:
    """The mail as it lies in its mailbox: Dovecot's LMTP, like Postfix's virtual(8) and local(8),
    writes on top of it to whom it was delivered."""
    return message_from_bytes(b"Delivered-To: " + recipient.encode() + b"\r\n" + raw)


def is_queue(address: str) -> bool:
    """Whether the helpdesk of the tests has an alias, a mailbox, an inbox, a group, or a project
    for that address: for every one of the organisation but that which customers know. (Where the
    public address were one, too, its place in To would win everywhere but in Chatwoot.)"""
    return address.lower().endswith(ORGANISATION) and address.lower() != HELP


def queue_of(recipient: str) -> str:
    """The queue of a helpdesk that goes by the envelope alone; empty: that for the rest."""
    return recipient if is_queue(recipient) else ""


def values(mail: Message, name: str) -> list[str]:
    """Every value of a field, unfolded, top first."""
    return [re.sub(r"\r?\n(?=[ \t])", "", str(value)).strip() for value in mail.get_all(name, [])]


def first(mail: Message, name: str) -> str:
    """The topmost value; empty when there is none."""
    return next(iter(values(mail, name)), "")


def last(mail: Message, name: str) -> str:
    """The lowest value: Ruby's Mail has one From, To, Cc, Reply-To, Subject, Message-ID,
    In-Reply-To and References at most, and a later one replaces an earlier one
    (mikel/mail, lib/mail/field_list.rb, FieldList#add_field)."""
    return next(reversed(values(mail, name)), "")


def addresses(*texts: str) -> list[str]:
    """The bare addresses of address lists, in lower case."""
    return [address.lower() for _, address in getaddresses(list(texts)) if "@" in address]


def bare_ids(text: str) -> list[str]:
    """The Message-IDs of a field without their brackets, as Ruby's Mail gives them."""
    return re.findall(r"<([^<>\s]+)>", text)


def sender_of(mail: Message) -> str:
    """The bare address of From, in lower case; empty without one."""
    return next(iter(addresses(first(mail, "From"))), "")


def subject_of(mail: Message) -> str:
    """The subject as people read it."""
    return str(make_header(decode_header(first(mail, "Subject"))))


def message_id(raw: bytes) -> str:
    """Its Message-ID, without brackets; empty when it has none."""
    return next(iter(bare_ids(first(message_from_bytes(raw), "Message-ID"))), "")


def answer(
    raw: bytes, *, parent: str | None = None, references: str | None = None, more: str = ""
) -> bytes:
    """Joe's answer to a mail, as his mail program writes it; with `parent` or `references`, with
    these ids in In-Reply-To and References instead. `more`: further header lines."""
    if parent is None and references is None:
        mail = message_from_bytes(raw)
        parent = first(mail, "Message-ID")
        references = f"{first(mail, 'References')} {parent}".strip()
    lines = [f"In-Reply-To: {parent}"] if parent else []
    lines += [f"References: {references}"] if references else []
    subject = subject_of(message_from_bytes(raw))
    return letter(
        "Thank you. It is the invoice with the number 4711.\n",
        subject=subject if subject.startswith("Re: ") else f"Re: {subject}",
        message_id="<m2@customer.example>",
        more="\n".join((*lines, more)),
    )
