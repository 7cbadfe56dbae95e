"""What the readers of all formats fill: examples, problems, and what is worth a note."""

import os
import stat
from pathlib import Path
from typing import Final

from mailtriage.labelled.model import (
    MAX_EXAMPLES,
    MAX_PROBLEMS,
    Example,
    LabelledError,
    LabelledSet,
)
from mailtriage.labelled.names import SkillNames
from mailtriage.mail.model import Limits
from mailtriage.toml_source import Problem

_MAX_NAMED: Final = 20
"""Ignored columns and changed names that a note lists."""


class TooMany(Exception):  # noqa: N818  reads as what it is
    """The set has more examples than are taken; already reported."""


class Collector:
    """Filled while a set is read; `finish` makes the set of it, or raises with all problems."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.limits: Final = limits
        self.skills: Final = SkillNames()
        self._path: Final = path
        self._examples: Final[list[Example]] = []
        self._problems: Final[list[Problem]] = []
        self._more = 0
        self._unreadable: Final[list[str]] = []
        self._unlabelled = 0
        self._ignored: Final[dict[str, None]] = {}
        self._notes: Final[list[str]] = []

    def add(self, example: Example) -> None:
        """Take an example; one without any label is counted and left out. Raises TooMany."""
        if not example.is_labelled():
            self._unlabelled += 1
            return
        if len(self._examples) >= MAX_EXAMPLES:
            what = f"more than {MAX_EXAMPLES:,} examples"
            self.problem(self._path, 1, what, "take a sample, or split the set")
            raise TooMany
        self._examples.append(example)

    def problem(self, file: Path, line: int, what: str, hint: str = "") -> None:
        """One thing that is wrong; of very many only the number is kept."""
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(str(file), line, "", what, hint))
        else:
            self._more += 1

    @property
    def problems(self) -> int:
        """How many there are so far."""
        return len(self._problems) + self._more

    def unreadable(self, file: Path, reason: str) -> None:
        """A mail that has a label and cannot be read."""
        self._unreadable.append(f"{file}: {reason}")

    def ignored(self, key: str) -> None:
        """A column or key that means nothing here."""
        self._ignored[key] = None

    def unlabelled(self, count: int) -> None:
        """Mails that have no label."""
        self._unlabelled += count

    def note(self, text: str) -> None:
        """Something worth saying."""
        self._notes.append(text)

    def finish(self) -> LabelledSet:
        """The set. Raises LabelledError when anything was wrong, or nothing is there."""
        if not self._problems and not self._examples:
            what = "no mail in it has a label"
            if self._unreadable:
                what = f"none of its {len(self._unreadable)} mails can be read"
            self.problem(self._path, 1, what, next(iter(self._unreadable), ""))
        if self._problems:
            raise LabelledError(self._problems, self._more)
        if self._unlabelled:
            self.note(f"left out, without a label: {self._unlabelled}")
        if self._ignored:
            self.note(f"not used: {_listed(list(self._ignored))}")
        changed = [f"'{label}' as {name}" for label, name in self.skills.changed()]
        if changed:
            self.note(f"read: {_listed(changed)}")
        return LabelledSet(
            self._path, tuple(self._examples), tuple(self._unreadable), tuple(self._notes)
        )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def why_unreadable(file: Path) -> str:
    """Why a mail cannot be read; empty when it can. Links are followed."""
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        return (getattr(error, "strerror", None) or "no name of a file").lower()
    if not stat.S_ISREG(mode):
        return "not a regular file"
    return "" if os.access(file, os.R_OK) else "permission denied"


def within(root: Path, name: str) -> Path | None:
    """The file of that name below `root`; None when it lies, or leads by a link, elsewhere.

    A file that is missing, or a loop of links, is below: whoever opens it will say so.
    """
    try:
        real = Path(os.path.realpath(root / name))
        return root / name if real.is_relative_to(os.path.realpath(root)) else None
    except (OSError, ValueError):
        return None
