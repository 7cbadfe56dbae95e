"""JSON Lines: one section an object, with the names of `Section`: what a script exports best."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mailtriage.knowledge.ingest_csv import MAX_FILE, read_text, section_of
from mailtriage.knowledge.model import Document, KnowledgeError

_SAME: Final = {"heading": "question", "text": "answer"}
"""Two names for one thing: those of a section, and those of questions and answers."""
_KNOWN: Final = ("id", "url", "title", "question", "answer", "language", "version")


def read_jsonl(file: Path, base_url: str, problems: list[str]) -> Iterator[Document]:
    """One document a line. A line that cannot be used is left out. Raises KnowledgeError when the
    file cannot be read."""
    for number, line in enumerate(read_text(file, MAX_FILE).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        try:
            yield _document(line, base_url, place)
        except KnowledgeError as error:
            problems.append(str(error))


def _document(line: str, base_url: str, place: str) -> Document:
    try:
        given: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise KnowledgeError(f"{place}: not JSON: {error}") from None
    if not isinstance(given, dict):
        raise KnowledgeError(f"{place}: not an object")
    values = {_SAME.get(name, name): value for name, value in given.items()}
    texts = {name: values.get(name) or "" for name in _KNOWN}
    wrong = [name for name, value in texts.items() if not isinstance(value, str | int)]
    aliases = values.get("aliases") or []
    if not isinstance(aliases, list) or not all(isinstance(one, str) for one in aliases):
        wrong.append("aliases")
    if wrong:
        raise KnowledgeError(f"{place}: of a wrong type: {', '.join(wrong)}")
    row = {name: str(value) for name, value in texts.items()}
    row["aliases"] = ";".join(one.replace(";", ",") for one in aliases)
    anchor = values.get("anchor")
    if isinstance(anchor, str) and anchor and row["url"]:
        row["url"] = f"{row['url'].partition('#')[0]}#{anchor}"
    return section_of(row, base_url, place)
