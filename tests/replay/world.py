"""Customers and helpdesk: who writes when, who answers, and what follows from what mailtriage sends.

Everything is drawn from one seeded source, in the order in which it happens.
"""

import heapq
import itertools
import math
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Final, Literal

from tests.replay import nuisance
from tests.replay.helpdesk import Helpdesk
from tests.replay.letters import Kind, Letter, Person, Writer
from tests.replay.place import Place
from tests.replay.record import Arrival, Left, Record, Vote, What
from tests.replay.simulated import DAY, HOUR, is_working_day, local, moment
from tests.support.sink import Delivery

A_DAY: Final = 40
"""Mails of people on a working day; on others a sixth."""
TAUGHT_DAYS: Final = 21
SURGE_DAY, SURGE_HOURS, SURGE_FACTOR = 9, (9, 21), 4
"""The Wednesday of the second week."""
CHASE_AFTER: Final = 2 * DAY
_BY_HOUR: Final = (
    1,
    1,
    0,
    0,
    1,
    2,
    5,
    10,
    17,
    20,
    20,
    18,
    13,
    15,
    17,
    16,
    14,
    11,
    9,
    8,
    7,
    5,
    3,
    2,
)

_FOLLOWED_BY: Final[tuple[tuple[Kind, float, tuple[float, float]], ...]] = (
    ("thanks", 0.12, (0.5, 1.5)),
    ("chaser", 0.08, (2.0, 2.1)),
    ("more", 0.05, (0.01, 0.1)),
)
"""What customers wrote besides in the weeks before, the share of matters, and days later."""

Act = Callable[[], Awaitable[None]]


