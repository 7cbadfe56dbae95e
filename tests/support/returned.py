"""Mail to return addresses, as Postfix delivers it to the desk, and a desk that takes it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Final

from mailtriage.acks.returns import Kind, Return, return_address
from mailtriage.acks.tokens import Tokens
from mailtriage.config import load
from mailtriage.desk.copy import Copy
from mailtriage.desk.handle import Outcome, Prepared
from mailtriage.desk.returns import ReturnDesk
from mailtriage.state.sqlite import open_database
from mailtriage.state.store import Store

NOW: Final = 1_795_500_000.0
HOUR, DAY = 3600.0, 86_400.0
DOMAIN: Final = "triage.desk.example"
TOKENS: Final = Tokens(b"only for the tests of returned mail")
KIM: Final = "kim@customer.example"
KEY: Final = bytes(range(16))
TOML: Final = f"""
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
trusted_arc_sealers = ["forwarder.example"]
[networks]
outbound = ["127.0.0.0/8", "192.0.2.0/24"]
[mailboxes."help@desk.example"]
survey = "send"
[return_addresses]
domain = "{DOMAIN}"
"""
PASS: Final = "spf=pass smtp.mailfrom=customer.example; dmarc=pass header.from=customer.example"


class Others:
    """What the desk does with all other mail: here nothing but to say that it was asked."""

    def prepare(self, copy: Copy, now: float) -> Prepared | None:
        """See `Judgement`."""
        return Prepared(b"other", now)

    def apply(self, prepared: Prepared, store: Store, now: float) -> Outcome:
        """See `Judgement`."""
        return Outcome("info", {"event": "other"})


@dataclass
class Desk:
    """A desk with a database, and the mails that come to it."""

    returns: ReturnDesk
    store: Store
    connection: sqlite3.Connection

    def ask(self, key: bytes = KEY, *, asked: float = NOW - DAY, whom: str = KIM) -> None:
        """That customer was asked how it went."""
        self.connection.execute(
            "INSERT INTO survey (key, address, mailbox, skill, language, asked)"
            " VALUES (?, ?, 'help@desk.example', 'billing', 'en', ?)",
            (key, TOKENS.pseudonym("address", whom), asked),
        )

    def take(self, copy: Copy, now: float = NOW) -> str:
        """Deliver it; what became of it, in a word."""
        prepared = self.returns.prepare(copy, now)
        assert prepared is not None
        with self.store.transaction():
            outcome = self.returns.apply(prepared, self.store, now)
        return str(outcome.fields.get("result", outcome.fields["event"]))

    def vote(self, vote: int, at: float = NOW, *, now: float = 0.0, key: bytes = KEY) -> str:
        """A vote that Postfix took at that moment, and delivers now."""
        return self.take(copy_of("vote", vote=vote, at=at, key=key), now or at)

    def known(self, key: bytes = KEY) -> int:
        """The vote that counts."""
        found = self.connection.execute("SELECT vote FROM survey WHERE key = ?", (key,))
        return int(found.fetchone()[0])

    def is_undeliverable(self, whom: str = KIM) -> bool:
        """Whether rule A8 holds for that address."""
        found = self.connection.execute(
            "SELECT undeliverable FROM mark WHERE address = ?", (TOKENS.pseudonym("address", whom),)
        ).fetchone()
        return bool(found and found[0])


@contextmanager
def running_desk(directory: Path) -> Iterator[Desk]:
    """With an empty database."""
    file = directory / "mailtriage.toml"
    file.write_text(TOML)
    returns = ReturnDesk(Others(), load([file]).config, TOKENS)
    with closing(open_database(directory / "state.db")) as connection:
        yield Desk(returns, Store(connection, TOKENS), connection)


def received(at: float, client: str = "198.51.100.7", protocol: str = "ESMTP") -> str:
    """What our Postfix puts on top."""
    return (
        f"Received: from mail.customer.example (unknown [{client}])\r\n"
        f"\tby mx.desk.example (Postfix) with {protocol} id 4D5E6F7G8H\r\n"
        f"\tfor <x@{DOMAIN}>; {formatdate(at)}\r\n"
    )


def copy_of(
    kind: Kind,
    *,
    vote: int = 0,
    key: bytes = KEY,
    at: float = NOW,
    sender: str = KIM,
    author: str = "",
    results: str = PASS,
    header: str = "",
    top: str = "",
    body: str = "I said what I think.\r\n",
) -> Copy:
    """A mail to the return address of that kind.

    `author`: From:, where it is another than the reverse-path; `results`: what the border says of
    it, empty: nothing; `top`: another Received: than the usual one.
    """
    to = return_address(TOKENS, DOMAIN, Return(kind, key, vote))
    border = f"Authentication-Results: mx.desk.example; {results}\r\n" if results else ""
    text = (
        f"{top or received(at)}{border}From: Kim <{author or sender or KIM}>\r\nTo: {to}\r\n"
        f"Subject: 5 - very satisfied\r\nMessage-ID: <1@customer.example>\r\n"
        f"Date: {formatdate(at)}\r\n{header}\r\n{body}"
    )
    return Copy(sender, to, text.encode("utf-8", "surrogateescape"))
