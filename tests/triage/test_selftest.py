"""The tests inside policy files: the mail that they describe, and what is said when they fail."""

import pytest

from mailtriage.policies.model import Policies, Policy, PolicyTest, Signal
from mailtriage.triage.model import Evidence, Priority, SkillScore, Triage
from mailtriage.triage.selftest import mail_of, run_test, untested_signals

FOUND = Triage(
    skill="billing",
    skills=(SkillScore("billing", 4.5), SkillScore("sales", 3.0)),
    topic="invoice",
    priority=Priority.HIGH,
    why=(Evidence("skill", "invoice-word", 2.0), Evidence("mood", "anger", -1.0)),
)


def a_test(**values: object) -> PolicyTest:
    return PolicyTest("a test", "billing.toml", 7, **values)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("key", "wanted", "failures"),
    [
        ("skill", ("billing",), []),
        ("skill", ("sales",), ["expected skill sales, found billing (skills: billing 4.5, sales 3)"]),
        ("not_skill", ("sales",), []),
        ("not_skill", ("billing",), ["the skill is billing"]),
        ("skills", ("sales", "billing"), []),
        ("skills", ("sales", "account"), ["skill account is not among billing, sales"]),
        ("topic", ("refund",),
         ["expected topic refund, found invoice (skills: billing 4.5, sales 3)"]),
        ("priority", ("high",), []),
        ("priority", ("urgent",), ["expected priority urgent, found high"]),
        ("thread", ("reply",), ["expected thread reply, found new"]),
        ("language", ("und",), []),
        ("signals", ("invoice-word", "anger"), []),
        ("signals", ("invoice-word", "ocr"), ["signal ocr did not hit"]),
        ("not_signals", ("ocr",), []),
        ("not_signals", ("ocr", "anger"), ["signal anger hit"]),
    ],
)  # fmt: skip
def test_expectations(key: str, wanted: tuple[str, ...], failures: list[str]) -> None:
    outcome = run_test(a_test(expect={key: wanted}), lambda _: FOUND)
    assert list(outcome.failures) == failures
    assert outcome.signals == {"invoice-word", "anger"}


def test_every_expectation_is_looked_at() -> None:
    test = a_test(expect={"skill": ("sales",), "priority": ("low",), "mood": ("neutral",)})
    assert len(run_test(test, lambda _: FOUND).failures) == 2


def test_the_mail_that_a_test_describes() -> None:
    mail = mail_of(
        a_test(
            subject="Fel på fakturan",
            body="\nHej!\n",
            sender="Anna@shop.example",
            recipient="billing@desk.example",
            headers=(("In-Reply-To", "<1@desk.example>"), ("X-Form", "contact")),
            attachments=("faktura.pdf", "unknown.xyzzy"),
        )
    )
    assert mail.subject == mail.headers.first("Subject") == "Fel på fakturan"
    assert mail.newest_text == "Hej!"
    assert (mail.from_address, mail.envelope.sender) == ("anna@shop.example", "Anna@shop.example")
    assert mail.envelope.recipients == ("billing@desk.example",)
    assert mail.references == ("<1@desk.example>",)
    assert mail.headers.first("x-form") == "contact"
    assert [part.content_type for part in mail.attachments] == [
        "application/pdf",
        "application/octet-stream",
    ]


def test_a_test_that_says_nothing_is_a_new_mail_of_a_person() -> None:
    mail = mail_of(a_test())
    assert mail.from_address
    assert mail.envelope.recipients
    assert mail.references == ()


def test_signals_that_no_test_hits() -> None:
    policy = Policy(
        "billing.toml",
        1,
        "billing",
        is_skill=True,
        signals=(Signal("invoice-word", 1.0), Signal("ocr", 1.0)),
    )
    outcome = run_test(a_test(), lambda _: FOUND)
    assert untested_signals(Policies((policy,)), [outcome]) == [("billing.toml", "ocr")]
