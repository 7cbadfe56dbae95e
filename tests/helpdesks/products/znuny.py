"""What Znuny, OTRS 6 and OTOBO do with a mail on a mail account that they trust.

Re-stated from znuny/Znuny (6.x and 7.x, single files) and RotherOSS/otobo (branch 11.0, October
2024), which differ in the names of their fields. Each function names its file and function. None
of them was run, but Mail::Header was, on which duplicates depend (MailTools, Debian 12).
"""

import re
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from functools import partial
from typing import Final

from tests.helpdesks.product import Product, Taken, Ticket

PRIORITIES: Final = ("1 very low", "2 low", "3 normal", "4 high", "5 very high")
QUEUES: Final = ("Postmaster", "Raw", "Junk", "Misc", "Billing", "Abrechnung")
"""Of a fresh installation, and two of the organisation."""
SYSTEM_ADDRESSES: Final = {"help@desk.example": "Misc"}
DYNAMIC_FIELDS: Final = (
    "TriageLanguage", "TriageSkill", "TriageTier", "TriageChurn", "TriageMood", "TriageThread",
)  # fmt: skip
"""What setup.pl makes."""
WORDS: Final = """
[profiles.{profile}.map.queue]
billing = "Billing"
billing-de = "Abrechnung"
default = "Misc"
"""

Mail = dict[str, str]


def param(raw: bytes, name: str) -> str:
    """Kernel/System/EmailParser.pm, GetParam: unfold, then Mail::Header's combine, which joins all
    fields of a name by one space, then decode_mimewords. Names without regard to case."""
    values = BytesHeaderParser().parsebytes(raw).get_all(name, [])
    joined = " ".join(re.sub(r"\r?\n", "", str(value)).strip() for value in values)
    return str(make_header(decode_header(joined))) if joined else ""


def read(raw: bytes, vendor: str) -> Mail:
    """Kernel/System/PostMaster.pm, new and GetEmailParams: only the fields of PostmasterX-Header,
    to which those of the dynamic fields that exist are added, are looked at."""
    names = [
        "From", "To", "Cc", "Subject", "Message-ID", "References", "In-Reply-To", "Precedence",
        "Mailing-List", "X-Loop", "X-No-Loop", "Auto-Submitted", "Resent-To", "Envelope-To",
        "Delivered-To", "X-Original-To",
        *(f"X-{vendor}-{each}" for each in ("Priority", "Queue", "State", "Ignore", "Loop")),
        *(f"X-{vendor}-FollowUp-{each}" for each in ("Priority", "Queue", "State")),
        *(f"X-{vendor}-DynamicField-{each}" for each in DYNAMIC_FIELDS),
        *(f"X-{vendor}-FollowUp-DynamicField-{each}" for each in DYNAMIC_FIELDS),
    ]  # fmt: skip
    return {name: param(raw, name) for name in names}


def is_automatic(mail: Mail) -> bool:
    """Kernel/System/PostMaster.pm, GetEmailParams: what sets the Loop field, but for the field
    itself, which is our switch and no sign of a robot."""
    marks = ("Mailing-List", "Precedence", "X-Loop", "X-No-Loop")
    # substr(…, 0, 5) eq 'auto-': case counts.
    return any(mail[name] for name in marks) or mail["Auto-Submitted"][:5] == "auto-"


def sends_auto_response(raw: bytes, vendor: str) -> bool:
    """Kernel/System/Ticket/Article/Backend/Email.pm, SendAutoResponse: whether the automatic
    response of the queue goes out, as far as the header of the mail decides it."""
    mail = read(raw, vendor)
    loop = "yes" if is_automatic(mail) else mail[f"X-{vendor}-Loop"]
    return not loop or re.match(r"(false|no)$", loop, re.IGNORECASE) is not None


