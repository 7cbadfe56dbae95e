"""The acknowledgement as a message: from an order, the same bytes every time.

The rules J of docs/acknowledgements.md say what is in it, and why. The envelope (null reverse-path,
NOTIFY=NEVER) is the affair of who sends it.
"""

import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from zoneinfo import ZoneInfo

import jinja2

from mailtriage.acks.fields import (
    addr_spec,
    field,
    mailbox_value,
    references_value,
    unstructured,
    usable_id,
)
from mailtriage.acks.lint import faults
from mailtriage.acks.order import KbLink, Order
from mailtriage.acks.promise import config_calendar
from mailtriage.acks.subject import one_line, subject_line
from mailtriage.acks.templates import Text, Texts
from mailtriage.acks.tokens import Tokens
from mailtriage.acks.wording import moment
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.sections import Config
from mailtriage.mail.domains import spellings

__all__ = ["RIGHT_TO_LEFT", "ComposeError", "KbLink", "Order", "compose", "entity"]

_MIME_VERSION: Final = b"MIME-Version: 1.0\r\n"
_ENCODING: Final = b"Content-Transfer-Encoding: quoted-printable\r\n"
_BETWEEN: Final = "\n* * *\n\n"
RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur", "yi"})
_LINK: Final = re.compile(r"https://[!-~]{1,300}")
_MAX_TITLE: Final = 200
_MAX_QUOTE: Final = 300  # characters


class ComposeError(Exception):
    """No acknowledgement can be made of an order. The message quotes nothing of the customer's."""


def compose(order: Order, config: Config, texts: Texts, tokens: Tokens, now: float) -> bytes:
    """The finished message: CRLF, 7-bit (but for a To: that needs RFC 6532), at most 8 KiB.

    `now`: when it is made, in seconds since the epoch. Raises ComposeError for a mailbox that is
    not configured or has no address to write from, an address that cannot be written to, and
    whatever `lint` finds.
    """
    mailbox = next(
        (one for one in config.mailboxes.mailboxes if one.address == order.mailbox), None
    )
    if mailbox is None:
        raise ComposeError(f"{order.mailbox} is no mailbox of the configuration")
    chosen = texts.choose(order.language, config.ack.fallback_languages)
    zone = ZoneInfo(config_calendar(config, mailbox).timezone)
    try:
        head = list(
            _head(order, config, mailbox, chosen[0], tokens, datetime.fromtimestamp(now, zone))
        )
        for languages, kb, html in _attempts(order, chosen):
            parts = [(text, _values(order, mailbox, text, kb, zone, tokens)) for text in languages]
            message = _message(head, parts, order.key, html=html)
            wrong = faults(message)
            if not wrong:
                return message
    except (ValueError, OverflowError, OSError, jinja2.TemplateError) as error:
        raise ComposeError(str(error)) from error
    raise ComposeError(f"the message {'; '.join(wrong)}")


def _attempts(
    order: Order, chosen: tuple[Text, ...]
) -> Iterator[tuple[tuple[Text, ...], KbLink | None, bool]]:
    """What to put in, the best first: what `lint` finds fault with, such as more than 8 KiB, loses
    its extras, not its text."""
    kb = None if order.generic else _clean_link(order.kb)
    yield chosen, kb, True
    yield chosen, kb, False
    yield chosen, None, False
    yield chosen[:1], None, False


def _clean_link(kb: KbLink | None) -> KbLink | None:
    if kb is None or not _LINK.fullmatch(kb.url) or not one_line(kb.title):
        return None
    return KbLink(one_line(kb.title)[:_MAX_TITLE], kb.url, one_line(kb.quote)[:_MAX_QUOTE])


def _values(
    order: Order,
    mailbox: Mailbox,
    text: Text,
    kb: KbLink | None,
    zone: ZoneInfo,
    tokens: Tokens,
) -> dict[str, object]:
    """What a template may use: `template_language.NAMES`."""
    return {
        "received": moment(order.received, zone, text.language),
        "by": moment(order.by, zone, text.language) if order.by else "",
        "reference": tokens.reference(order.key),
        # For people, in the letters that they know.
        "desk": one_line(mailbox.name) or spellings(mailbox.from_address)[-1],
        "opening": order.opening,
        "opens": moment(order.opens, zone, text.language) if order.opens else "",
        "busy": order.busy,
        "late": order.late,
        "generic": bool(order.generic),
        "kb": kb,
        "urgent": one_line(mailbox.urgent),
        "privacy": mailbox.privacy,
    }


