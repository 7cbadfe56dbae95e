"""Lessons to a model: TF-IDF, a linear support vector machine a facet, temperature, bytes.

scikit-learn is imported here alone, and only when something is trained (`pip install
'mailtriage[train]'`).

The order of the work:
1. columns that stand in two lessons at least, and their inverse document frequency
2. one machine a facet over all of them; columns to which none of the machines gives weight go
3. the machines once more over what is left, so that nothing is missing from the length of a text
4. margins of lessons that were not trained with, to find the temperature of each facet
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mailtriage.classifier.features import BUCKETS
from mailtriage.classifier.model import Classifier, Floats, Head, row_table, vector_of
from mailtriage.learning.texts import FACETS, Lesson

MIN_LESSONS: Final = 2
"""A column must stand in so many lessons; in one alone when there are few of them."""
FEW: Final = 3000
KEPT: Final = 2
"""A column stays when some label gives it this many of 127 steps."""

BALANCED: Final = frozenset({"priority", "mood", "churn", "kind"})
"""Facets whose rare labels count as much as the frequent ones: the rare ones are what matters."""

_TEMPERATURES: Final = np.geomspace(0.05, 3.0, 60)


class TooFewLabels(Exception):  # noqa: N818  reads as what it is
    """Nothing can be told apart; the message says of which facet."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the machine is trained."""

    cost: float = 0.3
    """C of the support vector machine: how much a wrong lesson costs against large weights."""
    method: str = "svm"
    """"svm", or "logistic": better where there are few lessons of many labels, and slower."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Lessons as rows of a sparse matrix, in the columns of a model."""

    columns: npt.NDArray[np.uint32]
    idf: Floats
    values: Any
    """scipy.sparse.csr_array."""


def matrix(lessons: Sequence[Lesson]) -> Matrix:
    """Columns and document frequencies from these lessons, and their values."""
    counts = np.zeros(BUCKETS, np.int32)
    for lesson in lessons:
        for columns, _ in lesson.blocks:
            counts[columns] += 1
    least = 1 if len(lessons) < FEW else MIN_LESSONS
    columns = np.flatnonzero(counts >= least).astype(np.uint32)
    # Rounded as it is stored, so that training and use see the same numbers.
    idf = np.log((1 + len(lessons)) / (1 + counts[columns])) + 1
    return _in_columns(lessons, columns, idf.astype(np.float16).astype(np.float32))


def _in_columns(lessons: Sequence[Lesson], columns: npt.NDArray[np.uint32], idf: Floats) -> Matrix:
    return Matrix(columns, idf, rows_of(lessons, columns, idf))


def rows_of(lessons: Sequence[Lesson], columns: npt.NDArray[np.uint32], idf: Floats) -> Any:
    """Lessons as rows in given columns."""
    from scipy.sparse import csr_array

    table = row_table(columns)
    vectors = [vector_of(lesson.blocks, table, idf) for lesson in lessons]
    ends = np.cumsum([0, *(rows.size for rows, _ in vectors)]).astype(np.int32)
    indices = np.concatenate([rows for rows, _ in vectors])
    data = np.concatenate([values for _, values in vectors])
    return csr_array((data, indices, ends), shape=(len(lessons), columns.size))


def train(
    lessons: Sequence[Lesson], facets: Sequence[str] = FACETS, recipe: Recipe | None = None
) -> Classifier:
    """A model of these facets. The same lessons in the same order give the same model.

    Temperatures are 1: `calibrated` sets them. Raises TooFewLabels.
    """
    recipe = recipe or Recipe()
    made = matrix(lessons)
    machines = [_machine(lessons, facet, made.values, recipe) for facet in facets]
    steps = np.hstack([_bytes(machine.weights)[0] for machine in machines])
    kept = np.abs(steps).max(axis=1) >= KEPT
    if not kept.all():
        made = _in_columns(lessons, made.columns[kept], made.idf[kept])
        machines = [_machine(lessons, facet, made.values, recipe) for facet in facets]
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


def _machine(lessons: Sequence[Lesson], facet: str, values: Any, recipe: Recipe) -> _Machine:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    numbers = [n for n, lesson in enumerate(lessons) if facet in lesson.labels]
    wanted = [lessons[n].labels[facet] for n in numbers]
    labels = tuple(sorted(set(wanted)))
    if len(labels) < 2:
        raise TooFewLabels(
            f"{facet}: {len(labels)} label{'' if len(labels) == 1 else 's'}; two are needed"
        )
    balance = "balanced" if facet in BALANCED else None
    machine = (
        LogisticRegression(C=100 * recipe.cost, class_weight=balance, max_iter=300)
        if recipe.method == "logistic"
        else LinearSVC(C=recipe.cost, class_weight=balance, random_state=0, max_iter=3000)
    )
    machine.fit(values[numbers], wanted, sample_weight=[lessons[n].weight for n in numbers])
    weights = np.asarray(machine.coef_.T, np.float32)
    bias = np.asarray(machine.intercept_, np.float32)
    if weights.shape[1] == 1:  # two labels: one machine that tells them apart
        weights, bias = np.hstack([-weights, weights]), np.concatenate([-bias, bias])
    return _Machine(labels, weights, bias)


def _bytes(weights: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Weights in 127 steps to either side, and what one step stands for, a label each."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-6) / 127
    return np.round(weights / scale).astype(np.int8), scale.astype(np.float32)


def margins(model: Classifier, lessons: Sequence[Lesson]) -> Floats:
    """What the model makes of each lesson: one row a lesson, the labels of all heads in a row."""
    values = rows_of(lessons, model.columns, model.idf)
    weights = model.weights.astype(np.float32) * model.scale
    return np.asarray(values @ weights + model.bias, np.float32)


def temperature(scores: Floats, labels: Sequence[str], wanted: Sequence[str]) -> float:
    """What margins are to be divided by so that probabilities come true: least log loss.

    `scores` are of lessons that the model was not trained with (Guo et al. 2017, section 4.2).
    """
    places = [labels.index(label) for label in wanted]
    picked = np.arange(len(places))
    best = (np.inf, 1.0)
    for candidate in _TEMPERATURES:
        scaled = scores / candidate
        top = scaled.max(axis=1)
        loss = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top - scaled[picked, places]
        best = min(best, (float(loss.mean()), float(candidate)))
    return round(best[1], 4)
