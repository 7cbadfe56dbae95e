"""Floors below which a figure must not fall, and ceilings above which it must not rise.

    [floors]
    skill = 0.80
    [ceilings]
    humans_called_non_human = 0.0

A figure that has a bound and could not be measured has failed: accuracy must not be able to slide
because a label went missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.evaluation.figures import MEASURES, Figure, Measured
from mailtriage.toml_source import Problem, SourceError, TableReader, read_source

FLOORS: Final = "floors"
CEILINGS: Final = "ceilings"


class FloorsError(Exception):
    """A file of floors that cannot be used; the message has every problem, one a line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, sorted(problems))))
        self.problems: Final = problems


@dataclass(frozen=True, slots=True)
class Floors:
    """Bounds by the key of the figure, each from 0 to 1; a figure that equals its bound is fine."""

    floors: Mapping[str, float]
    ceilings: Mapping[str, float]

    def failures(self, measured: Measured) -> list[str]:
        """One line for each figure on the wrong side of its bound, or without a value."""
        lines = []
        for key in MEASURES:
            ceiling = key in self.ceilings
            bound = self.ceilings.get(key, self.floors.get(key))
            if bound is None:
                continue
            figure = measured.figures.get(key)
            if figure is None:
                lines.append(f"{key}: not measured: {measured.missing[key]}")
            elif figure.value > bound if ceiling else figure.value < bound:
                side = "above its ceiling" if ceiling else "below its floor"
                lines.append(f"{key}: {described(figure)} is {side} {bound:g}")
        return lines


def described(figure: Figure) -> str:
    """A figure with its interval and number: "0.742 (0.688 to 0.789, n = 288)"."""
    between = "{:.3f} to {:.3f}, ".format(*figure.interval) if figure.interval else ""
    return f"{figure.value:.3f} ({between}n = {figure.n})"


def read_floors(file: Path) -> Floors:
    """Read a TOML file of bounds. Raises FloorsError with everything that is wrong in it."""
    try:
        source = read_source(file)
    except SourceError as error:
        raise FloorsError(error.problems) from None
    problems: list[Problem] = []
    root = TableReader(source, problems, source.data)
    floors = _bounds(root, FLOORS, low_is_good=False)
    ceilings = _bounds(root, CEILINGS, low_is_good=True)
    root.finish()
    if not problems and not floors and not ceilings:
        problems.append(Problem(str(file), 1, "", "no floor is in it", "[floors] skill = 0.80"))
    if problems:
        raise FloorsError(tuple(problems))
    return Floors(floors, ceilings)


def _bounds(root: TableReader, name: str, *, low_is_good: bool) -> dict[str, float]:
    table = root.table(name)
    bounds = {}
    for key, measure in MEASURES.items():
        if not table.has(key):
            continue
        if measure.low_is_good is not low_is_good:
            good = "low" if measure.low_is_good else "high"
            other = CEILINGS if measure.low_is_good else FLOORS
            table.problem(key, f"is good when it is {good}", f"it belongs into [{other}]")
        else:
            bounds[key] = table.number(key, low=0.0, high=1.0)
    table.finish()
    return bounds
