"""Examples sent through the analysis of live mail, and what is kept of each answer."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.evaluation.measures import folded, token_f1
from mailtriage.labelled.envelope import stored_envelope
from mailtriage.labelled.model import Example, UnreadableMail
from mailtriage.mail.fields import skip_mbox_line, split_fields
from mailtriage.mail.read import read_message
from mailtriage.tags.apply import header_names
from mailtriage.tags.model import Status
from mailtriage.triage.model import Kind, Triage
from mailtriage.triage.skill import OTHER_SKILL

FACETS: Final = ("language", "skill", "priority", "mood", "churn", "kind", "thread")
"""Facets whose answer is one of several labels."""

OF_HUMANS: Final = frozenset({"skill", "priority", "mood", "churn"})
"""What no robot has: where it is known who wrote a mail, these are asked of human mails only."""

_TOP: Final = 3
"""Pieces of evidence that are kept of a wrong answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What triage said, without what is not measured."""

    language: str
    language_confidence: float
    skill: str
    skill_confidence: float
    priority: str
    mood: str
    churn: str
    kind: str
    thread: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One example and what became of it."""

    example: Example
    answer: Answer
    milliseconds: float
    """Of the analysis, as the log of live mail has it: all but fetching the bytes."""
    newest_exact: bool | None = None
    """Whether the newest text is the expected one, white space folded; None when none is known."""
    newest_f1: float | None = None
    why: tuple[tuple[str, str], ...] = ()
    """Facet and evidence of answers that are wrong: rules and weights, never words of the mail."""
    fault: str = ""
    """Class and place of the fault, when the answer is the one of a mail that passed unjudged."""

    def expected(self, facet: str) -> str | None:
        """The label of a facet, None where it is not known or not asked."""
        if facet in OF_HUMANS and self.example.kind not in {None, Kind.HUMAN}:
            return None
        label = getattr(self.example, facet)
        return None if label is None else str(label)

    def got(self, facet: str) -> str:
        """The answer of a facet."""
        return str(getattr(self.answer, facet))

    def is_wrong(self, facet: str) -> bool:
        """Whether there is a label, and the answer is another."""
        expected = self.expected(facet)
        return expected is not None and expected != self.got(facet)


def judge_all(
    analyst: Analyst, examples: Iterable[Example], unreadable: Callable[[str], None]
) -> Iterator[Outcome]:
    """Judge each example; one whose file is gone is told to `unreadable` and left out."""
    for example in examples:
        try:
            yield judge(analyst, example)
        except UnreadableMail as error:
            unreadable(str(error))


def judge(analyst: Analyst, example: Example) -> Outcome:
    """Analyse an example as if it came in now, as `explain` does: nothing is sent and no state is
    written. An utterance is a mail with a subject at most; its language is detected like any.

    Raises UnreadableMail.
    """
    limits = analyst.limits
    if example.file is None:
        utterance = example.mail(limits)
        names = [header.name for header in utterance.headers]
        analysis = analyst.analyse(lambda: utterance, names, body=utterance.text.encode())
    else:
        raw = example.raw(limits)
        envelope = stored_envelope(read_message(raw, limits=limits))
        read = partial(read_message, raw, envelope=envelope, limits=limits)
        body = raw[split_fields(raw, skip_mbox_line(raw))[1] :]
        analysis = analyst.analyse(read, header_names(raw), body=body)
    exact, share = _newest(example, analysis)
    answer = _answer(analysis.triage)
    outcome = Outcome(example, answer, analysis.milliseconds, exact, share)
    wrong = tuple(
        (facet, text)
        for facet in FACETS
        if outcome.is_wrong(facet)
        for text in _evidence(analysis.triage, facet)
    )
    fault = (analysis.detail or "unknown") if analysis.status is Status.ERROR else ""
    return Outcome(example, answer, analysis.milliseconds, exact, share, wrong, fault)


def _answer(triage: Triage) -> Answer:
    return Answer(
        language=triage.language,
        language_confidence=triage.language_confidence,
        skill=triage.skill,
        skill_confidence=triage.skill_confidence,
        priority=str(triage.priority),
        mood=str(triage.mood),
        churn=str(triage.churn),
        kind=str(triage.kind),
        thread=str(triage.thread),
    )


def _newest(example: Example, analysis: Analysis) -> tuple[bool | None, float | None]:
    """Of a mail only: an utterance is all newest text."""
    expected = example.newest_text
    if expected is None or example.file is None:
        return None, None
    got = analysis.mail.newest_text if analysis.mail else ""
    return folded(got) == folded(expected), token_f1(expected, got)


def _evidence(triage: Triage, facet: str) -> list[str]:
    """The weightiest reasons of a facet, each as its rule and weight; where no skill was chosen,
    those of the skills that were not."""
    entries = [entry for entry in triage.why if entry.facet == facet]
    if facet == "skill" and not entries:
        entries = [entry for entry in triage.why if entry.facet == OTHER_SKILL]
    entries.sort(key=lambda entry: -abs(entry.weight))
    return [f"{entry.id} {entry.weight:+g}" for entry in entries[:_TOP]]
