"""What was seen in a mail: all that its Triage is then made of, and nothing of its text.

Between looking (`judge.look`) and concluding (`judge.conclude`) stands this: so a decision can be
made of it again, by other policies, when the mail is long gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailtriage.policies.matcher import Hit
from mailtriage.triage.deadline import NOTHING, Times
from mailtriage.triage.language import UNKNOWN, Language
from mailtriage.triage.learned import NO_MODEL, Learned
from mailtriage.triage.model import Direction, Evidence, Kind, Priority, Tier


@dataclass(frozen=True, slots=True)
class Seen:
    """What looking at one mail has found."""

    direction: Direction = Direction.INBOUND
    tier: Tier = Tier.UNKNOWN
    tier_why: tuple[Evidence, ...] = ()
    marked: Priority | None = None
    """What the sender's own priority headers claimed."""
    spoken: Language = UNKNOWN
    standing: Evidence | None = None
    """What header and subject say of the thread."""
    robot: tuple[Kind, tuple[Evidence, ...]] | None = None
    """What the header settles: no human wrote it. Then nothing is looked for in its words."""
    held: Mapping[str, str] = field(default_factory=dict)
    """Signals of the priority, on sender or header, that hold, and where: all that may lift a
    robot's mail. Where the header settles the kind, only those with a floor are tried."""
    null_sender: bool = False
    hits: tuple[Hit, ...] = ()
    """In the order of the policies."""
    learned: Learned = NO_MODEL
    times: Times = NOTHING
    unfounded: frozenset[str] = frozenset()
    """Signals of the priority whose danger is not meant to be so now."""
    skills: tuple[str, ...] = ()
    """Those that its mailbox may give; empty: all."""
