"""The arguments of MAIL and RCPT: taken apart as far as we must know them, passed on as they came.

aiosmtpd's own parser is not used: it upper-cases the parameters (the values of ENVID and ORCPT are
case sensitive, RFC 3461 §4), refuses those of DSN, and rewrites addresses.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# RFC 5321 §4.1.2, loosely: a quoted string may hold ">", a quoted pair anything. What an address
# may look like is for the next hop to say; here only its end matters. Without brackets, as old
# scripts send it, it ends at the blank.
_PATH: Final = re.compile(
    rb"""[ ]*
    (<(?:[^<>"\\]|\\.|"(?:[^"\\]|\\.)*")*>|[^<>\s]+)
    ((?:[ ]+[^ ]+)*)[ ]*""",
    re.VERBOSE,
)
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_SOURCE_ROUTE: Final = re.compile(rb"@[^:]*:")

MAIL_EXTENSIONS: Final[Mapping[bytes, str]] = {
    b"BODY": "8bitmime",  # RFC 6152
    b"SMTPUTF8": "smtputf8",  # RFC 6531
    b"RET": "dsn",  # RFC 3461
    b"ENVID": "dsn",
    b"SIZE": "size",  # RFC 1870
}
"""Which extension (in lower case) a parameter of MAIL belongs to."""

RCPT_EXTENSIONS: Final[Mapping[bytes, str]] = {b"NOTIFY": "dsn", b"ORCPT": "dsn"}
"""The same for RCPT."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One ESMTP parameter."""

    keyword: bytes
    """In upper case."""
    value: bytes
    wire: bytes
    """As it came: "ENVID=abc"."""


@dataclass(frozen=True, slots=True)
class Path:
    """The argument of MAIL or RCPT."""

    wire: bytes
    """The path as it came, with its brackets."""
    address: str
    """Without brackets and source route (RFC 5321 §4.1.1.3: ignored); empty for "<>". Bytes that
    are not UTF-8 as surrogate escapes."""
    parameters: tuple[Parameter, ...]


def parse_path(keyword: bytes, argument: bytes) -> Path | None:
    """Take "FROM:<a@b> SIZE=1" apart; `keyword` is b"FROM:" or b"TO:". None when it is no such.

    Control characters are refused wherever they stand: they would go to the next hop.
    """
    if argument[: len(keyword)].upper() != keyword or _CONTROL.search(argument):
        return None
    match = _PATH.fullmatch(argument, len(keyword))
    if not match:
        return None
    inner = match[1].removeprefix(b"<").removesuffix(b">")
    route = _SOURCE_ROUTE.match(inner)
    return Path(
        wire=match[1],
        address=inner[route.end() if route else 0 :].decode("utf-8", "surrogateescape"),
        parameters=tuple(_parameter(word) for word in match[2].split()),
    )


def _parameter(word: bytes) -> Parameter:
    keyword, _, value = word.partition(b"=")
    return Parameter(keyword.upper(), value, word)


def declared_size(path: Path) -> int | None:
    """Octets of the SIZE parameter; 0 when there is none, None when it is not 1 to 20 digits."""
    for parameter in path.parameters:
        if parameter.keyword == b"SIZE":
            digits = parameter.value
            return int(digits) if digits.isdigit() and len(digits) <= 20 else None
    return 0


def octets(argument: str | None) -> bytes:
    """The argument as the client sent it: aiosmtpd has decoded it so that this is possible."""
    return (argument or "").encode("utf-8", "surrogateescape")
