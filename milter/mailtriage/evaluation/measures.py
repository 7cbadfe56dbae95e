"""The measures, as plain functions of counts; no mail is seen here.

Every interval is one of 95 %. Shares have Wilson's; everything else has a bootstrap, which draws
as many mails again, with replacement, 1,000 times, from a fixed seed: the same counts always give
the same interval.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Z: Final = 1.959963984540054
"""The 97.5 % point of the normal distribution."""
RESAMPLES: Final = 1000
SEED: Final = 20_040_401
BINS: Final = 10

Interval = tuple[float, float]
Pairs = Mapping[tuple[str, str], int]
"""How often each (expected, got) was seen."""
_Floats = npt.NDArray[np.float64]


def wilson(right: int, n: int) -> Interval:
    """Wilson's score interval of the share right/n (E. B. Wilson, JASA 22, 1927, 209-212).

    (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n). Unlike the textbook's p ± 2s it stays within
    0 and 1, and is honest at 0 and at n of n. Raises ValueError when n is 0.
    """
    if not 0 <= right <= n or n == 0:
        raise ValueError(f"{right} of {n} is no share")
    share = right / n
    scale = 1 + Z * Z / n
    middle = (share + Z * Z / (2 * n)) / scale
    reach = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / scale
    low = 0.0 if right == 0 else max(0.0, middle - reach)
    high = 1.0 if right == n else min(1.0, middle + reach)
    return low, high


def f1(pairs: Pairs, label: str) -> float:
    """F1 of one label: 2·TP / (2·TP + FP + FN), which is the harmonic mean of precision and recall.

    NaN when the label is neither expected nor given: it then says nothing.
    """
    return float(_f1_of([label], sorted(pairs))(_counts(pairs))[0])


def macro_f1(pairs: Pairs) -> float:
    """The plain mean of F1 over all labels that are expected or given, each counting the same.

    A label that is given and never expected counts with F1 = 0. NaN without any pair.
    """
    cells = sorted(pairs)
    return float(_f1_of(labels_of(cells), cells)(_counts(pairs))[0])


def f1_interval(pairs: Pairs, label: str) -> Interval:
    """Bootstrap interval of `f1`; draws in which it says nothing are left out."""
    return _bootstrap(pairs, _f1_of([label], sorted(pairs)))


def macro_f1_interval(pairs: Pairs) -> Interval:
    """Bootstrap interval of `macro_f1`."""
    cells = sorted(pairs)
    return _bootstrap(pairs, _f1_of(labels_of(cells), cells))


def labels_of(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """All labels that are expected or given, in the order of the alphabet."""
    return sorted({label for pair in pairs for label in pair})


def mean_interval(values: Sequence[float]) -> Interval:
    """Bootstrap interval of the mean of one value a mail."""
    sample = np.asarray(values, dtype=np.float64)
    random = np.random.default_rng(SEED)
    means = [sample[random.integers(0, len(sample), len(sample))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _counts(pairs: Pairs) -> _Floats:
    return np.array([[float(pairs[cell]) for cell in sorted(pairs)]])


def _f1_of(labels: Sequence[str], cells: Sequence[tuple[str, str]]) -> Callable[[_Floats], _Floats]:
    """A function of counts, one row a draw and one column a cell: the mean F1 of these labels."""
    shape = (len(cells), len(labels))
    both, either = np.zeros(shape), np.zeros(shape)
    column = {label: number for number, label in enumerate(labels)}
    for row, (expected, got) in enumerate(cells):
        for label in (expected, got):
            if label in column:
                either[row, column[label]] += 1
        if expected == got and expected in column:
            both[row, column[expected]] = 1

    def mean_f1(counts: _Floats) -> _Floats:
        seen = counts @ either  # TP + FN and TP + FP in one: 2·TP + FP + FN
        scores = np.divide(2 * (counts @ both), seen, out=np.zeros_like(seen), where=seen > 0)
        used = np.count_nonzero(seen > 0, axis=1)
        mean = np.full(len(counts), np.nan)
        np.divide(scores.sum(axis=1), used, out=mean, where=used > 0)
        return mean

    return mean_f1


def _bootstrap(pairs: Pairs, statistic: Callable[[_Floats], _Floats]) -> Interval:
    """Percentiles of the statistic over draws. Drawing mails one by one and counting the cells is
    drawing the counts from a multinomial distribution, at a cost that does not grow with them."""
    counts = _counts(pairs)[0]
    n = int(counts.sum())
    random = np.random.default_rng(SEED)
    draws = random.multinomial(n, counts / n, size=RESAMPLES).astype(np.float64)
    values = statistic(draws)
    low, high = np.percentile(values[~np.isnan(values)], [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence lies in one tenth of 0 to 1."""

    low: float
    high: float
    """Not included, but for 1.0."""
    n: int
    confidence: float
    """Mean; 0 when n is 0."""
    right: float
    """Share that was right; 0 when n is 0."""


def reliability(answers: Iterable[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Confidence and rightness of answers in ten bins of equal width."""
    inside: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, right in answers:
        # What was added up to 0.8 may have come out as 0.7999999999999999.
        number = int(round(confidence * BINS, 9))
        inside[min(max(number, 0), BINS - 1)].append((confidence, right))
    return tuple(
        Bin(
            number / BINS,
            (number + 1) / BINS,
            len(content),
            sum(confidence for confidence, _ in content) / len(content) if content else 0.0,
            sum(right for _, right in content) / len(content) if content else 0.0,
        )
        for number, content in enumerate(inside)
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: Σ nᵇ/n · |share rightᵇ - mean confidenceᵇ| over the bins.

    0 when everything that is said with 70 % is right seven times in ten (Naeini et al., AAAI 2015).
    NaN when there is no answer.
    """
    n = sum(entry.n for entry in bins)
    if not n:
        return math.nan
    return sum(entry.n * abs(entry.right - entry.confidence) for entry in bins) / n


def folded(text: str) -> str:
    """Text with every run of white space as one blank, and none at the ends."""
    return " ".join(text.split())


def token_f1(expected: str, got: str) -> float:
    """F1 of two texts as bags of words, cut at white space; 1 when both are empty."""
    wanted, found = Counter(expected.split()), Counter(got.split())
    if not wanted and not found:
        return 1.0
    common = (wanted & found).total()
    return 2 * common / (wanted.total() + found.total())
