"""config/mailtriage.toml taken apart: sections, settings, and the prose about each."""

import re
import tomllib
from dataclasses import dataclass
from typing import Final

from mailtriage.toml_lines import KeyPath

_HEADER: Final = re.compile(r"#?(\[.+\])")
_SETTING: Final = re.compile(r"#([a-z0-9_]+) = (.+)")
_SHOWN_SETTING: Final = re.compile(r"^#(?=[a-z\[])", re.MULTILINE)
_EXAMPLE: Final = re.compile(r"\[[a-z][^\]]*\](?:\s|$)|[a-z0-9_\"-]+ = ")


@dataclass(frozen=True, slots=True)
class Prose:
    """What is said about a section or some settings."""

    text: str
    """A paragraph; or lines, where it is an example."""
    example: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """Settings that one piece of prose explains."""

    prose: tuple[Prose, ...]
    keys: tuple[tuple[str, str], ...]
    """Name and default, as written."""


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the reference."""

    header: str
    """In brackets, as written."""
    path: KeyPath
    prose: tuple[Prose, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The whole file."""

    preamble: tuple[Prose, ...]
    sections: tuple[Section, ...]
    uncommented: str
    """The file with every setting given, at its default."""


def read_reference(text: str) -> Reference:
    """Take the file apart. Raises ValueError at a line that is neither prose nor a setting."""
    preamble: tuple[Prose, ...] = ()
    sections: list[Section] = []
    header = ""
    about: tuple[Prose, ...] = ()
    entries: list[Entry] = []
    for number, block in enumerate(re.split(r"\n{2,}", text.strip("\n"))):
        notes: list[str] = []
        keys: list[tuple[str, str]] = []
        for line in block.split("\n"):
            setting, opening = _SETTING.fullmatch(line), _HEADER.fullmatch(line)
            if setting:
                keys.append((setting[1], setting[2]))
                continue
            if keys:  # prose or a table below settings, with no blank line between
                entries.append(Entry(_prose(notes), tuple(keys)))
                notes, keys = [], []
            if opening and not line.startswith("# "):
                if header:
                    sections.append(_section(header, about, entries))
                header, about, entries, notes = opening[1], _prose(notes), [], []
            elif line == "#" or line.startswith("# "):
                notes.append(line[2:])
            else:
                raise ValueError(f"neither prose nor a setting: {line}")
        if keys:
            entries.append(Entry(_prose(notes), tuple(keys)))
        elif number == 0:
            preamble = _prose(notes)
        elif notes:
            about = (*about, *_prose(notes))
    sections.append(_section(header, about, entries))
    return Reference(preamble, tuple(sections), _SHOWN_SETTING.sub("", text))


def plain(parts: tuple[Prose, ...]) -> str:
    """The prose as text without marks, for editors."""
    return "\n\n".join(part.text for part in parts)


def _section(header: str, about: tuple[Prose, ...], entries: list[Entry]) -> Section:
    table = tomllib.loads(header)
    path: tuple[str, ...] = ()
    while table:
        name, table = next(iter(table.items()))
        path = (*path, name)
    return Section(header, path, about, tuple(entries))


def _prose(lines: list[str]) -> tuple[Prose, ...]:
    """Paragraphs end at an empty line, and where examples begin or end."""
    parts: list[Prose] = []
    gathered: list[str] = []
    example = False
    for line in (*lines, ""):
        is_example = bool(_EXAMPLE.match(line) or line.startswith("  "))
        if gathered and (not line or is_example != example):
            joined = "\n" if example else " "
            parts.append(Prose(joined.join(gathered), example))
            gathered = []
        example = is_example
        if line:
            gathered.append(line)
    return tuple(parts)