class World:
    """Everybody but mailtriage."""

    def __init__(self, seed: int, record: Record) -> None:
        self.writer: Final = Writer(seed)
        self.record: Final = record
        self.place: Place
        self._random: Final = self.writer.random
        self._due: Final[list[tuple[float, int, Act]]] = []
        self._numbers: Final = itertools.count()
        self._regulars: Final[list[Person]] = []
        self._robots: Final[dict[str, tuple[Person, bool]]] = {}
        """Unmarked ones by address, and whether they refer to what they answer."""
        self._letters: Final[dict[str, Letter]] = {}
        self._away: Final[set[str]] = set()
        self._gone: Final[set[str]] = set()
        """Addresses whose server refuses all mail."""
        self._busy: Final[set[str]] = set()
        """Addresses whose server refuses the first attempt."""

    def bind(self, place: Place, helpdesk: Helpdesk) -> None:
        """Where mail goes, and who answers it."""
        self.place, self.helpdesk = place, helpdesk

    # Time.

    def at(self, at: float, act: Act) -> None:
        """That is going to happen then."""
        heapq.heappush(self._due, (at, next(self._numbers), act))

    async def run(self, until: float, step: float) -> None:
        """Let everything happen. At least every `step` seconds time is told to pass."""
        now = self.place.clock.now()
        while now < until:
            coming = self._due[0][0] if self._due else until
            now = min(coming, now + step, until)
            await self.place.pass_time(now)
            while self._due and self._due[0][0] <= now:
                _, _, act = heapq.heappop(self._due)
                await act()

    # What is planned.

    async def teach(self, first: date) -> None:
        """The weeks before, in which mail was tagged and nothing else."""
        letters: list[tuple[float, Letter]] = []
        for day in range(-TAUGHT_DAYS, 0):
            for at in self._moments(first + timedelta(day)):
                letter = self.writer.first(self.writer.person(), at)
                letters.append((at, letter))
                for kind, share, days in _FOLLOWED_BY:
                    if self._random.random() < share:
                        later = at + self._random.uniform(*days) * DAY
                        letters.append((later, self.writer.later(letter, kind, later)))
        letters = [(at, letter) for at, letter in letters if at < self.record.begins]
        for number, (at, letter) in enumerate(sorted(letters, key=lambda each: each[0])):
            self.place.clock.set(at)
            await self.place.teach(letter.sender, [letter.mailbox], letter.raw, number)
        self.record.taught = len(letters)

    def plan(self, first: date, days: int) -> None:
        """Draw when people and machines write."""
        for number in range(days):
            day = first + timedelta(number)
            for at in self._moments(day):
                self.at(at, self._somebody_writes)
            for make in (
                nuisance.newsletter, nuisance.newsletter, nuisance.spam, nuisance.spam,
                nuisance.bounce, nuisance.mailing_list, nuisance.forged, nuisance.blind,
            ):  # fmt: skip
                at = moment(day, self._random.uniform(0, 24))
                self.at(at, lambda make=make, at=at: self._arrives(make(self.writer, at)))
            if number % 4 == 1:
                at = moment(day, self._random.uniform(8, 18))
                self.at(at, lambda at=at, n=number: self._robot_begins(at, refers=n % 8 == 1))
            if number == SURGE_DAY:
                self._plan_surge(day)

    def _plan_surge(self, day: date) -> None:
        usual = A_DAY * 0.3
        begins, ends = SURGE_HOURS
        self.record.surge = moment(day, begins)
        for _ in range(round(usual * (SURGE_FACTOR - 1))):
            at = moment(day, self._random.uniform(begins, ends))
            self.at(at, lambda: self._somebody_writes("delivery"))

    def _moments(self, day: date) -> Iterator[float]:
        mean = A_DAY if is_working_day(day) else A_DAY / 6
        for _ in range(self._poisson(mean)):
            hour = self._random.choices(range(24), _BY_HOUR)[0]
            yield moment(day, hour + self._random.random())

    def _poisson(self, mean: float) -> int:
        """By Knuth's way: how many uniform factors until e to the minus mean."""
        count, product = 0, self._random.random()
        while product > math.exp(-mean):
            count, product = count + 1, product * self._random.random()
        return count

    # What customers do.

    async def _somebody_writes(self, skill: str = "") -> None:
        now = self.place.clock.now()
        if self._regulars and self._random.random() < 0.1:
            person = self._random.choice(self._regulars)
        else:
            person = self.writer.person()
            self._regulars.append(person)
            chance = self._random.random()
            if chance < 0.02:
                self._away.add(person.address)
            elif chance < 0.03:
                self._gone.add(person.address)
            elif chance < 0.04:
                self._busy.add(person.address)
        letter = self.writer.first(person, now, skill=skill)
        await self._arrives(letter)
        if self._random.random() < 0.05:
            self.at(now + self._random.uniform(60, 900), lambda: self._arrives_again(letter))
        self.at(now + CHASE_AFTER, lambda: self._chases(letter))

    async def _arrives(self, letter: Letter) -> None:
        self._letters.setdefault(letter.message_id, letter)
        delivered = await self.place.receive(letter.sender, [letter.mailbox], letter.raw)
        now = self.place.clock.now()
        self.record.arrivals.append(Arrival(now, letter, delivered))
        await self.helpdesk.gets(letter, delivered)

    async def _arrives_again(self, letter: Letter) -> None:
        """A client that lost the reply to its mail sends it once more (RFC 1047)."""
        await self._arrives(replace(letter, kind="again"))

    async def _chases(self, letter: Letter) -> None:
        if self.record.answer_to(letter.matter) is None and self._random.random() < 0.7:
            now = self.place.clock.now()
            await self._arrives(self.writer.later(letter, "chaser", now))

    async def thanks(self, letter: Letter, reply_to: str) -> None:
        """The customer is content."""
        now = self.place.clock.now()
        await self._arrives(self.writer.later(letter, "thanks", now, reply_to=reply_to))

    async def _robot_begins(self, at: float, *, refers: bool) -> None:
        person = Person("Service Centre", f"tickets@r{len(self._robots)}.example", "en")
        self._robots[person.address] = person, refers
        await self._arrives(nuisance.robot(self.writer, at, person, "Your request 4711"))

    # What mailtriage sends them.

    def take(self, delivery: Delivery) -> str:
        """The customers' server is given a mail of mailtriage's own. Returns its reply."""
        now, to = self.place.clock.now(), delivery.recipients[0]
        reply = ""
        if to in self._gone:
            reply = "550 5.1.1 no such user"
        elif to in self._busy:
            self._busy.discard(to)
            reply = "451 4.3.0 come again"
            self.at(now + 4, self._nothing)
        left = self._left(delivery, reply)
        self.record.left.append(left)
        if not reply:
            self._react(left)
        return reply

    def _left(self, delivery: Delivery, reply: str) -> Left:
        now = self.place.clock.now()
        header = {name.lower(): value for name, value in delivery.header}
        key = self.place.tokens.read_ack_message_id(header.get("message-id", "")) or b""
        what: What = "other"
        if header.get("message-id", "").startswith("<alert."):
            what = "alert"
        elif header.get("auto-submitted") == "auto-replied":
            what = "ack"
        elif "list-unsubscribe" in header:
            what = "survey"
        elif header.get("auto-submitted") == "auto-generated":
            what = "update"
        promised = self.place.promised(key) if what == "ack" else 0.0
        return Left(now, what, delivery, key, promised, reply)

    def _react(self, left: Left) -> None:
        now, to = self.place.clock.now(), left.to
        own_id = str(left.message["Message-ID"])
        if to in self._robots:
            person, refers = self._robots[to]
            pause = self._random.choice((20.0, 400.0))
            subject = str(left.message["Subject"])
            self.at(
                now + pause,
                lambda: self._arrives(
                    nuisance.robot(
                        self.writer, now + pause, person, f"Re: {subject}",
                        own_id if refers else "",
                    )
                ),
            )  # fmt: skip
            return
        about = self._letters.get(left.about) if left.what == "ack" else None
        person = next((one for one in self._regulars if one.address == to), None)
        if person is not None and left.what == "survey":
            self._answers_survey(left, person)
        elif person is not None and to in self._away:
            self.at(
                now + 5,
                lambda: self._arrives(nuisance.vacation(self.writer, now + 5, person, own_id)),
            )
        elif about is not None and self._random.random() < 0.05:
            chain = f"{about.message_id} {own_id}"
            later = now + self._random.uniform(600, 2 * HOUR)
            self.at(
                later,
                lambda: self._arrives(
                    self.writer.later(about, "more", later, reply_to=own_id, chain=chain)
                ),
            )

    def _answers_survey(self, left: Left, person: Person) -> None:
        """Most say nothing. Some vote, of whom some think again; a few want no such mail."""
        now, chance = self.place.clock.now(), self._random.random()
        later = now + self._random.uniform(0.1, 40) * HOUR
        votes = re.findall(r"mailto:(v1\.[a-z0-9.]+@[a-z.]+)", left.text)
        out = re.findall(r"mailto:(o1\.[a-z0-9.]+@[a-z.]+)", str(left.message["List-Unsubscribe"]))
        if chance < 0.4:
            to = self._random.choice(votes)
            self.at(later, lambda: self._gives_back("vote", person, to))
        elif chance < 0.5:
            self.at(later, lambda: self._gives_back("opt-out", person, out[0]))

    async def _gives_back(self, what: Literal["vote", "opt-out"], person: Person, to: str) -> None:
        now = self.place.clock.now()
        letter = self.writer.compose("thanks", person, what, "", now, to=to)
        self.record.votes.append(Vote(now, person.address, what))
        await self.place.give_back(person.address, to, letter.raw)

    async def _nothing(self) -> None:
        """Time passes."""

    def is_sick_week(self, at: float) -> bool:
        """Whether one of the agents is away: in the third week."""
        return 14 <= (local(at) - local(self.record.begins)).days < 21
