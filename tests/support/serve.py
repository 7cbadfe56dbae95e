"""The real program, `mailtriage serve`, started and stopped the way an administrator would."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

PROGRAM = Path(sys.executable).with_name("mailtriage")
"""What pip installs beside the interpreter."""

# What systemd does for a .socket unit (sd_listen_fds(3)): the socket becomes descriptor 3 and
# LISTEN_PID the process that execve() makes of this one.
AS_SYSTEMD = (
    "import os, sys; fd = int(sys.argv[1]); os.dup2(fd, 3); "
    "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


def wait_for(condition: Callable[[], bool], what: str, timeout: float = 60) -> None:
    """Until the condition holds; TimeoutError naming `what` when it does not."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout:.0f} s for {what}")
        time.sleep(0.02)


class Service:
    """`mailtriage serve` with a configuration of its own. Use as a context manager.

    `listen` is a listening socket to hand over as systemd would; it stays open here, so that a
    restart finds it again. `directory` receives mailtriage.toml and the log, stderr.log.
    """

    def __init__(self, directory: Path, toml: str, *, listen: socket.socket | None = None) -> None:
        self.config = directory / "mailtriage.toml"
        self.config.write_text(toml)
        self.log_file = directory / "stderr.log"
        self.listen = listen
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self.process is not None:
            self.stop(timeout=10, check=kind is None)

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        assert self.process is not None
        return self.process.pid

    def spawn(self) -> None:
        """Start the process without waiting for it."""
        command = [str(PROGRAM), "--config", str(self.config), "serve"]
        passed: tuple[int, ...] = ()
        if self.listen is not None:
            passed = (self.listen.fileno(),)
            command = [sys.executable, "-c", AS_SYSTEMD, str(self.listen.fileno()), *command]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=passed
            )

    def start(self) -> None:
        """Start, and wait until it says that it is ready."""
        already = self.ready_lines()
        self.spawn()
        wait_for(lambda: self.ready_lines() > already or self.gone(), "ready")
        if self.gone():
            raise RuntimeError(f"serve did not start:\n{self.log()}")

    def stop(self, timeout: float = 60, *, check: bool = True) -> int:
        """SIGTERM; waits and returns the exit status. A process that stays is killed: an error."""
        assert self.process is not None
        self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            for pid in (*children(self.pid), self.pid):
                os.kill(pid, signal.SIGKILL)
            self.process.wait()
            raise
        finally:
            self.process = None
        if check and status:
            raise RuntimeError(f"serve ended with {status}:\n{self.log()}")
        return status

    def reload(self) -> None:
        """SIGHUP; waits until the new workers are ready."""
        already = self.ready_lines()
        self.signal(signal.SIGHUP)
        wait_for(lambda: self.ready_lines() > already, "ready after SIGHUP")

    def signal(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        if not self.gone():
            os.kill(self.pid, number)

    def gone(self) -> bool:
        """True when the supervisor has ended."""
        return self.process is None or self.process.poll() is not None

    def workers(self, door: str = "milter") -> list[int]:
        """Process ids of the milter workers (or "analyser", "smtp") that live now."""
        started = re.findall(rf"event=worker-started door={door} pid=(\d+)", self.log())
        return [pid for pid in children(self.pid) if alive(pid) and str(pid) in started]

    def log(self) -> str:
        """All that it logged so far."""
        return self.log_file.read_text(errors="replace")

    def ready_lines(self) -> int:
        """How many times it said that it is ready."""
        return self.log().count("event=ready door=milter") if self.log_file.exists() else 0


def children(pid: int) -> list[int]:
    """Process ids of the children of a process; none when it has gone."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []


def alive(pid: int) -> bool:
    """True for a process that runs; False for one that has gone or is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(") ")[2][0] not in "ZX"


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int) -> int:
    """Resident memory (VmRSS) in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
