"""Answer templates: a folder of Markdown files, one a template, language and version.

Above the text stands TOML between two lines of "+++" (docs/answer-templates.md). All mistakes are
listed at once, each with its line.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.knowledge.text import base_language
from mailtriage.toml_source import (
    Problem,
    SourceError,
    TableReader,
    did_you_mean,
    parse_source,
)

MAX_FILE: Final = 64 * 1024
"""Bytes; a template of so much is a page, and no answer."""
MAX_FILES: Final = 5000
GENERAL: Final = "general"
"""Skill of a template that may answer any mail."""

_FENCE: Final = "+++"
_SUFFIXES: Final = frozenset({".md", ".markdown"})
_ID: Final = re.compile(r"(?!-)[a-z0-9_-]{1,30}(?<!-)")
"""The vocabulary takes hyphens from both ends of a value: the header would name another one."""
_SECTION: Final = re.compile(r"[a-z0-9_-]{1,30}")
_RESERVED: Final = frozenset({"none", "good", "bad"})
"""X-Mailtriage-Answer says "none" where nothing fits; the others are what agents say of it."""
_SKILL: Final = re.compile(r"[a-z0-9_-]{1,40}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_TITLE: Final = re.compile(r"[^\n\r]{1,200}")
_QUESTION: Final = re.compile(r"[^\n\r]{1,500}")
_PLACEHOLDER: Final = re.compile(r"\{\{[ \t]*([^{}\n]{1,80}?)[ \t]*\}\}")
_BRACES: Final = re.compile(r"\{\{|\}\}")


@dataclass(frozen=True, slots=True)
class Template:
    """One file."""

    id: str
    title: str
    language: str
    """BCP 47 without region; Norwegian is "nb"."""
    skill: str
    version: int
    questions: tuple[str, ...]
    """What customers ask."""
    kb: tuple[str, ...]
    """Ids of sections of the knowledge base that say the same."""
    topics: tuple[str, ...]
    """For no mail of another topic; empty: for any."""
    pieces: tuple[str, ...]
    """The text, cut where the placeholders stood; none of them is blank."""
    file: str

    @property
    def text(self) -> str:
        """The text without its placeholders, to be searched."""
        return "\n".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Templates:
    """What a folder holds."""

    all: tuple[Template, ...]
    """By language, id and version, oldest version first."""

    @property
    def current(self) -> tuple[Template, ...]:
        """Of each id and language the highest version."""
        newest = {(one.language, one.id): one for one in self.all}
        return tuple(newest.values())


class TemplateError(Exception):
    """Templates that must not be used, with every problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: Final = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


def read_templates(folder: Path, skills: Collection[str] = ()) -> Templates:
    """Every template below a folder.

    skills: those that there are, to tell misspelt ones by; empty: any will do. Raises TemplateError
    with all that is wrong, in all files.
    """
    problems: list[Problem] = []
    found: list[Template] = []
    try:
        for number, file in enumerate(_files(folder)):
            if number >= MAX_FILES:
                what = f"more than {MAX_FILES} files"
                problems.append(Problem(str(folder), 1, "", what, "name a folder of templates"))
                break
            found += _read(file, skills, problems)
    except OSError as error:
        what = f"cannot be listed: {_reason(error)}"
        problems.append(Problem(str(error.filename or folder), 1, "", what))
    problems += _twice(found)
    if not found and not problems:
        hint = "a template is a Markdown file: docs/answer-templates.md"
        problems.append(Problem(str(folder), 1, "", "there is no template in it", hint))
    if problems:
        raise TemplateError(problems)
    found.sort(key=lambda one: (one.language, one.id, one.version))
    return Templates(tuple(found))


