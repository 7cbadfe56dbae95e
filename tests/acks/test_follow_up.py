"""Updates and surveys as messages."""

import email.policy
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from mailtriage.acks.compose import ComposeError
from mailtriage.acks.follow_up import Composer, News
from mailtriage.acks.follow_up_texts import load_follow_up_texts
from mailtriage.acks.lint import faults
from mailtriage.acks.returns import read_return_address
from mailtriage.shipped import shipped_directory
from tests.support.orders import ALLOWED, BASE, NOW, ORDER, TOKENS, read_config

DOMAIN = "triage.desk.example"
NEWS = News(ORDER.by, ORDER.by + 86_400.0)
TEXTS = load_follow_up_texts(shipped_directory("policies") / "acks", only_own=True)
FIXED = TEXTS.by_language["en"].update.subject
LANGUAGES = sorted(TEXTS.by_language)


@pytest.fixture(scope="module")
def composer(tmp_path_factory: pytest.TempPathFactory) -> Composer:
    toml = f'{BASE}[return_addresses]\ndomain = "{DOMAIN}"\n'
    return Composer(read_config(tmp_path_factory.mktemp("config"), toml), TEXTS, TOKENS)


def parsed(message: bytes) -> EmailMessage:
    found = message_from_bytes(message, policy=email.policy.strict)
    assert isinstance(found, EmailMessage)
    return found


def text_of(message: bytes) -> str:
    body = parsed(message).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize("language", [*LANGUAGES, "und", "xx"])
def test_every_language_makes_both(composer: Composer, language: str) -> None:
    order = replace(ORDER, language=language)
    update = composer.update(order, NEWS, "", NOW)
    survey = composer.survey(order, "", NOW)
    for made in (update, survey):
        assert faults(made.message, follow_up=True) == ()
        assert parsed(made.message)["Auto-Submitted"] == "auto-generated"
    assert {name for name, _ in parsed(update.message).items()} <= ALLOWED
    assert {name for name, _ in parsed(survey.message).items()} <= ALLOWED | {"List-Unsubscribe"}
    assert not parsed(update.message).is_multipart()
    assert parsed(survey.message).is_multipart()


def test_an_acknowledgement_with_such_fields_is_none(composer: Composer) -> None:
    assert faults(composer.update(ORDER, NEWS, "", NOW).message) != ()
    assert faults(composer.survey(ORDER, "", NOW).message) != ()


def test_the_same_mail_every_time(composer: Composer) -> None:
    assert composer.update(ORDER, NEWS, "", NOW) == composer.update(ORDER, NEWS, "", NOW)


def test_each_has_a_key_and_a_message_id_of_its_own(composer: Composer) -> None:
    made = [
        composer.update(ORDER, NEWS, "", NOW),
        composer.update(ORDER, replace(NEWS, number=2), "", NOW),
        composer.survey(ORDER, "", NOW),
        composer.survey(replace(ORDER, key=b"f" * 16), "", NOW),
    ]
    assert len({one.key for one in made}) == len({one.message_id for one in made}) == 4
    for one in made:
        assert parsed(one.message)["Message-ID"] == one.message_id
        assert TOKENS.read_ack_message_id(one.message_id) is None


def test_it_stands_below_the_acknowledgement(composer: Composer) -> None:
    mail = parsed(composer.update(ORDER, NEWS, "", NOW).message)
    ack = TOKENS.ack_message_id(ORDER.key, "desk.example")
    assert mail["In-Reply-To"] == ORDER.message_id
    assert mail["References"].split() == [*ORDER.references, ORDER.message_id, ack]
    bare = parsed(
        composer.update(replace(ORDER, message_id="", references=()), NEWS, "", NOW).message
    )
    assert bare["In-Reply-To"] == bare["References"] == ack


