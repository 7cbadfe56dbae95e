"""What happened in a replay, as the two sinks and the helpdesk saw it: all that rules.py looks at."""

import email.policy
import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from functools import cached_property
from typing import Literal

from tests.replay.letters import Letter
from tests.support.sink import Delivery

What = Literal["ack", "update", "survey", "alert", "other"]


@dataclass(frozen=True)
class Arrival:
    """A mail that came in."""

    at: float
    letter: Letter
    delivered: Delivery
    """As the helpdesk got it."""


@dataclass(frozen=True)
class Left:
    """A mail that mailtriage itself wrote, as a customer's server was given it."""

    at: float
    what: What
    delivery: Delivery
    key: bytes = b""
    """Of the mail that it acknowledges."""
    promised: float = 0.0
    """What its conversation was promised when it left; 0: nothing."""
    reply: str = ""
    """Of the server; empty: it took the mail."""

    @cached_property
    def message(self) -> EmailMessage:
        """Taken apart."""
        return message_from_bytes(self.delivery.content, policy=email.policy.default)

    @property
    def to(self) -> str:
        """The one recipient."""
        return self.delivery.recipients[0]

    @property
    def about(self) -> str:
        """Message-ID of the mail that it answers."""
        return str(self.message["In-Reply-To"] or "")

    @cached_property
    def text(self) -> str:
        """Of all its parts that are read."""
        parts = [part for part in self.message.walk() if part.get_content_maintype() == "text"]
        return "\n".join(str(part.get_content()) for part in parts)

    @property
    def languages(self) -> set[str]:
        """As its Content-Language says."""
        return set(re.findall(r"[a-z]{2}", str(self.message["Content-Language"] or "")))


@dataclass(frozen=True)
class Answer:
    """A human's answer that left through the door."""

    at: float
    matter: str
    threaded: bool
    """Whether it refers to what it answers; else it bears the ticket's token alone."""


@dataclass(frozen=True)
class Vote:
    """A customer did with a survey what its links are for."""

    at: float
    address: str
    what: Literal["vote", "opt-out"]


@dataclass
class Record:
    """All of it."""

    begins: float
    ends: float
    arrivals: list[Arrival] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    submitted: list[tuple[bytes, Delivery]] = field(default_factory=list)
    """Mails of the helpdesk's, answers included: as it wrote them, and as they left."""
    taught: int = 0
    """Mails that early warning learnt from, before the first day."""
    surge: float = 0.0
    """When much more delivery mail than usual began to come; 0: never."""
    logged: list[dict[str, object]] = field(default_factory=list)
    log: str = ""
    metrics: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)
    seconds: float = 0.0

    def of(self, *what: What) -> list[Left]:
        """Mails of ours of that kind that a server took."""
        return [one for one in self.left if one.what in what and not one.reply]

    @cached_property
    def by_id(self) -> dict[str, Arrival]:
        """Mails that came in, by Message-ID; of one that came twice, the first."""
        return {one.letter.message_id: one for one in reversed(self.arrivals)}

    def answer_to(self, matter: str) -> Answer | None:
        """The first one."""
        return next((one for one in self.answers if one.matter == matter), None)

    def counted(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that have those labels."""
        wanted = set(labels.items())
        return sum(v for (n, found), v in self.metrics.items() if n == name and wanted <= found)
