"""CSV: `url,title,question,answer,language`, and `id`, `aliases`, `version` where there are any."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urldefrag

from mailtriage.knowledge.identity import own_id
from mailtriage.knowledge.model import Document, KnowledgeError, Section

COLUMNS: Final = ("id", "url", "title", "question", "answer", "language", "aliases", "version")
MAX_FILE: Final = 64 * 1024 * 1024


def read_csv(file: Path, base_url: str, problems: list[str]) -> Iterator[Document]:
    """One document a row, comma, semicolon or tab between its fields. A row without an answer is
    left out. Raises KnowledgeError when the file cannot be read, or has no column "answer"."""
    text = read_text(file, MAX_FILE)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    if not {"answer", "question"} <= names.keys():
        raise KnowledgeError(
            f"{file}:1: the first line must name the columns, question and answer among them;"
            f" known are {', '.join(COLUMNS)}"
        )
    try:
        for row in rows:
            values = {
                known: " ".join((row.get(names.get(known, "")) or "").split("\r"))
                for known in COLUMNS
            }
            place = f"{file}:{rows.line_num}"
            try:
                document = section_of(values, base_url, place)
            except KnowledgeError as error:
                problems.append(str(error))
                continue
            yield document
    except csv.Error as error:
        raise KnowledgeError(f"{file}:{rows.line_num}: not CSV: {error}") from None


def section_of(values: dict[str, str], base_url: str, place: str) -> Document:
    """A question with its answer. Raises KnowledgeError for a row that cannot be used."""
    text = "\n".join(" ".join(line.split()) for line in values["answer"].split("\n"))
    text = "\n".join(line for line in text.split("\n") if line)
    if not text:
        raise KnowledgeError(f"{place}: no answer, left out")
    url, anchor = urldefrag(values["url"].strip() or base_url)
    if url and not url.startswith(("https://", "http://")):
        raise KnowledgeError(f"{place}: the url must begin with https://")
    section = Section(
        text=text,
        heading=" ".join(values["question"].split()),
        id=own_id(values["id"], place) if values["id"].strip() else "",
        url=url,
        title=" ".join(values["title"].split()),
        anchor=anchor,
        language=values["language"].strip().lower().replace("_", "-"),
        aliases=tuple(" ".join(one.split()) for one in values["aliases"].split(";") if one.strip()),
        version=values["version"].strip(),
        origin=place,
    )
    return Document((section,))


def read_text(file: Path, most: int) -> str:
    """A file in UTF-8. Raises KnowledgeError."""
    try:
        if file.stat().st_size > most:
            raise KnowledgeError(f"{file}: larger than {most // 1024**2} MiB")
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise KnowledgeError(f"{file}: {reason}") from None
    except UnicodeDecodeError:
        raise KnowledgeError(f"{file}: not UTF-8; save it as UTF-8") from None
