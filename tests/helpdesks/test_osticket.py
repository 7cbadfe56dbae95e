"""osTicket: which priority field it reads, which department takes a mail, what it takes for a robot."""

import pytest

from mailtriage.config.profile_file import shipped_profile
from tests.helpdesks.finished import LEVELS, NORMAL, desk, finished
from tests.helpdesks.product import Ticket
from tests.helpdesks.products import osticket
from tests.support.office import HELP, JOE, letter

ROUTES = '{ billing = "billing@desk.example", billing-de = "billing-de@desk.example" }'

# What senders write to be first; the names are those that fit osTicket's pattern.
MARKED = {
    "X-Priority": "1 (Highest)",
    "Importance": "high",
    "Priority": "urgent",
    "X-MSMail-Priority": "High",
    "XPriority": "1",
    "X-Mailtriage-Priority": "urgent",
}


def reads(mail: bytes) -> str:
    return osticket.take(mail, HELP).priority


@pytest.mark.parametrize(
    ("level", "priority"),
    [("urgent", "High"), ("high", "High"), ("normal", "Normal"), ("low", "Low")],
)
def test_it_reads_the_priority_from_our_own_field(level: str, priority: str) -> None:
    assert reads(finished("osticket", LEVELS[level])) == priority


def test_without_mailtriage_it_would_read_what_the_sender_claims() -> None:
    for name, value in MARKED.items():
        assert reads(letter(more=f"{name}: {value}")) == "High", name


@pytest.mark.parametrize(("name", "value"), MARKED.items())
def test_what_the_sender_claims_is_gone(name: str, value: str) -> None:
    mail = finished("osticket", letter(more=f"{name}: {value}"))
    assert reads(mail) == "Normal"
    assert f"\n{name}: {value}".encode() not in mail


def test_the_wish_of_the_sender_is_kept_where_osticket_does_not_see_it() -> None:
    mail = finished("osticket", letter(more="X-Priority: 1"))
    assert b"\nX-Mailtriage-Sender-Marked: " in mail
    assert b"\nX-Mailtriage-Sender-Marked: none\r\n" not in mail


def test_a_priority_in_the_subject_stands_below_ours() -> None:
    claimed = letter(subject="Priority: high")
    assert reads(claimed) == "High"
    assert reads(finished("osticket", claimed)) == "Normal"


def test_no_field_is_added_for_it() -> None:
    """A second field with a priority would never be read."""
    header = osticket.header_block(finished("osticket", NORMAL)).lower()
    assert header.count("priority: ") == 1


@pytest.mark.parametrize(
    ("recipient", "queue"),
    [("billing-de@desk.example", "billing-de@desk.example"), (HELP, "")],
)
def test_the_department_comes_by_the_new_recipient(recipient: str, queue: str) -> None:
    """Delivered-To names it; To still names the public address, which is no system email."""
    assert osticket.take(finished("osticket", NORMAL), recipient).queue == queue


def test_a_public_address_that_is_a_system_email_would_take_everything() -> None:
    """README.md, step 1: To goes before Delivered-To."""
    mail = letter().replace(f"To: {HELP}".encode(), b"To: support@desk.example")
    assert osticket.take(mail, "billing@desk.example").queue == "support@desk.example"


def test_our_delivered_to_goes_before_that_of_a_stranger() -> None:
    mail = finished("osticket", letter(more="Delivered-To: vip@desk.example"))
    assert osticket.take(mail, "billing@desk.example").queue == "billing@desk.example"


def test_the_milter_sends_a_mail_to_the_address_of_its_skill() -> None:
    routed = desk("osticket", "", route="recipient", routes=ROUTES)
    assert routed.recipients(NORMAL) == ["billing@desk.example"]


def test_a_skill_without_an_address_stays_where_it_was_sent() -> None:
    routed = desk("osticket", "", route="recipient", routes=ROUTES)
    assert routed.recipients(LEVELS["urgent"]) == [HELP]


def test_our_acknowledgement_is_a_robot_for_it_and_a_customer_is_not() -> None:
    acknowledgement = desk("osticket").acknowledgement(NORMAL)
    assert acknowledgement
    assert osticket.take(acknowledgement, HELP).robot
    assert not osticket.take(finished("osticket", NORMAL), HELP).robot


def test_it_overlooks_x_auto_response_suppress_alone() -> None:
    """Why its own automatic response must be off: it would answer such mail."""
    mail = finished("osticket", letter(more="X-Auto-Response-Suppress: AutoReply"))
    assert not osticket.take(mail, HELP).robot


def test_of_two_fields_its_loop_detector_reads_the_last() -> None:
    header = "Precedence: bulk\r\nPrecedence: first-class"
    assert not osticket.is_auto_reply(header)
    assert osticket.is_auto_reply("Precedence: first-class\r\nPrecedence: Bulk")


TICKET = Ticket(first=NORMAL, number="204711", customer=JOE)


def reply(*, subject: str = "Re: Invoice", more: str = "", sender: str = JOE) -> bytes:
    mail = letter(subject=subject, message_id="<m2@customer.example>", more=more)
    return mail.replace(f"From: Joe <{JOE}>".encode(), f"From: Joe <{sender}>".encode())


@pytest.mark.parametrize(
    "more",
    [
        "In-Reply-To: <m1@customer.example>",
        "References: <ack.x@desk.example> <m1@customer.example>",
        f"In-Reply-To: <{osticket.own_message_id(TICKET)}>",
    ],
)
def test_an_answer_finds_its_ticket_by_any_known_id(more: str) -> None:
    assert osticket.joins(reply(more=more), TICKET)


def test_an_answer_that_names_only_our_acknowledgement_does_not() -> None:
    """Why the profile repairs such answers."""
    assert not osticket.joins(reply(more="In-Reply-To: <ack.x@desk.example>"), TICKET)
    profile = shipped_profile("osticket")
    assert profile is not None
    assert profile.repair == "headers"


def test_its_own_message_id_cannot_be_forged() -> None:
    code, rand, tag, sender = osticket.own_message_id(TICKET).split("-", 3)
    forged = f"{code}-{rand}-{tag[:-2]}AA-{sender}"
    assert not osticket.joins(reply(more=f"In-Reply-To: <{forged}>"), TICKET)


def test_a_number_in_the_subject_counts_for_its_owner_alone() -> None:
    subject = "Re: Support Ticket Opened [#204711]"
    assert osticket.joins(reply(subject=subject), TICKET)
    assert not osticket.joins(reply(subject=subject, sender="eve@other.example"), TICKET)


def test_a_mail_with_its_number_is_not_acknowledged() -> None:
    again = letter(subject="Support Ticket Opened [#204711]")
    assert not desk("osticket").acknowledgement(again)
    assert desk("osticket").acknowledgement(letter(subject="Support"))
