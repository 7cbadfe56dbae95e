"""GLPI: the rules that we ship, run as GLPI would run them; and who finds a ticket."""

import re
import xml.etree.ElementTree as ET

import pytest

from mailtriage.tags.vocabulary import NAMES
from tests.helpdesks.finished import GERMAN, LEVELS, NORMAL, URGENT, desk, finished
from tests.helpdesks.product import Ticket
from tests.helpdesks.products import glpi
from tests.support.office import HELP, JOE, letter

# What RuleCollection::previewImportRules and processImportRules ask of each rule.
NEEDED = ("entities_id", "sub_type", "name", "match", "is_active", "is_recursive", "uuid")


def rules() -> list[ET.Element]:
    return list(ET.parse(glpi.RULES).getroot().iter("rule"))


def test_the_rules_have_what_an_import_needs() -> None:
    for rule in rules():
        assert all(rule.findtext(name) for name in NEEDED), rule.findtext("name")
        assert rule.find("rulecriteria") is not None
        assert rule.find("ruleaction") is not None
        for part in (*rule.iter("rulecriteria"), *rule.iter("ruleaction")):
            assert len(part) == 3
            assert all(field.text for field in part)


def test_each_rule_has_a_uuid_of_its_own_so_that_a_second_import_replaces_it() -> None:
    uuids = [rule.findtext("uuid") for rule in rules()]
    assert len(set(uuids)) == len(uuids)


def test_nothing_happens_before_the_administrator_switches_a_rule_on() -> None:
    assert {rule.findtext("is_active") for rule in rules()} == {"0"}


def test_they_ask_for_no_header_that_we_do_not_send() -> None:
    text = glpi.RULES.read_text(encoding="utf-8")
    named = set(re.findall(r"\^(x-mailtriage[a-z-]*): ", text))
    assert named == {"x-mailtriage-route", "x-mailtriage-skill"}
    assert named <= {name.lower() for name in NAMES}


def test_there_is_a_rule_for_every_priority_that_we_send() -> None:
    asked = {
        part.findtext("pattern")
        for rule in rules()
        for part in rule.iter("rulecriteria")
        if part.findtext("criteria") == "_x-priority"
    }
    sent = {glpi.headers_of(finished("glpi", mail))["x-priority"] for mail in LEVELS.values()}
    assert sent == asked == {"1", "2", "3", "5"}


@pytest.mark.parametrize(
    ("level", "priority"),
    [("urgent", "Very high"), ("high", "High"), ("normal", "Medium"), ("low", "Low")],
)
def test_each_priority(level: str, priority: str) -> None:
    assert glpi.take(finished("glpi", LEVELS[level]), HELP).priority == priority


def test_a_priority_of_the_sender_does_not_get_through() -> None:
    claimed = finished("glpi", letter(more="X-Priority: 1\nx-priority: 1"))
    assert glpi.headers_of(claimed)["x-priority"] == "3"


def test_beside_that_of_the_sender_ours_would_be_lost() -> None:
    """GLPI joins the two, and no rule knows the result: why the sender's has to go."""
    ours = finished("glpi", URGENT)
    both = ours.replace(b"From: Joe", b"X-Priority: 3\r\nFrom: Joe", 1)
    assert glpi.headers_of(both)["x-priority"] == "1\n3"
    assert glpi.take(both, HELP).priority == ""


@pytest.mark.parametrize(
    ("mail", "entity"),
    [
        pytest.param(GERMAN, "billing-de", id="skill and language"),
        pytest.param(NORMAL, "billing", id="the skill, for want of billing-en"),
        pytest.param(letter("Hello.\n", subject="Hello"), glpi.ROOT, id="no entity for general"),
    ],
)
def test_the_entity_of_a_mail(mail: bytes, entity: str) -> None:
    assert glpi.take(finished("glpi", mail), HELP).queue == entity


def test_a_mail_that_mailtriage_has_not_seen_gets_the_root_entity() -> None:
    taken = glpi.take(NORMAL, HELP)
    assert taken.accepted
    assert (taken.queue, taken.priority) == (glpi.ROOT, "")


