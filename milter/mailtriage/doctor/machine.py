"""What the machine itself says: clock and disks."""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mailtriage.doctor.facts import Clock, Disk

_TIMEX_BYTES: Final = 512
"""More than struct timex of adjtimex(2) has anywhere; all zero, it only asks."""
_TIME_ERROR: Final = 5
"""TIME_ERROR: the clock is not synchronised."""


def clock() -> Clock:
    """What the kernel knows of the clock."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return Clock(None)
    return Clock(None if state < 0 else state != _TIME_ERROR)


def disks(directories: Iterable[Path]) -> tuple[Disk, ...]:
    """The file systems of these directories, each once, named by the first of them."""
    found: dict[int, Disk] = {}
    for directory in directories:
        there = nearest(directory)
        try:
            device, room = there.stat().st_dev, os.statvfs(there)
        except OSError:
            continue
        inodes = room.f_favail / room.f_files if room.f_files else 1.0
        found.setdefault(device, Disk(str(directory), room.f_bavail * room.f_frsize, inodes))
    return tuple(found.values())


def file_system(directory: Path, mounts: str) -> str:
    """The type of the file system that a directory is on; `mounts` as in /proc/mounts."""
    place, best, kind = str(nearest(directory).resolve()), "", ""
    for line in mounts.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        point = words[1].replace("\\040", " ")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, words[2]
    return kind


def nearest(directory: Path) -> Path:
    """The directory, or what is above it, that is there and may be looked at."""
    for each in (directory, *directory.parents):
        if os.path.exists(each):  # noqa: PTH110  Path.exists raises where we may not look
            return each
    return Path("/")
