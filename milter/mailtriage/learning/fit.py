"""Lessons to a model: TF-IDF, a linear support vector machine a facet, temperature, bytes.

scikit-learn is imported here alone, and only when something is trained (`pip install
'mailtriage[train]'`).

The order of the work:
1. columns that stand in two lessons at least, and their inverse document frequency
2. one machine a facet over all of them; columns to which none of the machines gives weight go
3. the machines once more over what is left, so that nothing is missing from the length of a text
4. margins of lessons that were not trained with, to find the temperature of each facet
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mailtriage.classifier.features import BUCKETS
from mailtriage.classifier.model import Classifier, Floats, Head, row_table, vector_of
from mailtriage.learning.texts import FACETS, Lesson

MIN_LESSONS: Final = 2
"""A column must stand in so many lessons; in one alone when there are few of them, in one more
when there are many."""
FEW, MANY = 3000, 24_000
KEPT: Final = 2
"""A column stays when some label gives it this many of 127 steps."""

BALANCE: Final = {"skill": 0.0, "priority": 0.25, "mood": 0.0, "churn": 0.5, "kind": 0.5}
"""How far rare labels are lifted: their weight is (all / labels / of this label) to this power."""

ORDINARY: Final = 30
"""Words of an ordinary mail. Longer lessons weigh more and shorter ones less, by the square root:
the corpus has many one-liners, for their vocabulary, and mailboxes have few."""

SECOND: Final = 0.15
"""What a skill that a second reader would accept weighs beside the first one's 1: 0.8 points more
of accepted answers in the cross-validation."""

_TEMPERATURES: Final = np.geomspace(0.05, 3.0, 60)


class TooFewLabels(Exception):  # noqa: N818  reads as what it is
    """Nothing can be told apart; the message says of which facet."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the machine of the skills is trained; the other facets have the defaults."""

    cost: float = 0.3
    """C of the support vector machine: how much a wrong lesson costs against large weights."""
    method: str = "svm"
    """"svm", or "logistic": better where there are few lessons of many labels, and slower."""
    tolerance: float = 1e-4
    """When the support vector machine is done. With 0.1 it takes a third of the time, and no margin
    of the corpus is 0.01 away from where it ends with 0.0001."""
    rough: float = 1e-4
    """The same when all that is asked is which columns have weight."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a model, and how rare each is."""

    columns: npt.NDArray[np.uint32]
    idf: Floats


def columns_of(lessons: Sequence[Lesson], own: Sequence[Lesson] = ()) -> Columns:
    """Columns and document frequencies from these lessons.

    What stands in one of `own` has its frequency from them alone: with an organisation's own
    taxonomy, words are as rare as they are in its mail. Columns of the others are then there for
    other facets, and count half, lest they take up the length of a text.
    """
    counts = _counts(lessons)
    number = len(own or lessons)
    least = MIN_LESSONS - (number < FEW) + (number >= MANY)
    columns = np.flatnonzero(counts >= least).astype(np.uint32)
    idf = np.log((1 + len(lessons)) / (1 + counts[columns])) + 1
    if own:
        counts = _counts(own)[columns]
        idf = np.where(counts > 0, np.log((1 + len(own)) / (1 + counts)) + 1, idf / 2)
    # Rounded as it is stored, so that training and use see the same numbers.
    return Columns(columns, idf.astype(np.float16).astype(np.float32))


def _counts(lessons: Sequence[Lesson]) -> npt.NDArray[np.int32]:
    """In how many lessons each column stands."""
    counts = np.zeros(BUCKETS, np.int32)
    for lesson in lessons:
        for columns, _ in lesson.blocks:
            counts[columns] += 1
    return counts


def rows_of(
    lessons: Sequence[Lesson],
    columns: npt.NDArray[np.uint32],
    idf: Floats,
    kind: type[np.floating[Any]] = np.float32,
) -> Any:
    """Lessons as rows in given columns."""
    from scipy.sparse import csr_array

    table = row_table(columns)
    # Room for all columns of all lessons, made once: of thousands of mails there is no second copy.
    most = sum(found.size for lesson in lessons for found, _ in lesson.blocks)
    indices, data = np.empty(most, np.int32), np.empty(most, kind)
    ends = np.zeros(len(lessons) + 1, np.int32)
    end = 0
    for number, lesson in enumerate(lessons):
        rows, values = vector_of(lesson.blocks, table, idf)
        start, end = end, end + rows.size
        indices[start:end], data[start:end], ends[number + 1] = rows, values, end
    return csr_array((data[:end], indices[:end], ends), shape=(len(lessons), columns.size))


