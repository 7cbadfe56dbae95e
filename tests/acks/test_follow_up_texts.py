"""What the texts of the two further mails are made of: one's own over the shipped ones, and what is
refused."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.acks.follow_up_texts import (
    VOTES,
    FollowUpTexts,
    load_follow_up_texts,
    sample_updates,
)
from mailtriage.acks.templates import TextError, load_texts
from mailtriage.shipped import shipped_directory

SHIPPED = shipped_directory("policies") / "acks"
LANGUAGES = ("da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "pl", "pt", "sv")

Own = Callable[..., Path]
Refused = Callable[..., list[str]]


@pytest.fixture(scope="module")
def texts() -> FollowUpTexts:
    return load_follow_up_texts(SHIPPED)


@pytest.fixture
def own(tmp_path: Path) -> Own:
    """`own("[update]…", "de.toml")` makes that file in the administrator's directory."""

    def write(content: str, name: str = "en.toml") -> Path:
        directory = tmp_path / "own"
        directory.mkdir(exist_ok=True)
        (directory / name).write_text(content, encoding="utf-8")
        return directory

    return write


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("shipped")
    shutil.copy(SHIPPED / "en.toml", directory)
    return directory


@pytest.fixture
def refused(own: Own, english: Path) -> Refused:
    """The problems of one own file, as "name:line: key: what — hint"."""

    def load(content: str, name: str = "en.toml") -> list[str]:
        with pytest.raises(TextError) as raised:
            load_follow_up_texts(english, own(content, name))
        return [
            f"{Path(one.file).name}:{str(one)[len(one.file) + 1 :]}"
            for one in raised.value.problems
        ]

    return load


LABELS = "[survey.labels]\n" + "\n".join(f'{vote} = "no. {vote}"' for vote in VOTES)
SURVEY_TEXT = "{% for vote in votes %}{{ vote.label }}: {{ vote.url }}\\n{% endfor %}{{ opt_out }}"
CZECH = f"""\
subject_marker = "Přijato: "
subject = "Děkujeme"
text = "{{{{ received }}}}"
[update]
subject = "Odpovíme později"
text = "{{{{ promised }}}}"
[survey]
subject = "Jak jsme odpověděli?"
opt_out = "Už se neptejte"
text = "{SURVEY_TEXT}"
{LABELS}
"""


def test_an_own_file_replaces_single_keys(texts: FollowUpTexts, own: Own) -> None:
    content = '[update]\nsubject = "It takes longer"\n[survey.labels]\n3 = "so-so"\n'
    mixed = load_follow_up_texts(SHIPPED, own(content)).by_language["en"]
    shipped = texts.by_language["en"]
    assert mixed.update.subject == "It takes longer"
    assert mixed.survey.labels == {**shipped.survey.labels, "3": "so-so"}
    assert mixed.survey.opt_out == shipped.survey.opt_out
    values = next(sample_updates("en"))
    assert mixed.update.plain(values) == shipped.update.plain(values)


def test_an_own_file_may_add_a_language(own: Own) -> None:
    directory = own(CZECH, "cs.toml")
    added = load_follow_up_texts(SHIPPED, directory)
    assert [one.language for one in added.choose("cs-CZ", ())] == ["cs"]
    assert "cs" in load_texts(SHIPPED, directory).by_language


def test_a_language_with_an_acknowledgement_alone_is_written_to_in_the_fallback(own: Own) -> None:
    alone = load_follow_up_texts(SHIPPED, own(CZECH.partition("[update]")[0], "cs.toml"))
    assert tuple(alone.by_language) == LANGUAGES
    assert [one.language for one in alone.choose("cs", ("cs", "de", "en"))] == ["de", "en"]


