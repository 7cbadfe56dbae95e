"""The mails of a run, and the clients that send them until somebody answers."""

import random
import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.chaos.refuser import MARK
from tests.support.site import HELP, Site, customer_mail
from tests.support.smtp import SmtpClient, SmtpReply, stuffed

CLIENTS: Final = 8
REFUSED: Final = 0.10
LOSES_REPLY: Final = 0.05

DOORS: Final = ("before", "after")
"""The smtpd services, by where the milter that refuses stands: before mailtriage, or after it."""

_PATIENCE: Final = 30.0
"""Seconds that a client waits for an answer."""

_AGAIN: Final = 0.1
"""Seconds before it tries again."""

_QUEUED: Final = re.compile(r"queued as (\S+)")


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail; each has a customer of its own, at a domain and an IP address of its own."""

    number: int
    refused: bool = False
    """By the other milter."""
    loses_reply: bool = False
    """Its client hangs up after the final dot, the first time."""
    door: str = "mx"

    @property
    def sender(self) -> str:
        """Whom the acknowledgement goes to."""
        return f"kim{self.number}@customer{self.number}.example"

    @property
    def message_id(self) -> str:
        """As `customer_mail` writes it."""
        return f"<m{self.number}@customer{self.number}.example>"

    @property
    def client(self) -> str:
        """IP address, out of those that RFC 2544 gives to tests."""
        return f"198.18.{self.number >> 8 & 255}.{self.number & 255}"

    @property
    def content(self) -> bytes:
        """The mail."""
        return customer_mail(self.number, header=f"{MARK}: yes\n" if self.refused else "")


@dataclass(slots=True)
class Posting:
    """What became of a letter, as its client knows it."""

    letter: Letter
    verdict: Literal["accepted", "refused", "unsettled"] = "unsettled"
    tries: int = 0
    lost: int = 0
    """Replies that the client did not wait for."""
    queue_ids: list[str] = field(default_factory=list)


def letters(mails: int, rng: random.Random) -> list[Letter]:
    """That many, of which a fixed share is refused, and a fixed share loses its reply."""
    numbers = range(1, mails + 1)
    refused = set(rng.sample(numbers, round(mails * REFUSED)))
    lost = set(rng.sample(numbers, round(mails * LOSES_REPLY)))
    return [
        Letter(number, number in refused, number in lost, DOORS[number % 2]) for number in numbers
    ]


def post_all(
    site: Site,
    what: Sequence[Letter],
    ends: float,
    *,
    clients: int = CLIENTS,
    pause: float = 0.0,
) -> list[Posting]:
    """Send them all, until `ends` (time.monotonic). `pause`: seconds between two of one client."""
    waiting = iter(what)
    lock = threading.Lock()

    def mine() -> Iterator[Letter]:
        while True:
            with lock:
                letter = next(waiting, None)
            if letter is None:
                return
            yield letter

    def client(_: int) -> list[Posting]:
        done = []
        for letter in mine():
            done.append(post(site, letter, ends))
            time.sleep(pause)
        return done

    with ThreadPoolExecutor(clients) as pool:
        found = [one for done in pool.map(client, range(clients)) for one in done]
    return sorted(found, key=lambda posting: posting.letter.number)


def post(site: Site, letter: Letter, ends: float) -> Posting:
    """Send one until it is accepted or refused for good, or until `ends`."""
    posting = Posting(letter)
    while time.monotonic() < ends:
        posting.tries += 1
        hang_up = letter.loses_reply and not posting.lost
        try:
            reply = _attempt(site.postfix.ports[letter.door], letter, hang_up=hang_up)
        except (OSError, AssertionError):  # no connection, or a step before the end was not taken
            time.sleep(_AGAIN)
            continue
        if reply is None:
            posting.lost += 1
        elif reply.code // 100 == 2:
            posting.verdict = "accepted"
            posting.queue_ids += _QUEUED.findall(reply.text)
            break
        elif reply.code // 100 == 5:
            posting.verdict = "refused"
            break
        else:
            time.sleep(_AGAIN)
    return posting


def _attempt(port: int, letter: Letter, *, hang_up: bool) -> SmtpReply | None:
    """The reply to the final dot; None when it was not waited for."""
    session = SmtpClient(port, timeout=_PATIENCE)
    try:
        session.greet(letter.client)
        session.envelope([HELP], letter.sender)
        session.command("DATA", 3)
        session.send(stuffed(letter.content))
        return None if hang_up else session.receive()
    finally:
        session.drop()
