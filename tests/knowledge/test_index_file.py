"""The file of an index: whole or not at all, and whatever is wrong with it is said, never met."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.knowledge import index_file
from mailtriage.knowledge.index_build import build_index
from mailtriage.knowledge.model import Document, KnowledgeError, Section
from mailtriage.knowledge.search import open_index

DOCUMENT = Document((Section("Refunds take five days.", id="kb-1", language="en"),))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good index."""
    file = tmp_path / "kb.idx"
    build_index([DOCUMENT], file)
    return file


def test_a_good_file_opens(file: Path) -> None:
    index = open_index(file)
    assert (index.sections, index.languages) == (1, {"en": 1})
    assert index.entry(0).id == "kb-1"


def test_a_missing_file_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="mailtriage kb build"):
        open_index(tmp_path / "none.idx")


@pytest.mark.parametrize("kept", [0, 1, 63, 64, 100, -1])
def test_a_file_cut_short_is_no_index(file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(KnowledgeError, match="build it again"):
        open_index(file)


def test_every_flipped_bit_is_noticed(file: Path) -> None:
    whole = file.read_bytes()
    places = random.Random(1).sample(range(len(whole)), 300)
    for place in (*range(56), *places):
        if 56 <= place < 64:  # the padding of the header
            continue
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(KnowledgeError):
            open_index(file)


@settings(max_examples=80, deadline=None)
@given(content=st.binary(max_size=400))
def test_no_content_whatever_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.idx"
    for begin in (b"", b"mtriagkb\1\0\0\0"):
        file.write_bytes(begin + content)
        with pytest.raises(KnowledgeError):
            open_index(file)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("0.docs", lambda array: array + 7),
        ("0.docs", lambda array: array - 7),
        ("0.ptr", lambda array: array[::-1]),
        ("0.ptr", lambda array: array[:-1]),
        ("0.keys", lambda array: array[::-1]),
        ("0.keys", lambda array: array[:-1]),
        ("0.weights", lambda array: array * float("nan")),
        ("offsets", lambda array: array + 1),
        ("0.idf", None),
    ],
)
def test_numbers_that_cannot_be_are_noticed_under_a_good_checksum(
    file: Path, name: str, change: object
) -> None:
    contents = index_file.read_index(file)
    arrays = dict(contents.arrays)
    if callable(change):
        arrays[name] = change(arrays[name]).astype(arrays[name].dtype)
    else:
        del arrays[name]
    index_file.write_index(file, contents.about, arrays)
    with pytest.raises(KnowledgeError, match="damaged"):
        open_index(file)


def test_another_format_and_other_stemmers_are_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_file, "version", lambda: "0 of another day")
    with pytest.raises(KnowledgeError, match="other stemmers"):
        open_index(file)
    monkeypatch.setattr(index_file, "FORMAT", 99)
    with pytest.raises(KnowledgeError, match="this version reads 99"):
        open_index(file)


def test_a_build_that_fails_leaves_the_old_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index_file.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        build_index([DOCUMENT], file)
    assert file.read_bytes() == before
    assert [one.name for one in file.parent.iterdir()] == ["kb.idx"]


def test_a_folder_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"cannot be read|no index"):
        open_index(tmp_path)
