"""mailtriage kb, for answer templates: what an administrator sees and can do."""

import json
import shutil
from pathlib import Path

import pytest

from mailtriage.knowledge.answer_index import open_answers
from tests.commands.conftest import Call, Write

DATA = Path(__file__).resolve().parents[1] / "knowledge" / "data"
BACK = "Hello, I want to return my order. Where do I get a return label?"


@pytest.fixture
def config(write: Write, tmp_path: Path) -> Path:
    """A configuration with templates, and without a knowledge base."""
    shutil.copytree(DATA / "answers", tmp_path / "templates")
    return write(
        "mailtriage.toml",
        f'[answers]\nfolder = "{tmp_path}/templates"\nindex = "{tmp_path}/answers.idx"\n'
        f'[kb]\nindex = "{tmp_path}/kb.idx"\npages = "{tmp_path}/pages"\n',
    )


@pytest.fixture
def built(call: Call, config: Path) -> Path:
    """The same, with the index made."""
    assert call("--config", config, "kb", "build").code == 0
    return config


def test_build_says_what_it_read(call: Call, config: Path, tmp_path: Path) -> None:
    done = call("--config", config, "kb", "build")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        f"{tmp_path}/answers.idx: 3 templates, 4 texts (de 1, en 3), 1 earlier versions, 0.0 MB\n"
    )


def test_build_makes_both_where_both_are_configured(
    call: Call, config: Path, tmp_path: Path
) -> None:
    config.write_text(config.read_text() + f'sources = ["{DATA}/shop"]\n')
    done = call("--config", config, "kb", "build")
    assert done.code == 0
    assert [line.partition(":")[0] for line in done.out.splitlines()] == [
        f"{tmp_path}/kb.idx",
        f"{tmp_path}/answers.idx",
    ]


def test_build_of_named_sources_leaves_templates_alone(
    call: Call, config: Path, tmp_path: Path
) -> None:
    assert call("--config", config, "kb", "build", str(DATA / "shop")).code == 0
    assert not (tmp_path / "answers.idx").exists()


def test_a_file_that_is_wrong_keeps_the_index_that_was_good(
    call: Call, built: Path, tmp_path: Path
) -> None:
    before = (tmp_path / "answers.idx").read_bytes()
    file = tmp_path / "templates" / "en" / "invoice-copy.md"
    file.write_text(file.read_text().replace('"billing"', '"biling"').replace("id =", "ID ="))
    done = call("--config", built, "kb", "build")
    assert done.code == 1
    assert done.err.splitlines() == [
        f"{file}:1: id: required, but missing",
        f"{file}:2: ID: unknown key — did you mean 'id'?",
        f"{file}:5: skill: there is no policy for the skill 'biling' — did you mean 'billing'?",
        f"mailtriage: {tmp_path}/answers.idx is left as it is",
    ]
    assert (tmp_path / "answers.idx").read_bytes() == before


def test_a_template_that_is_too_short_to_be_told_is_said(
    call: Call, config: Path, write: Write, tmp_path: Path
) -> None:
    write("templates/short.md", '+++\nid = "s"\ntitle = "S"\nlanguage = "en"\n+++\nYes, {{ n }}.\n')
    done = call("--config", config, "kb", "build")
    assert done.code == 0
    assert f"{tmp_path}/templates/short.md: too short to be told in answers" in done.out
    assert len(open_answers(tmp_path / "answers.idx").told) == 5


def test_find_shows_the_template_and_what_came_near(call: Call, built: Path) -> None:
    done = call("--config", built, "kb", "find", "--answers", BACK)
    assert done.code == 0
    assert done.out.startswith("return-label  0.")
    assert "version 2, returns" in done.out
    assert "by the sentence “" in done.out


def test_find_asks_only_what_the_skill_may_get(call: Call, built: Path) -> None:
    done = call("--config", built, "kb", "find", "--answers", "--skill", "billing", BACK)
    assert done.code == 1
    assert "return-label" not in done.out


@pytest.mark.parametrize(
    ("text", "code", "name"), [(BACK, 0, "return-label"), ("My kettle leaks at the lid.", 1, "")]
)
def test_find_for_programs(call: Call, built: Path, text: str, code: int, name: str) -> None:
    done = call("--config", built, "kb", "find", "--answers", "--json", text)
    assert done.code == code
    shown = json.loads(done.out)
    assert shown["language"] == "en"
    assert (shown["found"] or {"id": ""})["id"] == name


def test_find_in_a_language_without_templates(call: Call, built: Path) -> None:
    done = call("--config", built, "kb", "find", "--answers", "--language", "fi", "Missä paketti?")
    assert done.code == 1
    assert done.out == "nothing: the text is in fi; there are templates in de, en\n"


def test_find_before_there_is_an_index(call: Call, config: Path, tmp_path: Path) -> None:
    done = call("--config", config, "kb", "find", "--answers", BACK)
    assert done.code == 1
    assert f"{tmp_path}/answers.idx: is not there yet; `mailtriage kb build` makes it" in done.err


def test_test_counts_how_often_it_is_right(call: Call, built: Path, write: Write) -> None:
    questions = write(
        "questions.csv",
        "question,answer,language\n"
        f'"{BACK}",return-label,en\n'
        "I have lost my invoice,invoice-copy,en\n"
        "My kettle leaks at the lid,,en\n",
    )
    done = call("--config", built, "kb", "test", "--answers", str(questions))
    assert done.code == 0
    assert "3 questions, 2 with an answer; best section right: 2" in done.out
    assert "← answers.threshold" in done.out


def test_check_names_what_is_wrong_with_templates_and_the_service_starts_all_the_same(
    call: Call, built: Path, tmp_path: Path
) -> None:
    assert call("--config", built, "check").err == ""
    file = tmp_path / "templates" / "en" / "invoice-copy.md"
    file.write_text(file.read_text().replace('"billing"', '"biling"'))
    done = call("--config", built, "check")
    assert f"{file}:5: skill: warning: there is no policy for the skill 'biling'" in done.err
    assert done.code == 0
    shutil.rmtree(tmp_path / "templates")  # as on another node
    assert call("--config", built, "check").err == ""
