"""What the writer does not want speaks for nothing, and what they do want is left as it is."""

import time
from pathlib import Path

import pytest

from mailtriage.mail.model import Mail
from mailtriage.policies.denial import read_denials, shipped_denials, without_denied
from mailtriage.policies.model import LANGUAGES
from mailtriage.policies.text import MailText, mail_text


def seen(body: str, subject: str = "") -> MailText:
    return mail_text(Mail(subject=subject, text=body, newest_text=body))


def left(body: str, language: str) -> str:
    return " ".join(without_denied(seen(body), language).text.split()).removeprefix("¶ ")


def test_every_language_has_its_words() -> None:
    assert set(shipped_denials()) == set(LANGUAGES)


@pytest.mark.parametrize(
    ("language", "body", "rest"),
    [
        ("en", "I do not want a refund, just a new lamp.", "I , just a new lamp."),
        ("en", "This is not a complaint. When will it arrive?", ". When will it arrive?"),
        ("de", "Ich möchte nicht kündigen, nur die Rechnung.", "Ich , nur die Rechnung."),
        ("de", "Ich will kein Geld zurück, sondern Ersatz.", "Ich , sondern Ersatz."),
        ("sv", "Jag vill inte ha pengarna tillbaka, bara en ny.", "Jag , bara en ny."),
        ("da", "Jeg vil ikke opsige abonnementet, bare flytte det.", "Jeg , bare flytte det."),
        ("nb", "Jeg ønsker ikke å si opp, bare bytte adresse.", "Jeg , bare bytte adresse."),
        ("fi", "En halua peruuttaa tilausta, vain siirtää sen.", ", vain siirtää sen."),
        ("fr", "Je ne veux pas de remboursement, un échange.", "Je , un échange."),
        ("es", "No quiero darme de baja, solo cambiar el correo.", ", solo cambiar el correo."),
        ("it", "Non voglio disdire, solo sapere il prezzo.", ", solo sapere il prezzo."),
        ("nl", "Ik wil niet opzeggen, alleen verhuizen.", "Ik , alleen verhuizen."),
        ("pt", "Não quero cancelar, só a segunda via.", ", só a segunda via."),
        ("pl", "Nie chcę zwrotu pieniędzy, tylko wymiany.", ", tylko wymiany."),
    ],
)
def test_a_denied_wish_is_blanked_to_the_end_of_its_clause(
    language: str, body: str, rest: str
) -> None:
    assert left(body, language) == rest


@pytest.mark.parametrize(
    ("language", "body"),
    [
        ("en", "I do not want to continue with this contract, please cancel it."),
        ("en", "I do not want this parcel any more."),
        ("en", "I don't want to wait."),
        ("en", "I want a refund."),
        ("de", "Ich möchte den Vertrag nicht verlängern."),
        ("sv", "Jag vill inte ha leveransen längre, avbeställ den."),
        ("pl", "Nie chcę już tej oferty."),
    ],
)
def test_what_is_a_wish_after_all_is_left(language: str, body: str) -> None:
    assert left(body, language) == body


def test_another_sentence_is_not_denied() -> None:
    body = "I do not want to argue. Refund me."
    assert left(body, "en") == body


def test_in_an_unknown_language_nothing_is_denied() -> None:
    text = seen("I do not want a refund.")
    assert without_denied(text, "und") is text


def test_every_character_keeps_its_place() -> None:
    text = seen("I do not want a refund, and the invoice is wrong.", "Not about the invoice")
    blanked = without_denied(text, "en")
    assert len(blanked.text) == len(text.text)
    assert len(blanked.folded) == len(text.folded)
    assert (blanked.body_start, blanked.attachments_start) == (
        text.body_start, text.attachments_start,
    )  # fmt: skip
    at = text.text.index("invoice is")
    assert blanked.text[at : at + 10] == "invoice is"
    assert blanked.folded[at + 1 : at + 11] == b"invoice is"


@pytest.mark.alone
def test_time_grows_no_faster_than_the_text() -> None:
    def cost(size: int) -> float:
        text = seen(("I do not want a refund " * (size // 23 + 1))[:size])
        runs = []
        for _ in range(5):
            began = time.perf_counter()
            without_denied(text, "en")
            runs.append(time.perf_counter() - began)
        return min(runs)

    assert cost(64_000) < 12 * cost(16_000) + 0.001


def test_a_phrase_may_go_on_in_the_next_line(tmp_path: Path) -> None:
    file = tmp_path / "xx.txt"
    file.write_text("deny: do not want, don't\n  need\nmatter: refund*\nunless: ever\n", "utf-8")
    words = read_denials(file)
    assert words.deny.search(b" i don t need a refund ")
    assert not words.deny.search(b" i need a refund ")


@pytest.mark.parametrize(
    ("language", "body"),
    [
        ("en", "I need to know your exchange rates."),
        ("de", "Die Rechnung ist nicht bezahlt, bitte um Rückerstattung."),
        ("fr", "Je n'ai pas reçu le remboursement."),
        ("sv", "Jag har inte fått pengarna tillbaka."),
    ],
)
def test_a_mere_not_denies_no_wish(language: str, body: str) -> None:
    assert left(body, language) == body


def test_a_key_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "xx.txt"
    file.write_text("deny: no\nmater: refund\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"xx\.txt:2: 'mater'"):
        read_denials(file)
