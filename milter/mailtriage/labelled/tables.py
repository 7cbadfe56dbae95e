"""CSV and TSV: a row an example, the labels in columns of any order.

Either with a column `text` (and `subject`), or beside an mbox of the same name, whose messages are
named by `message_id` or by `number` (from 1), or with a column `file`. Separated by commas,
semicolons or tabs; other skills are parted by "|". An empty field says nothing.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mailtriage.labelled.collect import Collector, why_unreadable, within
from mailtriage.labelled.jsonl import add_row, check_keys, row_id
from mailtriage.labelled.labels import KEYS, LabelReader
from mailtriage.labelled.lines import plain_name, text_lines
from mailtriage.labelled.mbox import Mbox
from mailtriage.labelled.model import Example, Stored
from mailtriage.toml_source import show

_SEPARATORS: Final = "\t;,"
_LISTS: Final = ("skills_also", "also")
_LIST_SEPARATOR: Final = re.compile(r"[|,;]")
_TEXT_COLUMNS: Final = ("text", "subject", "file", "message_id", "number")


def read_table(file: Path, into: Collector) -> None:
    """Add every row of that file. Raises TooMany."""
    lines = text_lines(file, into)
    heading = next(lines, None)
    if heading is None:
        return
    separator = max(_SEPARATORS, key=lambda mark: _known(heading, mark))
    columns = _columns(heading, separator)
    if not _heading_fits(file, columns, into):
        return
    box = _box_beside(file, columns, into)
    if isinstance(box, str):
        into.problem(file, 1, "no text", box)
        return
    seen: set[int] = set()
    for line, row in _rows(file, lines, separator, into):
        if not any(field.strip() for field in row):
            continue
        if len(row) != len(columns):
            what = f"{len(row)} values for {len(columns)} columns"
            into.problem(file, line, what, 'a text with separators stands in "quotes"')
            continue
        values = _values(columns, row)
        if box is None or values.get("text") or values.get("file"):
            add_row(file, line, values, into)
        else:
            _add_message(file, line, values, box, seen, into)
    if box is not None:
        into.unlabelled(len(box.messages) - len(seen))


def _columns(heading: str, separator: str) -> list[str]:
    try:
        names = next(csv.reader([heading], delimiter=separator), [])
    except csv.Error:
        return []
    return [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in names]


def _known(heading: str, separator: str) -> int:
    return sum(name in KEYS for name in _columns(heading, separator))


def _heading_fits(file: Path, columns: list[str], into: Collector) -> bool:
    """Whether the first line names the columns; what is wrong with it is reported."""
    before = into.problems
    if not any(name in KEYS for name in columns):
        hint = "text or message_id or number, then skill, priority, …"
        into.problem(file, 1, "the first line does not name the columns", hint)
        return False
    check_keys(file, 1, dict.fromkeys(filter(None, columns)), set(), into)
    for name in sorted({name for name in columns if name in KEYS and columns.count(name) > 1}):
        into.problem(file, 1, f"two columns are called '{name}'", "keep one of the two")
    if not any(name in _TEXT_COLUMNS for name in columns):
        into.problem(file, 1, "no text", "add a column text, file, message_id or number")
    return into.problems == before


def _box_beside(file: Path, columns: list[str], into: Collector) -> Mbox | str | None:
    """The mbox that rows name messages of; None when they bring their own, a hint if neither."""
    if not {"message_id", "number"} & set(columns):
        return None
    place = plain_name(file).with_suffix(".mbox")
    reason = why_unreadable(place)
    if not reason and within(place.parent, place.name) is None:
        reason = "leads out of the folder"
    if not reason:
        try:
            return Mbox(place, into.limits)
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
    return None if {"text", "file"} & set(columns) else f"{place}: {reason}"


def _rows(
    file: Path, lines: Iterator[str], separator: str, into: Collector
) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line that it begins on. A broken one ends the reading: what follows would
    be taken apart at the wrong places."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 2  # the heading is the first
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            hint = ""
            if "unexpected end" in str(error):
                hint = 'a "quote" is not closed; one inside a field is written twice'
            into.problem(file, line, f"not CSV: {error}", hint)
            return
        yield line, row


def _values(columns: list[str], row: list[str]) -> dict[str, object]:
    """What a row says, as a line of JSONL would."""
    values: dict[str, object] = {}
    for name, field in zip(columns, row, strict=True):
        if name not in KEYS or not field.strip():
            continue
        values[name] = (
            [label for label in _LIST_SEPARATOR.split(field) if label.strip()]
            if name in _LISTS
            else field
        )
    return values


def _add_message(
    file: Path, line: int, values: dict[str, object], box: Mbox, seen: set[int], into: Collector
) -> None:
    before = into.problems
    labels = LabelReader(values, file, line, into).read()
    number = _number(file, line, values, box, into)
    if number is None:
        return
    if number in seen:
        what = f"message {number} of {box.file.name} has labels already"
        into.problem(file, line, what, "keep one of the two rows")
        return
    seen.add(number)
    if into.problems > before:
        return
    message: Stored = box.messages[number - 1]
    name = row_id(values) or f"{box.file.name}#{number}"
    into.add(Example.of(labels, id=name, place=f"{file.name}:{line}", source=message))


def _number(
    file: Path, line: int, values: dict[str, object], box: Mbox, into: Collector
) -> int | None:
    """The number of the message that a row is about; None, and a problem, when there is none."""
    given = str(values.get("number", "")).strip()
    if given:
        if given.isdecimal() and len(given) < 10 and 1 <= int(given) <= len(box.messages):
            return int(given)
        what = f"number: {show(given)} is no message of {box.file.name}"
        into.problem(file, line, what, f"it has 1 to {len(box.messages)}")
        return None
    wanted = str(values.get("message_id", ""))
    if not wanted:
        into.problem(file, line, "no text", "give message_id or number")
        return None
    found = box.numbers(wanted)
    if len(found) == 1:
        return found[0]
    what = f"message_id: {show(wanted)} is in {box.file.name} "
    what += "not at all" if not found else f"{len(found)} times"
    into.problem(file, line, what, "name it by its number" if found else "")
    return None
