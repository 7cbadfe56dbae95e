"""Rules F7 to F9: what one mail is, however often a client sends it."""

from collections.abc import Callable

import pytest

from mailtriage.acks.case import BODY_FOR_KEY, dedupe_key
from mailtriage.acks.tokens import KEY_BYTES, Tokens
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message

TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")
HELP = "help@desk.example"
JOE = "joe@customer.example"
WITH_ID = b"From: joe@customer.example\nSubject: Parcel\nMessage-ID: <m1@customer.example>\n"
WITHOUT_ID = b"From: joe@customer.example\nSubject: Parcel\nDate: Mon, 23 Nov 2026 09:00:00 +0100\n"
BODY = b"Hello, where is it?\n"

Key = Callable[..., bytes]


@pytest.fixture
def key() -> Key:
    """The key of a mail with that header, as it comes to a door."""

    def make(
        header: bytes = WITH_ID,
        body: bytes = BODY,
        *,
        mailbox: str = HELP,
        sender: str = JOE,
        queue_id: str = "4XyZ1a2b3cz4d5e",
        client: str = "198.51.100.7",
        tokens: Tokens = TOKENS,
    ) -> bytes:
        mail = read_message(
            header + b"\n" + body,
            envelope=Envelope(sender, (mailbox,)),
            client=Client(client),
            queue_id=queue_id,
        )
        return dedupe_key(mail, tokens, mailbox, body)

    return make


def test_a_client_that_sends_the_mail_again_gets_another_queue_id_and_the_same_key(
    key: Key,
) -> None:
    assert key(queue_id="4XyZ1a2b3cz4d5e") == key(queue_id="4XyZ9f8e7dz1c2b")
    assert len(key()) == KEY_BYTES


def test_neither_the_client_s_address_nor_the_text_matters_when_there_is_a_message_id(
    key: Key,
) -> None:
    assert key(client="198.51.100.7") == key(client="2001:db8::25")
    assert key(body=BODY) == key(body=BODY + b"-- \nchecked by a virus scanner\n")


def test_the_case_of_addresses_does_not_matter(key: Key) -> None:
    assert key(sender="Joe@Customer.Example", mailbox="Help@desk.example") == key()


@pytest.mark.parametrize(
    "other",
    [
        {"sender": "eve@attacker.example"},
        {"mailbox": "sales@desk.example"},
        {"header": WITH_ID.replace(b"m1@", b"m2@")},
        {"tokens": Tokens(b"the secret of somebody else, also long enough")},
    ],
    ids=["sender", "mailbox", "message-id", "secret"],
)
def test_a_message_id_is_whatever_its_sender_chose(key: Key, other: dict[str, object]) -> None:
    """F9: nobody can use up the key of somebody else's mail."""
    assert key(**other) != key()


def test_parts_of_a_key_cannot_run_into_each_other(key: Key) -> None:
    assert TOKENS.dedupe_key("a@b.example", "", b"x") != TOKENS.dedupe_key("", "a@b.example", b"x")
    assert TOKENS.dedupe_key("", "", b"ab", b"c") != TOKENS.dedupe_key("", "", b"a", b"bc")


@pytest.mark.parametrize("bad", [b"", b"Message-ID:\n", b"Message-ID: garbage\n"])
def test_what_the_mail_says_stands_in_for_a_message_id(key: Key, bad: bytes) -> None:
    """F8."""
    header = WITHOUT_ID + bad
    assert key(header, queue_id="A1") == key(header, queue_id="B2")
    assert key(header) != key(header, b"Hello, where is the other one?\n")
    assert key(header) != key(header.replace(b"Parcel", b"Invoice"))
    assert key(header) != key(header.replace(b"09:00:00", b"09:00:01"))
    assert key(header) != key(header, sender="eve@attacker.example")


def test_a_message_id_of_postfix_is_another_at_each_attempt(key: Key) -> None:
    """cleanup(8) gives mails of local clients one with the queue id, before any milter sees them."""
    first = WITHOUT_ID + b"Message-ID: <20261123080000.4A1B2C3D4E@mx.desk.example>\n"
    again = WITHOUT_ID + b"Message-ID: <20261123080007.4F5E6D7C8B@mx.desk.example>\n"
    assert key(first, queue_id="4A1B2C3D4E") == key(again, queue_id="4F5E6D7C8B")
    assert key(first, queue_id="4A1B2C3D4E") != key(first, b"More\n", queue_id="4A1B2C3D4E")


def test_a_message_id_of_another_postfix_is_one_like_any_other(key: Key) -> None:
    relayed = WITHOUT_ID + b"Message-ID: <20261123080000.4A1B2C3D4E@web.customer.example>\n"
    assert key(relayed, queue_id="4F5E6D7C8B") == key(relayed, b"More\n", queue_id="B2")
    # Without a queue id nothing can be told: the id counts.
    assert key(relayed, queue_id="") == key(relayed, b"More\n", queue_id="")


def test_the_beginning_of_a_long_body_is_enough(key: Key) -> None:
    start = b"x" * 76 + b"\n"
    long = start * (BODY_FOR_KEY // len(start) + 1)
    assert key(WITHOUT_ID, long) == key(WITHOUT_ID, long + b"the rest was never read\n")
    assert key(WITHOUT_ID, long) != key(WITHOUT_ID, b"y" + long)
