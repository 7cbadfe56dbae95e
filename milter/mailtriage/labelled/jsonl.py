"""JSONL: one object a line, with a text or the file of a mail, and the labels.

`{"id": "sv-01", "text": "Var är mitt paket?", "skill": "delivery", "also": ["general"]}`
`{"id": "017", "file": "eml/017.eml", "language": "sv", "skill": "delivery", "priority": "high"}`

A file called after a language, `sv.jsonl`, gives it to the lines that name none.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailtriage.labelled.collect import Collector, why_unreadable, within
from mailtriage.labelled.labels import KEYS, LabelReader, clean, key_problem
from mailtriage.labelled.lines import plain_name, text_lines
from mailtriage.labelled.model import Example, Stored, Utterance
from mailtriage.toml_source import show
from mailtriage.triage.language import KNOWN

_LANGUAGES = frozenset((*KNOWN.split(","), "nb", "nn"))


def read_jsonl(file: Path, into: Collector) -> None:
    """Add every line of that file. Raises TooMany."""
    language = plain_name(file).stem.lower()
    default = {"language": language} if language in _LANGUAGES else {}
    told: set[str] = set()
    for number, line in enumerate(text_lines(file, into), start=1):
        if not line.strip():
            continue
        values = _object(file, number, line, into)
        if values is None:
            continue
        check_keys(file, number, values, told, into)
        if not values.get("language"):
            values |= default
        add_row(file, number, values, into)


def _object(file: Path, number: int, line: str, into: Collector) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        hint = f"at column {error.colno}"
        into.problem(file, number, f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}", hint)
        return None
    except RecursionError:
        into.problem(file, number, "not JSON: nested too deeply")
        return None
    except ValueError:
        into.problem(file, number, "not JSON: a number with too many digits")
        return None
    if not isinstance(values, dict):
        into.problem(file, number, f"expected an object, found {show(values)}", 'write {"text": …}')
        return None
    return values


def check_keys(
    file: Path, line: int, keys: Mapping[str, object], told: set[str], into: Collector
) -> None:
    """Report keys that look like a slip of the pen, each once a file; note the other unknown."""
    for key in keys:
        if key in KEYS or key in told:
            continue
        told.add(key)
        hint = key_problem(key, keys)
        if hint:
            into.problem(file, line, f"unknown key {show(key)}", hint)
        else:
            into.ignored(key[:40])


def add_row(file: Path, line: int, values: Mapping[str, object], into: Collector) -> None:
    """Add the example of one row, whatever format it stands in. Raises TooMany."""
    before = into.problems
    reader = LabelReader(values, file, line, into)
    labels = reader.read()
    source = _source(file, line, values, reader, into)
    if source is None or into.problems > before:
        return
    if isinstance(source, Stored) and source.length is None:
        reason = why_unreadable(source.file)
        if reason:
            into.unreadable(source.file, reason)
            return
    place = f"{file.name}:{line}"
    into.add(Example.of(labels, id=row_id(values) or place, place=place, source=source))


def row_id(values: Mapping[str, object]) -> str:
    """The id that the row has, a string or a number; empty when it has none."""
    given = values.get("id")
    if isinstance(given, str):
        return clean(given).strip()[:100]
    # Python refuses to write out numbers of very many digits.
    is_number = isinstance(given, int) and not isinstance(given, bool) and abs(given) < 10**30
    return str(given) if is_number else ""


def _source(
    file: Path, line: int, values: Mapping[str, object], reader: LabelReader, into: Collector
) -> Stored | Utterance | None:
    """The text or the mail of a row; None, and a problem, when there is neither."""
    name, text, subject = reader.text("file"), reader.text("text"), reader.text("subject")
    if name and text:
        into.problem(file, line, "both 'file' and 'text'", "keep one of the two")
        return None
    if name:
        found = within(file.parent, name)
        if found is None:
            into.problem(file, line, f"file: {show(name)} lies outside {file.parent}")
            return None
        return Stored(found)
    if text or subject:
        return Utterance(text[: into.limits.max_text_chars], subject[:1000])
    hint = "give 'text', or the 'file' of the mail"
    if values.get("message_id"):
        hint = f"a 'message_id' alone does not tell what the mail says: {hint}"
    into.problem(file, line, "no text", hint)
    return None
