"""Short mails and neighbouring languages: what customers answer in three words."""

from collections.abc import Callable

import pytest

from mailtriage.mail.model import Mail
from mailtriage.triage.language import detect

MakeMail = Callable[..., Mail]

NEIGHBOURS = [
    ("da", "Jeg vil gerne have mine penge tilbage"),
    ("nb", "Jeg vil gjerne ha pengene mine tilbake"),
    ("nb", "Eg vil gjerne ha pengane mine attende"),
    ("sv", "Jag vill gärna ha mina pengar tillbaka"),
    ("da", "Hvornår bliver pakken leveret?"),
    ("nb", "Når blir pakken levert?"),
    ("sv", "När blir paketet levererat?"),
    ("da", "Der er noget galt med mit abonnement"),
    ("nb", "Det er noe galt med abonnementet mitt"),
    ("nb", "Det er noko gale med abonnementet mitt"),
    ("da", "Jeg har brugt koden, men den virker ikke"),
    ("nb", "Jeg har brukt koden, men den virker ikke"),
    ("nb", "Eg har brukt koden, men han verkar ikkje"),
    ("es", "¿Cuándo llega mi pedido?"),
    ("pt", "Quando chega a minha encomenda?"),
    ("es", "Todavía no he recibido la factura"),
    ("pt", "Ainda não recebi a fatura"),
    ("nl", "Wanneer krijg ik mijn geld terug?"),
    ("de", "Wann bekomme ich mein Geld zurück?"),
]


@pytest.mark.parametrize(("code", "text"), NEIGHBOURS)
def test_neighbours_are_told_apart(mail: MakeMail, code: str, text: str) -> None:
    assert detect(mail(text=text)).code == code


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("sv", "Ok tack!"),
        ("sv", "Tack för hjälpen"),
        ("da", "Tak for det"),
        ("da", "Tak for hjælpen"),
        ("nb", "Takk for hjelpen"),
        ("fi", "Kiitos paljon"),
        ("de", "Danke schön"),
        ("nl", "Dank u wel"),
        ("en", "Thank you so much"),
        ("fr", "Merci beaucoup"),
        ("es", "Gracias, un saludo"),
        ("it", "Grazie mille"),
        ("pt", "Obrigada!"),
        ("pt", "Muito obrigado"),
        ("pl", "Dziękuję bardzo"),
    ],
)
def test_thanks_are_enough(mail: MakeMail, code: str, text: str) -> None:
    assert detect(mail(text=text)).code == code


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("el", "Ευχαριστώ πολύ"),
        ("ru", "Спасибо, привет"),
        ("ru", "Где мой заказ?"),
        ("uk", "Дякую вам"),
        ("uk", "Де моє замовлення?"),
        ("bg", "Благодаря ви"),
        ("bg", "Къде е поръчката ми?"),
        ("ar", "شكرا لكم"),
        ("he", "תודה רבה"),
        ("zh", "谢谢"),
        ("zh", "我的包裹在哪里？"),
        ("ja", "ありがとう"),
        ("ja", "注文がまだ届きません"),
        ("ko", "감사합니다"),
        ("th", "ขอบคุณ"),
        ("hi", "धन्यवाद जी"),
    ],
)
def test_another_script_needs_two_words_at_most(mail: MakeMail, code: str, text: str) -> None:
    assert detect(mail(text=text)).code == code


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("sv", "Jag har inte fatt min bestallning an, nar kommer den?"),
        ("pl", "Prosze o zwrot pieniedzy, paczka nie dotarla"),
        ("es", "Todavia no me ha llegado el paquete, cuando llegara?"),
        ("fr", "Je n'ai pas recu ma commande, ou est le colis deja expedie ?"),
        ("de", "Ich moechte das Paket zurueckschicken, es gefaellt mir nicht"),
        ("da", "Jeg har ikke faaet min ordre endnu, hvornaar kommer den?"),
        ("fi", "En ole viela saanut tilausta, missa se viipyy?"),
        ("sv", "JAG HAR FORTFARANDE INTE FÅTT MINA PENGAR"),
        ("de", "WO BLEIBT MEIN PAKET? ICH WARTE SEIT WOCHEN"),
        ("en", "hi cant log in pls help asap thx"),
        ("es", "hola q tal, no me funciona la app desde ayer xfa ayuda"),
        ("pt", "oi td bem, n consigo entrar na minha conta vcs podem ajudar"),
        ("nl", "hoi mn pakketje is er nog steeds niet ff checken aub"),
    ],
)
def test_without_accents_in_capitals_and_in_chat_style(
    mail: MakeMail, code: str, text: str
) -> None:
    assert detect(mail(text=text)).code == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\n ",
        "ok",
        "👍👍",
        "😀 😀 😀 🎉",
        "4711-0815",
        "12.03.2026 14:55",
        "A-4711 / B-0815 / C-99",
        "https://shop.example/order/12",
        "anna.berg@customer.example",
        "+46 70 123 45 67",
        "-----",
        "?!?!?!",
    ],
)
def test_no_words_no_language(mail: MakeMail, text: str) -> None:
    found = detect(mail(text=text))
    assert (found.code, found.why) == ("und", ())


def test_the_subject_of_a_reply_is_ours_and_does_not_outvote_a_word_of_theirs(
    mail: MakeMail,
) -> None:
    found = detect(mail(text="Tack så mycket!", subject="Re: Your order has been shipped today"))
    assert found.code == "sv"
