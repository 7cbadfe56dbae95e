"""What is seen of an answer: greeting, closing, and links into the knowledge base."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.insight.answer_checks import (
    MAX_SHOWN,
    MOST_LINKS,
    MOST_SHOWN,
    KnownPages,
    has_closing,
    has_greeting,
)
from mailtriage.knowledge.answer_words import read_salutations, shipped_salutations
from mailtriage.knowledge.text import STEMMERS

WORDS = shipped_salutations()

LETTERS = {
    "da": ("Kære Anna", "tak for din mail. Pakken er sendt i dag.", "Med venlig hilsen\nPeter"),
    "de": ("Sehr geehrte Frau Meier,", "das Paket ist unterwegs.", "Mit freundlichen Grüßen\nTom"),
    "en": ("Dear Ms Smith,", "the parcel is on its way.", "Kind regards,\nTom"),
    "es": ("Estimada Ana:", "el paquete está en camino.", "Un cordial saludo,\nPablo"),
    "fi": ("Hei Anna,", "paketti on matkalla.", "Ystävällisin terveisin\nPekka"),
    "fr": ("Bonjour Madame Petit,", "le colis est en route.", "Bien cordialement,\nLuc"),
    "it": ("Gentile Anna,", "il pacco è in viaggio.", "Cordiali saluti\nLuca"),
    "nb": ("Hei Anna!", "pakken er på vei.", "Med vennlig hilsen\nOla"),
    "nl": ("Beste Anna,", "het pakket is onderweg.", "Met vriendelijke groet,\nJan"),
    "pl": ("Dzień dobry Pani Anno,", "paczka jest w drodze.", "Z poważaniem\nJan"),
    "pt": ("Olá Ana,", "a encomenda está a caminho.", "Com os melhores cumprimentos,\nRui"),
    "sv": ("Hej Anna,", "paketet är på väg.", "Med vänliga hälsningar\nOlle"),
}

ASIDE = {
    "thanks for a mail": (
        "en",
        "Hello,\n\nthank you for your message of yesterday about the lamp.",
    ),
    "thanks for patience": (
        "en",
        "Hello,\n\nit takes a week.\nThank you for your patience so far.",
    ),
    "best wishes come first": ("en", "Hello,\n\nthe best is to send it back to us."),
    "thanks for a request": ("en", "Hello,\n\nThank you for your request.\n\nIt is on its way."),
    "a short sentence about yours": ("de", "Hallo,\n\nIhre Bestellung ist unterwegs."),
    "please, in Swedish": ("sv", "Hej,\n\nVänligen svara på detta mail."),
    "please, in Danish": ("da", "Hej,\n\nVenligst oplys dit ordrenummer."),
    "thanks for a message, in Finnish": ("fi", "Hei,\n\nKiitos viestistäsi.\n\nSe on matkalla."),
    "a brand": ("de", "Hallo,\n\nLG hat das Gerät heute aus seinem Lager an uns geschickt."),
    "a hello in the middle": ("de", "Hallo,\n\nder Danke-Rabatt gilt bis Freitag."),
}


def test_there_are_words_for_each_of_our_languages() -> None:
    assert sorted(WORDS) == sorted(STEMMERS) == sorted(LETTERS)


@pytest.mark.parametrize("language", sorted(LETTERS))
class TestEachLanguage:
    def test_a_whole_letter_has_both(self, language: str) -> None:
        text = "\n\n".join(LETTERS[language])
        assert has_greeting(text, language, WORDS)
        assert has_closing(text, "", language, WORDS)

    def test_a_bare_sentence_has_neither(self, language: str) -> None:
        text = LETTERS[language][1].removeprefix("tak for din mail. ")
        assert not has_greeting(text, language, WORDS)
        assert not has_closing(text, "", language, WORDS)

    def test_capitals_and_decoration_do_not_matter(self, language: str) -> None:
        first, matter, last = LETTERS[language]
        text = f"*{first.upper()}*\n{matter}\n> {last.upper()}"
        assert has_greeting(text, language, WORDS)
        assert has_closing(text, "", language, WORDS)

    def test_a_greeting_far_below_is_none(self, language: str) -> None:
        first, matter, last = LETTERS[language]
        assert not has_greeting("\n".join([matter] * 4 + [first]), language, WORDS)
        assert not has_closing("\n".join([last] + ["x"] * 8), "", language, WORDS)

    def test_a_closing_that_a_program_put_above_the_signature_counts(self, language: str) -> None:
        first, matter, last = LETTERS[language]
        assert has_closing(f"{first}\n{matter}", f"{last}\nDesk Ltd.", language, WORDS)

    def test_what_stands_in_the_signature_itself_does_not(self, language: str) -> None:
        first, matter, last = LETTERS[language]
        assert not has_closing(f"{first}\n{matter}", f"-- \n{last}", language, WORDS)


@pytest.mark.parametrize("case", ASIDE)
def test_thanks_within_a_sentence_close_no_letter(case: str) -> None:
    language, text = ASIDE[case]
    assert not has_closing(text, "", language, WORDS)


@pytest.mark.parametrize(
    "last", ["Many thanks, Tom", "Thank you!", "Best\nTom", "Thanks Tom Miller"]
)
def test_thanks_and_a_name_do(last: str) -> None:
    assert has_closing(f"Hello,\nit takes a week.\n{last}", "", "en", WORDS)


def test_a_closing_at_the_end_of_the_last_line_counts() -> None:
    assert has_closing("Hello Ann, it is on its way. Kind regards, Tom", "", "en", WORDS)


def test_of_an_unknown_language_the_words_of_all_count() -> None:
    assert has_greeting("Bonjour,\n42", "und", WORDS)
    assert has_closing("42\nMvh Olle", "", "und", WORDS)
    assert not has_greeting("42", "und", WORDS)
    assert not has_greeting("Bonjour,\n42", "de", WORDS)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Ja, das geht.\nLiebe Grüße\nTom"),
        ("nl", "Ja, dat kan.\nBeste groet,\nJan"),
        ("it", "Va bene.\nCari saluti\nLuca"),
        ("sv", "Ja.\nBästa hälsningar\nOlle"),
    ],
)
def test_a_closing_near_the_top_is_no_greeting(language: str, text: str) -> None:
    assert not has_greeting(text, language, WORDS)
    assert has_closing(text, "", language, WORDS)


def test_a_polish_sentence_about_hers_is_no_greeting() -> None:
    assert not has_greeting("Pani zamówienie zostało wysłane.", "pl", WORDS)


@pytest.mark.parametrize(
    ("language", "first", "last"),
    [
        ("es", "Buenos dias Ana:", "Quedo a su disposicion"),
        ("pl", "Dzien dobry,", "Z powazaniem"),
        ("pt", "Ola Ana,", "Saudacoes"),
        ("da", "Kaere Anna", "Kaerlig hilsen"),
    ],
)
def test_accents_that_a_keyboard_does_not_have_do_not_matter(
    language: str, first: str, last: str
) -> None:
    assert has_greeting(first, language, WORDS)
    assert has_closing(f"42\n{last}", "", language, WORDS)


def test_a_word_is_whole() -> None:
    assert not has_greeting("Hidden costs are none.", "en", WORDS)
    assert not has_closing("x\nRegardless of that it works.", "", "en", WORDS)


def test_a_file_with_another_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "xx.txt").write_text("greeting: hi\nclosings: bye\n")
    with pytest.raises(ValueError, match=r"xx\.txt:2: 'closings'"):
        read_salutations(tmp_path / "xx.txt")


PAGES = KnownPages(
    ["help.desk.example", "www.shop.example"],
    [
        "https://help.desk.example/en/returns",
        "https://help.desk.example/en/Zur%C3%BCck/",
        "https://help.desk.example/faq.html",
        "https://help.desk.example/show?id=5",
        "https://wiki.desk.example/start/index.html",
        "no address",
    ],
)


@pytest.mark.parametrize(
    "url",
    [
        "https://help.desk.example/en/returns",
        "http://HELP.desk.example/en/returns/",
        "https://help.desk.example/en/returns#send-back",
        "https://help.desk.example/en/returns?utm_source=mail",
        "https://help.desk.example/en/Zurück",
        "https://help.desk.example/faq",
        "https://help.desk.example/show?id=5",
        "https://www.wiki.desk.example/start/",
        "https://help.desk.example/",
        "https://shop.example",
    ],
)
def test_a_page_of_the_index_is_known_however_it_is_written(url: str) -> None:
    found = PAGES.look(f"See {url}.")
    assert (found.links, found.kb_links, found.unknown, found.unknown_links) == (1, 1, 0, ())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://help.desk.example/en/return", "https://help.desk.example/en/return"),
        ("https://help.desk.example/show?id=6", "https://help.desk.example/show"),
        ("https://help.desk.example/EN/returns", "https://help.desk.example/EN/returns"),
        ("https://joe:pw@help.desk.example/a?b=c#d", "https://help.desk.example/a"),
        ("https://www.shop.example/größe", "https://www.shop.example/gr%C3%B6%C3%9Fe"),
    ],
)
def test_another_page_of_its_hosts_is_named_without_its_query(url: str, shown: str) -> None:
    found = PAGES.look(url)
    assert (found.kb_links, found.unknown, found.unknown_links) == (1, 1, (shown,))


@pytest.mark.parametrize(
    "secret",
    [
        "reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.x",
        "u/ann@customer.example",
        "u/ann%40customer.example",
        "s/8f14e45f-ceea-467f-a0e6-3f9a1c2b7d11",
        "k/0123456789abcdef0123456789abcdef",
        "a;jsessionid=1A2B3C",
    ],
)
def test_what_may_be_a_customers_own_is_not_named(secret: str) -> None:
    (shown,) = PAGES.look(f"https://help.desk.example/{secret}").unknown_links
    step = secret.partition("/")[0].partition(";")[0]
    assert shown == f"https://help.desk.example/{step}" + "/*" * ("/" in secret)


def test_numbers_and_words_of_a_page_are_named() -> None:
    url = "https://help.desk.example/hc/en-us/articles/360012345678-How-to-send-something-back"
    assert PAGES.look(url).unknown_links == (url,)


def test_a_host_beyond_ascii_is_the_same_however_it_is_written() -> None:
    pages = KnownPages(["hilfe-müller.example"], ["https://hilfe-müller.example/a"])
    found = pages.look("https://xn--hilfe-mller-zhb.example/a https://hilfe-müller.example/b")
    assert (found.kb_links, found.unknown) == (2, 1)
    assert found.unknown_links == ("https://xn--hilfe-mller-zhb.example/b",)


def test_what_leads_elsewhere_is_only_counted() -> None:
    found = PAGES.look("https://carrier.example/track/42 and mailto:a@b.example and http://[::1")
    assert (found.links, found.kb_links, found.unknown) == (2, 0, 0)


def test_a_link_that_stands_there_twice_is_one() -> None:
    assert PAGES.look("https://a.example/x (https://a.example/x), https://a.example/x").links == 1


def test_only_the_first_few_are_named_and_none_at_length() -> None:
    long = "-x" * 3 * MAX_SHOWN
    text = " ".join(f"https://help.desk.example/{number}{long}" for number in range(9))
    found = PAGES.look(text)
    assert found.unknown == 9
    assert len(found.unknown_links) == MOST_SHOWN
    assert all(len(link) == MAX_SHOWN for link in found.unknown_links)


def test_without_an_index_no_page_is_unknown() -> None:
    found = KnownPages(["help.desk.example"], []).look("https://help.desk.example/nowhere")
    assert (found.kb_links, found.unknown) == (1, 0)


@given(st.text(max_size=200).map(lambda text: f"https://help.desk.example/{text}") | st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    found = PAGES.look(text)
    assert found.links >= found.kb_links >= found.unknown >= len(found.unknown_links)
    assert all(" " not in link and link.isascii() for link in found.unknown_links)
    for language in ("en", "und"):
        has_greeting(text, language, WORDS)
        has_closing(text, text, language, WORDS)


@pytest.mark.alone
def test_a_text_made_to_be_slow_costs_what_its_length_costs() -> None:
    def cost(text: str) -> float:
        times = []
        for _ in range(5):
            began = time.process_time()
            PAGES.look(text)
            has_greeting(text, "und", WORDS)
            has_closing(text, text, "und", WORDS)
            times.append(time.process_time() - began)
        return min(times)

    for piece in ("https://a.example/x ", "https://", "dear. ", "\n", "a" * 99 + "\n", "http" * 9):
        short, long = piece * (20_000 // len(piece)), piece * (160_000 // len(piece))
        assert cost(long) < 30 * cost(short) + 0.002
    for begin, step, end in (("thanks ", "a", " b c d e f"), ("https://a.example/", "/", "x")):
        short, long = (f"{begin}{step * count}{end}" for count in (35, 280))
        assert cost(long) < 30 * cost(short) + 0.002
    many = " ".join(f"https://help.desk.example/{number}" for number in range(5 * MOST_LINKS))
    assert PAGES.look(many).links == MOST_LINKS
