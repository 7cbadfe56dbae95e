"""The last look at an acknowledgement before it is kept: what is not allowed is not sent.

It knows nothing of how the message was made, only what may stand in one: an allow-list of fields,
each once, and text. So a mistake in a template, a configuration or our own code ends here, and not
at a customer.
"""

import email.policy
import re
from collections.abc import Iterator
from email.errors import MessageError, NonASCIILocalPartDefect
from email.message import EmailMessage
from email.parser import BytesParser, Parser
from html.parser import HTMLParser
from typing import Final

from mailtriage.mail.address import parse_mailboxes

MAX_SIZE: Final = 8 * 1024
"""Bytes; RFC 3834 section 2 asks for few."""
MAX_LINE: Final = 998
"""Octets without the line end (RFC 5322 section 2.1.1)."""

_ANY: Final = re.compile(r"[^\r\n]+")  # what the parser of `email` judges
_NEEDED: Final = {
    "From": _ANY,
    "To": _ANY,
    "Subject": _ANY,
    "Date": _ANY,
    "Message-ID": re.compile(r"<[!-~]+@[!-~]+>"),
    # RFC 3834 section 5 allows parameters; UVdesk compares the whole value.
    "Auto-Submitted": re.compile(r"auto-replied"),
    "X-Auto-Response-Suppress": re.compile(r"All"),
    "Content-Language": re.compile(r"[a-z]{2,3}(?:, [a-z]{2,3})?"),
    "X-Mailtriage-Loop": re.compile(r"[a-z2-7.]+"),
    "X-Mailtriage-Ref": re.compile(r"[0-9A-Z-]+"),
    "MIME-Version": re.compile(r"1\.0"),
    "Content-Type": _ANY,
}
# No List-*, no Disposition-Notification-To, no Return-Receipt-To, no Errors-To, no X-Priority, no
# Cc, no Bcc: nothing that is not here.
_POSSIBLE: Final = {
    **_NEEDED,
    "Reply-To": _ANY,
    "In-Reply-To": re.compile(r"<[!-~]+>"),
    "References": re.compile(r"<[!-~]+>(?: <[!-~]+>)*"),
    "Precedence": re.compile(r"bulk"),
    "Content-Transfer-Encoding": re.compile(r"quoted-printable"),
}
_PART_FIELDS: Final = {"Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
_ALTERNATIVES: Final = ("text/plain", "text/html")
_ONE_MAILBOX: Final = ("From", "To", "Reply-To")
_FOLD: Final = re.compile(r"\r\n[ \t]")
_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_ENCODED_WORD: Final = re.compile(rb"=\?[!->@-~]+\?[bq]\?[!->@-~]*\?=", re.IGNORECASE)
_MAX_ENCODED_WORD: Final = 75  # RFC 2047 section 2

_HTML_TAGS: Final = frozenset({
    "a", "b", "blockquote", "body", "br", "div", "em", "h1", "h2", "h3", "hr", "html", "i", "li",
    "ol", "p", "span", "strong", "table", "tbody", "td", "th", "tr", "u", "ul",
})  # fmt: skip
_HTML_ATTRIBUTES: Final = frozenset({"dir", "href", "lang", "style", "title"})
_LINK: Final = re.compile(r"(?:https:|mailto:|tel:)[!-~]+", re.IGNORECASE)
_STYLE: Final = re.compile(r"[\w\s#%.,:;-]*")  # no url(), no expression()


def faults(message: bytes) -> tuple[str, ...]:
    """What is wrong with a finished acknowledgement; empty when it may be sent. Never raises."""
    try:
        return tuple(_faults(message))
    except (MessageError, ValueError) as error:
        return (f"is not a message by strict rules: {error or type(error).__name__}",)


def html_faults(markup: str) -> tuple[str, ...]:
    """What an HTML part holds besides text and links: pictures, scripts, forms and the like are
    loaded, run or tracked. Empty when there is none."""
    reader = _HtmlReader()
    reader.feed(markup)
    reader.close()
    return tuple(dict.fromkeys(reader.faults))


def _faults(message: bytes) -> Iterator[str]:
    if len(message) > MAX_SIZE:
        yield f"has {len(message)} bytes, more than {MAX_SIZE}"
    if b"\0" in message:
        yield "has a NUL"
    if _BARE_LINE_END.search(message) or not message.endswith(b"\r\n"):
        yield "has a line that does not end in CRLF"
    if any(len(line) > MAX_LINE for line in message.split(b"\r\n")):
        yield f"has a line of more than {MAX_LINE} bytes"
    header, _, body = message.partition(b"\r\n\r\n")
    if not body.isascii():
        yield "has a body that is not 7-bit"
    if any(len(word) > _MAX_ENCODED_WORD for word in _ENCODED_WORD.findall(header)):
        yield f"has an encoded word of more than {_MAX_ENCODED_WORD} characters"
    yield from _eight_bit_fields(header)
    yield from _of_message(_parse(message))


def _eight_bit_fields(header: bytes) -> Iterator[str]:
    """RFC 6532 lets UTF-8 stand in all of them; only the customer's address has to be in it."""
    for line in header.split(b"\r\n"):
        if not line.isascii() and not line.startswith(b"To: "):
            yield "has a header field that is not ASCII"


def _parse(message: bytes) -> EmailMessage:
    """By the strict rules of `email`, which raise at the first defect."""
    if message.isascii():
        return BytesParser(EmailMessage, policy=email.policy.strict).parsebytes(message)
    return Parser(EmailMessage, policy=email.policy.strict).parsestr(message.decode())


def _of_message(message: EmailMessage) -> Iterator[str]:
    fields = [(name, _FOLD.sub(" ", value)) for name, value in message.raw_items()]
    values = dict(fields)
    for name in _NEEDED:
        if name not in values:
            yield f"lacks {name}"
    if len(values) < len(fields):
        yield "has a field more than once"
    for name, value in values.items():
        allowed = _POSSIBLE.get(name)
        if allowed is None:
            yield f"has {name}, which an acknowledgement must not have"
        elif not allowed.fullmatch(value) or (allowed is _ANY and _defects(message, name)):
            yield f"has a {name} that does not fit"
    for name in _ONE_MAILBOX:
        if name in values and len(parse_mailboxes(values[name].encode())) != 1:
            yield f"has no single mailbox in {name}"
    yield from _of_parts(message, values.get("Content-Type", ""))


def _defects(message: EmailMessage, name: str) -> bool:
    """Whether the field breaks its own grammar; RFC 6532's, where it is not ASCII."""
    return any(not isinstance(one, NonASCIILocalPartDefect) for one in message[name].defects)


def _of_parts(message: EmailMessage, content_type: str) -> Iterator[str]:
    if not content_type.startswith("multipart/alternative;"):
        yield from _of_part(message, "text/plain", content_type)
        return
    parts = [part for part in message.iter_parts() if isinstance(part, EmailMessage)]
    if len(parts) != len(_ALTERNATIVES):
        yield "has other alternatives than text and HTML"
    for part, kind in zip(parts, _ALTERNATIVES, strict=False):
        fields = {name: str(value) for name, value in part.items()}
        if not fields.keys() <= _PART_FIELDS:
            yield "has a part with fields of its own"
        if fields.get("Content-Transfer-Encoding") != "quoted-printable":
            yield "has a part that is not quoted-printable"
        yield from _of_part(part, kind, fields.get("Content-Type", ""))


def _of_part(part: EmailMessage, kind: str, content_type: str) -> Iterator[str]:
    if content_type != f'{kind}; charset="utf-8"':
        yield f"has {content_type or 'a part of no type'} where {kind} in UTF-8 belongs"
        return
    content = part.get_payload(decode=True)
    text = content.decode() if isinstance(content, bytes) else ""
    if not text.strip():
        yield "has an empty part"
    if kind == "text/html":
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
