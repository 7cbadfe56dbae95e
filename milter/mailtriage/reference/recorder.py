"""What the readers of the configuration ask for: recorded while they read the reference.

So a new section or key needs no line here. A table whose names are the organisation's own needs an
entry in the reference, or in `_EXAMPLES`.
"""

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from mailtriage.config.reader import SettingsReader
from mailtriage.config.sections import read_sections
from mailtriage.config.units import size_in_bytes
from mailtriage.reference.shapes import (
    DURATION,
    MODE,
    PATH,
    SIZE,
    Shape,
    array,
    number,
    string,
)
from mailtriage.toml_source import REQUIRED, Problem, Required, Source

_Choice = TypeVar("_Choice", bound=str)

# Tables that the reference shows within its prose only.
_EXAMPLES: Final = """
[profiles.zammad.headers]
language = "X-Zammad-Ticket-Language"
[profiles.zammad.map.queue]
default = "Users"
[mailboxes."help@desk.example".routes]
billing = "billing@desk.example"
[calendars.main.special]
2026-12-31 = "09:00-12:00"
"""


@dataclass(slots=True)
class Table:
    """A table as its reader knows it."""

    keys: "dict[str, Shape | Table]" = field(default_factory=dict)
    """By name, in the order in which they are read."""
    others: "Shape | Table | None" = None
    """What stands under the names that people choose; None: there are none."""


def record(uncommented: str) -> Table:
    """The shape of the configuration; `uncommented` gives every setting once.

    Raises ValueError when a table of free names is empty, or the text is refused.
    """
    data = tomllib.loads(uncommented)
    _merge(data, tomllib.loads(_EXAMPLES))
    problems: list[Problem] = []
    root = Table()
    read_sections(_Recorder(Source("reference", data, ""), problems, root, data))
    errors = [str(problem) for problem in problems if not problem.warning]
    if errors:
        raise ValueError("\n".join(errors))
    return root


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


class _Recorder(SettingsReader):
    """Reads as usual, and writes down in `table` what it was asked for.

    Of methods that call one another the outermost is what counts: it is the first to be noted.
    """

    def __init__(
        self,
        source: Source,
        problems: list[Problem],
        table: Table,
        data: dict[str, Any],
        path: tuple[str | int, ...] = (),
    ) -> None:
        super().__init__(source, problems, [], data, path)
        self._table: Final = table
        self._free: bool = False

    def names(self) -> list[str]:
        names = super().names()
        if not names:
            raise ValueError(f"{self.path} has names of people's choice: give one in _EXAMPLES")
        self._free = True
        return names

    def table(self, key: str) -> "_Recorder":
        below = self._note(key, Table())
        if not isinstance(below, Table):
            raise TypeError(f"{key} of {self.path} is a table and a value")
        path = (*self.path, key)
        table = _Recorder(self.source, self.problems, below, self.mapping(key), path)
        self._tables.append(table)
        return table

    def text(
        self,
        key: str,
        default: str | Required = REQUIRED,
        *,
        choices: Collection[str] | None = None,
        pattern: re.Pattern[str] | None = None,
        empty: bool = False,
    ) -> str:
        self._note(key, string(choices=choices, pattern=pattern, empty=empty))
        return super().text(key, default, choices=choices, pattern=pattern, empty=empty)

    def texts(
        self,
        key: str,
        default: tuple[str, ...] | Required = REQUIRED,
        *,
        choices: Collection[str] | None = None,
        pattern: re.Pattern[str] | None = None,
        empty: bool = False,
    ) -> tuple[str, ...]:
        self._note(key, array(string(choices=choices, pattern=pattern, empty=empty)))
        return super().texts(key, default, choices=choices, pattern=pattern, empty=empty)

    def integer(
        self,
        key: str,
        default: int | Required = REQUIRED,
        low: int | None = None,
        high: int | None = None,
    ) -> int:
        self._note(key, number("integer", low, high))
        return super().integer(key, default, low, high)

    def number(
        self,
        key: str,
        default: float | Required = REQUIRED,
        low: float | None = None,
        high: float | None = None,
    ) -> float:
        self._note(key, number("number", low, high))
        return super().number(key, default, low, high)

    def boolean(self, key: str, default: bool | Required = REQUIRED) -> bool:
        self._note(key, Shape({"type": "boolean"}))
        return super().boolean(key, default)

    def choice(self, key: str, default: _Choice, choices: tuple[_Choice, ...]) -> _Choice:
        self._note(key, string(choices=choices))
        return super().choice(key, default, choices)

    def duration(self, key: str, default: str, low: str, high: str) -> float:
        self._note(key, Shape(DURATION, f"From {low} to {high}."))
        return super().duration(key, default, low, high)

    def size(self, key: str, default: str, low: str, high: str) -> int:
        bytes_ = number("integer", size_in_bytes(low), size_in_bytes(high)).schema
        self._note(key, Shape({"anyOf": [SIZE, bytes_]}, f"From {low} to {high}."))
        return super().size(key, default, low, high)

    def mode(self, key: str, default: str) -> int:
        self._note(key, Shape(MODE))
        return super().mode(key, default)

    def optional_socket(self, key: str, default: str = "") -> Any:
        self._note(key, string(empty=True))
        return super().optional_socket(key, default)

    def words(
        self,
        key: str,
        pattern: re.Pattern[str],
        what: str,
        example: str,
        default: tuple[str, ...] = (),
    ) -> tuple[str, ...]:
        self._note(key, array(string(pattern=pattern)))
        return super().words(key, pattern, what, example, default)

    def line_of_text(self, key: str, pattern: re.Pattern[str], what: str, hint: str) -> str:
        self._note(key, string(pattern=pattern, empty=True))
        return super().line_of_text(key, pattern, what, hint)

    def file(self, key: str, default: str = "") -> Any:
        self._note(key, string(pattern=PATH, empty=True))
        return super().file(key, default)

    def files(self, key: str) -> Any:
        self._note(key, array(string(pattern=PATH)))
        return super().files(key)

    def url(self, key: str, default: str, schemes: tuple[str, ...]) -> str:
        alternatives = "|".join(map(re.escape, schemes))
        pattern = re.compile(rf"(?:{alternatives})://.+")
        self._note(key, string(pattern=pattern, empty=not default))
        return super().url(key, default, schemes)

    def _note(self, key: str, shape: Shape | Table) -> Shape | Table:
        if self._free and key in self._data:
            if self._table.others is None:
                self._table.others = shape
            return self._table.others
        return self._table.keys.setdefault(key, shape)
