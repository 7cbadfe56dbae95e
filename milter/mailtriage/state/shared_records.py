"""What nodes tell each other through Redis, and how small it is packed there.

As in SQLite, whoever reads it finds keyed hashes of addresses, Message-IDs, subjects and networks;
in clear the organisation's own mailboxes, tickets, and where answers are repaired Message-IDs.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

HASH_BYTES: Final = 16
"""Of keys and pseudonyms (acks/tokens.py)."""

_NOBODY: Final = bytes(HASH_BYTES)
_ACK: Final = struct.Struct(">dd16s16sB")
_MAIL: Final = struct.Struct(">cdBBBB")

Claim = Literal["none", "mine", "other", "recorded"]
"""Whose a mail is: nobody's, taken by this node or by another, or done with by one of them."""


class SharedDataError(ValueError):
    """What Redis holds is none of ours."""


@dataclass(frozen=True, slots=True)
class SharedAck:
    """One row of the ledger. Of others than the asked address only key, network and time."""

    key: bytes
    at: float
    """Seconds since the epoch, as all times here; 0: never."""
    sent: float = 0.0
    mailbox: str = ""
    address: bytes = b""
    subject: bytes = b""
    network: bytes = b""
    original_id: str = ""


@dataclass(frozen=True, slots=True)
class SharedMark:
    """What is held against an address, and whether its owner may be asked anything."""

    address: bytes
    undeliverable: float = 0.0
    complained: float = 0.0
    quick_answer: float = 0.0
    robot: float = 0.0
    asked: float = 0.0
    """When the last survey was owed."""
    opted_out: float = 0.0
    """Of surveys; kept apart, as it is not forgotten."""

    @property
    def latest(self) -> float:
        """Of all that is forgotten in the end."""
        return max(self.undeliverable, self.complained, self.quick_answer, self.robot, self.asked)


@dataclass(frozen=True, slots=True)
class SharedMail:
    """A mail of a conversation."""

    key: bytes
    way: Literal["in", "out"]
    at: float
    kind: str
    skill: str = ""
    language: str = ""
    priority: str = ""


@dataclass(frozen=True, slots=True)
class SharedConversation:
    """A conversation, wherever it began."""

    shared_id: bytes
    mailbox: str
    customer: bytes
    began: float
    last_activity: float
    answered: float = 0.0
    acknowledged: float = 0.0
    promised: float = 0.0
    helpdesk: float = 0.0
    ticket: str = ""
    writers: tuple[bytes, ...] = ()
    mails: tuple[SharedMail, ...] = ()
    message: bytes = b""
    """The Message-ID by which it was found; empty: by a mail's key."""

    @property
    def unanswered(self) -> int:
        """Inbound mails since the acknowledgement or the last human answer."""
        since = max(self.acknowledged, self.answered)
        return sum(mail.way == "in" and mail.at > since for mail in self.mails)


@dataclass(frozen=True, slots=True)
class Pulled:
    """All that the nodes know about one mail."""

    epoch: str = ""
    """Of this Redis; empty: it has been told nothing yet."""
    claim: Claim = "none"
    acks: tuple[SharedAck, ...] = ()
    mark: SharedMark | None = None
    conversations: tuple[SharedConversation, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedOutcome:
    """What became of a conversation in which an acknowledgement is owed here."""

    shared_id: bytes
    answered: float = 0.0
    helpdesk: float = 0.0
    ticket: str = ""


def pack_ack(ack: SharedAck) -> bytes:
    """Times first: scripts read and write them."""
    mailbox = ack.mailbox.encode()[:255]
    network, original = ack.network or _NOBODY, ack.original_id.encode()
    return _ACK.pack(ack.at, ack.sent, ack.subject, network, len(mailbox)) + mailbox + original


def unpack_ack(address: bytes, key: bytes, packed: bytes) -> SharedAck:
    """Raises SharedDataError."""
    _expect_hash(key)
    try:
        at, sent, subject, network, length = _ACK.unpack_from(packed)
        mailbox = packed[_ACK.size : _ACK.size + length].decode()
        original = packed[_ACK.size + length :].decode()
    except (struct.error, UnicodeDecodeError) as error:
        raise SharedDataError("an acknowledgement") from error
    return SharedAck(
        key, number(at), number(sent), mailbox, address, subject,
        b"" if network == _NOBODY else network,
        original,
    )  # fmt: skip


def pack_mail(mail: SharedMail) -> bytes:
    """The way and the time first: scripts read them."""
    words = [word.encode()[:255] for word in (mail.kind, mail.skill, mail.language, mail.priority)]
    way = b"i" if mail.way == "in" else b"o"
    return _MAIL.pack(way, mail.at, *map(len, words)) + b"".join(words)


def unpack_mail(key: bytes, packed: bytes) -> SharedMail:
    """Raises SharedDataError."""
    _expect_hash(key)
    try:
        way, at, *lengths = _MAIL.unpack_from(packed)
        words, start = [], _MAIL.size
        for length in lengths:
            words.append(packed[start : start + length].decode())
            start += length
    except (struct.error, UnicodeDecodeError) as error:
        raise SharedDataError("a mail") from error
    kind, skill, language, priority = words
    which: Literal["in", "out"] = "in" if way == b"i" else "out"
    return SharedMail(key, which, number(at), kind, skill, language, priority)


def read_conversation(
    shared_id: bytes, message: bytes, fields: Mapping[bytes, bytes]
) -> SharedConversation | None:
    """From the fields of its hash; None when its own row has not been told yet.

    Raises SharedDataError.
    """
    _expect_hash(shared_id)
    if b"b" not in fields or b"m" not in fields:
        return None
    mails = sorted(_mails(fields), key=lambda mail: mail.at)
    return SharedConversation(
        shared_id=shared_id,
        mailbox=_text(fields.get(b"m", b"")),
        customer=fields.get(b"c", b""),
        began=number(fields.get(b"b", b"0")),
        last_activity=number(fields.get(b"l", b"0")),
        answered=number(fields.get(b"a", b"0")),
        acknowledged=number(fields.get(b"k", b"0")),
        promised=number(fields.get(b"p", b"0")),
        helpdesk=number(fields.get(b"h", b"0")),
        ticket=_text(fields.get(b"t", b"")),
        writers=tuple(name[1:] for name in fields if name[:1] == b"w" and len(name) > 1),
        mails=tuple(mails),
        message=message,
    )


def number(text: bytes | float) -> float:
    """A time as it stands in Redis. Raises SharedDataError, also for what no table would take."""
    try:
        read = float(text)
    except ValueError as error:
        raise SharedDataError("a time") from error
    if not math.isfinite(read):
        raise SharedDataError("a time")
    return read


def _mails(fields: Mapping[bytes, bytes]) -> Iterator[SharedMail]:
    for name, value in fields.items():
        if name[:1] == b"i" and len(name) > 1:
            yield unpack_mail(name[1:], value)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise SharedDataError("a text") from error


def _expect_hash(raw: bytes) -> None:
    if len(raw) != HASH_BYTES:
        raise SharedDataError("a key")
