"""Where the sample mails are: those of this repository, and the shared ones that may be missing."""

import gzip
import json
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SHARED = HERE.parents[1].parent / "shared" / "data"


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """Bytes of tests/mail/data/NAME.eml."""
    return lambda name: (HERE / "data" / f"{name}.eml").read_bytes()


@pytest.fixture(scope="session")
def samples() -> dict[str, bytes]:
    """Every mail of tests/mail/data, by name."""
    return {path.stem: path.read_bytes() for path in sorted((HERE / "data").glob("*.eml"))}


@pytest.fixture(scope="session")
def shared_file() -> Callable[[str], pathlib.Path]:
    """A file or folder of the shared data; the test is skipped where it is missing."""

    def find(name: str) -> pathlib.Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"shared data not here: {name}")
        return path

    return find


@pytest.fixture(scope="session")
def json_lines() -> Callable[[pathlib.Path], Iterator[dict[str, Any]]]:
    """The objects of a .jsonl or .jsonl.gz file."""

    def read(path: pathlib.Path) -> Iterator[dict[str, Any]]:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    return read


@pytest.fixture(scope="session")
def growth() -> Callable[[Callable[[int], Callable[[], object]]], float]:
    """How much longer twice as much takes: time(2N) / time(N), with N as a caller made it.

    Best of several runs on both sides, CPU time of this thread: neighbours on the machine do not count.
    """

    def best(work: Callable[[], object]) -> float:
        times = []
        for _ in range(7):
            start = time.thread_time()
            work()
            times.append(time.thread_time() - start)
        return max(min(times), 1e-6)

    def measure(make: Callable[[int], Callable[[], object]]) -> float:
        # One lucky pair is proof enough: something quadratic is never lucky.
        return min(best(make(2)) / best(make(1)) for _ in range(3))

    return measure
