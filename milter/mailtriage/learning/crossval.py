"""Cross-validation: each lesson judged by a model that has never seen it, nor any of its group."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mailtriage.classifier.model import Classifier, Floats
from mailtriage.learning.fit import Recipe, margins, temperature, train
from mailtriage.learning.texts import Lesson
from mailtriage.triage.learned import KNOWN, MOST

FOLDS: Final = 4
LONG, ENOUGH = 45, 300
"""Lessons of so many words are what mailboxes hold; so many are enough to calibrate with."""


def folds_of(lessons: Sequence[Lesson], facet: str, folds: int = FOLDS) -> list[int]:
    """In which fold each lesson is tested, from 0.

    Whole groups go into one fold, where there are enough groups; else each label is spread evenly
    over the folds. The same lessons give the same folds, whatever their order.
    """
    groups = sorted({lesson.group for lesson in lessons}, key=_shuffled)
    if folds <= len(groups) < len(lessons):
        place = {group: number % folds for number, group in enumerate(groups)}
        return [place[lesson.group] for lesson in lessons]
    found = [0] * len(lessons)
    turn: dict[str, int] = {}
    for number in sorted(range(len(lessons)), key=lambda number: _shuffled(lessons[number].id)):
        label = lessons[number].labels.get(facet, "")
        found[number] = turn.get(label, zlib.crc32(label.encode()) % folds) % folds
        turn[label] = found[number] + 1
    return found


def _shuffled(name: str) -> tuple[int, str]:
    """A key that puts names into an order that has nothing to do with them."""
    return zlib.crc32(name.encode()), name


def unseen_margins(
    lessons: Sequence[Lesson],
    facets: Sequence[str],
    recipe: Recipe | None = None,
    *,
    always: Sequence[Lesson] = (),
    folds: int = FOLDS,
    quickly: bool = False,
    alone: bool = False,
) -> dict[str, tuple[tuple[str, ...], Floats]]:
    """By facet the labels, and the margins of each lesson by the model that was not shown it.

    `always` are lessons that every model is trained with and that are not tested. A label that a
    fold's model never met has a margin far below all others. `quickly` leaves out what makes a
    model small; `alone` takes the frequencies of words from `lessons` and not from `always`.
    """
    place = folds_of(lessons, facets[0], folds)
    labels = {
        facet: tuple(
            sorted({known.labels[facet] for known in (*lessons, *always) if facet in known.labels})
        )
        for facet in facets
    }
    found = {
        facet: np.full((len(lessons), len(labels[facet])), -9.0, np.float32) for facet in facets
    }
    for fold in sorted(set(place)):
        learned = [lesson for lesson, at in zip(lessons, place, strict=True) if at != fold]
        tested = [number for number, at in enumerate(place) if at == fold]
        own = learned if alone else ()
        model = train([*always, *learned], facets, recipe, own=own, is_final=not quickly)
        scores = margins(model, [lessons[number] for number in tested])
        start = 0
        for head in model.heads:
            columns = [labels[head.facet].index(label) for label in head.labels]
            found[head.facet][np.ix_(tested, columns)] = scores[:, start : start + len(head.labels)]
            start += len(head.labels)
    return {facet: (labels[facet], found[facet]) for facet in facets}


def calibrated(
    model: Classifier, lessons: Sequence[Lesson], unseen: dict[str, tuple[tuple[str, ...], Floats]]
) -> Classifier:
    """The model with the temperatures that fit margins of lessons it was not trained with.

    Of skills with the points of the rules beside the margins, as triage adds them; and on lessons
    of an ordinary mail's length where there are enough of them: a model is surer of itself the more
    it reads.
    """
    heads = []
    for head in model.heads:
        labels, scores = unseen[head.facet]
        known = [n for n, lesson in enumerate(lessons) if lesson.labels.get(head.facet) in labels]
        long = [n for n in known if lessons[n].words >= LONG]
        if len(long) >= ENOUGH:
            known = long
        wanted = [lessons[n].labels[head.facet] for n in known]
        added = rule_points([lessons[n] for n in known], labels) if head.facet == "skill" else None
        found = temperature(scores[known], labels, wanted, added)
        heads.append(replace(head, temperature=found))
    return replace(model, heads=tuple(heads))


def rule_points(lessons: Sequence[Lesson], labels: Sequence[str]) -> Floats:
    """What triage adds to the margins of skills for the points of the rules."""
    added = np.zeros((len(lessons), len(labels)), np.float32)
    for row, lesson in enumerate(lessons):
        for name, points in lesson.points:
            if name in labels:
                added[row, labels.index(name)] = KNOWN * max(-MOST, min(MOST, points))
    return added
