"""Whose a domain is."""

import pytest

from mailtriage.acks.domains import aligned, is_within, organisational, to_ascii


@pytest.mark.parametrize(
    ("domain", "owner"),
    [
        ("customer.example", "customer.example"),
        ("mail.eu.customer.example", "customer.example"),
        ("Mail.Customer.Example.", "customer.example"),
        ("customer.co.uk", "customer.co.uk"),
        ("mail.customer.co.uk", "customer.co.uk"),
        ("a.b.customer.com.br", "customer.com.br"),
        ("co.uk", "co.uk"),
        ("mail.customer.de", "customer.de"),
        ("mail.co.example", "co.example"),
        ("post.bücher.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
def test_the_organisational_domain(domain: str, owner: str) -> None:
    assert organisational(domain) == owner


def test_alignment_is_about_who_registered_it() -> None:
    assert aligned("bounce.customer.example", "customer.example")
    assert aligned("bücher.example", "mail.XN--BCHER-KVA.example")
    assert not aligned("evil-customer.example", "customer.example")
    assert not aligned("customer.co.uk", "other.co.uk")
    assert not aligned("", "")


def test_what_idna_does_not_allow_stays_as_it_is() -> None:
    assert to_ascii("Bücher.Example.") == "xn--bcher-kva.example"
    for odd in ("a..example", f"{'ü' * 80}.example", "\udcff.example", "ü." + "a" * 70):
        assert to_ascii(odd) == odd.lower()


def test_below_a_domain_is_not_beside_it() -> None:
    assert is_within("customer.example", "customer.example")
    assert is_within("Mail.Customer.example", "customer.example")
    assert not is_within("notcustomer.example", "customer.example")
    assert not is_within("example", "customer.example")
    assert not is_within("customer.example", "")
