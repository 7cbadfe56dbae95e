"""GitLab Service Desk: an address is a project, and only its own thanks lead back to the ticket."""

from email import message_from_bytes

import pytest

from tests.helpdesks.finished import GERMAN, LEVELS, LOW, NORMAL, desk, finished
from tests.helpdesks.headers import answer, arrives
from tests.helpdesks.product import Ticket
from tests.helpdesks.products.gitlab import HOST, PRODUCT, own_reply, reply_key
from tests.support.office import JOE, letter

PROFILE = "gitlab-service-desk"
TICKET = Ticket(NORMAL, "42", JOE)
BILLING = f"incoming+desk-billing-7-issue-@{HOST}"
BILLING_DE = f"incoming+desk-billing-de-8-issue-@{HOST}"
INBOX = f"incoming+desk-inbox-9-issue-@{HOST}"
ROUTES = f'{{ billing = "{BILLING}", billing-de = "{BILLING_DE}" }}'
BELIEVED = (
    "Delivered-To", "X-Delivered-To", "Envelope-To", "X-Envelope-To", "X-Original-To",
    "X-Forwarded-To",
)  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "project"),
    [
        (NORMAL, "desk-billing-7-issue-"),
        (GERMAN, "desk-billing-de-8-issue-"),
        (LOW, "desk-inbox-9-issue-"),
    ],
)
def test_the_address_of_the_project_decides(raw: bytes, project: str) -> None:
    assert PRODUCT.take(*arrives(PROFILE, raw, routes=ROUTES, rest=INBOX)).queue == project


@pytest.mark.parametrize("name", BELIEVED)
def test_a_stranger_chooses_no_project(name: str) -> None:
    other = f"incoming+desk-secret-1-issue-@{HOST}"
    forged = letter(more=f"{name}: {other}\n{name.lower()}:\n {other}")
    assert PRODUCT.take(forged, "help@desk.example").queue == "desk-secret-1-issue-"
    assert PRODUCT.take(finished(PROFILE, forged), BILLING).queue == "desk-billing-7-issue-"


def test_mail_that_was_sent_to_a_project_goes_there() -> None:
    # To comes before all else: whoever knows the address of a project can write to it.
    other = f"incoming+desk-secret-1-issue-@{HOST}".encode()
    raw = finished(PROFILE, NORMAL.replace(b"To: help@desk.example", b"To: " + other))
    assert PRODUCT.take(raw, BILLING).queue == "desk-secret-1-issue-"


def test_the_public_address_is_no_project_and_gets_a_rejection() -> None:
    assert not PRODUCT.take(finished(PROFILE, NORMAL), "help@desk.example").accepted


@pytest.mark.parametrize("level", LEVELS)
def test_no_customers_mail_is_dropped(level: str) -> None:
    assert PRODUCT.take(finished(PROFILE, LEVELS[level]), BILLING).accepted


def test_it_drops_our_acknowledgement() -> None:
    ours = desk(PROFILE, ack="send").acknowledgement(NORMAL)
    assert PRODUCT.take(ours, BILLING).robot


def test_we_leave_the_acknowledging_to_it() -> None:
    mail = message_from_bytes(finished(PROFILE, NORMAL))
    assert mail["X-Mailtriage-Ack"] == "delegated"


def test_an_answer_to_its_thanks_finds_the_ticket_by_the_key() -> None:
    thanks = own_reply(TICKET)
    assert PRODUCT.joins(answer(thanks), TICKET)
    to_the_key = f"To: incoming+{reply_key(TICKET)}@{HOST}".encode()
    bare = NORMAL.replace(b"To: help@desk.example", to_the_key)
    assert PRODUCT.joins(bare, TICKET)


def test_an_answer_to_its_thanks_is_no_new_request_for_us() -> None:
    mail = message_from_bytes(finished(PROFILE, answer(own_reply(TICKET))))
    assert mail["X-Mailtriage-Ack"] == "skipped"


def test_references_alone_do_not_lead_an_answer_to_our_acknowledgement_back() -> None:
    reply = answer(desk(PROFILE, ack="send").acknowledgement(NORMAL))
    assert "<m1@customer.example>" in message_from_bytes(reply)["References"]
    assert not PRODUCT.joins(reply, TICKET)


def test_what_repair_writes_does() -> None:
    original = "<m1@customer.example>"
    assert PRODUCT.joins(answer(NORMAL, parent=original, references=original), TICKET)
