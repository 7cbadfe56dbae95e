"""The models beneath: the arbiter is rebuilt bit for bit, and both detectors serve."""

from pathlib import Path

import pytest

from mailtriage.learning.nearby import Example, cut, listed, texts, train, words_of
from mailtriage.mail.model import Mail
from mailtriage.shipped import shipped_directory
from mailtriage.triage import language
from mailtriage.triage.language_detectors import Detector, Eld, Eldc
from mailtriage.triage.language_nearby import CLASSES, MAX_WORDS, Nearby, grams_of, save

NORDIC = """# da | nb | nn | sv
jeg ikke noget | jeg ikke noe | eg ikkje noko | jag inte något
hvad bruger | hva bruker | kva brukar | vad använder
uge blev af | uke ble av | veke vart av | vecka blev av
"""
ROMANCE = "muy bueno | muito bom | molto buono | très bon\n"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "nordic.txt").write_text(NORDIC * 3, "utf-8")
    (tmp_path / "romance.txt").write_text(ROMANCE * 3, "utf-8")
    return tmp_path


def test_the_same_lists_give_the_same_files(lists: Path) -> None:
    made = []
    for _ in range(2):
        save(lists, *train(list(listed(lists))))
        made.append([(lists / f"nearby.{end}").read_bytes() for end in ("txt", "npy")])
    assert made[0] == made[1]


def test_what_was_learned_is_told_apart(lists: Path) -> None:
    save(lists, *train(list(listed(lists))))
    nearby = Nearby(lists)
    for code, word in {"da": "noget", "nb": "ikkje", "sv": "något", "pt": "muito"}.items():
        odds = nearby.scores([word])
        assert max(odds, key=lambda name: odds[name]) == code


def test_a_list_with_a_missing_column_is_refused(lists: Path) -> None:
    (lists / "nordic.txt").write_text("jeg | jeg | jag\n", "utf-8")
    with pytest.raises(ValueError, match=r"nordic.txt:1: 4 columns"):
        list(listed(lists))


def test_weights_that_do_not_fit_their_words_are_refused(lists: Path) -> None:
    save(lists, *train(list(listed(lists))))
    with (lists / "nearby.txt").open("a", encoding="utf-8") as file:
        file.write("more\n")
    with pytest.raises(ValueError, match="does not fit"):
        Nearby(lists)


def test_the_policies_speak_every_language() -> None:
    found = texts(shipped_directory("policies"))
    assert set(found) == set(CLASSES)
    assert all(len(own) > 1000 for own in found.values())


def test_running_text_is_also_learned_without_its_accents() -> None:
    pieces = {example.words for example in cut({"sv": ["Räkning"], "de": ["Grüße"]})}
    assert pieces == {
        ("räkning",),
        ("rakning",),
        ("raekning",),
        ("grüße",),
        ("grusse",),
        ("gruesse",),
    }


def test_a_language_weighs_the_same_however_much_there_is_of_it() -> None:
    weights = dict.fromkeys(("sv", "de"), 0.0)
    for example in cut({"sv": ["ja nej"] * 50, "de": ["ja nein"]}):
        weights[CLASSES[example.label]] += example.weight
    assert weights["sv"] == pytest.approx(weights["de"])


def test_words_are_letters() -> None:
    assert words_of("Hej, 2 x PAKET (nr4)!") == ["hej", "x", "paket", "nr"]


def test_a_word_is_taken_apart_into_itself_and_short_pieces() -> None:
    assert list(grams_of("og")) == ["<og>", "<o", "og", "g>", "<og", "og>"]


def test_only_the_first_words_are_read() -> None:
    nearby = Nearby(shipped_directory("policies") / "languages")
    words = ["ikkje"] * MAX_WORDS
    assert nearby.scores(words) == nearby.scores([*words, "inte"])
    assert nearby.scores([]) == {}


def test_an_example_is_of_one_class() -> None:
    assert Example(("jag",), CLASSES.index("sv"), 1.0).label == 2


TEXTS = {
    "sv": "Hej, jag har inte fått min beställning och undrar när paketet kommer.",
    "da": "Hej, jeg har ikke modtaget min bestilling endnu. Hvornår bliver den leveret?",
    "nb": "Hei, jeg har ikke fått bestillingen min ennå. Hvorfor tar det så lang tid?",
    "es": "Hola, todavía no he recibido mi pedido. ¿Cuándo llegará?",
    "pt": "Olá, ainda não recebi a minha encomenda. Quando vai chegar?",
    "cs": "Dobrý den, ještě jsem nedostal svou objednávku. Kdy dorazí?",
}


@pytest.mark.parametrize("make", [Eldc, Eld])
def test_either_detector_serves(
    make: type[Eldc] | type[Eld], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        detector: Detector = make()
    except ImportError:
        pytest.skip(f"{make.__name__.lower()} is not installed")
    nearby = Nearby(shipped_directory("policies") / "languages")
    monkeypatch.setattr(language, "_models", (detector, nearby))
    for code, text in TEXTS.items():
        found = language.detect(Mail(newest_text=text))
        assert (found.code, found.confidence > 0.7) == (code, True)
