"""Which fields of a header our own servers wrote.

Each server writes its Received: on top of what it got (RFC 5321 section 4.4), so that all that
stands above the first Received: of a stranger was written on our side, by servers of ours or by
milters that came before us, and anything below it by anybody. Postfix hides its own newest
Received: from milters: the header of a fresh mail begins with what earlier milters put there.
"""

import re
from typing import Final

from mailtriage.config.sections import AuthenticationConfig
from mailtriage.mail.model import Headers

_MAX_RECEIVED: Final = 4096
"""Bytes; a longer Received: is a stranger's."""
_COMMENT_EDGE: Final = re.compile(r"\\.|[()]", re.DOTALL)
# RFC 5321 section 4.4, Time-stamp-line. A client may call itself "x by mx.desk.example": where "by"
# is there twice nobody knows which of them the server wrote.
_BY: Final = re.compile(r"(?:from [^ ]+ )?by ([^ ]+)(?: .*)?", re.IGNORECASE)


def own_part(headers: Headers, config: AuthenticationConfig) -> int:
    """How many fields, from the top, stand above the first Received: of a stranger.

    A server is ours when the name behind `by` is among own_hosts or trusted_authserv_ids.
    """
    ours = {*config.own_hosts, *config.trusted_authserv_ids}
    for index, header in enumerate(headers):
        if header.name.lower() == "received" and received_by(header.raw) not in ours:
            return index
    return len(headers)


def received_by(raw: bytes) -> str:
    """The server that wrote a Received: field, in lower case; empty when it does not say."""
    if len(raw) > _MAX_RECEIVED:
        return ""
    words = without_comments(raw.decode("latin-1")).partition(";")[0].split()
    match = _BY.fullmatch(" ".join(words))
    once = [word.lower() for word in words].count("by") == 1
    return match[1].rstrip(".").lower() if match and once else ""


def without_comments(text: str) -> str:
    """`text` with a blank for each comment (RFC 5322 section 3.2.2), nested or not.

    A comment that nobody closes reaches to the end. Quotes are not looked at: fields that may hold
    quoted strings are another matter.
    """
    if "(" not in text:
        return text
    kept: list[str] = []
    depth = start = 0
    for edge in _COMMENT_EDGE.finditer(text):
        if edge[0] == "(":
            if depth == 0:
                kept.append(text[start : edge.start()])
            depth += 1
        elif edge[0] == ")" and depth:
            depth -= 1
            start = edge.end()
    if depth == 0:
        kept.append(text[start:])
    return " ".join(kept)
