"""The command as a person calls it: a process of its own, with what it prints and how it ends."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailtriage.demo.embedded import sample_files

COMMAND = (sys.executable, "-m", "mailtriage")


@dataclass(frozen=True, slots=True)
class Done:
    """A call that has ended."""

    code: int
    out: str
    err: str

    def lines(self) -> list[str]:
        """Both streams, line by line: what a person sees."""
        return [*self.err.splitlines(), *self.out.splitlines()]


Call = Callable[..., Done]
Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """`call("explain", "-", stdin=b"…")`; whatever is asked of it, it shows nobody a traceback.

    Runs in the test's directory. `env` adds to the environment.
    """

    def run(*arguments: object, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Done:
        done = subprocess.run(
            [*COMMAND, *map(os.fspath, arguments)],  # type: ignore[call-overload] # str or Path
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "120", **(env or {})},
            timeout=60,
            check=False,
        )
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        assert "Traceback" not in err, err
        assert "fault of mailtriage" not in err, err
        return Done(done.returncode, out, err)

    return run


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write("a.toml", text)` makes that file below the test's directory and gives its path."""

    def write_file(name: str, content: str | bytes) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write_file


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every user can enter: pytest's are for their owner alone, and each session
    of pytest sees to it that those of all sessions are."""
    with tempfile.TemporaryDirectory(prefix="mt-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def defaults(write: Write) -> Path:
    """A configuration that changes nothing, in place of whatever this machine has in /etc."""
    return write("defaults.toml", "")


@pytest.fixture
def quick(write: Write) -> Path:
    """A configuration without policies, for tests that do not care how a mail is tagged."""
    return write("quick.toml", "[policies]\nshipped = false\n")


@pytest.fixture
def samples() -> Path:
    """The folder of the sample mails."""
    return sample_files()[0].parent