FORGED = "x-mailtriage-route: billing-de"
SEEN = letter()


@pytest.mark.parametrize(
    ("mail", "entity"),
    [
        pytest.param(letter(subject=FORGED), "delivery", id="subject"),
        pytest.param(letter(more=FORGED), "delivery", id="field"),
        # An encoded line feed may begin a line of its own in what the rule sees. Then the field is
        # there twice, and the rule leaves the mail to the root entity.
        pytest.param(
            letter(subject="=?utf-8?Q?Hello=0Ax-mailtriage-route:_billing-de?="),
            glpi.ROOT,
            id="line feed in the subject",
        ),
        pytest.param(
            letter(more="X-Note: =?utf-8?Q?Hello=0Ax-mailtriage-skill:_billing?="),
            glpi.ROOT,
            id="line feed in a field",
        ),
    ],
)
def test_nobody_chooses_an_entity_for_himself(mail: bytes, entity: str) -> None:
    assert glpi.take(finished("glpi", SEEN), HELP).queue == "delivery"
    assert glpi.take(finished("glpi", mail), HELP).queue == entity


def test_our_acknowledgement_is_refused_and_a_customer_is_not() -> None:
    acknowledgement = desk("glpi", "", ack="send").acknowledgement(NORMAL)
    assert acknowledgement
    assert glpi.take(acknowledgement, HELP).robot
    assert not glpi.take(acknowledgement, HELP).accepted
    assert glpi.take(finished("glpi", NORMAL), HELP).accepted


def test_a_robot_that_says_auto_notified_gets_past_its_rule() -> None:
    """It looks for "no" anywhere in the value, so that GLPI acknowledges what we would not."""
    robot = finished("glpi", letter(more="Auto-Submitted: auto-notified"))
    assert b"\nX-Mailtriage-Ack: skipped\r\n" in robot
    assert glpi.take(robot, HELP).accepted
    assert not glpi.take(letter(more="Auto-Submitted: auto-generated"), HELP).accepted


def test_glpi_acknowledges_unless_the_mailbox_says_otherwise() -> None:
    assert b"\nX-Mailtriage-Ack: delegated\r\n" in finished("glpi", NORMAL)
    assert not desk("glpi").acknowledgement(NORMAL)


TICKET = Ticket(first=NORMAL, number="123", customer=JOE)
TO_FIRST = "In-Reply-To: <m1@customer.example>\nReferences: <m1@customer.example>"
TO_GLPI = re.findall(rb"Message-ID: (\S+)", glpi.own_reply(TICKET))[0].decode()


def reply(subject: str = "Re: Invoice", more: str = "") -> bytes:
    return letter(subject=subject, message_id="<m2@customer.example>", more=more)


@pytest.mark.parametrize(
    ("mail", "alone", "with_plugin"),
    [
        pytest.param(reply(more=f"In-Reply-To: {TO_GLPI}"), True, True, id="to its notification"),
        pytest.param(reply("Re: [GLPI #0000123] New ticket"), True, True, id="number in subject"),
        pytest.param(reply("Re: [GLPI #0000124] New ticket"), False, False, id="another number"),
        pytest.param(reply(more=TO_FIRST), False, True, id="References to the first mail"),
        pytest.param(
            reply(more="In-Reply-To: <m1@customer.example>"), False, False, id="In-Reply-To alone"
        ),
    ],
)
def test_which_answers_find_the_ticket(mail: bytes, alone: bool, with_plugin: bool) -> None:
    assert glpi.joins(mail, TICKET) is alone
    assert glpi.joins_with_mailanalyzer(mail, TICKET) is with_plugin


def test_an_answer_to_a_notification_is_not_acknowledged() -> None:
    acknowledging = desk("glpi", "", ack="send")
    assert not acknowledging.acknowledgement(reply(more=f"In-Reply-To: {TO_GLPI}"))
    assert not acknowledging.acknowledgement(letter(subject="[GLPI #0000123] New ticket"))
    assert acknowledging.acknowledgement(letter(subject="New ticket"))
