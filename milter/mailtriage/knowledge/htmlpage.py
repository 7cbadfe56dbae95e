"""An HTML page to its sections, with the ids that its headings really have.

html.parser of the standard library: a build reads each page once, and nobody waits for it. It is
given whole tags and text, since it takes quadratic time on pieces of tags and comments without end.
Text of navigation, header and footer is no section, but counts when a text is proven to stand there
once.
"""

import re
from dataclasses import dataclass, field, replace
from html import escape
from html.parser import HTMLParser
from typing import Final

from mailtriage.knowledge.model import Document, Section

MAX_SECTION: Final = 20_000
"""Characters of one section; what follows is left out."""
_MAX_DEPTH: Final = 300
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt"})
_UNSEEN: Final = frozenset(
    {"script", "style", "noscript", "template", "svg", "iframe", "select", "math", "object"}
)
_FURNITURE: Final = frozenset({"nav", "footer", "aside", "header", "form", "dialog"})
_BLOCKS: Final = _HEADINGS | _FURNITURE | frozenset(
    {
        "address", "article", "blockquote", "body", "br", "caption", "dd", "details", "div", "dl",
        "fieldset", "figcaption", "figure", "hr", "html", "li", "main", "ol", "p", "pre", "section",
        "table", "tbody", "tfoot", "thead", "tr", "ul",
    }
)  # fmt: skip
_CELLS: Final = frozenset({"td", "th"})
_VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_HIDDEN_STYLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_ALIASES: Final = re.compile(r"\s*aliases\s*:(.*)", re.IGNORECASE | re.DOTALL)
_ALIASES_TAG: Final = "mailtriage-aliases"
"""What a comment with aliases is handed on as."""
# A whole tag, or a "<" that begins none: no byte is looked at twice.
_MARKUP: Final = re.compile(r"""</?[a-zA-Z](?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>|<""")
_DECLARATION: Final = re.compile(r"<[!?][^<>]*+>")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_PILCROW: Final = re.compile(r"\s*[¶#§]\s*$")
"""The sign behind a heading that links to it, as generators of documentation write it."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says of itself, and its text."""

    title: str
    language: str
    canonical: str
    """Address that the page gives itself; may be empty or relative."""
    indexed: bool
    """False: it asks not to be found (robots noindex)."""
    document: Document


@dataclass(slots=True)
class _Block:
    text: str
    heading: bool
    anchor: str
    inside: str
    """"main", "furniture" or ""."""
    aliases: tuple[str, ...] = ()


@dataclass(slots=True)
class _Open:
    name: str
    hidden: bool
    inside: str


@dataclass(slots=True)
class _Draft:
    heading: str = ""
    anchor: str = ""
    aliases: list[str] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)


def read_page(html: str) -> Page:
    """Read a page, however broken. Its sections have no id, address or title but their own."""
    reader = _Reader()
    reader.feed(_tidy(html))
    reader.close()
    reader.end_block()
    blocks = reader.blocks
    has_main = any(block.inside == "main" for block in blocks)
    wanted = [block for block in blocks if block.inside == ("main" if has_main else "")]
    first = next((block.text for block in wanted if block.heading), "")
    title = first or " ".join(reader.title.split())
    sections = tuple(replace(one, title=title) for one in _sections(wanted))
    document = Document(sections, tuple(block.text for block in blocks))
    return Page(title, reader.language, reader.canonical, reader.indexed, document)


def _tidy(html: str) -> str:
    """Whole tags and text; of comments only those with aliases, as a tag of their own."""
    out: list[str] = []
    place = 0
    while (start := html.find("<!--", place)) >= 0:
        end = html.find("-->", start + 4)
        if end < 0:
            break
        out.append(html[place:start])
        found = _ALIASES.match(html[start + 4 : end])
        if found is not None:
            out.append(f'<{_ALIASES_TAG} value="{escape(found[1])}">')
        place = end + 3
    out.append(html[place:])
    text = _DECLARATION.sub("", "".join(out))
    return _MARKUP.sub(lambda found: found[0] if len(found[0]) > 1 else "&lt;", text)


def _sections(blocks: list[_Block]) -> list[Section]:
    drafts = [_Draft()]
    for block in blocks:
        if block.heading:
            drafts.append(_Draft(block.text, block.anchor, list(block.aliases)))
            continue
        drafts[-1].aliases += block.aliases
        if block.text:
            drafts[-1].paragraphs.append(block.text)
    return [
        Section(
            text="\n".join(draft.paragraphs)[:MAX_SECTION],
            heading=draft.heading,
            anchor=draft.anchor,
            aliases=tuple(draft.aliases),
        )
        for draft in drafts
        if draft.paragraphs
    ]


