"""Makes the arbiter between the first-class languages: `python -m mailtriage.learning.nearby`.

Read are, all of them written for this project: the word lists nordic.txt and romance.txt beside the
model, the phrases and tests of the policies, and the training corpus of each language. The same
files give the same model, bit for bit: no chance, no clock, one order.
"""

import itertools
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mailtriage.shipped import shipped_directory
from mailtriage.triage.language_nearby import CLASSES, grams_of, save

# What the columns of the word lists are, and how much a word of a column counts. Nynorsk has a
# column of its own and shares a class, so that the two together weigh as much as Danish.
_LISTS: Final = {
    "nordic.txt": (("da", "da", 1.0), ("nb", "nb", 0.65), ("nn", "nb", 0.5), ("sv", "sv", 1.0)),
    "romance.txt": (("es", "es", 1.0), ("pt", "pt", 1.0), ("it", "it", 1.0), ("fr", "fr", 1.0)),
}
_LENGTHS: Final = (1, 2, 2, 3, 4, 6, 8)
"""Words of the pieces that running text is cut into, in turn: short mails are the hard case."""

_TEXT_WEIGHT: Final = 3000.0
"""What the running text of one language weighs in all, against 1 for a word of a list."""

_PART: Final = 0.5
"""What an n-gram counts against the whole word: words known are surer than shapes."""

_SEEN: Final = 3
_EPOCHS: Final = 12
_BATCH: Final = 512
_RATE: Final = 0.5
_CALM: Final = 1e-4
_DECAY: Final = 0.02
_LEAST: Final = 0.1
"""N-grams whose weights all stay below this are left out."""

# How people write who have no such key.
_PLAIN: Final = str.maketrans(
    {
        **dict(zip("àáâãåçèéêëìíîïñòóôõùúûýÿ", "aaaaaceeeeiiiinoooouuuyy", strict=True)),
        **dict(zip("ąćęłńśźżœ", ("a", "c", "e", "l", "n", "s", "z", "z", "oe"), strict=True)),
        "ä": "a", "ö": "o", "ü": "u", "ß": "ss", "æ": "ae", "ø": "o",
    }
)  # fmt: skip
_SPELLED: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa"}
)


