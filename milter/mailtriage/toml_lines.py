"""Where each key of a TOML text stands.

`tomllib` checks the text and gives the values but no lines, and a mistake without its line is no
help in a file of a thousand. One linear pass over the tokens finds them. It trusts `tomllib` to
refuse what is not TOML, and keeps its own stack: nesting costs no Python recursion.
"""

import re
import tomllib
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

# Strings first: brackets, "#" and "=" inside them mean nothing. A multi-line string may end in up
# to five quotes, of which the first two belong to it (TOML 1.0, "String").
_TOKEN: Final = re.compile(
    r'''
      (?P<string>
          """(?:[^\\"]|\\.|"{1,2}(?!"))*+"{3,5}
        | \'\'\'(?:[^']|'{1,2}(?!'))*+'{3,5}
        | "(?:[^"\\\n]|\\.)*+"
        | '[^'\n]*+'
      )
    | (?P<comment>\#[^\n]*+)
    | (?P<newline>\n)
    | (?P<word>[A-Za-z0-9_+\-:.]++)
    | (?P<mark>[\[\]{},=])
    ''',
    re.VERBOSE | re.DOTALL,
)

KeyPath = tuple[str | int, ...]
"""Table and key names from the top of the file down, and the index (from 0) of each array item."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A key or table that is given a second time, which TOML forbids."""

    path: KeyPath
    first: int
    line: int


@dataclass(frozen=True, slots=True)
class Lines:
    """The line (from 1) of each table, key and array item, and what was given twice."""

    at: dict[KeyPath, int]
    repeated: tuple[Repeated, ...]


def map_lines(text: str) -> Lines:
    """Find the lines in TOML text whose line ends are "\\n". Never raises, whatever the text is."""
    scan = _Scan()
    line = 1
    for token in _TOKEN.finditer(text):
        found = token.group()
        match token.lastgroup:
            case "newline":
                scan.end_of_line()
                line += 1
            case "string" | "word":
                scan.word(found, line)
                line += found.count("\n")
            case "mark":
                scan.mark(found, line)
            case _:
                pass
    return Lines(scan.at, tuple(scan.repeated))


class _Expect(Enum):
    KEY = auto()
    VALUE = auto()
    HEADER = auto()
    """Between the brackets of "[table]" or "[[array of tables]]"."""


@dataclass(slots=True)
class _Open:
    """A table or array that the scan is in. `item` is the index in an array, None in a table."""

    path: KeyPath
    item: int | None = None


@dataclass(slots=True)
class _Scan:
    at: dict[KeyPath, int] = field(default_factory=dict)
    repeated: list[Repeated] = field(default_factory=list)
    given: set[KeyPath] = field(default_factory=set)
    """Paths that were named outright: `at` also holds the parents that a dotted key implies."""
    array_sizes: dict[KeyPath, int] = field(default_factory=dict)
    """Arrays of tables, and how many [[headers]] each has had."""
    stack: list[_Open] = field(default_factory=lambda: [_Open(())])
    expect: _Expect = _Expect.KEY
    key: list[str] = field(default_factory=list)
    value_path: KeyPath = ()
    header_brackets: int = 0

    def end_of_line(self) -> None:
        if len(self.stack) == 1:
            self.expect = _Expect.KEY
            self.key = []

    def word(self, found: str, line: int) -> None:
        if self.expect is not _Expect.VALUE:
            self.key.extend(_key_parts(found))
            return
        inside = self.stack[-1]
        if inside.item is not None:
            self.at.setdefault((*inside.path, inside.item), line)

    def mark(self, found: str, line: int) -> None:
        match self.expect:
            case _Expect.KEY:
                self._mark_at_key(found, line)
            case _Expect.HEADER:
                self._mark_in_header(found, line)
            case _Expect.VALUE:
                self._mark_in_value(found, line)

    def _mark_at_key(self, found: str, line: int) -> None:
        if found == "=":
            self.value_path = self._name(self.stack[-1].path, line)
            self.expect = _Expect.VALUE
        elif found == "}":
            self._close()
        elif found == "[" and len(self.stack) == 1:
            self.expect = _Expect.HEADER
            self.header_brackets = 1

    def _mark_in_header(self, found: str, line: int) -> None:
        if found == "[":
            self.header_brackets += 1
        elif found == "]" and self.key:
            self.stack[0].path = self._name_table(line)

    def _mark_in_value(self, found: str, line: int) -> None:
        inside = self.stack[-1]
        if found in "[{":
            if inside.item is None:
                path = self.value_path
            else:
                path = (*inside.path, inside.item)
                self.at.setdefault(path, line)
            self.stack.append(_Open(path, 0 if found == "[" else None))
            self.expect = _Expect.VALUE if found == "[" else _Expect.KEY
        elif found in "]}":
            self._close()
        elif found == ",":
            if inside.item is None:
                self.expect = _Expect.KEY
            else:
                inside.item += 1

    def _close(self) -> None:
        if len(self.stack) > 1:
            self.stack.pop()
        self.expect = _Expect.VALUE

    def _name(self, parent: KeyPath, line: int) -> KeyPath:
        """Note the collected (dotted) key below its table, and the tables it implies."""
        path = parent
        for part in self.key:
            path = (*path, part)
            self.at.setdefault(path, line)
        if self.key:
            self._give(path, line)
        self.key = []
        return path

    def _name_table(self, line: int) -> KeyPath:
        """Note a table header. A name of an array of tables stands for its latest item."""
        path: KeyPath = ()
        for part in self.key[:-1]:
            path = (*path, part)
            self.at.setdefault(path, line)
            if path in self.array_sizes:
                path = (*path, self.array_sizes[path] - 1)
        path = (*path, self.key[-1])
        self.key = []
        if self.header_brackets == 1:
            # A table that another header implied first ([a.b] before [a]) stands at its own header.
            if path not in self.given:
                self.at[path] = line
            self._give(path, line)
            return path
        self.at.setdefault(path, line)
        item = self.array_sizes.get(path, 0)
        self.array_sizes[path] = item + 1
        path = (*path, item)
        self.at[path] = line
        return path

    def _give(self, path: KeyPath, line: int) -> None:
        if path in self.given:
            self.repeated.append(Repeated(path, self.at[path], line))
        self.given.add(path)


def _key_parts(token: str) -> list[str]:
    if token[0] not in "\"'":
        return [part for part in token.split(".") if part]
    try:
        return [str(tomllib.loads(f"key = {token}")["key"])]
    except tomllib.TOMLDecodeError:
        return [token]
