"""Discourse: the first group among the addresses, and not one word of robots in all the header."""

from email import message_from_bytes

import pytest

from mailtriage.policies.load import load_policies
from mailtriage.shipped import shipped_directory
from tests.helpdesks.finished import GERMAN, LEVELS, LOW, NORMAL, desk, finished
from tests.helpdesks.headers import answer, arrives
from tests.helpdesks.product import Ticket
from tests.helpdesks.products.discourse import PRODUCT, is_automatic, writer
from tests.support.office import JOE, letter

TICKET = Ticket(NORMAL, "4711", JOE)
ORIGINAL = "<m1@customer.example>"


@pytest.mark.parametrize(
    ("raw", "group"),
    [
        (NORMAL, "billing@desk.example"),
        (GERMAN, "billing-de@desk.example"),
        (LOW, "inbox@desk.example"),
    ],
)
def test_the_address_of_the_group_decides(raw: bytes, group: str) -> None:
    assert PRODUCT.take(*arrives("discourse", raw)).queue == group


def test_mail_that_no_group_gets_is_rejected() -> None:
    assert not PRODUCT.take(finished("discourse", NORMAL), "help@desk.example").accepted


@pytest.mark.parametrize("name", ["Delivered-To", "X-Forwarded-To", "x-forwarded-to"])
def test_a_stranger_chooses_no_group(name: str) -> None:
    forged = letter(more=f"{name}: staff@desk.example\n{name}: staff@desk.example")
    raw = finished("discourse", forged)
    assert name not in message_from_bytes(raw)
    assert PRODUCT.take(raw, "billing@desk.example").queue == "billing@desk.example"


@pytest.mark.parametrize(
    "more",
    [
        "X-Original-From: boss@customer.example\nReply-To: boss@customer.example",
        "X-Mailman-Version: 2\nX-BeenThere: joe@customer.example\nReply-To: boss@customer.example",
    ],
)
def test_nobody_writes_as_somebody_else(more: str) -> None:
    # From: is Joe's own, so that SPF, DKIM and DMARC have nothing to say against it.
    forged = letter(more=more)
    assert writer(message_from_bytes(forged)) == "boss@customer.example"
    assert writer(message_from_bytes(finished("discourse", forged))) == JOE


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_of_ours_looks_like_a_robot(level: str) -> None:
    assert PRODUCT.take(finished("discourse", LEVELS[level]), "billing@desk.example").accepted


def test_an_answer_to_our_acknowledgement_does_not_either() -> None:
    reply = answer(desk("discourse").acknowledgement(NORMAL))
    assert PRODUCT.take(finished("discourse", reply), "billing@desk.example").accepted


def test_no_id_of_a_shipped_rule_does() -> None:
    # They stand in X-Mailtriage-Why and X-Mailtriage-Topic.
    policies, _ = load_policies([shipped_directory("policies")])
    names = {signal.id for policy in policies.all() for signal in policy.signals}
    topics = {signal.topic for policy in policies.all() for signal in policy.signals}
    assert len(names) > 50
    for name in names | topics:
        assert not is_automatic(message_from_bytes(f"X-Mailtriage-Why: {name}\r\n\r\n".encode()))


@pytest.mark.parametrize(
    "mark",
    [
        "Auto-Submitted: no",
        "X-Triage-Auto-Reply: none",
        "X-Note: no-autoreply please",
        "Precedence: first-class-list",
        "References: <autoreply-1@x.example>",
    ],
)
def test_it_rejects_these_whatever_they_mean(mark: str) -> None:
    raw = finished("discourse", letter(more=mark))
    assert not PRODUCT.take(raw, "billing@desk.example").accepted


def test_it_rejects_our_acknowledgement() -> None:
    ours = desk("discourse").acknowledgement(NORMAL)
    assert PRODUCT.take(ours, "billing@desk.example").robot


def test_an_answer_to_our_acknowledgement_finds_the_topic() -> None:
    assert PRODUCT.joins(answer(desk("discourse").acknowledgement(NORMAL)), TICKET)


def test_from_another_address_it_opens_a_topic_of_its_own() -> None:
    reply = answer(NORMAL).replace(JOE.encode(), b"joe@home.example")
    assert not PRODUCT.joins(reply, TICKET)


def test_five_ids_are_looked_at_and_repair_puts_the_right_one_first() -> None:
    others = " ".join(f"<{number}@x.example>" for number in range(5))
    assert not PRODUCT.joins(answer(NORMAL, references=f"{others} {ORIGINAL}"), TICKET)
    repaired = answer(NORMAL, parent=ORIGINAL, references=f"{ORIGINAL} {others}")
    assert PRODUCT.joins(repaired, TICKET)
