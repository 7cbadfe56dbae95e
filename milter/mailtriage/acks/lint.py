"""The last look at an acknowledgement before it is kept: what is not allowed is not sent.

It knows nothing of how the message was made, only what may stand in one: an allow-list of fields,
each once and of one form, and text. So a mistake in a template, a configuration or our own code
ends here, and not at a customer.

The bytes are looked at as they are. Whatever passes is also without defect for the strict parser of
`email`, which takes thirty times as long; the tests hold the two together.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Final

MAX_SIZE: Final = 8 * 1024
"""Bytes; RFC 3834 section 2 asks for few."""
MAX_LINE: Final = 998
"""Octets without the line end (RFC 5322 section 2.1.1)."""

# RFC 5322 sections 3.2 to 3.4 without what is obsolete, comments and groups: one mailbox. What is
# not ASCII (RFC 6532) is let through by none of these but kept to To: by `_eight_bit_fields`.
_ATOM: Final = r'[^\s"(),:;<>@\[\\\].]++'
_DOT_ATOM: Final = rf"{_ATOM}(?:\.{_ATOM})*+"
_QUOTED: Final = r'"(?:[^"\\=]|=(?!\?)|\\.)*+"'  # no encoded word in it: some decode it
# Quoted, an "@" or a comma may stand in a local part too; but many a reader sees two addresses.
_LOCAL: Final = r'"(?:[^"\\@,;<>=]|=(?!\?)|\\[^@,;<>])*+"'
_ADDRESS: Final = rf"(?:{_DOT_ATOM}|{_LOCAL})@[\w-]++(?:\.[\w-]++)*+"
_PHRASE: Final = rf"(?:{_ATOM}(?: ++{_ATOM})*+|{_QUOTED})"
_MAILBOX: Final = re.compile(rf"{_ADDRESS}|{_PHRASE} <{_ADDRESS}>")

_NEEDED: Final = {
    "From": _MAILBOX,
    "To": _MAILBOX,
    "Subject": re.compile(r".+"),
    "Date": re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"),
    "Message-ID": re.compile(rf"<{_DOT_ATOM}@{_DOT_ATOM}>"),
    # RFC 3834 section 5 allows parameters; UVdesk compares the whole value.
    "Auto-Submitted": re.compile(r"auto-replied"),
    "X-Auto-Response-Suppress": re.compile(r"All"),
    "Content-Language": re.compile(r"[a-z]{2,3}(?:, [a-z]{2,3})?"),
    "X-Mailtriage-Loop": re.compile(r"[a-z2-7.]+"),
    "X-Mailtriage-Ref": re.compile(r"[0-9A-Z-]+"),
    "MIME-Version": re.compile(r"1\.0"),
    "Content-Type": re.compile(
        r'text/plain; charset="utf-8"|multipart/alternative; boundary="(=_[0-9A-Za-z]{1,60})"'
    ),
}
# What follows an acknowledgement answers nothing (RFC 3834 section 5.2); a survey can be refused.
_FOLLOW_UP: Final = {
    "Auto-Submitted": re.compile(r"auto-generated"),
    "List-Unsubscribe": re.compile(r"<mailto:[!-;=?-~]+>"),
}
# No List-*, no Disposition-Notification-To, no Return-Receipt-To, no Errors-To, no X-Priority, no
# Cc, no Bcc: nothing that is not here.
_POSSIBLE: Final = {
    **_NEEDED,
    "Reply-To": _MAILBOX,
    "In-Reply-To": re.compile(r"<[!-~]+>"),
    "References": re.compile(r"<[!-~]+>(?: <[!-~]+>)*"),
    "Precedence": re.compile(r"bulk"),
    "Content-Transfer-Encoding": re.compile(r"quoted-printable"),
}
_FIELD: Final = re.compile(r"([A-Za-z-]+): (\S.*)")
_FOLD: Final = re.compile(r"\r\n (?=\S)")
_HEADER_END: Final = b"\r\n\r\n"
_ALTERNATIVES: Final = ("text/plain", "text/html")
_PART_FIELDS: Final = frozenset({b"MIME-Version: 1.0"})
"""What a part may say besides its type and encoding, which it has to."""

_ENCODED_WORD: Final = re.compile(
    r"=\?utf-8\?(?:b\?([A-Za-z0-9+/]+=*)|q\?((?:[!-<>@-~]|=[0-9A-F]{2})+))\?=", re.IGNORECASE
)
_MAX_ENCODED_WORD: Final = 75  # RFC 2047 section 2
_CONTROL: Final = re.compile(r"[\0-\x1f\x7f-\x9f]")
_QUOTED_PRINTABLE: Final = re.compile(rb"[^=]*+(?:=(?:[0-9A-F]{2}|\r\n)[^=]*+)*+")

_HTML_TAGS: Final = frozenset({
    "a", "b", "blockquote", "body", "br", "div", "em", "h1", "h2", "h3", "hr", "html", "i", "li",
    "ol", "p", "span", "strong", "table", "tbody", "td", "th", "tr", "u", "ul",
})  # fmt: skip
_HTML_ATTRIBUTES: Final = frozenset({"dir", "href", "lang", "style", "title"})
_LINK: Final = re.compile(r"(?:https:|mailto:|tel:)[!-~]+", re.IGNORECASE)
_STYLE: Final = re.compile(r"[\w\s#%.,:;-]*")  # no url(), no expression()


def faults(message: bytes, *, follow_up: bool = False) -> tuple[str, ...]:
    """What is wrong with a finished acknowledgement, or `follow_up`: an update or a survey; empty
    when it may be sent. Never raises."""
    possible = {**_POSSIBLE, **_FOLLOW_UP} if follow_up else _POSSIBLE
    try:
        return tuple(_faults(message, possible))
    except ValueError as error:
        return (f"is not a message by strict rules: {type(error).__name__}",)


def html_faults(markup: str) -> tuple[str, ...]:
    """What an HTML part holds besides text and links: pictures, scripts, forms and the like are
    loaded, run or tracked. Empty when there is none."""
    reader = _HtmlReader()
    reader.feed(markup)
    reader.close()
    return tuple(dict.fromkeys(reader.faults))


def _faults(message: bytes, possible: Mapping[str, re.Pattern[str]]) -> Iterator[str]:
    if len(message) > MAX_SIZE:
        yield f"has {len(message)} bytes, more than {MAX_SIZE}"
    if b"\0" in message:
        yield "has a NUL"
    line_ends = message.count(b"\r\n")
    if not (line_ends == message.count(b"\r") == message.count(b"\n")):
        yield "has a line that does not end in CRLF"
    if not message.endswith(b"\r\n"):
        yield "does not end in CRLF"
    if max(map(len, message.split(b"\r\n"))) > MAX_LINE:
        yield f"has a line of more than {MAX_LINE} bytes"
    header, _, body = message.partition(_HEADER_END)
    if not body.isascii():
        yield "has a body that is not 7-bit"
    yield from _eight_bit_fields(header)
    lines = _FOLD.sub(" ", header.decode()).split("\r\n")
    found = [field for field in map(_FIELD.fullmatch, lines) if field]
    values = {field[1]: field[2] for field in found}
    if len(found) < len(lines):
        yield "has a line in its header that is no field"
    if len(values) < len(found):
        yield "has a field more than once"
    yield from _of_fields(values, possible)
    yield from _of_body(values, body)


def _eight_bit_fields(header: bytes) -> Iterator[str]:
    """RFC 6532 lets UTF-8 stand in all of them; only the customer's address has to be in it."""
    if header.isascii():
        return
    for line in header.split(b"\r\n"):
        if not line.isascii() and not line.startswith(b"To: "):
            yield "has a header field that is not ASCII"


