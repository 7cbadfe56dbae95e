"""What several nodes have in Redis so that one of them can watch the mail of all.

A node's counts of a quarter are overwritten, never added to: to tell them again changes nothing.
What follows from them is written together, by the holder of the lease, in its term, over the board
that it has read; else not at all. Every key has a time to live. Of senders there are bit maps; in
clear stand names of skills, languages and topics, queue ids, and the text of alerts.

Times come from the caller: of one clock, that of Redis, which `look` brings.
"""

import secrets
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from mailtriage.insight.count_bytes import from_bytes
from mailtriage.insight.counts import Counts, Series, merge_all
from mailtriage.insight.evaluator import QUARTER, Lease, Teller
from mailtriage.state.redis_link import RedisLink, Value
from mailtriage.state.redis_scripts import Script
from mailtriage.state.redis_warning_scripts import (
    ALONE,
    ATTEMPTED,
    BEGIN_ANEW,
    BOARD,
    CLAIM,
    COMMIT,
    COUNTS,
    LEAVE,
    LOOK,
    OWED,
    TELL,
)
from mailtriage.state.shared_records import SharedDataError
from mailtriage.state.warnings import Owed

KEEP: Final = 30 * 86_400
"""Seconds that board, lease and alerts outlive the last node."""
KEEP_COUNTS: Final = 4 * 86_400
"""Seconds after a quarter for which its counts are kept: longer than what is caught up with."""
KEEP_OLD: Final = 3600
"""Seconds that counts are kept which are older: they are to be learnt from once."""
FORGOTTEN: Final = 86_400
"""Seconds after which a node that is not heard is one no more."""
MOST_NODES: Final = 100
"""Whose counts are looked at; more are none of ours."""
AHEAD: Final = 96
"""Quarters that are fetched together."""
AT_ONCE: Final = 32
"""Quarters in one answer."""
_MOST_BYTES: Final = 256 * 1024
"""Of counts in one question."""
_DUE: Final = struct.Struct(">dI")
_ALONE_KEPT: Final = 4 * 3600


@dataclass(frozen=True, slots=True)
class Sight:
    """What Redis has at one moment."""

    time: float
    """Of its clock. Seconds since the epoch."""
    lease: Lease | None
    since: int
    """When the holder of the lease took it."""
    done: int
    """The last quarter that was evaluated; 0: none, there is no board."""
    tellers: Mapping[str, Teller]
    begins: Mapping[str, int]
    """The hour (since 1970) in which the mail of a node began; 0: there is none."""
    learnt_from: frozenset[str]
    """Nodes whose mail is a part of what was learnt."""
    owed: int
    """Alerts that wait for delivery."""


