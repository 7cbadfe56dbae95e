"""The life of a process with an event loop and one job, and its channel to the supervisor."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import NoReturn

from mailtriage.config.sections import MilterConfig
from mailtriage.service.channel import ALIVE, READY, RECYCLE, TICK
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.worker import is_worn_out


def run_process(door: str, job: Callable[[], Coroutine[None, None, None]], log: Log) -> NoReturn:
    """The life of the process, from the fork to the exit; `door` is what the log calls it."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    log.start_thread()
    try:
        asyncio.run(job())
    except Exception as fault:  # noqa: BLE001  whatever it was: we are started again
        log.line("error", {"event": "worker-failed", "door": door, "fault": repr(fault)})
        log.flush()
        os._exit(1)
    log.line("info", {"event": "worker-left", "pid": os.getpid(), "door": door})
    log.flush()
    os._exit(0)


async def until_told_to_leave(
    control: socket.socket,
    config: MilterConfig,
    deltas: Deltas,
    is_well: Callable[[], bool] = lambda: True,
) -> None:
    """Say that the process is ready; return when the supervisor, its end, or SIGTERM says leave.

    Meanwhile a sign of life a second as long as `is_well`: without one the supervisor replaces us.
    What was counted goes with it.
    """
    loop = asyncio.get_running_loop()
    leave = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, leave.set)
    control.setblocking(False)  # noqa: FBT003  the signature of socket
    loop.add_reader(control.fileno(), leave.set)
    try:
        await loop.sock_sendall(control, READY)
        asked = False
        while not leave.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(leave.wait(), TICK)
            deltas.flush(control)
            if is_well():
                await loop.sock_sendall(control, ALIVE)
            # By its memory alone: it keeps nothing that would grow with the mails.
            if not asked and is_worn_out(config, mails=0):
                asked = True
                await loop.sock_sendall(control, RECYCLE)
    except OSError:
        return  # the supervisor is gone
    finally:
        loop.remove_reader(control.fileno())
