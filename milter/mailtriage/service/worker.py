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

from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.milter import Message, MilterDoor
from mailtriage.service.channel import ALIVE, DRAIN, READY, RECYCLE, TICK
from mailtriage.service.log import AddressMask, Level, Log, mail_fields

ACCEPTED_GRACE: Final = 0.3
"""Seconds in which a connection that was accepted just before the drain shows up as a session."""

_PAGE: Final = resource.getpagesize()


def run_worker(analyst: Analyst, listen_fd: int, control: socket.socket, log: Log) -> None:
    """The life of a worker, from the fork to the exit; never returns."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; see DRAIN
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    config = analyst.config
    mask = AddressMask(config.log.addresses, config.log.hash_key_file)
    log.start_thread()

    def report(analysis: Analysis, message: Message) -> None:
        level: Level = "info" if analysis.mail is not None else "warning"
        log.line(
            level, mail_fields(analysis, message.queue_id, message.sender, message.recipients, mask)
        )

    door = MilterDoor(analyst, report)
    try:
        door.open(listen_fd)
    except Exception as fault:  # noqa: BLE001  libmilter gives bare errors; the supervisor tries again
        log.line("error", {"event": "worker-failed", "pid": os.getpid(), "fault": repr(fault)})
        log.flush()
        os._exit(1)
    threading.Thread(target=_serve, args=(door, log), name="libmilter", daemon=True).start()
    control.sendall(READY)
    _wait_for_drain(
        door, control, terminated, config.milter.recycle_messages, config.milter.recycle_memory
    )
    _drain(door, config.milter.drain)
    log.line("info", {"event": "worker-left", "pid": os.getpid(), "mails": door.messages})
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
    recycle_messages: int,
    recycle_memory: int,
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
        worn_out = (
            door.worn_out
            or (recycle_messages and door.messages >= recycle_messages)
            or (recycle_memory and _resident_bytes() >= recycle_memory)
        )
        try:
            control.sendall(ALIVE)
            if worn_out and not asked:
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


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