class RedisWarnings:
    """Over one connection, for one thread. All methods raise RedisError; those that read raise
    SharedDataError where somebody else has written."""

    def __init__(self, link: RedisLink, node: str, holder: str) -> None:
        """`node`: the same for each process of this node; `holder`: of this process alone, as two
        of them may meet when the service is reloaded."""
        self._link: Final = link
        self.node: Final = node
        self.holder: Final = holder

    def close(self) -> None:
        """Hang up."""
        self._link.close()

    def look(self) -> Sight:
        """What there is."""
        time, lease, done, nodes, owed, learnt_from = self._run(
            LOOK, KEEP, epoch=secrets.token_hex(8)
        )
        with _reading():
            holder, until, term, since = (each.decode() for each in lease)
            rows = {name.decode(): _three(line) for name, line in _pairs(nodes)}
            return Sight(
                time=float(time),
                lease=Lease(holder, int(until), int(term)) if holder else None,
                since=int(since or 0),
                done=int(done),
                tellers={name: Teller(told, heard) for name, (told, heard, _) in rows.items()},
                begins={name: began for name, (_, _, began) in rows.items()},
                learnt_from=frozenset(learnt_from.decode().split()),
                owed=int(owed),
            )

    def tell(
        self,
        counts: Iterable[tuple[int, bytes]],
        told: int,
        began: int,
        now: int,
        alone: Mapping[str, int],
    ) -> None:
        """What this node counted, by quarter, in order, and that it has told everything up to the
        quarter `told`; `began`: the hour its mail began, 0: there was none; `alone`: what it has
        told by itself, and of which quarter."""
        head: list[Value] = [len(alone), *(value for pair in alone.items() for value in pair)]
        batch: list[Value] = []
        size, last = 0, 0
        for quarter, data in counts:
            if size + len(data) > _MOST_BYTES:
                self._run(TELL, KEEP, _ALONE_KEPT, self.node, f"{last} {now} {began}", 0, *batch)
                batch, size = [], 0
            keep = max((quarter + 1) * QUARTER + KEEP_COUNTS - now, KEEP_OLD)
            batch += [quarter, keep, data]
            size, last = size + len(data), quarter
        self._run(TELL, KEEP, _ALONE_KEPT, self.node, f"{told} {now} {began}", *head, *batch)

    def claim(self, known: Lease | None, wanted: Lease, since: int) -> bool:
        """Write the lease over the one that was read; False: somebody else was quicker."""
        old = (known.holder, known.until, known.term) if known else ("", "", "")
        new = (wanted.holder, wanted.until, wanted.term, since)
        (done,) = self._run(CLAIM, KEEP, *old, *new)
        return bool(done)

    def counts(self, quarters: Sequence[int]) -> dict[int, list[dict[Series, Counts]]]:
        """What nodes have told of these quarters. What cannot be read is left out: it is of another
        version, and the others count."""
        found: dict[int, list[dict[Series, Counts]]] = {}
        for at in range(0, len(quarters), AT_ONCE):
            part = quarters[at : at + AT_ONCE]
            (rows,) = self._run(COUNTS, *part)
            for quarter, row in zip(part, rows, strict=True):
                told = [_read_counts(data) for _, data in sorted(_pairs(row))[:MOST_NODES]]
                found[quarter] = [one for one in told if one]
        return found

    def board(self) -> bytes:
        """What was learnt; empty: nothing was."""
        (board,) = self._run(BOARD)
        return bytes(board)

    def alone(self) -> dict[str, int]:
        """What nodes have told by themselves, and of which quarter."""
        (rows,) = self._run(ALONE)
        with _reading():
            return {name.decode(): int(quarter) for name, quarter in _pairs(rows)}

    def commit(
        self,
        term: int,
        before: int,
        board: tuple[int, bytes],
        now: int,
        *,
        nodes: Iterable[str] = (),
        forget: Sequence[str] = (),
        owed: Iterable[Owed] = (),
        sent: Iterable[str] = (),
    ) -> bool:
        """Write the board (its last quarter, its bytes) over that of the quarter `before`, with the
        alerts that follow; False: it is not this node's to write any more. `nodes`: those it was
        learnt from; `forget`: nodes that are gone;
        `sent`: names of alerts that were delivered."""
        alerts: list[Value] = []
        for name in sent:
            alerts += [name, ""]
        for one in owed:
            alerts += [name_of(one), _packed(one)]
        told = " ".join(sorted(nodes))
        values = (self.holder, term, before, *board, told, len(forget), *forget, *alerts)
        (done,) = self._run(COMMIT, KEEP, now, *values)
        return bool(done)

    def begin_anew(self, term: int, now: int) -> bool:
        """Forget what was learnt, in a new term, so that every node tells all that it has; False:
        it is not this node's to do."""
        (done,) = self._run(BEGIN_ANEW, self.holder, term, now)
        return bool(done)

    def owed(self) -> list[Owed]:
        """Alerts that wait, the next one first."""
        (rows,) = self._run(OWED)
        with _reading():
            return sorted((_unpacked(*row) for row in _pairs(rows)), key=lambda one: one.due)

    def attempted(self, one: Owed, due: float | None, now: int) -> None:
        """An alert was tried: it is to be tried again at `due`; None: it is delivered, or given
        up."""
        again = b"" if due is None else _DUE.pack(due, one.tries + 1) + one.content
        self._run(ATTEMPTED, KEEP, now, name_of(one), again)

    def leave(self, lease: Lease | None) -> None:
        """This node ends; `lease`: what it leaves behind of its own, None: it held none."""
        term, until = (lease.term, lease.until) if lease else ("", "")
        self._run(LEAVE, self.node, self.holder, term, until)

    def _run(self, script: Script, *values: Value, epoch: str = "") -> list[Any]:
        return self._link.run(script, epoch, values)


class AllCounts:
    """What all nodes have told, up to a quarter."""

    def __init__(self, redis: RedisWarnings, last: int) -> None:
        self._redis: Final = redis
        self._last: Final = last
        self._found: dict[int, Mapping[Series, Counts]] = {}

    def total(self, quarter: int) -> Mapping[Series, Counts]:
        """Of one quarter."""
        if quarter not in self._found:
            wanted = range(quarter, max(min(quarter + AHEAD, self._last + 1), quarter + 1))
            for at, told in self._redis.counts(wanted).items():
                self._found[at] = merge_all(told)
        return self._found[quarter]


def name_of(one: Owed) -> str:
    """An alert on one way."""
    return f"{one.id}:{one.way}"


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (ValueError, struct.error) as fault:
        raise SharedDataError(
            "what early warning has in Redis was written by somebody else"
        ) from fault


def _pairs(flat: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _three(line: bytes) -> tuple[int, int, int]:
    told, heard, began = map(int, line.split())
    return told, heard, began


def _read_counts(data: bytes) -> dict[Series, Counts]:
    try:
        return from_bytes(data)
    except ValueError:
        return {}


def _packed(one: Owed) -> bytes:
    return _DUE.pack(one.due, one.tries) + one.content


def _unpacked(name: bytes, data: bytes) -> Owed:
    due, tries = _DUE.unpack_from(data)
    alert, _, way = name.decode().partition(":")
    return Owed(alert, way, data[_DUE.size :], tries, due)
