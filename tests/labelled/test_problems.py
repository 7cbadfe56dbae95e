"""Labelled sets that cannot be used: every problem with its place and how to mend it."""

import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.labelled import Example, LabelledError, collect, lines, read_labelled
from mailtriage.labelled.model import Utterance
from mailtriage.mail.model import Limits
from mailtriage.toml_source import Problem


def problems(path: Path) -> list[str]:
    """What is wrong, without the folder of the test."""
    with pytest.raises(LabelledError) as caught:
        read_labelled(path)
    text = str(caught.value)
    return [line.replace(f"{path.parent}/", "") for line in text.splitlines()]


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


OK = '{"text": "Hej", "skill": "sales"}\n'


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"text": "a", "priority": "urgnet"}',
         """priority: "urgnet" is unknown — did you mean 'urgent'?"""),
        ('{"text": "a", "mood": "3"}', 'mood: "3" is unknown — one of positive, neutral, negative'),
        ('{"text": "a", "churn": "hihg"}', """churn: "hihg" is unknown — did you mean 'high'?"""),
        ('{"text": "a", "kind": "humn"}', """kind: "humn" is unknown — did you mean 'human'?"""),
        ('{"text": "a", "thread": "chase"}', """thread: "chase" is unknown — did you mean 'chaser'?"""),
        ('{"text": "a", "language": "svenska"}',
         'language: "svenska" is no code of a language — such as "sv"'),
        ('{"text": "a", "skill": "???"}',
         ("skill: '???' has no letter or digit for the name of a skill"
         " — a skill has one name, of a-z, 0-9 and hyphens")),
        ('{"text": "a", "skill": 7}', "skill: expected a string, found 7"),
        ('{"text": "a", "skill": "x", "also": "billing"}',
         'also: expected a list of skills, found "billing" — write ["billing"]'),
        ('{"text": "a", "skill": "x", "weight": "much"}',
         'weight: "much" is no weight — a number above 0, at most 100'),
        ('{"text": "a", "skill": "x", "weight": NaN}',
         "weight: NaN is no weight — a number above 0, at most 100"),
        ('{"text": "a", "priorty": "low"}', """unknown key "priorty" — did you mean 'priority'?"""),
        ('{"text": "a", "newest_text": 1}', "newest_text: expected a string, found 1"),
        ('{"message_id": "<1@kund.example>", "skill": "sales"}',
         ("no text — a 'message_id' alone does not tell what the mail says: "
         "give 'text', or the 'file' of the mail")),
        ('{"skill": "sales"}', "no text — give 'text', or the 'file' of the mail"),
        ('{"text": "a", "file": "b", "skill": "x"}', "both 'file' and 'text' — keep one of the two"),
        ('{"text": "a" "skill": "x"}', "not JSON: expecting ',' delimiter — at column 14"),
        ('["a"]', """expected an object, found ["a"] — write {"text": …}"""),
        ("[" * 100_000, "not JSON: nested too deeply"),
        ('{"weight": ' + "9" * 5000 + "}", "not JSON: a number with too many digits"),
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_a_line_that_is_wrong(tmp_path: Path, line: str, problem: str) -> None:
    file = written(tmp_path, "a.jsonl", f"{OK}\n{line}\n")
    assert problems(file) == [f"a.jsonl:3: {problem}"]


def test_all_problems_at_once_and_of_very_many_the_number(tmp_path: Path) -> None:
    wrong = '{"text": "a", "mood": "angry"}\n'
    found = problems(written(tmp_path, "a.jsonl", wrong * 23))
    assert len(found) == 21
    assert found[19].startswith("a.jsonl:20: mood: ")
    assert found[20] == "… and 3 more problems"


def test_several_labels_of_one_line(tmp_path: Path) -> None:
    file = written(tmp_path, "a.jsonl", '{"text": "a", "mood": "angry", "churn": "maybe"}\n')
    assert len(problems(file)) == 2


