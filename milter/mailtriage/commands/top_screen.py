"""The terminal of `mailtriage top`: a screen of its own, keys, and all as it was afterwards."""

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOST_KEYS: Final = 64


class Screen:
    """The terminal, taken over by `opened` for a while."""

    def __init__(self) -> None:
        self._console: Final = Console()
        self._live: Live | None = None
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self.stopped = False
        """Whether Ctrl-Z was pressed."""
        self.ended = 0
        """The signal that told us to leave."""

    @property
    def ascii_only(self) -> bool:
        """Whether the terminal has no letters but those of ASCII."""
        return self._console.options.ascii_only

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines as they are now, whatever COLUMNS says."""
        try:
            found = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return 80, 24
        return max(1, found.columns), max(1, found.lines)

    def wake(self) -> None:
        """End a `wait`. From any thread."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"x")

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Take the terminal over; give it back whatever happens."""
        with contextlib.ExitStack() as stack:
            # In this order: the signals are the last to be as they were.
            stack.enter_context(self._signals())
            stack.enter_context(_keys_one_by_one())
            self._console.size = self.size
            live = Live(
                console=self._console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live = stack.enter_context(live)
            try:
                yield
            finally:
                self._live = None

    def draw(self, lines: Sequence[Text]) -> None:
        """Show these, and nothing else."""
        if self._live is not None:
            self._console.size = self.size
            self._live.update(Group(*lines), refresh=True)

    def wait(self, seconds: float) -> str:
        """The keys that were pressed; or empty, as soon as something else wants to be drawn, and
        after `seconds` at the latest."""
        watched = [self._wake_read]
        if sys.stdin is not None and sys.stdin.isatty():
            watched.append(sys.stdin.fileno())
        ready, _, _ = select.select(watched, [], [], max(0.0, seconds))
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        if not set(ready) - {self._wake_read}:
            return ""
        try:
            keys = os.read(sys.stdin.fileno(), _MOST_KEYS)
        except OSError:
            keys = b""
        if not keys:
            self.ended = signal.SIGHUP  # the terminal is gone
        return keys.decode("latin-1")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        # None of them raises: what gives the terminal back must not be interrupted.
        def leave(number: int, _frame: FrameType | None) -> None:
            self.ended = number
            self.wake()

        def look_again(_number: int, _frame: FrameType | None) -> None:
            self.wake()

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stopped = True
            self.wake()

        handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
            **dict.fromkeys(_ENDING, leave),
            signal.SIGWINCH: look_again,
            signal.SIGTSTP: stop,
        }
        before: dict[signal.Signals, Any] = {}
        try:
            for number, handler in handlers.items():
                before[number] = signal.signal(number, handler)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _keys_one_by_one() -> Iterator[None]:
    """Keys come without Enter, and are not shown. Ctrl-C remains a signal."""
    if sys.stdin is None or not sys.stdin.isatty():
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def can_open() -> bool:
    """Whether standard output is a terminal that can be drawn upon."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
