"""The desk's judgement and database in this process, with a stand-in for the Postfix around them.

What Postfix does to a copy is done here as measured: its own Received: on top, the milter's edits,
and fewer lines of the body when a body check takes them away.
"""

import email
import email.policy
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from mailtriage.acks.templates import Texts, load_texts
from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config, load
from mailtriage.desk.copy import Copy
from mailtriage.desk.handle import Handler, Outcome
from mailtriage.doors.analysis import Analyst
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.policies.load import ACKS, load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.shipped import shipped_directory
from mailtriage.state.outbox import Outbox
from mailtriage.state.sqlite import open_database
from mailtriage.state.sqlite_ledger import SqliteLedger
from mailtriage.state.store import Store
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.tags.model import Edits
from mailtriage.triage.customer import CustomerList, FixedCustomers

SECRET: Final = b"a secret of the tests, 32 bytes and more"
JOE: Final = "joe@customer.example"
HELP: Final = "help@desk.example"
BASE: Final = """\
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[networks]
outbound = ["127.0.0.0/8", "::1/128", "192.0.2.0/24"]
"""
CLIENT: Final = Client("198.51.100.7", "mail.customer.example")
NOBODY: Final = FixedCustomers({})
ONE_MAILBOX: Final = BASE + '[mailboxes."help@desk.example"]\nname = "Desk Support"\n'

# config/postfix/mailtriage_copy_text.regexp
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{60,}={0,2}")
_BASE64_OF_TEXT: Final = re.compile(
    rb"(....)*([I-Za-f][C-HS-Xi-nyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589].){3}"
)


def letter(
    body: str = "Hello, where is my parcel? I ordered it last week.\n",
    *,
    message_id: str = "<m1@customer.example>",
    subject: str = "Where is my parcel?",
    to: str = HELP,
    sender: str = JOE,
    more: str = "",
) -> bytes:
    """A customer's mail as a border server of ours hands it on: with its word for the sender.

    `more`: further header lines, above the customer's own, as whoever forges fields would write them.
    """
    lines = [
        f"Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom={sender}",
        *more.splitlines(),
        f"From: Joe <{sender}>",
        f"To: {to}",
        f"Subject: {subject}",
        "Date: Mon, 23 Nov 2026 09:00:00 +0100",
        *([f"Message-ID: {message_id}"] if message_id else []),
    ]
    return "\r\n".join((*lines, "", *body.splitlines(), "")).encode()


_PHOTO: Final = "\r\n".join(["/9j/4AAQSkZJRgABAQAAAQABAAD" + "w7P8A" * 9 + "zg"] * 40)


def letter_with_photo(**mail: str) -> bytes:
    """The same with an attachment, of which Postfix may take lines away; as `letter`."""
    body = (
        "--b\nContent-Type: text/plain\n\nHello, where is my parcel? It never came.\n"
        "--b\nContent-Type: image/jpeg; name=photo.jpg\nContent-Disposition: attachment\n"
        f"Content-Transfer-Encoding: base64\n\n{_PHOTO}\n--b--\n"
    )
    more = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b"
    return letter(body, more=more, **mail)


@dataclass(frozen=True)
class Taken:
    """A mail that Postfix has committed."""

    message: bytes
    """As it is delivered: with the milter's edits, and Postfix's own Received: on top."""
    untouched: bytes
    """The same when the milter was killed before its first deletion: without any edit."""
    sender: str
    hidden: str
    """The recipient that the milter has added; empty when there is none."""
    edits: Edits

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.edits.insert)

    def copy(self, *, tags: int | None = None) -> Copy:
        """The hidden copy; with `tags`, only so many of them got through before the kill."""
        if tags is None:
            return Copy(self.sender, self.hidden, self.message)
        some = replace(self.edits, insert=self.edits.insert[:tags])
        received, rest = _split_received(self.untouched)
        return Copy(self.sender, self.hidden, received + apply_edits(rest, some))

    def swept(self, sweeper: str, *, tagged: bool = True) -> Copy:
        """The sweeper's copy, of a mail that the milter has seen or not."""
        return Copy(self.sender, sweeper, self.message if tagged else self.untouched)


def only_headers(copy: Copy) -> Copy:
    """As desk.copy = "headers" has Postfix send it."""
    return replace(copy, message=copy.message[: split_fields(copy.message)[1]])


def only_text(copy: Copy) -> Copy:
    """As desk.copy = "text" has Postfix send it."""
    at = split_fields(copy.message)[1]
    lines = copy.message[at:].split(b"\r\n")
    kept = [line for line in lines if not _BASE64.fullmatch(line) or _BASE64_OF_TEXT.match(line)]
    return replace(copy, message=copy.message[:at] + b"\r\n".join(kept))


def _split_received(message: bytes) -> tuple[bytes, bytes]:
    found = re.match(rb"Received: [^\n]*\n(?:[ \t][^\n]*\n)*", message)
    assert found
    return found[0], message[found.end() :]


