"""FreeScout, re-stated from freescout-helpdesk/freescout, branch dist of June 2024 (1.8.145).

Queue, priority, language and tags are what Workflows of README.md make of a mail. That module is sold
and its source is not public: its page (freescout.net/module/workflows) names the condition
"Headers" and says that conditions do not look at case; "contains" is taken literally here.
"""

import hashlib
import re
from email import message_from_bytes
from email.message import Message
from typing import Final

from tests.helpdesks.headers import message_id
from tests.helpdesks.product import Product, Taken, Ticket

_MAILBOX: Final = "help@desk.example"


def take(raw: bytes, _recipient: str) -> Taken:
    """A new mail. None is refused."""
    header = raw_header(raw)
    skills, levels = written(header, "skill"), written(header, "prio")
    languages = written(header, "lang")
    return Taken(
        robot=is_auto_responder(header) or is_bounce(header, message_from_bytes(raw)),
        priority=levels[0] if levels else "",
        queue=skills[0] if skills else "",
        language=languages[0] if languages else "",
        tags=tuple(skills),
    )


def raw_header(raw: bytes) -> str:
    """app/Console/Commands/FetchEmails.php, headerToStr: as it came, folded, with its CRLF."""
    return raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")


def written(header: str, item: str) -> list[str]:
    """What Workflows find that ask "Headers" contains "skill=billing;", one for each word."""
    return list(dict.fromkeys(re.findall(rf"\b{item}=([a-z0-9_-]+);", header, re.IGNORECASE)))


def is_auto_responder(header: str) -> bool:
    """app/Misc/Mail.php, isAutoResponder: line by line, without unfolding. Auto-Submitted counts
    with any value, "no" included; the values of Precedence count in lower case alone."""
    words = ("auto_reply", "bulk", "junk")
    for line in header.split("\n"):
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            continue
        if name in ("x-autoreply", "x-autorespond", "auto-submitted"):
            return True
        if name in ("precedence", "x-precedence") and value in words:
            return True
    return False


def is_bounce(header: str, mail: Message) -> bool:
    """app/Console/Commands/FetchEmails.php, processMessage, and app/Misc/Mail.php,
    detectBounceByHeaders. The pattern for Return-Path looks at the very first line alone."""
    if any(part.get_content_type() == "message/delivery-status" for part in mail.walk()):
        return True
    found = re.search(r"Content-Type:((?:[^\n]|\n[\t ])+)(?:\n[^\t ]|$)", header, re.IGNORECASE)
    if (
        found
        and re.search(r"multipart/report", found[1], re.IGNORECASE)
        and re.search(r"report-type=[\"']?delivery-status[\"']?", found[1], re.IGNORECASE)
    ):
        return True
    sender = re.search(r"[^\s<>]+@[^\s<>]+", str(mail.get("From", "")))
    if sender and sender[0].lower().startswith("mailer-daemon@"):
        return True
    return re.match(r"Return-Path: <>", header, re.IGNORECASE) is not None


def joins(raw: bytes, ticket: Ticket) -> bool:
    """app/Console/Commands/FetchEmails.php, processMessage: In-Reply-To, then References, each id
    against the Message-IDs of stored mails and of its own. Who sent it does not matter. The mail has
    to arrive in the mailbox of the conversation, which is taken for granted here."""
    mail = message_from_bytes(raw)
    known = {str(mail.get("In-Reply-To", "")).strip().strip("<>")}
    known |= set(re.split(r"[, <>\r\n\t]", str(mail.get("References", ""))))
    return bool({message_id(ticket.first), own_message_id(ticket)} & (known - {""}))


def own_message_id(ticket: Ticket) -> str:
    """app/Jobs/SendAutoReply.php and app/Misc/Mail.php, getMessageIdHash; here the thread has the
    number of the ticket."""
    digest = hashlib.md5(f"{ticket.number}key of the tests".encode(), usedforsecurity=False)
    return f"autoreply-{ticket.number}-{digest.hexdigest()[:16]}@{_MAILBOX.partition('@')[2]}"


def own_reply(ticket: Ticket) -> bytes:
    """Its automatic reply, app/Jobs/SendAutoReply.php: it says nowhere that no person wrote it."""
    lines = (
        f"From: Support <{_MAILBOX}>",
        f"To: {ticket.customer}",
        "Subject: Re: We have received your message",
        f"Message-ID: <{own_message_id(ticket)}>",
        f"In-Reply-To: <{message_id(ticket.first)}>",
        f"References: <{message_id(ticket.first)}>",
        "",
        "We have received your message.",
        "",
    )
    return "\r\n".join(lines).encode()


PRODUCT: Final = Product(
    profile="freescout",
    take=take,
    joins=joins,
    own_reply=own_reply,
    threads="In-Reply-To or References, within one mailbox",
    evidence="source, 1.8.145; Workflows: documentation",
)
