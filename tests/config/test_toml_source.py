"""Reading one file: what is wrong with it is named by line and key, and all of it at once."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mailtriage.toml_source import (
    Problem,
    SourceError,
    TableReader,
    did_you_mean,
    dotted,
    parse_source,
    read_source,
)


def reader(text: str) -> TableReader:
    return TableReader(parse_source(text, "f.toml"), [])


def messages(table: TableReader) -> list[str]:
    return [str(problem).removeprefix("f.toml:") for problem in table.problems]


# --- the file as a whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\nb = \n", "f:2: not TOML: invalid value"),
        ("a = 1\n\nb = [1,\n\n", "f:3: not TOML: invalid value"),
        ('a = "x\n', "f:1: not TOML: illegal character '\\n'"),
        ("[a\n", "f:1: not TOML: expected ']' at the end of a table declaration"),
        ("a = 1\nb = 2\na = 3\n", "f:3: a: given twice, first on line 1 — keep one of the two"),
        ("[a]\nb = 1\n[a]\n", "f:3: a: given twice, first on line 1 — keep one of the two"),
        ("[a]\nb = 1\n[a.b]\n", "f:3: a.b: given twice, first on line 2 — keep one of the two"),
        ("a = {b = 1, b = 2}", "f:1: a.b: given twice, first on line 1 — keep one of the two"),
        (f"a = {'[' * 5000}{']' * 5000}", "f:1: arrays or tables are nested too deeply"),
    ],
)
def test_syntax_errors(text: str, expected: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_source(text, "f")
    assert [str(problem) for problem in caught.value.problems] == [expected]


def test_line_ends_of_windows_and_a_byte_order_mark_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_bytes(b'\xef\xbb\xbfa = 1\r\nb = "x"\r\n')
    source = read_source(file)
    assert source.data == {"a": 1, "b": "x"}
    assert source.line(("b",)) == 2


def test_bad_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_bytes('a = 1\nb = "räkning"\n'.encode("latin-1"))
    with pytest.raises(SourceError) as caught:
        read_source(file)
    assert str(caught.value) == f"{file}:2: not UTF-8: byte 0xe4 — save the file as UTF-8"


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        read_source(tmp_path / "f.toml")
    assert str(caught.value) == f"{tmp_path}/f.toml:1: cannot be read: no such file or directory"
    with pytest.raises(SourceError) as caught:
        read_source(tmp_path)
    assert str(caught.value) == f"{tmp_path}:1: cannot be read: is a directory"


def test_not_permitted(
    public_directory: Path, as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    file = public_directory / "f.toml"
    file.touch(mode=0)
    with as_nobody(), pytest.raises(SourceError) as caught:
        read_source(file)
    hint = "the user that mailtriage runs as must be able to read it"
    assert str(caught.value) == f"{file}:1: cannot be read: permission denied — {hint}"


def test_the_line_of_what_is_not_there_is_that_of_its_parent() -> None:
    source = parse_source("\n[a]\nb = [1]\n", "f")
    assert source.line(("a", "missing", "x")) == 2
    assert source.line(("a", "b", 7)) == 3
    assert source.line(("missing",)) == 1


# --- a table


@pytest.mark.parametrize(
    ("text", "call", "expected"),
    [
        ("k = 1", lambda t: t.text("k", "d"), "1: k: expected a string, found the number 1"),
        ("k = true", lambda t: t.text("k", "d"), "1: k: expected a string, found true"),
        ("k = [1]", lambda t: t.text("k", "d"), "1: k: expected a string, found an array"),
        ("k = {}", lambda t: t.text("k", "d"), "1: k: expected a string, found a table"),
        (
            "k = 1979-05-27",
            lambda t: t.text("k", "d"),
            "1: k: expected a string, found the date or time 1979-05-27",
        ),
        ("k = ''", lambda t: t.text("k", "d"), "1: k: must not be empty"),
        (
            "k = 'hihg'",
            lambda t: t.text("k", "d", choices=("high", "low")),
            "1: k: \"hihg\" is not one of high, low — did you mean 'high'?",
        ),
        (
            "k = 'A b'",
            lambda t: t.text("k", "d", pattern=re.compile("[a-z]+")),
            '1: k: "A b" does not fit [a-z]+',
        ),
        (
            "k = '5'",
            lambda t: t.integer("k", 1),
            '1: k: expected a whole number, found the string "5" — write 5, without the quotes',
        ),
        (
            "k = 1.5",
            lambda t: t.integer("k", 1),
            "1: k: expected a whole number, found the number 1.5",
        ),
        ("k = true", lambda t: t.integer("k", 1), "1: k: expected a whole number, found true"),
        ("k = 7", lambda t: t.integer("k", 1, 0, 5), "1: k: 7 is out of range — expected 0 to 5"),
        (
            "k = -1",
            lambda t: t.integer("k", 1, 0),
            "1: k: -1 is out of range — expected at least 0",
        ),
        (
            "k = 9.5",
            lambda t: t.number("k", 1.0, high=9),
            "1: k: 9.5 is out of range — expected at most 9",
        ),
        ("k = nan", lambda t: t.number("k", 1.0), "1: k: expected a finite number, found nan"),
        ("k = false", lambda t: t.number("k", 1.0), "1: k: expected a number, found false"),
        (
            "k = 'true'",
            lambda t: t.boolean("k", default=False),
            '1: k: expected true or false, found the string "true" — write true, without the quotes',
        ),
        (
            "k = 'x'",
            lambda t: t.texts("k", ("d",)),
            '1: k: expected an array of strings, found the string "x" — write ["x"]',
        ),
        ("k = 1", lambda t: t.mapping("k"), "1: k: expected a table, found the number 1"),
        (
            "[k]",
            lambda t: t.tables("k"),
            "1: k: expected an array of tables, found a table — write [[k]]",
        ),
        ("k = [1]", lambda t: t.tables("k"), "1: k[0]: expected a table, found the number 1"),
    ],
)
def test_a_wrong_value_is_named_and_the_default_returned(
    text: str, call: Callable[[TableReader], object], expected: str
) -> None:
    table = reader(text)
    returned = call(table)
    assert messages(table) == [expected]
    assert returned in ("d", 1, 1.0, False, ("d",), {}, [])


@pytest.mark.parametrize(
    ("text", "call", "value"),
    [
        ("k = 'v'", lambda t: t.text("k"), "v"),
        ("k = ''", lambda t: t.text("k", empty=True), ""),
        ("k = 5", lambda t: t.integer("k", 0, 5, 5), 5),
        ("k = 5", lambda t: t.number("k", 0.0), 5.0),
        ("k = false", lambda t: t.boolean("k", default=True), False),
        ("k = ['a', 'b']", lambda t: t.texts("k", ()), ("a", "b")),
        ("[k]\nx = 1", lambda t: t.table("k").integer("x"), 1),
        ("[[k]]\nx = 1\n[[k]]\nx = 2", lambda t: [k.integer("x") for k in t.tables("k")], [1, 2]),
        ("[k]\nx = 1", lambda t: t.mapping("k"), {"x": 1}),
        ("[k]\nx = 1\ny = 2", lambda t: t.table("k").names(), ["x", "y"]),
        ("", lambda t: t.text("k", "d"), "d"),
        ("", lambda t: t.table("k").integer("x", 3), 3),
        ("", lambda t: (t.tables("k"), t.mapping("k")), ([], {})),
    ],
)
def test_a_right_value_is_returned_without_a_word(
    text: str, call: Callable[[TableReader], object], value: object
) -> None:
    table = reader(text)
    assert call(table) == value
    assert messages(table) == []


def test_a_required_key_that_is_missing_stands_at_the_line_of_its_table() -> None:
    table = reader("\n\n[a]\nx = 1\n").table("a")
    assert (table.text("k"), table.integer("l"), table.texts("m")) == ("", 0, ())
    assert messages(table) == [
        "3: a.k: required, but missing",
        "3: a.l: required, but missing",
        "3: a.m: required, but missing",
    ]


def test_items_of_an_array_are_checked_one_by_one() -> None:
    table = reader("k = [\n  'a',\n  1,\n  '',\n  'b',\n]")
    assert table.texts("k") == ("a", "b")
    assert messages(table) == [
        "3: k[1]: expected a string, found the number 1",
        "4: k[2]: must not be empty",
    ]


def test_an_unknown_key_is_an_error_and_the_nearest_known_one_is_named() -> None:
    table = reader("thresold = 1\nTHRESHOLD = 2\nzzz = 3\nmargin = 4")
    table.number("threshold", 0.0)
    table.number("margin", 0.0)
    table.finish()
    assert messages(table) == [
        "1: thresold: unknown key — did you mean 'threshold'?",
        "2: THRESHOLD: unknown key — did you mean 'threshold'?",
        "3: zzz: unknown key",
    ]


def test_problems_below_the_table_have_their_whole_path() -> None:
    table = reader('[[signal]]\nid = "a"\n[[signal]]\nid = "b"\nwords.sv = [\n"x"]').tables(
        "signal"
    )[1]
    table.problem(None, "whole")
    table.problem("id", "key", "hint", warning=True)
    table.problem(("words", "sv", 0), "item")
    assert messages(table) == [
        "3: signal[1]: whole",
        "4: signal[1].id: warning: key — hint",
        "6: signal[1].words.sv[0]: item",
    ]


def test_a_long_value_is_cut_in_messages() -> None:
    table = reader(f"k = '{'x' * 1000}'")
    table.integer("k", 0)
    assert len(messages(table)[0]) < 100


# --- words


def test_problems_sort_by_file_and_line() -> None:
    problems = [Problem("b", 1, "", ""), Problem("a", 10, "", ""), Problem("a", 9, "z", "")]
    assert [(p.file, p.line) for p in sorted(problems)] == [("a", 9), ("a", 10), ("b", 1)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("threshhold", "did you mean 'threshold'?"),
        ("Margin", "did you mean 'margin'?"),
        ("wrods", "did you mean 'words'?"),
        ("completely-else", ""),
        ("", ""),
    ],
)
def test_did_you_mean(word: str, expected: str) -> None:
    assert did_you_mean(word, ["threshold", "margin", "words"]) == expected


def test_dotted_paths_are_written_as_toml_writes_them() -> None:
    assert dotted(("mailboxes", "help@desk.example", "skills", 0)) == (
        'mailboxes."help@desk.example".skills[0]'
    )
    assert dotted(("a", "", 'q"uote')) == 'a.""."q\\"uote"'
