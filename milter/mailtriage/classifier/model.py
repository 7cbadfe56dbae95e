"""The model: weights for the columns of `features`, and log-odds for each label of each facet."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    """What the model says of one facet of one mail."""

    labels: tuple[str, ...]
    margins: Floats
    """Of the linear model, divided by the temperature; 0 is where it is undecided."""

    @property
    def probabilities(self) -> Floats:
        """Softmax of the margins: how likely each label is, on mails like those of training."""
        shifted = np.exp(self.margins - self.margins.max())
        return np.asarray(shifted / shifted.sum(), np.float32)

    def probability(self, label: str) -> float:
        """Of one label; 0 for one that the model does not know."""
        if label not in self.labels:
            return 0.0
        return float(self.probabilities[self.labels.index(label)])

    def margin(self, label: str) -> float:
        """Of one label that the model knows. Raises ValueError for another."""
        return float(self.margins[self.labels.index(label)])


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
        margins = self.margins(text)
        found = {}
        start = 0
        for head in self.heads:
            end = start + len(head.labels)
            found[head.facet] = Opinion(head.labels, margins[start:end] / head.temperature)
            start = end
        return found

    def labels(self, facet: str) -> tuple[str, ...]:
        """The labels of a facet; none when the model does not know it."""
        return next((head.labels for head in self.heads if head.facet == facet), ())

    def unknown(self, signals: Sequence[str]) -> frozenset[str]:
        """Which of these signals the model was not trained with: an organisation's own."""
        columns = signal_columns(signals)
        return frozenset(
            signal
            for signal, row in zip(signals, self.rows[columns].tolist(), strict=True)
            if row == _UNSEEN
        )

    def margins(self, text: Text) -> Floats:
        """The bare sums, of all labels of all heads."""
        rows, values = vector_of(hashed(text), self.rows, self.idf)
        weights = self.weights[rows].astype(np.float32)
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
        known = rows[columns]
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
