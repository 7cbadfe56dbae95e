"""Sources to documents: which reader takes what, what each section is missing, what went wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mailtriage.config.kb import Source
from mailtriage.knowledge.identity import named
from mailtriage.knowledge.ingest_csv import read_csv
from mailtriage.knowledge.ingest_folder import read_file, read_folder
from mailtriage.knowledge.ingest_jsonl import read_jsonl
from mailtriage.knowledge.ingest_zammad import read_zammad
from mailtriage.knowledge.model import UNDETERMINED, Document, KnowledgeError, Section
from mailtriage.knowledge.text import STEMMERS, base_language
from mailtriage.mail.model import Mail
from mailtriage.triage.language import detect

_SURE: Final = 0.5
_READ: Final = 2000  # characters, to tell the language by


@dataclass(slots=True)
class Ingested:
    """What was read."""

    documents: list[Document] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What was left out, and why: a line each, with its place."""


def ingest(sources: Sequence[Source], *, language: str = "") -> Ingested:
    """Read every source; sections then have ids and languages.

    language: of documents that do not say theirs; empty: it is made out from their text. Raises
    KnowledgeError when a source is not there or cannot be read at all, and for ids given twice.
    """
    done = Ingested()
    for source in sources:
        found = list(_reader(source)(source.path, source.base_url, done.problems))
        done.documents += [document for document in found if document.sections]
        if not any(document.sections for document in found):
            done.problems.append(f"{source.path}: nothing in it could be used")
    spoken = [_spoken(document, language, done.problems) for document in done.documents]
    done.documents = named(spoken)
    return done


_Read = Callable[[Path, str, list[str]], Iterator[Document]]
_BY_SUFFIX: Final[dict[str, _Read]] = {
    ".csv": read_csv, ".tsv": read_csv, ".jsonl": read_jsonl, ".ndjson": read_jsonl,
    ".json": read_zammad,
}  # fmt: skip


def _reader(source: Source) -> _Read:
    try:
        if source.path.is_dir():
            return read_folder
        source.path.stat()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise KnowledgeError(f"{source.path}: {reason}") from None
    return _BY_SUFFIX.get(source.path.suffix.lower(), read_file)


def _spoken(document: Document, fallback: str, problems: list[str]) -> Document:
    """The document with a language for every section."""
    if all(section.language for section in document.sections):
        return replace(document, sections=tuple(map(_based, document.sections)))
    made_out = fallback
    if not made_out:
        text = "\n".join(section.text for section in document.sections)[:_READ]
        found = detect(Mail(text=text, newest_text=text))
        made_out = found.code if found.confidence >= _SURE else UNDETERMINED
    if made_out == UNDETERMINED:
        place = document.sections[0].origin
        problems.append(f"{place}: its language cannot be made out, so that no mail finds it")
    sections = (
        _based(section if section.language else replace(section, language=made_out))
        for section in document.sections
    )
    return replace(document, sections=tuple(sections))


def _based(section: Section) -> Section:
    return replace(section, language=base_language(section.language))


def unstemmed(documents: Sequence[Document]) -> list[str]:
    """Languages among the documents that have no stemmer here, in order."""
    spoken = {section.language for document in documents for section in document.sections}
    return sorted(spoken - STEMMERS.keys() - {UNDETERMINED})
