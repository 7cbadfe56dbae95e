"""What the page about answers is made of, and what it says: values.

It is there to see where the team needs help: a template, a language, a page that has moved. Nobody
is named, counted or ranked. Only skills, languages, ids of templates and addresses of help pages
are words of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailtriage.insight.report_model import Figure, Named, Period, Times


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of an answer when it went out."""

    language: str
    greeting: bool
    closing: bool
    links: tuple[str, ...]
    """Into the knowledge base, to pages that it does not have."""
    template: str
    """That it was made of; empty: of none."""
    is_old: bool
    """Whether there was a later version of that."""
    kept: float
    """Share of the template's words, 0 to 1."""
    added: float
    """Share of the answer's words that are not the template's, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a human. Words are empty where nothing is known."""

    at: float
    """Seconds since the epoch."""
    skill: str
    """Of the customer's last mail before it, as the next three."""
    language: str
    suggested: str
    """The template that was suggested to agents."""
    worked: float
    """Seconds of opening hours between that mail and the answer."""
    mood_after: str
    """Of the customer's next mail."""
    seen: Seen | None
    """None: nobody looked."""


@dataclass(frozen=True, slots=True)
class Known:
    """A template that there is now."""

    id: str
    language: str
    skill: str


@dataclass(frozen=True, slots=True)
class AnswersMissing:
    """Why something is not there: sentences; empty where it is."""

    answers: str = ""
    seen: str = ""
    before: str = ""
    """Why what was seen is not compared."""
    templates: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRows:
    """All that the page is made of. None: there is no such data."""

    answers: Sequence[Answer] | None
    """Of both periods, in any order."""
    templates: Sequence[Known] = ()
    is_compared: bool = True
    """Whether what was seen in the period before is there as well."""
    missing: AnswersMissing = field(default_factory=AnswersMissing)


@dataclass(frozen=True, slots=True)
class Part:
    """A count and what it is a part of."""

    part: Figure
    whole: Figure


@dataclass(frozen=True, slots=True)
class After:
    """How customers felt who wrote again after an answer."""

    wrote: Figure
    negative: Figure
    positive: Figure


@dataclass(frozen=True, slots=True)
class Day:
    """One calendar day, named 2026-11-16."""

    name: str
    answers: Figure
    half: Times
    """Half of its answers came within it."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Answers to customers of one language."""

    language: str
    same: Part
    """Answered in it, of those of which both languages could be told."""
    other: str
    """The language that most of the others are in; empty: there are none."""
    other_count: int


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """One template. Shares are medians, 0 to 1; None: too few answers."""

    id: str
    suggested: Figure
    """Answers to mails for which it was suggested, and of which it was seen what they were made
    of."""
    taken: Figure
    """Of these, made of it."""
    used: Figure
    """Answers made of it, suggested or not."""
    old: Figure
    """Of these, of an earlier version."""
    kept: float | None
    added: float | None
    edited: float | None
    """Of the words of template and answer together, the share that only one of them has."""
    much: int
    """Answers of which `edited` is more than `MUCH` (answer_report.py)."""
    after: After


@dataclass(frozen=True, slots=True)
class AnswerPage:
    """The answers of one skill, or of all (`report_model.ALL`)."""

    skill: str
    answers: Figure
    seen: Figure
    """Of these, looked at."""
    half: Times
    most: Times
    """8 of 10 came within it."""
    days: tuple[Day, ...]
    same_language: Part
    greeting: Part
    closing: Part
    nowhere: Part
    """With a link to a page that the knowledge base does not have."""
    links: tuple[Named, ...]
    """The most frequent of these links."""
    rare_links: int
    """Others, each in too few answers to be shown: it may be one customer's own."""
    suggested: Part
    """Made of the template that was suggested, of those for which one was."""
    made: Part
    """Made of any template."""
    old: Part
    """Of these, of an earlier version."""
    kept: float | None
    added: float | None
    templates: tuple[TemplateUse, ...]
    with_template: After
    without: After
    languages: tuple[Spoken, ...]
    help: tuple[str, ...]
    """Where help is needed: sentences."""


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """The figures of one period."""

    period: Period
    before: Period
    zone: str
    """IANA name, by which days count."""
    mailbox: str
    """The one it is about; empty: all."""
    skill: str
    """The one it is about; empty: all."""
    pages: tuple[AnswerPage, ...] | None
    """All skills together first, unless it is about one; then those with answers enough."""
    others: int
    """Answers of skills that have no page."""
    missing: AnswersMissing
