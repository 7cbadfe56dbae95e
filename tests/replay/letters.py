"""What customers and machines write, out of grammar.toml: seeded, varied, and known in all parts."""

import email.utils
import random
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from email.header import Header
from pathlib import Path
from typing import Any, Final, Literal

from tests.replay.simulated import ZONE, local

HELP, SERVICE = "help@desk.example", "service@desk.example"
LANGUAGES: Final = {"de": 0.5, "en": 0.25, "fr": 0.15, "es": 0.1}
SKILLS: Final = {"billing": 0.3, "delivery": 0.3, "technical": 0.25, "returns": 0.15}
_NAMES: Final = (
    "Anna Maier", "Ben Cooper", "Clara Dupont", "David Ruiz", "Eva Lang", "Felix Brandt",
    "Grace Hall", "Hugo Martin", "Ines Vega", "Jonas Keller", "Kim Novak", "Lea Simon",
    "Marta Gil", "Nils Vogt", "Olga Weber", "Paul Reed",
)  # fmt: skip
_GRAMMAR: Final = tomllib.loads((Path(__file__).parent / "grammar.toml").read_text("utf-8"))

Kind = Literal[
    "first",        # a human's first mail of a matter, authenticated: must be acknowledged
    "chaser",       # the same human asks again
    "more",         # adds something to it, in reply to the acknowledgement
    "thanks",       # after the answer
    "again",        # the very same mail once more
    "forged",       # a human's words, the sender not authenticated
    "spam",
    "newsletter",
    "bounce",
    "vacation",     # an automatic answer, marked as one
    "list",         # a mailing list
    "robot",        # a machine without any mark, which answers whatever it gets
    "blind",        # the mailbox is in no header field
]  # fmt: skip
HUMANS: Final = frozenset({"first", "chaser", "more", "thanks", "again"})
ANSWERED: Final = frozenset({"first", "robot"})
"""Kinds of mail that may be acknowledged; a robot without a mark for as long as it is none."""


@dataclass(frozen=True, slots=True)
class Person:
    """A customer."""

    name: str
    address: str
    language: str

    @property
    def domain(self) -> str:
        """Of the address."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail that comes in."""

    kind: Kind
    person: Person
    sender: str
    """Reverse-path; empty: the null one."""
    mailbox: str
    subject: str
    text: str
    message_id: str
    matter: str
    """The Message-ID of the first mail of its matter."""
    raw: bytes
    skill: str = ""


class Writer:
    """Writes mails; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random: Final = random.Random(seed)
        self._number = 0

    def person(self) -> Person:
        """Somebody who has not written before."""
        self._number += 1
        name = self.random.choice(_NAMES)
        local_part = name.lower().replace(" ", ".")
        language = self.one_of(LANGUAGES)
        return Person(name, f"{local_part}@c{self._number}.example", language)

    def one_of(self, weights: dict[str, float]) -> str:
        """One of these, by its weight."""
        return self.random.choices(list(weights), list(weights.values()))[0]

    def first(self, person: Person, at: float, *, skill: str = "", kind: Kind = "first") -> Letter:
        """The first mail of a matter."""
        skill = skill or self.one_of(SKILLS)
        words: dict[str, Any] = _GRAMMAR[person.language]
        slots = self._slots(words, at)
        some = [self.random.choice(words[skill][part]) for part in ("problems", "details")]
        lines = [*some, self.random.choice(words["asks"])]
        text = self._letter(person, " ".join(lines), slots)
        subject = self.random.choice(words[skill]["subjects"]).format(**slots)
        mailbox = HELP if self.random.random() < 0.6 else SERVICE
        return self.compose(kind, person, subject, text, at, mailbox=mailbox, skill=skill)

    def later(
        self, about: Letter, kind: Kind, at: float, *, reply_to: str = "", chain: str = ""
    ) -> Letter:
        """Another mail of the same customer, about the same matter. `reply_to`: Message-ID of the
        mail of ours that it answers; `chain`: its References."""
        words: dict[str, Any] = _GRAMMAR[about.person.language]
        what = self.random.choice(words[{"chaser": "chasers"}.get(kind, kind)])
        text = self._letter(about.person, what, self._slots(words, at))
        subject = f"Re: {about.subject}"
        answered = reply_to or about.message_id
        fields = [f"In-Reply-To: {answered}", f"References: {chain or about.matter}"]
        if answered not in fields[1]:
            fields[1] += f" {answered}"
        return self.compose(
            kind, about.person, subject, text, at, mailbox=about.mailbox, fields=fields,
            matter=about.matter, skill=about.skill,
        )  # fmt: skip

    def compose(
        self,
        kind: Kind,
        person: Person,
        subject: str,
        text: str,
        at: float,
        *,
        mailbox: str = HELP,
        fields: list[str] | None = None,
        matter: str = "",
        skill: str = "",
        sender: str | None = None,
        results: str = "pass",
        to: str = "",
        content_type: str = "text/plain; charset=utf-8",
    ) -> Letter:
        """The mail as the server in front of mailtriage hands it on."""
        self._number += 1
        message_id = f"<m{self._number}.{self.random.getrandbits(40):x}@{person.domain}>"
        sender = person.address if sender is None else sender
        stamp = email.utils.format_datetime(local(at))
        whose = sender or f"postmaster@{person.domain}"
        found = f"spf={results} smtp.mailfrom={whose}; dmarc={results} header.from={person.domain}"
        head = [
            f"Authentication-Results: mx.desk.example; {found}",
            f"Received: from mail.{person.domain} (mail.{person.domain} [203.0.113.9])",
            f"\tby mx.desk.example (Postfix) with ESMTPS id 4R{self._number:08d}; {stamp}",
            f"From: {person.name} <{person.address}>",
            f"To: {to or mailbox}",
            f"Subject: {Header(subject, 'utf-8' if not subject.isascii() else None).encode()}",
            f"Date: {email.utils.format_datetime(local(at) - timedelta(seconds=4))}",
            f"Message-ID: {message_id}",
            *(fields or []),
            "MIME-Version: 1.0",
            f"Content-Type: {content_type}",
            "Content-Transfer-Encoding: 8bit",
        ]
        wire = "\n".join([*head, "", text, ""]).replace("\n", "\r\n").encode()
        return Letter(
            kind, person, sender, mailbox, subject, text, message_id, matter or message_id, wire,
            skill,
        )  # fmt: skip

    def _letter(self, person: Person, what: str, slots: dict[str, str]) -> str:
        words: dict[str, Any] = _GRAMMAR[person.language]
        greeting, closing = (self.random.choice(words[part]) for part in ("greetings", "closings"))
        body = what.format(**slots)
        if not greeting.endswith(",") or person.language != "de":
            body = body[0].upper() + body[1:]
        return f"{greeting}\n\n{body}\n\n{closing}\n{person.name}"

    def _slots(self, words: dict[str, Any], at: float) -> dict[str, str]:
        day = local(at) - timedelta(days=self.random.randint(2, 9))
        return {
            "order": str(self.random.randint(100_000, 999_999)),
            "product": self.random.choice(words["products"]),
            "amount": f"{self.random.randint(9, 300)},{self.random.randint(10, 99)}",
            "day": f"{day.astimezone(ZONE):%d.%m.%Y}",
        }
