"""Mailboxes and Message-IDs out of header fields (RFC 5322 §3.4 and §3.6.4).

`email.utils.parseaddr` answers `("", "")` for much of what real mailers write and has given other
addresses than MTAs see in odd quoted strings and comments. This scanner takes what is there, first
come first served, in one pass.
"""

import re
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from mailtriage.mail.words import decode_words, plain_words

_MAX_BYTES: Final = 64 * 1024
_MAX_MAILBOXES: Final = 200
_MAX_ADDRESS: Final = 320  # RFC 3696 §3: 64 + 1 + 255
_MAX_REFERENCES: Final = 64
_MAX_ID: Final = 998  # RFC 5322 §2.1.1: the longest line


class Mailbox(NamedTuple):
    """One mailbox of an address field."""

    name: str
    """Display name, RFC 2047 decoded, without quotes; empty when there is none."""
    address: str
    """addr-spec in lower case; a non-ASCII domain is left as it is."""


# The shape of nearly every From: field: an optional name without specials, and an angle address.
_COMMON: Final = re.compile(
    rb'[ \t\r\n]*+(?:"([^"\\\r\n]*+)"|([^"\\()<>@,:;]*+))[ \t\r\n]*+'
    rb'<([^\x00- "\\()<>,:;\x7f]{1,300})>[ \t\r\n]*+'
)
_TOKEN: Final = re.compile(
    rb'"((?:[^"\\]|\\.)*+)"?'  # 1: quoted string
    rb"|<([^<>]*+)>?"  # 2: angle address
    rb"|([,;:(])"  # 3: what has a meaning of its own
    rb'|([^"<,;:(]++)',  # 4: anything else
    re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(rb"\\.|[()]", re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)
_ADDRESS: Final = re.compile(r'(?:"[^"]{1,64}"|[^\s"<>(),;:@]{1,256})@[^\s"<>(),;@]{1,255}')
_FOLDS: Final = re.compile(r"[ \t\r\n]+")
_MESSAGE_ID: Final = re.compile(rb"<([^<>]{1,998})>")


@lru_cache(maxsize=16)  # a dozen rules ask for the same two or three fields of a mail
def parse_mailboxes(raw: bytes) -> tuple[Mailbox, ...]:
    """Every mailbox of a From:, Reply-To: or To: field body, in order; groups are flattened.

    raw: the field body as bytes, folded or not. What has no "@" is left out. Never raises; looks at
    the first 64 KB and gives at most 200 mailboxes.
    """
    common = _COMMON.fullmatch(raw)
    if common is not None:
        found = _mailbox(common[1] or common[2] or b"", common[3])
        return (found,) if found else ()
    return tuple(_scan(raw[:_MAX_BYTES]))


def first_mailbox(raw: bytes) -> Mailbox:
    """The first mailbox of an address field; both fields are empty when there is none."""
    found = parse_mailboxes(raw)
    return found[0] if found else Mailbox("", "")


def message_ids(raw: bytes) -> tuple[str, ...]:
    """Message-IDs of a References:, In-Reply-To: or Message-ID: field body, each with its brackets.

    Blanks inside an id, which come from folding, are taken out (RFC 5322 §4.5.4). When there are no
    brackets at all, bare words with an "@" count.
    """
    raw = raw[:_MAX_BYTES]
    found = _MESSAGE_ID.findall(raw)
    if not found and b"<" not in raw:
        found = [word for word in raw.split() if b"@" in word and len(word) <= _MAX_ID]
    ids: list[str] = []
    for item in found:
        text = b"".join(item.split()).decode("utf-8", "replace")
        if text and text.isprintable():
            ids.append(f"<{text}>")
    return tuple(ids)


def thread_ids(references: list[bytes], in_reply_to: list[bytes]) -> tuple[str, ...]:
    """Ids of References: then In-Reply-To:, each once, oldest first, at most 64.

    Of a longer thread the first id and the last 63 are kept: the one that began it, and those that
    a helpdesk still knows.
    """
    if not references and not in_reply_to:
        return ()
    seen = dict.fromkeys(chain.from_iterable(map(message_ids, (*references, *in_reply_to))))
    ids = tuple(seen)
    if len(ids) > _MAX_REFERENCES:
        return (ids[0], *ids[-(_MAX_REFERENCES - 1) :])
    return ids


def _scan(raw: bytes) -> list[Mailbox]:
    found: list[Mailbox] = []
    phrase: list[bytes] = []  # words before the angle address, or a bare address
    comments: list[bytes] = []
    angle: bytes | None = None
    position = 0
    while position < len(raw) and len(found) < _MAX_MAILBOXES:
        token = _TOKEN.match(raw, position)
        if token is None:
            break
        position = token.end()
        special = token[3]
        if token[1] is not None:
            # A quoted local part ("a b"@example.com) must keep its quotes to be an address.
            phrase.append(token[0] if raw[position : position + 1] == b"@" else token[1])
        elif token[2] is not None:
            angle = token[2] if angle is None else angle
        elif special == b"(":
            start = position
            position = _comment_end(raw, position)
            comments.append(raw[start : position - 1])
        elif special == b":":
            # The end of a group's name. Within an address ("a:b@c") it is the sender's mistake.
            phrase.clear()
        elif special is not None:
            _add(found, phrase, comments, angle)
            phrase, comments, angle = [], [], None
        elif angle is None:
            phrase.append(token[4])
    if len(found) < _MAX_MAILBOXES:
        _add(found, phrase, comments, angle)
    return found


def _comment_end(raw: bytes, position: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(raw, position):
        if edge[0] == b"(":
            depth += 1
        elif edge[0] == b")":
            depth -= 1
            if depth == 0:
                return edge.end()
    return len(raw) + 1


def _add(
    found: list[Mailbox], phrase: list[bytes], comments: list[bytes], angle: bytes | None
) -> None:
    name = b" ".join(phrase)
    if angle is None:
        # A bare address, perhaps with the name in a comment (RFC 5322 §4.4), perhaps among words.
        before, angle = _bare_address(b"".join(phrase))
        name = before or b" ".join(comments)
    elif not name.strip():
        name = b" ".join(comments)
    mailbox = _mailbox(name, angle)
    if mailbox is not None:
        found.append(mailbox)


def _bare_address(words: bytes) -> tuple[bytes, bytes]:
    """What stands before the first word with an "@", and that word; both empty without one."""
    at = words.find(b"@")
    local = words[max(0, at - _MAX_ADDRESS) : at]
    domain = words[at + 1 : at + _MAX_ADDRESS].split(None, 1)
    if at < 1 or not domain or local[-1:].isspace():
        return b"", b""
    quoted = local.endswith(b'"')
    local = local[local.rfind(b'"', 0, -1) :] if quoted else local.split()[-1]
    return words[: at - len(local)].strip(), local + b"@" + domain[0]


def _mailbox(name: bytes, address: bytes) -> Mailbox | None:
    # Encoded words have no meaning here (RFC 2047 §5), and an address must not hide in one.
    text = plain_words(address).strip()
    if (" " in text or not text.isprintable()) and not text.startswith('"'):
        text = _FOLDS.sub("", text)
    if text.startswith("@") and ":" in text:  # RFC 5322 §4.4: a source route
        text = text.rsplit(":", 1)[1]
    if len(text) > _MAX_ADDRESS or not text.isprintable() or _ADDRESS.fullmatch(text) is None:
        return None
    if b"\\" in name:
        name = _QUOTED_PAIR.sub(rb"\1", name)
    shown = " ".join(decode_words(name).split())
    if len(shown) >= 2 and shown[0] == shown[-1] and shown[0] in "'\"":
        shown = shown[1:-1].strip()
    return Mailbox(shown[:_MAX_ADDRESS], text.lower())
