"""The arbiter between the twelve first-class languages: words and n-grams that part neighbours.

A linear model that knows little, and that well: what Danish and Norwegian (Bokmål and Nynorsk),
Swedish, Spanish and Portuguese write differently. It is asked where the detector has no clear
answer.
`python -m mailtriage.learning.nearby` makes its two files from text of our own, bit for bit.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

CLASSES: Final = ("da", "nb", "sv", "en", "de", "nl", "fi", "fr", "es", "it", "pt", "pl")
"""The columns of the weights. Nynorsk counts as nb: there is one desk for both."""

LONGEST: Final = 4
"""Characters of the longest n-gram that is no whole word."""

MAX_WORDS: Final = 8
"""Words that are read; where eight do not decide, the detector's own answer is as good."""

MAX_WORD: Final = 24
"""Characters of a word that are read."""

_UNIT: Final = 1 / 24
"""What one step of a stored weight is worth, in natural logarithms of the odds."""

_GRAMS_FILE: Final = "nearby.txt"
_WEIGHTS_FILE: Final = "nearby.npy"


class Nearby:
    """The model, loaded. Holds no state of any text, so that threads may share it."""

    def __init__(self, directory: Path) -> None:
        """Read the model from the shipped `policies/languages`. Raises OSError and ValueError."""
        grams = (directory / _GRAMS_FILE).read_text("utf-8").split("\n")[:-1]
        weights = np.load(directory / _WEIGHTS_FILE, allow_pickle=False)
        if weights.dtype != np.int16 or weights.shape != (len(grams), len(CLASSES)):
            raise ValueError(f"{directory / _WEIGHTS_FILE} does not fit {_GRAMS_FILE}")
        self._rows: Final = {gram: row for row, gram in enumerate(grams)}
        self._weights: Final = weights

    def scores(self, words: Sequence[str]) -> dict[str, float]:
        """Log-odds of each class for words in lower case, at most `MAX_WORDS` of them.

        Damped by the root of their number, since neighbouring words repeat each other's evidence.
        Empty when nothing in the words is known.
        """
        words = words[:MAX_WORDS]
        find = self._rows.get
        rows: list[int] = []
        for word in words:
            whole = find(f"<{word}>")
            if whole is None:
                found = map(find, grams_of(word))
                rows += [row for row in found if row is not None]
            else:
                rows.append(whole)
        if not rows:
            return {}
        sums = self._weights.take(rows, axis=0).sum(axis=0, dtype=np.int32)
        scale = _UNIT / max(1.0, len(words) / 2) ** 0.5
        return {code: value * scale for code, value in zip(CLASSES, sums.tolist(), strict=True)}


def grams_of(word: str) -> list[str]:
    """The whole word between "<" and ">", then its n-grams of two to `LONGEST` characters."""
    edged = f"<{word[:MAX_WORD]}>"
    size = len(edged)
    lengths = range(2, min(LONGEST, size - 1) + 1)
    parts = [edged[at : at + length] for length in lengths for at in range(size - length + 1)]
    return [edged, *parts]


def save(directory: Path, grams: Sequence[str], weights: npt.NDArray[np.float64]) -> None:
    """Write a model: one row of `weights`, in natural logarithms, for each n-gram.

    The row of a whole word takes in those of its n-grams: a known word is looked up once.
    """
    rows = {gram: row for row, gram in enumerate(grams)}
    folded = weights.copy()
    for gram, row in rows.items():
        if gram[0] == "<" and gram[-1] == ">":
            parts = [rows[part] for part in grams_of(gram[1:-1]) if part in rows]
            folded[row] = weights[parts].sum(axis=0)
    steps = np.rint(folded / _UNIT).astype(np.int16)
    (directory / _GRAMS_FILE).write_text("".join(f"{gram}\n" for gram in grams), "utf-8")
    np.save(directory / _WEIGHTS_FILE, steps, allow_pickle=False)