def _files(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise error

    for directory, names, files in os.walk(folder, onerror=refuse):
        # Hidden ones are version control's and editors'.
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            file = Path(directory) / name
            if name.startswith(".") or file.stem.lower() == "readme":
                continue
            if file.suffix.lower() in _SUFFIXES:
                yield file


def _read(file: Path, skills: Collection[str], problems: list[Problem]) -> list[Template]:
    """The template of a file, or none and the problems."""
    name = os.fsencode(file).decode("utf-8", "replace")
    try:
        if not file.is_file():
            # A pipe would be waited for, and a device has no end.
            problems.append(Problem(name, 1, "", "is no file", "take it out of the folder"))
            return []
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE + 1)
        if len(raw) > MAX_FILE:
            problems.append(Problem(name, 1, "", f"larger than {MAX_FILE // 1024} KiB"))
            return []
    except OSError as error:
        problems.append(Problem(name, 1, "", f"cannot be read: {_reason(error)}"))
        return []
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"not UTF-8: byte 0x{raw[error.start]:02x}"
        problems.append(Problem(name, line, "", what, "save the file as UTF-8"))
        return []
    return parse_template(text, name, skills, problems)


def parse_template(
    text: str, name: str, skills: Collection[str], problems: list[Problem]
) -> list[Template]:
    """The template that a text is; none when something is wrong with it. `name`: of its file."""
    lines = text.split("\n")
    fences = [number for number, line in enumerate(lines) if line.rstrip() == _FENCE]
    if len(fences) < 2 or fences[0] != 0:
        what = "does not begin with settings between two lines of +++"
        problems.append(Problem(name, 1, "", what, "docs/answer-templates.md shows a template"))
        return []
    before = len(problems)
    # An empty line in place of the fence, so that lines count as they do in the file.
    front = "\n".join(["", *lines[1 : fences[1]]])
    try:
        table = TableReader(parse_source(front, name), problems)
    except SourceError as error:
        problems += error.problems
        return []
    body_at = fences[1] + 1
    pieces = _pieces("\n".join(lines[body_at:]), name, body_at, problems)
    made = Template(
        id=_own_id(table),
        title=table.text("title", pattern=_TITLE).strip(),
        language=base_language(table.text("language", pattern=_LANGUAGE)),
        skill=_skill(table, skills),
        version=table.integer("version", 1, low=1, high=1_000_000),
        questions=table.texts("questions", (), pattern=_QUESTION),
        kb=table.texts("kb", (), pattern=_SECTION),
        topics=table.texts("topics", (), pattern=_SKILL),
        pieces=pieces,
        file=name,
    )
    table.finish()
    return [made] if len(problems) == before else []


def _own_id(table: TableReader) -> str:
    name = table.text("id", pattern=_ID)
    if name in _RESERVED:
        table.problem("id", f'"{name}" means something else', "choose another id")
    return name


def _skill(table: TableReader, skills: Collection[str]) -> str:
    skill = table.text("skill", GENERAL, pattern=_SKILL)
    if skills and skill not in (*skills, GENERAL):
        what = f"there is no policy for the skill '{skill}'"
        table.problem("skill", what, did_you_mean(skill, (*skills, GENERAL)))
    return skill


def _pieces(text: str, name: str, line: int, problems: list[Problem]) -> tuple[str, ...]:
    """What stands between placeholders. `line`: of the file, on which the text begins, from 0."""
    parts = _PLACEHOLDER.split(text)
    at = line
    for number, part in enumerate(parts):
        stray = _BRACES.search(part) if number % 2 == 0 else None
        if stray is not None:
            place = at + part.count("\n", 0, stray.start()) + 1
            what = f"{stray[0]} belongs to no placeholder"
            problems.append(Problem(name, place, "", what, "write {{ name }} in one line"))
            return ()
        at += part.count("\n")
    pieces = tuple(part.strip() for part in parts[::2] if part.strip())
    if not pieces:
        problems.append(Problem(name, line + 1, "", "there is no text below the settings"))
    return pieces


def _twice(found: Sequence[Template]) -> list[Problem]:
    places: dict[tuple[str, str, int], str] = {}
    problems = []
    for one in found:
        key = (one.id, one.language, one.version)
        first = places.setdefault(key, one.file)
        if first != one.file:
            what = f"version {one.version} of {one.id} in {one.language} is {first} already"
            problems.append(Problem(one.file, 1, "version", what, "give it the next number"))
    return problems


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()
