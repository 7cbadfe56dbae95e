"""TOML files read so that every mistake in them is listed at once, each with its line.

`read_source` gives a `Source`: the values and their lines. A `TableReader` walks one table of it:
each key is asked for by its type and bounds, what does not fit goes to a shared list of `Problem`s
and the default takes its place, so that reading goes on; `finish` reports the keys that nobody
asked for.
"""

import difflib
import functools
import json
import math
import re
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailtriage.toml_lines import KeyPath, Lines, map_lines

UNREADABLE_HINT: Final = "the user that mailtriage runs as must be able to read it"
_POSITION: Final = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?|true|false")
_SHOWN: Final = 40  # characters of a wrong value that a message repeats


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in one file; sorts by file, then line."""

    file: str
    line: int
    """From 1."""
    path: str
    """Dotted path of the key, as `dotted` writes it; empty when it concerns the whole file."""
    what: str
    hint: str = ""
    """How to mend it; may be empty."""
    warning: bool = False

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        warning = "warning: " if self.warning else ""
        hint = f" — {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}: {path}{warning}{self.what}{hint}"


class SourceError(Exception):
    """A file that cannot be read as TOML at all."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems: Final = problems


class Source:
    """One TOML file: its values and, on demand, where each stands."""

    def __init__(self, file: str, data: dict[str, Any], text: str) -> None:
        self.file: Final = file
        self.data: Final = data
        self._text: Final = text

    @functools.cached_property
    def _lines(self) -> Lines:
        # Costs about as much as parsing, so it waits until a line is really asked for.
        return map_lines(self._text)

    def line(self, path: KeyPath) -> int:
        """Line (from 1) of that key or array item, else of the nearest parent that is known."""
        at = self._lines.at
        while path and path not in at:
            path = path[:-1]
        return at.get(path, 1)

    def locate(self, path: KeyPath) -> tuple[str, int]:
        """File and line of that key or array item, or of the nearest parent that is known."""
        return self.file, self.line(path)


def read_source(file: Path) -> Source:
    """Read and parse a TOML file (UTF-8).

    Raises SourceError when it cannot be read, is not UTF-8 or is not TOML.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        hint = UNREADABLE_HINT if isinstance(error, PermissionError) else ""
        raise SourceError((Problem(str(file), 1, "", f"cannot be read: {reason}", hint),)) from None
    try:
        text = raw.decode("utf-8-sig")  # editors on Windows put a byte order mark first
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what, hint = f"not UTF-8: byte 0x{raw[error.start]:02x}", "save the file as UTF-8"
        raise SourceError((Problem(str(file), line, "", what, hint),)) from None
    return parse_source(text, str(file))


def parse_source(text: str, file: str) -> Source:
    """Parse TOML text; `file` is the name that problems are reported under.

    Raises SourceError when it is not TOML.
    """
    text = text.replace("\r\n", "\n")
    try:
        return Source(file, tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        problem = _syntax_problem(text, file, str(error))
    except RecursionError:
        problem = Problem(file, 1, "", "arrays or tables are nested too deeply")
    raise SourceError((problem,))


def _syntax_problem(text: str, file: str, message: str) -> Problem:
    # tomllib says that a key is there twice in four different ways, and neither which nor where.
    if message.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate", "Duplicate")):
        for again in map_lines(text).repeated:
            what = f"given twice, first on line {again.first}"
            return Problem(file, again.line, dotted(again.path), what, "keep one of the two")
    position = _POSITION.search(message)
    line = text.rstrip().count("\n") + 1
    if position is not None:
        message = message[: position.start()]
        if position["line"]:
            line = int(position["line"])
    return Problem(file, line, "", f"not TOML: {message[:1].lower()}{message[1:]}")


def dotted(path: KeyPath) -> str:
    """A path as people write it: `mailboxes."help@desk.example".skills[0]`."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            written += f".{name}" if written else name
    return written


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to a mistyped one; empty when none is near."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f"did you mean '{by_folded[near[0]]}'?" if near else ""


def show(value: object) -> str:
    """A TOML value as it is written, cut when long, to repeat it in a message."""
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"


class Required:
    """The default of a key that has none."""


REQUIRED: Final = Required()


