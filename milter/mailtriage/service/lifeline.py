"""The channel to the supervisor, for a process with an event loop and one job."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable

from mailtriage.config.sections import MilterConfig
from mailtriage.service.channel import ALIVE, READY, RECYCLE, TICK
from mailtriage.service.worker import is_worn_out


async def until_told_to_leave(
    control: socket.socket, config: MilterConfig, is_well: Callable[[], bool] = lambda: True
) -> None:
    """Say that the process is ready; return when the supervisor, its end, or SIGTERM says leave.

    Meanwhile a sign of life a second as long as `is_well`: without one the supervisor replaces us.
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
