"""`SurgeState` as bytes and back, without losing a bit: every node goes on where another stopped.

A version byte, 20 numbers, then rings and weeks; 2.5 KB, whatever the series has seen. Nothing in
it names a person: of writers there are 256 bits an hour (counts.py).

A whole board is a line of JSON, the profile, and the states, in one piece that is compressed.
"""

import json
import math
import struct
import zlib
from array import array
from typing import Any, Final

from mailtriage.insight import budget as budgets
from mailtriage.insight.count_bytes import KINDS
from mailtriage.insight.counts import BITS, Series
from mailtriage.insight.evaluator import MOST_SERIES, Board
from mailtriage.insight.profile import HOURS, Profile, Week
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

_BOARD: Final = b"B\x01"
"""Of a board: a letter, and its version."""
_LONGEST_BOARD: Final = MOST_SERIES * (SIZE + 200) + 1_000_000
"""Bytes, unpacked."""


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


def board_to_bytes(board: Board) -> bytes:
    """All but the week, which is of the configuration."""
    states = sorted(board.states.items())
    head = {
        "began": board.began,
        "done": board.done,
        "budget": budgets.to_rows(board.budget),
        "series": [(series.kind, series.name) for series, _ in states],
    }
    parts = [json.dumps(head).encode(), b"\n", board.profile.to_bytes()]
    parts += [to_bytes(state) for _, state in states]
    # The lowest level: most of the gain is zeros of young series, and it takes a tenth of the time.
    return _BOARD + zlib.compress(b"".join(parts), 1)


def board_from_bytes(data: bytes, week: Week, a_week: int) -> Board:
    """Raises ValueError when these are not the bytes of a board of this version."""
    if data[: len(_BOARD)] != _BOARD:
        raise ValueError("no board of this version")
    unpacker = zlib.decompressobj()
    try:
        whole = unpacker.decompress(data[len(_BOARD) :], _LONGEST_BOARD)
        line, _, rest = whole.partition(b"\n")
        head: dict[str, Any] = json.loads(line)
        began, done = int(head["began"]), int(head["done"])
        budget = budgets.from_rows(
            [(w, int(t), k, str(n)) for w, t, k, n in head["budget"]], a_week
        )
        named = [Series(KINDS[KINDS.index(kind)], str(name)) for kind, name in head["series"]]
    except (zlib.error, ValueError, KeyError, TypeError, RecursionError) as fault:
        raise ValueError("a board that is damaged") from fault
    size = len(Profile().to_bytes())
    states = [rest[at : at + SIZE] for at in range(size, len(rest), SIZE)]
    if not unpacker.eof or len(states) != len(named) or began < 0 or done < 0:
        raise ValueError("a board that is damaged")
    return Board(
        week=week,
        began=began,
        done=done,
        profile=Profile.from_bytes(rest[:size]),
        states={series: from_bytes(state) for series, state in zip(named, states, strict=True)},
        budget=budget,
    )
