"""Rules C: what it carries."""

import re
from typing import Final

from mailtriage.acks.model import Case, Generic, Rule
from mailtriage.mail.fields import MimeField, parse_mime_field
from mailtriage.mail.model import Mail
from mailtriage.mail.reply_marks import CLOSINGS

_REPORT_TYPES: Final = frozenset({"delivery-status", "disposition-notification", "tlsrpt"})
_COMPLAINT: Final = "feedback-report"
_COMPLAINT_PART: Final = "message/feedback-report"
_STATUS_PARTS: Final = frozenset({
    "message/delivery-status", "message/disposition-notification", "message/tracking-status",
})  # fmt: skip
# RFC 6533: the same with UTF-8 in them. "message/global" itself is a mail (RFC 6532).
_GLOBAL: Final = "message/global-"
# Types that hold a letter, whatever is in them; any other may hide a report.
_LETTERS: Final = frozenset({
    "", "text/plain", "text/html", "multipart/alternative", "multipart/related",
    "multipart/signed",
})  # fmt: skip

# RFC 7489 section 7.2.1.1 and RFC 8460 section 5.1: receiver!domain!begin!end!id.xml.gz
_REPORT_NAME: Final = re.compile(
    r"[^!]+![^!]+!\d+!\d+(?:![^!]*)?\.(?:xml|json)?\.?(?:gz|zip|xml|json)", re.IGNORECASE
)
_TLS_REPORT: Final = "application/tlsrpt+"
_TLS_FIELDS: Final = ("TLS-Report-Domain", "TLS-Report-Submitter")

# RFC 5546 section 1.4. Not PUBLISH: what somebody attaches so that the other knows of it.
_METHODS: Final = frozenset({
    "request", "reply", "add", "cancel", "refresh", "counter", "declinecounter",
})  # fmt: skip
_CONTENT_CLASS: Final = "urn:content-classes:"
_RECALLS: Final = frozenset({"recallmessage", "recallreport", "mdn", "dsn", "reportmessage"})
_TNEF: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
# MS-OXTNEF section 2.1.3.2: receipts and meetings go by names of Microsoft Mail.
_TNEF_REPORT: Final = re.compile(
    r"report\..*|ipm\.(?:outlook\.recall|recall\.report|schedule\.meeting).*"
    r"|ipm\.microsoft mail\.(?:read receipt|non-delivery)|ipm\.microsoft schedule\.mtg.*"
)
_RECALL_SUBJECT: Final = re.compile(
    r"(?:recall|message recall (?:success|failure)|rückruf|rappel|återkalla|tilbagekald"
    r"|tilbakekall|richiamo|intrekken|recuperar|wycofaj)[^:]{0,20}:",
    re.IGNORECASE,
)

_FRAGMENTS: Final = frozenset({"message/partial", "message/external-body"})
_EXECUTABLE: Final = re.compile(
    r".*\.(?:exe|scr|com|pif|bat|cmd|cpl|dll|msi|msp|msc|js|jse|vbs|vbe|vb|wsf|wsh|wsc|hta|ps1"
    r"|psm1|jar|jnlp|lnk|url|reg|chm|hlp|scf|sct|gadget|application|appref-ms|xll|iso|img|vhd"
    r"|vhdx|ace)[\s.]*",
    re.IGNORECASE | re.DOTALL,
)
_EXECUTABLE_TYPES: Final = frozenset({
    "application/hta", "application/java-archive", "application/vnd.microsoft.portable-executable",
    "application/x-dosexec", "application/x-iso9660-image", "application/x-ms-dos-executable",
    "application/x-ms-shortcut", "application/x-msdos-program", "application/x-msdownload",
    "application/x-msi",
})  # fmt: skip
_SCANNERS: Final = (
    ("X-Virus-Status", re.compile(r"infected\b.*|yes\b.*", re.IGNORECASE | re.DOTALL)),
    ("X-Spam-Virus", re.compile(r"yes\b.*", re.IGNORECASE | re.DOTALL)),
    ("X-Amavis-Alert", re.compile(r"infected\b.*", re.IGNORECASE | re.DOTALL)),
    ("X-Virus-Found", re.compile(r"(?!no\b|none\b).+", re.IGNORECASE | re.DOTALL)),
)
"""Anybody can write these fields: whoever does asks for no answer, and gets none."""

_CLOSING_LINES: Final = 3
_CLOSINGS: Final = frozenset(phrase.casefold() for words in CLOSINGS.values() for phrase in words)
_AROUND: Final = " \t,.!-*_"


def _type(mail: Mail) -> MimeField:
    return parse_mime_field(mail.headers.raw("Content-Type"))


