"""The mails that are attached to a mail: their headers, as far as a copy has them.

Only what is attached to this mail, not what is attached to that: a multipart is looked into, a
message is not. Bounded in depth, parts and size; each level is read once, by a search for its
boundary.
"""

import binascii
import re
from collections.abc import Iterator
from typing import Final

from mailtriage.mail.fields import MimeField, file_name, parse_mime_field, split_fields

MOST_MESSAGES: Final = 50
_MOST_PARTS: Final = 200
_DEEPEST: Final = 4
_MOST_HEADER: Final = 256 * 1024
_MOST_BOUNDARY: Final = 200  # RFC 2046 section 5.1.1 says 70
_MOST_BLANKS: Final = 200
"""Octets behind a boundary in its line."""
_MESSAGES: Final = ("message/rfc822", "message/global")  # RFC 2046 section 5.2.1, RFC 6532
_NO_FIELD: Final = MimeField()
_BASE64_LINE: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}")

Fields = tuple[tuple[bytes, bytes], ...]
"""Name and body of each header field, top first."""


def attached_headers(content_type: bytes, body: bytes) -> Iterator[Fields]:
    """The header of each attached mail, in their order, MOST_MESSAGES at most. Never raises.

    `content_type`: of the mail whose body this is.
    """
    walk = _Walk(body)
    yield from walk.part(0, len(body), parse_mime_field(content_type), _NO_FIELD, b"", 0)


class _Walk:
    """One walk through one body."""

    def __init__(self, body: bytes) -> None:
        self._body: Final = body
        self._parts = 0
        self._messages = 0

    def part(
        self,
        start: int,
        end: int,
        kind: MimeField,
        disposition: MimeField,
        encoding: bytes,
        depth: int,
    ) -> Iterator[Fields]:
        """The headers of the mails in one part."""
        if kind.value.startswith("multipart/"):
            if depth < _DEEPEST:
                default = MimeField("message/rfc822") if kind.value == "multipart/digest" else None
                yield from self._children(start, end, kind, default, depth)
        elif kind.value in _MESSAGES or file_name(disposition, kind).lower().endswith(".eml"):
            self._messages += 1
            yield self._header(start, end, encoding)

    def _children(
        self, start: int, end: int, kind: MimeField, default: MimeField | None, depth: int
    ) -> Iterator[Fields]:
        mark = kind.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
        if not mark or len(mark) > _MOST_BOUNDARY:
            return
        for begin, stop in self._between(start, end, b"--" + mark):
            self._parts += 1
            if self._parts > _MOST_PARTS or self._messages >= MOST_MESSAGES:
                return
            fields, body_at, _ = split_fields(self._body, begin, min(stop, begin + _MOST_HEADER))
            named = {name.lower(): value for name, value in reversed(fields)}
            written = named.get(b"content-type")
            found = parse_mime_field(written) if written else default or MimeField("text/plain")
            disposition = parse_mime_field(named.get(b"content-disposition", b""))
            encoding = named.get(b"content-transfer-encoding", b"").strip().lower()
            yield from self.part(body_at, stop, found, disposition, encoding, depth + 1)

    def _between(self, start: int, end: int, delimiter: bytes) -> Iterator[tuple[int, int]]:
        """Where the parts begin and end; a line that only begins like the boundary is none."""
        body = self._body
        inside = -1
        position = (
            start if body.startswith(delimiter, start, end) else self._next(start, delimiter, end)
        )
        while position >= 0:
            after = position + len(delimiter)
            # Not to the end of a line that is as long as the mail, once for each boundary in it.
            line_end = body.find(b"\n", after, min(end, after + _MOST_BLANKS))
            stop = line_end if line_end >= 0 else min(end, after + _MOST_BLANKS)
            rest = body[after:stop].rstrip()
            if rest in (b"", b"--") and (line_end >= 0 or stop == end):
                if inside >= 0:
                    yield inside, max(inside, position - 1)
                inside = -1 if rest else min(stop + 1, end)
            position = self._next(after, delimiter, end)
        if inside >= 0:
            yield inside, end

    def _next(self, start: int, delimiter: bytes, end: int) -> int:
        """Where the delimiter next begins a line; -1: nowhere."""
        found = self._body.find(b"\n" + delimiter, start, end)
        return found + 1 if found >= 0 else -1

    def _header(self, start: int, end: int, encoding: bytes) -> Fields:
        content = self._body[start : min(end, start + _MOST_HEADER)]
        if encoding == b"base64":  # forbidden for messages (RFC 2046 section 5.2.1), and met
            content = _decoded(content)
        return tuple(split_fields(content)[0])


def _decoded(content: bytes) -> bytes:
    """Base64 up to the first line that is none; what is damaged is left out."""
    lines = []
    for line in content.split():
        if not _BASE64_LINE.fullmatch(line):
            break
        lines.append(line)
    joined = b"".join(lines)
    try:
        return binascii.a2b_base64(joined[: len(joined) // 4 * 4])
    except binascii.Error:
        return b""
