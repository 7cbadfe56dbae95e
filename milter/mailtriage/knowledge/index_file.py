"""The file of an index: a header, a directory in JSON, arrays, and the sections as JSON.

It is there whole or not at all, and what is read of it is checked: a length, a SHA-256 over all of
it, then every array against its bounds. It is copied into anonymous shared memory rather than
mapped: a file that somebody cuts short in place would end every process that had it mapped
(SIGBUS), and forked workers share the copy all the same.
"""

import hashlib
import json
import mmap
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mailtriage.knowledge.model import KnowledgeError
from mailtriage.knowledge.text import version

FORMAT: Final = 1
MAX_BYTES: Final = 2 * 1024**3
_MAGIC: Final = b"mtriagkb"
_HEADER: Final = struct.Struct("<8sIIQ32s8x")
"""Magic, format, length of the directory, length of the file, SHA-256 of all behind the header."""
_ALIGNED: Final = 64
_KINDS: Final = {"u8": np.uint64, "f4": np.float32, "i4": np.int32, "i8": np.int64, "u1": np.uint8}
_BUILD_AGAIN: Final = "build it again with `mailtriage kb build`"

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds."""

    about: dict[str, Any]
    arrays: Mapping[str, Array]
    """Read-only."""
    size: int
    """Bytes of the file."""


def write_index(path: Path, about: Mapping[str, Any], arrays: Mapping[str, Array]) -> int:
    """Write the file beside `path`, make sure that it is on the disk, and put it in place.

    Gives its length in bytes. Raises OSError.
    """
    content = _content(about, arrays)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            # Whoever builds it, root under a strict umask for one: the service must read it.
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
        beside.replace(path)
        _sync_directory(path.parent)
    finally:
        beside.unlink(missing_ok=True)
    return len(content)


def read_index(path: Path) -> Contents:
    """Read and check the file. Raises KnowledgeError, which says what to do."""
    try:
        with path.open("rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            if not _HEADER.size < size <= MAX_BYTES:
                raise KnowledgeError(f"{path}: {size} bytes: no index; {_BUILD_AGAIN}")
            memory = mmap.mmap(-1, size)
            read = 0
            with memoryview(memory) as view:
                while read < size:
                    more = stream.readinto(view[read:])
                    if not more:
                        break
                    read += more
    except FileNotFoundError:
        hint = "`mailtriage kb build` makes it"
        raise KnowledgeError(f"{path}: there is no knowledge base yet; {hint}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise KnowledgeError(f"{path}: cannot be read: {reason.lower()}") from None
    if read < size:
        raise KnowledgeError(f"{path}: cut short while it was read; {_BUILD_AGAIN}")
    try:
        return _checked(memory, size, path)
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise KnowledgeError(f"{path}: damaged ({error}); {_BUILD_AGAIN}") from None


def _content(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    named: dict[str, tuple[str, int, int]] = {}
    place = 0
    for name, array in arrays.items():
        kind = next(kind for kind, known in _KINDS.items() if array.dtype == known)
        named[name] = (kind, place, array.size)
        place += _padded(array.nbytes)
    directory = json.dumps(
        {"text": version(), "about": dict(about), "arrays": named}, ensure_ascii=False
    ).encode()
    directory += b" " * (_padded(_HEADER.size + len(directory)) - _HEADER.size - len(directory))
    pieces = [directory]
    for array in arrays.values():
        raw = np.ascontiguousarray(array).tobytes()
        pieces.append(raw + b"\0" * (_padded(len(raw)) - len(raw)))
    body = b"".join(pieces)
    digest = hashlib.sha256(body).digest()
    return _HEADER.pack(_MAGIC, FORMAT, len(directory), _HEADER.size + len(body), digest) + body


def _padded(length: int) -> int:
    return -(-length // _ALIGNED) * _ALIGNED


def _checked(memory: mmap.mmap, size: int, path: Path) -> Contents:
    magic, form, length, written, digest = _HEADER.unpack_from(memory)
    if magic != _MAGIC:
        raise KnowledgeError(f"{path}: no index of mailtriage; {_BUILD_AGAIN}")
    if form != FORMAT:
        raise KnowledgeError(
            f"{path}: format {form}, and this version reads {FORMAT}; {_BUILD_AGAIN}"
        )
    with memoryview(memory) as view, view[_HEADER.size :] as body:
        if written != size or hashlib.sha256(body).digest() != digest:
            raise ValueError("the checksum is wrong")
    directory = json.loads(memory[_HEADER.size : _HEADER.size + length])
    if directory["text"] != version():
        raise KnowledgeError(
            f"{path}: built with other stemmers ({directory['text']}, here {version()});"
            f" {_BUILD_AGAIN}"
        )
    arrays: dict[str, Array] = {}
    first = _HEADER.size + length
    for name, (kind, place, count) in directory["arrays"].items():
        begin, bytes_each = first + place, np.dtype(_KINDS[kind]).itemsize
        if min(place, count) < 0 or begin + count * bytes_each > size:
            raise ValueError(f"{name} reaches beyond the end")
        array = np.frombuffer(memory, _KINDS[kind], count, begin)
        array.flags.writeable = False
        arrays[name] = array
    return Contents(directory["about"], arrays, size)


def _sync_directory(directory: Path) -> None:
    """Without it a power cut may bring the old file back, which is no harm; so no fault either."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
