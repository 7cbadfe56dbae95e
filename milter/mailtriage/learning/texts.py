"""What is learned from: examples as the model sees them, with their labels, made once and kept."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from mailtriage.classifier.features import Block, hashed
from mailtriage.classifier.reading import text_of
from mailtriage.labelled.model import Example, UnreadableMail
from mailtriage.mail.model import Limits, Mail
from mailtriage.policies.denial import without_denied
from mailtriage.policies.matcher import Matcher, mail_text
from mailtriage.triage.judge import CONFIDENT_LANGUAGE
from mailtriage.triage.language import UNDETERMINED, detect
from mailtriage.triage.model import Kind
from mailtriage.triage.selftest import mail_of

FACETS = ("skill", "priority", "mood", "churn", "kind")
"""What the model has an opinion on."""

HUMAN, MACHINE = "human", "machine"


@dataclass(frozen=True, slots=True)
class Lesson:
    """One example as the model sees it."""

    id: str
    place: str
    blocks: tuple[Block, ...]
    labels: dict[str, str]
    """Label by facet, where one is known."""
    also: tuple[str, ...] = ()
    """Skills that a second reader would accept."""
    group: str = ""
    """Lessons of one group are never divided between training and testing."""
    language: str = UNDETERMINED
    points: tuple[tuple[str, float], ...] = ()
    """What the rules alone give each skill."""
    weight: float = 1.0
    words: int = 0
    """Of subject and newest text."""


def lessons(
    examples: Iterable[Example],
    matcher: Matcher,
    limits: Limits,
    *,
    unreadable: Callable[[str], None] = lambda _: None,
) -> Iterator[Lesson]:
    """Read each example as live mail is read, and scan it with the policies.

    `unreadable` is told of mails that cannot be read. Without a label for the kind an example
    counts as written by a human: nobody collects robots' mail by skill.
    """
    for example in examples:
        try:
            lesson = _lesson(example, matcher, limits)
        except UnreadableMail as error:
            unreadable(str(error))
            continue
        if lesson is not None:
            yield lesson


def _lesson(example: Example, matcher: Matcher, limits: Limits) -> Lesson | None:
    mail = example.mail(limits)
    kind = HUMAN if example.kind in (None, Kind.HUMAN) else MACHINE
    labels = {"kind": kind}
    if kind == HUMAN:
        for facet in ("skill", "priority", "mood", "churn"):
            label = getattr(example, facet)
            if label is not None:
                labels[facet] = str(label)
    return _seen(
        mail,
        matcher,
        example.language,
        Lesson(
            id=example.id,
            place=example.place,
            blocks=(),
            labels=labels,
            also=example.skills_also or (),
            group=example.industry or example.id,
            weight=example.weight or 1.0,
        ),
    )


def policy_lessons(matcher: Matcher) -> Iterator[Lesson]:
    """What the tests of the policies expect is taught as well: it must come out."""
    for policy in matcher.policies.all():
        for test in policy.tests:
            labels = {
                facet: test.expect[facet][0]
                for facet in FACETS
                if test.expect.get(facet) and (facet != "kind" or not test.headers)
            }
            if "kind" in labels and labels["kind"] != HUMAN:
                labels = {"kind": MACHINE}
            blank = Lesson(
                id=f"{policy.name}:{test.name}",
                place=f"{test.file}:{test.line}",
                blocks=(),
                labels=labels,
                group=f"{policy.name}:{test.name}",
            )
            lesson = _seen(mail_of(test), matcher, test.language or None, blank)
            if labels and lesson is not None:
                yield lesson


def _seen(mail: Mail, matcher: Matcher, language: str | None, blank: Lesson) -> Lesson | None:
    """The lesson with what the model sees of the mail; None when there is nothing to see."""
    if language is None:
        spoken = detect(mail)
        language = spoken.code if spoken.confidence >= CONFIDENT_LANGUAGE else UNDETERMINED
    seen = without_denied(mail_text(mail), language)
    if not seen.folded.strip():
        return None
    hits = matcher.scan(mail, seen, language)
    points: dict[str, float] = {}
    for hit in hits:
        if hit.policy.is_skill:
            points[hit.policy.name] = points.get(hit.policy.name, 0.0) + hit.points
    return replace(
        blank,
        blocks=hashed(text_of(seen, [hit.signal.id for hit in hits])),
        language=language,
        points=tuple(sorted(points.items())),
        words=len(seen.folded.split()),
    )
