"""A directory for sockets, and log streams that are read, or not."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a path short enough for a unix socket (107 bytes)."""
    path = Path(tempfile.mkdtemp(prefix="mt-"))
    yield path
    shutil.rmtree(path)


@dataclass(frozen=True, slots=True)
class Stream:
    """Standard error as a log sees it, and what came out of it."""

    reader: int
    writer: int

    def fill(self) -> int:
        """Write until nothing more goes in: nobody reads. Returns the number of bytes."""
        os.set_blocking(self.writer, False)
        written = 0
        try:
            while True:
                written += os.write(self.writer, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(self.writer, True)
            return written

    def read(self) -> str:
        """All that waits."""
        os.set_blocking(self.reader, False)
        data = b""
        try:
            while more := os.read(self.reader, 65536):
                data += more
        except BlockingIOError:
            pass
        return data.decode()

    def name(self) -> str:
        """As JOURNAL_STREAM names it."""
        status = os.fstat(self.writer)
        return f"{status.st_dev}:{status.st_ino}"


@pytest.fixture
def stream() -> Iterator[Stream]:
    """A pipe; its reader is up to the test."""
    reader, writer = os.pipe()
    yield Stream(reader, writer)
    os.close(reader)
    os.close(writer)
