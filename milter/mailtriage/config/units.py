"""Durations and sizes as people write them in a configuration file."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?) ?(?P<unit>[A-Za-z]*)")
_MILLISECONDS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_BYTES: Final = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}
DURATION_FORM: Final = 'write a number and one of ms, s, m, h, d: "500ms", "2s", "5m"'
SIZE_FORM: Final = 'write bytes as a number, or with one of kB, MB, GB, KiB, MiB, GiB: "256KiB"'


def seconds(text: str) -> float:
    """Seconds of a duration such as "500ms", "2s", "1.5m", "1h", "7d"; "0" needs no unit.

    Raises ValueError, whose text says what is wrong.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a duration')
    number, unit = float(match["number"]), match["unit"]
    if not unit:
        if number == 0:
            return 0.0
        raise ValueError(f'"{text}" has no unit')
    factor = _MILLISECONDS.get(unit)
    if factor is None:
        raise ValueError(f'"{unit}" is not a unit of time')
    return number * factor / 1000


def size_in_bytes(text: str) -> int:
    """Bytes of a size such as "256KiB" (1024) or "10MB" (1000), case ignored, or of plain digits.

    Raises ValueError, whose text says what is wrong.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a size')
    number, unit = match["number"], match["unit"]
    factor = _BYTES.get(unit.lower() or "b")
    if factor is None:
        raise ValueError(f'"{unit}" is not a unit of size')
    exact = float(number) * factor if "." in number else int(number) * factor
    if exact != int(exact):
        raise ValueError(f'"{text}" is not a whole number of bytes')
    return int(exact)
