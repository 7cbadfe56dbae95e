"""What the weekly report is made of, and what it says: values.

It is about the team's work. Nobody is named or ranked: no agent, no customer, no address; queue ids
lead to single mails where somebody has to read one. What there is no data for is None, with a
sentence in `missing` that says why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mailtriage.insight.kept import Outcome
from mailtriage.insight.mood_trend import Course

LEAST: Final = 5
"""Below it a count is no share, and a few answers have no quantile: they would tell of single
mails, and change with each."""
ALL: Final = ""
"""Name of the row of all skills together."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to before `end`, in seconds since the epoch."""

    start: float
    end: float

    def __contains__(self, at: object) -> bool:
        return isinstance(at, int | float) and self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Mail:
    """What counts of one inbound mail that was judged: words of its header."""

    at: float
    queue_id: str
    kind: str
    skill: str
    priority: str
    language: str
    mood: str
    churn: str
    thread: str
    kb: str
    ack: str
    ack_rule: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A first answer, or a wait that ended without one."""

    skill: str
    at: float
    worked: float | None
    """Seconds of opening hours; None: nobody answered."""
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is open of one skill at a moment. `oldest`: seconds since the epoch."""

    count: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Surge:
    """Something rose, and the team was told. `kind`: topic, skill, language or unsure."""

    at: float
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A customer who was asked how it went. Times are seconds since the epoch; 0: never."""

    at: float
    skill: str
    vote: int
    """1 to 5; 0: none; below: void."""
    voted: float


@dataclass(frozen=True, slots=True)
class Told:
    """An update that went out, before a promise slipped. Times are seconds since the epoch."""

    at: float
    conversation: int
    promised: float
    """What the customer was told last; 0: not known any more."""
    answered: float
    """When a human answered after it; 0: nobody has."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """What somebody said of one facet of one mail."""

    at: float
    mail: bytes
    """The same for all facets of one."""
    facet: str
    said: str
    """By us; empty: not known."""
    value: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A count, and that of the period before; None: not known."""

    now: int
    before: int | None = None

    @property
    def change(self) -> int | None:
        """In percent; None where either is too small to say."""
        if self.before is None or min(self.now, self.before) < LEAST:
            return None
        return round(100 * (self.now - self.before) / self.before)


@dataclass(frozen=True, slots=True)
class Named:
    """A figure with its name, such as a skill's."""

    name: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class Times:
    """A time in seconds of opening hours, and that of before; None: too few answers."""

    now: float | None
    before: float | None


@dataclass(frozen=True, slots=True)
class Answers:
    """First answers of one skill, or of all (`ALL`)."""

    skill: str
    answers: Figure
    half: Times
    """Half of the answers came within it."""
    most: Times
    """8 of 10 came within it."""
    kept: Figure
    judged: Figure
    """Promises that were kept or broken: what `kept` rests on."""
    unanswered: int
    """Promises whose mail nobody answered; they count neither way."""
    open: Figure
    """At the end."""
    oldest: float | None
    """Seconds by the wall clock that the oldest open one has waited at the end."""


@dataclass(frozen=True, slots=True)
class Volume:
    """What came in. But for `mails` and `acks` only what people wrote counts."""

    mails: Figure
    human: Figure
    chasers: Figure
    churn_high: Figure
    days: tuple[Named, ...]
    """By calendar day, named 2026-11-16."""
    hours: tuple[Figure, ...]
    """24, from midnight on."""
    languages: tuple[Named, ...]
    skills: tuple[Named, ...]
    priorities: tuple[Named, ...]
    moods: tuple[Named, ...]
    acks: tuple[Named, ...]
    rules: tuple[Named, ...]
    """Rules that forbade most acknowledgements."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the knowledge base that mails led to."""

    id: str
    title: str
    """Empty: the index has it no more."""
    figure: Figure


@dataclass(frozen=True, slots=True)
class Gap:
    """Mails of one skill and language to which no section was found."""

    skill: str
    language: str
    figure: Figure
    of: int
    """All mails of that skill and language."""
    examples: tuple[str, ...]
    """Queue ids, the newest first."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the knowledge base was good for."""

    found: Figure
    asked: Figure
    sections: tuple[Section, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class AskedOf:
    """Votes of one skill's customers."""

    name: str
    asked: Figure
    answered: Figure
    satisfied: Figure


@dataclass(frozen=True, slots=True)
class Surveys:
    """Questions that went out, and votes that came, also to earlier questions."""

    asked: Figure
    answered: Figure
    satisfied: Figure
    """Votes of 4 and 5."""
    opt_outs: Figure
    """Of all mailboxes."""
    skills: tuple[AskedOf, ...]
    """Those with votes enough, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Updates:
    """Conversations in which an update went out, as they stood at the end."""

    told: int
    again: int
    """Of these, told a second time."""
    kept: int
    """Answered by the time that the customer was told last."""
    broken: int
    """Answered later, or not by then."""
    waiting: int
    """That time is still to come."""


@dataclass(frozen=True, slots=True)
class Confused:
    """What was corrected of one facet."""

    facet: str
    mails: Figure
    said: str
    """The most frequent correction: from this; empty: not known."""
    value: str
    """To this."""
    count: int


@dataclass(frozen=True, slots=True)
class Corrections:
    """Mails that people at the desk corrected."""

    mails: Figure
    confirmed: int
    """Tags of which they said that they were right."""
    facets: tuple[Confused, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Why something is not there: sentences; empty where it is."""

    volume: str = ""
    before: str = ""
    """Why what came in is not compared."""
    replies: str = ""
    surges: str = ""
    knowledge: str = ""
    titles: str = ""
    surveys: str = ""
    updates: str = ""
    """Also what is not in it."""
    moods: str = ""
    corrections: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """All that a report is made of. None: there is no such data, and `missing` says why."""

    mails: Iterable[Mail] | None
    """In any order; read once."""
    replies: Sequence[Reply] | None
    open_now: Mapping[str, Waiting] = field(default_factory=dict)
    """By skill, at the end of the period."""
    open_before: Mapping[str, Waiting] = field(default_factory=dict)
    surges: Sequence[Surge] | None = None
    surges_before: bool = False
    """Whether those of the period before are known, too."""
    titles: Mapping[str, str] | None = None
    """Of sections, by id; None: there is no knowledge base."""
    surveys: Sequence[Asked] | None = None
    opt_outs: Sequence[float] = ()
    """Times."""
    updates: Sequence[Told] | None = None
    courses: Sequence[Course] | None = None
    """Moods of the customer's mails, of each conversation."""
    corrections: Sequence[Corrected] | None = None
    missing: Missing = field(default_factory=Missing)


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one period."""

    period: Period
    before: Period
    zone: str
    """IANA name, by which days and hours count."""
    mailbox: str
    """The one it is about; empty: all."""
    volume: Volume | None
    answers: tuple[Answers, ...] | None
    """All skills together first."""
    surges: tuple[Surge, ...] | None
    surges_count: Figure
    knowledge: Knowledge | None
    surveys: Surveys | None
    updates: Updates | None
    moods: tuple[Named, ...] | None
    """Conversations whose customer was in a better, the same or a worse mood in the end."""
    corrections: Corrections | None
    missing: Missing
