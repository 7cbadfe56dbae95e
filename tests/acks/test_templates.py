"""The texts of acknowledgements: what the shipped ones say, and which of one's own are refused."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.acks.template_language import NAMES
from mailtriage.acks.templates import MAX_WORDS, TextError, Texts, load_texts, sample_values
from mailtriage.shipped import shipped_directory

SHIPPED = shipped_directory("policies") / "acks"
LANGUAGES = ("da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "pl", "pt", "sv")

Own = Callable[..., Path]
Refused = Callable[..., list[str]]


@pytest.fixture(scope="module")
def texts() -> Texts:
    return load_texts(SHIPPED)


@pytest.fixture
def own(tmp_path: Path) -> Own:
    """`own("text = …", "de.toml")` makes that file in the administrator's directory."""

    def write(content: str, name: str = "en.toml") -> Path:
        directory = tmp_path / "own"
        directory.mkdir(exist_ok=True)
        (directory / name).write_text(content, encoding="utf-8")
        return directory

    return write


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped English text alone: trying out twelve takes a third of a second."""
    directory = tmp_path_factory.mktemp("shipped")
    shutil.copy(SHIPPED / "en.toml", directory)
    return directory


@pytest.fixture
def refused(own: Own, english: Path) -> Refused:
    """The problems of one own file, as "name:line: key: what — hint"."""

    def load(content: str, name: str = "en.toml") -> list[str]:
        with pytest.raises(TextError) as raised:
            load_texts(english, own(content, name))
        return [
            f"{Path(one.file).name}:{str(one)[len(one.file) + 1 :]}"
            for one in raised.value.problems
        ]

    return load


def test_the_shipped_texts_are_there_in_twelve_languages_and_without_a_fault(texts: Texts) -> None:
    assert tuple(texts.by_language) == LANGUAGES
    assert texts.warnings == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_shipped_text_is_short_and_polite_whatever_it_has_to_say(
    texts: Texts, language: str
) -> None:
    text = texts.by_language[language]
    said = {text.plain(values) for values in sample_values(language)}
    assert len(said) > 100
    for plain in said:
        assert len(plain.split()) < MAX_WORDS
        assert "K7Q2-M4" in plain
        assert "!" not in plain
        assert "\n\n\n" not in plain
        assert not re.search(r"[ \t]\n|[\u00a0\u2028\u202f]|\{|\}", plain)
        assert not re.search(r"no[- ]?reply|auto[- ]?reply|None|True|False", plain, re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_shipped_text_says_all_that_it_is_given_and_no_more(texts: Texts, language: str) -> None:
    text = texts.by_language[language]
    for values in sample_values(language):
        plain = text.plain(values)
        assert str(values["received"]) in plain
        assert str(values["desk"]) in plain
        for name in ("by", "urgent", "privacy", "opens"):
            assert str(values[name]) in plain
        assert ("https://help.desk.example/invoices#correct" in plain) == bool(values["kb"])
        assert ("https://desk.example/privacy" in plain) == bool(values["privacy"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_state_of_the_desk_has_its_own_words(texts: Texts, language: str) -> None:
    text = texts.by_language[language]
    values = next(iter(sample_values(language))) | {"late": False, "busy": False}
    said = [
        text.plain(values | {"opening": opening, "late": late, "busy": busy})
        for opening in ("open", "closed", "holiday")
        for late, busy in ((False, False), (True, False), (False, True))
    ]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_subject_holds_what_a_helpdesk_takes_for_a_robot(texts: Texts, language: str) -> None:
    text = texts.by_language[language]
    assert text.subject_marker.endswith(": ")
    assert not re.search(
        r"auto|abwesen|out of|vacation", text.subject_marker + text.subject, re.IGNORECASE
    )


def test_an_own_file_replaces_single_keys(own: Own) -> None:
    texts = load_texts(SHIPPED, own('subject = "Thank you for writing"'))
    shipped = load_texts(SHIPPED).by_language["en"]
    assert texts.by_language["en"].subject == "Thank you for writing"
    assert texts.by_language["en"].subject_marker == shipped.subject_marker
    values = next(iter(sample_values("en")))
    assert texts.by_language["en"].plain(values) == shipped.plain(values)
    assert tuple(texts.by_language) == LANGUAGES


def test_an_own_file_may_add_a_language(own: Own) -> None:
    czech = 'subject_marker = "Přijato: "\nsubject = "Děkujeme"\ntext = "{{ received }}"'
    texts = load_texts(SHIPPED, own(czech, "cs.toml"))
    assert texts.choose("cs-CZ", ())[0].subject == "Děkujeme"


def test_a_new_language_needs_every_key(refused: Refused) -> None:
    assert refused('subject = "Děkujeme"', "cs.toml") == [
        "cs.toml:1: subject_marker: required, but missing",
        "cs.toml:1: text: required, but missing",
    ]


def test_html_is_wrapped_in_nothing_here_and_its_values_are_escaped(own: Own) -> None:
    texts = load_texts(SHIPPED, own('html = "<p>{{ desk }}</p>"'))
    values = next(iter(sample_values("en"))) | {"desk": "A & <b>"}
    assert texts.by_language["en"].markup(values) == "<p>A &amp; &lt;b&gt;</p>\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('subjekt = "x"', "1: subjekt: unknown key — did you mean 'subject'?"),
        ("subject = 3", "1: subject: expected a string, found the number 3"),
        ('subject = ""', "1: subject: must not be empty"),
        ('subject = "a\\nb"', "1: subject: must be one line of at most 80 characters"),
        ('subject_marker = "Hi "', '1: subject_marker: must end in a colon and a blank — as in "Received: "'),
        (
            'subject_marker = "Autoreply: "',
            "1: subject_marker: helpdesks take these words for the mark of a robot — an answer to it would be dropped",
        ),
        ('language = "de"', '1: language: the file is en.toml, but says "de" — write language = "en", or rename the file'),
        ("text = '''\nHello\n{{ recieved }}\n'''", "3: text: 'recieved' is not known — did you mean 'received'?"),
        ('# a comment\ntext = "{{ nobody }}"', f"2: text: 'nobody' is not known — there are {', '.join(NAMES)}"),
        ("text = '''\nHello\n{% if by %}\n'''", None),
        ('text = "{% for a in kb %}x{% endfor %}"', "1: text: loops cannot be used here — a text has names and if"),
        ('text = "{{ desk() }}"', "1: text: calls cannot be used here — a text has names and if"),
        ("text = '{{ desk[0] }}'", "1: text: subscripts cannot be used here — a text has names and if"),
        ("text = '{{ \"a\" * 99999999 }}'", "1: text: mul cannot be used here — a text has names and if"),
        ("text = '{% set a = 1 %}'", "1: text: set cannot be used here — a text has names and if"),
        ("text = '{% include \"/etc/passwd\" %}'", "1: text: include cannot be used here — a text has names and if"),
        ("text = '{{ desk.__class__ }}'", "1: text: '.__class__' is not known — kb has title, url, quote"),
        ("text = '{% if kb %}{{ kb.titel }}{% endif %}'", "1: text: '.titel' is not known — did you mean 'title'?"),
        ("text = '{{ desk|pprint }}'", None),
        ("text = 'Hello {{ busy }}'", "1: text: 'busy' is nothing to print — write {% if busy %}"),
        ("text = 'Hello {% if by < 3 %}x{% endif %}'", None),
        ("text = 'Hello {% if \"a\" in kb %}x{% endif %}'", None),
        ("text = 'Hello {{ kb.title }}'", None),
        ("text = '{% if by %}x{% endif %}'", "1: text: is empty in some cases"),
        ("html = '<img src=\"https://x.example/pixel.gif\">'", None),
        ("html = '<a href=\"javascript:alert(1)\">x</a>'", None),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(
    refused: Refused, content: str, problem: str | None
) -> None:
    found = refused(content)
    assert all(re.match(r"en\.toml:\d+: ", one) for one in found)
    if problem is not None:
        assert f"en.toml:{problem}" in found


def test_a_name_that_may_be_absent_is_found_before_a_customer_writes(refused: Refused) -> None:
    assert refused("text = 'See {{ kb.title }}'") == [
        "en.toml:1: text: prints a part of kb where there is none: put it behind {% if kb %}"
    ]


def test_all_mistakes_of_all_files_are_told_at_once(own: Own) -> None:
    own('subjekt = "x"', "en.toml")
    own("not toml", "de.toml")
    with pytest.raises(TextError) as raised:
        load_texts(SHIPPED, own("text = '{{ wann }}'", "sv.toml"))
    assert {Path(one.file).name for one in raised.value.problems} == {
        "en.toml",
        "de.toml",
        "sv.toml",
    }


def test_a_template_of_any_size_is_refused_beyond_eight_kib(refused: Refused) -> None:
    assert "longer than 8192 characters" in refused(f"text = '{'x' * 9000}'")[0]
    assert "more than 4096 bytes" in refused(f"text = '{'ü' * 2000}'")[0]
    assert refused(f"text = '{'{% if by %}' * 600}'")


def test_a_long_text_of_ones_own_is_a_warning_only(own: Own) -> None:
    texts = load_texts(SHIPPED, own(f"text = '{'word ' * 130}'"))
    assert [one.warning for one in texts.warnings] == [True]
    assert "120 words or more" in str(texts.warnings[0])


def test_files_not_named_after_a_language_are_refused(refused: Refused) -> None:
    assert "not named after a language" in refused('subject = "x"', "english.toml")[0]


def test_directories_that_are_not_there_are_problems(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="cannot be read: no such file or directory"):
        load_texts(SHIPPED, tmp_path / "missing")
    with pytest.raises(TextError, match="holds no text"):
        load_texts(tmp_path)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("de", ["de"]),
        ("PT-br", ["pt"]),
        ("en_GB", ["en"]),
        ("nn", ["nb"]),
        ("no", ["nb"]),
        ("und", ["en", "de"]),
        ("", ["en", "de"]),
        ("ja", ["en", "de"]),
    ],
)
def test_the_customers_language_else_two(texts: Texts, asked: str, given: list[str]) -> None:
    chosen = texts.choose(asked, ("en", "de", "fr"))
    assert [text.language for text in chosen] == given


def test_there_is_always_a_text(texts: Texts) -> None:
    assert [text.language for text in texts.choose("ja", ("cs",))] == ["da", "de"]
    assert [text.language for text in texts.choose("ja", ("cs", "fr"))] == ["fr"]
    assert texts.missing(("en", "cs", "fr")) == ("cs",)
