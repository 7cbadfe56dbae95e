"""Votes: whose count, when, and how often."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtriage.desk.copy import Copy
from tests.support.returned import (
    DAY,
    DOMAIN,
    HOUR,
    KIM,
    NOW,
    Desk,
    copy_of,
    received,
    running_desk,
)  # fmt: skip

VALID = 21 * DAY


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Kim was asked yesterday."""
    with running_desk(tmp_path) as desk:
        desk.ask()
        yield desk


def vote_of(**changes: str) -> Copy:
    """A vote of 5."""
    return copy_of("vote", vote=5, **changes)  # type: ignore[arg-type]  # all of them are texts


@pytest.mark.parametrize("vote", range(1, 6))
def test_the_first_vote_counts(desk: Desk, vote: int) -> None:
    assert desk.vote(vote) == "counted"
    assert desk.known() == vote


def test_the_same_vote_again_changes_nothing(desk: Desk) -> None:
    """The client lost our reply, or Kim was not sure that it worked."""
    assert [desk.vote(4), desk.vote(4), desk.vote(4, NOW + 2 * DAY)] == [
        "counted", "repeated", "repeated",
    ]  # fmt: skip
    assert desk.known() == 4


def test_a_vote_may_be_corrected_for_a_day_and_the_last_one_counts(desk: Desk) -> None:
    assert desk.vote(1) == "counted"
    assert desk.vote(5, NOW + HOUR) == "changed"
    assert desk.vote(4, NOW + 23 * HOUR) == "changed"
    assert desk.vote(1, NOW + 25 * HOUR) == "closed"
    assert desk.known() == 4


@pytest.mark.parametrize("pause", [0, 1, 59])
def test_different_votes_within_a_minute_are_void_for_ever(desk: Desk, pause: int) -> None:
    desk.vote(1)
    assert desk.vote(2, NOW + pause) == "void"
    assert desk.vote(5, NOW + HOUR) == "void"
    assert desk.known() == -1


def test_so_are_they_when_a_scanner_comes_to_it_later(desk: Desk) -> None:
    """Kim votes, and forwards our question; what reads it there tries every link."""
    desk.vote(5)
    assert desk.vote(1, NOW + HOUR) == "changed"
    assert desk.vote(2, NOW + HOUR + 1) == "void"


def test_what_counts_is_when_postfix_took_the_votes_and_not_when_the_desk_got_them(
    desk: Desk,
) -> None:
    """The desk was down for hours; now they come at once, and in any order."""
    late = NOW + 5 * HOUR
    assert desk.vote(2, NOW + 2 * HOUR, now=late) == "counted"
    assert desk.vote(4, NOW + 4 * HOUR, now=late) == "changed"
    assert desk.vote(1, NOW + 1 * HOUR, now=late) == "closed"
    assert desk.known() == 4


def test_a_clock_that_is_wrong_does_not_put_a_vote_into_the_future(desk: Desk) -> None:
    assert desk.vote(5, NOW + 30 * DAY, now=NOW) == "counted"
    assert desk.vote(3, NOW + HOUR) == "changed"


@pytest.mark.parametrize(("after", "outcome"), [(VALID - HOUR, "counted"), (VALID + HOUR, "late")])
def test_a_vote_counts_for_as_long_as_the_configuration_says(
    desk: Desk, after: float, outcome: str
) -> None:
    assert desk.vote(5, NOW - DAY + after) == outcome
    assert desk.known() == (5 if outcome == "counted" else 0)


def test_of_a_survey_that_is_not_known_no_vote_counts(desk: Desk) -> None:
    """It is forgotten, or was another node's."""
    assert desk.vote(5, key=bytes(16)) == "unknown"


@pytest.mark.parametrize(
    "changes",
    [
        {"results": "spf=pass smtp.mailfrom=customer.example"},
        {"results": "dmarc=pass header.from=customer.example"},
        {"results": "dkim=pass header.d=customer.example"},
        # From the telephone, by another provider: who has the address has had our question.
        {
            "sender": "kim@webmail.example",
            "results": "spf=pass smtp.mailfrom=webmail.example",
        },
        # Some marks are no robot's.
        {"header": "Auto-Submitted: no\r\n"},
        {"header": "X-Auto-Response-Suppress: All\r\n"},
        {"header": "X-Mailtriage-Priority: urgent\r\n"},
    ],
)
def test_who_is_vouched_for_may_vote(desk: Desk, changes: dict[str, str]) -> None:
    assert desk.take(vote_of(**changes)) == "counted"


