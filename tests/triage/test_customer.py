"""The tier of the writer, by address and by domain."""

from collections.abc import Callable

import pytest

from mailtriage.mail.model import Mail
from mailtriage.triage.customer import FixedCustomers, judge, lookup_keys
from mailtriage.triage.model import Tier

MakeMail = Callable[..., Mail]


@pytest.mark.parametrize(
    ("address", "keys"),
    [
        ("anna@shop.example", ("anna@shop.example", "shop.example")),
        ("Anna@Shop.Example", ("anna@shop.example", "shop.example")),
        (
            "anna+order7@shop.example.com",
            ("anna+order7@shop.example.com", "anna@shop.example.com", "shop.example.com",
             "example.com"),
        ),
        ("+tag@shop.example", ("+tag@shop.example", "shop.example")),
        ('"a@b"@shop.example', ('"a@b"@shop.example', "shop.example")),
        ("a@x.a.b.c.d.e.f.example",
         ("a@x.a.b.c.d.e.f.example", "x.a.b.c.d.e.f.example", "c.d.e.f.example", "d.e.f.example",
          "e.f.example", "f.example")),
        ("root@localhost", ("root@localhost", "localhost")),
        ("anna", ()),
        ("@shop.example", ()),
        ("anna@", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_an_address_is_looked_up_from_the_most_exact_down(
    address: str, keys: tuple[str, ...]
) -> None:
    assert lookup_keys(address) == keys


CUSTOMERS = FixedCustomers(
    {
        "boss@big.example": Tier.VIP,
        "big.example": Tier.GOLD,
        "small.example": Tier.STANDARD,
        "odd.small.example": Tier.VIP,
    }
)


@pytest.mark.parametrize(
    ("address", "tier", "matched"),
    [
        ("boss@big.example", Tier.VIP, "From (address)"),
        ("boss+news@big.example", Tier.VIP, "From (address)"),
        ("anna@big.example", Tier.GOLD, "From (domain)"),
        ("anna@mail.big.example", Tier.GOLD, "From (domain)"),
        ("anna@odd.small.example", Tier.VIP, "From (domain)"),
        ("anna@very.odd.small.example", Tier.VIP, "From (domain)"),
        ("anna@small.example", Tier.STANDARD, "From (domain)"),
        ("anna@notbig.example", Tier.UNKNOWN, ""),
        ("boss@other.example", Tier.UNKNOWN, ""),
        ("", Tier.UNKNOWN, ""),
    ],
)
def test_the_tier_of_from(mail: MakeMail, address: str, tier: Tier, matched: str) -> None:
    found, why = judge(mail(from_address=address, sender="x@y.example"), CUSTOMERS)
    assert (found, "".join(evidence.where for evidence in why)) == (tier, matched)


def test_the_envelope_sender_is_asked_when_from_is_not_listed(mail: MakeMail) -> None:
    tier, why = judge(mail(from_address="a@b.example", sender="Boss@Big.example"), CUSTOMERS)
    assert (tier, why[0].where) == (Tier.VIP, "envelope sender (address)")


def test_from_wins_over_the_envelope_sender(mail: MakeMail) -> None:
    writer = mail(from_address="a@small.example", sender="boss@big.example")
    assert judge(writer, CUSTOMERS)[0] is Tier.STANDARD


def test_the_evidence_holds_no_address(mail: MakeMail) -> None:
    _, why = judge(mail(from_address="boss@big.example"), CUSTOMERS)
    assert "big" not in repr(why)
