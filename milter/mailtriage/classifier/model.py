"""The model: weights for the columns of `features`, and log-odds for each label of each facet."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from mailtriage.classifier.features import BUCKETS, Block, Text, hashed, signal_columns

BLOCK_SCALE: Final = (1.0, 1.0, 0.3, 0.25)
"""Length of the blocks words, letters and marks; what one signal counts. Cross-validated over the
corpus with whole industries left out: `make accuracy`."""

_UNSEEN: Final = -1

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """What the model decides of one facet."""

    facet: str
    labels: tuple[str, ...]
    temperature: float
    """Margins are divided by it before they become probabilities (Guo et al. 2017)."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the model says of one facet of one mail. Plain numbers: a facet has ten labels."""

    labels: tuple[str, ...]
    margins: tuple[float, ...]
    """Of the linear model, divided by the temperature; 0 is where it is undecided."""

    @property
    def probabilities(self) -> tuple[float, ...]:
        """How likely each label is, on mails like those of training."""
        return softmax(self.margins)

    def probability(self, label: str) -> float:
        """Of one label; 0 for one that the model does not know."""
        return self.probabilities[self.labels.index(label)] if label in self.labels else 0.0

    def margin(self, label: str) -> float:
        """Of one label that the model knows. Raises ValueError for another."""
        return self.margins[self.labels.index(label)]


def softmax(values: Sequence[float]) -> tuple[float, ...]:
    """Log-odds to shares that sum up to 1."""
    top = max(values)
    powers = [math.exp(value - top) for value in values]
    total = sum(powers)
    return tuple(power / total for power in powers)


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A trained model. Immutable, and safe to use from several threads.

    Weights are bytes with one scale a label: what they lose is less than what the next fold of a
    cross-validation changes, and the file stays small.
    """

    heads: tuple[Head, ...]
    columns: npt.NDArray[np.uint32]
    """Columns of `features` that have weights, ascending."""
    idf: Floats
    """Inverse document frequency of each of them."""
    weights: npt.NDArray[np.int8]
    """One row a column, one column a label; the labels of the heads in their order."""
    scale: Floats
    """What 1 of a weight stands for, one a label."""
    bias: Floats
    rows: npt.NDArray[np.int32]
    """Row of each column of `features`; -1 for those without weights."""

    def opinions(self, text: Text) -> dict[str, Opinion]:
        """What the model says of each facet that it knows."""
        return self.judged(hashed(text))

    def judged(self, blocks: Sequence[Block]) -> dict[str, Opinion]:
        """The same for what `features.hashed` has made of a text."""
        margins = self.margins(blocks).tolist()
        found = {}
        start = 0
        for head in self.heads:
            end = start + len(head.labels)
            own = tuple(margin / head.temperature for margin in margins[start:end])
            found[head.facet] = Opinion(head.labels, own)
            start = end
        return found

    def labels(self, facet: str) -> tuple[str, ...]:
        """The labels of a facet; none when the model does not know it."""
        return next((head.labels for head in self.heads if head.facet == facet), ())

    def without(self, facet: str, labels: Collection[str]) -> "Classifier":
        """The same model, as if it had never heard of these labels of a facet."""
        names = [(head.facet, label) for head in self.heads for label in head.labels]
        kept = [n for n, (of, label) in enumerate(names) if of != facet or label not in labels]
        if len(kept) == len(names):
            return self
        heads = tuple(
            replace(head, labels=tuple(label for label in head.labels if label not in labels))
            if head.facet == facet
            else head
            for head in self.heads
        )
        return replace(
            self,
            heads=heads,
            weights=np.ascontiguousarray(self.weights[:, kept]),
            scale=self.scale[kept],
            bias=self.bias[kept],
        )

    def unknown(self, signals: Sequence[str]) -> frozenset[str]:
        """Which of these signals the model was not trained with: an organisation's own."""
        columns = signal_columns(signals)
        return frozenset(
            signal
            for signal, row in zip(signals, self.rows[columns].tolist(), strict=True)
            if row == _UNSEEN
        )

    def margins(self, blocks: Sequence[Block]) -> Floats:
        """The bare sums, of all labels of all heads."""
        rows, values = vector_of(blocks, self.rows, self.idf)
        weights = self.weights.take(rows, axis=0).astype(np.float32)
        return np.asarray((values @ weights) * self.scale + self.bias, np.float32)


def row_table(columns: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]:
    """Row of each column of `features`."""
    rows = np.full(BUCKETS, _UNSEEN, np.int32)
    rows[columns] = np.arange(columns.size, dtype=np.int32)
    return rows


def vector_of(
    blocks: Sequence[Block], rows: npt.NDArray[np.int32], idf: Floats
) -> tuple[npt.NDArray[np.int32], Floats]:
    """A text as rows of the model and their values: TF-IDF, each block scaled on its own."""
    found_rows = []
    found_values = []
    for (columns, counts), scale in zip(blocks[:-1], BLOCK_SCALE[:-1], strict=True):
        known = rows.take(columns)
        seen = known >= 0
        known = known[seen]
        values = counts[seen] * idf[known]
        length = float(np.sqrt(values @ values))
        if length > 0:
            found_rows.append(known)
            found_values.append(values * np.float32(scale / length))
    known = rows[blocks[-1][0]]
    known = known[known >= 0]
    found_rows.append(known)
    found_values.append(np.full(known.size, BLOCK_SCALE[-1], np.float32))
    return np.concatenate(found_rows), np.concatenate(found_values)
