"""A folder of pages (Markdown, HTML, PDF, tables), or what `kb fetch` has brought."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, urljoin

from mailtriage.knowledge.htmlpage import Page, read_page
from mailtriage.knowledge.identity import own_id
from mailtriage.knowledge.ingest_csv import read_csv
from mailtriage.knowledge.ingest_jsonl import read_jsonl
from mailtriage.knowledge.ingest_pdf import read_pdf
from mailtriage.knowledge.markdownpage import Front, read_markdown
from mailtriage.knowledge.model import Document, KnowledgeError, Section
from mailtriage.knowledge.text import STEMMERS, base_language

MAX_FILE: Final = 8 * 1024 * 1024
MAX_FILES: Final = 50_000
MANIFEST: Final = "pages.json"
"""What `kb fetch` writes beside the pages that it brings: the address of each."""
_MARKDOWN: Final = frozenset({".md", ".markdown", ".mdown"})
_HTML: Final = frozenset({".html", ".htm", ".xhtml"})
_TABLES: Final = {".csv": read_csv, ".tsv": read_csv, ".jsonl": read_jsonl, ".ndjson": read_jsonl}
_INDEX: Final = frozenset({"index", "_index", "readme"})
_LANGUAGE_PART: Final = re.compile(r"[a-z]{2,3}(?:-[a-z]{2,4})?")
_META_CHARSET: Final = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9_-]{2,40})""")


def read_folder(folder: Path, base_url: str, problems: list[str]) -> Iterator[Document]:
    """Every page below a folder, by name. Raises KnowledgeError when it cannot be listed."""
    addresses = _addresses(folder)
    for number, file in enumerate(_files(folder)):
        if number >= MAX_FILES:
            problems.append(f"{folder}: more than {MAX_FILES} files; the others are left out")
            return
        below = file.relative_to(folder)
        if addresses is not None:
            address = addresses.get(str(below), "")
            if not address:
                continue
        else:
            address = address_of(below, base_url)
        try:
            yield from _one(file, address, below, problems)
        except KnowledgeError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{file}: {(error.strerror or 'cannot be read').lower()}")


def read_file(file: Path, address: str, problems: list[str]) -> Iterator[Document]:
    """One page. Raises KnowledgeError when it cannot be read or is of no kind that we know."""
    if file.suffix.lower() not in _MARKDOWN | _HTML | {".pdf"}:
        known = ".md .html .pdf .csv .tsv .jsonl .json"
        raise KnowledgeError(f"{file}: of no kind that can be read; those are {known}")
    try:
        yield from _one(file, address, Path(file.name), problems)
    except OSError as error:
        raise KnowledgeError(f"{file}: {(error.strerror or 'cannot be read').lower()}") from None


def address_of(below: Path, base_url: str) -> str:
    """Where a web server shows a file of a folder that is shown at `base_url`."""
    if not base_url:
        return ""
    base = base_url if base_url.endswith("/") else f"{base_url}/"
    parts = list(below.parts)
    if below.suffix.lower() in _MARKDOWN:
        # Generators make returns.md into returns.html, or returns/; most servers know both without.
        parts[-1] = below.stem
    if Path(parts[-1]).stem.lower() in _INDEX:
        parts[-1] = ""
    return base + "/".join(quote(part) for part in parts)


def _files(folder: Path) -> Iterator[Path]:
    known = _MARKDOWN | _HTML | _TABLES.keys() | {".pdf"}

    def refuse(error: OSError) -> None:
        reason = (error.strerror or "cannot be listed").lower()
        raise KnowledgeError(f"{error.filename}: {reason}")

    for directory, names, files in os.walk(folder, onerror=refuse):
        # Hidden ones are version control's and editors'.
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in known:
                yield Path(directory) / name


def _one(file: Path, address: str, below: Path, problems: list[str]) -> Iterator[Document]:
    suffix = file.suffix.lower()
    if suffix in _TABLES:
        yield from _TABLES[suffix](file, "", problems)
        return
    if file.stat().st_size > MAX_FILE:
        raise KnowledgeError(f"{file}: larger than {MAX_FILE // 1024**2} MiB, left out")
    if suffix == ".pdf":
        yield read_pdf(file, address, _language_of(below))
        return
    raw = file.read_bytes()
    if suffix in _MARKDOWN:
        front, page = read_markdown(_decoded(raw, file))
        if front.draft:
            return
        address = urljoin(address, front.url) if front.url else address
    else:
        front, page = Front(), read_page(_decoded_html(raw))
        if not page.indexed:
            problems.append(f"{file}: asks not to be indexed (robots noindex), left out")
            return
        address = urljoin(address, page.canonical) if page.canonical else address
    yield _placed(file, address, front, page, _language_of(below))


def _placed(file: Path, address: str, front: Front, page: Page, language: str) -> Document:
    said = front.language or page.language or language
    identity = own_id(front.id, str(file)) if front.id else ""

    def placed(section: Section, number: int) -> Section:
        return replace(
            section,
            id=identity,
            url=address if address.startswith(("https://", "http://")) else "",
            language=said,
            version=front.version,
            aliases=(front.aliases if number == 0 else ()) + section.aliases,
            origin=f"{file}: {section.heading}" if section.heading else str(file),
        )

    sections = tuple(placed(one, number) for number, one in enumerate(page.document.sections))
    return replace(page.document, sections=sections)


def _language_of(below: Path) -> str:
    """What a path says: de/returns.md, returns.de.md."""
    parts = [*below.parts[:-1], Path(below.stem).suffix.lstrip(".")]
    for part in reversed(parts):
        lower = part.lower().replace("_", "-")
        if _LANGUAGE_PART.fullmatch(lower) and base_language(lower) in STEMMERS:
            return lower
    return ""


def _addresses(folder: Path) -> dict[str, str] | None:
    """File to address, of a folder that `kb fetch` filled; None for any other."""
    manifest = folder / MANIFEST
    try:
        kept = json.loads(manifest.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise KnowledgeError(f"{manifest}: cannot be read ({error}); fetch again") from None
    pages = kept.get("pages", {}) if isinstance(kept, dict) else {}
    return {
        str(about.get("file", "")): str(about.get("address", address))
        for address, about in pages.items()
        if isinstance(about, dict)
    }


def _decoded(raw: bytes, file: Path) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KnowledgeError(f"{file}: not UTF-8; save it as UTF-8") from None


def _decoded_html(raw: bytes) -> str:
    """By what the page says of its charset, else UTF-8; a byte that does not fit is replaced."""
    said = _META_CHARSET.search(raw[:4096].lower())
    try:
        return raw.decode(said[1].decode() if said else "utf-8-sig", "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")
