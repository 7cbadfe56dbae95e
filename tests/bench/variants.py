"""The programs compared, each started as a child of ours on a unix socket of its own.

Every one of them has two workers, keeps its log in a file and stays alive for the whole run.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import cpu, rspamd

WORKERS: Final = 2
BASELINE: Final = "none"
"""Postfix without a milter: what added latency is counted from."""
NAMES: Final = (BASELINE, "noop", "rspamd", "mailtriage")

_START_SECONDS: Final = 600.0
"""rspamd compiles its patterns for a minute and more."""
_STOP_SECONDS: Final = 20.0


class StartError(Exception):
    """A program is missing, or did not come up."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program that runs."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def seconds(self) -> float:
        """CPU seconds that it and all its children have used."""
        return cpu.tree_seconds(self.process.pid)

    def stop(self) -> None:
        """Asks it to end; what is left of it after 20 seconds is killed."""
        pids = cpu.descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_SECONDS)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def start(name: str, directory: Path, rules: list[rspamd.Rule]) -> tuple[Daemon, Path]:
    """Starts a milter; returns it and its socket. Raises StartError.

    `directory` must be one that the users postfix and _rspamd can reach. `rules` are rspamd's.
    """
    place = directory / name
    place.mkdir()
    path = place / "socket"
    if name == "rspamd":
        return _start_rspamd(place, path, rules), path
    return (_start_noop if name == "noop" else _start_mailtriage)(place, path), path


def spawn(name: str, command: list[str], log: Path, ready: Callable[[int], bool]) -> Daemon:
    """Runs `command` and waits until `ready(its process id)`; its output goes to `log`."""
    with log.open("ab") as output:
        # A session of its own: Ctrl-C reaches us alone, and we stop the rest in order.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    daemon = Daemon(name, process, log)
    deadline = time.monotonic() + _START_SECONDS
    try:
        while not ready(process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"{name} did not start; the end of its log:\n{tail(log)}")
            time.sleep(0.05)
    except BaseException:  # Ctrl-C too: nobody else knows of it yet
        daemon.stop()
        raise
    return daemon


def tail(log: Path) -> str:
    """The last lines of a log."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-15:])


def _start_noop(place: Path, path: Path) -> Daemon:
    command = [sys.executable, "-m", "tests.bench.noop", str(path)]
    return spawn("noop", command, place / "log", lambda _: _listening(path))


def _start_mailtriage(place: Path, path: Path) -> Daemon:
    configuration = place / "mailtriage.toml"
    # All clients of this benchmark come from 127.0.0.1, which is the agents' side by default.
    configuration.write_text(
        f'[milter]\nlisten = "unix:{path}"\nworkers = {WORKERS}\n'
        "[networks]\noutbound = []\n"
        f'[state]\nurl = "sqlite://{place}/state.db"\n'
    )
    command = [sys.executable, "-m", "mailtriage", "--config", str(configuration), "serve"]
    daemon = spawn("mailtriage", command, place / "log", lambda _: _listening(path))
    path.chmod(0o666)
    return daemon


def _start_rspamd(place: Path, path: Path, rules: list[rspamd.Rule]) -> Daemon:
    """rspamd with its patterns compiled by hyperscan, before the first mail and not during it.

    A first start fills hyperscan's cache, the second one loads it: until then the workers run on
    PCRE, several times as slow, and keep the memory that they used for it.
    """
    program = shutil.which("rspamd")
    user = next((name for name in ("_rspamd", "rspamd") if _is_user(name)), None)
    if not program or not user:
        raise StartError("rspamd is not installed (apt-get install rspamd)")
    configuration = rspamd.write_configuration(place, path, WORKERS, rules)
    for folder in (place, place / "cache"):
        shutil.chown(folder, user)
    command = [program, "-f", "-u", user, "-g", user, "-c", str(configuration)]
    log, cache = place / "log", place / "cache"
    spawn("rspamd", command, log, lambda _: _compiled(cache)).stop()
    path.unlink(missing_ok=True)
    return spawn("rspamd", command, log, lambda pid: _listening(path) and _patterns_loaded(pid))


def _is_user(name: str) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


def _listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(str(path))
        return True
    return False


def _compiled(cache: Path) -> bool:
    """Whether hyperscan's databases are there, none half written, none newer than two seconds."""
    written = [path.stat().st_mtime for path in cache.glob("*.hs")]
    return bool(written) and not any(cache.glob("*.new")) and time.time() - max(written) > 2.0


def _patterns_loaded(root: int) -> bool:
    """Whether each rspamd worker has mapped the compiled patterns into its memory."""
    workers = [
        pid
        for pid in cpu.descendants(root)
        if b"proxy" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return len(workers) == WORKERS and all(
        ".hs.unser" in Path(f"/proc/{pid}/maps").read_text() for pid in workers
    )
