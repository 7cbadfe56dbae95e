"""The hidden copy of a mail, as Postfix delivers it to the desk, and what it says of the mail."""

import email.utils
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailtriage.acks.seal import Facts, read_seal
from mailtriage.acks.tokens import Tokens, Way
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Client
from mailtriage.mail.words import decode_words
from mailtriage.tags.vocabulary import PREFIX, SEAL

_OURS: Final = PREFIX.lower()
_SEAL: Final = SEAL.lower()
_LOOP: Final = f"{_OURS}-loop"
_MAX_RECEIVED: Final = 4096
_UNKNOWN: Final = Client()

# Postfix's own Received: (smtpd.c). A client chooses its HELO name, blanks and brackets included,
# but it cannot leave the first line, at whose end stands what Postfix has seen of the client, whose
# name has no brackets: with them in it, a line of nothing else would be gone through many times.
_FROM: Final = re.compile(r"from .*\([^\s()]+ \[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})\]\)")
_LOCAL: Final = re.compile(r"by \S+ \([^()]*, from userid \d+\)")
# The last of them, for the same reason.
_WITH_ID: Final = re.compile(r"\b(?:with ([A-Z0-9]{3,10}) )?id ([0-9A-Za-z]{6,20})(?=[\s;]|$)")
_LOGGED_IN: Final = re.compile(r"(?:E|UTF8)SMTPS?A")  # RFC 3848, RFC 6531 section 4.3
_DATE: Final = re.compile(r";([^;]{1,200})$")


@dataclass(frozen=True, slots=True)
class Copy:
    """One LMTP recipient of a hidden copy."""

    sender: str
    """Reverse-path of the mail, without angle brackets."""
    recipient: str
    """The hidden recipient, or the sweeper's; its signature is ours."""
    message: bytes
    """As received, perhaps cut, perhaps without its attachments or body."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How our Postfix got a mail, by the Received: that it put on top."""

    date: str = ""
    """As it stands there (RFC 5322 section 3.3); empty: it does not say."""
    queue_id: str = ""
    """Empty: it does not say."""
    client: Client = _UNKNOWN
    """Login is "?" for a client that logged in, as whoever it was."""

    @property
    def at(self) -> float:
        """Seconds since the epoch; 0: it does not say. Read when it is asked for: of a mail with a
        seal nobody asks."""
        try:
            return max(0.0, email.utils.parsedate_to_datetime(self.date).timestamp())
        except (ValueError, TypeError, OverflowError):
            return 0.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A copy taken apart."""

    way: Way
    key: bytes
    """Dedupe key; empty when it came through the sweeper and has yet to be worked out."""
    mailbox: str
    """`Tokens.mailbox_name`, when it came through the sweeper; else empty."""
    tags: tuple[tuple[str, str], ...]
    """Our header fields, but for the seal."""
    seal: str
    fields: tuple[tuple[str, bytes], ...]
    """The header as the milter saw it: without our fields, and without the Received: that our own
    Postfix put on top, which it hides from milters."""
    body: bytes
    arrival: Arrival

    def facts(self, tokens: Tokens, key: bytes) -> Facts | None:
        """What the analysis found out; None without a valid seal of that mail."""
        return read_seal(tokens, key, self.tags, self.seal) if self.seal else None


def open_copy(copy: Copy, tokens: Tokens) -> Opened | None:
    """Take a copy apart; None when its recipient is none of ours."""
    hidden = tokens.read_hidden_recipient(copy.recipient)
    mailbox = "" if hidden else tokens.read_sweeper_recipient(copy.recipient)
    if hidden is None and not mailbox:
        return None
    raw, body_at, _ = split_fields(copy.message)
    tags: list[tuple[str, str]] = []
    fields: list[tuple[str, bytes]] = []
    seal = ""
    arrival: Arrival | None = None
    for name_bytes, value in raw:
        name = name_bytes.decode("ascii", "surrogateescape")
        lower = name.lower()
        if lower == "received" and arrival is None:
            arrival = read_received(value)
        elif not lower.startswith(_OURS) or lower == _LOOP:
            # The mark of our own mail is no tag: it came with the mail, and forbids an answer.
            fields.append((name, value))
        elif lower == _SEAL:
            seal = seal or _text(value)
        elif lower == _OURS or lower.startswith(f"{_OURS}-"):
            tags.append((name, _text(value)))
        else:
            fields.append((name, value))
    return Opened(
        way=hidden.way if hidden else "in",
        key=hidden.key if hidden else b"",
        mailbox=mailbox,
        tags=tuple(tags),
        seal=seal,
        fields=tuple(fields),
        body=copy.message[body_at:],
        arrival=arrival or Arrival(),
    )


def _text(value: bytes) -> str:
    """The value of a field of ours. Those that we write are plain, and a mail has twenty."""
    if value.isascii() and b"=?" not in value:
        text = value.strip().decode("ascii")
        if text.isprintable():
            return text
    return decode_words(value).strip()


def read_received(value: bytes) -> Arrival:
    """What the body of Postfix's own Received: says; nothing of any other. Never raises."""
    text = value[:_MAX_RECEIVED].decode("latin-1").strip()
    found = list(_WITH_ID.finditer(text))
    with_protocol, queue_id = found[-1].groups() if found else (None, "")
    login = "?" if _LOGGED_IN.fullmatch(with_protocol or "") else ""
    first_line = text.partition("\n")[0].rstrip()
    if _LOCAL.match(first_line):
        client = Client(login=login, protocol="local")
    else:
        client = Client(_address(first_line), login=login)
    date = _DATE.search(text)
    return Arrival(date[1].strip() if date else "", queue_id, client)


def _address(first_line: str) -> str:
    found = _FROM.fullmatch(first_line)
    try:
        return str(ipaddress.ip_address(found[1])) if found else ""
    except ValueError:
        return ""


def tag(tags: Sequence[tuple[str, str]], name: str) -> str:
    """Value of X-Mailtriage-NAME; empty when it is not there."""
    wanted = f"{_OURS}-{name}"
    for field, value in tags:
        if len(field) == len(wanted) and field.lower() == wanted:
            return value
    return ""
