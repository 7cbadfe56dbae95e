"""Phrases: which texts they hit, and which phrases are refused."""

from collections.abc import Callable

import pytest

from mailtriage.policies.matcher import Hit
from mailtriage.policies.phrases import phrase_fault

Hits = Callable[..., list[Hit]]


@pytest.mark.parametrize(
    ("phrase", "body"),
    [
        ("invoice", "The invoice."),
        ("invoice", "INVOICE"),
        ("invoice", '"invoice"'),
        ("invoice", "(Invoice)"),
        ("Invoice", "invoice"),
        ("credit note", "a credit   note"),
        ("credit note", "a credit\nnote"),
        ("credit note", "a credit-note"),
        ("credit note", "a credit - note"),
        ("credit note", "a credit-\nnote"),
        ("credit-note", "a credit note"),
        ("e-mail", "an E-Mail"),
        ("faktur*", "fakturan"),
        ("faktur*", "faktur"),
        ("*rechnung", "Stromrechnung"),
        ("*rechnung", "rechnung"),
        ("*rechnung*", "Stromrechnungen"),
        ("fel* belopp", "felaktigt belopp"),
        ("fel* belopp*", "fel beloppet"),
        ("fel *summa", "fel totalsumma"),
        ("fel* *summ* idag", "felaktiga delsummor idag"),
        ("für", "für"),
        ("für", "fur"),
        ("für", "fuer"),
        ("für", "FÜR"),
        ("kündig* für", "kuendigen fuer"),
        ("kündig* für", "kündigen für"),
        ("größe", "groesse"),
        ("größe", "grose"),
        ("ærlig", "aerlig"),
        ("påminnelse", "paaminnelse"),
        ("påminnelse", "paminnelse"),
        ("łódź", "lodz"),
        ("œuvre", "oeuvre"),
        ("fo\u0308r", "för"),
        ("fo\u0308r* idag", "för idag"),
        ("l'abonnement", "l’abonnement"),
        ("l’abonnement", "l'abonnement"),
        ("l'abonnement", "lʼabonnement"),
        ("счёт*", "Счёта"),
    ],
)
def test_a_phrase_hits(hits: Hits, phrase: str, body: str) -> None:
    assert hits(f'words.any = ["{phrase}"]', body)


@pytest.mark.parametrize(
    ("phrase", "body"),
    [
        ("invoice", "invoices"),
        ("invoice", "reinvoice"),
        ("faktur*", "manufaktur"),
        ("*rechnung", "Rechnungen"),
        ("credit note", "credit. Note"),
        ("credit note", "credit, note"),
        ("credit note", "credit\n\nnote"),
        ("credit note", "note credit"),
        ("fel* belopp", "felaktigt nytt belopp"),
        ("für", "furz"),
        ("art", "artikel"),
        ("invoice", ""),
    ],
)
def test_a_phrase_does_not_hit(hits: Hits, phrase: str, body: str) -> None:
    assert not hits(f'words.any = ["{phrase}"]', body)


def test_a_phrase_does_not_reach_from_the_subject_into_the_body(hits: Hits) -> None:
    assert not hits('words.any = ["credit note"]', "note", subject="credit")


@pytest.mark.parametrize(
    ("phrase", "fault"),
    [
        ("invoice*", ""),
        ("*a1b*", ""),
        ("ust id*", ""),
        ("in", ""),
        ("a*", "a * needs letters beside it, two at least"),
        ("invoice *", "a * needs letters beside it, two at least"),
        ("in*voice", "a * stands at the start or the end of a word"),
        ("invoice**", "a * stands at the start or the end of a word"),
        ("*", "a * needs letters beside it, two at least"),
        ("ab*", "too short: it would hit nearly every mail"),
        ("!!", "too short: it would hit nearly every mail"),
        ("x", "too short: it would hit nearly every mail"),
        (" invoice", "words are split by one blank, with none at the ends"),
        ("credit  note", "words are split by one blank, with none at the ends"),
        ("credit\nnote", "words are split by one blank, with none at the ends"),
        ("x" * 101, "longer than 100 characters"),
    ],
)
def test_phrases_that_would_hit_anything_are_refused(phrase: str, fault: str) -> None:
    assert phrase_fault(phrase) == fault
