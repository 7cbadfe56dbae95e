"""The seal: believed as it was written, for the mail that it was written for, and not otherwise."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.acks import seal
from mailtriage.acks.seal import Facts, claimed_key, read_seal, write_seal
from mailtriage.acks.tokens import Tokens
from mailtriage.tags.vocabulary import MAX_VALUE

TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")
OTHERS = Tokens(b"the secret of somebody else, also long enough")
KEY = bytes(range(16))
FIELDS = (
    ("X-Mailtriage", "v=1; prio=normal; score=044; lang=de;"),
    ("X-Mailtriage-Priority", "normal"),
    ("X-Mailtriage-Language", "de"),
    ("X-Mailtriage-Kb", "none"),
)
FACTS = Facts(
    mailbox=TOKENS.mailbox_name("help@desk.example"),
    rule="",
    source="sender",
    generic="",
    repeat_subject=True,
    short=False,
    confidence=97,
    client="198.51.100.7",
    at=1_795_420_800,
)
SEAL = write_seal(TOKENS, KEY, FIELDS, FACTS)

facts = st.builds(
    Facts,
    mailbox=st.sampled_from(["help@desk.example", "*@desk.example", ""]).map(TOKENS.mailbox_name),
    rule=st.one_of(st.just(""), st.from_regex(r"[A-I][1-9][0-9]?", fullmatch=True)),
    source=st.sampled_from(["sender", "from", "reply-to"]),
    generic=st.sampled_from(["", "encrypted", "empty", "unseen"]),
    repeat_subject=st.booleans(),
    short=st.booleans(),
    confidence=st.integers(0, 100),
    client=st.one_of(st.just(""), st.ip_addresses(v=4).map(str), st.just("2001:db8:1:2::")),
    at=st.integers(0, 10**11),
)


@given(facts)
def test_what_is_sealed_is_read_back(found: Facts) -> None:
    value = write_seal(TOKENS, KEY, FIELDS, found)
    assert read_seal(TOKENS, KEY, FIELDS, value) == found
    assert len(value) <= MAX_VALUE
    assert re.fullmatch(r"[a-z0-9=; -]+", value), "as every value of ours (docs/headers.md)"


def test_names_may_come_in_another_case() -> None:
    shouted = [(name.upper(), value) for name, value in FIELDS]
    assert read_seal(TOKENS, KEY, shouted, SEAL) == FACTS


NAME, VALUE = FIELDS[1]


@pytest.mark.parametrize(
    "fields",
    [
        (),
        FIELDS[:-1],
        FIELDS[1:],
        (*FIELDS, ("X-Mailtriage-Extra", "1")),
        (*FIELDS, FIELDS[1]),
        (FIELDS[1], FIELDS[0], *FIELDS[2:]),
        (FIELDS[0], (NAME, "urgent"), *FIELDS[2:]),
        (FIELDS[0], (NAME, f"{VALUE} "), *FIELDS[2:]),
        (FIELDS[0], (NAME, VALUE.upper()), *FIELDS[2:]),
        (FIELDS[0], (NAME + VALUE[0], VALUE[1:]), *FIELDS[2:]),
        (FIELDS[0], ("X-Mailtriage-Mood", VALUE), *FIELDS[2:]),
        (FIELDS[0], (NAME, ""), (VALUE, ""), *FIELDS[2:]),
    ],
)
def test_it_holds_for_these_fields_alone(fields: tuple[tuple[str, str], ...]) -> None:
    assert read_seal(TOKENS, KEY, fields, SEAL) is None


def test_it_holds_for_this_mail_alone() -> None:
    assert read_seal(TOKENS, bytes(16), FIELDS, SEAL) is None
    assert read_seal(TOKENS, b"", FIELDS, SEAL) is None


def test_it_is_no_other_installations() -> None:
    assert read_seal(OTHERS, KEY, FIELDS, SEAL) is None


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("rule=-", "rule=a1"), ("to=sender", "to=from"), ("say=all", "say=empty"),
        ("subject=1", "subject=0"), ("short=0", "short=1"), ("conf=097", "conf=098"),
        ("client=c633", "client=c634"), ("at=1", "at=2"), ("v=1", "v=2"), ("box=", "box=a"),
        ("; mac=", ";mac="), ("; at=", "; at=0"), ("v=1; ", ""),
    ],
)  # fmt: skip
def test_none_of_its_words_can_be_changed(what: str, instead: str) -> None:
    assert what in SEAL
    assert read_seal(TOKENS, KEY, FIELDS, SEAL.replace(what, instead)) is None


@pytest.mark.parametrize(
    "value",
    ["", "none", "v=1", "; mac=", f"x; mac={'a' * 26}", SEAL[:-1], f"{SEAL} ", f"{SEAL}\n", "é" * 300,
     SEAL.replace("k", "\N{KELVIN SIGN}") + "\N{KELVIN SIGN}"],
)  # fmt: skip
def test_what_only_looks_like_a_seal_is_none(value: str) -> None:
    assert read_seal(TOKENS, KEY, FIELDS, value) is None


@pytest.mark.parametrize("form", ["v=9; something=else", "v=1; box=x"])
def test_a_seal_of_another_version_is_none(form: str) -> None:
    """After a downgrade, mails in Postfix's queue have seals that we signed and cannot read."""
    signature = TOKENS.seal(seal._sealed(KEY, FIELDS, form))
    assert read_seal(TOKENS, KEY, FIELDS, f"{form}; mac={signature}") is None


@pytest.mark.parametrize("client", ["unknown", "local", "198.51.100", "[::1]"])
def test_a_client_without_an_address_has_none(client: str) -> None:
    unknown = dataclasses.replace(FACTS, client=client)
    found = read_seal(TOKENS, KEY, FIELDS, write_seal(TOKENS, KEY, FIELDS, unknown))
    assert found == dataclasses.replace(FACTS, client="")


def test_of_an_ipv6_client_only_the_network_is_told() -> None:
    facts = dataclasses.replace(FACTS, client="2001:db8:1:2:3:4:5:6")
    value = write_seal(TOKENS, KEY, FIELDS, facts)
    found = read_seal(TOKENS, KEY, FIELDS, value)
    assert found == dataclasses.replace(facts, client="2001:db8:1:2::")
    assert len(value) <= 200


def test_the_key_of_a_seal_is_known_before_it_is_believed() -> None:
    value = write_seal(TOKENS, KEY, FIELDS, FACTS)
    assert claimed_key(value) == KEY
    assert claimed_key("v=1; key=nonsense") == b""
    assert read_seal(TOKENS, bytes(16), FIELDS, value) is None
