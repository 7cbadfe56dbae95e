"""The lines of a text file, plain or gzip, however hostile: bounded, and in UTF-8 or refused."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from mailtriage.labelled.collect import Collector, why_unreadable

MAX_LINE: Final = 1024 * 1024
"""Bytes. A text of 32 KiB characters, each written as a JSON escape, has 200 KB."""
MAX_FILE: Final = 2 * 1024**3
"""Bytes after unpacking: a small .gz can become any number of them."""

_GZIP: Final = b"\x1f\x8b"
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


def text_lines(file: Path, collector: Collector) -> Iterator[str]:
    """Each line with its end. What is wrong is reported with its line, and ends the reading."""
    reason = why_unreadable(file)
    if reason:
        collector.problem(file, 1, f"cannot be read: {reason}")
        return
    number = 0
    try:
        with file.open("rb") as stream:
            packed = stream.read(2) == _GZIP
            stream.seek(0)
            source: BinaryIO = gzip.GzipFile(fileobj=stream) if packed else stream  # type: ignore[assignment]  # reads as one
            size = 0
            while line := source.readline(MAX_LINE + 1):
                number += 1
                size += len(line)
                text = _decoded(file, number, line, size, collector)
                if text is None:
                    return
                yield text
    except (EOFError, zlib.error, gzip.BadGzipFile):
        collector.problem(file, number + 1, "the gzip file is broken or cut off here")
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        collector.problem(file, number + 1, f"cannot be read: {reason}")


def _decoded(file: Path, number: int, line: bytes, size: int, collector: Collector) -> str | None:
    """One line in Unicode; None, and a problem, when it is none."""
    if number == 1:
        if line.startswith(_UTF16_MARKS):
            collector.problem(file, 1, "the file is in UTF-16", "save it as UTF-8")
            return None
        line = line.removeprefix(_UTF8_MARK)
    if len(line) > MAX_LINE:
        what = f"the line is longer than {MAX_LINE // 1024} KiB"
        collector.problem(file, number, what, "one example a line")
        return None
    if size > MAX_FILE:
        collector.problem(file, number, f"the file is larger than {MAX_FILE // 1024**3} GiB")
        return None
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"not UTF-8: byte 0x{line[error.start]:02x}"
        collector.problem(file, number, what, "save the file as UTF-8")
        return None


def head(file: Path) -> bytes:
    """The first bytes of a file, unpacked, without a byte order mark; empty when there are none."""
    if why_unreadable(file):
        return b""
    try:
        with file.open("rb") as stream:
            packed = stream.read(2) == _GZIP
            stream.seek(0)
            first = gzip.GzipFile(fileobj=stream).read(256) if packed else stream.read(256)
    except (OSError, EOFError, zlib.error):
        return b""
    return first.removeprefix(_UTF8_MARK)


def plain_name(file: Path) -> Path:
    """The path without ".gz"."""
    return file.with_suffix("") if file.suffix.lower() == ".gz" else file
