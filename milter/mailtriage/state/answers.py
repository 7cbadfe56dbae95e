"""The answers that humans sent in a time, each with the mail before it and the mail after it.

For the weekly page: what was suggested and what was used, how fast, and what the customer felt
before and after. Read from the conversations (state.db), and for each answer what was seen of it
when it went out (the history). Nothing says who wrote it.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, NamedTuple

from mailtriage.state.history import History
from mailtriage.state.history_schema import Answered
from mailtriage.state.sqlite import state_errors

# Cross join and index: what has not been touched since then is not looked at.
_MAILS: Final = """
    SELECT conversation.id, conversation.mailbox, mail.key, mail.way, mail.at, mail.skill,
           mail.priority, mail.language, mail.mood, mail.answer
    FROM conversation INDEXED BY conversation_age CROSS JOIN mail
         ON mail.conversation = conversation.id AND mail.kind = 'human'
    WHERE conversation.last_activity >= ?
    ORDER BY conversation.id, mail.at, mail.way"""


@dataclass(frozen=True, slots=True)
class HumanAnswer:
    """One answer. Texts are empty where nothing is known."""

    mailbox: str
    at: float
    """Seconds since the epoch."""
    skill: str
    """Of the customer's last mail before it, as the next five."""
    priority: str
    language: str
    mood: str
    suggested: str
    """The template that agents were told for that mail; empty: none."""
    seconds: float
    """Between that mail and the answer, by the clock on the wall."""
    is_first: bool
    """Whether no human had answered in the conversation before."""
    mood_after: str
    """Of the customer's next mail; empty: there is none, or none yet."""
    seen: Answered | None
    """What was seen of it; None: checks are off, or it passed another node."""


class _Mail(NamedTuple):
    conversation: int
    mailbox: str
    key: bytes
    way: str
    at: float
    skill: str
    priority: str
    language: str
    mood: str
    answer: str


def human_answers(
    connection: sqlite3.Connection, history: History | None, since: float, until: float
) -> list[HumanAnswer]:
    """The answers from `since` to before `until`, seconds since the epoch, in their order.

    connection: state.db. An answer to a conversation without a mail of the customer, which somebody
    at the desk began, is left out. Linear in the mails of the conversations that were touched since
    then. Raises StateError and HistoryError.
    """
    with state_errors(connection):
        mails = list(map(_Mail._make, connection.execute(_MAILS, (since,))))
    found = [
        answer
        for _, conversation in groupby(mails, lambda one: one.conversation)
        for answer in _answers(list(conversation), since, until)
    ]
    found.sort(key=lambda pair: pair[1].at)
    if history is None:
        return [answer for _, answer in found]
    seen = history.answered(key for key, _ in found)
    return [replace(answer, seen=seen.get(key)) for key, answer in found]


def _answers(mails: list[_Mail], since: float, until: float) -> Iterator[tuple[bytes, HumanAnswer]]:
    """Key and answer, of one conversation in its order."""
    after: list[str] = []
    mood = ""
    for one in reversed(mails):
        after.append(mood)
        if one.way == "in":
            mood = one.mood
    asked: _Mail | None = None
    is_first = True
    for one, next_mood in zip(mails, reversed(after), strict=True):
        if one.way == "in":
            asked = one
            continue
        if asked is not None and since <= one.at < until:
            yield (
                one.key,
                HumanAnswer(
                    mailbox=one.mailbox,
                    at=one.at,
                    skill=asked.skill,
                    priority=asked.priority,
                    language=asked.language,
                    mood=asked.mood,
                    suggested=asked.answer,
                    seconds=one.at - asked.at,
                    is_first=is_first,
                    mood_after=next_mood,
                    seen=None,
                ),
            )
        is_first = False


def links_to_nowhere(answers: Iterable[HumanAnswer]) -> dict[str, int]:
    """The links into the knowledge base that lead to no page of its index, and in how many answers
    each stands; the most frequent first."""
    counts: dict[str, int] = {}
    for one in answers:
        for link in one.seen.unknown_links if one.seen else ():
            counts[link] = counts.get(link, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
