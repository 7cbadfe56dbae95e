"""The door of this room: milter callbacks or the bytes of a message in, a `Mail` out."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Final

from mailtriage.mail.address import first_mailbox, message_ids, thread_ids
from mailtriage.mail.fields import skip_mbox_line, split_fields
from mailtriage.mail.model import (
    Client,
    Envelope,
    Headers,
    Limits,
    Mail,
    MailStatus,
)
from mailtriage.mail.parts import read_body

_DEFAULT_LIMITS: Final = Limits()
_NOBODY: Final = Envelope()
_UNKNOWN: Final = Client()
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")


def read_mail(
    headers: Sequence[tuple[str, bytes]],
    body: bytes,
    *,
    envelope: Envelope = _NOBODY,
    client: Client = _UNKNOWN,
    queue_id: str = "",
    limits: Limits = _DEFAULT_LIMITS,
    body_complete: bool = True,
) -> Mail:
    """The mail that a milter was handed in pieces. Never raises, whatever the bytes are.

    headers: name (8-bit bytes as surrogate escapes) and raw field body of each, in order; one blank
    before the body and CRLF in folds are both fine. body: its first bytes, or all of them;
    `body_complete` is False when the caller stopped early. Only `limits.max_scan_bytes` of it are
    looked at.
    """
    fields, defects = _bounded(headers, limits)
    return _read(fields, body, envelope, client, queue_id, limits, body_complete, defects)


def read_message(
    raw: bytes,
    *,
    envelope: Envelope = _NOBODY,
    client: Client = _UNKNOWN,
    queue_id: str = "",
    limits: Limits = _DEFAULT_LIMITS,
    body_complete: bool = True,
) -> Mail:
    """The mail in the bytes of a whole message, as in an .eml file. Never raises.

    The header ends where Postfix ends it: at a blank line or at the first line that is no field. A
    "From " line of an mbox on top is skipped.
    """
    try:
        pairs, body_start, defects = _split(raw, limits)
    except Exception:  # noqa: BLE001 - a mail is never refused because of us
        pairs, body_start, defects = [], 0, ["bug"]
    fields, more_defects = _bounded(pairs, limits)
    body_end = body_start + limits.max_scan_bytes
    complete = body_complete and len(raw) <= body_end
    body = raw[body_start:body_end]
    return _read(fields, body, envelope, client, queue_id, limits, complete, defects + more_defects)


def _split(raw: bytes, limits: Limits) -> tuple[list[tuple[str, bytes]], int, list[str]]:
    """Header fields, where the body begins, and what was wrong."""
    defects: list[str] = []
    if raw.find(b"\n", 0, limits.max_header_bytes) < 0 <= raw.find(b"\r", 0, 2000):
        # Same length, so that what is found here stands there in the original, too.
        raw = raw[: limits.max_header_bytes + limits.max_scan_bytes].replace(b"\r", b"\n")
        defects.append("bare-cr")
    fields, body_start, blank_line = split_fields(
        raw, skip_mbox_line(raw), min(len(raw), limits.max_header_bytes)
    )
    if body_start >= limits.max_header_bytes and len(raw) > body_start:
        # The header is longer than we read. What is behind it, if that is near, is still the body.
        defects.append("header-size")
        blank = _BLANK_LINE.search(raw, body_start - 2, body_start + limits.max_scan_bytes)
        body_start = blank.end() if blank else len(raw)
    elif not blank_line:
        defects.append("no-blank-line")
    return [(name.decode("ascii"), value) for name, value in fields], body_start, defects


def _bounded(
    pairs: Sequence[tuple[str, bytes]], limits: Limits
) -> tuple[Sequence[tuple[str, bytes]], list[str]]:
    """The fields within the limits on number and size."""
    size = sum(map(len, chain.from_iterable(pairs)))
    if len(pairs) <= limits.max_headers and size <= limits.max_header_bytes:
        return pairs, []
    room = limits.max_header_bytes
    for count, (name, body) in enumerate(pairs):
        room -= len(name) + len(body)
        if room < 0 or count >= limits.max_headers:
            return pairs[:count], ["header-size"]
    return pairs, []


def _as_raw(body: bytes) -> bytes:
    """A field body without the blank that a milter sees before it, and without CRs in its folds."""
    if body[:1] in (b" ", b"\t"):
        body = body[1:]
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"") if b"\r" in body else body


def _read(
    fields: Sequence[tuple[str, bytes]],
    body: bytes,
    envelope: Envelope,
    client: Client,
    queue_id: str,
    limits: Limits,
    body_complete: bool,
    defects: list[str],
) -> Mail:
    headers = Headers(fields, as_raw=_as_raw)
    try:
        return _understand(
            headers, body, envelope, client, queue_id, limits, body_complete, defects
        )
    except Exception:  # noqa: BLE001 - a mail is never refused because of us
        return Mail(
            headers=headers,
            envelope=envelope,
            client=client,
            queue_id=queue_id,
            body_bytes=min(len(body), limits.max_scan_bytes),
            truncated=not body_complete or len(body) > limits.max_scan_bytes,
            status=MailStatus.UNREAD,
            defects=tuple(dict.fromkeys((*defects, "bug"))),
        )


def _understand(
    headers: Headers,
    body: bytes,
    envelope: Envelope,
    client: Client,
    queue_id: str,
    limits: Limits,
    body_complete: bool,
    defects: list[str],
) -> Mail:
    truncated = not body_complete or len(body) > limits.max_scan_bytes
    scanned = body[: limits.max_scan_bytes]  # no copy when it is all of it
    content = read_body(
        scanned,
        limits,
        content_type=headers.raw("content-type"),
        encoding=headers.raw("content-transfer-encoding"),
        disposition=headers.raw("content-disposition"),
        complete=not truncated,
    )
    sender = first_mailbox(headers.raw("from"))
    own_id = message_ids(headers.raw("message-id"))
    readable = bool(content.text.strip())
    return Mail(
        headers=headers,
        envelope=envelope,
        client=client,
        queue_id=queue_id,
        subject=headers.first("subject"),
        from_address=sender.address,
        from_name=sender.name,
        message_id=own_id[0] if own_id else "",
        references=thread_ids(
            [header.raw for header in headers.fields("references")],
            [header.raw for header in headers.fields("in-reply-to")],
        ),
        text=content.text,
        attachments=content.attachments,
        body_bytes=len(scanned),
        truncated=truncated,
        encrypted=content.encrypted,
        status=MailStatus.OK if readable else MailStatus.UNREAD,
        defects=tuple(dict.fromkeys((*defects, *content.defects))),
    )