def queue_of(mail: Mail, vendor: str, recipient: str) -> str:
    """Kernel/System/PostMaster/DestQueue.pm: the queue that the trusted field names, if there is
    one (GetTrustedQueueID), else that of the first address known (GetQueueID)."""
    named = mail[f"X-{vendor}-Queue"]
    if named in QUEUES:
        return named
    fields = ("Resent-To", "Envelope-To", "To", "Cc", "Delivered-To", "X-Original-To")
    addresses = " ".join([*(mail[name] for name in fields), recipient])
    known = (
        SYSTEM_ADDRESSES.get(one.lower()) for one in re.findall(r"[\w.+-]+@[\w.-]+", addresses)
    )
    return next((queue for queue in known if queue), "Raw")


def take(raw: bytes, recipient: str, vendor: str = "OTRS") -> Taken:
    """Kernel/System/PostMaster/NewTicket.pm, Run."""
    mail = read(raw, vendor)
    priority = mail[f"X-{vendor}-Priority"]
    ignored = re.search(r"(yes|true)", mail[f"X-{vendor}-Ignore"], re.IGNORECASE)
    return Taken(
        accepted=not ignored,
        robot=is_automatic(mail),
        # A name that does not exist is logged, and PostmasterDefaultPriority taken.
        priority=priority if priority in PRIORITIES else "3 normal",
        queue=queue_of(mail, vendor, recipient),
        language=mail[f"X-{vendor}-DynamicField-TriageLanguage"],
    )


def references(raw: bytes) -> list[str]:
    """Kernel/System/EmailParser.pm, GetReferences: all of References and the first of In-Reply-To,
    the last one first."""
    named = re.findall(r"<([^>]+)>", param(raw, "References"))
    answered = param(raw, "In-Reply-To")
    if answered:
        named.append(re.sub(r".*?<([^>]+)>.*", r"\1", answered, count=1))
    return list(dict.fromkeys(reversed(named)))


def joins(raw: bytes, ticket: Ticket) -> bool:
    """Kernel/System/PostMaster.pm, CheckFollowUp: 0100-Subject, then 0200-References, which asks
    for each Message-ID (ArticleGetByMessageID). Neither looks at the sender."""
    if number_in(param(raw, "Subject")) == ticket.number:
        return True
    return param(ticket.first, "Message-ID") in [f"<{each}>" for each in references(raw)]


def number_in(subject: str) -> str:
    """Kernel/System/Ticket/Number/{DateChecksum,AutoIncrement}.pm, GetTNByString. The first wants a
    date, SystemID and a counter; the second SystemID and digits. Taken together: digits."""
    for form in (r"Ticket#(\d{2,50})", r"Ticket#:\s{0,2}(\d{2,50})"):
        found = re.search(form, subject, re.IGNORECASE)
        if found:
            return found[1]
    return ""


def own_reply(ticket: Ticket) -> bytes:
    """The subject has the number in front: Ticket::SubjectFormat is "Left" (Ticket.xml). The fields
    are those that SendAutoResponse has Kernel/System/Email.pm write (Loop, InReplyTo)."""
    subject = param(ticket.first, "Subject")
    return (
        f"From: Helpdesk <help@desk.example>\r\nTo: {ticket.customer}\r\n"
        f"Subject: [Ticket#{ticket.number}] RE: {subject}\r\n"
        f"Message-ID: <1795424400.{ticket.number}@znuny.desk.example>\r\n"
        f"In-Reply-To: {param(ticket.first, 'Message-ID')}\r\n"
        "X-Loop: yes\r\nPrecedence: bulk\r\nAuto-Submitted: auto-generated\r\n\r\nThank you.\r\n"
    ).encode()


def _product(profile: str, vendor: str, evidence: str) -> Product:
    return Product(
        profile=profile,
        take=partial(take, vendor=vendor),
        joins=joins,
        own_reply=own_reply,
        settings=f"[profiles.{profile}]\n" + WORDS.format(profile=profile),
        threads="References, In-Reply-To, or number in the subject",
        evidence=evidence,
    )


PRODUCT: Final = _product("znuny", "OTRS", "source, 6.x and 7.x")
OTRS: Final = _product("otrs", "OTRS", "source, 6.0 as Znuny took it over")
OTOBO: Final = _product("otobo", "OTOBO", "source, 11.0")
PRODUCTS: Final = (PRODUCT, OTRS, OTOBO)