FORGED = (
    "Received: from a by evil.example; Mon, 23 Nov 2026 08:00:00 +0000\r\n"
    "Authentication-Results: mx.desk.example; dmarc=pass header.from=customer.example\r\n"
)


@pytest.mark.parametrize(
    "changes",
    [
        {"results": ""},
        {"results": "spf=none; dkim=none"},
        {"results": "spf=softfail smtp.mailfrom=customer.example"},
        {"results": "spf=pass smtp.mailfrom=evil.example; dkim=pass header.d=evil.example"},
        {"results": "spf=pass smtp.mailfrom=customer.example; dmarc=fail header.from=bank.example"},
        {"results": "spf=pass smtp.helo=customer.example"},
        {"results": "", "header": FORGED},
        {"results": "", "header": FORGED.replace("mx.desk.example", "mx.other.example")},
    ],
)
def test_who_is_not_may_not(desk: Desk, changes: dict[str, str]) -> None:
    assert desk.take(vote_of(**changes)) == "unauthenticated"
    assert desk.known() == 0


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied\r\n",
        "Auto-Submitted: auto-generated (rejected)\r\n",
        "Auto-Submitted:\r\n",
        "auto-submitted: no\r\nAUTO-SUBMITTED: auto-notified\r\n",
        "Precedence: auto_reply\r\n",
        "X-Autoreply: yes\r\n",
        "List-Id: <all.customer.example>\r\n",
        "Feedback-ID: 1:2:3:esp\r\n",
        "X-Mailtriage-Loop: somebody's\r\n",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n",
        "From: Somebody <else@customer.example>\r\n",
        "Return-Path: <>\r\n",
        "Received: from a by b; Mon, 23 Nov 2026 08:00:00 +0000\r\n" * 30,
    ],
)
def test_programs_have_no_vote(desk: Desk, header: str) -> None:
    assert desk.take(vote_of(header=header)) == "robot"
    assert desk.known() == 0


@pytest.mark.parametrize(
    "sender", ["", "mailer-daemon@customer.example", "no-reply@customer.example"]
)
def test_nor_have_addresses_that_nobody_writes_from(desk: Desk, sender: str) -> None:
    assert desk.take(vote_of(sender=sender, author=KIM)) == "robot"


@pytest.mark.parametrize(
    "changes",
    [
        {"top": received(NOW, "192.0.2.9")},
        {"top": received(NOW, protocol="ESMTPSA")},
        {"top": "Received: by mx.desk.example (Postfix, from userid 1000)\r\n\tid 4D5E6F7G8H;"
                " Mon, 23 Nov 2026 08:00:00 +0000\r\n"},
        {"sender": "help@desk.example", "results": "spf=pass smtp.mailfrom=desk.example"},
        {"author": "help@desk.example"},
    ],
)  # fmt: skip
def test_the_organisation_does_not_vote_for_itself(desk: Desk, changes: dict[str, str]) -> None:
    """By its networks, a login, sendmail(1), or as one of its mailboxes (rules D11 and A6)."""
    assert desk.take(vote_of(**changes)) == "own"
    assert desk.known() == 0


def test_a_content_filter_on_this_machine_makes_no_vote_our_own(desk: Desk) -> None:
    """It hands in again what Postfix had from the customer."""
    top = received(NOW, "127.0.0.1") + received(NOW)
    assert desk.take(vote_of(top=top)) == "counted"


def test_what_somebody_writes_into_a_vote_is_not_read(desk: Desk) -> None:
    """The vote is that of the address, whatever subject and body say."""
    copy = copy_of("vote", vote=2, body=f"5\r\nv1.x@{DOMAIN} 5\r\n" * 10_000)
    assert desk.take(copy) == "counted"
    assert desk.known() == 2