def _head(
    order: Order, config: Config, mailbox: Mailbox, text: Text, tokens: Tokens, date: datetime
) -> Iterator[tuple[str, str]]:
    """Name and value of each field but those of the content."""
    sender = addr_spec(mailbox.from_address)
    if "*" in sender or not sender.isascii():
        raise ValueError(f"{mailbox.address} needs a key from: {sender} cannot send mail")
    subject = subject_line(
        "" if order.generic else order.subject,
        style=mailbox.subject_style,
        marker=text.subject_marker,
        fixed=text.subject,
        ticket=order.ticket,
    )
    parent = usable_id(order.message_id)
    references = references_value(order.references, parent)
    yield "From", mailbox_value(one_line(mailbox.name), sender)
    if mailbox.reply_to not in {"", mailbox.from_address}:
        yield "Reply-To", addr_spec(mailbox.reply_to)
    yield "To", addr_spec(order.to)
    yield "Subject", unstructured(subject, "Subject")
    yield "Date", format_datetime(date)
    yield "Message-ID", tokens.ack_message_id(order.key, sender.rpartition("@")[2])
    if parent:
        yield "In-Reply-To", parent
    if references:
        yield "References", references
    yield "Auto-Submitted", "auto-replied"
    yield "X-Auto-Response-Suppress", "All"
    if config.ack.precedence == "bulk":
        yield "Precedence", "bulk"
    yield "X-Mailtriage-Loop", tokens.loop_mark(order.key)
    yield "X-Mailtriage-Ref", tokens.reference(order.key)


def _message(
    head: Sequence[tuple[str, str]],
    parts: Sequence[tuple[Text, Mapping[str, object]]],
    key: bytes,
    *,
    html: bool,
) -> bytes:
    plain = _BETWEEN.join(text.plain(values) for text, values in parts)
    markup = _markup(parts) if html else ""
    kind, content = entity("plain", plain)
    if markup:
        # "=_" stands in no quoted-printable text, so that no part can hold its own end.
        boundary = f"=_{key.hex()}"
        edge = f"--{boundary}".encode()
        both = (b"\r\n".join(one) for one in ((kind, content), entity("html", markup)))
        content = b"".join(edge + b"\r\n" + part + b"\r\n" for part in both) + edge + b"--\r\n"
        kind = field("Content-Type", f'multipart/alternative; boundary="{boundary}"')
    languages = field("Content-Language", ", ".join(text.language for text, _ in parts))
    fields = b"".join(field(name, value) for name, value in head)
    return b"".join((fields, kind, _MIME_VERSION, languages, b"\r\n", content))


def entity(subtype: str, text: str) -> tuple[bytes, bytes]:
    """The MIME fields of a text and its content, both with the end of their last line."""
    lines = b"".join(line + b"\r\n" for line in text.encode().splitlines())
    fields = field("Content-Type", f'text/{subtype}; charset="utf-8"') + _ENCODING
    return fields, binascii.b2a_qp(lines)


def _markup(parts: Sequence[tuple[Text, Mapping[str, object]]]) -> str:
    """A whole HTML document; empty when one of the languages has none."""
    if any(text.html is None for text, _ in parts):
        return ""
    divisions = [
        f"<div {_language_of(text)}>\n{text.markup(values)}</div>\n" for text, values in parts
    ]
    start = f"<!DOCTYPE html>\n<html {_language_of(parts[0][0])}>\n<body>\n"
    return start + "<hr>\n".join(divisions) + "</body>\n</html>\n"


def _language_of(text: Text) -> str:
    direction = "rtl" if text.language in RIGHT_TO_LEFT else "ltr"
    return f'lang="{text.language}" dir="{direction}"'