def _content_class(mail: Mail) -> str:
    value = mail.headers.first("Content-Class").strip().lower()
    return value.removeprefix(_CONTENT_CLASS) if value.startswith(_CONTENT_CLASS) else ""


def _report(case: Case) -> str | None:
    content_type = _type(case.mail)
    if content_type.value != "multipart/report" or is_complaint(case.mail):
        return None
    kind = content_type.token("report-type").lower()
    return kind if kind in _REPORT_TYPES else "other"


def _status_part(case: Case) -> str | None:
    """At any depth; but in a mail that somebody attached as a whole it is another's."""
    for part in case.mail.attachments:
        if part.content_type in _STATUS_PARTS:
            return part.content_type.partition("/")[2]
        if part.content_type.startswith(_GLOBAL):
            return "global"
    if not case.body_seen and _type(case.mail).value not in _LETTERS:
        return "unseen"
    return None


def _complaint(case: Case) -> str | None:
    return "" if is_complaint(case.mail) else None


def is_complaint(mail: Mail) -> bool:
    """Whether it is a recipient's complaint about mail (RFC 5965, RFC 9477, or an X-ARF report)."""
    if "X-XARF" in mail.headers or "X-ARF" in mail.headers:
        return True
    if _type(mail).token("report-type").lower() == _COMPLAINT:
        return True
    return any(part.content_type == _COMPLAINT_PART for part in mail.attachments)


def _domain_report(case: Case) -> str | None:
    mail = case.mail
    if any(name in mail.headers for name in _TLS_FIELDS):
        return "tls"
    for part in mail.attachments:
        if part.content_type.startswith(_TLS_REPORT):
            return "tls"
        if _REPORT_NAME.fullmatch(part.name):
            return "tls" if ".json" in part.name.lower() else "dmarc"
    return None


def _calendar(case: Case) -> str | None:
    """Whether an invitation has words with it or not: its answer is a click, not a mail."""
    for part in case.mail.attachments:
        if part.content_type == "text/calendar" and part.purpose in _METHODS:
            return part.purpose
    return "meeting" if _content_class(case.mail) == "calendarmessage" else None


def _outlook_report(case: Case) -> str | None:
    mail = case.mail
    if _content_class(mail) in _RECALLS:
        return "content-class"
    tnef = [part for part in mail.attachments if part.content_type in _TNEF]
    if any(_TNEF_REPORT.fullmatch(part.purpose) for part in tnef):
        return "tnef"
    # Cut short, or made by a program of another kind: the class is not where it should be.
    return "subject" if tnef and _RECALL_SUBJECT.match(mail.subject) else None


def _fragment(case: Case) -> str | None:
    media = _type(case.mail).value
    return media.partition("/")[2] if media in _FRAGMENTS else None


def _malware(case: Case) -> str | None:
    for name, pattern in _SCANNERS:
        if any(pattern.fullmatch(value.strip()) for value in case.mail.headers.values(name)):
            return "infected"
    for part in case.mail.attachments:
        if _EXECUTABLE.fullmatch(part.name) or part.content_type in _EXECUTABLE_TYPES:
            return "executable"
    return None


RULES: Final[tuple[Rule, ...]] = (
    Rule("C1", "it is a report of a mail system", _report),
    Rule("C2", "a report of a mail system is, or may be, in it", _status_part),
    Rule("C3", "it is a complaint about mail of ours", _complaint),
    Rule("C4", "it is a report on DMARC or TLS", _domain_report),
    Rule("C5", "it is a calendar's", _calendar),
    Rule("C6", "it is a receipt, a recall or a meeting out of Outlook", _outlook_report),
    Rule("C7", "it is a piece of a mail, or points to one", _fragment),
    Rule("C8", "it carries a virus, or a program", _malware),
)


def generic(case: Case) -> Generic:
    """Why the acknowledgement must say nothing of the matter; empty when it may.

    "encrypted" (C9): what its writer hid must not show in the answer. "unseen": only the header was
    at hand. "empty" (C11): there is no matter. A mail that is only signed (C10) is like any other.
    """
    mail = case.mail
    if mail.encrypted:
        return "encrypted"
    if not case.body_seen:
        return "unseen"
    attached = any(not part.inline for part in mail.attachments)
    return "empty" if not attached and _says_nothing(mail.newest_text) else ""


def _says_nothing(text: str) -> bool:
    """Whether there is no text, or only a closing and a name."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return True
    return len(lines) <= _CLOSING_LINES and lines[0].strip(_AROUND).casefold() in _CLOSINGS