def test_an_unknown_key_is_told_once_a_file(tmp_path: Path) -> None:
    file = written(tmp_path, "a.jsonl", '{"text": "a", "skil": "sales"}\n' * 3)
    assert problems(file) == ["""a.jsonl:1: unknown key "skil" — did you mean 'skill'?"""]


def test_two_labels_that_become_one_skill(tmp_path: Path) -> None:
    rows = [{"text": "a", "skill": skill} for skill in ("Ärger", "arger", "ÄRGER ", "Arger")]
    file = written(tmp_path, "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    hint = "a skill has one name, of a-z, 0-9 and hyphens"
    assert problems(file) == [
        f"a.jsonl:2: skill: 'arger' and 'Ärger' (a.jsonl:1) both become arger — {hint}",
        f"a.jsonl:4: skill: 'Arger' and 'Ärger' (a.jsonl:1) both become arger — {hint}",
    ]


def test_two_folders_that_become_one_skill(tmp_path: Path) -> None:
    for name in ("Claims", "claims", "To & fro", "to-fro"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.eml").write_bytes(b"Subject: x\n\nx\n")
    with pytest.raises(LabelledError) as caught:
        read_labelled(tmp_path)
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "claims:1: 'claims' and 'Claims' (a folder) both become claims — rename one of them",
        "to-fro:1: 'to-fro' and 'To & fro' (a folder) both become to-fro — rename one of them",
    ]


def test_a_folder_whose_name_gives_no_skill(tmp_path: Path) -> None:
    (tmp_path / "set" / "…").mkdir(parents=True)
    found = problems(tmp_path / "set")
    assert found == ["set/…:1: '…' has no letter or digit for the name of a skill — rename it"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a,b\n1,2\n", ("1: the first line does not name the columns"
         " — text or message_id or number, then skill, priority, …")),
        ("skill,mood\nsales,neutral\n", "1: no text — add a column text, file, message_id or number"),
        ("text,skill,skill\na,b,c\n", "1: two columns are called 'skill' — keep one of the two"),
        ("text,skil\na,b\n", """1: unknown key "skil" — did you mean 'skill'?"""),
        ("text,skill\nHello, you,sales\n",
         '2: 3 values for 2 columns — a text with separators stands in "quotes"'),
        ('text,skill\n"Hello\nyou,sales\n', ("2: not CSV: unexpected end of data"
         ' — a "quote" is not closed; one inside a field is written twice')),
        ('text,skill\na,sales\n"b" c,sales\n', "3: not CSV: ',' expected after '\"'"),
        ("text,skill,mood\nHola,sales,hapy\n",
         '2: mood: "hapy" is unknown — one of positive, neutral, negative'),
        ("message_id,skill\n<1@a>,sales\n", "1: no text — a.mbox: no such file or directory"),
        (b"text,skill\nHall\xe5,sales\n", "2: not UTF-8: byte 0xe5 — save the file as UTF-8"),
        ("text,skill\n".encode("utf-16"), "1: the file is in UTF-16 — save it as UTF-8"),
        ("text,skill\rHello,sales\r", ("1: the first line does not name the columns"
         " — text or message_id or number, then skill, priority, …")),
        (f"text,skill\n{'a' * 200_000},sales\n", "2: not CSV: field larger than field limit (131072)"),
        ("", "1: no mail in it has a label"),
        ("text,skill\n", "1: no mail in it has a label"),
    ],
    ids=lambda value: str(value[:30]),
)  # fmt: skip
def test_a_table_that_is_wrong(tmp_path: Path, content: str | bytes, problem: str) -> None:
    assert problems(written(tmp_path, "a.csv", content)) == [f"a.csv:{problem}"]


