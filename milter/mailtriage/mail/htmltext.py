"""HTML to text: lines, paragraphs, list items and cells kept, what is not shown left out.

Quotes that a mail client marked as such come out with "> " before each line, as the client itself
would have written them in plain text, so that `newest` needs to know one kind of quote only.

One pass over the tags, no tree. Parsers that build one were tried on mail: the fast ones are C
libraries of which one takes quadratic time on nested elements and the other 60 µs for the 900 bytes
of an ordinary answer and a segmentation fault on a documented call. A crash in here would take down
every SMTP session of the process.
"""

import re
from typing import Final

from mailtriage.mail.htmllines import Builder, Scope, decode_characters

_MAX_TAGS: Final = 5000  # at most some 10 ms; a newsletter of 80 KB has 2,000

# Either a whole tag, or nothing: "<" ends the attempt, so that no byte is looked at twice.
_TAG: Final = re.compile(
    r"""<(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,40}+)((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>"""
)
_DECLARATION: Final = re.compile(r"<[!?][^<>]*+>")
_LOOSE_TAG: Final = re.compile(r"<[a-zA-Z/!?][^<>]*+>")

# Attributes that tell such scopes, as they stand in lower case and without blanks.
_MARKS: Final[dict[Scope, tuple[str, ...]]] = {
    Scope.HIDDEN: (
        "display:none", "mso-hide:all", "visibility:hidden", "max-height:0;", "max-height:0px",
        'max-height:0"', "opacity:0;", 'opacity:0"', "color:transparent",
    ),
    # Blocks above the quote; the quote itself follows them without a mark of its own.
    Scope.QUOTED_REST: (
        "divrplyfwdmsg", "appendonsend", "olk_src_body_section", "outlookmessageheader",
        "mail-editor-reference-message", "ms-outlook-mobile-reference-message", "stopspelling",
        "zwchr", "data-marker=\"__headers__",
    ),
    Scope.QUOTED: (
        'type="cite"', "type='cite'", "type=cite", "moz-cite-prefix", "gmail_attr", "reply-intro",
        "gmail_quote_attribution", "yahoo_quoted", "protonmail_quote", "tutanota_quote",
        "zimbra_quote", "front-blockquote", "fairemail_quote", "freshdesk_quote", "missive_quote",
        "airmail_on", "messagereplysection", 'name="quote"', "name=quote", "zmail_extra",
        "history_container",
    ),
    Scope.SIGNED: (
        '"gmail_signature"', "'gmail_signature'", "=gmail_signature", 'id="signature"',
        'id="x_signature"', "moz-signature", "protonmail_signature_block",
        "ms-outlook-mobile-signature", "composer_signature", "ymail_android_signature",
        "front-signature", "tutanota_signature",
    ),
    Scope.VERBATIM: ("white-space:pre",),
    Scope.TINY: (
        "font-size:0;", 'font-size:0"', "font-size:0px", "font-size:0pt", "font-size:0em",
        "font-size:1px",
    ),
}  # fmt: skip
# Every mark has one of these in it, and most documents have none.
_HINTS: Final = (
    "display:none", "mso-hide:all", "visibility:hidden", "height:0", "size:0", "size:1px",
    "opacity:0", "color:transparent", "divrplyfwdmsg", "appendonsend", "olk_src", "outlookmess",
    "outlook-mobile", "mail-editor", "stopspelling", "zwchr", "__headers__", "padding:3.0pt0",
    "padding:3pt0", "cite", "quote", "gmail_attr", "reply-intro", "airmail_on", "messagereply",
    "zmail_extra", "history_container", "signature", "white-space:pre",
)  # fmt: skip
# Outlook's rule above a quote, whatever its colour.
_OUTLOOK_PADDING: Final = ("padding:3.0pt0", "padding:3pt0")


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
    builder = Builder(max_chars)
    builder.read(pieces, _marked(pieces[3::4]))
    lines = builder.finish()
    if not lines and builder.unclosed:
        # <style> or <title> without an end, or a hidden element around everything.
        return " ".join(decode_characters(_LOOSE_TAG.sub(" ", html))[:max_chars].split())
    return "\n".join(lines)[:max_chars]


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


def _marked(attributes: list[str]) -> dict[str, Scope]:
    """The scopes that attributes begin, by the text of the attributes: mostly none."""
    distinct = set(attributes)
    compact = "\n".join(distinct).lower().replace(" ", "")
    if not any(map(compact.__contains__, _HINTS)):
        return {}
    marks = [(mark, scope) for scope, known in _MARKS.items() for mark in known if mark in compact]
    marks += [(mark, Scope.QUOTED_REST) for mark in _OUTLOOK_PADDING if mark in compact]
    if not marks:
        return {}
    if any(scope is Scope.TINY for _, scope in marks):
        marks.append(("font-size:", Scope.SIZED))
    found: dict[str, Scope] = {}
    for text in distinct:
        compact = text.lower().replace(" ", "")
        for mark, scope in marks:
            if mark in compact and (mark not in _OUTLOOK_PADDING or "border" in compact):
                found[text] = scope
                break
    return found
