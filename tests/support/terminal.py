"""A real pseudo-terminal, with a program in it that believes to be before a person."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
ALTERNATE, MAIN = b"\x1b[?1049h", b"\x1b[?1049l"
"""Into the screen that full-screen programs draw on, and back (xterm's control sequences)."""
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"
"""The cursor."""
HOME = b"\x1b[H"


class Terminal:
    """One terminal and its program. Use as a context manager."""

    def __init__(self, command: Sequence[str], columns: int, lines: int) -> None:
        self._command = command
        self._ours, self._theirs = os.openpty()
        self.said = b""
        """All that the program wrote."""
        self.errors = ""
        """What it wrote to standard error; once it has ended."""
        self.resize(columns, lines)
        self.before = self.settings()
        """How the terminal was set before the program came."""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command,
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
        )
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=30)
        os.close(self._ours)
        os.close(self._theirs)

    def settings(self) -> list[Any]:
        """As tcgetattr(3) gives them."""
        return termios.tcgetattr(self._theirs)

    def resize(self, columns: int, lines: int) -> None:
        """The window gets another size; its program gets SIGWINCH."""
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        """Keys of the person."""
        os.write(self._ours, keys)

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self.process.send_signal(number)

    def is_stopped(self) -> bool:
        """Whether the program is stopped, as by Ctrl-Z (proc_pid_stat(5))."""
        status = Path(f"/proc/{self.process.pid}/stat").read_text()
        return status.rpartition(")")[2].split()[0] == "T"

    def read(self, seconds: float = 0.05) -> None:
        """Take what the program writes within that time."""
        if select.select([self._ours], [], [], seconds)[0]:
            self.said += os.read(self._ours, 65536)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Until the condition holds, or the program has ended, which is a failure."""
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, f"waited for {what}: {self.said[-3000:]!r}"
            assert self.process.poll() is None or condition(), f"ended before {what}"
            self.read()

    def screen(self) -> list[str]:
        """The lines of the last page that was drawn whole; none when there is none yet."""
        pages = self.said.split(HOME)[1:-1]
        if not pages:
            return []
        return _CONTROL.sub(b"", pages[-1]).decode().replace("\r", "").rstrip("\n").split("\n")

    def end(self) -> int:
        """Wait for the end of the program; its exit status."""
        end = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            self.read()
        while select.select([self._ours], [], [], 0.1)[0]:
            self.read(0)
        self.errors = self.process.communicate(timeout=30)[1]
        return self.process.returncode

    def is_as_before(self) -> bool:
        """Whether the program left the terminal as it found it: settings, screen, cursor."""
        return (
            self.settings() == self.before
            and self.said.rfind(MAIN) > self.said.rfind(ALTERNATE)
            and self.said.rfind(SHOW) > self.said.rfind(HIDE)
        )
