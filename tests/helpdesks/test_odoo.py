"""Odoo: one ticket for each mail, in the team whose alias it was sent to, and replies find it."""

from email import message_from_bytes

import pytest

from tests.helpdesks.finished import GERMAN, LEVELS, LOW, NORMAL, desk, finished
from tests.helpdesks.headers import answer, arrives
from tests.helpdesks.product import Ticket
from tests.helpdesks.products.odoo import PRODUCT, own_id
from tests.support.office import JOE, letter

TICKET = Ticket(NORMAL, "4711", JOE)


@pytest.mark.parametrize(
    ("raw", "team"),
    [
        (NORMAL, "billing@desk.example"),
        (GERMAN, "billing-de@desk.example"),
        (LOW, "inbox@desk.example"),
    ],
)
def test_the_alias_of_the_team_decides(raw: bytes, team: str) -> None:
    assert PRODUCT.take(*arrives("odoo", raw)).queue == team


def test_what_no_route_takes_goes_to_the_team_for_the_rest() -> None:
    routes = '{ technical = "technical@desk.example" }'
    assert PRODUCT.take(*arrives("odoo", NORMAL, routes=routes)).queue == "inbox@desk.example"


@pytest.mark.parametrize("name", ["Delivered-To", "DELIVERED-TO", "delivered-to "])
def test_a_strangers_delivered_to_opens_no_second_ticket(name: str) -> None:
    forged = f"{name}: sales@desk.example\n{name}:\n sales@desk.example"
    raw = letter("Could you send me the invoice for October once more?\n", more=forged)
    assert PRODUCT.take(finished("odoo", raw), "billing@desk.example").queue == (
        "billing@desk.example"
    )


def test_it_would_open_one() -> None:
    raw = letter(more="Delivered-To: sales@desk.example")
    assert PRODUCT.take(raw, "billing@desk.example").queue == (
        "billing@desk.example, sales@desk.example"
    )


def test_a_second_alias_among_the_written_addresses_does_open_one() -> None:
    # Nobody but the customer can say whether that was meant, so To and Cc stay as they are.
    raw = letter(more="Cc: sales@desk.example")
    assert PRODUCT.take(finished("odoo", raw), "billing@desk.example").queue == (
        "billing@desk.example, sales@desk.example"
    )


@pytest.mark.parametrize("level", LEVELS)
def test_no_field_but_our_own_is_added(level: str) -> None:
    before = message_from_bytes(LEVELS[level])
    after = message_from_bytes(finished("odoo", LEVELS[level]))
    added = [name for name, _ in after.items() if name not in before]
    assert added
    assert all(name.startswith("X-Mailtriage") for name in added)


def test_bounces_and_answers_to_its_own_bounces_become_no_ticket() -> None:
    bounce = NORMAL.replace(b"From: Joe <joe@", b"From: <mailer-daemon@")
    loop = "<1.2-openerp-loop-detection-bounce-email@odoo>"
    assert not PRODUCT.take(finished("odoo", bounce), "billing@desk.example").accepted
    assert not PRODUCT.take(answer(NORMAL, references=loop), "billing@desk.example").accepted
    assert PRODUCT.take(finished("odoo", NORMAL), "billing@desk.example").accepted


def test_it_takes_robots_for_customers_which_is_why_its_own_stage_mail_must_be_off() -> None:
    robot = letter(more="Auto-Submitted: auto-replied\nPrecedence: bulk")
    taken = PRODUCT.take(finished("odoo", robot), "billing@desk.example")
    assert taken.accepted
    assert not taken.robot
    assert b"X-Mailtriage-Kind: machine\r\n" in finished("odoo", robot)


def test_our_acknowledgement_has_no_id_that_it_ignores() -> None:
    ours = message_from_bytes(desk("odoo").acknowledgement(NORMAL))
    assert "reply_to" not in ours["Message-ID"]
    assert PRODUCT.joins(answer(bytes(ours)), TICKET)


def test_ids_with_reply_to_lead_nowhere() -> None:
    first = NORMAL.replace(b"<m1@", b"<reply_to.m1@")
    reply = answer(first, references="<reply_to.m1@customer.example>")
    assert not PRODUCT.joins(reply, Ticket(first, "1", JOE))


@pytest.mark.parametrize(
    ("parent", "references", "found"),
    [
        ("<m1@customer.example>", "", True),
        ("<other@x.example>", "<m1@customer.example>", True),
        # References are there, so that In-Reply-To is not looked at.
        ("<m1@customer.example>", "<other@x.example>", False),
        ("<m1@customer.example>", " ".join(f"<{n}@x.example>" for n in range(40)), False),
        ("", " ".join(["<m1@customer.example>", *(f"<{n}@x.example>" for n in range(31))]), True),
        ("", " ".join(["<m1@customer.example>", *(f"<{n}@x.example>" for n in range(32))]), False),
    ],
)
def test_references_go_before_in_reply_to_and_the_last_32_count(
    parent: str, references: str, found: bool
) -> None:
    assert PRODUCT.joins(answer(NORMAL, parent=parent, references=references), TICKET) is found


def test_an_answer_to_its_own_stage_mail_is_no_new_request_for_us() -> None:
    reply = answer(NORMAL, parent=own_id(TICKET), references=own_id(TICKET))
    assert PRODUCT.joins(reply, TICKET)
    assert not desk("odoo").acknowledgement(reply)
