"""Deep links: to the heading where it has an id, else to the very words of a paragraph.

A text fragment (WICG "URL Fragment Text Directives") is `#:~:text=[prefix-,]start[,end]`. Browsers
that know none of it open the page, or the heading, which may stand before the directive:
`#returns:~:text=...`. The words must be whole, and must stand in the page once, or a browser would
mark the first of several; so that is proven here, against the page as it was read.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote, urldefrag

from mailtriage.knowledge.model import Document, Entry, Passage, Section

MAX_LINK: Final = 300
"""Characters of a link; longer ones break in mail programs, and acknowledgements leave them out."""
_START: Final = (4, 6, 8)
"""Words at the beginning of a paragraph, the fewest that will do."""
_END: Final = (3, 4, 6)
_LONG: Final = 12
"""Words from which a paragraph is named by its two ends."""
_CONTEXT: Final = 3
_FRAGMENT: Final = "!$'()*+,;=:@/?._~-"
"""What RFC 3986 section 3.5 lets stand in a fragment, but for "&", which parts directives."""
_CELL: Final = "\t"


def entry(section: Section, document: Document) -> Entry:
    """The section as the index keeps it, with a link for each paragraph."""
    page = _Page(document.blocks)
    paragraphs = [line for line in section.text.split("\n") if line.strip()]
    passages = tuple(
        Passage(paragraph, link(section, paragraph, page, first=number == 0))
        for number, paragraph in enumerate(paragraphs)
    )
    return Entry(
        section.id, section.title, section.heading, section.language, section.version, passages
    )


class _Page:
    """The words of a page, to look for others in."""

    def __init__(self, blocks: Sequence[str]) -> None:
        self._blocks: Final = [_plain(block) for block in blocks]
        self.text: Final = "\n".join(self._blocks)

    def places(self, words: str) -> list[int]:
        """Where these words stand, as whole words."""
        pattern = rf"(?<!\w){re.escape(words)}(?!\w)"
        return [found.start() for found in re.finditer(pattern, self.text)]

    def before(self, place: int) -> str:
        """The last words of the block above the one that begins at `place`."""
        above = self.text[:place].rstrip("\n").rpartition("\n")[2]
        return " ".join(above.split(" ")[-_CONTEXT:])


def link(section: Section, paragraph: str, page: _Page, *, first: bool) -> str:
    """The deepest link to a paragraph that could be proven; the page's address where none could."""
    base = urldefrag(section.url).url
    if not base or not base.isascii():
        return ""
    if section.page:
        return _short(f"{base}#page={section.page}", base)
    anchor = quote(section.anchor, safe=_FRAGMENT) if ":~:" not in section.anchor else ""
    to_heading = f"{base}#{anchor}" if anchor else base
    # A heading that is surely there needs no more for the paragraph right below it.
    if not (anchor and first and not section.guessed):
        for directive in _directives(paragraph, page):
            deep = f"{base}#{anchor}:~:text={directive}"
            if len(deep) <= MAX_LINK:
                return deep
    return _short(to_heading, base)


def _short(deep: str, base: str) -> str:
    return next((one for one in (deep, base) if len(one) <= MAX_LINK), "")


def _directives(paragraph: str, page: _Page) -> Iterator[str]:
    """Directives that mark this paragraph and nothing else, the best first."""
    if _CELL in paragraph:
        return  # a match may not cross from one cell to the next
    shown, plain = " ".join(paragraph.split()), _plain(paragraph)
    words = shown.split(" ")
    counts = [count for count in _START if count < len(words)]
    if len(words) <= _START[-1]:
        counts.append(len(words))
    for count in counts:
        start = " ".join(words[:count])
        places = page.places(_plain(start))
        if len(places) == 1:
            yield from _with_end(start, words[count:], plain, places[0], page)
            yield encoded(start)
            return
    yield from _with_context(" ".join(words[: _START[-1]]), plain, page)


def _with_end(
    start: str, rest: Sequence[str], plain: str, place: int, page: _Page
) -> Iterator[str]:
    if len(rest) < _LONG - _START[0]:
        return
    stop = place + len(plain)
    if page.text[place:stop] != plain:
        return
    for count in _END:
        end = _plain(" ".join(rest[-count:]))
        # A browser takes the first such words behind the start.
        after = [at for at in page.places(end) if at >= place + len(_plain(start))]
        if after and after[0] + len(end) == stop:
            yield f"{encoded(start)},{encoded(' '.join(rest[-count:]))}"
            return


def _with_context(start: str, plain: str, page: _Page) -> Iterator[str]:
    """Words that stand there more than once, told apart by those before them."""
    for place in page.places(_plain(start)):
        prefix = page.before(place) if page.text[place : place + len(plain)] == plain else ""
        both = f"{prefix}\n{_plain(start)}"
        if prefix and len(page.places(both)) == 1:
            yield f"{encoded(prefix)}-,{encoded(start)}"
            return


def encoded(words: str) -> str:
    """Percent-encoded for a directive, in which "-", "," and "&" have a meaning of their own."""
    return quote(words, safe="").replace("-", "%2D")


def _plain(text: str) -> str:
    """As browsers compare: without regard to case and the kind of blank."""
    return " ".join(text.split()).lower()