BOX = "From a\nMessage-ID: <1@a>\n\nx\n\nFrom a\nMessage-ID: <2@a>\n\nx\n\nFrom a\nMessage-ID: <2@a>\n\nx\n"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("message_id,skill\n3@a,sales\n", 'message_id: "3@a" is in a.mbox not at all'),
        ("message_id,skill\n<2@a>,sales\n",
         'message_id: "<2@a>" is in a.mbox 2 times — name it by its number'),
        ("number,skill\n4,sales\n", 'number: "4" is no message of a.mbox — it has 1 to 3'),
        ("number,skill\n0,sales\n", 'number: "0" is no message of a.mbox — it has 1 to 3'),
        ("number,skill\n²,sales\n", 'number: "²" is no message of a.mbox — it has 1 to 3'),
        ("number,skill\n,sales\n", "no text — give message_id or number"),
        ("number,skill\n1,sales\n1,sales\n",
         "message 1 of a.mbox has labels already — keep one of the two rows"),
    ],
)  # fmt: skip
def test_a_row_that_names_no_message(tmp_path: Path, table: str, problem: str) -> None:
    written(tmp_path, "a.mbox", BOX)
    (found,) = problems(written(tmp_path, "a.csv", table))
    assert found.partition(": ")[2] == problem


def test_an_mbox_without_labels(tmp_path: Path) -> None:
    assert problems(written(tmp_path, "a.mbox", BOX)) == [
        "a.mbox:1: no labels are beside it — write a.csv: message_id,skill,priority,…"
    ]


def test_an_array_of_json_is_no_jsonl(tmp_path: Path) -> None:
    file = written(tmp_path, "a.json", '[{"text": "a", "skill": "sales"}]')
    assert problems(file) == ["a.json:1: an array of JSON — write one object a line: jq -c '.[]'"]


def test_a_folder_without_labels(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    written(folder, "1.eml", b"Subject: x\n\nx\n")
    (found,) = problems(folder)
    assert found.startswith("set:1: no labels are here — expected labels.jsonl beside the mails")


def test_two_files_of_labels(tmp_path: Path) -> None:
    written(tmp_path, "gold.jsonl", OK)
    written(tmp_path, "labels.jsonl", OK)
    with pytest.raises(LabelledError, match=r"gold.jsonl:1: there is labels\.jsonl beside it"):
        read_labelled(tmp_path)


def test_a_line_of_ten_megabytes_is_not_kept(tmp_path: Path) -> None:
    file = written(tmp_path, "a.jsonl", OK + '{"text": "' + "a" * 10_000_000 + '"}\n')
    assert problems(file) == ["a.jsonl:2: the line is longer than 1024 KiB — one example a line"]


def test_a_packed_file_that_is_cut_off_or_broken(tmp_path: Path) -> None:
    packed = gzip.compress(OK.encode() * 1000)
    (found,) = problems(written(tmp_path, "a.jsonl.gz", packed[:-20]))
    assert "the gzip file is broken or cut off here" in found
    for damaged in (packed[:12] + b"\xff" * 20 + packed[32:], packed[:-8] + b"\0" * 8):
        assert any(
            "the gzip file is broken" in line
            for line in problems(written(tmp_path, "b.jsonl.gz", damaged))
        )


def test_a_small_packed_file_that_becomes_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_FILE", 10_000)
    file = written(tmp_path, "a.jsonl.gz", gzip.compress(b"\n" * 20_000))
    assert problems(file) == ["a.jsonl.gz:10001: the file is larger than 0 GiB"]


def test_more_examples_than_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "MAX_EXAMPLES", 5)
    assert len(read_labelled(written(tmp_path, "a.jsonl", OK * 5)).examples) == 5
    assert problems(written(tmp_path, "a.jsonl", OK * 6)) == [
        "a.jsonl:1: more than 5 examples — take a sample, or split the set"
    ]


@pytest.mark.parametrize(
    "name", ["../secret.eml", "/etc/hostname", "link.eml", "folder/secret.eml"]
)
def test_a_file_outside_the_folder_is_not_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    secret = written(tmp_path, "secret.eml", b"Subject: secret\n\nx\n")
    (folder / "link.eml").symlink_to(secret)
    (folder / "folder").symlink_to(tmp_path)
    file = written(folder, "labels.jsonl", json.dumps({"file": name, "skill": "sales"}) + "\n")
    assert problems(file) == [f'labels.jsonl:1: file: "{name}" lies outside {folder}']


