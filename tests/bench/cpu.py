"""CPU time and memory of a process with all its descendants, from /proc alone.

Control groups would be exact too, but they are absent or read-only in many containers. Instead the
CPU clock of each living process (clock_getcpuclockid(3): nanoseconds, finished threads included) is
added to what each has inherited from children that ended (cutime + cstime, in ticks of 10 ms).
What an orphan used is lost; none of the programs measured here leaves orphans.
"""

import ctypes
import os
import resource
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def descendants(root: int) -> list[int]:
    """`root` and all processes below it that are alive now."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children[int(stat[1])].append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children[pid])
    return found


def tree_seconds(root: int) -> float:
    """CPU seconds, user and system, that `root` and its descendants have used so far."""
    return sum(_process_seconds(pid) for pid in descendants(root))


def tree_pss(root: int) -> float:
    """`pss` of `root` and its descendants together."""
    return sum(map(pss, descendants(root)))


def pss(pid: int) -> float:
    """Proportional set size of a process in MB (10^6 bytes); 0 when it has gone.

    A page that several processes share counts in equal parts for each.
    """
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    kib = next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
    return kib * 1024 / 1e6


def own_seconds() -> float:
    """CPU seconds of this process and of its children that have ended and were waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def machine_seconds() -> float:
    """CPU seconds that all processors together were busy since boot."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_SECOND


def _process_seconds(pid: int) -> float:
    stat = _stat(pid)
    clock = ctypes.c_int()
    if not stat or _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)):
        return 0.0
    try:
        living = time.clock_gettime(clock.value)
    except OSError:
        return 0.0
    return living + (int(stat[13]) + int(stat[14])) / _TICKS_PER_SECOND


def _stat(pid: int) -> list[str] | None:
    """Fields 3 and on of /proc/PID/stat (proc_pid_stat(5)): what follows the name in brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
