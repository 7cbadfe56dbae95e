"""PDFs, one section a page, so that a link can say `#page=N`. Needs pypdf (`mailtriage[kb]`)."""

import re
from pathlib import Path
from typing import Final

from mailtriage.knowledge.htmlpage import MAX_SECTION
from mailtriage.knowledge.model import Document, KnowledgeError, Section

MAX_PAGES: Final = 2000
_HYPHEN: Final = re.compile(r"(?<=[^\W\d_])[-\u00ad]\n(?=[^\W\d_])")
_PARAGRAPH: Final = re.compile(r"\n\s*\n")
_MAX_HEADING: Final = 80


def read_pdf(file: Path, address: str, language: str) -> Document:
    """The text of each page. Raises KnowledgeError when there is none, or no way to read it."""
    try:
        import pypdf
    except ImportError:
        raise KnowledgeError(
            f"{file}: reading PDFs needs pypdf — pip install 'mailtriage[kb]'"
        ) from None
    try:
        with file.open("rb") as stream:
            reader = pypdf.PdfReader(stream)
            title = str(reader.metadata.title or "") if reader.metadata else ""
            texts = [page.extract_text() or "" for page in reader.pages[:MAX_PAGES]]
    except OSError:
        raise
    except Exception as error:
        # pypdf meets broken files with exceptions of every kind.
        raise KnowledgeError(f"{file}: no PDF that can be read ({error})") from error
    title = " ".join(title.split()) or file.stem.replace("-", " ").replace("_", " ")
    sections = tuple(
        _section(text, number, title, file, address, language)
        for number, text in enumerate(texts, 1)
        if text.strip()
    )
    if not sections:
        raise KnowledgeError(f"{file}: has no text; a scan must be made readable first (OCR)")
    return Document(sections)


def _section(
    text: str, number: int, title: str, file: Path, address: str, language: str
) -> Section:
    joined = _HYPHEN.sub("", text.strip())
    first, _, rest = joined.partition("\n")
    heading = " ".join(first.split()) if rest.strip() and len(first) <= _MAX_HEADING else ""
    body = rest if heading else joined
    paragraphs = (" ".join(one.split()) for one in _PARAGRAPH.split(body))
    return Section(
        text="\n".join(filter(None, paragraphs))[:MAX_SECTION],
        heading=heading,
        url=address,
        title=title,
        page=number,
        language=language,
        origin=f"{file}: page {number}",
    )