def train(
    lessons: Sequence[Lesson],
    facets: Sequence[str] = FACETS,
    recipe: Recipe | None = None,
    *,
    own: Sequence[Lesson] = (),
    is_final: bool = True,
) -> Classifier:
    """A model of these facets. The same lessons in the same order give the same model.

    Temperatures are 1: `calibrated` sets them. `own` are those of the lessons that say how rare a
    word is, see `matrix`; all of them when empty. A model that is not final only judges a fold and
    keeps the columns that it could do without, which halves the time. Raises TooFewLabels.
    """
    recipe = recipe or Recipe()
    made = columns_of(lessons, own)
    rough = replace(recipe, tolerance=recipe.rough) if is_final else recipe
    machines = [_machine(lessons, facet, made, rough) for facet in facets]
    kept = _kept(machines)
    if is_final and not kept.all():
        del machines  # before as much is needed again
        made = Columns(made.columns[kept], made.idf[kept])
        machines = [_machine(lessons, facet, made, recipe) for facet in facets]
    weights, scales = zip(*(_bytes(machine.weights) for machine in machines), strict=True)
    return Classifier(
        heads=tuple(
            Head(facet, machine.labels, 1.0)
            for facet, machine in zip(facets, machines, strict=True)
        ),
        columns=made.columns,
        idf=made.idf,
        weights=np.hstack(weights),
        scale=np.concatenate(scales),
        bias=np.concatenate([machine.bias for machine in machines]),
        rows=row_table(made.columns),
    )


@dataclass(frozen=True, slots=True)
class _Machine:
    labels: tuple[str, ...]
    weights: Floats
    """One row a column, one column a label."""
    bias: Floats


def _machine(lessons: Sequence[Lesson], facet: str, made: Columns, recipe: Recipe) -> _Machine:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    if facet != "skill":
        recipe = Recipe(tolerance=recipe.tolerance)
    lessons = [lesson for lesson in lessons if facet in lesson.labels]
    samples = list(_samples(lessons, facet))
    numbers = [sample.row for sample in samples]
    wanted = [sample.label for sample in samples]
    labels = tuple(sorted(set(wanted)))
    if len(labels) < 2:
        raise TooFewLabels(
            f"{facet}: {len(labels)} label{'' if len(labels) == 1 else 's'}; two are needed"
        )
    machine = (
        LogisticRegression(C=100 * recipe.cost, max_iter=300)
        if recipe.method == "logistic"
        else LinearSVC(C=recipe.cost, tol=recipe.tolerance, random_state=0, max_iter=3000)
    )
    # In doubles, which the machine computes with: it would make a second matrix of them.
    rows = rows_of(lessons, made.columns, made.idf, np.float64)
    if len(numbers) > len(lessons):
        rows = rows[numbers]
    seen: Any = slice(None)
    if recipe.method == "logistic":  # columns of other facets' lessons would only cost time
        seen = np.unique(rows.indices)
        rows = rows[:, seen]
    machine.fit(rows, wanted, sample_weight=[sample.weight for sample in samples])
    weights = np.zeros((made.columns.size, machine.coef_.shape[0]), np.float32)
    weights[seen] = machine.coef_.T
    bias = np.asarray(machine.intercept_, np.float32)
    if weights.shape[1] == 1:  # two labels: one machine that tells them apart
        weights, bias = np.hstack([-weights, weights]), np.concatenate([-bias, bias])
    return _Machine(labels, weights, bias)


def _kept(machines: Sequence[_Machine]) -> npt.NDArray[np.bool_]:
    """Columns to which some label gives weight."""
    steps = [np.abs(_bytes(machine.weights)[0]).max(axis=1) for machine in machines]
    return np.asarray(np.max(steps, axis=0) >= KEPT)


class _Sample(NamedTuple):
    row: int
    label: str
    weight: float


def _samples(lessons: Sequence[Lesson], facet: str) -> Iterator[_Sample]:
    """Each lesson with its label; for skills also with those that a second reader would accept."""
    known = Counter(lesson.labels[facet] for lesson in lessons if facet in lesson.labels)
    lift = {
        label: (known.total() / len(known) / count) ** BALANCE.get(facet, 0.0)
        for label, count in known.items()
    }
    for row, lesson in enumerate(lessons):
        if facet not in lesson.labels:
            continue
        label = lesson.labels[facet]
        weight = lesson.weight * math.sqrt(max(0.35, min(2.0, lesson.words / ORDINARY)))
        yield _Sample(row, label, weight * lift[label])
        for other in lesson.also if facet == "skill" else ():
            if other in known:
                yield _Sample(row, other, weight * SECOND)


def _bytes(weights: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Weights in 127 steps to either side, and what one step stands for, a label each."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-6) / 127
    return np.round(weights / scale).astype(np.int8), scale.astype(np.float32)


def margins(model: Classifier, lessons: Sequence[Lesson]) -> Floats:
    """What the model makes of each lesson: one row a lesson, the labels of all heads in a row."""
    values = rows_of(lessons, model.columns, model.idf)
    weights = model.weights.astype(np.float32) * model.scale
    return np.asarray(values @ weights + model.bias, np.float32)


def temperature(
    scores: Floats, labels: Sequence[str], wanted: Sequence[str], added: Floats | None = None
) -> float:
    """What margins are to be divided by so that probabilities come true: least log loss.

    `scores` are of lessons that the model was not trained with (Guo et al. 2017, section 4.2);
    `added` comes to the divided margins from elsewhere.
    """
    places = [labels.index(label) for label in wanted]
    picked = np.arange(len(places))
    best = (np.inf, 1.0)
    for candidate in _TEMPERATURES:
        scaled = scores / candidate + (0.0 if added is None else added)
        top = scaled.max(axis=1)
        loss = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top - scaled[picked, places]
        best = min(best, (float(loss.mean()), float(candidate)))
    return round(best[1], 4)
