"""The id of each section: stable for as long as its page and heading are, and never given twice.

X-Mailtriage-Kb carries it, and people filter on it. So it comes from the document's own id where
there is one, else from address and heading; never from the text, which is what people mend.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from mailtriage.knowledge.model import Document, KnowledgeError, Section

PREFIX: Final = "kb-"
MAX_ID: Final = 30
"""Characters: all that the summary line has room for (tags/vocabulary.py: MAX_KB)."""
_ID: Final = re.compile(rf"[a-z0-9_-]{{1,{MAX_ID}}}")
_NOT_IN_ID: Final = re.compile(r"[^a-z0-9]+")
_SHOWN: Final = 18
_BELOW: Final = 12
_DIGITS: Final = 8


def named(documents: Sequence[Document]) -> list[Document]:
    """The documents with an id for every section.

    Raises KnowledgeError that names both places of every id that two sections would have.
    """
    done: list[Document] = []
    places: dict[str, str] = {}
    twice: list[str] = []
    for document in documents:
        sections = tuple(_in_document(document.sections))
        for section in sections:
            if section.id in places:
                twice.append(
                    f"{section.origin}: the id {section.id} is that of {places[section.id]} too"
                )
            places.setdefault(section.id, section.origin)
        done.append(replace(document, sections=sections))
    if twice:
        raise KnowledgeError("\n".join(twice))
    return done


def own_id(text: str, origin: str) -> str:
    """An id that the source gives, with our prefix. Raises KnowledgeError when it is none."""
    text = text.strip().lower()
    name = text if text.startswith(PREFIX) else f"{PREFIX}{text}"
    if not text or not _ID.fullmatch(name):
        raise KnowledgeError(
            f"{origin}: the id {text[:80]!r} cannot be one: at most {MAX_ID - len(PREFIX)} of a-z,"
            " 0-9, _ and -"
        )
    return name


def slug(text: str, most: int = _SHOWN) -> str:
    """The letters of a heading that an id may have; may be empty."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return _NOT_IN_ID.sub("-", plain)[:most].strip("-")


def _in_document(sections: Iterable[Section]) -> Iterable[Section]:
    seen: dict[tuple[str, str], int] = {}
    taken: set[str] = set()
    for section in sections:
        if section.id:
            # One id for a document of several sections: the first has it, the others add theirs.
            if section.id in taken:
                turn = seen.get((section.id, section.heading), 0)
                seen[section.id, section.heading] = turn + 1
                named_so = _below(section.id, slug(section.heading, _BELOW))
                if named_so in taken:
                    named_so = _below(section.id, _digest(f"{section.heading}\0{turn}"))
                section = replace(section, id=named_so)  # noqa: PLW2901  the same section
            taken.add(section.id)
            yield section
            continue
        # A heading that stands twice in a page is told apart by its turn.
        key = (section.url or section.origin.partition(":")[0], section.heading)
        turn = seen.get(key, 0)
        seen[key] = turn + 1
        where = f"{key[0]}\0{section.page}\0{section.heading}\0{turn}\0{section.language}"
        digest = _digest(where)
        shown = slug(section.heading or section.title)
        yield replace(section, id=f"{PREFIX}{shown}-{digest}" if shown else f"{PREFIX}{digest}")


def _below(name: str, part: str) -> str:
    """The id of a part of a document that has one."""
    return f"{name[: MAX_ID - len(part) - 1]}-{part}" if part else name


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_DIGITS]
