"""What `mailtriage postfix` prints for return addresses, pasted into a private Postfix."""

import secrets

import pytest

from mailtriage.acks.returns import Kind, Return, return_address
from mailtriage.acks.tokens import Tokens
from tests.commands.test_postfix import Print, machine, printed
from tests.support.postfix import RootShell

__all__ = ["machine", "printed"]  # fixtures

DOMAIN = "triage.desk.example"
TOML = f"""
[mailboxes."help@desk.example"]
[return_addresses]
domain = "{DOMAIN}"
"""


def asked_at_rcpt(machine: RootShell, address: str) -> str:
    """What the access table says."""
    return machine.ask(
        "postmap", "-q", address, f"regexp:{machine.config}/mailtriage_returns.regexp"
    )


@pytest.fixture
def pasted(machine: RootShell, printed: Print) -> RootShell:
    """Into a Postfix that has relay domains and restrictions of its own."""
    machine.paste(
        "postconf -e 'relay_domains = desk.example'"
        " 'smtpd_recipient_restrictions = reject_non_fqdn_recipient'"
    )
    machine.paste(printed(TOML))
    return machine


def test_the_domain_is_added_to_what_is_there(pasted: RootShell) -> None:
    assert pasted.value("relay_domains") == f"desk.example, {DOMAIN}"
    table = f"regexp:{pasted.config}/mailtriage_returns.regexp"
    assert pasted.value("smtpd_recipient_restrictions") == (
        f"check_recipient_access {table}, reject_non_fqdn_recipient"
    )


def test_pasted_again_it_changes_nothing(pasted: RootShell, printed: Print) -> None:
    files = [path for path in pasted.config.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    pasted.paste(printed(TOML))
    assert {path: path.read_bytes() for path in files} == before


def test_a_list_of_relay_recipients_is_added_to_and_never_begun(
    machine: RootShell, printed: Print
) -> None:
    """The first table in it would make Postfix refuse all recipients of all other relay domains."""
    machine.paste(printed(TOML))
    assert machine.value("relay_recipient_maps") == ""
    machine.paste("postconf -e 'relay_recipient_maps = hash:/etc/postfix/known'")
    machine.paste(printed(TOML))
    assert machine.value("relay_recipient_maps") == (
        f"hash:{machine.config}/known, regexp:{machine.config}/mailtriage_returns.regexp"
    )


@pytest.mark.parametrize("kind", ["bounce", "vote", "opt-out"])
def test_every_address_that_is_made_passes(pasted: RootShell, kind: Kind) -> None:
    for _ in range(20):
        tokens, key = Tokens(secrets.token_bytes(32)), secrets.token_bytes(16)
        what = Return(kind, key, 1 + key[0] % 5 if kind == "vote" else 0)
        address = return_address(tokens, DOMAIN, what)
        assert asked_at_rcpt(pasted, address) == "DUNNO", address
        assert asked_at_rcpt(pasted, address.upper()) == "DUNNO", address


@pytest.mark.parametrize(
    ("facet", "value"), [("skill", "billing"), ("priority", "urgent"), ("answer", "a_b-1")]
)
def test_addresses_for_corrections_pass(pasted: RootShell, facet: str, value: str) -> None:
    tokens = Tokens(secrets.token_bytes(32))
    what = Return("correction", facet=facet, value=value)
    assert asked_at_rcpt(pasted, return_address(tokens, DOMAIN, what)) == "DUNNO"


KEY, SIGNATURE = "a" * 26, "b" * 13


@pytest.mark.parametrize(
    "local",
    [
        "postmaster", "", f"b1.{KEY}", f"b1.{KEY}.{SIGNATURE}.1", f"v1.{KEY}.{SIGNATURE}",
        f"v1.{KEY}.{SIGNATURE}.6", f"v1.{KEY}.{SIGNATURE}.12", f"b1.{KEY}1.{SIGNATURE}",
        f"xb1.{KEY}.{SIGNATURE}", f"b1.{KEY}.{SIGNATURE}+x", f"b2.{KEY}.{SIGNATURE}",
        f"f1.skill.{SIGNATURE}", f"f1.skill.a b.{SIGNATURE}",
    ],
)  # fmt: skip
def test_nothing_else_in_the_domain_does(pasted: RootShell, local: str) -> None:
    assert asked_at_rcpt(pasted, f"{local}@{DOMAIN}").startswith("550 5.1.1 ")


@pytest.mark.parametrize(
    "address",
    ["help@desk.example", f"b1.{KEY}.{SIGNATURE}@desk.example", f"x@not{DOMAIN}", f"x@{DOMAIN}.org",
     "x@triagexdesk.example"],
)  # fmt: skip
def test_other_domains_are_none_of_its_business(pasted: RootShell, address: str) -> None:
    assert asked_at_rcpt(pasted, address) == ""


def test_the_way_to_the_desk_leaves_the_body_alone(pasted: RootShell) -> None:
    """A bounce says what happened in its body; the copies of customers' mail go without theirs."""
    table = pasted.value("transport_maps")
    hidden = pasted.ask("postmap", "-q", "t1.x@mailtriage.invalid", table)
    back = pasted.ask("postmap", "-q", f"b1.x@{DOMAIN}", table)
    assert (hidden.partition(":")[0], back.partition(":")[0]) == ("mailtriage", "mailtriage-return")
    assert hidden.partition(":")[2] == back.partition(":")[2]
    options = pasted.ask("postconf", "-P")
    assert "mailtriage-return/unix/lmtp_body_checks =\n" in options
    assert f"mailtriage/unix/lmtp_body_checks = regexp:{pasted.config}" in options


@pytest.mark.parametrize(
    "toml", ["", "[mailboxes.'help@desk.example']\n", f"[return_addresses]\ndomain = '{DOMAIN}'\n"]
)
def test_without_a_domain_or_a_mailbox_there_is_nothing_of_it(printed: Print, toml: str) -> None:
    assert "return" not in printed(toml)
