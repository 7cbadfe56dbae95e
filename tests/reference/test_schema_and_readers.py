"""A schema and mailtriage are of one mind: about unknown keys, types, words and forms."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailtriage.toml_source import TableReader
from tests.reference import documents
from tests.reference.conftest import CONFIGURATION, POLICY, PROFILE, Kind

DOCUMENTS = {
    "configuration": (CONFIGURATION, documents.configuration()),
    "profile": (PROFILE, documents.profile()),
    **{f"policy-{of}": (POLICY, documents.policy(of)) for of in documents.HEADS},
}
EVERY = pytest.mark.parametrize(("kind", "document"), DOCUMENTS.values(), ids=DOCUMENTS)

EXPRESSIBLE = re.compile(
    r"unknown key|expected (?!.* to )|is not one of|must not be empty|required"
)
"""What a schema can say, too: of ranges of durations and of addresses it cannot."""

WHOLE = ["configuration", "profile", "policy-skill", "policy-priority", "policy-kind"]
VALIDATORS = {kind.name: kind.validator() for kind, _ in DOCUMENTS.values()}

Place = tuple[str | int, ...]


def places(document: object, path: Place = ()) -> Iterator[tuple[Place, object]]:
    """Every table, array and value of a document."""
    yield path, document
    below: Any = ()
    if isinstance(document, dict):
        below = document.items()
    elif isinstance(document, list):
        below = enumerate(document)
    for key, value in below:
        yield from places(value, (*path, key))


def wrong(value: object) -> list[object]:
    """What must not stand where that value stands."""
    if isinstance(value, dict):
        return [{**value, "zzz": 1}, 5]
    if isinstance(value, list):
        return ["zzz", [5]]
    if isinstance(value, str):
        return [5, "zzz zzz", ""]
    return ["zzz", {}]


def around(kind: Kind, document: dict[str, Any], path: Place) -> dict[str, Any]:
    """The document; of a configuration, which needs no section, the one section."""
    if kind is CONFIGURATION and path:
        return {str(path[0]): copy.deepcopy(document[str(path[0])])}
    return copy.deepcopy(document)


def changed(document: dict[str, Any], path: Place, value: object) -> Any:
    if not path:
        return value
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


def of_one_mind(kind: Kind, document: dict[str, Any], folder: Path) -> bool:
    """Fails where one of the two refuses what the other takes. Whether they refused."""
    wrong = [error.message for error in VALIDATORS[kind.name].iter_errors(document)]
    problems = kind.problems(document, folder)
    if wrong:
        assert problems, f"only the schema refuses: {wrong}"
    else:
        unseen = [problem for problem in problems if EXPRESSIBLE.search(problem)]
        assert unseen == [], "only mailtriage refuses"
    return bool(wrong)


@EVERY
def test_both_accept_a_document_with_every_key(
    kind: Kind, document: dict[str, Any], tmp_path: Path
) -> None:
    assert [error.message for error in kind.validator().iter_errors(document)] == []
    assert kind.problems(document, tmp_path) == []


@EVERY
def test_both_refuse_the_same_mistakes(
    kind: Kind, document: dict[str, Any], tmp_path: Path
) -> None:
    """Each table with an unknown key; each value with one of another type, or an unknown word."""
    refused = sum(
        of_one_mind(kind, changed(around(kind, document, path), path, instead), tmp_path)
        for path, value in places(document)
        for instead in wrong(value)
        if path or isinstance(instead, dict)
    )
    assert refused > 2 * len(document)


@EVERY
def test_both_miss_what_must_be_there(kind: Kind, document: dict[str, Any], tmp_path: Path) -> None:
    """Each key left out in turn: both want it, or neither does."""
    for path, _ in places(document):
        if path and isinstance(path[-1], str):
            without = around(kind, document, path)
            place: Any = without
            for key in path[:-1]:
                place = place[key]
            del place[path[-1]]
            of_one_mind(kind, without, tmp_path)


@pytest.mark.parametrize(
    ("kind", "document"),
    [DOCUMENTS[name] for name in WHOLE],
    ids=WHOLE,
)
def test_the_document_has_every_key_that_the_reader_asks_for(
    kind: Kind, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what mailtriage learns to read is missed here, and then in the schema."""
    asked: set[tuple[str, str]] = set()
    original = TableReader.has

    def has(self: TableReader, key: str) -> bool:
        asked.add((pattern(self.path), key))
        return original(self, key)

    def pattern(path: Place) -> str:
        return ".".join("#" if isinstance(part, int) else part for part in path)

    monkeypatch.setattr(TableReader, "has", has)
    assert kind.problems(document, tmp_path) == []
    given = {
        (pattern(path), key)
        for path, value in places(document)
        if isinstance(value, dict)
        for key in value
    }
    # Of the many factors of a priority, and the words of maps, a document gives some.
    some = re.compile(r"adjust|emit\.\w+")
    one_of = {("", "skill"), ("", "facet")}
    assert {each for each in asked - given - one_of if not some.fullmatch(each[0])} == set()
