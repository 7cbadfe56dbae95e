"""Addresses that mail comes back to: what they say, and that nobody else can make one."""

import re
import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.acks.returns import (
    VOTES,
    Return,
    is_return_address,
    read_return_address,
    return_address,
)
from mailtriage.acks.tokens import Tokens

OURS, THEIRS = Tokens(b"ours" * 8), Tokens(b"anything" * 4)
DOMAIN = "triage.desk.example"
KEY = bytes(range(16))
EXAMPLES = (
    Return("bounce", KEY),
    Return("opt-out", KEY),
    *(Return("vote", KEY, vote) for vote in VOTES),
    Return("correction", facet="skill", value="billing"),
    Return("correction", facet="answer", value="refund_late-2"),
)


@pytest.mark.parametrize("what", EXAMPLES)
def test_what_is_written_is_read_whatever_servers_do_to_its_case(what: Return) -> None:
    address = return_address(OURS, DOMAIN, what)
    assert read_return_address(OURS, DOMAIN, address) == what
    assert read_return_address(OURS, DOMAIN.upper(), address.upper()) == what


@pytest.mark.parametrize("what", EXAMPLES)
def test_an_address_fits_into_every_mail_system(what: Return) -> None:
    local, _, domain = return_address(OURS, DOMAIN, what).partition("@")
    assert (len(local) <= 64, domain) == (True, DOMAIN)  # RFC 5321 section 4.5.3.1.1
    assert re.fullmatch(r"[a-z0-9_.-]+", local)


@pytest.mark.parametrize("what", EXAMPLES)
def test_who_has_not_the_secret_makes_none(what: Return) -> None:
    assert read_return_address(THEIRS, DOMAIN, return_address(OURS, DOMAIN, what)) is None


@pytest.mark.parametrize("what", EXAMPLES)
def test_the_domain_is_the_one_that_is_asked_for(what: Return) -> None:
    address = return_address(OURS, DOMAIN, what)
    for other in ("", "desk.example", f"x.{DOMAIN}"):
        assert read_return_address(OURS, other, address) is None


@pytest.mark.parametrize("what", EXAMPLES)
@pytest.mark.parametrize("now", ["", "t2.desk.example"])
def test_by_its_form_an_address_is_known_whatever_domain_is_configured_now(
    what: Return, now: str
) -> None:
    """Addresses are out there for weeks after the domain was changed, or taken away."""
    address = return_address(OURS, DOMAIN, what)
    assert is_return_address(now, address)
    assert is_return_address(now, address.upper())


@pytest.mark.parametrize("what", EXAMPLES[:3])
def test_one_kind_of_address_is_no_other(what: Return) -> None:
    """Who got a bounce address by a forwarded mail cannot opt anybody out with it."""
    local = return_address(OURS, DOMAIN, what).partition("@")[0]
    for letter in set("bov") - {local[0]}:
        other = letter + local[1:]
        for form in (other, f"{other}.3", other.removesuffix(".1")):
            assert read_return_address(OURS, DOMAIN, f"{form}@{DOMAIN}") is None


def test_who_may_give_one_vote_may_give_any() -> None:
    five = return_address(OURS, DOMAIN, Return("vote", KEY, 5))
    one = five.replace(".5@", ".1@")
    assert read_return_address(OURS, DOMAIN, one) == Return("vote", KEY, 1)
    for vote in "06789":
        assert read_return_address(OURS, DOMAIN, five.replace(".5@", f".{vote}@")) is None


@pytest.mark.parametrize("change", ["key", "signature", "facet", "value"])
def test_whatever_is_changed_breaks_the_signature(change: str) -> None:
    if change in ("key", "signature"):
        letter, key, signature = return_address(OURS, DOMAIN, EXAMPLES[0])[
            : -len(DOMAIN) - 1
        ].split(".")
        flip = "b" if key[0] == "a" else "a"
        changed = f"{letter}.{flip}{key[1:]}.{signature}"
        if change == "signature":
            flip = "b" if signature[0] == "a" else "a"
            changed = f"{letter}.{key}.{flip}{signature[1:]}"
    else:
        local = return_address(OURS, DOMAIN, EXAMPLES[-2]).partition("@")[0]
        old, new = ("skill", "priority") if change == "facet" else ("billing", "technical")
        changed = local.replace(old, new)
    assert read_return_address(OURS, DOMAIN, f"{changed}@{DOMAIN}") is None


@pytest.mark.parametrize(
    "what",
    [
        Return("vote", KEY),
        Return("vote", KEY, 6),
        Return("bounce", b"short"),
        Return("correction", facet="skill", value="a.b"),
        Return("correction", facet="skill", value="ä"),
        Return("correction", facet="skill"),
        Return("correction", facet="skill", value="x" * 41),
    ],
)
def test_what_no_address_can_say_is_refused(what: Return) -> None:
    with pytest.raises(ValueError, match="no return address"):
        return_address(OURS, DOMAIN, what)


@given(st.text(max_size=80))
def test_no_text_of_strangers_is_an_address(text: str) -> None:
    assert read_return_address(OURS, DOMAIN, f"{text}@{DOMAIN}") is None
    assert read_return_address(OURS, DOMAIN, text) is None


def test_the_kelvin_sign_is_no_k() -> None:
    """Its lower case is "k": RFC 4343 knows ASCII only."""
    kept = "kkkkkkkkkkkkkkkkkkkkkkkkkk"
    address = f"b1.{kept}.{'k' * 13}@{DOMAIN}".replace("k", "\u212a", 1)
    assert read_return_address(OURS, DOMAIN, address) is None


@pytest.mark.parametrize(
    ("address", "within"),
    [
        (f"anything@{DOMAIN}", True),
        (f"ANYTHING@{DOMAIN.upper()}", True),
        (f"a@b@{DOMAIN}", True),
        ("help@desk.example", False),
        (f"x@sub.{DOMAIN}", False),
        (DOMAIN, True),
        ("", False),
    ],
)
def test_the_whole_domain_is_ours(address: str, within: bool) -> None:
    """What is taken there need not be signed: it is thrown away, and bounces to nobody."""
    assert is_return_address(DOMAIN, address) is within
    assert not is_return_address("", address)


@pytest.mark.parametrize("address", ["b1.x.y", "b1.x.y@", f"t1.{'a' * 26}.{'b' * 13}", "", "@"])
def test_what_has_not_the_form_is_nobodys_outside_of_the_domain(address: str) -> None:
    for other in (address, f"{address}@mailtriage.invalid", f"{address}@desk.example"):
        assert not is_return_address("", other)
        assert not is_return_address(DOMAIN, other)


def test_the_signature_says_nothing_about_the_secret_or_the_customer() -> None:
    """Each case has addresses that no other has: nobody can be followed from one to the next."""
    made: set[Any] = set()
    for _ in range(50):
        local = return_address(OURS, DOMAIN, Return("bounce", secrets.token_bytes(16)))
        made |= set(local.partition("@")[0].split(".")[1:])
    assert len(made) == 100
