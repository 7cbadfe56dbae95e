"""What the rules make of a mail of which only the header is at hand, or far too much header."""

from pathlib import Path

import pytest

from mailtriage.acks import content, headers
from mailtriage.acks.case import make_case
from mailtriage.acks.model import Case
from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config, load
from mailtriage.mail.model import Envelope
from mailtriage.mail.read import read_message
from mailtriage.state.ledger import EmptyLedger
from mailtriage.triage.model import Triage

TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    file = tmp_path / "mailtriage.toml"
    file.write_text('[mailboxes."help@desk.example"]\n', encoding="utf-8")
    return load([file]).config


def _case(config: Config, fields: str, body: str = "", *, body_seen: bool) -> Case:
    raw = f"From: joe@customer.example\nTo: help@desk.example\n{fields}\n{body}".encode()
    mail = read_message(raw, envelope=Envelope("joe@customer.example", ("help@desk.example",)))
    return make_case(mail, Triage(), config, TOKENS, EmptyLedger(), 0.0, body_seen=body_seen)


def _forbidding(case: Case) -> list[str]:
    rules = (*headers.RULES, *content.RULES)
    return [f"{rule.id} {detail}" for rule in rules if (detail := rule.forbids(case)) is not None]


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain; charset=utf-8",
        "text/html",
        "multipart/alternative; boundary=b",
        "multipart/related; boundary=b",
        "multipart/signed; boundary=b",
    ],
)
def test_a_letter_is_answered_without_a_word_of_its_matter(
    config: Config, content_type: str
) -> None:
    case = _case(config, f"Content-Type: {content_type}\n", body_seen=False)
    assert _forbidding(case) == []
    assert content.generic(case) == "unseen"


@pytest.mark.parametrize(
    "content_type",
    ["multipart/mixed; boundary=b", "application/pdf", "message/rfc822", "image/png", "garbage"],
)
def test_what_may_hide_a_report_is_not_answered(config: Config, content_type: str) -> None:
    fields = f"Content-Type: {content_type}\n"
    assert _forbidding(_case(config, fields, body_seen=False)) == ["C2 unseen"]
    body = "--b\n\nHello, where is my parcel?\n--b--\n"
    assert _forbidding(_case(config, fields, body, body_seen=True)) == []


def test_that_it_is_encrypted_stands_in_the_header(config: Config) -> None:
    case = _case(config, "Content-Type: multipart/encrypted; boundary=b\n", body_seen=False)
    assert content.generic(case) == "encrypted"


def test_a_header_longer_than_any_mail_program_writes(config: Config) -> None:
    line = f"X-Note: {'x' * 990}\n"
    assert _forbidding(_case(config, line * 60, "Hello", body_seen=True)) == []
    assert _forbidding(_case(config, line * 70, "Hello", body_seen=True)) == ["B13 header-size"]
    assert _forbidding(_case(config, line * 300, "Hello", body_seen=True)) == ["B13 header-size"]