class Example(NamedTuple):
    """A few words of one language, and how much they count."""

    words: tuple[str, ...]
    label: int
    weight: float


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; whatever is no letter parts them."""
    return "".join(c if c.isalpha() else " " for c in text.lower()).split()


def listed(directory: Path) -> Iterator[Example]:
    """The words of the word lists, alone and with the word that follows."""
    for name, columns in _LISTS.items():
        for number, line in enumerate((directory / name).read_text("utf-8").splitlines(), 1):
            if line.startswith("#"):
                continue
            cells = line.split(" | ")
            if len(cells) != len(columns):
                raise ValueError(f"{name}:{number}: {len(columns)} columns are wanted")
            for (_, code, weight), cell in zip(columns, cells, strict=True):
                label = CLASSES.index(code)
                words = words_of(cell)
                for word in words:
                    yield Example((word,), label, weight)
                for two in itertools.pairwise(words):
                    yield Example(two, label, weight / 2)


def texts(policies: Path) -> dict[str, list[str]]:
    """Every phrase, every test and every mail of the corpus, by language."""
    found: dict[str, list[str]] = {code: [] for code in CLASSES}
    for file in sorted(policies.rglob("*.toml")):
        _walk(tomllib.loads(file.read_text("utf-8")), "", found)
    for code, own in found.items():
        corpus = policies / "corpus" / f"{code}.jsonl"
        if corpus.is_file():
            for line in corpus.read_text("utf-8").splitlines():
                mail = json.loads(line)
                own += [mail.get("subject", ""), mail["text"]]
    return found


def _walk(value: Any, code: str, found: dict[str, list[str]]) -> None:
    """Collect the strings below a key that is a language, and the texts of tests and templates."""
    if isinstance(value, dict):
        spoken = value.get("language")
        if isinstance(spoken, str) and spoken in found:
            found[spoken] += [value[key] for key in ("subject", "body") if key in value]
            found[spoken] += _template(value.get("text", ""))
            return
        for key, below in value.items():
            _walk(below, key if key in found else code, found)
    elif isinstance(value, list):
        for below in value:
            _walk(below, code, found)
    elif isinstance(value, str) and code:
        found[code].append(value.replace("*", ""))


def _template(text: str) -> list[str]:
    """The lines of a template that hold no expression."""
    return [line for line in text.splitlines() if "{" not in line]


def cut(found: dict[str, list[str]]) -> Iterator[Example]:
    """Running text in short pieces, with and without its accents; each language weighs alike."""
    for code, own in found.items():
        pieces: list[tuple[str, ...]] = []
        for text in own:
            words = words_of(text)
            while words:
                length = _LENGTHS[len(pieces) % len(_LENGTHS)]
                pieces.append(tuple(words[:length]))
                words = words[length:]
        label = CLASSES.index(code)
        weight = _TEXT_WEIGHT / max(1, len(pieces))
        for piece in pieces:
            yield Example(piece, label, weight)
            for table in (_PLAIN, _SPELLED):
                plain = tuple(word.translate(table) for word in piece)
                if plain != piece:
                    yield Example(plain, label, weight / 4)


def train(examples: Sequence[Example]) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Softmax regression by AdaGrad over the examples in a fixed order: n-grams and weights."""
    seen = Counter(
        gram for example in examples for word in example.words for gram in grams_of(word)
    )
    grams = sorted(
        gram for gram, count in seen.items() if count >= (2 if _is_word(gram) else _SEEN)
    )
    rows = {gram: row for row, gram in enumerate(grams)}
    worth = np.array([1.0 if _is_word(gram) else _PART for gram in grams])
    features = [
        np.array([rows[g] for word in e.words for g in grams_of(word) if g in rows], np.int64)
        for e in examples
    ]
    labels = np.array([example.label for example in examples])
    weights = np.array([example.weight for example in examples])
    weights /= weights.mean()
    order = np.random.Generator(np.random.PCG64(1)).permutation(len(examples))
    order = order[[bool(features[i].size) for i in order]]
    found = np.zeros((len(grams), len(CLASSES)))
    squares = np.full_like(found, _CALM)
    for _ in range(_EPOCHS):
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            _step(batch, features, labels, weights, worth, found, squares)
        found *= 1 - _DECAY
    found *= worth[:, None]
    found -= found.mean(axis=1, keepdims=True)
    keep = np.flatnonzero(np.abs(found).max(axis=1) >= _LEAST)
    return [grams[row] for row in keep], found[keep]


def _step(
    batch: npt.NDArray[np.int64],
    features: Sequence[npt.NDArray[np.int64]],
    labels: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    worth: npt.NDArray[np.float64],
    found: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
) -> None:
    """One step down the gradient of one batch; changes `found` and `squares`."""
    columns = np.concatenate([features[i] for i in batch])
    sizes = np.array([features[i].size for i in batch])
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    values = worth[columns][:, None]
    logits = np.add.reduceat(found[columns] * values, starts, axis=0)
    logits -= logits.max(axis=1, keepdims=True)
    error = np.exp(logits)
    error /= error.sum(axis=1, keepdims=True)
    error[np.arange(len(batch)), labels[batch]] -= 1
    error *= weights[batch][:, None] / len(batch)
    touched, where = np.unique(columns, return_inverse=True)
    slope = np.zeros((len(touched), len(CLASSES)))
    np.add.at(slope, where, np.repeat(error, sizes, axis=0) * values)
    squares[touched] += slope * slope
    found[touched] -= _RATE * slope / np.sqrt(squares[touched])


def _is_word(gram: str) -> bool:
    return gram.startswith("<") and gram.endswith(">")


def main() -> None:
    """Write the model beside the word lists."""
    policies = shipped_directory("policies")
    directory = policies / "languages"
    examples = [*listed(directory), *cut(texts(policies))]
    grams, weights = train(examples)
    save(directory, grams, weights)
    sys.stdout.write(f"{len(examples)} examples, {len(grams)} n-grams written to {directory}\n")


if __name__ == "__main__":
    main()
