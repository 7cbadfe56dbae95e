"""What is seen of an answer that a human sent, on its way from an analyser to the history.

It is looked at after the door has its edits: no agent's mail waits for it, and none is changed by
it. Only figures go on, and addresses of the organisation's own help pages: no text, and nobody's
name.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urldefrag, urlsplit

from mailtriage.acks.plan import is_automatic
from mailtriage.config.kb import KbConfig
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import Question
from mailtriage.insight.answer_checks import (
    MAX_SHOWN,
    MOST_SHOWN,
    KnownPages,
    has_closing,
    has_greeting,
)
from mailtriage.knowledge.answer_words import shipped_salutations
from mailtriage.knowledge.model import KnowledgeError
from mailtriage.knowledge.search import KnowledgeIndex
from mailtriage.knowledge.text import words
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Mail, MailStatus
from mailtriage.mail.newest import newest_text, split_letter
from mailtriage.mail.parts import read_body
from mailtriage.state.history_schema import ANSWER_COLUMNS, Answered
from mailtriage.tags.model import Status
from mailtriage.triage.model import Direction

MARK: Final = b"A"
"""First byte of a record about an answer; that of a decision is "["."""

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}")
_TEMPLATE: Final = re.compile(r"[a-z0-9_-]{0,30}")
_SHOWN: Final = re.compile(r"https?://[!-~]+")
_MOST: Final = 10**6
_KEY_BYTES: Final = 16


class AnswerChecks:
    """Knows the templates, the pages of the knowledge base and the words of greeting. Made before
    the first fork, so that all of it is shared."""

    def __init__(self, analyst: Analyst) -> None:
        self._analyst: Final = analyst
        self._words: Final = shipped_salutations()
        self._pages: Final = _known_pages(analyst)

    def is_of(self, analyst: Analyst) -> bool:
        """Whether it was made for this knowledge base, and these templates and settings."""
        ours = self._analyst
        return (
            ours.config is analyst.config
            and ours.knowledge is analyst.knowledge
            and ours.answers is analyst.answers
        )

    def look(self, analysis: Analysis, question: Question, now: float) -> Answered | None:
        """What is seen of a mail; None when it is no answer of a human that could be read. `now`:
        seconds since the epoch. May raise: whatever is wrong then, it is no matter of the mail."""
        mail, triage = analysis.mail, analysis.triage
        if (
            mail is None
            or triage.direction is not Direction.OUTBOUND
            or not analysis.edits.recipient
        ):
            return None  # most of all: no answer, or its mailbox is only tried
        if analysis.status is not Status.OK or mail.status is MailStatus.UNREAD:
            return None
        hidden = self._analyst.tokens.read_hidden_recipient(analysis.edits.recipient)
        newest = mail.newest_text
        if hidden is None or is_automatic(mail) or mail.encrypted or not newest.strip():
            return None
        below = split_letter(mail.text, mail.from_name).closing
        linked = self._pages.look(_with_links(mail, question, self._analyst))
        answers = self._analyst.answers
        made_of = answers.matcher.match(newest) if answers is not None else None
        return Answered(
            key=hidden.key,
            at=now,
            language=triage.language,
            greeting=has_greeting(newest, triage.language, self._words),
            closing=has_closing(newest, below, triage.language, self._words),
            links=linked.links,
            kb_links=linked.kb_links,
            unknown=linked.unknown,
            unknown_links=linked.unknown_links,
            words=len(words(newest)),
            template=made_of.id if made_of else "",
            version=made_of.version if made_of else 0,
            current=made_of.current if made_of else 0,
            kept=round(made_of.kept, 3) if made_of else 0.0,
            added=round(made_of.added, 3) if made_of else 0.0,
        )


def checks_answers(analyst: Analyst) -> bool:
    """Whether anything is to be looked at."""
    return analyst.config.history.keep > 0 and analyst.config.answers.checks


def record_of(answered: Answered) -> bytes:
    """What goes through the socket."""
    values = [getattr(answered, name) for name in ANSWER_COLUMNS]
    values[0] = answered.key.hex()
    return MARK + json.dumps(values, separators=(",", ":")).encode("ascii")


def answer_row(record: bytes) -> Sequence[Any] | None:
    """The values of ANSWER_COLUMNS that a record holds; None when it is none.

    Whoever breaks out of an analyser, which reads what strangers send, may write anything here.
    """
    try:
        values = json.loads(record[len(MARK) :])
        if not isinstance(values, list) or len(values) != len(ANSWER_COLUMNS):
            return None
        named = dict(zip(ANSWER_COLUMNS, values, strict=True))
        named["key"] = bytes.fromhex(named["key"])
        links = named["unknown_links"]
        fits = (
            len(named["key"]) == _KEY_BYTES
            and _LANGUAGE.fullmatch(named["language"])
            and _TEMPLATE.fullmatch(named["template"])
            and isinstance(links, list)
            and len(links) <= MOST_SHOWN
            and all(len(link) <= MAX_SHOWN and _SHOWN.fullmatch(link) for link in links)
        )
        if not fits:
            return None
        named["unknown_links"] = " ".join(links)
        for name in ("at", "kept", "added"):
            named[name] = float(named[name])
            if not math.isfinite(named[name]):
                return None
        for name in ("greeting", "closing"):
            named[name] = int(bool(named[name]))
        for name in ("links", "kb_links", "unknown", "words", "version", "current"):
            named[name] = int(named[name])
            if not 0 <= named[name] <= _MOST:
                return None
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return list(named.values())


def _with_links(mail: Mail, question: Question, analyst: Analyst) -> str:
    """The newest text, with the addresses of links that HTML hides behind words."""
    body = b"".join(question.body)
    if question.whole:
        body = body[split_fields(body)[1] :]
    body = body[: analyst.limits.max_scan_bytes]
    headers = mail.headers
    if b"html" not in headers.raw("content-type").lower() and b"text/html" not in body.lower():
        return mail.newest_text
    shown = read_body(
        body,
        analyst.limits,
        content_type=headers.raw("content-type"),
        encoding=headers.raw("content-transfer-encoding"),
        disposition=headers.raw("content-disposition"),
        complete=not mail.truncated,
        with_links=True,
    )
    return newest_text(shown.text, mail.from_name)


def _known_pages(analyst: Analyst) -> KnownPages:
    return KnownPages(_hosts(analyst.config.kb), _pages(analyst.knowledge))


def _hosts(settings: KbConfig) -> Iterator[str]:
    yield from settings.hosts
    for url in (*(source.base_url for source in settings.sources), *settings.sitemaps):
        try:
            yield urlsplit(url).hostname or ""
        except ValueError:
            continue


def _pages(knowledge: KnowledgeIndex | None) -> Iterator[str]:
    """The address of every page in the index, once."""
    before = ""
    for number in range(knowledge.sections if knowledge is not None else 0):
        try:
            link = knowledge.entry(number).passages[0].link if knowledge is not None else ""
        except (KnowledgeError, LookupError, TypeError, ValueError):
            continue  # what is damaged is no page that anybody can be sent to
        page = urldefrag(link).url
        if page and page != before:
            before = page
            yield page
