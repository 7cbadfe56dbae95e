"""An organisation's own lessons beside the corpus: what is taught how, judged unseen, and learnt.

The model is made of both. The corpus teaches the shipped skills and, in twelve languages, priority,
mood, churn and kind; LABELLED teaches the organisation's own skills, and whatever else it labels.
"""

import hashlib
import math
import statistics
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mailtriage.classifier.model import Classifier, Floats
from mailtriage.learning.crossval import FOLDS, calibrated, unseen_margins
from mailtriage.learning.fit import ORDINARY, Recipe, train
from mailtriage.learning.texts import FACETS, Lesson

OVERRULED: Final = 0.3
"""What a lesson of the corpus weighs whose skill is taught anew: mail of the own house comes first,
and what it leaves out is not forgotten."""

MOST_WEIGHT: Final = 20.0
PLENTY: Final = 400
"""An own lesson weighs PLENTY over the usual number of lessons a skill, from 1 to MOST_WEIGHT:
twenty lessons are else drowned by thousands."""

LIFT: Final = 0.45
"""What is added to the margins of a new skill that has twenty lessons; less with more of them. A
machine that met a skill twenty times in 16,000 lessons hardly ever dares to name it. With weight
and lift macro-F1 of a theatre's three skills beside the corpus rose from 0.17 to 0.65, of eight
skills of BANKING77 from 0.85 to 0.89. Of the corpus's own mails, unseen, 1 in 30 then went to a new
skill, among them the lost property that the corpus calls general."""

FEW: Final = 40
"""Up to so many lessons a skill more than one recipe is tried."""
MOST_WORK: Final = 80_000_000
"""Values times labels up to which logistic regression is tried: a few seconds a fold."""

MOST_VALUES: Final = 10_000_000
"""What is learnt from at once for the skills, or memory passes 1 GB. Of more, second skills of the
corpus are left out, each being a row more; then part of its lessons, spread evenly."""
LEAST_OF_CORPUS: Final = 0.25
MOST_HUMANS: Final = 2000
"""Of more own mails that are all of humans no more need be learnt about the kind."""
_TOLERANCE, _ROUGH = 0.1, 1.0

TOO_FEW, SCANT = 4, 8
"""A label with fewer lessons than these is told of: too few to be judged, and few."""

Unseen = dict[str, tuple[tuple[str, ...], Floats]]


@dataclass(frozen=True, slots=True)
class Course:
    """What is taught: the own lessons, and those of the corpus that stay."""

    own: tuple[Lesson, ...]
    corpus: tuple[Lesson, ...]
    facets: tuple[str, ...]
    """What the own lessons label, so that it can be cross-validated; the skill first."""
    is_only: bool
    """Whether the skills are those of the own lessons alone."""
    lift: float = 0.0
    """What is added to the margins of skills that the corpus does not have."""

    @property
    def taught(self) -> tuple[str, ...]:
        """Every facet that has two labels or more, and so a head in the model."""
        everything = (*self.own, *self.corpus)
        return tuple(facet for facet in FACETS if len(_counted(everything, facet)) > 1)

    def counts(self, facet: str) -> Counter[str]:
        """How many own lessons each label has."""
        return _counted(self.own, facet)


@dataclass(frozen=True, slots=True)
class Trial:
    """A recipe, and what models made by it say of own lessons that they were not shown."""

    recipe: Recipe
    unseen: Unseen


def fingerprint(lesson: Lesson) -> str:
    """8 bytes that stand for what the model sees of a mail; the words cannot be had from them."""
    digest = hashlib.sha256()
    for columns, counts in lesson.blocks:
        digest.update(np.ascontiguousarray(columns).tobytes())
        digest.update(np.round(counts, 3).tobytes())
    return digest.hexdigest()[:16]