def _of_fields(values: dict[str, str], possible: Mapping[str, re.Pattern[str]]) -> Iterator[str]:
    for name in _NEEDED:
        if name not in values:
            yield f"lacks {name}"
    for name, value in values.items():
        allowed = possible.get(name)
        if allowed is None:
            yield f"has {name}, which an acknowledgement must not have"
        elif not allowed.fullmatch(value) or not value.isprintable() or not _decodes(value):
            yield f"has a {name} that does not fit"
    if not _is_date(values.get("Date", "")):
        yield "has a Date that is none"


def _decodes(value: str) -> bool:
    """Whether all that looks like an encoded word is one, of UTF-8 and without control characters:
    readers decode what they find, in whatever field (RFC 2047 section 6.2)."""
    return "=?" not in value or all(map(_is_readable, value.split(" ")))


def _is_readable(word: str) -> bool:
    if "=?" not in word:
        return True
    found = _ENCODED_WORD.fullmatch(word)
    if found is None or len(word) > _MAX_ENCODED_WORD:
        return False
    if found[1]:
        content = binascii.a2b_base64(found[1], strict_mode=True)
    else:
        content = binascii.a2b_qp(found[2], header=True)
    return _CONTROL.search(content.decode()) is None


def _is_date(value: str) -> bool:
    try:
        return isinstance(parsedate_to_datetime(value), datetime)
    except ValueError:
        return False


