"""What counts as the same subject, and as the same network."""

import pytest

from mailtriage.state.networks import network_of
from mailtriage.state.subjects import plain_subject


@pytest.mark.parametrize(
    "subject",
    [
        "Invoice 4711",
        "  invoice\t 4711 ",
        "Re: Invoice 4711",
        "RE:Invoice 4711",
        "re : Re: INVOICE 4711",
        "AW: WG: Invoice 4711",
        "Sv: VS: Invoice 4711",
        "Antw: Invoice 4711",
        "Re[2]: Invoice 4711",
        "Re (3): Invoice 4711",
        "RE: [External] Invoice 4711",
        "[desk #77] Re: [Ticket#2026] Invoice 4711",
        "回复：Invoice 4711",
        "Re: Invoice\r\n 4711",
    ],
)
def test_the_same_subject(subject: str) -> None:
    assert plain_subject(subject) == "invoice 4711"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Invoice 4711", "Invoice 4712"),
        ("Invoice 4711", "Invoice: 4711"),
        ("Order [77]", "Order [78]"),
        ("Rechnung", "Mahnung"),
    ],
)
def test_another_subject(one: str, other: str) -> None:
    assert plain_subject(one) != plain_subject(other)


@pytest.mark.parametrize("subject", ["", "Re:", "[x] Re: ", "[", "[" * 5000, "Re: " * 5000])
def test_nothing_much_to_compare(subject: str) -> None:
    assert len(plain_subject(subject)) <= 1000


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unknown", ""),
        ("198.51.100.7.9", ""),
    ],
)
def test_network(address: str, network: str) -> None:
    assert network_of(address) == network
