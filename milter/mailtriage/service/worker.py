"""One worker process: a milter door, and a control channel to the supervisor.

libmilter runs in a side thread, since Python's signal handlers never run while the main thread is
inside it. The main thread reads commands, reports that it is alive, and ends the process when its
sessions are through. It never tells libmilter to stop: that would drop sessions.
"""

import os
import resource
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Final

from mailtriage.config.sections import MilterConfig
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import Question
from mailtriage.doors.milter import MilterDoor
from mailtriage.service.channel import ALIVE, DRAIN, READY, RECYCLE, TICK
from mailtriage.service.log import AddressMask, Log, mail_fields
from mailtriage.service.metrics_counting import of_mail
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_names import SESSIONS
from mailtriage.service.metrics_selftest import QUEUE_ID

ACCEPTED_GRACE: Final = 0.3
"""Seconds in which a connection that was accepted just before the drain shows up as a session."""

_PAGE: Final = resource.getpagesize()


def run_worker(
    analysers: Path, analyst: Analyst, listen_fd: int, control: socket.socket, log: Log
) -> None:
    """The life of a worker, from the fork to the exit; never returns.

    `analysers` is the socket at which the analysers wait for mails.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; see DRAIN
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    config = analyst.config
    mask = AddressMask(config.log.addresses, config.log.hash_key_file)
    deltas = Deltas()
    log.start_thread()

    def report(passed: Analysis, question: Question) -> None:
        if question.queue_id == QUEUE_ID:
            return
        deltas.add_all(of_mail(passed, {}))
        envelope = question.envelope
        log.line(
            "warning",
            mail_fields(passed, question.queue_id, envelope.sender, envelope.recipients, mask),
        )

    door = MilterDoor(analyst, analysers, report)
    try:
        door.open(listen_fd)
    except Exception as fault:  # noqa: BLE001  libmilter gives bare errors; we are started again
        log.line("error", {"event": "worker-failed", "pid": os.getpid(), "fault": repr(fault)})
        log.flush()
        os._exit(1)
    threading.Thread(target=_serve, args=(door, log), name="libmilter", daemon=True).start()
    control.sendall(READY)
    _wait_for_drain(door, control, terminated, config.milter, deltas)
    _drain(door, config.milter.drain)
    deltas.flush(control)
    log.line("info", {"event": "worker-left", "pid": os.getpid(), "door": "milter"})
    log.flush()
    os._exit(0)


def _serve(door: MilterDoor, log: Log) -> None:
    try:
        door.run()
    except Exception as fault:  # noqa: BLE001  whatever ends libmilter ends the worker
        log.line("error", {"event": "libmilter-ended", "pid": os.getpid(), "fault": repr(fault)})
    log.flush()
    os._exit(1)


def _wait_for_drain(
    door: MilterDoor,
    control: socket.socket,
    terminated: threading.Event,
    config: MilterConfig,
    deltas: Deltas,
) -> None:
    """Return when the worker shall leave: told so, or the supervisor is gone."""
    control.settimeout(TICK)
    asked = False
    while not terminated.is_set():
        try:
            command = control.recv(1)
        except TimeoutError:
            command = None
        except OSError:
            return
        if command in (b"", DRAIN):
            return
        try:
            control.sendall(ALIVE)
            deltas.set(SESSIONS, value=door.sessions)
            deltas.flush(control)
            if not asked and is_worn_out(config, door.messages):
                asked = True
                control.sendall(RECYCLE)
        except OSError:
            return


def _drain(door: MilterDoor, limit: float) -> None:
    """Finish the open sessions; `limit` seconds at most."""
    door.stop_accepting()
    until = time.monotonic() + limit
    time.sleep(min(ACCEPTED_GRACE, limit))
    while door.sessions > 0 and time.monotonic() < until:
        time.sleep(0.02)


def is_worn_out(config: MilterConfig, mails: int) -> bool:
    """Whether a process that has handled so many mails should be replaced."""
    if config.recycle_messages and mails >= config.recycle_messages:
        return True
    return bool(config.recycle_memory) and _resident_bytes() >= config.recycle_memory


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
