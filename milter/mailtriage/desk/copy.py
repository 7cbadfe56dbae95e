"""The hidden copy of a mail, as Postfix delivers it to the desk, and what it says of the mail."""

import email.utils
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailtriage.acks.seal import Facts, read_seal
from mailtriage.acks.tokens import Tokens, Way
from mailtriage.mail.fields import split_fields
from mailtriage.mail.words import decode_words
from mailtriage.tags.vocabulary import PREFIX, SEAL

_OURS: Final = PREFIX.lower()
_QUEUE_ID: Final = re.compile(r"\bid ([0-9A-Za-z]{6,20})(?=[\s;])")
_RECEIVED_DATE: Final = re.compile(r";([^;]{1,200})$")


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
    received: float
    """When our Postfix took it, by its own Received:; 0 when that does not say."""
    queue_id: str
    """Postfix's, by the same field; empty when that does not say."""

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
    received = 0.0
    queue_id = ""
    for name_bytes, value in raw:
        name = name_bytes.decode("ascii", "surrogateescape")
        lower = name.lower()
        if lower == "received" and not received:
            received = _date(value) or -1.0
            found = _QUEUE_ID.search(decode_words(value[:1000]))
            queue_id = found[1] if found else ""
        elif lower == SEAL.lower():
            seal = seal or decode_words(value).strip()
        elif lower == _OURS or lower.startswith(f"{_OURS}-"):
            # A mark of our own mail is no tag: it came with the mail, and forbids an answer.
            if lower == f"{_OURS}-loop":
                fields.append((name, value))
            else:
                tags.append((name, decode_words(value).strip()))
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
        received=max(received, 0.0),
        queue_id=queue_id,
    )


def _date(value: bytes) -> float:
    found = _RECEIVED_DATE.search(decode_words(value[-300:]).strip())
    if found is None:
        return 0.0
    try:
        return email.utils.parsedate_to_datetime(found[1].strip()).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0


def tag(tags: Sequence[tuple[str, str]], name: str) -> str:
    """Value of X-Mailtriage-NAME; empty when it is not there."""
    wanted = f"{_OURS}-{name}"
    return next((value for field, value in tags if field.lower() == wanted), "")
