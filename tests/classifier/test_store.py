"""The file of a model: what was written comes back; anything else is refused with a reason."""

import io
import json
import os
import pickle
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mailtriage.classifier import store
from mailtriage.classifier.store import (
    ModelError,
    load_model,
    model_bytes,
    read_about,
    save_model,
)
from tests.classifier.tiny import PARCEL, tiny

Arrays = dict[str, Any]


def arrays() -> Arrays:
    """What stands in the file of the tiny model."""
    with np.load(io.BytesIO(model_bytes(tiny())), allow_pickle=False) as archive:
        return dict(archive)


def changed_meta(found: Arrays, **values: Any) -> Arrays:
    meta = {**json.loads(found["meta"].tobytes()), **values}
    return {**found, "meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)}


def write(path: Path, found: Arrays) -> Path:
    with path.open("wb") as stream:
        np.savez(stream, **found)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.npz"


def test_what_is_written_comes_back(file: Path) -> None:
    save_model(tiny(0.7), file, about={"lessons": 3, "names": ["å"]})
    model = load_model(file)
    assert model.heads == tiny(0.7).heads
    assert model.opinions(PARCEL)["skill"].margins == tiny(0.7).opinions(PARCEL)["skill"].margins
    assert read_about(file) == {"lessons": 3, "names": ["å"]}


def test_the_same_model_gives_the_same_bytes(file: Path) -> None:
    save_model(tiny(), file)
    assert file.read_bytes() == model_bytes(tiny())


def test_nothing_else_is_left_beside_it(file: Path) -> None:
    save_model(tiny(), file)
    save_model(tiny(2.0), file)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_closed_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(PermissionError):
        save_model(tiny(), tmp_path / "model.npz")
    tmp_path.chmod(stat.S_IRWXU)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive", b"\x93NUMPY", b"{}"])
def test_a_file_that_is_no_archive(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ModelError, match="no model of mailtriage"):
        load_model(file)


def test_a_file_cut_short_anywhere(file: Path) -> None:
    whole = model_bytes(tiny())
    for length in range(0, len(whole), 61):
        file.write_bytes(whole[:length])
        with pytest.raises(ModelError, match="no model of mailtriage"):
            load_model(file)


def test_a_byte_turned_over_is_an_error_or_changes_no_number(file: Path) -> None:
    """Each array has a checksum; what is outside of them is names and padding of the archive."""
    whole = bytearray(model_bytes(tiny()))
    expected = tiny().opinions(PARCEL)["skill"].margins
    for place in range(0, len(whole), 17):
        whole[place] ^= 0xFF
        file.write_bytes(whole)
        whole[place] ^= 0xFF
        try:
            found = load_model(file)
        except ModelError:
            continue
        assert found.opinions(PARCEL)["skill"].margins == expected


def test_a_pickled_object_is_not_opened(file: Path, tmp_path: Path) -> None:
    trap = tmp_path / "opened"

    class Trap:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            return Path.touch, (trap,)

    pickle.loads(pickle.dumps(Trap()))
    assert trap.exists(), "the trap works"
    trap.unlink()
    with file.open("wb") as stream:
        np.savez(stream, **{**arrays(), "weights": np.array([Trap()], object)})
    with pytest.raises(ModelError):
        load_model(file)
    file.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelError):
        load_model(file)
    assert not trap.exists()


def test_an_archive_that_unpacks_to_far_more_than_it_is(file: Path) -> None:
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("meta.npy", "w") as stream,
    ):
        for _ in range(store.MAX_BYTES // 2**20 + 1):
            stream.write(bytes(2**20))
    assert file.stat().st_size < 2**20
    with pytest.raises(ModelError, match="unpacks to more than"):
        load_model(file)


def test_a_file_that_is_too_large_is_not_read(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(store.MAX_BYTES + 1)
    with pytest.raises(ModelError, match="larger than"):
        load_model(file)


@pytest.mark.parametrize(("key", "value"), [("format", 2), ("format", None), ("features", 99)])
def test_another_version_says_what_to_do(file: Path, key: str, value: object) -> None:
    with pytest.raises(ModelError, match=r"another version.*mailtriage train"):
        load_model(write(file, changed_meta(arrays(), **{key: value})))


BROKEN: dict[str, Callable[[Arrays], Arrays]] = {
    "an array is missing": lambda found: {k: v for k, v in found.items() if k != "idf"},
    "no meta": lambda found: {k: v for k, v in found.items() if k != "meta"},
    "meta is no JSON": lambda found: {**found, "meta": np.frombuffer(b"{x", np.uint8)},
    "meta is no object": lambda found: {**found, "meta": np.frombuffer(b"[]", np.uint8)},
    "weights of another type": lambda found: {**found, "weights": found["weights"] * 1.0},
    "a column too many": lambda found: {**found, "columns": np.arange(5, dtype=np.uint32)},
    "columns out of order": lambda found: {**found, "columns": found["columns"][::-1]},
    "a column beyond the last": lambda found: {
        **found,
        "columns": np.array([1, 2, 3, 2**31], np.uint32),
    },
    "a bias that is no number": lambda found: {**found, "bias": found["bias"] * np.float32("nan")},
    "a label too few": lambda found: {**found, "scale": found["scale"][:1]},
    "temperature 0": lambda found: changed_meta(
        found, heads=[{"facet": "skill", "labels": ["a", "b"], "temperature": 0}]
    ),
    "no temperature": lambda found: changed_meta(
        found, heads=[{"facet": "skill", "labels": ["a", "b"]}]
    ),
    "heads is a number": lambda found: changed_meta(found, heads=7),
}


@pytest.mark.parametrize("what", BROKEN)
def test_content_that_does_not_hold_together(file: Path, what: str) -> None:
    with pytest.raises(ModelError, match="no model of mailtriage"):
        load_model(write(file, BROKEN[what](arrays())))


def test_a_missing_file_is_no_model_error(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_model(file)