def without_copies(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Each mail once: a copy in another fold would be an answer known beforehand."""
    first: dict[tuple[str, tuple[tuple[str, str], ...]], Lesson] = {}
    for lesson in lessons:
        first.setdefault((fingerprint(lesson), tuple(sorted(lesson.labels.items()))), lesson)
    return list(first.values())


def plan(own: Sequence[Lesson], corpus: Sequence[Lesson], *, only: bool = False) -> Course:
    """Decide what stays of the corpus, and what each lesson weighs.

    `only` leaves no skill but those of the own lessons; the other facets are taught all the same.
    """
    skills = _counted(own, "skill")
    weight = 1.0
    if skills and corpus and not only:
        weight = max(1.0, min(MOST_WEIGHT, PLENTY / statistics.median(skills.values())))
    facets = tuple(facet for facet in FACETS if len(_counted(own, facet)) > 1)
    if len(skills) == 1 and corpus and not only:  # to be told from the shipped ones
        facets = ("skill", *facets)
    return Course(
        own=tuple(
            _weighing(lesson, weight, only)
            for lesson in (own if "kind" in facets or len(own) <= MOST_HUMANS else _unkind(own))
        ),
        corpus=_thinned(own, [_kept(lesson, skills, only) for lesson in corpus]),
        facets=facets,
        is_only=only,
        lift=LIFT * math.log(weight) / math.log(MOST_WEIGHT),
    )


def _unkind(own: Sequence[Lesson]) -> list[Lesson]:
    return [replace(lesson, labels=_others(lesson, "kind")) for lesson in own]


def _others(lesson: Lesson, facet: str) -> dict[str, str]:
    return {name: label for name, label in lesson.labels.items() if name != facet}


def _weighing(lesson: Lesson, weight: float, only: bool) -> Lesson:
    # One-liners are no rarity where all that is taught is of one kind.
    words = ORDINARY if only else lesson.words
    return replace(lesson, weight=lesson.weight * weight, words=words)


def _kept(lesson: Lesson, skills: Mapping[str, int], only: bool) -> Lesson:
    if only:
        return _without_skill(lesson)
    if lesson.labels.get("skill") in skills:
        return replace(lesson, weight=lesson.weight * OVERRULED)
    return lesson


def _thinned(own: Sequence[Lesson], corpus: Sequence[Lesson]) -> tuple[Lesson, ...]:
    """The corpus with as many skills in it as there is room for beside the own lessons."""
    sizes = [_values(lesson) if "skill" in lesson.labels else 0 for lesson in corpus]
    doubled = sum(size * (1 + len(lesson.also)) for size, lesson in zip(sizes, corpus, strict=True))
    room = MOST_VALUES - sum(map(_values, own))
    if doubled <= room or not any(sizes):
        return tuple(corpus)
    share = min(1.0, max(LEAST_OF_CORPUS, room / sum(sizes)))
    return tuple(
        replace(lesson, also=())
        if zlib.crc32(lesson.id.encode()) < share * 2**32
        else _without_skill(lesson)
        for lesson in corpus
    )


def _values(lesson: Lesson) -> int:
    return sum(columns.size for columns, _ in lesson.blocks)


def _without_skill(lesson: Lesson) -> Lesson:
    return replace(lesson, labels=_others(lesson, "skill"), also=())


def _counted(lessons: Sequence[Lesson], facet: str) -> Counter[str]:
    return Counter(lesson.labels[facet] for lesson in lessons if facet in lesson.labels)


def trials(course: Course) -> list[Trial]:
    """Cross-validate over the own lessons by each recipe that comes into question, best first.

    With `course.facets` empty there is nothing to be judged, and the default recipe is used.
    """
    if not course.facets:
        return [Trial(_recipes(course)[0], {})]
    found = [Trial(recipe, _unseen(course, recipe)) for recipe in _recipes(course)]
    return sorted(found, key=lambda trial: -_right(course, trial))


def _recipes(course: Course) -> list[Recipe]:
    """By experiment: a support vector machine, and logistic regression for few lessons a skill."""
    if not course.is_only:
        return [Recipe(cost=0.3, tolerance=_TOLERANCE, rough=_ROUGH)]
    skills = course.counts("skill")
    if not skills or statistics.mean(skills.values()) > FEW:
        return [Recipe(cost=0.5, tolerance=_TOLERANCE, rough=_ROUGH)]
    values = sum(map(_values, course.own))
    recipes = [Recipe(cost=1.0, tolerance=_TOLERANCE, rough=_ROUGH)]
    if values * len(skills) <= MOST_WORK:
        recipes.append(Recipe(cost=0.3, method="logistic", tolerance=_TOLERANCE, rough=_ROUGH))
    return recipes


def _unseen(course: Course, recipe: Recipe) -> Unseen:
    # A second skill of a lesson costs a row more and changes nothing that is measured here.
    always = [
        replace(lesson, also=())
        for lesson in course.corpus
        if set(course.facets) & lesson.labels.keys()
    ]
    found = unseen_margins(
        course.own, course.facets, recipe,
        always=always, folds=FOLDS, quickly=True, alone=course.is_only,
    )  # fmt: skip
    if "skill" in found:
        labels, scores = found["skill"]
        found["skill"] = labels, scores + _lifts(course, labels)
    return found


def _lifts(course: Course, labels: Sequence[str]) -> Floats:
    """What is added to the margin of each skill."""
    known = _counted(course.corpus, "skill")
    return np.array([0.0 if label in known else course.lift for label in labels], np.float32)


def _right(course: Course, trial: Trial) -> float:
    """Share of own lessons whose first facet is right, unseen."""
    facet = course.facets[0]
    labels, scores = trial.unseen[facet]
    known = [n for n, lesson in enumerate(course.own) if facet in lesson.labels]
    best = scores[known].argmax(axis=1)
    right = [labels[at] == course.own[n].labels[facet] for n, at in zip(known, best, strict=True)]
    return statistics.fmean(right)


def learn(course: Course, trial: Trial, shipped: Mapping[str, float]) -> Classifier:
    """The model of all lessons. `shipped` are the temperatures of facets that the own lessons do
    not label. Raises TooFewLabels."""
    lessons = [*course.corpus, *course.own]
    own = course.own if course.is_only else ()
    model = _lifted(course, train(lessons, course.taught, trial.recipe, own=own))
    warm = tuple(
        replace(head, temperature=shipped.get(head.facet, head.temperature)) for head in model.heads
    )
    judged = tuple(head for head in warm if head.facet in trial.unseen)
    fitted = calibrated(replace(model, heads=judged), course.own, trial.unseen)
    found = {head.facet: head for head in (*warm, *fitted.heads)}
    return replace(model, heads=tuple(found[head.facet] for head in model.heads))


def _lifted(course: Course, model: Classifier) -> Classifier:
    added = [
        _lifts(course, head.labels)
        if head.facet == "skill"
        else np.zeros(len(head.labels), np.float32)
        for head in model.heads
    ]
    return replace(model, bias=model.bias + np.concatenate(added))
