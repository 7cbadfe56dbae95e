"""Lines of text, put together tag by tag: what `htmltext` reads HTML with."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from html import unescape
from html.entities import html5
from typing import Final

_MAX_SCOPES: Final = 12
_MAX_QUOTE_MARKS: Final = 4
_MAX_SIGNATURE_LINES: Final = 15

_CHARACTER: Final = re.compile(r"&(?:#[xX]?[0-9a-fA-F]{1,12};?|([a-zA-Z][a-zA-Z0-9]{1,31};?))")


class Scope(Enum):
    """What holds for everything within an element."""

    HIDDEN = 1
    QUOTED = 2
    QUOTED_REST = 3
    """From here to the end of the mail, whatever is closed."""
    VERBATIM = 4
    SIGNED = 5
    """What the program calls a signature."""
    TINY = 6
    """Letters of no size; what is within may have a size of its own."""
    SIZED = 7


_WITHIN_LINES: Final = frozenset({Scope.HIDDEN, Scope.TINY, Scope.SIZED})

# Gmail's quote proper is the blockquote: answers typed between quotes stand in the div around it.
_QUOTING_BLOCKQUOTES: Final = ("gmail_quote", "border-left", 'type="cite"', "type=cite", "cite=")


def decode_characters(text: str) -> str:
    """Character references of HTML replaced by what they stand for.

    `html.unescape` tries every prefix of an unknown name, which costs twenty times as much on text
    that is made for it.
    """
    if "&nbsp;" in text:  # by far the most frequent one
        text = text.replace("&nbsp;", "\xa0")
    return _CHARACTER.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    name = match[1]
    if name is None:
        return unescape(match[0])
    # Of an unknown name ("&nbspfoo") browsers try each prefix; mail can do without.
    return html5.get(name, match[0])


@dataclass(slots=True)
class _OpenScope:
    name: str
    scope: Scope
    line: int
    """Lines that were there before it."""
    depth: int = 1
    """Elements of that name that are open, the one that began the scope among them."""


class Builder:
    """Lines of text, put together tag by tag."""

    def __init__(self, max_chars: int) -> None:
        self._room = max_chars
        self._lines: list[str] = []
        self._line: list[str] = []
        self._cells: list[str] = []  # of a table row, up to the one that is open
        self._gap_wanted = False
        self._tight = False
        self._signature = (0, 0)  # where in the lines the last one began and ended
        self._scopes: list[_OpenScope] = []
        self._hidden = False
        self._tiny = False
        self._verbatim = False
        self._prefix = ""
        self._last_prefix = ""

    def read(self, pieces: list[str], marked: Mapping[str, Scope]) -> None:
        """Text, then for each tag: "/" or nothing, name, attributes, and the text behind it."""
        self._text(pieces[0])
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

    def _open(self, name: str, attributes: str, marked: Scope | None) -> None:
        """Begin an element that may begin a scope, or stand in one."""
        if self._hidden and not self._ends_paragraph(name) and not self._may_show(marked):
            if self._scopes[-1].name not in _RAW:
                self._count(name, 1)
            return
        begin = _BEGIN.get(name)
        if begin is not None:
            begin(self, attributes)
        scope = marked or _SCOPES.get(name)
        if name == "blockquote" and _is_quoting(attributes):
            scope = Scope.QUOTED
        elif scope is Scope.SIZED and not self._tiny:
            scope = None
        void = name in _VOID and scope is not Scope.QUOTED_REST
        if scope is None or void or not self._enter(name, scope):
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

    def _may_show(self, marked: Scope | None) -> bool:
        """True for an element with letters of a size again, within letters of none."""
        return marked is Scope.SIZED and not any(
            opened.scope is Scope.HIDDEN for opened in self._scopes
        )

    def finish(self) -> list[str]:
        self._end_line()
        for opened in self._scopes:
            if opened.scope is Scope.SIGNED:
                self._signature = (opened.line, len(self._lines))
        self._delimit_signature()
        while self._lines and not self._lines[-1].strip("> "):
            self._lines.pop()
        return self._lines

    def _delimit_signature(self) -> None:
        """Put the delimiter above a signature that only the markup tells, as in plain text.

        Only when nothing but a quote stands below it: people type below it as well.
        """
        start, end = self._signature
        while start < end and not self._lines[start]:
            start += 1
        below = next((line for line in self._lines[end:] if line), ">")
        if 0 < start < end <= start + _MAX_SIGNATURE_LINES and below[0] == ">":
            above = [line for line in self._lines[:start] if line]
            if above and above[-1] not in _DELIMITERS and self._lines[start] not in _DELIMITERS:
                self._lines.insert(start, "--")

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

    def _enter(self, name: str, scope: Scope) -> bool:
        if len(self._scopes) >= _MAX_SCOPES:
            return False
        if scope not in _WITHIN_LINES:
            self._end_line()
        self._scopes.append(_OpenScope(name, scope, len(self._lines)))
        self._settle()
        return True

    def _count(self, name: str, change: int) -> None:
        """Keep track of the elements in which scopes began; an end tag closes those within, too."""
        for position in range(len(self._scopes) - 1, -1, -1):
            opened = self._scopes[position]
            if opened.name == name:
                opened.depth += change
                if opened.depth == 0 and opened.scope is not Scope.QUOTED_REST:
                    self._leave(position)
                return
            if opened.name in _RAW:
                return

    def _leave(self, position: int) -> None:
        if not self._hidden and self._scopes[position].scope not in _WITHIN_LINES:
            self._end_line()
        if self._scopes[position].scope is Scope.SIGNED and not self._prefix:
            self._signature = (self._scopes[position].line, len(self._lines))
        within = self._scopes[position + 1 :]
        self._scopes[position:] = [opened for opened in within if opened.scope is Scope.QUOTED_REST]
        self._settle()

    def _settle(self) -> None:
        kinds = [opened.scope for opened in self._scopes]
        self._tiny = Scope.TINY in kinds
        self._hidden = Scope.HIDDEN in kinds or (
            self._tiny
            and [kind for kind in kinds if kind in (Scope.TINY, Scope.SIZED)][-1] is Scope.TINY
        )
        self._verbatim = Scope.VERBATIM in kinds
        quotes = kinds.count(Scope.QUOTED) + (Scope.QUOTED_REST in kinds)
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
_DELIMITERS: Final = frozenset({"--", "-- "})
_ALTERNATIVE_TEXT: Final = re.compile(r"""(?<=\balt=["'])([^"'<>]{1,8})(?=["'])""")
_SCOPES: Final[dict[str, Scope]] = {
    **dict.fromkeys(
        _words(
            "applet audio canvas datalist head iframe map math noembed noframes object script"
            " select style svg template title video xml"
        ),
        Scope.HIDDEN,
    ),
    **dict.fromkeys(_words("listing pre textarea xmp"), Scope.VERBATIM),
}
# What an element does where it begins. Those that begin a scope leave that to it.
_BEGIN: Final[dict[str, Callable[[Builder, str], None]]] = {
    **dict.fromkeys(_LINES - _SCOPES.keys(), Builder.begin_line),
    **dict.fromkeys(_PARAGRAPHS, Builder.begin_paragraph),
    "br": Builder.break_line,
    "li": Builder.begin_item,
    "td": Builder.begin_cell,
    "th": Builder.begin_cell,
    "img": Builder.picture,
}
_MAY_SCOPE: Final = _SCOPES.keys() | {"blockquote"}
_ENDS: Final = _LINES | {"br"}


def _is_quoting(attributes: str) -> bool:
    compact = attributes.lower().replace(" ", "")
    return any(mark in compact for mark in _QUOTING_BLOCKQUOTES)
