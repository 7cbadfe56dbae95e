"""Carry out header edits on a message held as bytes.

The milter door has Postfix do this; here it is done by ourselves, for the SMTP door, `explain`, the
demo and the tests, and by Postfix's own rules (global/is_header.c, global/mime_state.c), so that
both doors hand on the same mail:

* a header field is printable ASCII other than ":", then optional blanks, then ":", so "X-Foo : v"
  is an X-Foo; lines that begin with a blank belong to the field above;
* the header block ends at the first line that is no header field, empty or not;
* a mailbox line ("From " or ">From ") may stand before it all, and stays first: Postfix takes it
  for one only there, and for the start of the body anywhere else.
"""

import re
from typing import NamedTuple

from mailtriage.tags.model import Edits

_FIELD_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
_MAILBOX_LINE = re.compile(rb">*From [^\n]*\n")


class _Field(NamedTuple):
    """Where one header field stands in the message, folded lines and last line end included."""

    name: bytes
    start: int
    end: int


def apply_edits(raw: bytes, edits: Edits) -> bytes:
    """The message after its edits; everything that no edit names stays byte for byte.

    `raw` is a whole message with CRLF or LF line ends, or what came in its place: broken, cut off
    or empty. Deletions are carried out first, in their order and as a milter's smfi_chgheader
    counts (deleting a field shifts those of its name below it); one that names no field does
    nothing. Then the insertions go to the top, with the line end that the message itself uses.
    Where the message has no header block, an empty line sets them off from its body. Never raises.
    """
    top = _after_mailbox_line(raw)
    fields, end = _header_block(raw, top)
    newline = _line_end(raw)

    kept = []
    position = top
    for field in _deleted(fields, edits):
        kept.append(raw[position : field.start])
        position = field.end
    kept.append(raw[position:])

    inserted = b"".join(_field(name, value) + newline for name, value in edits.insert)
    if inserted and not fields and raw[end:] and not _is_empty_line(raw, end):
        # Without it the first line of the body would be read as a header, or as a folded one.
        inserted += newline
    return b"".join((raw[:top], inserted, *kept))


def header_names(raw: bytes) -> list[str]:
    """The names of all header fields, in their order."""
    fields, _ = _header_block(raw, _after_mailbox_line(raw))
    return [field.name.decode("ascii") for field in fields]


def header_end(raw: bytes) -> int:
    """Offset of the first byte after the header block: the empty line, or the body without one."""
    return _header_block(raw, _after_mailbox_line(raw))[1]


def _header_block(raw: bytes, position: int) -> tuple[list[_Field], int]:
    fields: list[_Field] = []
    while position < len(raw):
        line_end = raw.find(b"\n", position) + 1 or len(raw)
        if fields and raw[position] in b" \t":
            fields[-1] = fields[-1]._replace(end=line_end)
        elif match := _FIELD_NAME.match(raw, position, line_end):
            fields.append(_Field(match[1].lower(), position, line_end))
        else:
            break
        position = line_end
    return fields, position


def _deleted(fields: list[_Field], edits: Edits) -> list[_Field]:
    """The fields that go, in the order in which they stand."""
    left: dict[bytes, list[_Field]] = {}
    for field in fields:
        left.setdefault(field.name, []).append(field)
    gone = []
    for deletion in edits.delete:
        same_name = left.get(deletion.name.lower().encode("ascii", "replace"), [])
        if 1 <= deletion.index <= len(same_name):
            gone.append(same_name.pop(deletion.index - 1))
    return sorted(gone, key=lambda field: field.start)


def _field(name: str, value: str) -> bytes:
    # Checked where they are made; yet a line end that got through would forge a header.
    line = f"{name}: {value}".replace("\r", " ").replace("\n", " ")
    return line.encode("ascii", "replace")


def _after_mailbox_line(raw: bytes) -> int:
    match = _MAILBOX_LINE.match(raw)
    return match.end() if match else 0


def _line_end(raw: bytes) -> bytes:
    first = raw.find(b"\n")
    return b"\n" if first == 0 or (first > 0 and raw[first - 1] != ord("\r")) else b"\r\n"


def _is_empty_line(raw: bytes, position: int) -> bool:
    # Postfix drops every CR before the LF of a line that it receives, not only one.
    return raw[position : raw.find(b"\n", position) + 1 or len(raw)].strip(b"\r\n") == b""
