"""The lint that every name and value passes before it is sent, ours and every profile's."""

import pytest

from mailtriage.policies.load import load_policies
from mailtriage.shipped import shipped_directory
from mailtriage.tags.lint import MAX_NAME, lint, safe_fields
from mailtriage.tags.vocabulary import MAX_VALUE, PREFIX


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Mailtriage-Priority", "urgent"),
        ("X-Mailtriage-Priority", "low"),
        ("X-Priority", "1"),
        ("X-Mailtriage-Skills", "billing; refund;"),
        ("X-Mailtriage-Why", "invoice-word, vip"),
        ("X-Mailtriage", "v=1; prio=urgent;"),
        ("X" * MAX_NAME, "a" * MAX_VALUE),
    ],
)
def test_fields_without_fault(name: str, value: str) -> None:
    assert lint(name, value) == []


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("X Foo", "a", "the name is not made of letters, digits, '-' and '_'"),
        ("X-Foo:", "a", "the name is not made of letters, digits, '-' and '_'"),
        ("X-Fö", "a", "the name is not made of letters, digits, '-' and '_'"),
        ("X-Foo\n", "a", "the name is not made of letters, digits, '-' and '_'"),
        ("", "a", "the name is not made of letters, digits, '-' and '_'"),
        ("X" * (MAX_NAME + 1), "a", "the name is longer than 50 characters"),
        ("X-Foo", "a" * (MAX_VALUE + 1), "the value is longer than 200 characters"),
        ("X-Foo", "", "the value is not printable ASCII"),
        ("X-Foo", "a\r\nBcc: b", "the value is not printable ASCII"),
        ("X-Foo", "a\n", "the value is not printable ASCII"),
        ("X-Foo", "a\0", "the value is not printable ASCII"),
        ("X-Foo", "å", "the value is not printable ASCII"),
        ("X-Foo", "a|b", "the value has characters outside [a-z0-9_=;, -]"),
        ("X-Foo", "Urgent", "the value has characters outside [a-z0-9_=;, -]"),
        ("X-Auto-Reply", "a", "helpdesks take it for the mark of an automatic mail"),
        ("X-Foo", "no-autoreply", "helpdesks take it for the mark of an automatic mail"),
        ("X-Foo", "auto_submitted", "helpdesks take it for the mark of an automatic mail"),
        ("X-Foo", "auto-generated", "helpdesks take it for the mark of an automatic mail"),
        ("X-Foo", "autoresponse", "helpdesks take it for the mark of an automatic mail"),
        ("Precedence", "a",
         "helpdesks take a field of this name for the mark of an automatic mail"),
        ("X-Loop", "a", "helpdesks take a field of this name for the mark of an automatic mail"),
        ("List-Id", "a", "helpdesks take a field of this name for the mark of an automatic mail"),
        ("X-MS-Exchange-Foo", "a",
         "helpdesks take a field of this name for the mark of an automatic mail"),
        ("X-Foo-Priority", "critical", "a priority starts with u, h, n, l or a digit from 1 to 6"),
        ("X-Foo-Priority", "p2", "a priority starts with u, h, n, l or a digit from 1 to 6"),
        ("Importance", "7", "a priority starts with u, h, n, l or a digit from 1 to 6"),
    ],
)  # fmt: skip
def test_faults(name: str, value: str, fault: str) -> None:
    assert fault in lint(name, value)


def test_a_profile_may_use_all_of_printable_ascii() -> None:
    assert lint("X-Zammad-Ticket-Priority", "3 high", ours=False) == []
    assert lint("X-OTRS-Queue", "Billing::Nordic (EU)", ours=False) == []
    assert lint("X-OTRS-Queue", "Köln", ours=False) != []


def test_only_fields_that_can_be_sent_are_sent() -> None:
    kept = ("X-Good", "fine: a value?")
    bad = [
        ("X-Bad", "a\r\nBcc: b"),
        ("X-Bad", "a\n b"),
        ("X-Bad", "ü"),
        ("X-Bad", "\x7f"),
        ("X-Bad", ""),
        ("X-Bad", "a" * (MAX_VALUE + 1)),
        ("X Bad", "a"),
        ("X-Bad\r\nBcc", "a"),
        ("X" * (MAX_NAME + 1), "a"),
    ]
    assert safe_fields([*bad, kept, *bad]) == (kept,)


def test_ids_skills_and_topics_of_the_shipped_policies_are_sound() -> None:
    """They are values of ours: for an id such as "auto-reply" Discourse would drop the mail."""
    policies, _ = load_policies([shipped_directory("policies")])
    words = {
        word
        for policy in policies.all()
        for signal in policy.signals
        for word in (policy.name, signal.id, signal.topic)
        if word
    }
    faults = {word: lint(f"{PREFIX}-Why", word) for word in words}
    assert {word: found for word, found in faults.items() if found} == {}
