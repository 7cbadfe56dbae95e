"""LMTP on either side: one answer for each recipient (RFC 2033 §4.2)."""

from typing import Any

import pytest

from mailtriage.doors import relay
from mailtriage.doors.smtp import MailProtocol
from tests.doors.smtp_support import MAIL, TAG, Neighbourhood, NextHop, SmtpClient

LHLO = "LHLO client.example"


def lmtp_client(hood: Neighbourhood, hop: NextHop, **settings: Any) -> SmtpClient:
    _, where = hood.door(hop, protocol=MailProtocol.LMTP, **settings)
    return hood.client(where, greet=LHLO)


def answers_to_a_mail(client: SmtpClient, *recipients: str) -> list[str]:
    first = client.sends_mail(MAIL, *recipients)
    return [first, *(client.reply() for _ in recipients[1:])]


def test_each_recipient_has_its_answer_after_the_dot(hood: Neighbourhood) -> None:
    mixed = "250 2.0.0 saved\n552 5.2.2 full\n450-4.2.0 later\n450 4.2.0 or not"
    hop = hood.hop(lmtp=True, answers={".": mixed})
    client = lmtp_client(hood, hop)
    assert answers_to_a_mail(client, "a@x", "b@x", "c@x") == [
        "250 2.0.0 saved",
        "552 5.2.2 full",
        "450-4.2.0 later\n450 4.2.0 or not",
    ]
    hop.answers.clear()
    assert answers_to_a_mail(client, "d@x") == ["250 2.0.0 kept"], "the next mail is not mixed up"
    assert [mail.content for mail in hop.taken] == [TAG + MAIL] * 2


def test_refused_recipients_have_no_answer_after_the_dot(hood: Neighbourhood) -> None:
    hop = hood.hop(lmtp=True, answers={"RCPT TO:<no@x>": "550 5.1.1 no"})
    client = lmtp_client(hood, hop)
    client.says("MAIL FROM:<a@x>", "250")
    client.says("RCPT TO:<b@x>", "250")
    client.says("RCPT TO:<no@x>", "550 5.1.1 no")
    client.says("RCPT TO:<b@x>", "250")
    client.says("DATA", "354")
    client.says(MAIL + b".", "250")
    client.expect("250")
    client.says("NOOP", "250 2.0.0 OK")
    assert client.hears_nothing()


def test_an_smtp_next_hop_answers_for_all(hood: Neighbourhood) -> None:
    hop = hood.hop(answers={".": "451 4.3.0 later"})
    client = lmtp_client(hood, hop)
    assert answers_to_a_mail(client, "a@x", "b@x") == ["451 4.3.0 later"] * 2
    assert client.hears_nothing()


@pytest.mark.parametrize("lmtp", [True, False])
def test_data_refused_is_refused_for_all(hood: Neighbourhood, lmtp: bool) -> None:
    hop = hood.hop(lmtp=lmtp, answers={"DATA": "451 4.3.0 later"})
    client = lmtp_client(hood, hop)
    assert answers_to_a_mail(client, "a@x", "b@x") == ["451 4.3.0 later"] * 2
    assert client.hears_nothing()


def test_answers_that_came_before_the_loss_stand(hood: Neighbourhood) -> None:
    """What was delivered must not be sent again, what is unknown must be."""
    hop = hood.hop(lmtp=True, answers={".": "250 2.0.0 saved\nnonsense"})
    client = lmtp_client(hood, hop)
    first, *others = answers_to_a_mail(client, "a@x", "b@x", "c@x")
    assert first == "250 2.0.0 saved"
    assert [answer[:5] for answer in others] == ["451 4", "451 4"]


def test_too_big_is_said_for_each(hood: Neighbourhood) -> None:
    client = lmtp_client(hood, hood.hop(), size_limit=10)
    assert [answer[:9] for answer in answers_to_a_mail(client, "a@x", "b@x")] == ["552 5.3.4"] * 2


def test_an_error_of_ours_is_said_for_each(
    hood: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = lmtp_client(hood, hood.hop())
    monkeypatch.setattr(relay, "stuff", lambda _message: 1 / 0)
    assert [answer[:9] for answer in answers_to_a_mail(client, "a@x", "b@x")] == ["451 4.3.0"] * 2
    monkeypatch.undo()
    assert answers_to_a_mail(client, "a@x") == ["250 2.0.0 kept"]


def test_an_smtp_client_sends_one_recipient_at_a_time_to_lmtp(hood: Neighbourhood) -> None:
    """One answer cannot say that a mail was kept for one and refused for another."""
    hop = hood.hop(lmtp=True)
    _, where = hood.door(hop)
    client = hood.client(where)
    client.begins_mail("a@x")
    client.says("RCPT TO:<b@x>", "452 4.5.3")
    client.says("DATA", "354")
    client.says(MAIL + b".", "250 2.0.0 kept")
    client.begins_mail("b@x")
    client.says("DATA", "354")
    hop.answers["."] = "552 5.2.2 full"
    client.says(MAIL + b".", "552 5.2.2 full")
    assert [mail.recipients for mail in hop.taken] == [["RCPT TO:<a@x>"], ["RCPT TO:<b@x>"]]


def test_each_protocol_has_its_greeting(hood: Neighbourhood) -> None:
    hop = hood.hop()
    client = lmtp_client(hood, hop)
    client.says("EHLO x", "500")
    client.says("HELO x", "500")
    assert "ENHANCEDSTATUSCODES" in client.says("LHLO x", "250")
    _, where = hood.door(hop)
    hood.client(where).says("LHLO x", "500")
