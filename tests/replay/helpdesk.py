"""The helpdesk and its people: tickets, a queue by priority, and answers within working hours."""

import email.utils
import heapq
import itertools
import math
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from tests.replay.letters import HELP, Letter
from tests.replay.record import Answer
from tests.replay.simulated import DAY, HOUR, after_work, is_open, local, next_open
from tests.support.sink import Delivery

if TYPE_CHECKING:
    from tests.replay.world import World

AGENTS: Final = 5
EFFORT: Final = 33 * 60.0
"""Median of the working seconds that an answer takes."""
SPREAD: Final = 0.75
"""Of its logarithm."""
TICKET_ONLY: Final = 0.08
"""Share of answers that refer to nothing but bear the ticket's token in their subject."""
NEEDS_NONE: Final = 0.08
ASKS_OTHERS: Final = 0.1
THANKED: Final = 0.2
_RANKS: Final = {"urgent": 0, "high": 1, "normal": 2, "low": 3}

_ANSWERS: Final = {
    "de": "Guten Tag,\n\nwir haben den Vorgang geprüft und alles in die Wege geleitet.\n\nViele Grüße",
    "en": "Hello,\n\nwe have looked into this and set everything in motion.\n\nKind regards",
    "fr": "Bonjour,\n\nnous avons vérifié votre dossier et fait le nécessaire.\n\nCordialement",
    "es": "Hola:\n\nhemos revisado el caso y ya está todo en marcha.\n\nUn saludo",
}


@dataclass
class Ticket:
    """One matter."""

    number: int
    letter: Letter
    needs_answer: bool
    chain: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        """As it stands in subjects."""
        return f"[Desk #{self.number}]"


class Helpdesk:
    """Gets what the door lets through, and answers through the same door."""

    def __init__(self, world: "World", random: Random) -> None:
        self._world: Final = world
        self._random: Final = random
        self._tickets: Final[dict[str, Ticket]] = {}
        self._numbers: Final = itertools.count(1001)
        self._queue: Final[list[tuple[int, float, int, Ticket]]] = []
        self._at_work = 0

    async def gets(self, letter: Letter, delivered: Delivery) -> None:
        """A mail has arrived."""
        ticket = self._tickets.get(letter.matter)
        if ticket is not None:
            ticket.chain.append(letter.message_id)
            return
        number = next(self._numbers)
        human = letter.kind == "first"
        needs_answer = human and self._random.random() >= NEEDS_NONE
        ticket = Ticket(number, letter, needs_answer, [letter.message_id])
        self._tickets[letter.matter] = ticket
        now = self._world.place.clock.now()
        if letter.mailbox == HELP:
            self._world.at(now + 6, lambda: self._notify(ticket))
        if needs_answer:
            rank = _RANKS.get(delivered.tags.get("x-mailtriage-priority", ""), 2)
            heapq.heappush(self._queue, (rank, now, number, ticket))
            self._world.at(next_open(now), self._work)

    async def _work(self) -> None:
        """Whoever is free takes the next ticket."""
        now = self._world.place.clock.now()
        if not is_open(now):
            return
        people = AGENTS - self._world.is_sick_week(now)
        while self._queue and self._at_work < people:
            *_, ticket = heapq.heappop(self._queue)
            self._at_work += 1
            effort = EFFORT * math.exp(self._random.gauss(0, SPREAD))
            self._world.at(after_work(now, effort), lambda t=ticket: self._done(t))

    async def _done(self, ticket: Ticket) -> None:
        self._at_work -= 1
        now = self._world.place.clock.now()
        if self._random.random() < ASKS_OTHERS:
            later = after_work(now, self._random.uniform(1, 10) * HOUR)
            self._world.at(later, lambda: self._answer(ticket))
        else:
            await self._answer(ticket)
        self._world.at(next_open(now), self._work)

    async def _answer(self, ticket: Ticket) -> None:
        now, letter = self._world.place.clock.now(), ticket.letter
        threaded = self._random.random() >= TICKET_ONLY or letter.mailbox != HELP
        message_id = f"<a{ticket.number}.{self._random.getrandbits(32):x}@desk.example>"
        fields = [f"Subject: {ticket.token} Re: {ticket.number}", f"Message-ID: {message_id}"]
        if threaded:
            fields.append(f"In-Reply-To: {ticket.chain[-1]}")
            fields.append(f"References: {' '.join(ticket.chain)}")
        text = _ANSWERS[letter.person.language]
        await self._submit(letter.mailbox, letter.person.address, fields, text)
        self._world.record.answers.append(Answer(now, letter.matter, threaded))
        if threaded and self._random.random() < THANKED:
            later = now + self._random.uniform(0.1, 20) * HOUR
            self._world.at(later, lambda: self._world.thanks(letter, message_id))
        if self._random.random() < 0.3:
            self._world.at(now + DAY, lambda: self._closed(ticket))

    async def _notify(self, ticket: Ticket) -> None:
        """The helpdesk tells its people of a new ticket."""
        fields = [
            f"Subject: {ticket.token} New ticket",
            f"Message-ID: <n{ticket.number}@desk.example>",
            f"References: {ticket.letter.message_id}",
            "Auto-Submitted: auto-generated",
        ]
        await self._submit(HELP, "agents@desk.example", fields, "There is a new ticket.")

    async def _closed(self, ticket: Ticket) -> None:
        """The helpdesk tells the customer by itself that the ticket is closed: no answer of a
        human's."""
        fields = [
            f"Subject: {ticket.token} Closed",
            f"Message-ID: <c{ticket.number}@desk.example>",
            f"References: {ticket.letter.message_id}",
            "Auto-Submitted: auto-generated",
        ]
        letter = ticket.letter
        await self._submit(letter.mailbox, letter.person.address, fields, "The ticket is closed.")

    async def _submit(self, sender: str, to: str, fields: list[str], text: str) -> None:
        date = email.utils.format_datetime(local(self._world.place.clock.now()))
        head = [
            f"From: Desk Example <{sender}>",
            f"To: {to}",
            f"Date: {date}",
            *fields,
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 8bit",
        ]
        raw = "\n".join([*head, "", text, ""]).replace("\n", "\r\n").encode()
        left = await self._world.place.submit(sender, [to], raw)
        self._world.record.submitted.append((raw, left))
