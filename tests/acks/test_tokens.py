"""What is signed is ours and means one thing; what is hashed says nothing."""

import base64
import re
from collections.abc import Callable

import pytest

from mailtriage.acks.tokens import KEY_BYTES, Hidden, Tokens

TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")
OTHERS = Tokens(b"the secret of somebody else, also long enough")
KEY = TOKENS.dedupe_key("help@desk.example", "joe@customer.example", b"<m1@customer.example>")
KELVIN, LONG_S = "\N{KELVIN SIGN}", "\N{LATIN SMALL LETTER LONG S}"

Read = Callable[[Tokens, str], object]
SIGNED: dict[str, tuple[str, Read, object]] = {
    "hidden recipient, in": (
        TOKENS.hidden_recipient(KEY, "in"), Tokens.read_hidden_recipient, Hidden(KEY, "in"),
    ),
    "hidden recipient, out": (
        TOKENS.hidden_recipient(KEY, "out"), Tokens.read_hidden_recipient, Hidden(KEY, "out"),
    ),
    "sweeper": (
        TOKENS.sweeper_recipient("help@desk.example"), Tokens.read_sweeper_recipient,
        TOKENS.mailbox_name("help@desk.example"),
    ),
    "Message-ID": (
        TOKENS.ack_message_id(KEY, "desk.example"), Tokens.read_ack_message_id, KEY,
    ),
}  # fmt: skip
"""Text, what reads it, and what it means."""


@pytest.mark.parametrize(("text", "read", "meaning"), SIGNED.values(), ids=SIGNED.keys())
def test_what_is_signed_is_read_back(text: str, read: Read, meaning: object) -> None:
    assert read(TOKENS, text) == meaning
    assert read(TOKENS, text.upper()) == meaning, "mail systems fold case"
    assert not read(OTHERS, text)


@pytest.mark.parametrize(("text", "read", "meaning"), SIGNED.values(), ids=SIGNED.keys())
def test_no_letter_can_be_changed(text: str, read: Read, meaning: object) -> None:
    signed = text.partition("@")[0]
    for at in range(3, len(signed)):
        for letter in {"a", "b", "7", "1", ".", "-", " ", "", KELVIN, LONG_S} - {text[at]}:
            forged = text[:at] + letter + text[at + 1 :]
            # Of the last letter of 16 and of 8 bytes two bits and one bit mean nothing.
            assert read(TOKENS, forged) in (None, "") or _bits(forged) == _bits(text), forged


def _bits(text: str) -> list[bytes]:
    return [
        base64.b32decode(part.upper() + "=" * (-len(part) % 8))
        for part in re.findall(r"[a-z2-7]{13,26}", text.partition("@")[0])
    ]


@pytest.mark.parametrize(("_", "read", "__"), SIGNED.values(), ids=SIGNED.keys())
@pytest.mark.parametrize(
    "text",
    [
        "", "@", "t1.@mailtriage.invalid", "<ack..@desk.example>",
        f"<ack.{KELVIN * 26}.{KELVIN * 13}@desk.example>",
        f"t1.{LONG_S * 26}.{LONG_S * 13}@mailtriage.invalid",
        f"s1.{KELVIN * 13}.{KELVIN * 13}@mailtriage.invalid",
        *(text + more for text, _, _ in SIGNED.values() for more in ("\n", "\0", "x", ">")),
        *(f" {text}" for text, _, _ in SIGNED.values()),
    ],
)  # fmt: skip
def test_what_only_looks_like_it_is_nothing(_: str, read: Read, __: object, text: str) -> None:
    assert not read(TOKENS, text)


def test_what_is_made_for_one_purpose_passes_for_no_other() -> None:
    """A customer sees the signature of his acknowledgement, and must not address the desk by it."""
    signature = TOKENS.ack_message_id(KEY, "d.example").partition("@")[0].rpartition(".")[2]
    own = TOKENS.hidden_recipient(KEY, "in")
    assert TOKENS.read_hidden_recipient(own.replace(own[30:43], signature)) is None
    texts = [text for text, _, _ in SIGNED.values()] + [TOKENS.loop_mark(KEY)]
    signatures = [text.partition("@")[0].rpartition(".")[2] for text in texts]
    assert len(set(signatures)) == len(signatures)


def test_the_address_and_the_message_id_fit_everywhere() -> None:
    """RFC 5321 section 4.5.3.1.1: 64 octets before the @; nothing that needs quotes."""
    for text, _, _ in SIGNED.values():
        local = text.strip("<>").partition("@")[0]
        assert len(local) <= 64
        assert re.fullmatch(r"[a-z0-9.]+", local)
        assert not re.search("auto|reply|notif|bounce", local.split(".")[0])


def test_a_retry_is_the_same_mail() -> None:
    again = TOKENS.dedupe_key("HELP@desk.example", "Joe@Customer.example", b"<m1@customer.example>")
    assert again == KEY
    assert len(KEY) == KEY_BYTES


@pytest.mark.parametrize(
    ("mailbox", "sender", "identity"),
    [
        ("sales@desk.example", "joe@customer.example", (b"<m1@customer.example>",)),
        ("help@desk.example", "mary@customer.example", (b"<m1@customer.example>",)),
        ("help@desk.example", "joe@customer.example", (b"<m2@customer.example>",)),
        ("help@desk.example", "joe@customer.example", (b"<m1@customer.example>", b"")),
        ("help@desk.example", "joe@customer.example", (b"<m1@", b"customer.example>")),
        ("help@desk.examplejoe", "@customer.example", (b"<m1@customer.example>",)),
        ("", "help@desk.examplejoe@customer.example", (b"<m1@customer.example>",)),
    ],
)
def test_anything_else_is_another_mail(
    mailbox: str, sender: str, identity: tuple[bytes, ...]
) -> None:
    assert TOKENS.dedupe_key(mailbox, sender, *identity) != KEY


def test_the_reference_can_be_read_out_over_the_telephone() -> None:
    references = {TOKENS.reference(bytes([number]) * 16) for number in range(200)}
    assert len(references) == 200
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{2}", r) for r in references)


def test_pseudonyms_tell_nothing_and_agree() -> None:
    joe = TOKENS.pseudonym("address", "joe@customer.example")
    assert joe == TOKENS.pseudonym("address", "Joe@Customer.Example")
    assert joe != TOKENS.pseudonym("subject", "joe@customer.example")
    assert joe != OTHERS.pseudonym("address", "joe@customer.example")
    assert b"joe" not in joe
    assert TOKENS.pseudonym("address", "\udcff@x") != joe


def test_the_secret_is_not_shown() -> None:
    assert "secret" not in repr(TOKENS)
