"""Header fields as they go on the wire.

The folding of `email` is not used: CPython 3.11 to 3.13 wraps every word of more than 78 characters
into encoded words, long Message-IDs in References: among them; no mail program threads by those.
What is put into a message here is final, and is only broken at its blanks.
"""

import re
from collections.abc import Sequence
from email.header import Header
from typing import Final

from mailtriage.acks.domains import to_ascii

MAX_ID: Final = 250
"""Characters of a Message-ID that is repeated; helpdesks keep 255."""
MAX_REFERENCES: Final = 20
"""Message-IDs of a conversation that are repeated, besides the one that began it."""
MAX_REFERENCES_SIZE: Final = 2000
"""Characters of them all: the whole message stays below 8 KiB."""

_LINE: Final = 76  # RFC 2047 section 2 for lines with encoded words; RFC 5322 would like 78

# RFC 5322 section 3.6.4 without comments, blanks and its ban of a second "@", which some programs
# write. "=?" would be taken for an encoded word.
_MESSAGE_ID: Final = re.compile(r"<(?!.*=\?)[!-;=?-~]+@[!-;=?-~]+>")
_SINGLE_BLANK: Final = re.compile(r"(?<! ) (?! )")  # two in a quoted local part must stay two
_ATOM: Final = r'[^\s"(),:;<>@\[\\\].]+'
_DOT_ATOM: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_MAX_LOCAL_PART: Final = 256  # RFC 5321 allows 64; bounce addresses are often longer
_DOMAIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,251}[a-z0-9])?")
_UTF8_DOMAIN: Final = re.compile(r"\w(?:[\w.-]{0,251}\w)?")
_PLAIN_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # RFC 5322: atoms


def field(name: str, value: str) -> bytes:
    """A header field with its line end, broken at its blanks into lines of 76 characters, if it has
    blanks; UTF-8 where an address is (RFC 6532).

    Raises ValueError for a value that could not stand in one field.
    """
    if not value.strip() or not value.isprintable():
        raise ValueError(f"{name} is empty, or has characters that cannot be printed")
    if len(name) + 2 + len(value) <= _LINE:
        return f"{name}: {value}\r\n".encode()
    first, *words = _SINGLE_BLANK.split(value)
    lines = [f"{name}: {first}"]  # a line of nothing but the name irritates some parsers
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= _LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return ("\r\n".join(lines) + "\r\n").encode()


def unstructured(value: str, name: str) -> str:
    """The value of an unstructured field of that name, in encoded words when it is not ASCII."""
    if value.isascii() and "=?" not in value:
        return value
    encoded = Header(value, "utf-8", maxlinelen=_LINE, header_name=name).encode(linesep="\n")
    return encoded.replace("\n", "")


def mailbox_value(name: str, address: str) -> str:
    """A display name (may be empty) and what `addr_spec` has made."""
    if not name:
        return address
    if not name.isascii() or "=?" in name:
        # Header writes no character that RFC 2047 section 5 (3) forbids in a phrase.
        return f"{unstructured(name, 'From')} <{address}>"
    phrase = name if _PLAIN_PHRASE.fullmatch(name) else _quoted(name)
    return f"{phrase} <{address}>"


def addr_spec(raw: str) -> str:
    """An address of an envelope as an addr-spec (RFC 5322 section 3.4.1).

    The domain in A-labels, unless the local part needs RFC 6532 in any case; the local part quoted
    when it is no dot-atom ("john..doe", which some providers give out). Raises ValueError for what
    cannot be one mailbox.
    """
    local, at, domain = raw.rpartition("@")
    if len(local) > 2 and local.startswith('"') and local.endswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    domain = to_ascii(domain) if local.isascii() else domain.lower()
    fits = (_DOMAIN if local.isascii() else _UTF8_DOMAIN).fullmatch(domain)
    if not at or not fits or not 1 <= len(local) <= _MAX_LOCAL_PART or not local.isprintable():
        raise ValueError("not an address that a mail can be sent to")
    return f"{local if _DOT_ATOM.fullmatch(local) else _quoted(local)}@{domain}"


def usable_id(raw: str) -> str:
    """A Message-ID as it came, when it is one that can be repeated; else empty."""
    return raw if len(raw) <= MAX_ID and _MESSAGE_ID.fullmatch(raw) else ""


def references_value(earlier: Sequence[str], parent: str) -> str:
    """References: of an answer (RFC 5322 section 3.6.4): those of the mail answered, then itself.

    Of a long conversation the first and the last twenty stay, fewer when they are very long: the
    one that began it, and those that a mail program still has.
    """
    ids = list(dict.fromkeys(filter(None, map(usable_id, (*earlier, parent)))))
    if parent and parent in ids:
        ids.remove(parent)
        ids.append(parent)
    if not ids:
        return ""
    first, later = ids[0], ids[1:]
    kept: list[str] = []
    room = MAX_REFERENCES_SIZE - len(first)
    for one in reversed(later[-MAX_REFERENCES:]):
        room -= len(one) + 1
        if room < 0:
            break
        kept.append(one)
    return " ".join((first, *reversed(kept)))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
