"""The tables of past decisions and of answers: a row for each mail, in a file of its own.

Nothing of a mail's text is in it. The sender of a mail that was judged is a keyed hash
(acks/tokens.py: `pseudonym`), and a row about an answer has no sender; in clear stand the
organisation's own mailboxes, the words that the header of the mail carries, and addresses of its
own help pages.

The file is the service's alone, mode 0600. What is lost of it is lost: no mail depends on it.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

APPLICATION_ID: Final = 0x6D746869
"""PRAGMA application_id: "mthi". The database of what is owed is "mtri" (schema.py)."""

VERSION: Final = 2
"""PRAGMA user_version."""

WITH_ANSWERS: Final = 2
"""The first version that has the table of answers."""

READABLE: Final = (1, VERSION)
"""Versions whose decisions can be read: an upgraded command may be asked before the service has
been started again."""

NAME: Final = "history.db"

_FIRST: Final = """
CREATE TABLE decision (
    id          INTEGER PRIMARY KEY,
    at          REAL NOT NULL,            -- seconds since the epoch
    queue_id    TEXT NOT NULL,
    direction   TEXT NOT NULL,
    status      TEXT NOT NULL,
    mailbox     TEXT NOT NULL,            -- of ours, whose settings counted; empty: none
    sender      BLOB NOT NULL,            -- keyed hash; empty: the null sender
    skill       TEXT NOT NULL,
    confidence  REAL NOT NULL,
    skills      TEXT NOT NULL,            -- with scores: "billing=0.8;refund=0.1;"
    priority    TEXT NOT NULL,
    score       INTEGER NOT NULL,
    language    TEXT NOT NULL,
    tier        TEXT NOT NULL,
    churn       TEXT NOT NULL,
    mood        TEXT NOT NULL,
    topic       TEXT NOT NULL,
    kind        TEXT NOT NULL,
    thread      TEXT NOT NULL,
    kb          TEXT NOT NULL,
    route       TEXT NOT NULL,
    ack         TEXT NOT NULL,            -- sent, delegated, skipped, none
    ack_rule    TEXT NOT NULL,            -- the rule that forbids it; empty: none does
    why         TEXT NOT NULL,            -- ids of what decided, apart by blanks
    ms          REAL NOT NULL,
    policies    TEXT NOT NULL,            -- what it was judged by: policy_set.id; empty: unknown
    seen        TEXT NOT NULL             -- what the decision can be made of again; empty: nothing
) STRICT;
CREATE INDEX decision_at ON decision (at);
CREATE INDEX decision_queue_id ON decision (queue_id);

-- What signals there were and what each looked for, as fingerprints (triage/policy_set.py).
CREATE TABLE policy_set (
    id      TEXT PRIMARY KEY,
    at      REAL NOT NULL,                -- when the last decision came that was made by it
    content BLOB NOT NULL                 -- JSON, compressed by zlib
) STRICT, WITHOUT ROWID;
"""

# What was seen of each answer that a human sent. Not who wrote it: nobody is to be ranked by this.
_SECOND: Final = """
CREATE TABLE answer (
    key           BLOB PRIMARY KEY,       -- of the mail that went out: mail.key of state.db
    at            REAL NOT NULL,          -- seconds since the epoch
    language      TEXT NOT NULL,          -- und: could not be made out
    greeting      INTEGER NOT NULL,       -- whether there is one
    closing       INTEGER NOT NULL,
    links         INTEGER NOT NULL,       -- how many
    kb_links      INTEGER NOT NULL,       -- of these, to hosts of the knowledge base
    unknown       INTEGER NOT NULL,       -- of these, to pages that its index does not have
    unknown_links TEXT NOT NULL,          -- three of them at most, without query, apart by blanks
    words         INTEGER NOT NULL,
    template      TEXT NOT NULL,          -- that it was made of; empty: of none
    version       INTEGER NOT NULL,       -- of the template; 0: of none
    current       INTEGER NOT NULL,       -- the highest version that there was then
    kept          REAL NOT NULL,          -- share of the template's words
    added         REAL NOT NULL           -- share of the answer's words
) STRICT, WITHOUT ROWID;
CREATE INDEX answer_at ON answer (at);
"""

MIGRATIONS: Final = (_FIRST, _SECOND)
"""Script number N makes schema N + 1 out of schema N; schema 0 is an empty file."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided of one mail."""

    at: float
    """Seconds since the epoch."""
    queue_id: str
    direction: str
    status: str
    mailbox: str
    sender: bytes
    skill: str
    confidence: float
    skills: tuple[tuple[str, float], ...]
    """Every skill that the mail touches, with its score, best first."""
    priority: str
    score: int
    language: str
    tier: str
    churn: str
    mood: str
    topic: str
    kind: str
    thread: str
    kb: str
    route: str
    ack: str
    ack_rule: str
    why: tuple[str, ...]
    """Ids of what decided."""
    ms: float
    policies: str = ""
    seen: str = ""
    id: int = 0
    """Of the row: the later, the higher. 0: none yet."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was seen of one answer that a human sent; the columns of `answer`."""

    key: bytes
    at: float
    language: str
    greeting: bool
    closing: bool
    links: int
    kb_links: int
    unknown: int
    unknown_links: tuple[str, ...]
    words: int
    template: str
    version: int
    current: int
    kept: float
    added: float


ANSWER_COLUMNS: Final = tuple(field.name for field in fields(Answered))
"""The columns of `answer`, in the order of `Answered`."""

COLUMNS: Final = tuple(field.name for field in fields(Decision))[:-1]
"""The columns of `decision` but for its id, in the order of `Decision`."""


def history_file(database: Path) -> Path:
    """Where the history lies: beside the database of what is remembered."""
    return database.with_name(NAME)


def skills_text(skills: tuple[tuple[str, float], ...]) -> str:
    """The skills of a mail as they stand in their column."""
    return "".join(f"{name}={score:g};" for name, score in skills)


def skills_of(text: str) -> tuple[tuple[str, float], ...]:
    """The inverse; what is damaged is left out."""
    found = []
    for word in text.split(";")[:-1]:
        name, _, score = word.rpartition("=")
        try:
            found.append((name, float(score)))
        except ValueError:
            continue
    return tuple(found)
