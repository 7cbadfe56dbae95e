"""What is counted of one series in one quarter of an hour, and how the counts of nodes add up.

A series is a topic, a skill, a language, or what nobody could name. How many people wrote is
counted without keeping anybody: 256 bits, of which a writer's keyed hash sets one (linear
counting, Whang, Vander-Zanden and Taylor 1990). Such bits add up with OR, so nodes can count apart
and tell each other (count_bytes.py).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["topic", "skill", "language", "unsure"]

BITS: Final = 256
_BYTES: Final = BITS // 8
_ALL: Final = (1 << BITS) - 1

MOST_SENDERS: Final = round(BITS * math.log(BITS))
"""What an almost full map stands for; beyond, it only says "at least so many"."""

MOST_EXAMPLES: Final = 3
"""Queue ids that are kept of a quarter, and shown in an alert."""

MOST_LANGUAGES: Final = 8
"""Languages that are kept of a quarter: the most frequent."""

MAILS_A_SENDER: Final = 3
"""So many mails of one writer and hour count. A mail loop of hundreds, or one who writes all night,
is no surge; somebody who sends a correction and then the attachment is ordinary."""


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """What is watched: ("topic", "invoice-reminder"), ("language", "sv"), ("unsure", "all")."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Counts:
    """One series, one quarter of an hour, one node or many."""

    mails: int = 0
    senders: int = 0
    """The bit map, as a number below 2**256."""
    examples: tuple[str, ...] = ()
    """Queue ids, at most `MOST_EXAMPLES`, the oldest first."""
    languages: tuple[tuple[str, int], ...] = ()
    """(language, mails), at most `MOST_LANGUAGES`, most first."""


def merge(parts: Iterable[Counts]) -> Counts:
    """The counts of several nodes, or quarters, as one. In any order, but for which examples are
    kept."""
    mails, senders = 0, 0
    examples: dict[str, None] = {}
    languages: Counter[str] = Counter()
    for part in parts:
        mails += part.mails
        senders |= part.senders
        for one in part.examples if len(examples) < MOST_EXAMPLES else ():
            examples[one] = None
        for language, number in part.languages:
            languages[language] += number
    often = sorted(languages.items(), key=lambda each: (-each[1], each[0]))[:MOST_LANGUAGES]
    return Counts(mails, senders, tuple(examples)[:MOST_EXAMPLES], tuple(often))


def merge_all(nodes: Iterable[Mapping[Series, Counts]]) -> dict[Series, Counts]:
    """The counts of several nodes, series by series."""
    parts: dict[Series, list[Counts]] = {}
    for node in nodes:
        for series, counts in node.items():
            parts.setdefault(series, []).append(counts)
    return {series: merge(counts) for series, counts in parts.items()}


def one_mail(sender_hash: bytes, queue_id: str = "", language: str = "") -> Counts:
    """A single mail. `sender_hash`: keyed, 1 byte or more; the first decides, so every bit of the
    hash must be as good as random."""
    examples = (queue_id,) if queue_id else ()
    languages = ((language, 1),) if language else ()
    return Counts(1, 1 << sender_bit(sender_hash), examples, languages)


def sender_bit(sender_hash: bytes) -> int:
    """Which of the 256 bits a writer sets."""
    return sender_hash[0]


def sender_count(senders: int) -> int:
    """About how many writers set these bits: exact to one or so up to 30, within 10 % up to 600.

    At most `MOST_SENDERS`, which then means "at least".
    """
    free = BITS - senders.bit_count()
    return MOST_SENDERS if free == 0 else round(-BITS * math.log(free / BITS))


def counted_mails(counts: Counts) -> int:
    """Mails without those of a writer beyond `MAILS_A_SENDER`, while writers can be told apart."""
    if counts.senders == _ALL:
        return counts.mails
    return min(counts.mails, MAILS_A_SENDER * sender_count(counts.senders))


def senders_to_bytes(senders: int) -> bytes:
    """The bit map as 32 bytes, bit 0 first, as Redis' SETBIT would number them from the far end."""
    return senders.to_bytes(_BYTES, "little")


def senders_from_bytes(data: bytes) -> int:
    """The bit map out of 32 bytes. Raises ValueError on any other length."""
    if len(data) != _BYTES:
        raise ValueError(f"a map of writers has {_BYTES} bytes, not {len(data)}")
    return int.from_bytes(data, "little")
