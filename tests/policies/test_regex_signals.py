"""regex: patterns behind their guards, and within their time."""

import time
from collections.abc import Callable

import pytest

from mailtriage.mail.model import Mail
from mailtriage.policies.matcher import Hit, Matcher, mail_text
from mailtriage.policies.model import Policies

Hits = Callable[..., list[Hit]]


@pytest.mark.parametrize(
    ("pattern", "body", "found"),
    [
        (r"\bOCR[ :]*\d{6,20}\b", "ocr: 123456789", 'body "ocr: 123456789"'),
        (r"\bOCR[ :]*\d{6,20}\b", "ocr: 12345", ""),
        (r"straße \d+", "STRASSE 5", ""),
        (r"ÅÄÖ \d", "åäö 1", 'body "åäö 1"'),
        (r"(?-i:[A-Z]{4})", "shout", ""),
        (r"(?-i:[A-Z]{4})", "SHOUT", 'body "SHOUT"'),
        (r"[!?]{2}", "so ?! what", 'body "?!"'),
        (r"^first", "first things", 'body "first"'),
        (r"last$", "at last", 'body "last"'),
    ],
)
def test_a_pattern_is_searched_without_regard_to_case(
    hits: Hits, pattern: str, body: str, found: str
) -> None:
    assert [hit.where for hit in hits(f"regex = '{pattern}'\nguard = []", body)] == (
        [found] if found else []
    )


def test_a_pattern_sees_subject_and_body_apart(hits: Hits) -> None:
    pattern = "regex = 'order.{0,9}late'\nguard = []"
    assert not hits(pattern, "late", subject="order")
    assert hits("regex = '^re:'\nguard = []", "", subject="Re: order")
    assert hits("regex = 'order$'\nguard = []", "body", subject="Re: order")


def test_a_pattern_counts_once_in_each_part_up_to_max_hits(hits: Hits) -> None:
    for max_hits, points in ((1, 1.5), (2, 2.5)):
        found = hits(f"regex = 'x+'\nguard = []\nmax_hits = {max_hits}", "x x", subject="x x")
        assert found[0].points == points


@pytest.mark.parametrize(
    ("guard", "body", "tried"),
    [
        ('["iban"]', "IBAN: 1", True),
        ('["iban"]', "ibans: 1", False),
        ('["iban*"]', "ibans: 1", True),
        ('["iban", "konto"]', "Konto 1", True),
        ('["!!"]', "1!!", True),
        ('["!!"]', "1!", False),
        ('["!!", "iban"]', "iban 1", True),
        ("[]", "1", True),
    ],
)
def test_a_pattern_is_tried_only_where_a_guard_stands(
    hits: Hits, guard: str, body: str, tried: bool
) -> None:
    assert bool(hits(rf"regex = '\d'{chr(10)}guard = {guard}", body)) is tried


def test_guards_count_in_every_language(hits: Hits) -> None:
    assert hits(r"regex = '\d'" + '\nguard = ["iban"]', "iban 1", language="hu")


@pytest.mark.alone
def test_a_catastrophic_pattern_ends_at_the_limit_and_the_mail_goes_on(
    policies: Callable[[str], Policies],
) -> None:
    loaded = policies(
        """
        skill = "billing"
        signal = [
          { id = "runaway", weight = 1, regex = '(?:a|aa)+(?:b|c)+$', guard = [] },
          { id = "word", weight = 1, words.any = ["invoice"] },
        ]
        test = [{ name = "t", expect = { skill = "general" } }]
        """
    )
    mail = Mail(newest_text="invoice " + "a" * 5000)
    text = mail_text(mail)

    def seconds(limit: float) -> float:
        told: list[tuple[str, str]] = []
        unwatched = Matcher(loaded, time_limit=limit)
        matcher = unwatched.watched(lambda policy, signal: told.append((policy, signal)))
        began = time.perf_counter()
        found = [hit.signal.id for hit in matcher.scan(mail, text, "en")]
        took = time.perf_counter() - began
        assert found == [hit.signal.id for hit in unwatched.scan(mail, text, "en")] == ["word"]
        assert told == [("billing", "runaway")], (
            "whoever watches is told, and of his own scan alone"
        )
        return took

    # The pattern would run for ages: what it takes is what it is given.
    assert seconds(0.4) > 2 * seconds(0.02)