@pytest.mark.parametrize(
    ("changes", "ticket", "subject"),
    [
        ({}, "", "Re: Where is my parcel?"),
        ({}, "[rt #12]", "Re: Where is my parcel? [rt #12]"),
        ({"ticket": "[rt #9]"}, "", "Re: Where is my parcel? [rt #9]"),
        ({"subject": "Re: Parcel"}, "", "Re: Parcel"),
        ({"subject": ""}, "", FIXED),
        ({"generic": "encrypted"}, "", FIXED),
    ],
)
def test_the_subject(
    composer: Composer, changes: dict[str, str], ticket: str, subject: str
) -> None:
    order = replace(ORDER, **changes)  # type: ignore[arg-type] # names of fields
    assert parsed(composer.update(order, NEWS, ticket, NOW).message)["Subject"] == subject


def test_an_update_names_both_times(composer: Composer) -> None:
    text = text_of(composer.update(ORDER, NEWS, "", NOW).message)
    assert "Thursday, 26 November 2026 at 09:52 CET" in text
    assert "Friday, 27 November 2026 at 09:52 CET" in text
    assert "+49 30 1234" in text


def test_it_says_why_and_that_it_is_not_the_first(composer: Composer) -> None:
    usual, busy, again = (
        text_of(composer.update(ORDER, news, "", NOW).message)
        for news in (NEWS, replace(NEWS, busy=True), replace(NEWS, number=2))
    )
    assert len({usual, busy, again}) == 3


def test_bounces_and_votes_know_which_mail_they_are_about(composer: Composer) -> None:
    made = composer.survey(ORDER, "", NOW)
    bounce = read_return_address(TOKENS, DOMAIN, made.sender)
    assert bounce is not None
    assert (bounce.kind, bounce.key) == ("bounce", made.key)
    urls = [word for word in text_of(made.message).split() if word.startswith("mailto:")]
    found = []
    for url in urls:
        what = read_return_address(TOKENS, DOMAIN, url.removeprefix("mailto:").partition("?")[0])
        assert what is not None
        assert what.key == made.key
        found.append((what.kind, what.vote))
    assert found == [*(("vote", vote) for vote in (5, 4, 3, 2, 1)), ("opt-out", 0)]
    assert "+" not in "".join(url.partition("?")[2] for url in urls), "RFC 6068 has no plus"
    assert ORDER.to not in text_of(made.message)


def test_who_does_not_want_it_says_so_with_one_press(composer: Composer) -> None:
    made = composer.survey(ORDER, "", NOW)
    value = parsed(made.message)["List-Unsubscribe"]
    address = value.removeprefix("<mailto:").partition("?")[0]
    what = read_return_address(TOKENS, DOMAIN, address)
    assert what is not None
    assert what.kind == "opt-out"
    assert parsed(made.message)["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"mailbox": "nobody@desk.example"},
        {"mailbox": "*@catch.example"},
        {"to": "no address"},
        {"to": "a@b\r\nBcc: c@d.example"},
        {"received": 1e18},
    ],
    ids=str,
)
def test_what_cannot_be_made_is_told(composer: Composer, changes: dict[str, object]) -> None:
    order = replace(ORDER, **changes)  # type: ignore[arg-type] # names of fields
    with pytest.raises(ComposeError):
        composer.update(order, NEWS, "", NOW)
    with pytest.raises(ComposeError):
        composer.survey(order, "", NOW)


@pytest.mark.parametrize(
    "subject",
    ["=?utf-8?q?x?=", "a\r\nBcc: x@y.example", "x" * 5000, "\u202eevil", "https://evil.example/"],
)
def test_hostile_subjects_do_nothing(composer: Composer, subject: str) -> None:
    made = composer.update(replace(ORDER, subject=subject), NEWS, "", NOW)
    assert faults(made.message, follow_up=True) == ()
    assert parsed(made.message)["Bcc"] is None
    assert "https://evil" not in parsed(made.message)["Subject"]


def test_addresses_outside_ascii(composer: Composer) -> None:
    made = composer.survey(replace(ORDER, to="jö@kunde.example"), "", NOW)
    assert "To: jö@kunde.example".encode() in made.message
