"""Roundup 2.6.0, fed by roundup-mailgw, as config/helpdesks/roundup/README.md sets it up.

Re-stated from roundup-tracker/roundup, roundup/mailgw.py; tests/e2e/test_roundup.py runs the real one,
and holds these rules to it. Priority and queue come from the command line: `take` fills the one of the
profile as `mailtriage pipe` does for a mail whose seal is good.
"""

import re
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from typing import Final

from tests.helpdesks.product import Product, Taken, Ticket

SETTINGS: Final = """
[profiles.roundup.map.priority]
urgent = "critical"
high = "urgent"
normal = "bug"
low = "wish"
[profiles.roundup.map.queue]
billing = "billing"
billing-de = "rechnung"
default = "support"
"""
"""The words of a tracker of the template "classic", and keywords that somebody has made in it."""

PRIORITIES: Final = {"urgent": "critical", "high": "urgent", "normal": "bug", "low": "wish"}
QUEUES: Final = {"billing": "billing", "billing-de": "rechnung"}

# configuration.py, refwd_re: MAILGW_REFWD_RE as shipped.
_REFWD: Final = re.compile(r"(\s*\W?\s*(fw|fwd|re|aw|sv|ang)\W)+\s*", re.IGNORECASE | re.UNICODE)
# hyperdb classes of the template "classic".
_DESIGNATOR: Final = re.compile(
    r"\[\s*(?P<classname>(file|issue|keyword|msg|priority|query|status|user))\s*(?P<nodeid>\d+)?\s*\]",
    re.IGNORECASE,
)


def take(raw: bytes, _recipient: str) -> Taken:
    """A new mail, and the -S options that came with it."""
    mail = message_from_bytes(raw)
    if is_ignored(mail):
        return Taken(accepted=False, robot=True)
    skill, route = (header(mail, f"X-Mailtriage-{name}") for name in ("Skill", "Route"))
    return Taken(
        priority=PRIORITIES.get(header(mail, "X-Mailtriage-Priority"), ""),
        queue=QUEUES.get(route) or QUEUES.get(skill, "support"),
    )


def header(mail: Message, name: str) -> str:
    """mailgw.py, RoundupMessage.get_header: the first one, its line breaks taken out, decoded."""
    value = str(mail.get(name, "")).replace("\r", "").replace("\n", "")
    return str(make_header(decode_header(value))) if value else ""


def is_ignored(mail: Message) -> bool:
    """mailgw.py, parsedMessage.handle_ignore: such a mail is dropped, and no issue comes of it."""
    return (
        bool(header(mail, "X-Roundup-Loop"))
        or header(mail, "Precedence") == "bulk"
        or (header(mail, "Auto-Submitted") or "no").rstrip().lower() != "no"
        # Not at the very beginning: find() is compared with 0.
        or header(mail, "Subject").lower().find("autoreply") > 0
    )


def joins(raw: bytes, ticket: Ticket) -> bool:
    """mailgw.py, parsedMessage.parse_subject and get_nodeid: the number in the subject, else
    In-Reply-To among the stored Message-IDs, and never References.

    Not re-stated: with subject_content_match at its default "always", a subject with "Re:" is looked
    up among all titles, whoever wrote them. README.md has it switched off.
    """
    mail = message_from_bytes(raw)
    if is_ignored(mail):
        return False
    subject = header(mail, "Subject")
    answer = _REFWD.match(subject)
    found = _DESIGNATOR.search(subject[answer.end() :] if answer else subject)
    # interfaces.py: the number of anything but an issue is none.
    if found and found["classname"].lower() == "issue" and found["nodeid"]:
        return found["nodeid"] == ticket.number
    # rdbms_common.py, Class.stringFind: without regard to case.
    first = header(message_from_bytes(ticket.first), "Message-ID")
    return bool(first) and header(mail, "In-Reply-To").lower() == first.lower()


def own_reply(ticket: Ticket) -> bytes:
    """roundupdb.py, IssueClass.send_message, with messages_to_author = new; mailer.py,
    Mailer.set_message_attributes. The copy has the Message-ID of the customer's own mail."""
    first = message_from_bytes(ticket.first)
    return (
        f"Reply-To: Support tracker <help@desk.example>\r\n"
        f"Message-Id: {header(first, 'Message-ID')}\r\n"
        f"X-Roundup-issue-priority: bug\r\nX-Roundup-issue-Id: {ticket.number}\r\n"
        f"Subject: [issue{ticket.number}] {header(first, 'Subject')}\r\nTo: {ticket.customer}\r\n"
        "From: Joe <help@desk.example>\r\nDate: Mon, 23 Nov 2026 09:00:05 +0100\r\n"
        "Precedence: bulk\r\nX-Roundup-Name: Support tracker\r\nX-Roundup-Loop: hello\r\n"
        "X-Roundup-Version: 2.6.0\r\n\r\nNew submission from Joe\r\n"
    ).encode()


PRODUCT: Final = Product(
    profile="roundup",
    take=take,
    joins=joins,
    own_reply=own_reply,
    settings=SETTINGS,
    threads="In-Reply-To, or [issue123] in the subject",
    evidence="product: 2.6.0",
)
