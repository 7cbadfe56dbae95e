"""What `mailtriage postfix` prints for helpdesks and routes, pasted into a private Postfix."""

import pytest

from tests.commands.test_postfix import Print, machine, printed, strips
from tests.support.postfix import RootShell

__all__ = ["machine", "printed"]  # fixtures

ROUTED = """
[mailboxes."help@desk.example"]
ack = "off"
route = "{route}"
[mailboxes."help@desk.example".routes]
default = "rest@desk.example"
billing = "billing@desk.example"
billing-de = "billing-de@desk.example"
lost-and-found = "found@desk.example"
"""


def test_what_the_helpdesk_believes_is_removed_while_the_milter_is_down(
    printed: Print, machine: RootShell
) -> None:
    machine.paste(printed("[mailboxes.'help@desk.example']\nprofile = 'znuny'\nack = 'off'\n"))
    assert strips(machine, "X-OTRS-Queue: Board")
    assert strips(machine, "x-otrs-ignore : yes")
    assert not strips(machine, "X-Zammad-Ignore: true")
    assert not strips(machine, "X-OTRSX: it is another's")
    assert strips(machine, "X-Mailtriage-Skill: billing")


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("X-Mailtriage-Route: billing-de", "billing-de@desk.example"),
        ("X-Mailtriage-Route: billing-en", "billing@desk.example"),
        ("X-Mailtriage-Route: lost-and-found-fi", "found@desk.example"),
        ("X-Mailtriage-Route: billing-abroad-en", "rest@desk.example"),
        ("X-Mailtriage-Route: privacy-und", "rest@desk.example"),
        ("X-Mailtriage-Skill: billing-de", ""),
        ("Subject: X-Mailtriage-Route: billing-de", ""),
    ],
)
def test_postfix_is_told_the_routes(
    printed: Print, machine: RootShell, field: str, address: str
) -> None:
    machine.paste(printed(ROUTED.format(route="postfix")))
    table = machine.value("milter_header_checks")
    found = machine.ask("postmap", "-q", field, table)
    assert found == (f"REDIRECT {address}" if address else "")


def test_with_routes_of_the_milter_postfix_keeps_apart_what_aliases_bring_together(
    printed: Print, machine: RootShell
) -> None:
    machine.paste("postconf -e enable_original_recipient=no")
    machine.paste(printed(ROUTED.format(route="recipient")))
    assert machine.value("enable_original_recipient") == "yes"
    assert machine.value("milter_header_checks") == ""


def test_without_routes_neither_is_touched(printed: Print) -> None:
    script = printed("[mailboxes.'help@desk.example']\nack = 'off'\n")
    assert "milter_header_checks" not in script
    assert "enable_original_recipient" not in script
