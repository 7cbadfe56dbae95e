"""Zammad's knowledge base, as its API gives it: an "assets" bundle, saved as a JSON file.

`POST /api/v1/knowledge_bases/init` names everything but holds no text; given again with
`answer_translation_content_ids` it brings that too. docs/knowledge-base.md has the two calls. Only
what is published is read: not drafts, not what is internal, not what is archived.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mailtriage.knowledge.htmlpage import read_page
from mailtriage.knowledge.identity import slug
from mailtriage.knowledge.ingest_csv import MAX_FILE, read_text
from mailtriage.knowledge.model import Document, KnowledgeError

_ANSWERS: Final = "KnowledgeBaseAnswer"
_TRANSLATIONS: Final = "KnowledgeBaseAnswerTranslation"
_CONTENTS: Final = "KnowledgeBaseAnswerTranslationContent"
_CATEGORIES: Final = "KnowledgeBaseCategoryTranslation"


def read_zammad(file: Path, base_url: str, problems: list[str]) -> Iterator[Document]:
    """One document a published answer and translation.

    base_url: the public knowledge base with its locale, "https://support.desk.example/help/en-us".
    Raises KnowledgeError when the file is no such bundle.
    """
    try:
        kept: Any = json.loads(read_text(file, MAX_FILE))
    except (ValueError, RecursionError) as error:
        raise KnowledgeError(f"{file}: not JSON: {error}") from None
    if isinstance(kept, dict) and isinstance(kept.get("assets"), dict):
        kept = kept["assets"]
    if not isinstance(kept, dict) or not {_ANSWERS, _TRANSLATIONS} <= kept.keys():
        raise KnowledgeError(f"{file}: no knowledge base of Zammad: {_ANSWERS} is missing")
    bundle = {name: table for name, table in kept.items() if isinstance(table, dict)}
    without = 0
    for number, translation in _rows(bundle, _TRANSLATIONS):
        answer = bundle.get(_ANSWERS, {}).get(str(translation.get("answer_id")))
        if not isinstance(answer, dict) or not _is_public(answer):
            continue
        content = bundle.get(_CONTENTS, {}).get(str(translation.get("content_id")))
        body = content.get("body") if isinstance(content, dict) else None
        if not isinstance(body, str) or not body.strip():
            without += 1
            continue
        yield _document(file, number, translation, answer, body, bundle, base_url)
    if without:
        problems.append(
            f"{file}: {without} published answers without their text; ask again with"
            " answer_translation_content_ids"
        )


def _rows(bundle: dict[str, Any], table: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, row in bundle.get(table, {}).items():
        if isinstance(row, dict):
            yield str(number), row


def _is_public(answer: dict[str, Any]) -> bool:
    return bool(answer.get("published_at")) and not answer.get("archived_at")


def _document(
    file: Path,
    number: str,
    translation: dict[str, Any],
    answer: dict[str, Any],
    body: str,
    bundle: dict[str, Any],
    base_url: str,
) -> Document:
    title = " ".join(str(translation.get("title") or "").split())
    page = read_page(body)
    category = str(answer.get("category_id"))
    locale = translation.get("kb_locale_id")
    named = {
        str(row.get("category_id")): str(row.get("title") or "")
        for _, row in _rows(bundle, _CATEGORIES)
        if row.get("kb_locale_id") == locale
    }
    address = ""
    if base_url:
        # Zammad finds both by the number; the words behind it are for people.
        place = _part(category, named.get(category, "")), _part(str(answer.get("id")), title)
        address = "/".join((base_url.rstrip("/"), *place))
    sections = tuple(
        replace(
            section,
            id=f"kb-zammad-{slug(number)}",
            url=address,
            title=title,
            heading=section.heading or title,
            version=str(translation.get("updated_at") or ""),
            origin=f"{file}: {title}",
        )
        for section in page.document.sections
    )
    return replace(page.document, sections=sections, blocks=(title, *page.document.blocks))


def _part(number: str, words: str) -> str:
    return f"{slug(number)}-{slug(words)}".rstrip("-")
