"""`SurgeState` as bytes and back, without losing a bit: every node goes on where another stopped.

A version byte, 20 numbers, then rings and weeks; 2.5 KB, whatever the series has seen. Nothing in
it names a person: of writers there are 256 bits an hour (counts.py).
"""

import math
import struct
from array import array
from typing import Final

from mailtriage.insight.counts import BITS
from mailtriage.insight.profile import HOURS
from mailtriage.insight.surge import SurgeState

VERSION: Final = 1

_WHOLE: Final = (
    "born",
    "hour",
    "done",
    "mails",
    "rising_since",
    "frozen_hours",
    "day",
    "day_slot",
    "day_began",
    "day_mails",
)
_REAL: Final = (
    "score",
    "learnt",
    "level_mails",
    "level_weight",
    "hour_excess",
    "hour_square",
    "day_excess",
    "day_square",
    "frozen_mails",
    "frozen_expected",
)
_ARRAYS: Final = {
    "ring_mails": 24,
    "ring_expected": 24,
    "weekdays": 7,
    "own_mails": HOURS,
    "own_expected": HOURS,
}
_WIDTH: Final = BITS // 8
_HEAD: Final = struct.Struct(f"<B?{len(_WHOLE)}q{len(_REAL)}d")
_TAIL: Final = struct.Struct(f"<{sum(_ARRAYS.values())}f")
SIZE: Final = _HEAD.size + _TAIL.size + 25 * _WIDTH


def to_bytes(state: SurgeState) -> bytes:
    """`SIZE` bytes."""
    head = _HEAD.pack(
        VERSION,
        state.surging,
        *(getattr(state, name) for name in _WHOLE),
        *(getattr(state, name) for name in _REAL),
    )
    tail = _TAIL.pack(*(number for name in _ARRAYS for number in getattr(state, name)))
    maps = [state.senders, *state.ring_senders]
    return head + tail + b"".join(people.to_bytes(_WIDTH, "little") for people in maps)


def from_bytes(data: bytes) -> SurgeState:
    """Raises ValueError when these are not the bytes of a state of this version."""
    if len(data) != SIZE or data[0] != VERSION:
        raise ValueError(f"no surge state of version {VERSION}")
    _, surging, *numbers = _HEAD.unpack_from(data)
    floats = _TAIL.unpack_from(data, _HEAD.size)
    whole, real = numbers[: len(_WHOLE)], numbers[len(_WHOLE) :]
    if not all(math.isfinite(each) and each >= 0 for each in (*whole, *real, *floats)):
        raise ValueError("a surge state with impossible numbers")
    state = SurgeState(born=0, surging=surging)
    for name, number in zip(_WHOLE + _REAL, numbers, strict=True):
        setattr(state, name, number)
    if not (state.day_slot <= 6 and state.hour_square > 0 and state.day_square > 0):
        raise ValueError("a surge state with impossible numbers")
    at = 0
    for name, count in _ARRAYS.items():
        setattr(state, name, array("f", floats[at : at + count]))
        at += count
    begin = _HEAD.size + _TAIL.size
    maps = [int.from_bytes(data[i : i + _WIDTH], "little") for i in range(begin, len(data), _WIDTH)]
    state.senders, state.ring_senders = maps[0], maps[1:]
    return state
