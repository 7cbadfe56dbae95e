"""The supervisor: loads, forks, watches, reloads, and never touches a mail.

It stays single-threaded, since it forks. Configuration and policies are read, checked and compiled
here, before the fork: workers share the memory, and a configuration that does not check out never
reaches one. All workers accept on one listening socket, which outlives each of them.
"""

import contextlib
import ctypes
import gc
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.doors.analysis import Analyst
from mailtriage.service import notify
from mailtriage.service.channel import DRAIN, READY, RECYCLE, TICK
from mailtriage.service.listener import Listener
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import MARK, MAX_MESSAGE
from mailtriage.service.metrics_monitor import Census, Monitor, Post

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0
"""Seconds before a crashed worker is replaced: doubled with each crash in a row."""

HEALTHY_AFTER: Final = 30.0
"""Seconds of life after which a worker's death is no longer one of a row."""

SILENT_TOO_LONG: Final = 20.0
"""Seconds without a sign of life after which a worker is killed and replaced."""

LAST_CALL: Final = 0.2
"""Seconds between taking the socket's path away and telling the workers to leave."""

KILL_GRACE: Final = 5.0
"""Seconds beyond the drain time that a worker has to leave before it is killed."""


Load = Callable[[], Analyst]

Run = Callable[[Analyst, int, socket.socket, Log], None]
"""The life of a worker, given what was compiled, the listening socket, its channel and the log."""


@dataclass(frozen=True, slots=True)
class Role:
    """A door, the socket it listens on, and how many processes serve it."""

    name: str
    listener: Listener
    run: Run
    wanted: Callable[[Analyst], int]
    leaves_last: bool = False
    """Others need it until their last mail is through."""


@dataclass(slots=True)
class _Worker:
    role: Role
    pid: int
    control: socket.socket
    generation: int
    started: float
    heard: float
    ready: bool = False
    leaving_since: float = 0.0
    wants_out: bool = False


