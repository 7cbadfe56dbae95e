"""What a mail says about time: what hangs on a date, how long it has waited, how often it was sent."""

from datetime import datetime

import pytest

from mailtriage.mail.model import Header, Headers, Mail
from mailtriage.policies.text import mail_text
from mailtriage.triage.date_words import shipped_words
from mailtriage.triage.deadline import NOTHING, Times, read, times
from tests.triage.texts import text_of

TUESDAY = datetime(2026, 11, 24, 10, 0)  # noqa: DTZ001  the writer's own clock


def said(language: str, text: str, subject: str = "") -> Times:
    return times(text_of(text, subject), shipped_words()[language], TUESDAY)


@pytest.mark.parametrize(
    ("language", "text", "kind", "hours"),
    [
        ("en", "The court hearing is tomorrow at 9.", "legal", 24),
        ("en", "My flight leaves tomorrow morning.", "travel", 24),
        ("en", "Payroll has to go out by 3 pm.", "wages", 5),
        ("en", "The wedding is on Saturday.", "event", 96),
        ("sv", "Flyget går i övermorgon.", "travel", 48),
        ("sv", "Lönerna måste in före midnatt.", "wages", 14),
        ("de", "Morgen um 9 Uhr ist die Verhandlung.", "legal", 24),
        ("de", "Die Löhne müssen heute bis 15 Uhr raus.", "wages", 5),
        ("da", "Retsmødet er i morgen.", "legal", 24),
        ("nb", "Flyet går i morgen kl 7.", "travel", 24),
        ("fi", "Palkat maksetaan huomenna.", "wages", 24),
        ("fr", "L'audience a lieu demain.", "legal", 24),
        ("es", "El juicio es mañana.", "legal", 24),
        ("it", "Il volo parte domani mattina.", "travel", 24),
        ("nl", "De zitting is morgen.", "legal", 24),
        ("pt", "O voo sai amanhã.", "travel", 24),
        ("pl", "Wylot mamy jutro rano.", "travel", 24),
    ],
)
def test_what_is_missed_with_a_deadline(language: str, text: str, kind: str, hours: float) -> None:
    deadline = said(language, text).deadline
    assert deadline is not None
    assert (deadline.kind, deadline.hours) == (kind, hours)


def test_what_is_missed_stands_in_the_same_sentence() -> None:
    deadline = said("en", "Please answer by tomorrow. I liked the court of the palace.").deadline
    assert deadline is not None
    assert deadline.kind == ""


def test_the_deadline_with_a_loss_comes_before_a_nearer_one() -> None:
    text = "Please answer by 3 pm today. The hearing is on Thursday."
    deadline = said("en", text).deadline
    assert deadline is not None
    assert (deadline.kind, deadline.hours) == ("legal", 48)


def test_the_words_of_a_deadline_are_those_of_the_writer() -> None:
    assert said("en", "I need it by Friday, please.").quoted == "by Friday"


@pytest.mark.parametrize(
    ("language", "text", "days"),
    [
        ("en", "I have been waiting for three weeks.", 21),
        ("en", "It has been six days and I still have no reply.", 6),
        ("en", "I wrote to you on 3 November.", 21),
        ("en", "No answer since 3 November.", 21),
        ("en", "I have been a customer since 3 May 2004.", 0),
        ("en", "The warranty runs for two years.", 0),
        ("en", "We still have it for two weeks", 14),
        ("sv", "Jag mejlade för tre veckor sedan.", 21),
        ("de", "Ich warte seit drei Wochen.", 21),
        ("de", "Ich habe Ihnen vor zehn Tagen geschrieben.", 10),
        ("da", "Jeg skrev for to uger siden.", 14),
        ("nb", "Jeg ringte for to uker siden.", 14),
        ("fi", "Kirjoitin kaksi viikkoa sitten.", 14),
        ("fr", "J'ai écrit il y a dix jours.", 10),
        ("es", "Escribí hace seis días.", 6),
        ("it", "Ho scritto dieci giorni fa.", 10),
        ("nl", "Ik heb twee weken geleden gemaild.", 14),
        ("pt", "Escrevi há dez dias.", 10),
        ("pl", "Pisałam trzy tygodnie temu.", 21),
    ],
)
def test_how_long_they_have_waited(language: str, text: str, days: float) -> None:
    assert said(language, text).waited == days


@pytest.mark.parametrize(
    ("language", "text", "contacts"),
    [
        ("en", "This is my third email.", 3),
        ("en", "I have already written twice.", 3),
        ("en", "3rd reminder", 3),
        ("en", "An email came.", 0),
        ("en", "My first email to you.", 0),
        ("sv", "Detta är tredje mejlet.", 3),
        ("de", "Das ist meine zweite Mail.", 2),
        ("da", "Det er min tredje mail.", 3),
        ("nb", "Dette er min fjerde melding.", 4),
        ("fi", "Tämä on jo kolmas viesti.", 3),
        ("fr", "C'est mon troisième message.", 3),
        ("es", "Es mi tercer correo.", 3),
        ("it", "È il terzo sollecito.", 3),
        ("nl", "Dit is mijn derde bericht.", 3),
        ("pt", "É a minha terceira mensagem.", 3),
        ("pl", "To trzecia wiadomość.", 3),
    ],
)
def test_how_often_they_wrote(language: str, text: str, contacts: int) -> None:
    assert said(language, text).contacts == contacts


@pytest.mark.parametrize(
    ("language", "text", "asks"),
    [
        ("en", "The parcel has arrived, everything is fine.", False),
        ("en", "Where is it?", True),
        ("en", "Please send it again.", True),
        ("sv", "Paketet har kommit fram.", False),
        ("sv", "Kan ni skicka det igen", True),
        ("de", "Das Paket ist da.", False),
        ("pl", "Paczka dotarła.", False),
        ("pl", "Proszę o fakturę.", True),
    ],
)
def test_whether_anything_is_asked(language: str, text: str, asks: bool) -> None:
    assert said(language, text).asks is asks


def test_a_language_without_words_of_dates_says_nothing() -> None:
    mail = Mail(newest_text="do petka", headers=Headers([Header("Date", b"")]))
    assert read(mail, mail_text(mail), "sl") is NOTHING
    assert read(mail, mail_text(mail), "und") is NOTHING


def test_the_date_header_is_read_in_its_own_zone() -> None:
    """Ten in the evening in Auckland is ten in the morning in Europe."""
    date = Header("Date", b"Tue, 24 Nov 2026 22:00:00 +1300")
    mail = Mail(newest_text="by the end of the day, by 23:00", headers=Headers([date]))
    deadline = read(mail, mail_text(mail), "en").deadline
    assert deadline is not None
    assert deadline.hours == 1
