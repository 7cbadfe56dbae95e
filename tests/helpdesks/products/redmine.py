"""Redmine 5.0.4, behind `mailtriage pipe` and rdm-mailhandler.rb.

Re-stated from redmine/redmine at 5.0.4: app/models/mail_handler.rb, and what the options of
extra/mail_handler/rdm-mailhandler.rb become there. tests/e2e/test_redmine.py runs the real one.
"""

import re
from email import message_from_bytes
from email.message import Message
from typing import Final

from tests.helpdesks.headers import sender_of, subject_of
from tests.helpdesks.product import Product, Taken, Ticket

EMISSION_ADDRESS: Final = "help@desk.example"
"""Setting.mail_from: the service address, so that answers come back."""

PROJECT: Final = "support"
CATEGORIES: Final = (
    "Account", "Billing", "Cancellation", "Complaint", "Delivery", "Privacy", "Returns", "Sales",
    "Technical",
)  # fmt: skip
PRIORITIES: Final = ("Low", "Normal", "High", "Urgent", "Immediate")
"""redmine/redmine, lib/redmine/default_data/loader.rb with config/locales/en.yml."""

# mail_handler.rb, constants of MailHandler.
_MESSAGE_ID: Final = re.compile(r"^<?redmine\.([a-z0-9_]+)-(\d+)\.\d+(\.[a-f0-9]+)?@", re.MULTILINE)
_ISSUE_SUBJECT: Final = re.compile(r"\[(?:[^\]]*\s+)?#(\d+)\]")
_MESSAGE_SUBJECT: Final = re.compile(r"\[[^\]]*msg(\d+)\]")


def take(raw: bytes, recipient: str) -> Taken:
    """What becomes of a new mail. The words come as options, which `mailtriage pipe` fills from the
    mail's fields: here from the same fields, by the maps of config/helpdesks/redmine."""
    del recipient  # only --project-from-subaddress looks at it
    mail = message_from_bytes(raw)
    if ignored(mail):
        return Taken(accepted=False, robot=True)
    skill = str(mail.get("X-Mailtriage-Skill", ""))
    return Taken(
        priority=named(str(mail.get("X-Mailtriage-Priority", "normal")), PRIORITIES) or "Normal",
        queue=named(skill, CATEGORIES),
    )


def ignored(mail: Message) -> bool:
    """mail_handler.rb, MailHandler#receive: mail of Redmine's own address, and automatic mail.

    `email.header[key]` is the field, or a list of them where it stands twice, whose to_s begins
    with a bracket: a mail with two Auto-Submitted is not ignored.
    """
    if sender_of(mail) == EMISSION_ADDRESS:
        return True
    submitted = mail.get_all("Auto-Submitted", [])
    if len(submitted) == 1 and re.match(r"auto-(replied|generated)", str(submitted[0]).lower()):
        return True
    autoreply = mail.get_all("X-Autoreply", [])
    return len(autoreply) == 1 and str(autoreply[0]).lower() == "yes"


def named(word: str, names: tuple[str, ...]) -> str:
    """The scope `named` of IssuePriority and IssueCategory: LOWER(name) = LOWER(word), blanks at
    the ends taken off; nothing where there is none, and then the attribute is left out."""
    return next((name for name in names if name.lower() == word.strip().lower()), "")


def answered(mail: Message) -> str:
    """What a mail is an answer to, "issue 12" or "journal 3"; empty for a new one.

    MailHandler#dispatch: the first id of In-Reply-To, then of References, that is one of Redmine's,
    else the subject. Neither the sender nor whether the issue exists is asked here.
    """
    headers = re.findall(r"<[^<>\s]+>", str(mail.get("In-Reply-To", "")))
    headers += re.findall(r"<[^<>\s]+>", str(mail.get("References", "")))
    for header in headers:
        if found := _MESSAGE_ID.search(header):
            return f"{found[1]} {found[2]}"
    subject = subject_of(mail)
    if found := _ISSUE_SUBJECT.search(subject):
        return f"issue {found[1]}"
    if found := _MESSAGE_SUBJECT.search(subject):
        return f"message {found[1]}"
    return ""


def joins(raw: bytes, ticket: Ticket) -> bool:
    """Whether it becomes a note of that issue. A note's own notice names the note (journal 3)
    in its Message-ID and the issue in References; here there are no notes yet."""
    mail = message_from_bytes(raw)
    return not ignored(mail) and answered(mail) == f"issue {ticket.number}"


def own_reply(ticket: Ticket) -> bytes:
    """app/models/mailer.rb, Mailer#issue_add, #mail and .token_for; user number 5.

    The reference to the issue has the same token as the mail itself: Redmine has never kept the
    customer's Message-ID.
    """
    first = message_from_bytes(ticket.first)
    token = f"<redmine.issue-{ticket.number}.20261123090000.5@desk.example>"
    return (
        "X-Mailer: Redmine\r\nX-Redmine-Host: desk.example\r\nX-Redmine-Site: Redmine\r\n"
        "X-Auto-Response-Suppress: All\r\nAuto-Submitted: auto-generated\r\n"
        f"From: Kim <{EMISSION_ADDRESS}>\r\nList-Id: <help.desk.example>\r\n"
        f"To: {ticket.customer}\r\n"
        f"Subject: [Support - Support #{ticket.number}] (New) {first['Subject']}\r\n"
        f"Message-ID: {token}\r\nReferences: {token}\r\n"
        "Date: Mon, 23 Nov 2026 09:00:00 +0100\r\n\r\n"
        f"Issue #{ticket.number} has been reported by Kim.\r\n"
    ).encode()


PRODUCT: Final = Product(
    profile="redmine",
    take=take,
    joins=joins,
    own_reply=own_reply,
    threads="own Message-ID, or [… #123] in the subject",
    evidence="product, 5.0.4 (Debian 12)",
)
