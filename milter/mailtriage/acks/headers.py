"""Rules B: what the header says."""

import base64
import re
from collections import Counter
from typing import Final

from mailtriage.acks import content, robot_fields
from mailtriage.acks.border import received_by
from mailtriage.acks.domains import is_within
from mailtriage.acks.model import Case, Rule
from mailtriage.acks.robot_fields import keyword, words
from mailtriage.acks.senders import is_own
from mailtriage.triage.model import Kind

_MAX_RECEIVED: Final = 25
_MAX_HEADER: Final = 64 * 1024  # bytes
_KNOWN_KEYWORDS: Final = frozenset({"auto-generated", "auto-replied", "auto-notified"})
_ONLY_ONCE: Final = ("From", "Subject", "Message-ID", "Date")  # RFC 5322 section 3.6
# Of Mail.defects, those that leave in the dark what the mail is. A wrong charset does not.
_UNREADABLE: Final = frozenset({"bug", "header-size", "mime-depth"})
_LOOP_MARK: Final = re.compile(r"([a-z2-7]{26})\.[a-z2-7]{13}", re.IGNORECASE | re.ASCII)

# How subjects of automatic replies begin. RFC 3834 section 3.1.5: nobody may conclude from "Auto:"
# alone that a mail is automatic.
_AUTOMATIC_SUBJECT: Final = re.compile(
    r"auto(?:matic|mated)?[ -]?(?:reply|response)?:|autoreply|out of (?:the )?office"
    r"|automatische antwort|abwesenheit|réponse automatique|absence du bureau"
    r"|risposta automatica|fuori (?:sede|ufficio)|autosvar|automatiskt? svar|frånvaro|fravær"
    r"|automaattinen vastaus|poissaolo|respuesta automática|fuera de (?:la )?oficina"
    r"|automatisch (?:antwoord|bericht)|afwezig|resposta automática|ausência"
    r"|odpowiedź automatyczna|automatyczna odpowiedź|autoodpowiedź|nieobecność"
)
_OF_SUBJECT: Final = frozenset({"kind-automatic-reply"})
"""Evidence of triage that is no more than such a subject."""
_OF_OTHER_RULES: Final = frozenset({"robot-address", "rfc3834", "precedence", "robot-header"})
"""Evidence of triage that rules A3, A4, B1, B4 and B6 look at more closely, and by what the
administrator has configured: whatever they let pass is not to be held against the mail here."""


def _auto_submitted(case: Case) -> str | None:
    """RFC 3834 section 5: "no" alone says that a person sent it; what is unknown does not."""
    if _is_excepted(case):
        return None
    harmless = {"no", "auto-generated"} if _is_form(case) else {"no"}
    for field in case.mail.headers.fields("Auto-Submitted"):
        word = keyword(field.raw)
        if word not in harmless:
            return word if word in _KNOWN_KEYWORDS else "other"
    return None


def _list(case: Case) -> str | None:
    return _present(case, robot_fields.LIST_FIELDS)


def _is_form(case: Case) -> bool:
    """Whether a web form is answered to its Reply-To (rule I4): that it says that a program made
    the mail, and that its carrier numbers it, goes without saying."""
    return case.destination.source == "reply-to"


def _bulk(case: Case) -> str | None:
    fields: tuple[str, ...] = robot_fields.BULK_FIELDS
    if _is_form(case):
        fields = tuple(name for name in fields if name != "feedback-id")
    found = _present(case, fields)
    if found is None and any(
        name.startswith(robot_fields.CAMPAIGN_FIELDS) for name in case.mail.headers.names()
    ):
        return robot_fields.CAMPAIGN_FIELDS
    return found


def _present(case: Case, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in case.mail.headers), None)


def _precedence(case: Case) -> str | None:
    if _is_excepted(case):
        return None
    for name in robot_fields.PRECEDENCE_FIELDS:
        for field in case.mail.headers.fields(name):
            for word in words(field.raw):
                if word in robot_fields.PRECEDENCES:
                    return word.replace("_", "-")
    return None


def _response_unwanted(case: Case) -> str | None:
    """No sign of a robot but a wish, so that no exception for partners is made."""
    for field in case.mail.headers.fields("X-Auto-Response-Suppress"):
        for word in words(field.raw):
            if word in robot_fields.SUPPRESSED:
                return word
    return None


def _robot(case: Case) -> str | None:
    if _is_excepted(case):
        return None
    headers = case.mail.headers
    found = _present(case, robot_fields.ROBOT_FIELDS)
    if found is not None:
        return found
    for name, pattern in robot_fields.ROBOT_VALUES:
        if any(pattern.fullmatch(field.raw.strip().lower()) for field in headers.fields(name)):
            return name
    if any(is_own(value.strip().strip("<>"), case.config) for value in headers.values("X-Loop")):
        return "x-loop"
    return "configured" if _present(case, case.config.ack.robot_headers) else None


