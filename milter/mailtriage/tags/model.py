"""Header edits: what a door does to a mail, and nothing else is ever done to it."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """X-Mailtriage-Status: how the analysis of this mail ended."""

    OK = "ok"
    TIMEOUT = "timeout"
    ERROR = "error"
    OVERLOAD = "overload"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Deletion:
    """Delete one header field: the `index`th (from 1, top first) of that name, case ignored.

    This is the address of a milter header change (smfi_chgheader): deleting one field shifts the
    ones below it, so deletions of a name are listed and carried out from the highest index down.
    """

    name: str
    index: int


@dataclass(frozen=True, slots=True)
class Rerouting:
    """One envelope recipient makes way for another, with the DSN parameters that it had."""

    old: str
    """As the client gave it."""
    new: str


@dataclass(frozen=True, slots=True)
class Edits:
    """All edits of one mail, in the order in which they are carried out."""

    delete: tuple[Deletion, ...] = ()
    insert: tuple[tuple[str, str], ...] = ()
    """(name, value) fields that go to the very top of the header, in this order."""
    recipient: str = ""
    """The hidden recipient, added before all else: what a crash in the middle of the edits leaves
    behind is then a mail that the desk can judge by itself. Empty: none."""
    reroute: tuple[Rerouting, ...] = ()
    """Comes next: each new recipient is there before the old one goes, so that a crash in between
    leads to a copy too many, and never to a mail that nobody gets."""
