"""Chatwoot: the inbox is the mailbox that the mail lies in, and nobody writes as somebody else."""

from email import message_from_bytes

import pytest

from tests.helpdesks.finished import GERMAN, LEVELS, LOW, NORMAL, desk, finished
from tests.helpdesks.headers import answer, arrives
from tests.helpdesks.product import Ticket
from tests.helpdesks.products.chatwoot import (
    CHATWOOT,
    PRODUCT,
    joins_in_older_releases,
    posted_to,
    sender,
)
from tests.support.office import JOE, letter

TICKET = Ticket(NORMAL, "4711", JOE)
AGENT = "<conversation/6bdc3f4d-0bec-4515-a284-5d916fdde489/messages/7@desk.example>"


@pytest.mark.parametrize(
    ("raw", "inbox"),
    [
        (NORMAL, "billing@desk.example"),
        (GERMAN, "billing-de@desk.example"),
        (LOW, "inbox@desk.example"),
    ],
)
def test_the_mailbox_is_the_inbox(raw: bytes, inbox: str) -> None:
    assert PRODUCT.take(*arrives("chatwoot", raw)).queue == inbox


def test_mail_that_is_posted_to_the_ingress_cannot_be_routed() -> None:
    # It looks for the inbox in To and Cc, where the address stands that customers know.
    raw, recipient = arrives("chatwoot", NORMAL)
    assert recipient == "billing@desk.example"
    assert posted_to(raw) == ""


@pytest.mark.parametrize(
    "more",
    [
        "X-Original-Sender: boss@customer.example",
        "x-original-sender: boss@customer.example\nX-ORIGINAL-SENDER: boss@customer.example",
        "X-Original-Sender:\n Boss <boss@customer.example>\nX-Original-From: boss@customer.example",
    ],
)
def test_nobody_writes_as_somebody_else(more: str) -> None:
    forged = letter(more=more)
    assert sender(message_from_bytes(forged)) == "boss@customer.example"
    assert sender(message_from_bytes(finished("chatwoot", forged))) == JOE


def test_what_agents_see_of_the_way_of_a_mail_is_not_a_strangers_word() -> None:
    raw = finished("chatwoot", letter(more="X-Forwarded-For: a@x.example b@desk.example"))
    assert "X-Forwarded-For" not in message_from_bytes(raw)


def test_the_reply_to_is_the_customers_own_affair() -> None:
    raw = finished("chatwoot", letter(more="Reply-To: joe@home.example"))
    assert sender(message_from_bytes(raw)) == "joe@home.example"


@pytest.mark.parametrize("level", LEVELS)
def test_no_customers_mail_looks_automatic(level: str) -> None:
    assert not PRODUCT.take(finished("chatwoot", LEVELS[level]), "billing@desk.example").robot


def test_our_acknowledgement_looks_automatic() -> None:
    ours = desk("chatwoot").acknowledgement(NORMAL)
    assert PRODUCT.take(ours, "billing@desk.example").robot


def test_its_own_notifications_are_left_alone() -> None:
    own = NORMAL.replace(JOE.encode(), CHATWOOT.encode())
    assert not PRODUCT.take(own, "billing@desk.example").accepted


def test_an_answer_to_our_acknowledgement_finds_the_conversation_by_references() -> None:
    reply = answer(desk("chatwoot").acknowledgement(NORMAL))
    assert PRODUCT.joins(reply, TICKET)
    assert not joins_in_older_releases(reply, TICKET)


def test_what_repair_writes_is_found_by_every_release() -> None:
    repaired = answer(NORMAL, parent="<m1@customer.example>", references="<m1@customer.example>")
    assert PRODUCT.joins(repaired, TICKET)
    assert joins_in_older_releases(repaired, TICKET)


def test_only_the_first_id_of_in_reply_to_counts() -> None:
    two = "<other@x.example> <m1@customer.example>"
    assert not PRODUCT.joins(answer(NORMAL, parent=two), TICKET)


def test_an_answer_to_an_agent_is_no_new_request_for_us() -> None:
    assert not desk("chatwoot").acknowledgement(answer(NORMAL, parent=AGENT, references=AGENT))
