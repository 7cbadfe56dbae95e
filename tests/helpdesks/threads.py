"""Does the customer's answer to our acknowledgement find its ticket? Six cases, for every profile.

Run as `python -m tests.helpdesks.threads` it prints the table of docs/helpdesks.md. Each mail is
made by the program itself: the ticket's first mail, the acknowledgement in the profile's style, and
the answer after our repair, with a real ledger. What the helpdesk makes of it is re-stated from its
source (products/).
"""

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

from mailtriage.config.profile_file import shipped_profile
from tests.helpdesks.product import Product, Ticket
from tests.helpdesks.registry import products
from tests.support.office import BASE, HELP, JOE, Office, letter, open_office

CASES = (
    "usual",
    "In-Reply-To alone",
    "subject with a marker",
    'prefix "RES:"',
    "usual, repaired",
    "In-Reply-To alone, repaired",
)
_ROUTING = {"headers": "header", "recipient": "recipient", "pipe": "pipe"}
OWN = "answer to the helpdesk's own"


@dataclass(frozen=True, slots=True)
class Row:
    """One profile."""

    profile: str
    routing: str
    """How mail gets into the right queue."""
    ack: str
    """Who acknowledges, by default."""
    cases: tuple[bool, ...]
    own: bool | None
    """Whether an answer to the helpdesk's own mail finds its ticket; None: nothing is known."""
    threads: str
    evidence: str

    @property
    def recommended(self) -> bool:
        """Whether the usual answer finds its ticket in the mode that the profile sets."""
        profile = shipped_profile(self.profile)
        assert profile is not None
        if profile.ack == "delegate":
            return bool(self.own)
        return self.cases[4 if profile.repair == "headers" else 0]


def rows() -> list[Row]:
    """The whole table."""
    return [_row(product) for product in products().values()]


def _row(product: Product) -> Row:
    profile = shipped_profile(product.profile)
    assert profile is not None
    cases = dict(_cases(product, profile.subject_style))
    own = None
    if product.own_reply is not None:
        with _office(product, profile.subject_style) as (office, ticket):
            mail = _parsed(product.own_reply(ticket))
            own = product.joins(_taken(office, _answer(mail)), ticket)
    return Row(
        product.profile,
        profile.routing,
        profile.ack,
        tuple(cases[case] for case in CASES),
        own,
        product.threads,
        product.evidence,
    )


def _cases(product: Product, style: str) -> Iterator[tuple[str, bool]]:
    with _office(product, style, repair="off") as (office, ticket):
        ack = _acknowledgement(office)
        yield CASES[0], product.joins(_taken(office, _answer(ack)), ticket)
        alone = _answer(ack, references=False)
        yield CASES[1], product.joins(_taken(office, alone), ticket)
        res = _answer(ack, prefix="RES: ")
        yield CASES[3], product.joins(_taken(office, res), ticket)
    with _office(product, "marker", repair="off") as (office, ticket):
        marked = _answer(_acknowledgement(office))
        yield CASES[2], product.joins(_taken(office, marked), ticket)
    with _office(product, style, repair="headers") as (office, ticket):
        ack = _acknowledgement(office)
        yield CASES[4], product.joins(_taken(office, _answer(ack)), ticket)
        alone = _answer(ack, references=False)
        yield CASES[5], product.joins(_taken(office, alone), ticket)


@contextmanager
def _office(
    product: Product, style: str, repair: str = "headers"
) -> Iterator[tuple[Office, Ticket]]:
    """An installation that has acknowledged Joe's first mail, and the ticket made of that."""
    toml = (
        f'{BASE}[mailboxes."{HELP}"]\nprofile = "{product.profile}"\nack = "send"\n'
        f'subject_style = "{style}"\nrepair = "{repair}"\n{product.settings}\n'
    )
    with TemporaryDirectory() as folder, open_office(Path(folder), toml) as office:
        taken = office.take(letter())
        office.deliver(taken.copy())
        # What was received before this helpdesk's own Received: is what the helpdesk stores.
        yield office, Ticket(taken.message, "4711", JOE)


def _acknowledgement(office: Office) -> EmailMessage:
    (ack,) = office.send_all()
    return ack


def _answer(to: EmailMessage, *, references: bool = True, prefix: str = "Re: ") -> bytes:
    """What a customer's mail program makes when asked to answer that mail (RFC 5322 section 3.6.4)."""
    subject = str(to["Subject"])
    if subject[:4].lower() == "re: ":
        subject = subject[4:]
    known = f"{to['References'] or to['In-Reply-To'] or ''} {to['Message-ID']}".split()
    threading = f"In-Reply-To: {to['Message-ID']}\n"
    if references:
        threading += f"References: {' '.join(known)}\n"
    return letter(
        "Thank you. The number on the parcel is 17.\n",
        message_id="<m2@customer.example>",
        subject=prefix + subject,
        more=threading.rstrip("\n"),
    )


def _taken(office: Office, raw: bytes) -> bytes:
    return office.take(raw).message


def _parsed(raw: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def table(found: list[Row]) -> str:
    """Markdown."""
    head = ["profile", "routes by", "acknowledges", *CASES, OWN, "finds it by", "evidence"]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    for row in found:
        answers = [_mark(case) for case in (*row.cases, row.own)]
        who = "helpdesk" if row.ack == "delegate" else "mailtriage"
        name = f"[{row.profile}](../config/helpdesks/{row.profile}/README.md)"
        cells = [name, _ROUTING[row.routing], who, *answers, row.threads, row.evidence]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _mark(joined: bool | None) -> str:
    return "?" if joined is None else "yes" if joined else "**no**"


if __name__ == "__main__":
    print(table(rows()))
