"""What a hit weighs, where signals look, and in which languages their phrases count."""

from collections.abc import Callable

import pytest

from mailtriage.mail.model import Attachment, Mail
from mailtriage.policies.matcher import SUBJECT_FACTOR, Hit, Matcher, mail_text
from mailtriage.policies.model import Policies

Hits = Callable[..., list[Hit]]


def points(found: list[Hit]) -> float:
    return sum(hit.points for hit in found)


WORDS = 'words.any = ["invoice*", "paid", "credit note"]'


@pytest.mark.parametrize(
    ("max_hits", "body", "expected"),
    [
        (1, "invoice", 1.0),
        (1, "invoice paid", 1.0),
        (2, "invoice paid", 2.0),
        (2, "invoice paid credit note", 2.0),
        (3, "invoice paid credit note", 3.0),
        (3, "invoice invoices invoice", 1.0),
        (3, "nothing", 0.0),
    ],
)
def test_each_different_phrase_adds_its_weight_up_to_max_hits(
    hits: Hits, max_hits: int, body: str, expected: float
) -> None:
    assert points(hits(f"{WORDS}\nmax_hits = {max_hits}", body)) == expected


def test_two_spellings_of_a_phrase_are_one_phrase(hits: Hits) -> None:
    assert points(hits('words.any = ["für"]\nmax_hits = 5', "für fur fuer")) == 1.0


@pytest.mark.parametrize(
    ("subject", "body", "expected"),
    [
        ("invoice", "", SUBJECT_FACTOR),
        ("invoice", "invoice", SUBJECT_FACTOR),
        ("invoice", "paid", SUBJECT_FACTOR + 1),
        ("hello", "paid", 1.0),
    ],
)
def test_a_hit_in_the_subject_counts_half_as_much_again(
    hits: Hits, subject: str, body: str, expected: float
) -> None:
    assert points(hits(f"{WORDS}\nmax_hits = 2", body, subject=subject)) == expected


def test_the_hits_that_count_are_those_that_weigh_most(hits: Hits) -> None:
    found = hits(f"{WORDS}\nmax_hits = 1", "invoice", subject="paid")
    assert points(found) == SUBJECT_FACTOR
    assert found[0].where == 'subject "paid"'


def test_a_negative_weight_takes_points_away(policies: Callable[[str], Policies]) -> None:
    matcher = Matcher(
        policies(
            """
            skill = "billing"
            signal = [
              { id = "for", weight = 2, words.any = ["invoice"] },
              { id = "against", weight = -3, words.any = ["newsletter"] },
            ]
            test = [{ name = "t", expect = { skill = "general" } }]
            """
        )
    )
    mail = Mail(newest_text="invoice, newsletter")
    assert [hit.points for hit in matcher.scan(mail, mail_text(mail), "en")] == [2.0, -3.0]


ATTACHED = (Attachment("Invoice 2025.pdf", "application/pdf", 1000),)
EVERYWHERE = {"subject": "Invoice", "newest_text": "The invoice", "attachments": ATTACHED}


@pytest.mark.parametrize("kind", ['words.any = ["invoice"]', 'regex = "invoice"\nguard = []'])
@pytest.mark.parametrize(
    ("where", "mail", "found"),
    [
        (["subject"], Mail(**EVERYWHERE), 'subject "Invoice"'),
        (["body"], Mail(**EVERYWHERE), 'body "invoice"'),
        (["attachment"], Mail(**EVERYWHERE), 'attachment "Invoice"'),
        (["subject"], Mail(newest_text="invoice", attachments=ATTACHED), ""),
        (["body"], Mail(subject="invoice", attachments=ATTACHED), ""),
        (["attachment"], Mail(subject="invoice", newest_text="invoice"), ""),
        (["subject", "body"], Mail(newest_text="invoice"), 'body "invoice"'),
        (["subject", "body"], Mail(attachments=ATTACHED), ""),
        (["body", "attachment"], Mail(subject="invoice", attachments=ATTACHED), "attachment"),
    ],
)
def test_a_signal_looks_only_where_it_says(
    signal: Callable[[str], Matcher], kind: str, where: list[str], mail: Mail, found: str
) -> None:
    matcher = signal(f"{kind}\nwhere = {where}")
    hits = matcher.scan(mail, mail_text(mail), "en", quote=True)
    assert [hit.where[: len(found)] for hit in hits] == ([found] if found else [])


@pytest.mark.parametrize(
    ("language", "body", "found"),
    [
        ("sv", "faktura", True),
        ("de", "faktura", False),
        ("de", "rechnung", True),
        ("sv", "paypal", True),
        ("hu", "paypal", True),
        ("hu", "faktura", False),
        ("hu", "rechnung", False),
        ("und", "faktura", True),
        ("und", "rechnung", True),
        ("und", "paypal", True),
    ],
)
def test_a_phrase_counts_in_its_language_or_when_the_language_is_not_sure(
    hits: Hits, language: str, body: str, found: bool
) -> None:
    words = 'words = { sv = ["faktura"], de = ["rechnung"], any = ["paypal"] }'
    assert bool(hits(words, body, language=language)) is found


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        ("Die Stromrechnungen fehlen", "Stromrechnungen"),
        ("(Stromrechnung)", "Stromrechnung"),
        ("seht die\nSTROM-RECHNUNG!", "RECHNUNG"),
    ],
)
def test_the_evidence_quotes_whole_words_as_they_were_typed(
    hits: Hits, body: str, quoted: str
) -> None:
    assert hits('words.de = ["*rechnung*"]', body, language="de")[0].where == f'body "{quoted}"'


def test_hits_come_in_the_order_of_the_policies(policies: Callable[[str], Policies]) -> None:
    matcher = Matcher(
        policies(
            """
            skill = "billing"
            signal = [
              { id = "sender", weight = 1, sender = ["*@shop.example"] },
              { id = "pattern", weight = 1, regex = 'b', guard = [] },
              { id = "near", weight = 1, near.any = { a = ["aa"], b = ["bb"] } },
              { id = "words", weight = 1, words.any = ["bb"] },
            ]
            test = [{ name = "t", expect = { skill = "general" } }]
            """
        )
    )
    mail = Mail(from_address="anna@shop.example", newest_text="aa bb")
    found = [hit.signal.id for hit in matcher.scan(mail, mail_text(mail), "en")]
    assert found == ["sender", "pattern", "near", "words"]


def test_no_policies_find_nothing() -> None:
    mail = Mail(subject="invoice", newest_text="invoice")
    assert Matcher(Policies()).scan(mail, mail_text(mail), "und") == []
