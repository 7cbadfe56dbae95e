"""Small TOML files and the problems that loading them gives."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from mailtriage.config import ConfigError, Loaded, load

WriteToml = Callable[..., Path]
Problems = Callable[[str], list[str]]


@pytest.fixture
def write(tmp_path: Path) -> WriteToml:
    """`write(text, "a.toml")` makes that file below the test's directory, and gives its path."""

    def write_file(text: str, name: str = "mailtriage.toml") -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


@pytest.fixture
def loaded(write: WriteToml) -> Callable[[str], Loaded]:
    """Load a configuration of one file."""
    return lambda text: load([write(text)])


@pytest.fixture
def problems(write: WriteToml) -> Problems:
    """The problems of a configuration of one file, as `line: path: what — hint`.

    The warning about missing authserv-ids, which has a test of its own, is left out.
    """

    def problems_of(text: str) -> list[str]:
        file = write(text)
        try:
            found = load([file]).problems
        except ConfigError as error:
            found = error.problems
        lines = [str(problem).removeprefix(f"{file}:") for problem in found]
        return [line for line in lines if "trusted_authserv_ids: warning" not in line]

    return problems_of


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that every user can enter: pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def as_nobody() -> Callable[[], AbstractContextManager[None]]:
    """`with as_nobody():` gives up root, who may read every file."""

    @contextmanager
    def give_up_root() -> Iterator[None]:
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(user)

    return give_up_root
