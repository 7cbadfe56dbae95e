"""Every key and array item has the line that it stands on, however TOML lets it be written."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.toml_lines import KeyPath, map_lines
from mailtriage.toml_source import dotted

ROOT = Path(__file__).resolve().parents[2]

# The lines of each text that have a name after "#@" are where that key or item must be found.
TEXTS = {
    "keys and dotted keys": """
        a = 1                          #@ a
        b.c = 2                        #@ b b.c
        b . d = 3                      #@ b.d
        "e f".'g' = 4                  #@ "e f" "e f".g
        "h.i" = 5                      #@ "h.i"
        3.14 = "pi"                    #@ 3 3.14
    """,
    "tables": """
        [a]                            #@ a
        b = 1                          #@ a.b
        [ a . c.d ]                    #@ a.c a.c.d
        e = 1                          #@ a.c.d.e
        [x."y z"]                      #@ x x."y z"
        k = 1                          #@ x."y z".k
    """,
    "a table after its own part": """
        [a.b]                          #@ a.b
        c = 1                          #@ a.b.c
        [a]                            #@ a
        d = 1                          #@ a.d
    """,
    "arrays of tables": """
        [[signal]]                     #@ signal signal[0]
        id = "one"                     #@ signal[0].id
        words.sv = ["x"]               #@ signal[0].words.sv signal[0].words.sv[0]
        [[signal]]                     #@ signal[1]
        [signal.near]                  #@ signal[1].near
        a = 1                          #@ signal[1].near.a
        [[signal.sub]]                 #@ signal[1].sub signal[1].sub[0]
        [[signal.sub]]                 #@ signal[1].sub[1]
        z = 1                          #@ signal[1].sub[1].z
    """,
    "arrays over several lines": """
        a = [                          #@ a
          "one", "two",                #@ a[0] a[1]
          # "not an item",
          [3,                          #@ a[2] a[2][0]
           4],                         #@ a[2][1]
          "last" ]                     #@ a[3]
        b = [1, 2]                     #@ b b[0] b[1]
    """,
    "inline tables": """
        a = { b = 1, c.d = 2 }         #@ a a.b a.c.d
        e = { f = { g = [1] }, h = 2 } #@ e.f.g e.f.g[0] e.h
        i = [ { j = 1 },               #@ i[0].j
              { j = 2 } ]              #@ i[1].j
    """,
    "brackets, hashes and equal signs in strings": """
        a = "[x] = 1 # no comment"     #@ a
        b = 'C:\\[dir]'                #@ b
        c = "say \\"d = 1\\""          #@ c
        d = 1                          #@ d
    """,
    "strings over several lines": '''
        a = """                        #@ a
        [table]
        b = 1
        quotes: "" and \\"""
        """""
        c = \'\'\'                     #@ c
        d = """ \'\'
        \'\'\'
        e = ["""                       #@ e e[0]
        one""", "two"]
        f = 1                          #@ f
    ''',
    "values of every kind": """
        a = 1979-05-27 07:32:00        #@ a
        b = [1979-05-27 07:32:00, 1.5] #@ b[0] b[1]
        c = -1.5e3                     #@ c
        d = true                       #@ d
        e = 0xFF                       #@ e
        f = inf                        #@ f
    """,
}


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of everything below a TOML value."""
    if isinstance(value, dict):
        children: list[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    else:
        return
    for key, child in children:
        yield (*path, key)
        yield from paths(child, (*path, key))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_named_lines(text: str) -> None:
    at = {dotted(path): line for path, line in map_lines(text).at.items()}
    marked = {}
    for number, line in enumerate(text.split("\n"), 1):
        marks = line.partition("#@ ")[2]
        # A blank inside quotes belongs to the name.
        names = marks.replace("e f", "e_f").replace("y z", "y_z").split()
        for name in names:
            marked[name.replace("e_f", "e f").replace("y_z", "y z")] = number
    assert marked
    assert {name: at.get(name) for name in marked} == marked


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_it_finds_what_tomllib_finds_and_nothing_else(text: str) -> None:
    assert set(map_lines(text).at) == set(paths(tomllib.loads(text)))


SHIPPED = sorted((ROOT / "policies").rglob("*.toml")) + sorted((ROOT / "config").rglob("*.toml"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_key_of_a_shipped_file_has_a_line(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert set(map_lines(text).at) == set(paths(tomllib.loads(text)))


# fmt: off
FRAGMENTS = st.sampled_from([
    "a", "b", ".", " = ", "= 1\n", "[", "]", "[[", "]]\n", "[a]\n", "[[a]]\n", "{ ", " }", ", ", "\n",
    "# x\n", '"c"', "'d'", '"""', "'''", "\\", "2", "a = [", "b = { a = 1",
])
# fmt: on


@given(st.lists(FRAGMENTS, max_size=25).map("".join))
def test_no_text_makes_it_raise_and_what_is_toml_is_mapped_whole(text: str) -> None:
    at = map_lines(text).at
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(at) == set(paths(data))


def test_deep_nesting_is_no_recursion() -> None:
    depth = 2_000
    assert map_lines("a = " + "[" * depth + "]" * depth).at[("a",)] == 1


def test_what_is_given_twice_is_noted_with_both_lines() -> None:
    (again,) = map_lines("[a]\nb = 1\nc = 2\nb = 3\n").repeated
    assert (again.path, again.first, again.line) == (("a", "b"), 2, 4)
