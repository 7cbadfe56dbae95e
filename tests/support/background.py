"""What servers of their own need in tests: a directory, a process that surely ends, and their logs."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

import pytest

from tests.support.serve import wait_for


@contextmanager
def open_directory() -> Iterator[Path]:
    """A new directory that every user can look into, with a short name, as those of sockets have to
    be. It is removed afterwards, with all that is in it."""
    # Of what a server still writes while it ends, nothing is to fail a test.
    with TemporaryDirectory(prefix="mt-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Background:
    """A server with all of its processes, in a session of their own."""

    def __init__(self, name: str, output: Path) -> None:
        """`output`: the file that gets what it prints."""
        self.output: Final = output
        self._name: Final = name
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: Sequence[str],
        ready: Callable[[], bool],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        """Start it; returns when it is ready. `user`: whose group has the same name; None: root.

        Raises RuntimeError when it ends instead, TimeoutError when it is not ready in two minutes;
        then nothing of it is left.
        """
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd,
                env=environment, start_new_session=True, user=user, group=user,
                extra_groups=() if user else None,
            )  # fmt: skip
        try:
            wait_for(lambda: self._lives() and ready(), self._name, 120)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send its first process a signal, and wait; what is left of its processes is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _lives(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            printed = self.output.read_text(errors="replace")
            raise RuntimeError(f"{self._name} ended: {printed}")
        return True


class _Logging(Protocol):
    def log(self) -> str:
        """All that was logged so far."""


@contextmanager
def logs_of_a_failure(request: pytest.FixtureRequest, *servers: _Logging) -> Iterator[None]:
    """For a fixture around a test: what these servers logged meanwhile is shown if it fails."""
    before, failed = [len(one.log()) for one in servers], request.session.testsfailed
    yield
    # A failure is counted before the fixtures are torn down.
    if request.session.testsfailed > failed:
        for one, at in zip(servers, before, strict=True):
            print(f"--- {type(one).__name__}", one.log()[at:][-8000:], sep="\n")
