"""FreeScout: what its Workflows see, what it takes for a robot, how an answer finds its ticket."""

import pytest

from mailtriage.config.profile_file import shipped_profile
from tests.helpdesks.finished import GERMAN, LEVELS, NORMAL, desk, finished
from tests.helpdesks.product import Ticket
from tests.helpdesks.products import freescout
from tests.support.office import HELP, JOE, letter


@pytest.mark.parametrize("level", LEVELS)
def test_a_workflow_finds_each_priority_and_no_other(level: str) -> None:
    header = freescout.raw_header(finished("freescout", LEVELS[level]))
    assert freescout.written(header, "prio") == [level]


def test_workflows_find_skill_and_language() -> None:
    taken = freescout.take(finished("freescout", GERMAN), HELP)
    assert (taken.queue, taken.language, taken.tags) == ("billing", "de", ("billing",))


def test_a_skill_that_nobody_knows_is_a_word_that_no_workflow_asks_for() -> None:
    mail = letter("Hello.\n", subject="Hello")
    assert freescout.take(finished("freescout", mail), HELP).queue == "general"


@pytest.mark.parametrize(
    "more",
    [
        "X-Mailtriage: v=1; prio=urgent; skill=privacy;",
        "X-MAILTRIAGE: v=1; prio=urgent; skill=privacy;",
        "X-Mailtriage-Skills: billing; skill=privacy; prio=urgent;",
    ],
)
def test_forged_fields_do_not_get_through(more: str) -> None:
    forged = freescout.take(finished("freescout", letter(more=more)), HELP)
    plain = freescout.take(finished("freescout", letter()), HELP)
    assert (forged.priority, forged.tags) == (plain.priority, plain.tags)


def test_the_words_in_a_subject_are_seen_by_workflows_too() -> None:
    """README.md says so: a condition on the whole header cannot tell a subject from a field."""
    mail = finished("freescout", letter(subject="skill=privacy; please"))
    assert "privacy" in freescout.take(mail, HELP).tags


def test_our_summary_is_one_line_for_it() -> None:
    """It does not unfold."""
    lines = freescout.raw_header(finished("freescout", NORMAL)).split("\r\n")
    [summary] = [line for line in lines if line.startswith("X-Mailtriage: ")]
    assert summary.endswith(";")
    assert "skill=" in summary
    assert "lang=" in summary


def test_our_acknowledgement_is_a_robot_for_it_and_a_customer_is_not() -> None:
    acknowledgement = desk("freescout").acknowledgement(NORMAL)
    assert acknowledgement
    assert freescout.take(acknowledgement, HELP).robot
    assert not freescout.take(finished("freescout", NORMAL), HELP).robot


def test_any_auto_submitted_is_a_robot_for_it() -> None:
    mail = finished("freescout", letter(more="Auto-Submitted: no"))
    assert freescout.take(mail, HELP).robot


def test_case_of_precedence_counts() -> None:
    assert freescout.is_auto_responder("Precedence: bulk\r\nTo: a@b.example")
    assert not freescout.is_auto_responder("Precedence: Bulk")


TICKET = Ticket(first=NORMAL, number="4711", customer=JOE)


def reply(more: str) -> bytes:
    return letter(subject="Re: Invoice", message_id="<m2@customer.example>", more=more)


@pytest.mark.parametrize(
    "more",
    [
        "In-Reply-To: <m1@customer.example>",
        "In-Reply-To: <ack.x@desk.example>\nReferences: <m1@customer.example> <ack.x@desk.example>",
        f"In-Reply-To: <{freescout.own_message_id(TICKET)}>",
    ],
)
def test_an_answer_finds_its_conversation_by_any_known_id(more: str) -> None:
    assert freescout.joins(reply(more), TICKET)


def test_an_answer_that_names_only_our_acknowledgement_does_not() -> None:
    """Why the profile repairs such answers."""
    assert not freescout.joins(reply("In-Reply-To: <ack.x@desk.example>"), TICKET)
    profile = shipped_profile("freescout")
    assert profile is not None
    assert profile.repair == "headers"


@pytest.mark.parametrize(
    "message_id",
    [
        freescout.own_message_id(TICKET),
        "reply-12-0f3a5b7c9d1e2f40@desk.example",
        "notify-12-3-1763888400@desk.example",
    ],
)
def test_its_own_message_ids_are_known(message_id: str) -> None:
    profile = shipped_profile("freescout")
    assert profile is not None
    assert profile.own_message_id is not None
    assert profile.own_message_id.fullmatch(message_id)


@pytest.mark.parametrize(
    "message_id", ["reply@shop.example", "noreply-12@shop.example", "m1@customer.example"]
)
def test_those_of_others_are_not_taken_for_its_own(message_id: str) -> None:
    profile = shipped_profile("freescout")
    assert profile is not None
    assert profile.own_message_id is not None
    assert not profile.own_message_id.fullmatch(message_id)
