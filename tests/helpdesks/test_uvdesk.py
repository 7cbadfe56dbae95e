"""UVdesk: the mailbox decides, Precedence is deadly, and no reply goes without In-Reply-To."""

from email import message_from_bytes

import pytest

from tests.helpdesks.finished import GERMAN, LEVELS, LOW, NORMAL, desk, finished
from tests.helpdesks.headers import answer, arrives
from tests.helpdesks.product import Ticket
from tests.helpdesks.products.uvdesk import PRODUCT, fate, own_id
from tests.support.office import JOE, letter

TICKET = Ticket(NORMAL, "4711", JOE)


@pytest.mark.parametrize(
    ("raw", "mailbox"),
    [
        (NORMAL, "billing@desk.example"),
        (GERMAN, "billing-de@desk.example"),
        (LOW, "inbox@desk.example"),
    ],
)
def test_the_mailbox_is_what_workflows_see(raw: bytes, mailbox: str) -> None:
    assert PRODUCT.take(*arrives("uvdesk", raw)).queue == mailbox


def test_an_address_that_is_no_imap_user_name_is_no_mailbox() -> None:
    assert PRODUCT.take(finished("uvdesk", NORMAL), "help@desk.example").queue == ""


@pytest.mark.parametrize("name", ["Delivered-To", "X-Forwarded-To", "X-FORWARDED-TO"])
def test_a_stranger_chooses_no_mailbox(name: str) -> None:
    forged = letter(more=f"{name}: sales@desk.example\n{name}: sales@desk.example")
    raw = finished("uvdesk", forged)
    assert PRODUCT.take(raw, "billing@desk.example").queue == "billing@desk.example"
    assert name not in message_from_bytes(raw)


@pytest.mark.parametrize("level", LEVELS)
def test_no_customers_mail_is_dropped(level: str) -> None:
    assert PRODUCT.take(finished("uvdesk", LEVELS[level]), "billing@desk.example").accepted


@pytest.mark.parametrize(
    "mark",
    ["Precedence: normal", "X-Autoreply: no", "X-Autorespond: x", "Auto-Submitted: auto-replied"],
)
def test_it_drops_these_whatever_they_say(mark: str) -> None:
    assert not PRODUCT.take(finished("uvdesk", letter(more=mark)), "billing@desk.example").accepted


def test_it_drops_our_acknowledgement() -> None:
    ours = desk("uvdesk").acknowledgement(NORMAL)
    assert not PRODUCT.take(ours, "billing@desk.example").accepted


def test_robots_that_say_so_otherwise_become_tickets() -> None:
    robot = letter(more="Auto-Submitted: auto-generated")
    assert PRODUCT.take(finished("uvdesk", robot), "billing@desk.example").accepted


def test_mail_from_a_mailbox_of_its_own_is_dropped() -> None:
    own = NORMAL.replace(JOE.encode(), b"billing@desk.example")
    assert not PRODUCT.take(own, "inbox@desk.example").accepted


def test_an_answer_to_our_acknowledgement_is_a_reply() -> None:
    assert fate(answer(desk("uvdesk").acknowledgement(NORMAL)), TICKET) == "reply"


@pytest.mark.parametrize(
    ("parent", "references", "expected"),
    [
        ("", "<m1@customer.example>", "thrown away"),
        ("<ack@desk.example>", "<m1@customer.example>", "reply"),
        ("<ack@desk.example>", "", "ticket"),
        ("<m1@customer.example>", "<m1@customer.example> <ack@desk.example>", "reply"),
        ("", "", "ticket"),
    ],
)
def test_without_in_reply_to_a_reply_is_lost(parent: str, references: str, expected: str) -> None:
    assert fate(answer(NORMAL, parent=parent, references=references), TICKET) == expected


def test_an_answer_to_its_own_mail_is_a_reply() -> None:
    own = own_id(TICKET)
    assert PRODUCT.joins(answer(NORMAL, parent=own, references=own), TICKET)