def test_links_in_folders_are_followed_to_mails_inside_only(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "sales").mkdir(parents=True)
    mail = written(folder / "sales", "a.eml", b"Subject: a\n\nx\n")
    (folder / "sales" / "same.eml").symlink_to(mail)
    (folder / "sales" / "up").symlink_to(folder)
    (folder / "loop").symlink_to(folder)
    (folder / "sales" / "loop.eml").symlink_to("loop.eml")
    (folder / "sales" / "out.eml").symlink_to(written(tmp_path, "out.eml", b"Subject: out\n\nx\n"))
    read = read_labelled(folder)
    assert [example.id for example in read.examples] == ["sales/a.eml", "sales/same.eml"]
    loop = folder / "sales" / "loop.eml"
    assert read.unreadable == (f"{loop}: too many levels of symbolic links",)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    written(tmp_path / "sales", "a.eml", b"Subject: a\n\nx\n")
    os.mkfifo(tmp_path / "sales" / "pipe.eml")
    read = read_labelled(tmp_path)
    assert len(read.examples) == 1
    assert read.unreadable == (f"{tmp_path / 'sales' / 'pipe.eml'}: not a regular file",)
    assert problems(tmp_path / "sales" / "pipe.eml") == [
        "pipe.eml:1: cannot be read: not a regular file"
    ]


def test_a_set_of_which_no_mail_can_be_read(tmp_path: Path) -> None:
    file = written(tmp_path, "labels.jsonl", '{"file": "gone.eml", "skill": "sales"}\n')
    (found,) = problems(file)
    assert found.startswith("labels.jsonl:1: none of its 1 mails can be read — ")


@pytest.mark.parametrize("name", [r"a\u0000b", "x" * 5000, r"\ud800"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    file = written(tmp_path, "labels.jsonl", f'{{"file": "{name}", "skill": "sales"}}\n')
    assert len(problems(file)) == 1


def test_half_characters_do_not_get_in(tmp_path: Path) -> None:
    file = written(tmp_path, "a.jsonl", r'{"text": "a\ud800b", "skill": "sales", "id": "\udfff"}')
    (example,) = read_labelled(file).examples
    assert (example.id, example.source) == ("?", Utterance("a?b"))


_PIECES = st.sampled_from(
    [
        b'{"text": "a", "skill": "b"}', b'{"text": ', b'"', b",", b";", b"\t", b"\n", b"\r\n", b"\r",
        b"text,skill\n", b"number\tskill\n", b"From a\n", b"Message-ID: <1@a>\n", b"\xff", b"\x00",
        b"\x1f\x8b\x08", b"\xef\xbb\xbf", b"[", b"\\ud800", b"file", b"../..",
    ]
)  # fmt: skip


@given(
    st.sampled_from(["a.jsonl", "a.csv", "a.mbox", "a.gz", "a"]), st.lists(_PIECES | st.binary())
)
def test_whatever_is_in_a_file_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, pieces: list[bytes]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    file = written(folder, name, b"".join(pieces))
    examples: Sequence[Example] = ()
    found: Sequence[Problem] = ()
    try:
        examples = read_labelled(file).examples
    except LabelledError as error:
        found = error.problems
    assert bool(examples) is not bool(found)
    assert len(found) <= 20
    assert all(problem.file.startswith(str(folder)) for problem in found)
    for example in examples:
        assert example.skill is None or example.skill.isascii()
        assert len(example.mail(Limits()).text) <= Limits().max_text_chars


def test_a_file_of_labels_that_a_link_brings_in_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    written(folder, "sv.jsonl", OK)
    (folder / "de.jsonl").symlink_to(written(tmp_path, "outside.jsonl", OK))
    assert [example.place for example in read_labelled(folder).examples] == ["sv.jsonl:1"]
