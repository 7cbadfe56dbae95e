"""How reports leave: a file that is there whole or not at all, and moments for programs."""

import contextlib
import os
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from mailtriage.commands.terminal import to_terminal
from mailtriage.insight.report_model import Period


def write_page(file: Path, text: str) -> bool:
    """Write it; False when that cannot be done, which is said."""
    try:
        write_file(file, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        to_terminal(f"mailtriage: {file}: cannot be written ({reason})")
        return False
    return True


def write_file(file: Path, text: str) -> None:
    """Whole or not at all, and readable as the user's other files. Raises OSError."""
    if str(file) == "-":
        sys.stdout.write(text)
        return
    handle, name = tempfile.mkstemp(prefix=".report-", dir=file.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
        mask = os.umask(0)
        os.umask(mask)
        beside.chmod(0o666 & ~mask)
        beside.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def moment_of(at: float, zone: ZoneInfo) -> str:
    """With its offset."""
    return datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")


def moments_of(period: Period, before: Period, zone: str) -> dict[str, dict[str, str]]:
    """Both periods."""
    place = ZoneInfo(zone)
    return {
        name: {"start": moment_of(one.start, place), "end": moment_of(one.end, place)}
        for name, one in (("period", period), ("before", before))
    }