def _is_excepted(case: Case) -> bool:
    """Whether a partner sent it whose servers are known to mark mail of people as automatic (B15).

    By the client's address and an authenticated domain together: either is shared with others.
    """
    found = case.authentication
    results = (*found.dkim, found.spf)
    domains = [result.domain for result in results if result and result.result == "pass"]
    return any(
        exception.networks.contains(case.mail.client.address)
        and any(is_within(domain, own) for domain in domains for own in exception.domains)
        for exception in case.config.ack.exceptions
    )


def _own_loop(case: Case) -> str | None:
    """Ours, or that of somebody else's mailtriage, whose secret we do not know: a robot's. People
    have no reason to write that field, so its presence is enough."""
    found = None
    for value in case.mail.headers.values("X-Mailtriage-Loop"):
        found = found or "other"
        mark = _LOOP_MARK.fullmatch(value.strip())
        if mark is not None:
            key = base64.b32decode(mark[1].upper() + "======")
            if case.tokens.loop_mark(key) == mark[0].lower():
                return "own"
    return found


def _own_message_id(case: Case) -> str | None:
    return "" if case.tokens.read_ack_message_id(case.mail.message_id) else None


def _loop(case: Case) -> str | None:
    """RFC 5321 section 6.3 asks for a count; our own name, further down, tells earlier."""
    received = case.mail.headers.fields("Received")
    if len(received) > _MAX_RECEIVED:
        return "hops"
    settings = case.config.authentication
    own = {*settings.own_hosts, *settings.trusted_authserv_ids}
    names = [host.encode() for host in own]
    ours = [one.raw for one in received[1:] if any(name in one.raw.lower() for name in names)]
    passed = Counter(map(received_by, ours))
    return "own-host" if any(passed[host] >= 2 for host in own) else None


def _no_human(case: Case) -> str | None:
    """What triage says of the words, unless it goes by a subject alone: that needs company."""
    detail = _kind(case)
    if detail is not None and any(rule.forbids(case) is not None for rule in content.RULES):
        return None  # the rules C come later, and say more exactly what it is
    return detail


def _kind(case: Case) -> str | None:
    kind = case.triage.kind
    reasons = {reason.id for reason in case.triage.why if reason.facet == "kind"}
    by_subject = bool(reasons) and reasons <= _OF_SUBJECT
    excused = bool(reasons) and reasons <= _OF_OTHER_RULES
    if kind is not Kind.HUMAN and not by_subject and not excused:
        return f"kind-{kind.value}"
    # "Re: Automatic reply" is a person's answer to one.
    automatic = kind is not Kind.HUMAN and by_subject
    if automatic or _AUTOMATIC_SUBJECT.match(case.mail.subject.casefold()):
        return _hint(case)
    return None


def _hint(case: Case) -> str | None:
    """What makes an automatic reply of a mail whose subject says that it is one."""
    mail = case.mail
    if any(case.tokens.read_ack_message_id(reference) for reference in mail.references):
        return "answers-acknowledgement"
    if mail.references:
        return "answers"
    if not mail.message_id:
        return "no-message-id"
    return "asks-for-silence" if "X-Auto-Response-Suppress" in mail.headers else None


def _null_return_path(case: Case) -> str | None:
    """A bounce that was taken out of a mailbox and sent on."""
    for field in case.mail.headers.fields("Return-Path"):
        if b"".join(field.raw.split()) == b"<>":
            return ""
    return None


def _malformed(case: Case) -> str | None:
    headers = case.mail.headers
    if "From" not in headers:
        return "no-from"
    for name in _ONLY_ONCE:
        if headers.count(name) > 1:
            return f"two-{name.lower()}"
    size = 0
    for field in headers:
        if b"\0" in field.raw:
            return "nul"
        size += len(field.name) + len(field.raw) + len(": \n")
    if "nul" in case.mail.defects:
        return "nul"
    if size > _MAX_HEADER:
        return "header-size"
    return "unreadable" if not _UNREADABLE.isdisjoint(case.mail.defects) else None


RULES: Final[tuple[Rule, ...]] = (
    Rule("B1", "Auto-Submitted says that no person sent it", _auto_submitted),
    Rule("B2", "it came through a mailing list", _list),
    Rule("B3", "it is bulk mail", _bulk),
    Rule("B4", "its precedence is that of bulk mail or automatic replies", _precedence),
    Rule("B5", "X-Auto-Response-Suppress asks for no automatic answer", _response_unwanted),
    Rule("B6", "a header field says that a program wrote it", _robot),
    Rule("B7", "mailtriage sent it, here or elsewhere", _own_loop),
    Rule("B8", "it is an acknowledgement of ours", _own_message_id),
    Rule("B10", "it has passed too many servers, or ours too often", _loop),
    Rule("B11", "it reads like no human's mail", _no_human),
    Rule("B12", "it is a bounce that was sent on", _null_return_path),
    Rule("B13", "it is malformed beyond what mail programs send", _malformed),
)
