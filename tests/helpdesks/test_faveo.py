"""Faveo: the mailbox decides, it acknowledges itself, and its number in the subject is all it knows."""

from email import message_from_bytes

import pytest

from tests.helpdesks.finished import GERMAN, LOW, NORMAL, desk, finished
from tests.helpdesks.headers import answer, arrives
from tests.helpdesks.product import Ticket
from tests.helpdesks.products.faveo import PRODUCT, own_reply, token
from tests.support.office import JOE, letter

TICKET = Ticket(NORMAL, "12", JOE)


@pytest.mark.parametrize(
    ("raw", "mailbox"),
    [
        (NORMAL, "billing@desk.example"),
        (GERMAN, "billing-de@desk.example"),
        (LOW, "inbox@desk.example"),
    ],
)
def test_the_mailbox_is_the_department(raw: bytes, mailbox: str) -> None:
    assert PRODUCT.take(*arrives("faveo", raw)).queue == mailbox


def test_we_leave_the_acknowledging_to_it() -> None:
    mail = message_from_bytes(finished("faveo", NORMAL))
    assert mail["X-Mailtriage-Ack"] == "delegated"
    assert not desk("faveo").acknowledgement(NORMAL)


def test_an_answer_to_our_acknowledgement_would_open_a_second_ticket() -> None:
    ours = desk("faveo", ack="send").acknowledgement(NORMAL)
    assert not PRODUCT.joins(answer(ours), TICKET)


def test_an_answer_to_its_own_finds_the_ticket() -> None:
    assert PRODUCT.joins(answer(own_reply(TICKET)), TICKET)


def test_robots_are_marked_for_the_sieve_script_as_faveo_knows_none() -> None:
    robot = finished("faveo", letter(more="Auto-Submitted: auto-replied\nPrecedence: bulk"))
    assert message_from_bytes(robot)["X-Mailtriage-Kind"] == "machine"
    taken = PRODUCT.take(robot, "billing@desk.example")
    assert taken.accepted
    assert not taken.robot


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ("Invoice[#AAAA-0000-0012]", "AAAA-0000-0012"),
        ("Re: [#12] your ticket", "12"),
        ("[#1] and [#2]", "1"),
        ("no end [#12", "12"),
        ("[#123456789012345678901234]", "12345678901234567890"),
        ("Invoice #12 [12]", ""),
    ],
)
def test_what_it_takes_for_a_number(subject: str, found: str) -> None:
    assert token(subject) == found


@pytest.mark.parametrize("number", ["12", "AAAA-0000-0012"])
def test_a_mail_with_a_number_is_a_reply_for_us_too(number: str) -> None:
    raw = letter(subject=f"Re: Where is my parcel?[#{number}]")
    mail = message_from_bytes(finished("faveo", raw))
    assert mail["X-Mailtriage-Ack"] == "skipped"


def test_a_number_of_no_ticket_is_lost_to_an_error_of_faveo() -> None:
    raw = finished("faveo", letter(subject="Your order [#A-77] and mine"))
    assert not PRODUCT.take(raw, "billing@desk.example").accepted
