"""The file of a model: a NumPy archive, read without executing anything that stands in it."""

import io
import json
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np

from mailtriage.classifier.features import BUCKETS, VERSION
from mailtriage.classifier.model import Classifier, Head, row_table

FORMAT: Final = 1
MAX_BYTES: Final = 200 * 1024 * 1024
"""Of a file and of what it unpacks to; the shipped one has a twentieth of it."""

_ARRAYS: Final = {
    "columns": np.uint32, "idf": np.float16, "weights": np.int8,
    "scale": np.float32, "bias": np.float32,
}  # fmt: skip


# What zipfile, NumPy and json raise when a byte of an archive is not what it was.
_BROKEN: Final = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, RuntimeError, TypeError,
    ValueError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class ModelError(Exception):
    """A file that is no model, or one that this version cannot use; the message says which."""


def save_model(model: Classifier, path: Path, *, about: dict[str, Any] | None = None) -> None:
    """Write the model. The file is there whole or not at all."""
    content = model_bytes(model, about=about)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def model_bytes(model: Classifier, *, about: dict[str, Any] | None = None) -> bytes:
    """The content of its file: the same for the same model.

    `about` is kept with it and has no meaning here: where it comes from, how it was measured.
    """
    meta = {
        "format": FORMAT,
        "features": VERSION,
        "heads": [
            {"facet": head.facet, "labels": head.labels, "temperature": head.temperature}
            for head in model.heads
        ],
        "about": about or {},
    }
    arrays = {name: np.asarray(getattr(model, name), kind) for name, kind in _ARRAYS.items()}
    text = json.dumps(meta, ensure_ascii=False, sort_keys=True).encode()
    buffer = io.BytesIO()
    named: dict[str, Any] = {"meta": np.frombuffer(text, np.uint8), **arrays}
    np.savez(buffer, **named)
    return buffer.getvalue()


def load_model(path: Path) -> Classifier:
    """Read a model. Raises ModelError, and OSError when the file cannot be read."""
    return _read(path)[0]


def read_about(path: Path) -> dict[str, Any]:
    """What was kept with the model. Raises as `load_model` does."""
    return _read(path)[1]


def _read(path: Path) -> tuple[Classifier, dict[str, Any]]:
    if path.stat().st_size > MAX_BYTES:
        raise ModelError(f"{path}: larger than {MAX_BYTES} bytes, so it is no model")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                raise ModelError(f"{path}: unpacks to more than {MAX_BYTES} bytes")
        with np.load(path, allow_pickle=False) as archive:
            meta = json.loads(archive["meta"].tobytes())
            _check_versions(path, meta)
            return _classifier(archive, meta), dict(meta.get("about") or {})
    except ModelError:
        raise
    except _BROKEN as error:
        raise ModelError(f"{path}: no model of mailtriage, or cut short ({error})") from None


def _check_versions(path: Path, meta: dict[str, Any]) -> None:
    if meta.get("format") != FORMAT or meta.get("features") != VERSION:
        raise ModelError(
            f"{path}: made by another version of mailtriage (format {meta.get('format')}, "
            f"features {meta.get('features')}; this one reads {FORMAT} and {VERSION})"
            " — train it again with `mailtriage train`"
        )


def _classifier(archive: Any, meta: dict[str, Any]) -> Classifier:
    arrays = {name: archive[name] for name in _ARRAYS}
    for name, kind in _ARRAYS.items():
        if arrays[name].dtype != kind:
            raise ValueError(f"{name} has type {arrays[name].dtype}")
    heads = tuple(
        Head(
            str(head["facet"]),
            tuple(str(label) for label in head["labels"]),
            float(head["temperature"]),
        )
        for head in meta["heads"]
    )
    labels = sum(len(head.labels) for head in heads)
    columns = arrays["columns"]
    if (
        arrays["weights"].shape != (columns.size, labels)
        or arrays["idf"].shape != columns.shape
        or arrays["scale"].shape != (labels,)
        or arrays["bias"].shape != (labels,)
    ):
        raise ValueError("sizes do not agree")
    if columns.size and (
        int(columns.max()) >= BUCKETS or np.any(np.diff(columns.astype(np.int64)) <= 0)
    ):
        raise ValueError("columns are not ascending")
    if not all(np.isfinite(arrays[name]).all() for name in ("idf", "scale", "bias")):
        raise ValueError("a number is not finite")
    if not all(np.isfinite(head.temperature) and head.temperature > 0 for head in heads):
        raise ValueError("a temperature is not above 0")
    return Classifier(
        heads=heads,
        columns=columns,
        idf=arrays["idf"].astype(np.float32),
        weights=np.ascontiguousarray(arrays["weights"]),
        scale=arrays["scale"],
        bias=arrays["bias"],
        rows=row_table(columns),
    )
