"""The real service, one for all tests that leave it as it is, and a way to start others."""

import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.milter_wire import Sample
from tests.support.serve import Service

Start = Callable[..., Service]


@pytest.fixture(scope="session")
def shared_directory() -> Iterator[Path]:
    """A directory with a path short enough for a unix socket (107 bytes)."""
    path = Path(tempfile.mkdtemp(prefix="mt-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def directory() -> Iterator[Path]:
    """The same, for one test."""
    path = Path(tempfile.mkdtemp(prefix="mt-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def milter(shared_directory: Path) -> Iterator[Path]:
    """The socket of a service with the shipped defaults and two workers. Leave it healthy."""
    socket = shared_directory / "milter.sock"
    with Service(shared_directory, f'[milter]\nlisten = "unix:{socket}"\nworkers = 2\n'):
        yield socket


@pytest.fixture
def start(directory: Path) -> Iterator[Start]:
    """Start a service of one's own: `start('workers = 1', …)` adds those lines to [milter].

    It listens on `directory/milter.sock` unless told otherwise, and is stopped after the test. It
    has no policies unless `policies` says so: that makes for a quick start, and mail is tagged all
    the same.
    """
    with ExitStack() as running:

        def start_one(
            *lines: str,
            listen: str = "",
            policies: str = "shipped = false",
            listen_on: socket.socket | None = None,
        ) -> Service:
            listen = listen or f"unix:{directory}/milter.sock"
            toml = "\n".join(
                ["[milter]", f'listen = "{listen}"', *lines, "[policies]", policies, ""]
            )
            service = Service(directory, toml, listen=listen_on)
            return running.enter_context(service)

        yield start_one


@pytest.fixture
def plain() -> Sample:
    """An ordinary mail."""
    return Sample(
        headers=(
            (b"From", b"Kim <kim@customer.example>"),
            (b"To", b"help@desk.example"),
            (b"Subject", b"Question about my invoice"),
            (b"Content-Type", b"text/plain; charset=utf-8"),
        ),
        body=b"Hello,\r\nI have a question about my invoice. Which amount is right?\r\nKim\r\n",
    )
