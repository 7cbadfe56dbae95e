"""sd_notify(3) and sd_listen_fds(3), the parts of systemd's interface that a service needs."""

import os
import socket
import time
from typing import Final

FIRST_PASSED_FD: Final = 3


def notify(state: str) -> None:
    """Tell systemd; without systemd (no NOTIFY_SOCKET) nothing happens. Never raises."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            peer.sendto(state.encode(), address)
    except OSError:
        return


def ready() -> None:
    """Start-up, or a reload, is finished."""
    notify("READY=1")


def reloading() -> None:
    """A reload begins (Type=notify-reload wants the time with it)."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping() -> None:
    """The service is about to end."""
    notify("STOPPING=1")


def watchdog() -> None:
    """We live and do our work; without it for WatchdogSec systemd restarts the service."""
    notify("WATCHDOG=1")


def watchdog_interval() -> float:
    """Seconds within which systemd wants to hear `watchdog` (sd_watchdog_enabled(3)); 0: never."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1_000_000 if microseconds.isdecimal() else 0.0


def passed_socket() -> int | None:
    """The listening socket that a systemd .socket unit passed to this process, if one did."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = os.environ.get("LISTEN_FDS", "")
    return FIRST_PASSED_FD if count.isdecimal() and int(count) > 0 else None
