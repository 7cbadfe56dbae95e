"""HTML to text: lines, paragraphs, list items and cells kept, what is not shown left out.

Quotes that a mail client marked as such come out with "> " before each line, as the client itself
would have written them in plain text, so that `newest` needs to know one kind of quote only.

One pass over the tags, no tree. Parsers that build one were tried on mail: the fast ones are C
libraries of which one takes quadratic time on nested elements and the other 60 µs for the 900 bytes
of an ordinary answer and a segmentation fault on a documented call. A crash in here would take down
every SMTP session of the process.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from html import unescape
from html.entities import html5
from typing import Final

_MAX_TAGS: Final = 20_000  # some 10 ms; a newsletter of 50 KB has 1,500
_MAX_SCOPES: Final = 12
_MAX_QUOTE_MARKS: Final = 4

# Either a whole tag, or nothing: "<" ends the attempt, so that no byte is looked at twice.
_TAG: Final = re.compile(
    r"""<(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,40}+)((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>"""
)
_DECLARATION: Final = re.compile(r"<[!?][^<>]*+>")
_LOOSE_TAG: Final = re.compile(r"<[a-zA-Z/!?][^<>]*+>")
_CHARACTER: Final = re.compile(r"&(?:#[xX]?[0-9a-fA-F]{1,12};?|([a-zA-Z][a-zA-Z0-9]{1,31};?))")


class _Scope(Enum):
    """What holds for everything within an element."""

    HIDDEN = 1
    QUOTED = 2
    QUOTED_REST = 3
    """From here to the end of the mail, whatever is closed."""
    VERBATIM = 4


# Attributes that tell such scopes, as they stand in lower case and without blanks.
_MARKS: Final[dict[_Scope, tuple[str, ...]]] = {
    _Scope.HIDDEN: (
        "display:none", "mso-hide:all", "visibility:hidden", "max-height:0;", "max-height:0px",
        'max-height:0"', "font-size:0;", "font-size:0px", "font-size:0pt", 'font-size:0"',
        "opacity:0;", 'opacity:0"',
    ),
    # Outlook's blocks above the quote; the quote itself follows them without a mark of its own.
    _Scope.QUOTED_REST: (
        "divrplyfwdmsg", "appendonsend", "olk_src_body_section",
        "mail-editor-reference-message-container", "border-top:solid#e1e1e11.0pt;padding:3.0pt",
        "border-top:solid#b5c4df1.0pt;padding:3.0pt", "border-top:solid#e5e5e51.0pt;padding:3.0pt",
    ),
    _Scope.QUOTED: (
        'type="cite"', "type='cite'", "type=cite", "moz-cite-prefix", "yahoo_quoted",
        "protonmail_quote", "tutanota_quote", "zimbra_quote", "front-blockquote", 'name="quote"',
        "name=quote", "zmail_extra", "history_container",
    ),
    _Scope.VERBATIM: ("white-space:pre",),
}  # fmt: skip
# Every mark has one of these in it, and most documents have none.
_HINTS: Final = (
    "display:none", "mso-hide:all", "visibility:hidden", "height:0", "size:0", "opacity:0",
    "divrplyfwdmsg", "appendonsend", "olk_src", "mail-editor", "border-top:solid#", "cite", "quote",
    "zmail_extra", "history_container", "white-space:pre",
)  # fmt: skip
# Gmail's quote proper is the blockquote: answers typed between quotes stand in the div around it.
_QUOTING_BLOCKQUOTES: Final = ("gmail_quote", "border-left", 'type="cite"', "type=cite", "cite=")


def html_to_text(html: str, max_chars: int) -> str:
    """The text that a reader of this HTML would see, at most `max_chars` characters of it.

    html: a document or a fragment, however broken. Lines end in "\\n", none has trailing blanks,
    and no two of them are empty together; cells of a table row have a tab between them. Never
    raises; linear in the length of `html`.
    """
    if "<!" in html or "<?" in html:
        html = _DECLARATION.sub("", _without_comments(html))
    pieces = _TAG.split(html, _MAX_TAGS)
    if len(pieces) > 4 * _MAX_TAGS:
        pieces[-1] = ""
    builder = _Builder(max_chars)
    builder.read(pieces)
    lines = builder.finish()
    if not lines and builder.unclosed:
        # <style> or <title> without an end, or a hidden element around everything.
        return " ".join(decode_characters(_LOOSE_TAG.sub(" ", html))[:max_chars].split())
    return "\n".join(lines)[:max_chars]


def decode_characters(text: str) -> str:
    """Character references of HTML replaced by what they stand for.

    `html.unescape` tries every prefix of an unknown name, which costs twenty times as much on text
    that is made for it.
    """
    return _CHARACTER.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    name = match[1]
    if name is None:
        return unescape(match[0])
    # Of an unknown name ("&nbspfoo") browsers try each prefix; mail can do without.
    return html5.get(name, match[0])


def _without_comments(html: str) -> str:
    """HTML without <!-- comments -->, among them Outlook's conditional ones."""
    out: list[str] = []
    position = 0
    while (start := html.find("<!--", position)) >= 0:
        out.append(html[position:start])
        end = html.find("-->", start + 4)
        if end < 0:
            return "".join(out)
        position = end + 3
    out.append(html[position:])
    return "".join(out)


@dataclass(slots=True)
class _OpenScope:
    name: str
    scope: _Scope
    depth: int = 1
    """Elements of that name that are open, the one that began the scope among them."""


class _Builder:
    """Lines of text, put together tag by tag."""

    def __init__(self, max_chars: int) -> None:
        self._room = max_chars
        self._lines: list[str] = []
        self._line: list[str] = []
        self._cells: list[str] = []  # of a table row, up to the one that is open
        self._gap_wanted = False
        self._tight = False
        self._scopes: list[_OpenScope] = []
        self._hidden = False
        self._verbatim = False
        self._prefix = ""
        self._last_prefix = ""

    def read(self, pieces: list[str]) -> None:
        """Text, then for each tag: "/" or nothing, name, attributes, and the text behind it."""
        self._text(pieces[0])
        marked = _marked(pieces[3::4])
        tags = zip(pieces[1::4], pieces[2::4], pieces[3::4], pieces[4::4], strict=True)
        for closing, tag, attributes, text in tags:
            # Nearly all tags have no scope to do with, and many do nothing at all (<span>, </td>).
            name = tag.lower()
            if closing:
                if name in _ENDS or self._scopes:
                    self._close(name)
            elif name in _MAY_SCOPE or self._scopes or attributes in marked:
                self._open(name, attributes, marked.get(attributes))
            else:
                begin = _BEGIN.get(name)
                if begin is not None:
                    begin(self, attributes)
            if text:
                if not self._hidden:
                    self._text(text)
                if self._room <= 0:
                    break

    @property
    def unclosed(self) -> bool:
        """True when the document ended within something that is not shown."""
        return self._hidden

    def _text(self, text: str) -> None:
        text = text[: self._room]
        if "&" in text:
            text = decode_characters(text)
        self._room -= len(text)
        if not self._line and not self._verbatim and text.isspace() and "\xa0" not in text:
            return  # what stands between two tags in most of the source
        if self._verbatim and "\n" in text:
            first, *others = text.split("\n")
            self._line.append(first)
            for other in others:
                self._end_line(hard=True)
                self._line.append(other)
        else:
            self._line.append(text)

    def _open(self, name: str, attributes: str, marked: _Scope | None) -> None:
        """Begin an element that may begin a scope, or stand in one."""
        if self._hidden and not self._ends_paragraph(name):
            if self._scopes[-1].name not in _RAW:
                self._count(name, 1)
            return
        begin = _BEGIN.get(name)
        if begin is not None:
            begin(self, attributes)
        scope = marked or _SCOPES.get(name)
        if name == "blockquote" and _is_quoting(attributes):
            scope = _Scope.QUOTED
        if scope is None or name in _VOID or not self._enter(name, scope):
            self._count(name, 1)

    def _close(self, name: str) -> None:
        if not self._hidden:
            if name in _LINES:
                if self._line or self._cells:
                    self._end_line()
                if name in _PARAGRAPHS and not (self._tight and name == "p"):
                    self._gap_wanted = True
            elif name == "br":  # "</br>" is a line break in every browser
                self._end_line(hard=True)
        if self._scopes:
            self._count(name, -1)

    def _ends_paragraph(self, name: str) -> bool:
        """Close a hidden <p> whose end tag was left out, as the next block allows."""
        if self._scopes[-1].name != "p" or name not in _LINES:
            return False
        self._scopes.pop()
        self._settle()
        return not self._hidden

    def finish(self) -> list[str]:
        self._end_line()
        while self._lines and not self._lines[-1].strip("> "):
            self._lines.pop()
        return self._lines

    def begin_line(self, _attributes: str) -> None:
        if self._line or self._cells:
            self._end_line()

    def begin_paragraph(self, attributes: str) -> None:
        if self._line or self._cells:
            self._end_line()
        # Outlook's paragraphs have no margin: an empty line is a paragraph of its own there.
        self._tight = "Mso" in attributes
        if not self._tight:
            self._gap_wanted = True

    def break_line(self, _attributes: str) -> None:
        self._end_line(hard=True)

    def begin_item(self, _attributes: str) -> None:
        self._end_line()
        self._line.append("- ")

    def begin_cell(self, _attributes: str) -> None:
        if self._line:
            cell = " ".join("".join(self._line).split())
            self._line.clear()
            if cell:
                self._cells.append(cell)

    def picture(self, attributes: str) -> None:
        """Clients send emoji as pictures; of other pictures the text is decoration."""
        if attributes.isascii():
            return
        found = _ALTERNATIVE_TEXT.search(attributes)
        if found and not found[1].isascii():
            self._line.append(decode_characters(found[1]))

    def _end_line(self, *, hard: bool = False) -> None:
        """Put the open line away. An empty one counts only when it is `hard`, or holds &nbsp;."""
        joined = "".join(self._line)
        self._line.clear()
        line = joined.rstrip() if self._verbatim else " ".join(joined.split())
        if self._cells:
            line = "\t".join((*self._cells, line) if line else self._cells)
            self._cells.clear()
        if line and line != "-":
            if self._gap_wanted:
                self._empty_line()
            self._lines.append(self._prefix + line)
            self._last_prefix = self._prefix
        elif hard or "\xa0" in joined:
            self._empty_line()
        else:
            return
        self._gap_wanted = False

    def _empty_line(self) -> None:
        if self._lines and self._lines[-1].strip("> "):
            # Between a text and a quote the empty line belongs to the text.
            marks = min(self._prefix, self._last_prefix)
            self._lines.append(marks.rstrip())

    def _enter(self, name: str, scope: _Scope) -> bool:
        if len(self._scopes) >= _MAX_SCOPES:
            return False
        if scope is not _Scope.HIDDEN:
            self._end_line()
        self._scopes.append(_OpenScope(name, scope))
        self._settle()
        return True

    def _count(self, name: str, change: int) -> None:
        """Keep track of the elements in which scopes began; an end tag closes those within, too."""
        for position in range(len(self._scopes) - 1, -1, -1):
            opened = self._scopes[position]
            if opened.name == name:
                opened.depth += change
                if opened.depth == 0 and opened.scope is not _Scope.QUOTED_REST:
                    self._leave(position)
                return
            if opened.name in _RAW:
                return

    def _leave(self, position: int) -> None:
        if not self._hidden:
            self._end_line()
        within = self._scopes[position + 1 :]
        self._scopes[position:] = [
            opened for opened in within if opened.scope is _Scope.QUOTED_REST
        ]
        self._settle()

    def _settle(self) -> None:
        kinds = [opened.scope for opened in self._scopes]
        self._hidden = _Scope.HIDDEN in kinds
        self._verbatim = _Scope.VERBATIM in kinds
        quotes = kinds.count(_Scope.QUOTED) + (_Scope.QUOTED_REST in kinds)
        self._prefix = "> " * min(quotes, _MAX_QUOTE_MARKS)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PARAGRAPHS: Final = _words("blockquote h1 h2 h3 h4 h5 h6 hr ol p table ul")
_LINES: Final = _PARAGRAPHS | _words(
    "address article aside body caption center dd details dir div dl dt fieldset figcaption figure"
    " footer form header html legend li listing main menu nav optgroup option pre section summary"
    " tbody textarea tfoot thead tr xmp"
)
_RAW: Final = _words("script style title xmp textarea")
_VOID: Final = _words("area base br col embed hr img input link meta source wbr")
_ALTERNATIVE_TEXT: Final = re.compile(r"""(?<=\balt=["'])([^"'<>]{1,8})(?=["'])""")
_SCOPES: Final[dict[str, _Scope]] = {
    **dict.fromkeys(
        _words(
            "applet audio canvas datalist head iframe map math noembed noframes object script"
            " select style svg template title video xml"
        ),
        _Scope.HIDDEN,
    ),
    **dict.fromkeys(_words("listing pre textarea xmp"), _Scope.VERBATIM),
}
# What an element does where it begins. Those that begin a scope leave that to it.
_BEGIN: Final[dict[str, Callable[[_Builder, str], None]]] = {
    **dict.fromkeys(_LINES - _SCOPES.keys(), _Builder.begin_line),
    **dict.fromkeys(_PARAGRAPHS, _Builder.begin_paragraph),
    "br": _Builder.break_line,
    "li": _Builder.begin_item,
    "td": _Builder.begin_cell,
    "th": _Builder.begin_cell,
    "img": _Builder.picture,
}
_MAY_SCOPE: Final = _SCOPES.keys() | {"blockquote"}
_ENDS: Final = _LINES | {"br"}


def _marked(attributes: list[str]) -> dict[str, _Scope]:
    """The scopes that attributes begin, by the text of the attributes: mostly none."""
    distinct = set(attributes)
    compact = "\n".join(distinct).lower().replace(" ", "")
    if not any(map(compact.__contains__, _HINTS)):
        return {}
    marks = [(mark, scope) for scope, known in _MARKS.items() for mark in known if mark in compact]
    if not marks:
        return {}
    found: dict[str, _Scope] = {}
    for text in distinct:
        compact = text.lower().replace(" ", "")
        for mark, scope in marks:
            if mark in compact:
                found[text] = scope
                break
    return found


def _is_quoting(attributes: str) -> bool:
    compact = attributes.lower().replace(" ", "")
    return any(mark in compact for mark in _QUOTING_BLOCKQUOTES)
