"""Whether promises are kept: counted by skill, to be published."""

import struct
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

_VERSION: Final = 1
_FORM: Final = struct.Struct("<B3Q")
_MOST: Final = 2**63


class Outcome(StrEnum):
    """What became of a promise: the value of the metric's label."""

    KEPT = "kept"
    """A human answered by then."""
    BROKEN = "broken"
    """A human answered later."""
    UNANSWERED = "unanswered"
    """The mail was closed or given up, and nobody had answered by then. Most needed no answer, but
    nobody can tell: it counts neither way, and is shown."""


def outcome(promised: float, answered: float) -> Outcome | None:
    """Of a promise and the first answer of a human, in seconds since the epoch; None when nothing
    was promised (0). The very moment is in time."""
    if not promised:
        return None
    return Outcome.KEPT if answered <= promised else Outcome.BROKEN


@dataclass(frozen=True, slots=True)
class Kept:
    """The promises of one skill since counting began. Those of several servers are added up."""

    kept: int = 0
    broken: int = 0
    unanswered: int = 0

    def __add__(self, other: Self) -> Self:
        """Both together."""
        return replace(
            self,
            kept=self.kept + other.kept,
            broken=self.broken + other.broken,
            unanswered=self.unanswered + other.unanswered,
        )

    @property
    def share(self) -> float | None:
        """Kept promises of those that were answered; None before the first."""
        judged = self.kept + self.broken
        return self.kept / judged if judged else None

    def to_bytes(self) -> bytes:
        """For keeping; `from_bytes` reads it."""
        return _FORM.pack(_VERSION, self.kept, self.broken, self.unanswered)

    @classmethod
    def from_bytes(cls, kept: bytes) -> Self:
        """Raises ValueError for anything that `to_bytes` does not write."""
        if len(kept) != _FORM.size or kept[0] != _VERSION:
            raise ValueError("not counts of promises, or those of another version")
        counts = _FORM.unpack(kept)[1:]
        if max(counts) >= _MOST:
            raise ValueError("not counts of promises: more than there can be")
        return cls(*counts)


def counted(kept: Kept, what: Outcome | None) -> Kept:
    """With one promise more; None: nothing was promised."""
    return kept if what is None else kept + Kept(**{what: 1})
