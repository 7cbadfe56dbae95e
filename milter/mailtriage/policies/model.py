"""What stands in a policy file, read and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LANGUAGES: Final = ("sv", "en", "de", "da", "nb", "fi", "fr", "es", "it", "nl", "pt", "pl")
"""The languages that the shipped policies speak."""

LANGUAGE_CODE: Final = re.compile(r"[a-z]{2,3}")
"""A BCP 47 code as far as mails are told apart: without script and region."""

GENERAL: Final = "general"
"""The skill of a mail when none is sure; never a policy of its own."""

FACETS: Final = ("priority", "mood", "churn", "kind", "thread")
"""The facets that a policy file may feed, beside the skills."""

FACET_VALUES: Final = {
    "priority": ("urgent", "high", "normal", "low"),
    "mood": ("positive", "neutral", "negative"),
    "churn": ("high", "medium", "low"),
    "kind": ("human", "machine", "bounce", "list"),
    "thread": ("new", "reply", "chaser"),
}
"""What triage may say of each facet; a test keeps it in step with triage's own words."""

PLACES: Final = ("subject", "body", "attachment")
"""Where a signal may look; "attachment" is the file names."""


@dataclass(frozen=True, slots=True)
class Near:
    """Two groups of phrases that speak only together."""

    a: tuple[str, ...]
    b: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeaderCondition:
    """A header field that must be there (or not), or contain one of some words."""

    name: str
    present: bool = True
    contains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttachmentCondition:
    """An attachment of one of these media types and with a name that fits one of these globs."""

    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """One mark that speaks for (or, with a negative weight, against) its policy.

    Exactly one of words, near, regex, header, recipient, sender and attachment is given.
    """

    id: str
    weight: float
    line: int = 0
    """Where its id stands in the file, from 1."""
    max_hits: int = 1
    where: frozenset[str] = frozenset({"subject", "body"})
    topic: str = ""
    floor: int = 0
    """Facet priority: the score is at least this when the signal hits. 0: no floor."""
    kind: str = ""
    """Facet kind: what the signal speaks for."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    near: Mapping[str, Near] = field(default_factory=dict)
    within: int = 5
    regex: str = ""
    guard: tuple[str, ...] = ()
    """With regex: phrases of which one must stand in the mail before the pattern is tried."""
    header: HeaderCondition | None = None
    recipient: tuple[str, ...] = ()
    sender: tuple[str, ...] = ()
    attachment: AttachmentCondition | None = None


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """A mail in short, and what must come out of it."""

    name: str
    file: str
    line: int
    subject: str = ""
    body: str = ""
    language: str = ""
    sender: str = ""
    recipient: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[str, ...] = ()
    expect: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is expected, by key: one word, or several under "skills" and the lists of signals."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy file: a skill, or what a facet goes by."""

    file: str
    line: int
    """Where it says which skill or facet it is for, from 1."""
    name: str
    """The skill, or the facet."""
    is_skill: bool
    description: str = ""
    threshold: float = 3.0
    margin: float = 0.5
    base: float = 0.0
    levels: Mapping[str, float] = field(default_factory=dict)
    adjust: Mapping[str, float] = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()
    tests: tuple[PolicyTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Policies:
    """Every policy that is in force, skills first in the order of their names."""

    skills: tuple[Policy, ...] = ()
    facets: Mapping[str, Policy] = field(default_factory=dict)

    def all(self) -> tuple[Policy, ...]:
        """Skills, then facets."""
        return (*self.skills, *self.facets.values())