@pytest.mark.parametrize(
    ("asked", "given"),
    [("de", ["de"]), ("PT-br", ["pt"]), ("nn", ["nb"]), ("und", ["en", "fr"]), ("", ["en", "fr"])],
)
def test_the_customers_language_else_two(
    texts: FollowUpTexts, asked: str, given: list[str]
) -> None:
    assert [one.language for one in texts.choose(asked, ("en", "fr", "de"))] == given
    assert len(texts.choose("ja", ())) == 2


def test_one_table_without_the_other_is_refused(refused: Refused) -> None:
    half = CZECH.partition("[survey]")[0]
    what = "required beside [update], but missing — a language has both tables or neither"
    assert refused(half, "cs.toml") == [f"cs.toml:1: survey: {what}"]


def test_every_key_that_is_missing_is_named(refused: Refused) -> None:
    lacking = CZECH.replace('opt_out = "Už se neptejte"\n', "").replace('4 = "no. 4"\n', "")
    assert refused(lacking, "cs.toml") == [
        "cs.toml:7: survey.opt_out: required, but missing",
        "cs.toml:10: survey.labels.4: required, but missing",
    ]


def test_the_tables_are_known_where_acknowledgements_are_read_and_others_are_not(own: Own) -> None:
    assert load_texts(SHIPPED, own('[update]\nsubject = "Later"')).warnings == ()
    with pytest.raises(TextError, match=r"1: updat: unknown key — did you mean 'update'\?"):
        load_texts(SHIPPED, own('[updat]\nsubject = "Later"'))