class Supervisor:
    """Keeps the wanted number of workers alive for each role."""

    def __init__(
        self, analyst: Analyst, roles: Sequence[Role], load: Load, log: Log, monitor: Monitor
    ) -> None:
        """`load` reads the configuration anew; it raises when that must not be used."""
        self._analyst = analyst
        self._roles: Final = tuple(roles)
        self._load: Final = load
        self._log: Final = log
        self._monitor: Final = monitor
        self._workers: Final[dict[int, _Worker]] = {}
        self._selector: Final = selectors.DefaultSelector()
        self._generation = 1
        # Each role has its own: a door that keeps crashing delays nobody else's successor.
        self._pause: Final = {role.name: FIRST_PAUSE for role in roles}
        self._next_start: Final = {role.name: 0.0 for role in roles}
        self._announced = False
        self._reload_wanted = False
        self._stopping = False

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reloads."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGHUP, self._on_reload)
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(wake_read, selectors.EVENT_READ)
        self._monitor.start(self._selector, self._census)
        while True:
            if self._stopping:
                break
            if self._reload_wanted:
                self._reload_wanted = False
                self._reload()
            self._start_missing()
            self._listen_to_workers(wake_read)
            self._bury()
            self._replace_worn_out()
            self._kill_silent()
        self._stop(wake_read)

    def _current(self, role: Role) -> list[_Worker]:
        return [
            worker
            for worker in self._workers.values()
            if worker.role is role
            and worker.generation == self._generation
            and not worker.leaving_since
        ]

    def _census(self) -> Census:
        now = time.monotonic()
        posts = [
            Post(
                worker.role.name,
                "leaving" if worker.leaving_since else "ready" if worker.ready else "starting",
                now - worker.heard,
            )
            for worker in self._workers.values()
        ]
        return Census({role.name: role.wanted(self._analyst) for role in self._roles}, posts)

    def _on_reload(self, *_: object) -> None:
        self._reload_wanted = True

    def _on_stop(self, *_: object) -> None:
        self._stopping = True

    def _start_missing(self) -> None:
        for role in self._roles:
            if time.monotonic() < self._next_start[role.name]:
                continue
            for _ in range(role.wanted(self._analyst) - len(self._current(role))):
                self._fork(role)

    def _fork(self, role: Role) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listen_fd = os.dup(role.listener.fileno())
        self._log.flush()
        pid = os.fork()
        if pid == 0:
            # The child: nothing of the supervisor's may be used here but what it is given.
            try:
                signal.set_wakeup_fd(-1)
                name_process(role.name)
                ours.close()
                self._selector.close()
                self._monitor.forget()
                for other in self._workers.values():
                    other.control.close()
                for other_role in self._roles:
                    # A worker keeps no socket open but the one it was given, and that one only
                    # until it drains: a next supervisor must see whether somebody listens.
                    other_role.listener.forget()
                role.run(self._analyst, listen_fd, theirs, self._log)
            finally:
                os._exit(1)
        theirs.close()
        os.close(listen_fd)
        os.set_blocking(ours.fileno(), False)
        now = time.monotonic()
        worker = _Worker(role, pid, ours, self._generation, now, now)
        self._workers[pid] = worker
        self._selector.register(ours, selectors.EVENT_READ, worker)
        self._log.line("info", {"event": "worker-started", "door": role.name, "pid": pid})

    def _listen_to_workers(self, wake: int, timeout: float = TICK) -> None:
        now = time.monotonic()
        due = [start - now for start in self._next_start.values() if start > now]
        timeout = min(timeout, *due) if due else timeout
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
            elif isinstance(key.data, _Worker):
                self._listen_to(key.data)
            else:
                key.data()
        self._monitor.run_due(stopping=self._stopping)

    def _listen_to(self, worker: _Worker) -> bool:
        """One message of a worker; whether there was one."""
        try:
            said = worker.control.recv(MAX_MESSAGE)
        except BlockingIOError:
            return False
        except OSError:
            said = b""
        if not said:
            # It is gone, or about to be: SIGCHLD follows.
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(worker.control)
            return False
        worker.heard = time.monotonic()
        if said == READY:
            worker.ready = True
            self._on_ready()
        elif said == RECYCLE:
            worker.wants_out = True
        elif said.startswith(MARK):
            self._monitor.take(worker.pid, said)
        # ALIVE carries nothing but the time at which it came.
        return True

    def _on_ready(self) -> None:
        """When the current generation is complete, the older ones may leave."""
        for role in self._roles:
            if sum(worker.ready for worker in self._current(role)) < role.wanted(self._analyst):
                return
        for worker in list(self._workers.values()):
            if not worker.leaving_since and worker.generation < self._generation:
                self._dismiss(worker)
        if not self._announced:
            self._announced = True
            for role in self._roles:
                self._log.line(
                    "info",
                    {
                        "event": "ready",
                        "door": role.name,
                        "listen": role.listener.name(),
                        "workers": role.wanted(self._analyst),
                        "generation": self._generation,
                    },
                )
            notify.ready()

    def _dismiss(self, worker: _Worker) -> None:
        worker.leaving_since = time.monotonic()
        with contextlib.suppress(OSError):
            worker.control.send(DRAIN)

    def _bury(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = self._workers.pop(pid, None)
            if worker is None:
                continue
            while self._listen_to(worker):
                pass  # what it counted last
            self._monitor.gone(pid)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(worker.control)
            worker.control.close()
            if not worker.leaving_since and not self._stopping:
                self._after_crash(worker, status)

    def _after_crash(self, worker: _Worker, status: int) -> None:
        name = worker.role.name
        self._monitor.replaced(name, "died")
        if time.monotonic() - worker.started > HEALTHY_AFTER:
            self._pause[name] = FIRST_PAUSE
        code = os.waitstatus_to_exitcode(status)
        self._log.line(
            "error",
            {
                "event": "worker-died",
                "door": name,
                "pid": worker.pid,
                "by": f"signal {-code}" if code < 0 else f"exit {code}",
                "restart_in": f"{self._pause[name]:.1f}s",
            },
        )
        self._next_start[name] = time.monotonic() + self._pause[name]
        self._pause[name] = min(self._pause[name] * 2, LONGEST_PAUSE)

    def _replace_worn_out(self) -> None:
        """A worn-out worker leaves as soon as its successor listens; one at a time."""
        for worker in self._workers.values():
            if worker.wants_out and not worker.leaving_since:
                current = self._current(worker.role)
                if len(current) <= worker.role.wanted(self._analyst):
                    self._fork(worker.role)
                elif all(other.ready for other in current):
                    self._log.line("info", {"event": "worker-recycled", "pid": worker.pid})
                    self._monitor.replaced(worker.role.name, "worn-out")
                    self._dismiss(worker)
                return

    def _kill_silent(self) -> None:
        now = time.monotonic()
        limit = self._analyst.config.milter.drain + KILL_GRACE
        for worker in self._workers.values():
            overdue = worker.leaving_since and now - worker.leaving_since > limit
            silent = not worker.leaving_since and now - worker.heard > SILENT_TOO_LONG
            if overdue or silent:
                reason = "did-not-leave" if overdue else "silent"
                self._monitor.replaced(worker.role.name, reason)
                self._log.line(
                    "error", {"event": "worker-killed", "pid": worker.pid, "reason": reason}
                )
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)
                worker.heard = now

    def _reload(self) -> None:
        """Read everything anew; only what checks out replaces what runs."""
        notify.reloading()
        try:
            analyst = self._load()
        except Exception as fault:  # noqa: BLE001  whatever is wrong, the old configuration stays
            for line in str(fault).splitlines() or [repr(fault)]:
                self._log.line("error", {"event": "reload-refused", "problem": line})
            self._monitor.reloaded(None)
            notify.ready()
            return
        self._analyst = analyst
        self._monitor.reloaded(analyst)
        self._generation += 1
        self._announced = False
        for role in self._roles:
            self._next_start[role.name] = 0.0
        self._log.line("info", {"event": "reload", "generation": self._generation})
        share_memory()

    def _stop(self, wake: int) -> None:
        """Let every worker finish its sessions; then the socket goes."""
        notify.stopping()
        self._log.line("info", {"event": "stopping"})
        for role in self._roles:
            if not role.leaves_last:
                role.listener.withdraw()
        # What Postfix had already connected is still taken; then nobody accepts any more.
        time.sleep(LAST_CALL)
        until = time.monotonic() + self._analyst.config.milter.drain + KILL_GRACE
        for last in (False, True):
            for worker in self._workers.values():
                if worker.role.leaves_last is last and not worker.leaving_since:
                    self._dismiss(worker)
            while time.monotonic() < until and any(
                worker.role.leaves_last is last for worker in self._workers.values()
            ):
                self._listen_to_workers(wake, 0.2)
                self._bury()
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
        for role in self._roles:
            role.listener.close()
        self._monitor.close()
        self._log.line("info", {"event": "stopped"})


def name_process(role: str) -> None:
    """Let ps(1) and top(1) tell the processes apart; the kernel takes 15 characters."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(f"mt-{role}", encoding="ascii")


def share_memory() -> None:
    """Make what was loaded memory that the workers go on sharing.

    Out of the garbage collector's reach: a collection in a worker would touch, and so copy, the
    pages that all of them share. And what reading the policies left behind goes back to the system.
    """
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
