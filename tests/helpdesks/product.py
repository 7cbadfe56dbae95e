"""What a helpdesk does with a mail, re-stated from its source: the frame that each product fills.

Where the real product can run, tests/e2e runs it. For the others, `products/<name>.py` repeats the
reading rules found in the product's source or documentation, with repository, file and function, so
that a finished mail can be read the way the product would read it.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """What a helpdesk makes of a new mail."""

    accepted: bool = True
    """False: dropped, refused or held back; no ticket for it."""
    robot: bool = False
    """Taken for automatic mail: the helpdesk does not acknowledge it."""
    priority: str = ""
    """In the product's own words; empty: its default."""
    queue: str = ""
    """Queue, group, department, inbox, project; empty: its default."""
    language: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that exists: what the helpdesk remembers of it."""

    first: bytes
    """The customer's first mail, as it was delivered to the helpdesk."""
    number: str
    """Of the ticket, digits."""
    customer: str
    """Address of who wrote it."""


@dataclass(frozen=True, slots=True)
class Product:
    """One helpdesk, as one profile of config/helpdesks/ sees it."""

    profile: str
    """The directory of config/helpdesks/."""
    take: Callable[[bytes, str], Taken]
    """A finished mail (after our edits, CRLF) and its envelope recipient to what becomes of it."""
    joins: Callable[[bytes, Ticket], bool]
    """Whether a later mail goes into that ticket instead of opening one of its own."""
    own_reply: Callable[[Ticket], bytes] | None = None
    """The helpdesk's own answer to the customer, as it would be sent (Message-ID, subject): for the
    case that the customer answers that one. None: nothing is known of it."""
    settings: str = ""
    """TOML for mailtriage.toml, with the words that only an organisation knows: [profiles.NAME…]
    and, with recipient routing, nothing (the tests have addresses of their own)."""
    threads: str = ""
    """How it finds the ticket, in a few words, for the table: "References, or subject number"."""
    evidence: str = ""
    """"source", "documentation" or "product" with the version, for the table."""
