"""What the question "may this mail be answered?" costs while Postfix waits.

    python -m tests.bench.inline [--rounds 40]

In one process, without Postfix: whole analyses, and in turns with them the same tags without the
case, the rules, the ledger and the seal. The ledger is the real one: an SQLite file in which a
thousand mails are known, read as an analyser reads it. Medians of the rounds, CPU time.
"""

import argparse
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.doors.analysis import Analyst
from mailtriage.mail.model import Client, Envelope, Mail
from mailtriage.mail.read import read_message
from mailtriage.service.load import read_everything
from mailtriage.state.sqlite import open_database
from mailtriage.state.sqlite_ledger import SqliteLedger
from mailtriage.state.store import Inbound, NewAck, Store
from mailtriage.tags.apply import header_names
from mailtriage.tags.edits import edits
from mailtriage.triage.judge import triage
from tests.bench import corpus

REPEATS: Final = 40
"""Analyses in a row, before it is the other's turn."""
KNOWN: Final = 1000
"""Mails that the ledger knows."""

CONFIG: Final = """\
[state]
url = "sqlite://{directory}/state.db"
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[mailboxes."help@desk.example"]
"""

HEAD: Final = """\
Received: from mail.customer.example (mail.customer.example [203.0.113.7])
\tby mx.desk.example (Postfix) with ESMTPS id 4Vx1; Mon, 23 Nov 2026 09:00:00 +0100
Authentication-Results: mx.desk.example; dmarc=pass header.from=customer.example;
\tspf=pass smtp.mailfrom=customer.example
From: Ann Smith <ann@customer.example>
To: help@desk.example
Subject: Where is my order 4711?
Message-ID: <1@customer.example>
Date: Mon, 23 Nov 2026 09:00:00 +0100
"""
TEXT: Final = """
Hello,

I ordered a kettle two weeks ago and it has not arrived yet. Could you please tell me where it is?

Kind regards
Ann
"""
VOUCHED: Final = "Authentication-Results: mx.desk.example; dmarc=pass header.from={domain}\r\n"

KINDS: Final = {
    "a customer, plain text": HEAD + TEXT,
    "a customer's answer": HEAD + "References: <known7@customer.example>\n" + TEXT,
    "a robot": HEAD + "Auto-Submitted: auto-replied\n" + TEXT,
    "a list": HEAD + "List-Id: <talk.example.org>\nPrecedence: list\n" + TEXT,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One mail, and the two ways to deal with it."""

    name: str
    rule: str
    """The rule that forbids to answer it; empty when it is answered."""
    tags: Callable[[], object]
    whole: Callable[[], object]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "mailtriage.toml"
        file.write_text(CONFIG.format(directory=name))
        tokens = Tokens(secrets.token_bytes(32))
        database = Path(name) / "state.db"
        _fill(database, tokens)
        analyst = read_everything([file]).analyst(tokens, SqliteLedger(database, tokens))
        print(f"{'µs a mail':34}  tags alone  with the plan  added  ratio  rule")
        for case in _cases(analyst):
            alone, whole = _measured(case, arguments.rounds)
            print(
                f"{case.name:34}  {alone:10.0f}  {whole:13.0f}  {whole - alone:5.0f}"
                f"  {whole / alone:5.2f}  {case.rule or 'answered'}"
            )


def _cases(analyst: Analyst) -> list[Case]:
    mails = {name: text.replace("\n", "\r\n").encode() for name, text in KINDS.items()}
    letter = corpus.small(1)[0]
    domain = letter.sender.partition("@")[2]
    mails["a customer, alternatives, 50 fields"] = (
        VOUCHED.format(domain=domain).encode() + letter.data
    )
    cases = []
    for name, raw in mails.items():
        sender = letter.sender if raw.endswith(letter.data) else "ann@customer.example"
        envelope = Envelope(sender, ("help@desk.example",))
        read = partial(read_message, raw, envelope=envelope, client=Client("203.0.113.7"))
        names = header_names(raw)
        plan = analyst.analyse(read, names).plan
        if plan is None:
            raise RuntimeError(f"{name} cannot be analysed")
        tags = partial(_tags, analyst, read, names)
        whole = partial(analyst.analyse, read, names)
        cases.append(Case(name, plan.verdict.rule, tags, whole))
    return cases


def _tags(analyst: Analyst, read: Callable[[], Mail], names: list[str]) -> object:
    """What an analysis is made of besides acknowledgements."""
    return edits(names, triage(read(), analyst.matcher, analyst.customers))


def _measured(case: Case, rounds: int) -> tuple[float, float]:
    """Microseconds of each way."""
    for work in (case.tags, case.whole):
        _seconds(work)
    pairs = [(_seconds(case.tags), _seconds(case.whole)) for _ in range(rounds)]
    alone, whole = (statistics.median(column) for column in zip(*pairs, strict=True))
    return alone * 1e6, whole * 1e6


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    for _ in range(REPEATS):
        work()
    return (time.process_time() - begun) / REPEATS


def _fill(database: Path, tokens: Tokens) -> None:
    """Conversations of other customers, and their acknowledgements."""
    now = time.time()
    connection = open_database(database)
    store = Store(connection, tokens)
    with store.transaction():
        for number in range(KNOWN):
            store.record_inbound(*_known(number, now - number))
    connection.close()


def _known(number: int, at: float) -> tuple[Inbound, NewAck]:
    key = number.to_bytes(16)
    address = f"known{number}@customer.example"
    return (
        Inbound(
            key=key,
            mailbox="help@desk.example",
            address=address,
            subject=f"Where is my order {number}?",
            network=f"198.51.{number // 250}.{number % 250}",
            message_id=f"<{address}>",
            references=(),
            received=at,
            rule="",
            announced="sent",
            kind="human",
            skill="delivery",
            priority="normal",
            language="en",
            topic="none",
            thread="new",
            promised=at,
            short=False,
            writers=(address,),
        ),
        NewAck(
            key=key,
            mailbox="help@desk.example",
            address=address,
            domain="customer.example",
            message=b"x" * 2000,
            created=at,
            due=at,
            expires=at + 1800,
        ),
    )


if __name__ == "__main__":
    main()
