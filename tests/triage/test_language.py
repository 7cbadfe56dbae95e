"""The language of the newest text, and what headers may add."""

from collections.abc import Callable

import pytest

from mailtriage.mail.model import Mail
from mailtriage.triage.language import MAX_CHARS, detect, header_language

MakeMail = Callable[..., Mail]

SENTENCES = {
    "sv": "Hej, jag har inte fått min beställning och undrar när paketet kommer fram.",
    "en": "Hello, I have not received my order yet and wonder when the parcel will arrive.",
    "de": "Guten Tag, ich habe meine Bestellung noch nicht erhalten. Wann kommt das Paket an?",
    "da": "Hej, jeg har ikke modtaget min bestilling endnu. Hvornår bliver pakken leveret til mig?",
    "nb": "Hei, jeg har ikke fått bestillingen min ennå. Hvorfor tar det så lang tid å få svar?",
    "fi": "Hei, en ole vielä saanut tilaustani. Milloin paketti saapuu perille?",
    "fr": "Bonjour, je n'ai pas encore reçu ma commande. Quand le colis va-t-il arriver ?",
    "es": "Hola, todavía no he recibido mi pedido. ¿Cuándo llegará el paquete?",
    "it": "Buongiorno, non ho ancora ricevuto il mio ordine. Quando arriverà il pacco?",
    "nl": "Hallo, ik heb mijn bestelling nog niet ontvangen. Wanneer komt het pakket aan?",
    "pt": "Olá, ainda não recebi a minha encomenda. Quando é que o pacote vai chegar?",
    "pl": "Dzień dobry, nie otrzymałam jeszcze zamówienia. Kiedy dotrze paczka?",
    "hu": "Jó napot, még nem kaptam meg a rendelésemet. Mikor érkezik meg a csomag?",
    "ru": "Здравствуйте, я ещё не получил свой заказ. Когда придёт посылка?",
    "el": "Καλημέρα, δεν έχω λάβει ακόμα την παραγγελία μου. Πότε θα φτάσει το πακέτο;",
}


@pytest.mark.parametrize(("code", "text"), SENTENCES.items())
def test_a_sentence_is_enough(mail: MakeMail, code: str, text: str) -> None:
    found = detect(mail(text=text))
    assert (found.code, found.confidence > 0.7) == (code, True)


def test_norwegian_is_called_by_its_written_standard(mail: MakeMail) -> None:
    assert detect(mail(text=SENTENCES["nb"])).code == "nb"
    for header in ("no", "nb-NO", "nn-NO"):
        assert header_language(mail(f"Content-Language: {header}")) == "nb"


def test_a_short_text_is_read_together_with_the_subject(mail: MakeMail) -> None:
    subject = "Meine Bestellung ist noch nicht angekommen"
    assert detect(mail(text="Siehe oben.", subject=subject)).code == "de"
    assert detect(mail(text="", subject=subject)).code == "de"


def test_the_subject_does_not_outvote_a_text_that_is_long_enough(mail: MakeMail) -> None:
    subject = "Your invoice 4711 from Northwind Traders is ready for download"
    assert detect(mail(text=SENTENCES["sv"], subject=subject)).code == "sv"


@pytest.mark.parametrize("text", ["", "ok", "👍👍", "4711-0815", "https://shop.example/order/12"])
def test_too_little_text_is_undetermined(mail: MakeMail, text: str) -> None:
    assert detect(mail(text=text)).code == "und"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (["Content-Language: de"], "de"),
        (["Content-Language: de-DE"], "de"),
        (["Content-Language: de, en"], "de"),
        (["Accept-Language: sv-SE, en-US"], "sv"),
        (["Accept-Language: fi;q=0.8"], "fi"),
        (["Content-Language: fr", "Accept-Language: en-US"], "fr"),
        (["Content-Language:", "Accept-Language: it"], "it"),
        (["Content-Language: multi"], ""),
        (["Accept-Language: *"], ""),
        (["Content-Language: =?utf-8?q?=C3=A5?="], ""),
        ([], ""),
    ],
)
def test_the_language_that_headers_name(mail: MakeMail, fields: list[str], code: str) -> None:
    assert header_language(mail(*fields)) == code


@pytest.mark.parametrize(("header", "code"), [("de-DE", "de"), ("nn-NO", "nb"), ("en-US", "und")])
def test_headers_decide_where_the_text_says_nothing(mail: MakeMail, header: str, code: str) -> None:
    """Except for en-US, which mail programs say when nobody has set anything."""
    assert detect(mail(f"Content-Language: {header}", text="Ok!")).code == code


def test_headers_do_not_outvote_a_clear_text(mail: MakeMail) -> None:
    assert detect(mail("Content-Language: de-DE", text=SENTENCES["sv"])).code == "sv"


def test_links_addresses_and_numbers_have_no_language(mail: MakeMail) -> None:
    noise = (
        "https://www.the-best-online-shop.example/your/order/is/here info@because-we-are.example "
    )
    assert detect(mail(text=noise * 5 + SENTENCES["fi"])).code == "fi"


def test_what_stands_far_down_is_not_read(mail: MakeMail) -> None:
    text = (SENTENCES["fi"] + " ") * (MAX_CHARS // len(SENTENCES["fi"]) + 1)
    assert detect(mail(text=text)) == detect(mail(text=text + SENTENCES["en"] * 100))


@pytest.mark.parametrize("text", ["\0" * 600, "a" * 600, "\uffff" * 600, "ï¿½" * 200])
def test_hostile_text_is_some_language_or_none(mail: MakeMail, text: str) -> None:
    found = detect(mail(text=text))
    assert found.code.isascii()
    assert 0 <= found.confidence <= 1
