"""Finding the section that answers a mail, and saying nothing where there is none."""

import os
import pickle
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.knowledge.search import KnowledgeIndex, Limits
from tests.knowledge.conftest import Index

ANYTHING = Limits(threshold=0.0, maybe=0.0)


def first(index: KnowledgeIndex, text: str, language: str) -> str:
    """Heading of the best section; empty when nothing comes near."""
    hits = index.rank(text, language, most=1)
    return index.entry(hits[0].section).heading if hits else ""


@pytest.mark.parametrize(
    ("text", "language", "heading"),
    [
        ("When do I get my refund?", "en", "When the refund arrives"),
        ("Nobody was at home when the courier came.", "en", "Nobody at home"),
        ("Can you delete my account please", "en", "Delete the account"),
        ("Was kosten Expresslieferungen?", "de", "Versandkosten"),
        ("Wo steht die Nummer der Sendung?", "de", "Sendungsverfolgung"),
        ("Kann ich Unterwäsche zurückgeben?", "de", "Was nicht zurückgenommen wird"),
        ("Jag har glömt lösenordet", "sv", "Jag har glömt mitt lösenord"),
        ("vad kostar frakt med express", "sv", "Vad kostar frakten?"),
    ],
)
def test_a_question_finds_its_section(
    shop: KnowledgeIndex, text: str, language: str, heading: str
) -> None:
    assert first(shop, text, language) == heading


def test_a_mail_is_not_a_question(shop: KnowledgeIndex) -> None:
    """The greeting, the name and the thanks around it change nothing."""
    mail = (
        "Dear Sir or Madam,\n\nmy name is Ann Smith and I bought curtains from you last week, with\n"
        "which I am very happy.\n\nCan I exchange a pair of shoes for another size?\n\n"
        "Thank you very much for your help.\n\nKind regards\nAnn Smith\n"
    )
    found = shop.find(mail, "en")
    assert found is not None
    assert found.sure
    assert found.heading == "Exchange for another size"
    page, words = found.url.split(":~:text=")
    assert page == "https://help.shop.example/en/returns#exchange-for-another-size"
    assert words == "Order%20the%20right%20size,out%20by%20then."


def test_the_subject_is_asked_too(shop: KnowledgeIndex) -> None:
    found = shop.find("See above. Ann", "en", subject="What are your delivery costs?")
    assert found is not None
    assert found.heading == "Delivery costs"


def test_an_alias_finds_the_section_and_is_shown_to_nobody(shop: KnowledgeIndex) -> None:
    found = shop.find("I am locked out of my account", "en")
    assert found is not None
    assert found.heading == "Your account"
    assert "locked" not in found.quote


def test_words_written_without_their_accents_are_found(shop: KnowledgeIndex) -> None:
    assert first(shop, "nar kommer aterbetalningen", "sv") == "När kommer återbetalningen?"


def test_parts_of_compounds_are_found(index_of: Index) -> None:
    index = index_of("de", "Die Waschmaschinenreparatur dauert zwei Wochen.", "Wir liefern Tee.")
    assert index.rank("Reparatur meiner Maschine", "de", most=1)[0].section == 0


@pytest.mark.parametrize(
    "text",
    [
        "Do you have a branch in Lisbon?",
        "Merry Christmas to all of you!",
        "Thank you very much for your help.",
        "Hello",
        "",
        "   \n\n ",
        "?!?",
        "4711",
    ],
)
def test_nothing_is_said_where_nothing_fits(shop: KnowledgeIndex, text: str) -> None:
    found = shop.find(text, "en")
    assert found is None or not found.sure


def test_what_is_not_sure_may_help(shop: KnowledgeIndex) -> None:
    found = shop.find("How long does it take until the money arrives?", "en",
                      limits=Limits(threshold=0.99, maybe=0.01))  # fmt: skip
    assert found is not None
    assert not found.sure
    assert found.id == ""
    assert len(found.maybe) == 2
    assert found.maybe[0].heading == "When the refund arrives"
    assert found.maybe[0].url.startswith("https://help.shop.example/en/returns#")


def test_what_is_sure_is_said_whatever_may_help(shop: KnowledgeIndex) -> None:
    found = shop.find("What are your delivery costs?", "en", limits=Limits(maybe=0.9))
    assert found is not None
    assert found.sure


def test_two_sections_that_say_the_same_are_not_sure(index_of: Index) -> None:
    text = "Refunds take five working days."
    index = index_of("en", text, text, "Delivery is free.")
    assert index.rank("How long do refunds take?", "en", most=1)[0].confidence < 0.05


@pytest.mark.parametrize("language", ["fr", "und", "", "xx-yy", "\0"])
def test_sections_of_another_language_are_not_looked_at(
    shop: KnowledgeIndex, language: str
) -> None:
    assert shop.find("When do I get my refund?", language) is None


@pytest.mark.parametrize("language", ["en-GB", "EN", "en_us"])
def test_a_region_is_that_of_its_language(shop: KnowledgeIndex, language: str) -> None:
    found = shop.find("What are the delivery costs?", language)
    assert found is not None
    assert found.language == "en"


def test_a_heading_counts_more_than_the_text(index_of: Index) -> None:
    texts = ("Guarantee|It lasts two years from the day.", "Repairs|It has a guarantee of a year.")
    assert index_of("en", *texts).rank("guarantee", "en", most=1)[0].section == 0


