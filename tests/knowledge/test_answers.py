"""Answer templates: what a file may say, and how every mistake in it is told."""

import os
from pathlib import Path

import pytest

from mailtriage.knowledge.answers import MAX_FILE, Template, TemplateError, read_templates

FOLDER = Path(__file__).parent / "data" / "answers"

GOOD = """\
+++
id = "refund"
title = "When the money comes"
language = "en"
skill = "billing"
version = 3
questions = ["Where is my refund?"]
kb = ["kb-refund"]
topics = ["refund"]
+++
Hello {{ customer }},

the money for order {{number}} comes within five days.
"""


def written(folder: Path, **files: str) -> Path:
    """A folder of these files; "_" in a name is a dot."""
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path, *skills: str) -> list[str]:
    """What is wrong with a folder, as "line: path: what — hint"."""
    with pytest.raises(TemplateError) as caught:
        read_templates(folder, skills)
    found = [str(one).removeprefix(f"{folder}/") for one in caught.value.problems]
    assert found == sorted(found, key=lambda one: one.partition(":")[0])
    return found


def test_a_file_is_one_template(tmp_path: Path) -> None:
    (one,) = read_templates(written(tmp_path, a=GOOD), ["billing"]).all
    assert one == Template(
        id="refund",
        title="When the money comes",
        language="en",
        skill="billing",
        version=3,
        questions=("Where is my refund?",),
        kb=("kb-refund",),
        topics=("refund",),
        pieces=("Hello", ",\n\nthe money for order", "comes within five days."),
        file=str(tmp_path / "a.md"),
    )


def test_id_title_and_language_are_enough(tmp_path: Path) -> None:
    text = '+++\nid = "a"\ntitle = "A"\nlanguage = "pt-br"\n+++\nSim.\n'
    (one,) = read_templates(written(tmp_path, a=text)).all
    assert (one.skill, one.version, one.questions, one.kb, one.topics) == ("general", 1, (), (), ())
    assert one.language == "pt"


def test_the_highest_version_is_the_current_one_in_each_language() -> None:
    read = read_templates(FOLDER)
    shown = [(one.language, one.id, one.version) for one in read.current]
    assert shown == [
        ("de", "return-label", 2),
        ("en", "invoice-copy", 1),
        ("en", "opening-hours", 1),
        ("en", "return-label", 2),
    ]
    assert len(read.all) == 5


def test_a_file_of_windows_is_read_alike(tmp_path: Path) -> None:
    unix = read_templates(written(tmp_path, a=GOOD)).all[0]
    (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read_templates(tmp_path).all[0] == unix


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "refund"\n', "", "a.md:1: id: required, but missing"),
        ('"refund"\ntitle', '"Re fund"\ntitle', 'a.md:2: id: "Re fund" does not fit'),
        ('"refund"\ntitle', '"none"\ntitle', 'a.md:2: id: "none" means something else'),
        ('"refund"\ntitle', '"-refund"\ntitle', 'a.md:2: id: "-refund" does not fit'),
        ('"refund"\ntitle', '"refund-"\ntitle', 'a.md:2: id: "refund-" does not fit'),
        ('"en"', '"English"', 'a.md:4: language: "English" does not fit'),
        ('"billing"', '"biling"', "a.md:5: skill: there is no policy for the skill 'biling'"),
        ("version = 3", 'version = "3"', "a.md:6: version: expected a whole number"),
        ("version = 3", "version = 0", "a.md:6: version: 0 is out of range"),
        ('["Where is my refund?"]', '"Where?"', "a.md:7: questions: expected an array of strings"),
        ("topics =", "topic =", "a.md:9: topic: unknown key — did you mean 'topics'?"),
        ("kb = [", "kb = [[", "a.md:9: not TOML"),
        ("{{number}}", "{{number", "a.md:13: {{ belongs to no placeholder"),
        ("Hello {{ customer }}", "Hello }}", "a.md:11: }} belongs to no placeholder"),
    ],
)
def test_every_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    (found,) = problems(written(tmp_path, a=GOOD.replace(old, new, 1)), "billing")
    assert found.startswith(told)


def test_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, a=GOOD, b=GOOD, c="Hello\n", d=GOOD.split("Hello", maxsplit=1)[0])
    (tmp_path / "e.md").write_bytes(b"+++\n\xff")
    (tmp_path / "f.md").write_bytes(b"x" * (MAX_FILE + 1))
    found = problems(tmp_path)
    assert [one.partition(": ")[0] for one in found] == [
        "b.md:1", "c.md:1", "d.md:11", "e.md:2", "f.md:1",
    ]  # fmt: skip
    assert found[0].startswith("b.md:1: version: version 3 of refund in en is ")


def test_what_lies_beside_the_templates_is_none(tmp_path: Path) -> None:
    written(tmp_path, a=GOOD, README="# Templates\n")
    (tmp_path / ".git").mkdir()
    written(tmp_path / ".git", x="no template")
    (tmp_path / "notes.txt").write_text("nor this")
    assert len(read_templates(tmp_path).all) == 1


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_templates_is_a_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(TemplateError):
        read_templates(tmp_path / name)


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path: Path) -> None:
    written(tmp_path, a=GOOD)
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "zero.md").symlink_to("/dev/zero")
    found = problems(tmp_path)
    assert [one.partition(" — ")[0] for one in found] == [
        "pipe.md:1: is no file",
        "zero.md:1: is no file",
    ]


def test_a_name_that_is_not_utf8_can_be_written_into_an_index(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"re\xe7u.md")).write_text(GOOD, encoding="utf-8")
    (one,) = read_templates(tmp_path).all
    assert one.file == f"{tmp_path}/re\ufffdu.md"