@dataclass
class Office:
    """One configuration, one database."""

    config: Config
    analyst: Analyst
    handler: Handler
    tokens: Tokens
    connection: sqlite3.Connection
    store: Store
    _queued: int = field(default=0)

    def take(
        self,
        raw: bytes,
        *,
        sender: str = JOE,
        recipients: tuple[str, ...] = (HELP,),
        client: Client = CLIENT,
        queue_id: str = "",
        at: float | None = None,
    ) -> Taken:
        """What the milter makes of it, and Postfix commits. `queue_id`: a new one, unless given."""
        self._queued += 1
        queue_id = queue_id or f"4C{self._queued:06X}z"
        body = raw[split_fields(raw)[1] :]
        read = partial(
            read_message,
            raw,
            envelope=Envelope(sender, recipients),
            client=client,
            queue_id=queue_id,
        )
        edits = self.analyst.analyse(read, header_names(raw), body=body).edits
        sealed = re.search(r" at=(\d+);", dict(edits.insert).get("X-Mailtriage-Seal", ""))
        when = at if at is not None else float(sealed[1]) if sealed else time.time()
        received = postfix_received(client, queue_id, when, recipients[0])
        return Taken(
            received + apply_edits(raw, edits), received + raw, sender, edits.recipient, edits
        )

    def moment(self, taken: Taken) -> int:
        """When the milter sealed it; 0 when it did not."""
        found = re.search(r" at=(\d+);", taken.tags.get("X-Mailtriage-Seal", ""))
        return int(found[1]) if found else 0

    def deliver(self, copy: Copy, now: float | None = None) -> Outcome:
        """What the desk does with a copy, committed."""
        now = time.time() if now is None else now
        prepared = self.handler.prepare(copy, now)
        if prepared is None:
            return Outcome("debug", {"outcome": "nothing"})
        with self.store.transaction(), self.store.savepoint():
            return self.handler.apply(prepared, self.store, now)

    def outcome(self, copy: Copy, now: float | None = None) -> str:
        """What the log says became of it, and the rule: "skipped G2"."""
        fields = self.deliver(copy, now).fields
        rule = fields.get("rule", "-")
        return f"{fields['outcome']}" + (f" {rule}" if rule != "-" else "")

    def sweeper(self, mailbox: str = HELP) -> str:
        return self.tokens.sweeper_recipient(mailbox)

    def outbox(self) -> Outbox:
        return Outbox(self.connection)

    def rows(self) -> list[tuple[str, str]]:
        """State and rule of each acknowledgement that was ever owed."""
        return self.query("SELECT state, rule FROM outbox ORDER BY created, rowid")

    def mails(self) -> list[tuple[str, str, str]]:
        """Way, kind and rule of each mail that is remembered."""
        return self.query("SELECT way, kind, rule FROM mail ORDER BY at, key")

    def query(self, sql: str, *values: object) -> list[Any]:
        return self.connection.execute(sql, values).fetchall()

    def owed(self) -> list[EmailMessage]:
        """The acknowledgements that are still to be sent."""
        found = self.query("SELECT message FROM outbox WHERE message IS NOT NULL ORDER BY rowid")
        return [_parsed(message) for (message,) in found]

    def send_all(self, now: float | None = None) -> list[EmailMessage]:
        """Send what is due, as the process for it does."""
        now = time.time() if now is None else now
        outbox = self.outbox()
        for row in outbox.overdue(now):
            outbox.release(row.key, row.message, now)
        claimed = outbox.claim(now, 60, 100).rows
        outbox.sent([row.key for row in claimed], now)
        return [_parsed(row.message) for row in claimed]


def _parsed(message: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def postfix_received(client: Client, queue_id: str, when: float, recipient: str) -> bytes:
    """Postfix's own Received:, as its smtpd(8) writes it."""
    date = format_datetime(datetime.fromtimestamp(when, UTC))
    address = f"IPv6:{client.address}" if ":" in client.address else client.address
    protocol = "ESMTPSA" if client.login else "ESMTPS"
    return (
        f"Received: from helo.example ({client.name or 'unknown'} [{address}])\r\n"
        "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n"
        "\t key-exchange X25519 server-signature ECDSA (P-256))\r\n"
        "\t(No client certificate requested)\r\n"
        f"\tby post.desk.example (Postfix) with {protocol} id {queue_id}\r\n"
        f"\tfor <{recipient}>; {date} (UTC)\r\n"
    ).encode()


@cache
def shipped_matcher() -> Matcher:
    """Of the policies that we ship."""
    policies, _ = load_policies([shipped_directory("policies")])
    return Matcher(policies)


@cache
def shipped_texts() -> Texts:
    """The words of acknowledgements that we ship."""
    return load_texts(shipped_directory("policies") / ACKS, None)


@contextmanager
def open_office(
    directory: Path, toml: str = ONE_MAILBOX, customers: CustomerList = NOBODY
) -> Iterator[Office]:
    """Everything real but Postfix, and the processes."""
    files = [directory / "office.toml"]
    files[0].write_text(toml, encoding="utf-8")
    config, tokens, texts = load(files).config, Tokens(SECRET), shipped_texts()
    database = directory / "state.db"
    with closing(open_database(database)) as connection:
        ledger = SqliteLedger(database, tokens)
        analyst = Analyst(config, shipped_matcher(), customers, tokens, ledger, texts)
        yield Office(
            config,
            analyst,
            Handler(analyst, config, tokens, texts),
            tokens,
            connection,
            Store(connection, tokens),
        )
        ledger.close()
