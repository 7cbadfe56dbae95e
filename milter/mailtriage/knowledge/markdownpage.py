"""A Markdown file to its sections: what it says of itself in front, then as the HTML it becomes.

Which ids a renderer gives to headings, the file does not say. What GitHub makes of them is what
most generators do too, so it is put into links, and a text fragment always stands behind it: where
the guess is wrong the browser still finds the words.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from markdown_it import MarkdownIt

from mailtriage.knowledge.htmlpage import Page, read_page
from mailtriage.knowledge.model import Section

_FRONT: Final = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD: Final = re.compile(r"([A-Za-z_-]{1,40})[ \t]*:[ \t]*(.*)")
_ITEM: Final = re.compile(r"[ \t]+-[ \t]+(.*)|-[ \t]+(.*)")
_OWN_ID: Final = re.compile(r"\s*\{\s*#([^\s{}]+)[^{}]*\}\s*$")
_NOT_IN_SLUG: Final = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Front:
    """What stands between "---" lines above a Markdown file; what we know of it."""

    id: str = ""
    url: str = ""
    title: str = ""
    language: str = ""
    aliases: tuple[str, ...] = ()
    version: str = ""
    draft: bool = False


def read_markdown(text: str) -> tuple[Front, Page]:
    """Read a file. Sections have an anchor each, their own or the likeliest."""
    text = text.replace("\r\n", "\n")
    front = Front()
    found = _FRONT.match(text)
    if found is not None:
        front = _front(found[1])
        text = text[found.end() :]
    parser = MarkdownIt("commonmark").enable("table").enable("strikethrough")
    page = read_page(parser.render(text))
    seen: dict[str, int] = {}
    own = [_named(section, seen) for section in page.document.sections]
    title = front.title or _OWN_ID.sub("", page.title)
    sections = tuple(replace(section, title=title) for section in own)
    blocks = tuple(_OWN_ID.sub("", block) for block in page.document.blocks)
    document = replace(page.document, sections=sections, blocks=blocks)
    return front, replace(page, title=title, document=document)


def _named(section: Section, seen: dict[str, int]) -> Section:
    """With the anchor that `## Heading {#id}` gives, or what GitHub would."""
    own = _OWN_ID.search(section.heading)
    if own is not None:
        return replace(section, heading=section.heading[: own.start()], anchor=own[1])
    if not section.heading or section.anchor:
        return section
    slug = _NOT_IN_SLUG.sub("", section.heading.lower()).replace(" ", "-")
    again = seen.get(slug, 0)
    seen[slug] = again + 1
    return replace(section, anchor=f"{slug}-{again}" if again else slug, guessed=True)


def _front(text: str) -> Front:
    """The few keys that matter, of as much YAML as people write there: texts and lists of them."""
    values: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    key = ""
    for line in text.split("\n"):
        item, pair = _ITEM.fullmatch(line), _FIELD.fullmatch(line)
        if item is not None and key:
            lists.setdefault(key, []).append(_unquoted(item[1] or item[2] or ""))
        elif pair is not None:
            key = pair[1].lower()
            values[key] = pair[2]
    aliases = lists.get("aliases") or _inline_list(values.get("aliases", ""))
    said = {name: _unquoted(value) for name, value in values.items()}
    return Front(
        id=said.get("id", ""),
        url=said.get("url", ""),
        title=said.get("title", ""),
        language=(said.get("language") or said.get("lang", "")).lower().replace("_", "-"),
        aliases=tuple(filter(None, aliases)),
        version=said.get("version") or said.get("date", ""),
        draft=said.get("draft", "").lower() in {"true", "yes"},
    )


def _inline_list(text: str) -> list[str]:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return [_unquoted(one) for one in text[1:-1].split(",")]
    return [_unquoted(one) for one in text.split(";")]


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return text