class TableReader:
    """Reads the keys of one table; what is wrong with them is added to `problems`.

    Each method returns the checked value, or the default when the key is missing or wrong (for a
    required key the empty value of its type).
    """

    def __init__(
        self,
        source: Source,
        problems: list[Problem],
        data: dict[str, Any] | None = None,
        path: KeyPath = (),
    ) -> None:
        """`data` is the table at `path` in `source`; without it, the whole file."""
        self.source: Final = source
        self.problems: Final = problems
        self.path: Final = path
        self._data: Final = source.data if data is None else data
        self._asked: Final[dict[str, None]] = {}

    def names(self) -> list[str]:
        """The keys of the table as they stand in the file."""
        return list(self._data)

    def has(self, key: str) -> bool:
        """Whether the key is given; it then counts as known."""
        self._asked[key] = None
        return key in self._data

    def line(self, key: str | None = None) -> int:
        """Line of a key, or of the table itself."""
        return self.source.line(self.path if key is None else (*self.path, key))

    def text(
        self,
        key: str,
        default: str | Required = REQUIRED,
        *,
        choices: Collection[str] | None = None,
        pattern: re.Pattern[str] | None = None,
        empty: bool = False,
    ) -> str:
        """A string: one of `choices`, fitting `pattern` as a whole; empty only when allowed."""
        fallback = "" if isinstance(default, Required) else default
        if not self._given(key, default):
            return fallback
        value = self._data[key]
        fits = self._text_fits((key,), value, choices, pattern, empty)
        return str(value) if fits else fallback

    def texts(
        self,
        key: str,
        default: tuple[str, ...] | Required = REQUIRED,
        *,
        choices: Collection[str] | None = None,
        pattern: re.Pattern[str] | None = None,
        empty: bool = False,
    ) -> tuple[str, ...]:
        """An array of strings, each checked as `text` does; those that fit are returned."""
        fallback = () if isinstance(default, Required) else default
        if not self._given(key, default):
            return fallback
        value = self._data[key]
        if not isinstance(value, list):
            hint = f"write [{show(value)}]" if isinstance(value, str) else ""
            self._wrong_type((key,), "an array of strings", value, hint)
            return fallback
        return tuple(
            item
            for number, item in enumerate(value)
            if self._text_fits((key, number), item, choices, pattern, empty)
        )

    def integer(
        self,
        key: str,
        default: int | Required = REQUIRED,
        low: int | None = None,
        high: int | None = None,
    ) -> int:
        """A whole number from `low` to `high`, both included."""
        fallback = 0 if isinstance(default, Required) else default
        if not self._given(key, default):
            return fallback
        value = self._data[key]
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong_type((key,), "a whole number", value, _unquoted(value))
            return fallback
        return value if self._in_range(key, value, low, high) else fallback

    def number(
        self,
        key: str,
        default: float | Required = REQUIRED,
        low: float | None = None,
        high: float | None = None,
    ) -> float:
        """A finite number, whole or not, from `low` to `high`, both included."""
        fallback = 0.0 if isinstance(default, Required) else default
        if not self._given(key, default):
            return fallback
        value = self._data[key]
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._wrong_type((key,), "a number", value, _unquoted(value))
            return fallback
        if not math.isfinite(value):
            self.problem(key, f"expected a finite number, found {value}")
            return fallback
        return float(value) if self._in_range(key, value, low, high) else fallback

    def boolean(self, key: str, default: bool | Required = REQUIRED) -> bool:
        """true or false."""
        fallback = False if isinstance(default, Required) else default
        if not self._given(key, default):
            return fallback
        value = self._data[key]
        if not isinstance(value, bool):
            self._wrong_type((key,), "true or false", value, _unquoted(value))
            return fallback
        return value

    def table(self, key: str) -> "TableReader":
        """The table of that name; an empty one when it is missing."""
        return TableReader(self.source, self.problems, self.mapping(key), (*self.path, key))

    def tables(self, key: str) -> list["TableReader"]:
        """The array of tables of that name; empty when it is missing."""
        if not self.has(key):
            return []
        value = self._data[key]
        if not isinstance(value, list):
            hint = f"write [[{key}]]" if isinstance(value, dict) else ""
            self._wrong_type((key,), "an array of tables", value, hint)
            return []
        readers = []
        for number, item in enumerate(value):
            if isinstance(item, dict):
                path = (*self.path, key, number)
                readers.append(TableReader(self.source, self.problems, item, path))
            else:
                self._wrong_type((key, number), "a table", item)
        return readers

    def mapping(self, key: str) -> dict[str, Any]:
        """The table of that name as it is, unchecked; empty when it is missing."""
        if not self.has(key):
            return {}
        value = self._data[key]
        if not isinstance(value, dict):
            self._wrong_type((key,), "a table", value)
            return {}
        return value

    def problem(
        self, key: str | KeyPath | None, what: str, hint: str = "", *, warning: bool = False
    ) -> None:
        """Report a key of this table, a path below it, or (None) the table itself."""
        below: KeyPath = () if key is None else (key,) if isinstance(key, str) else key
        path = (*self.path, *below)
        self.problems.append(Problem(*self.source.locate(path), dotted(path), what, hint, warning))

    def finish(self) -> None:
        """Report every key that was never asked for."""
        for key in self._data:
            if key not in self._asked:
                self.problem(key, "unknown key", self._hint_for_unknown(key))

    def _hint_for_unknown(self, key: str) -> str:
        return did_you_mean(key, self._asked)

    def _given(self, key: str, default: object) -> bool:
        if self.has(key):
            return True
        if isinstance(default, Required):
            self.problem(key, "required, but missing")
        return False

    def _text_fits(
        self,
        below: KeyPath,
        value: object,
        choices: Collection[str] | None,
        pattern: re.Pattern[str] | None,
        empty: bool,
    ) -> bool:
        if not isinstance(value, str):
            self._wrong_type(below, "a string", value)
            return False
        if not value:
            if not empty:
                self.problem(below, "must not be empty")
            return empty
        if choices is not None and value not in choices:
            hint = did_you_mean(value, choices)
            self.problem(below, f"{show(value)} is not one of {', '.join(choices)}", hint)
            return False
        if pattern is not None and not pattern.fullmatch(value):
            self.problem(below, f"{show(value)} does not fit {pattern.pattern}")
            return False
        return True

    def _in_range(self, key: str, value: float, low: float | None, high: float | None) -> bool:
        if (low is None or value >= low) and (high is None or value <= high):
            return True
        bounds = f"{low} to {high}"
        if low is None or high is None:
            bounds = f"at least {low}" if high is None else f"at most {high}"
        self.problem(key, f"{value} is out of range", f"expected {bounds}")
        return False

    def _wrong_type(self, below: KeyPath, expected: str, value: object, hint: str = "") -> None:
        self.problem(below, f"expected {expected}, found {_kind(value)}", hint)


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f"the string {show(value)}"
        case int() | float():
            return f"the number {show(value)}"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:  # TOML has nothing else
            return f"the date or time {value}"


def _unquoted(value: object) -> str:
    if isinstance(value, str) and _BARE_VALUE.fullmatch(value):
        return f"write {value}, without the quotes"
    return ""
