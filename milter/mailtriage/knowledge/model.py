"""What a knowledge base is made of."""

from dataclasses import dataclass
from typing import Final

UNDETERMINED: Final = "und"
"""Language of a document that says none, where none can be made out."""


class KnowledgeError(Exception):
    """Something that cannot be used. The message names the place and says what to do about it."""


@dataclass(frozen=True, slots=True)
class Section:
    """One heading and the paragraphs below it, up to the next heading."""

    text: str
    """Paragraphs, one a line; never empty."""
    heading: str = ""
    """Empty above the first heading of a page."""
    id: str = ""
    """Stable, `[a-z0-9_-]{1,30}`; empty until `identity` has named it, unless the source has."""
    url: str = ""
    """Of the page, without fragment; empty when nobody knows it."""
    title: str = ""
    """Of the page."""
    anchor: str = ""
    """The id that the heading really has in the page, as written there; empty: none."""
    guessed: bool = False
    """Whether the anchor is what a renderer of Markdown would most likely make of the heading."""
    page: int = 0
    """Page of a PDF, from 1; 0: not a PDF."""
    language: str = ""
    """BCP 47 in lower case; empty until made out."""
    aliases: tuple[str, ...] = ()
    """Other ways to ask for it; searched like the heading, shown to nobody."""
    version: str = ""
    """Of the document as its source tells it: a date, a revision."""
    origin: str = ""
    """Where it was read, "file:line" or "file", for messages."""


@dataclass(frozen=True, slots=True)
class Document:
    """One page as it was read."""

    sections: tuple[Section, ...]
    blocks: tuple[str, ...] = ()
    """Every visible block of the page in its order, to prove by that a text stands there once;
    empty: the page as customers see it is not known."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph that can be quoted, and the way to it."""

    text: str
    link: str
    """A complete URL, as deep as could be proven; empty when the page has none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A section as the index keeps it."""

    id: str
    title: str
    heading: str
    language: str
    version: str
    passages: tuple[Passage, ...]
    """At least one."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A section that may answer."""

    id: str
    url: str
    """Deep link to the paragraph that is quoted; may be empty."""
    heading: str
    """Of the section, else the title of its page."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the knowledge base says to a mail."""

    id: str
    """Of the section that answers, for X-Mailtriage-Kb; empty when none is sure enough."""
    url: str
    """Deep link; empty when the page has no address."""
    heading: str
    quote: str
    """At most 300 characters of the paragraph that fits best, ending at a sentence or word."""
    language: str
    confidence: float
    """0 to 1: share of what a perfect section would score, times the root of its lead."""
    passage: int = 0
    """Number of that paragraph in its section, from 0."""
    maybe: tuple[Candidate, ...] = ()
    """Where none is sure enough, up to two that may help; else empty."""

    @property
    def sure(self) -> bool:
        """Whether this may be told to a customer."""
        return bool(self.id)
