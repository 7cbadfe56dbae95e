"""SMTP replies: the next hop's, which pass through, and the few of our own."""

import re
from dataclasses import dataclass
from typing import Final, Self

_MAX_TEXT = 900
"""Bytes of one reply line that are passed on. RFC 5321 §4.5.3.1.5 allows 512, servers send more."""

# RFC 5321 §4.2 and RFC 2034: without the blank and the text is allowed, and seen in the wild.
_LINE: Final = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_WITHOUT_STATUS: Final = re.compile(
    rb"^([245])([0-9][0-9])([ -]|$)(?!\1\.[0-9]{1,3}\.[0-9]{1,3}(?:[ \r\n]|$))", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code, and the text of each line without code and line end (never empty)."""

    code: int
    lines: tuple[bytes, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """The reply that a line like "250 2.0.0 OK" says."""
        code, _, rest = text.partition(" ")
        return cls(int(code), (rest.encode("ascii"),))

    @property
    def accepted(self) -> bool:
        """True for 2xx."""
        return 200 <= self.code <= 299

    @property
    def refused(self) -> bool:
        """True for 4xx and 5xx."""
        return 400 <= self.code <= 599

    @property
    def wire(self) -> bytes:
        """All lines as they are sent, joined and ended by CRLF."""
        last = len(self.lines) - 1
        return b"".join(
            b"%d%s%s\r\n" % (self.code, b" " if number == last else b"-", text)
            for number, text in enumerate(self.lines)
        )


def parse_reply_line(line: bytes) -> tuple[int, bool, bytes] | None:
    """(code, whether it is the last line, text) of a reply line; None when it is no reply line."""
    match = _LINE.fullmatch(line.rstrip(b"\r\n"))
    if not match:
        return None
    text = _CONTROL.sub(b"?", match[3] or b"")[:_MAX_TEXT]
    return int(match[1]), match[2] != b"-", text


def with_enhanced_status(wire: bytes) -> bytes:
    """The same reply with "x.0.0" (RFC 3463: status undefined) in each line that has no status.

    Who announces ENHANCEDSTATUSCODES must have one in every reply but the greetings (RFC 2034 §4).
    """
    return _WITHOUT_STATUS.sub(rb"\1\2\3\1.0.0 ", wire)


# Texts say what the client has to know and no more: nothing of how we work, fail or are configured.
UNREACHABLE: Final = Reply.of("451 4.4.1 The next mail server does not answer, try again later")
LOST: Final = Reply.of("451 4.4.2 The connection to the next mail server was lost, try again later")
GARBLED: Final = Reply.of("451 4.5.0 The next mail server is not understood, try again later")
UNTRUSTED: Final = Reply.of("451 4.7.5 The next mail server cannot be trusted, try again later")
CHANGED: Final = Reply.of("451 4.3.5 The service has changed, try again later")
LOCAL_ERROR: Final = Reply.of("451 4.3.0 Local error in processing, try again later")
NO_SPACE: Final = Reply.of("421 4.3.1 Insufficient system storage, try again later")
TOO_MANY_RECIPIENTS: Final = Reply.of("452 4.5.3 Too many recipients, send the rest separately")
BUSY: Final = Reply.of("421 4.7.0 Too many connections, try again later")
STOPPING: Final = Reply.of("421 4.3.2 Service is being restarted, try again later")
SILENT: Final = Reply.of("421 4.4.2 Timeout, closing connection")
NOT_NOW: Final = Reply.of("421 4.4.1 The next mail server does not answer, try again later")
TOO_BIG: Final = Reply.of("552 5.3.4 Message is larger than this system accepts")