class _Reader(HTMLParser):
    """Blocks of text, in the order of the page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: Final[list[_Block]] = []
        self.title = ""
        self.language = ""
        self.canonical = ""
        self.indexed = True
        self._open: Final[list[_Open]] = []
        self._text: Final[list[str]] = []
        self._has_text = False
        self._heading = ""
        self._anchor = ""
        self._waiting = ""  # the id of an element that has no text yet
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        given = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS or tag == _ALIASES_TAG:
            self.end_block()
        elif tag in _CELLS and self._has_text:
            self._text.append("\t")
        if tag in {"html", "link", "meta", "title"}:
            self._about(tag, given)
        if tag == _ALIASES_TAG:
            self._aliases(given.get("value", ""))
            return
        above = self._open[-1] if self._open else _Open("", hidden=False, inside="")
        hidden = above.hidden or _is_hidden(tag, given)
        anchor = given.get("id", "") or (given.get("name", "") if tag == "a" else "")
        if anchor and not hidden:
            if self._heading:
                self._anchor = self._anchor or anchor
            elif not self._has_text:
                self._waiting = anchor
        if tag in _HEADINGS and not hidden:
            self._heading = tag
            self._anchor = anchor or self._waiting
        if tag not in _VOID and len(self._open) < _MAX_DEPTH:
            self._open.append(_Open(tag, hidden, _inside(tag, given, above.inside)))

    def handle_endtag(self, tag: str) -> None:
        """End an element, and what was left open in it."""
        if tag == "title":
            self._in_title = False
        if tag in _BLOCKS:
            self.end_block()
        for depth in range(len(self._open) - 1, -1, -1):
            if self._open[depth].name == tag:
                del self._open[depth:]
                break

    def handle_data(self, data: str) -> None:
        """Text, which is shown unless an element around it is not."""
        if self._in_title:
            self.title += data
        elif not (self._open and self._open[-1].hidden):
            self._text.append(data)
            self._has_text = self._has_text or not data.isspace()

    def _aliases(self, text: str) -> None:
        """`<!-- aliases: one; another -->` below a heading: other ways to ask for it."""
        aliases = tuple(" ".join(one.split()) for one in text.split(";") if one.strip())
        self.blocks.append(
            _Block("", heading=False, anchor="", inside=self._inside, aliases=aliases)
        )

    def end_block(self) -> None:
        """Put the open block away."""
        cells = ("".join(self._text)).split("\t") if "\t" in self._text else ["".join(self._text)]
        self._text.clear()
        self._has_text = False
        text = "\t".join(filter(None, (" ".join(cell.split()) for cell in cells)))
        heading, anchor = self._heading, self._anchor
        self._heading = self._anchor = ""
        if heading:
            text = _PILCROW.sub("", text)
        if text:
            self.blocks.append(_Block(text, bool(heading), anchor, self._inside))
            self._waiting = ""

    @property
    def _inside(self) -> str:
        return self._open[-1].inside if self._open else ""

    def _about(self, tag: str, given: dict[str, str]) -> None:
        if tag == "title":
            self._in_title = not self.title
        elif tag == "html" and _LANGUAGE.fullmatch(given.get("lang", "")):
            self.language = given["lang"].lower().replace("_", "-")
        elif tag == "link" and "canonical" in given.get("rel", "").lower().split():
            self.canonical = given.get("href", "").strip()
        elif tag == "meta" and given.get("name", "").lower() == "robots":
            self.indexed = "noindex" not in given.get("content", "").lower()


def _is_hidden(tag: str, given: dict[str, str]) -> bool:
    return (
        tag in _UNSEEN
        or "hidden" in given
        or given.get("aria-hidden", "").lower() == "true"
        or _HIDDEN_STYLE.search(given.get("style", "")) is not None
    )


def _inside(tag: str, given: dict[str, str], above: str) -> str:
    if tag == "main" or given.get("role") == "main" or (tag == "article" and not above):
        return "main"
    if tag in _FURNITURE and above != "main":
        return "furniture"
    if tag in {"nav", "aside"} or given.get("role") in {"navigation", "banner", "contentinfo"}:
        return "furniture"
    return above
