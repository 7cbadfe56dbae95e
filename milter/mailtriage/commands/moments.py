"""Moments as people write them: how long ago, a day, or a day and a time."""

from datetime import UTC, datetime, timedelta
from typing import Final

from mailtriage.config.units import seconds

FORM: Final = 'write how long ago ("2h", "7d"), a day ("2026-11-20") or more ("2026-11-20T14:30")'

_DAY: Final = len("2026-11-20")


def moment(text: str, now: float, *, end: bool = False) -> float:
    """Seconds since the epoch. Without an offset it is local time; `end`: a day is its end.

    Raises ValueError, whose text says how to write it.
    """
    try:
        return now - seconds(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
        if end and len(text) <= _DAY:
            found += timedelta(days=1)
        return found.timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"'{text}' is no time: {FORM}") from None


def shown(at: float) -> str:
    """A moment in local time, with its offset: "2026-11-20 14:30:05+01:00"."""
    try:
        return datetime.fromtimestamp(at).astimezone().isoformat(" ", timespec="seconds")
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC).isoformat(" ", timespec="seconds")