def test_a_language_without_a_stemmer_is_found_by_parts_of_words(index_of: Index) -> None:
    index = index_of("xx", "Kvalitativni proizvodi dostavljaju", "Povrat novca traje dana")
    assert index.rank("povratak novaca", "xx", most=1)[0].section == 1


@pytest.mark.parametrize(
    ("language", "text", "question"),
    [
        ("da", "Refusion sker inden for fem hverdage.", "Hvornår sker refusionen?"),
        ("de", "Die Erstattung dauert fünf Werktage.", "Wie lange dauern Erstattungen?"),
        ("en", "Refunds take five working days.", "How long does a refund take?"),
        ("es", "El reembolso tarda cinco días hábiles.", "¿Cuánto tardan los reembolsos?"),
        ("fi", "Hyvitys maksetaan viidessä arkipäivässä.", "Milloin hyvitykset maksetaan?"),
        ("fr", "Le remboursement prend cinq jours ouvrables.", "Délai des remboursements ?"),
        ("it", "Il rimborso richiede cinque giorni.", "Quanto richiedono i rimborsi?"),
        ("nb", "Refusjonen tar fem virkedager.", "Hvor lang tid tar refusjoner?"),
        ("nl", "De terugbetaling duurt vijf werkdagen.", "Hoe lang duren terugbetalingen?"),
        ("pl", "Zwrot pieniędzy trwa pięć dni.", "Ile trwają zwroty pieniędzy?"),
        ("pt", "O reembolso demora cinco dias úteis.", "Quanto demoram os reembolsos?"),
        ("sv", "Återbetalningen tar fem arbetsdagar.", "Hur lång tid tar återbetalningar?"),
    ],
)
def test_every_language_of_ours_finds_another_form_of_a_word(
    index_of: Index, language: str, text: str, question: str
) -> None:
    index = index_of(language, "XYZ 12345 abcdef.", text, "Qwerty uiop.")
    assert index.rank(question, language, most=1)[0].section == 1


def test_the_quote_is_the_paragraph_that_fits(index_of: Index) -> None:
    index = index_of("en", "Money|Refunds go to your card.\nVouchers are valid for three years.")
    found = index.find("How long is a voucher valid?", "en", limits=ANYTHING)
    assert found is not None
    assert found.quote == "Vouchers are valid for three years."


def test_what_was_said_is_found_again_by_its_id(shop: KnowledgeIndex) -> None:
    """The desk has the id from the header, and no text to ask again."""
    question = "To which card does the money of the refund go, or does the bank take three days?"
    said = shop.find(question, "en", limits=ANYTHING)
    assert said is not None
    again = shop.named(said.id)
    assert again is not None
    assert again.passages[said.passage].link == said.url
    assert again.passages[said.passage].text.startswith(said.quote)


@pytest.mark.parametrize("name", ["kb-gone", "", "none"])
def test_what_is_not_there_any_more_is_not_found_again(shop: KnowledgeIndex, name: str) -> None:
    assert shop.named(name) is None


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=600), language=st.sampled_from(["en", "de", "sv", "und", "😀"]))
def test_no_text_whatever_raises(shop: KnowledgeIndex, text: str, language: str) -> None:
    for subject in ("", text):
        found = shop.find(text, language, subject=subject, limits=ANYTHING)
        assert found is None or len(found.quote) <= 300


def test_lone_surrogates_do_not_raise(shop: KnowledgeIndex) -> None:
    assert shop.find("refund \udc80\ud800 parcel", "en", limits=ANYTHING) is not None


def test_the_cost_of_a_mail_is_bounded(shop: KnowledgeIndex) -> None:
    """A hundred times the text costs no more than what the limits let through."""

    def cost(text: str) -> float:
        return min(_spent(shop, text) for _ in range(5))

    sentence = "When does the refund arrive on my card, and what about the parcel and the label? "
    limit = sentence * (Limits().characters // len(sentence))
    assert cost(limit * 100) < 5 * cost(limit)


def _spent(index: KnowledgeIndex, text: str) -> float:
    began = time.process_time()
    for _ in range(20):
        index.find(text, "en")
    return time.process_time() - began


def test_the_most_frequent_terms_are_left_out_first(index_of: Index) -> None:
    texts = [f"common words everywhere number{number:03}" for number in range(200)]
    index = index_of("en", *texts)
    hits = index.rank(
        "common words everywhere number117", "en", limits=Limits(postings=100), most=1
    )
    assert hits[0].section == 117


def test_another_process_reads_the_file_again(shop: KnowledgeIndex) -> None:
    copy = pickle.loads(pickle.dumps(shop))
    question = "What are the delivery costs?"
    assert copy.find(question, "en") == shop.find(question, "en")


def test_a_fork_shares_it(shop: KnowledgeIndex) -> None:
    before = shop.find("What are the delivery costs?", "en")
    child = os.fork()
    if child == 0:
        os._exit(0 if shop.find("What are the delivery costs?", "en") == before else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_what_is_open_stays_as_it_is_while_the_file_is_replaced_or_cut(
    index_of: Index, tmp_path: Path
) -> None:
    index = index_of("en", "Refunds take five days.", "Delivery is free.")
    with (tmp_path / "kb.idx").open("r+b") as stream:
        stream.truncate(10)
    assert index.rank("refunds", "en", most=1)[0].section == 0