UPDATE_BEGINS = "[update]\ntext = '''\n"
NOT_PRINTED = "2: survey.text: must print {{ opt_out }} and each {{ vote.url }} once, between blanks or line ends"
LOOPS = "loops cannot be used here — a text has names, if, and one {% for vote in votes %}"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("update = 3", "1: update: expected a table, found the number 3"),
        ('[update]\nsubjekt = "x"', "2: update.subjekt: unknown key — did you mean 'subject'?"),
        ('[update]\nsubject = "a\\nb"', "2: update.subject: must be one line of at most 80 characters"),
        (
            '[survey]\nsubject = "Out of office"',
            "2: survey.subject: helpdesks take these words for the mark of a robot — an answer to it would be dropped",
        ),
        ('[survey]\nlabels = "x"', '2: survey.labels: expected a table, found the string "x"'),
        ("[survey.labels]\n5 = 5", "2: survey.labels.5: expected a string, found the number 5"),
        ('[survey.labels]\n6 = "x"', "2: survey.labels.6: unknown key"),
        ('[survey.labels]\n5 = ""', "2: survey.labels.5: must not be empty"),
        ('[survey.labels]\n4 = "Very Satisfied"', '2: survey.labels.4: says the same as "5"'),
        (f'[survey.labels]\n4 = "{"x" * 41}"', "2: survey.labels.4: must be one line of at most 40 characters"),
        (UPDATE_BEGINS + "Hi\n{{ promissed }}'''", "4: update.text: 'promissed' is not known — did you mean 'promised'?"),
        (UPDATE_BEGINS + "{{ kb.title }}'''", "3: update.text: '.title' is not known — names have no parts here"),
        (UPDATE_BEGINS + "{{ again }}'''", "3: update.text: 'again' is nothing to print — write {% if again %}"),
        (UPDATE_BEGINS + "{{ again|lower }}'''", "3: update.text: 'again' is nothing to print — write {% if again %}"),
        (UPDATE_BEGINS + "{% if by < 3 %}x{% endif %}'''", None),
        (UPDATE_BEGINS + "{% if by %}x{% endif %}'''", "2: update.text: is empty in some cases"),
        (
            UPDATE_BEGINS + "{% for vote in votes %}x{% endfor %}'''",
            "3: update.text: loops cannot be used here — a text has names and if",
        ),
        ("[survey]\ntext = 'How was it?'", NOT_PRINTED),
        (f'[survey]\ntext = "{SURVEY_TEXT}."', NOT_PRINTED),
        (f'[survey]\ntext = "{SURVEY_TEXT.replace("vote.url", "vote.url|e")}"', NOT_PRINTED),
        (f'[survey]\ntext = "{SURVEY_TEXT.replace("vote.url", "vote.url|upper")}"', NOT_PRINTED),
        (f'[survey]\ntext = "{SURVEY_TEXT * 2}"', NOT_PRINTED),
        ("[survey]\ntext = '{{ votes }}'", "2: survey.text: 'votes' is nothing to print — write {% for vote in votes %}"),
        ("[survey]\ntext = '{{ vote.url }}'", "2: survey.text: 'vote' is not known — did you mean 'votes'?"),
        (
            "[survey]\ntext = '{% for vote in votes %}{{ vote.uri }}{% endfor %}'",
            "2: survey.text: '.uri' is not known — did you mean 'url'?",
        ),
        ("[survey]\ntext = '{% for vote in votes %}{{ vote }}{% endfor %}'", None),
        ("[survey]\ntext = '{% for vote in votes %}{{ vote.__class__ }}{% endfor %}'", None),
        ("[survey]\ntext = '{% for vote in votes %}{{ loop }}{% endfor %}'", None),
        ("[survey]\ntext = '{% for a in votes %}x{% endfor %}'", f"2: survey.text: {LOOPS}"),
        ("[survey]\ntext = '{% for vote in desk %}x{% endfor %}'", f"2: survey.text: {LOOPS}"),
        ("[survey]\ntext = '{% for vote in votes if desk %}x{% endfor %}'", f"2: survey.text: {LOOPS}"),
        ("[survey]\ntext = '{% for vote in votes recursive %}x{% endfor %}'", f"2: survey.text: {LOOPS}"),
        (
            f"[survey]\ntext = '{'{% for vote in votes %}' * 9}x{'{% endfor %}' * 9}'",
            f"2: survey.text: {LOOPS}",
        ),
        (f"[survey]\ntext = '{'{% for vote in votes %}' * 220}x{'{% endfor %}' * 220}'", None),
        ("[survey]\ntext = '{% include \"/etc/passwd\" %}{{ desk() }}'", None),
        (f"[update]\ntext = '{'x' * 9000}'", "2: update.text: is longer than 8192 characters"),
        (f"[update]\ntext = '{'ü' * 2000}'", "2: update.text: has more than 4096 bytes in some cases"),
        ("not toml", None),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(
    refused: Refused, content: str, problem: str | None
) -> None:
    found = refused(content)
    assert all(re.match(r"en\.toml:\d+: ", one) for one in found)
    if problem is not None:
        assert f"en.toml:{problem}" in found


def test_a_long_text_of_ones_own_is_a_warning_only(own: Own) -> None:
    loaded = load_follow_up_texts(SHIPPED, own(f"[update]\ntext = '{'word ' * 130}'"))
    assert [str(one).partition(": ")[2] for one in loaded.warnings] == [
        "update.text: warning: has 120 words or more in some cases: few people read them"
    ]


def test_with_only_own_what_is_ones_own_is_tried_out_all_the_same(own: Own, english: Path) -> None:
    wrong = "{{ opt_out }}"
    (english / "sv.toml").write_text(CZECH.replace(SURVEY_TEXT, wrong), encoding="utf-8")
    load_follow_up_texts(english, own("[update]"), only_own=True)
    (english / "sv.toml").unlink()
    with pytest.raises(TextError, match="must print"):
        load_follow_up_texts(english, own(f"[survey]\ntext = '{wrong}'"), only_own=True)


def test_directories_that_are_not_there_are_problems(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="cannot be read: no such file or directory"):
        load_follow_up_texts(SHIPPED, tmp_path / "missing")
    (tmp_path / "en.toml").write_text('subject = "An acknowledgement alone"', encoding="utf-8")
    with pytest.raises(TextError, match=r"holds no \[update\] and \[survey\]"):
        load_follow_up_texts(tmp_path)
