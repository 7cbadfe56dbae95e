"""What triage says about a mail, and why."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailtriage.triage.seen import Seen


class Direction(StrEnum):
    """Which way a mail goes, seen from the organisation."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Kind(StrEnum):
    """Who wrote the mail."""

    HUMAN = "human"
    MACHINE = "machine"
    BOUNCE = "bounce"
    LIST = "list"


class Thread(StrEnum):
    """Where the mail stands in a conversation."""

    NEW = "new"
    REPLY = "reply"
    CHASER = "chaser"


class Priority(StrEnum):
    """How soon a person should look. Helpdesks read the initial: u, h, n, l."""

    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Mood(StrEnum):
    """How the writer feels."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


class Churn(StrEnum):
    """How likely the writer is to leave."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Tier(StrEnum):
    """What the customer list says of the writer."""

    VIP = "vip"
    GOLD = "gold"
    STANDARD = "standard"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for one result."""

    facet: str
    """What it speaks for: "skill", "priority", "mood", ..."""
    id: str
    """The signal's id in its policy file, or the name of a rule in code; `[a-z0-9-]`."""
    weight: float
    """What it added, in the unit of its facet."""
    where: str = ""
    """Where it was seen: "subject", "body", "header", ... and, quoted, the words it hit."""


@dataclass(frozen=True, slots=True)
class SkillScore:
    """A skill that reached its threshold."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Triage:
    """The whole result for one mail; immutable, and the same for the same mail and policies."""

    direction: Direction = Direction.INBOUND
    language: str = "und"
    language_confidence: float = 0.0
    """0 to 1."""
    skill: str = "general"
    skill_confidence: float = 0.0
    """0 to 1."""
    skills: tuple[SkillScore, ...] = ()
    """Every skill that reached its threshold, best first."""
    priority: Priority = Priority.NORMAL
    score: int = 0
    """0 to 100."""
    tier: Tier = Tier.UNKNOWN
    churn: Churn = Churn.LOW
    mood: Mood = Mood.NEUTRAL
    kind: Kind = Kind.HUMAN
    thread: Thread = Thread.NEW
    topic: str = "none"
    sender_marked: Priority | None = None
    """What the sender's own priority headers claimed; None when they claimed nothing."""
    why: tuple[Evidence, ...] = ()
    seen: "Seen | None" = field(default=None, compare=False, repr=False)
    """What it was made of, so that it can be made again by other policies."""
