"""What we had said of a mail that somebody corrects: its tags under our seal, else what is
remembered of it.

It serves statistics alone. Where it cannot be known for sure, it is not known.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from mailtriage.acks.seal import claimed_key, read_seal
from mailtriage.acks.tokens import Tokens
from mailtriage.config.sections import Config
from mailtriage.desk.copy import Arrival, read_received, tag
from mailtriage.mail.address import message_ids
from mailtriage.mail.words import decode_words
from mailtriage.state.feedback import FACETS, Facet
from mailtriage.state.history import HistoryError, open_history
from mailtriage.state.history_schema import history_file
from mailtriage.state.sqlite import StateError, open_database
from mailtriage.tags.vocabulary import PREFIX, SEAL

Fields = Sequence[tuple[bytes, bytes]]
"""Name and body of each header field, top first."""
Said = Mapping[Facet, str]

_OURS: Final = PREFIX.lower()
_MOST_HOPS: Final = 10
_NEAR: Final = 3600.0
"""Seconds between the time in Received: and that of the decision: short queue ids are used again
after some hours."""
_PATIENCE: Final = 1.0
"""Seconds that a reader waits where a file is taken for a moment."""
_NO_ANSWER: Final = "none"

# The mail itself has no Message-ID in the table; its conversation has. With one mail of a customer
# in it there is no doubt which is meant.
_REMEMBERED: Final = """
    SELECT mail.skill, mail.priority, mail.language, mail.answer
    FROM message JOIN mail ON mail.conversation = message.conversation AND mail.way = 'in'
    WHERE message.id = ? LIMIT 2"""


@dataclass(frozen=True, slots=True)
class About:
    """The mail that is meant, as far as its header is at hand."""

    message_id: str
    """With its brackets."""
    fields: Fields = ()
    """Its header; empty when only the Message-ID is known."""


def about(fields: Fields) -> About | None:
    """The mail with that header; None without a Message-ID, by which alone it is known again."""
    written = next((value for name, value in fields if name.lower() == b"message-id"), b"")
    found = message_ids(written)
    return About(found[0], fields) if found else None


class Memory:
    """Asks the tags, the history, then the conversations. Holds no file open."""

    def __init__(self, config: Config, tokens: Tokens) -> None:
        self._config: Final = config
        self._tokens: Final = tokens

    def said(self, mail: About) -> Said:
        """By facet; what is not known is left out. Never raises for files that cannot be read."""
        return (
            sealed_tags(mail.fields, self._tokens)
            or self._decided(tuple(_arrivals(mail.fields)))
            or self._remembered(mail.message_id)
        )

    def _decided(self, arrivals: Iterable[Arrival]) -> Said:
        hops = [hop for hop in arrivals if hop.queue_id]
        if not hops:
            return {}
        try:
            with open_history(history_file(self._config.state.database)) as history:
                for hop in hops:
                    near = {"since": hop.at - _NEAR, "until": hop.at + _NEAR} if hop.at else {}
                    for one in history.newest(1, queue_id=hop.queue_id, **near):
                        return _known(one.skill, one.priority, one.language)
        except HistoryError:
            pass
        return {}

    def _remembered(self, message_id: str) -> Said:
        message = self._tokens.pseudonym("message-id", message_id)
        try:
            with closing(
                open_database(self._config.state.database, read_only=True, timeout=_PATIENCE)
            ) as connection:
                rows = connection.execute(_REMEMBERED, (message,)).fetchall()
        except (StateError, sqlite3.Error):
            return {}
        return _known(*rows[0]) if len(rows) == 1 else {}


def sealed_tags(fields: Fields, tokens: Tokens) -> Said:
    """What X-Mailtriage-* says, if our seal vouches for it; else nothing. A key that it names is
    part of what is sealed."""
    seal = ""
    tags: list[tuple[str, str]] = []
    for name_bytes, value in fields:
        name = name_bytes.decode("ascii", "surrogateescape")
        lower = name.lower()
        if lower == SEAL.lower():
            seal = seal or decode_words(value).strip()
        elif lower != f"{_OURS}-loop" and (lower == _OURS or lower.startswith(f"{_OURS}-")):
            tags.append((name, decode_words(value).strip()))
    if not seal or read_seal(tokens, claimed_key(seal), tags, seal) is None:
        return {}
    return _known(*(tag(tags, facet) for facet in FACETS))


def _arrivals(fields: Fields) -> Iterator[Arrival]:
    written = [value for name, value in fields if name.lower() == b"received"]
    return map(read_received, written[:_MOST_HOPS])


def _known(skill: str, priority: str, language: str, answer: str = "") -> Said:
    answer = "" if answer == _NO_ANSWER else answer
    values = zip(FACETS, (skill, priority, language, answer), strict=True)
    return {facet: value for facet, value in values if value}
