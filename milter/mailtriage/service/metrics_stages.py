"""How long the parts of an analysis take, seen from beside them.

Language, phrases and header fields are the work of plain functions that know of no clock, and are
called from others that hand none on. An analyser has each stood in for by itself with a clock
around it. Only an analyser does, and it judges one mail at a time.
"""

from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any, Final

from mailtriage.doors import analysis
from mailtriage.policies.matcher import Matcher
from mailtriage.triage import language

_PLACES: Final[tuple[tuple[str, Any, str], ...]] = (
    ("language", language, "detect"),
    ("policy", Matcher, "scan"),
    ("header", analysis, "edits"),
)
"""The stage, and the name by which its function is called, there where it is looked up."""

_OWN: Final = {(owner, name): getattr(owner, name) for _, owner, name in _PLACES}


def clock_stages(spent: dict[str, float]) -> None:
    """From now on, in this process, add the seconds of each stage to `spent`, and to no other."""
    for stage, owner, name in _PLACES:
        setattr(owner, name, _clocked(_OWN[owner, name], stage, spent))


def unclock_stages() -> None:
    """As it was before."""
    for (owner, name), function in _OWN.items():
        setattr(owner, name, function)


def _clocked(function: Callable[..., Any], stage: str, spent: dict[str, float]) -> Any:
    @wraps(function)
    def clocked(*arguments: Any, **named: Any) -> Any:
        begun = perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            spent[stage] = spent.get(stage, 0.0) + perf_counter() - begun

    return clocked