def _of_body(values: dict[str, str], body: bytes) -> Iterator[str]:
    kind = _NEEDED["Content-Type"].fullmatch(values.get("Content-Type", ""))
    is_encoded = "Content-Transfer-Encoding" in values
    if kind is None:
        return  # told already
    if kind[1] is None:
        if not is_encoded:
            yield "has a text that is not quoted-printable"
        yield from _of_text(body, html=False)
        return
    if is_encoded:
        yield "has an encoding around its parts"  # RFC 2045 section 6.4
    before, *parts = body.split(b"--" + kind[1].encode())
    last = parts.pop() if parts else b""
    if before or last != b"--\r\n" or len(parts) != len(_ALTERNATIVES):
        yield "has other alternatives than text and HTML"
    for part, media in zip(parts, _ALTERNATIVES, strict=False):
        yield from _of_part(part, media)


def _of_part(part: bytes, media: str) -> Iterator[str]:
    header, _, content = part.partition(_HEADER_END)
    needed = {
        b"",  # the end of the boundary's own line
        f'Content-Type: {media}; charset="utf-8"'.encode(),
        b"Content-Transfer-Encoding: quoted-printable",
    }
    lines = header.split(b"\r\n")
    if not needed <= {*lines} <= needed | _PART_FIELDS or len({*lines}) < len(lines):
        yield f"has a part that is not {media} in UTF-8, quoted-printable"
    elif lines[0] or not content.endswith(b"\r\n"):
        yield "has a part that is not on lines of its own"
    yield from _of_text(content, html=media == "text/html")


def _of_text(content: bytes, *, html: bool) -> Iterator[str]:
    if not _QUOTED_PRINTABLE.fullmatch(content):
        yield "has a text that is not quoted-printable"
    text = binascii.a2b_qp(content).decode()
    if not text or text.isspace():
        yield "has an empty part"
    if html:
        yield from html_faults(text)


class _HtmlReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: Final[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _HTML_TAGS:
            self.faults.append(f"has <{tag}> in its HTML")
        for name, value in attrs:
            fits = name in _HTML_ATTRIBUTES
            if name == "href":
                fits = _LINK.fullmatch(value or "") is not None
            elif name == "style":
                fits = _STYLE.fullmatch(value or "") is not None
            if not fits:
                self.faults.append(f"has {name}={value!r} in its HTML")

    def handle_comment(self, data: str) -> None:  # noqa: ARG002, a method of the base
        self.faults.append("has a comment in its HTML")  # Outlook runs conditional ones

    def handle_pi(self, data: str) -> None:  # noqa: ARG002, a method of the base
        self.faults.append("has a processing instruction in its HTML")

    def unknown_decl(self, data: str) -> None:  # noqa: ARG002, a method of the base
        self.faults.append("has a declaration in its HTML")
