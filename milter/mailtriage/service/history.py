"""The process that writes the history: at the other end of the way that recorder.py begins.

It reads at once and writes once a second, in a thread: a disk that hangs costs records, and no
mail.

A process of its own, not the desk: without service mailboxes there is no desk, and where there is
one, Postfix waits for its answers.
"""

import asyncio
import json
import math
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mailtriage.clock import Clock
from mailtriage.config.history import HistoryConfig
from mailtriage.doors.analysis import Analyst
from mailtriage.service import metrics_names as names
from mailtriage.service.answered import MARK as ANSWER_MARK
from mailtriage.service.answered import answer_row
from mailtriage.service.early_warning import EarlyWarning
from mailtriage.service.lifeline import run_process, until_told_to_leave
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.phrases import MARK, Phrases, watches_phrases
from mailtriage.service.recorder import LONGEST, Channel
from mailtriage.state.history import HistoryError
from mailtriage.state.history_schema import COLUMNS, history_file
from mailtriage.state.history_writer import (
    DamagedError,
    HistoryWriter,
    open_or_renew,
    set_aside,
)
from mailtriage.triage.policy_set import PolicySet

GATHER: Final = 0.02
"""Seconds for which records are gathered in the socket: with 180 in it, 9000 a second."""

MOST_WAITING: Final = 20_000
"""Records that wait to be written; more are dropped."""

BATCH: Final = 500
"""Records in one transaction."""

EVERY: Final = 1.0
"""Seconds between two transactions."""

FORGET_EVERY: Final = 60.0
FORGET_PAUSE: Final = 0.1
"""Seconds between two looks for what may be forgotten, and between two steps of it."""

LAST_RECORDS: Final = 0.5
"""Seconds for which what the last analysers said is still waited for."""

LAST_WRITE: Final = 5.0
"""Seconds for which the last transaction is waited for."""

_READ_AT_ONCE: Final = 2000


def run_history(
    channel: Channel, analyst: Analyst, listen_fd: int, control: socket.socket, log: Log
) -> None:
    """The life of the writing process, from the fork to the exit; never returns. It listens
    nowhere."""
    os.close(listen_fd)
    config = analyst.config
    policies = channel.remembering(analyst).policies
    deltas = Deltas()
    file = history_file(config.state.database)
    writing = Writing(file, config.history, policies, deltas, log)
    phrases = Phrases(analyst, deltas, log) if watches_phrases(config) else None
    warning = EarlyWarning(config, deltas, log, phrases, analyst.tokens)

    async def serve() -> None:
        reading = asyncio.create_task(_read(channel.out, writing, phrases))
        writing.start()
        if phrases is not None:
            phrases.start()
        if config.warnings.enabled:
            warning.start()
        await until_told_to_leave(control, config.milter, deltas)
        await asyncio.sleep(LAST_RECORDS)
        reading.cancel()
        read_records(channel.out, writing, None)
        await asyncio.to_thread(writing.stop)
        await asyncio.to_thread(warning.stop)
        if phrases is not None:
            await asyncio.to_thread(phrases.stop)
        deltas.flush(control)

    run_process("history", serve, log)


async def _read(out: socket.socket, writing: "Writing", phrases: Phrases | None) -> None:
    """Take records as they come, those of a moment together: to wake up for each would cost the
    analysers more than to write them down."""
    loop = asyncio.get_running_loop()
    while True:
        there = asyncio.Event()
        loop.add_reader(out.fileno(), there.set)
        try:
            await there.wait()
        finally:
            loop.remove_reader(out.fileno())
        await asyncio.sleep(GATHER)
        read_records(out, writing, phrases)


def read_records(out: socket.socket, writing: "Writing", phrases: Phrases | None) -> None:
    """Take what waits in the socket, as far as there is no end to it; `phrases`: who takes texts,
    None: nobody (any more)."""
    for _ in range(_READ_AT_ONCE):
        try:
            record = out.recv(LONGEST)
        except OSError:
            return  # empty; or another writer was quicker
        if not record.startswith(MARK):
            writing.take(record)
        elif phrases is not None:
            phrases.take(record)


class Writing:
    """The thread that writes, and what waits for it."""

    def __init__(
        self,
        file: Path,
        config: HistoryConfig,
        policies: PolicySet,
        deltas: Deltas,
        log: Log,
        clock: Clock = time.time,
    ) -> None:
        self._file: Final = file
        self._config: Final = config
        self._policies: Final = policies
        self._deltas: Final = deltas
        self._log: Final = log
        self._clock: Final = clock
        self._waiting: Final[deque[bytes]] = deque()
        self._wake: Final = threading.Event()
        self._leaving = False
        self._thread: Final = threading.Thread(target=self._run, name="history", daemon=True)
        self._writer: HistoryWriter | None = None
        self._trouble = ""
        self._forget_next = 0.0

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and return when that is done, or after `LAST_WRITE`."""
        self._leaving = True
        self._wake.set()
        self._thread.join(LAST_WRITE)

    def take(self, record: bytes) -> None:
        """One record of an analyser."""
        if len(self._waiting) >= MOST_WAITING:
            self._deltas.add(names.HISTORY_DROPPED, "waiting")
            return
        self._waiting.append(record)
        if len(self._waiting) >= BATCH:
            self._wake.set()

    def _run(self) -> None:
        while not self._leaving:
            self.write()
            if time.monotonic() >= self._forget_next:
                gone = self.forget()
                self._forget_next = time.monotonic() + (FORGET_PAUSE if gone else FORGET_EVERY)
            if len(self._waiting) < BATCH:
                pause = self._forget_next - time.monotonic()
                self._wake.wait(max(0.0, min(EVERY, pause)))
            self._wake.clear()
        while self._waiting:
            self.write()
        if self._writer is not None:
            self._writer.close()

    def write(self) -> None:
        """One transaction with what waits, if anything does."""
        records = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        told = [record for record in records if record.startswith(ANSWER_MARK)]
        decided = [record for record in records if not record.startswith(ANSWER_MARK)]
        rows = [row for row in map(row_of, decided) if row is not None]
        answers = [row for row in map(answer_row, told) if row is not None]
        good = len(rows) + len(answers)
        if good < len(records):
            self._drop("damaged", len(records) - good)
        if not good:
            return
        try:
            try:
                self._opened().add(rows, answers)
            except DamagedError as fault:
                self._renew(fault)
                self._opened().add(rows, answers)
        except (HistoryError, OverflowError) as fault:
            self._drop("file", good)
            self._tell(str(fault))
        else:
            self._deltas.add(names.HISTORY_RECORDS, amount=len(rows))
            self._tell("")

    def forget(self) -> int:
        """One step of forgetting; how many rows went."""
        try:
            writer = self._opened()
            if not writer.is_in_place():
                self._close()
                writer = self._opened()
            now = self._clock()
            writer.keep_policy_set(self._policies.name, now, self._policies.content)
            gone = writer.forget(now - self._config.keep, self._config.max_size)
            self._deltas.set(names.HISTORY_SIZE, value=writer.size())
        except DamagedError as fault:
            self._renew(fault)
            return 0
        except HistoryError as fault:
            self._tell(str(fault))
            return 0
        self._tell("")
        return gone

    def _opened(self) -> HistoryWriter:
        if self._writer is None:
            self._writer, renewed = open_or_renew(self._file)
            if renewed:
                self._log.line("warning", {"event": "history", "state": "new", "fault": renewed})
            name, content = self._policies.name, self._policies.content
            self._writer.keep_policy_set(name, self._clock(), content)
        return self._writer

    def _renew(self, fault: DamagedError) -> None:
        """Set a damaged file aside; the next one that is opened is new."""
        self._close()
        try:
            aside = set_aside(self._file)
        except HistoryError as other:
            self._tell(str(other))
            return
        what = f"{fault}; it is {aside} now, and a new one is made"
        self._log.line("warning", {"event": "history", "state": "new", "fault": what})

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _drop(self, reason: str, number: int) -> None:
        self._deltas.add(names.HISTORY_DROPPED, reason, amount=number)

    def _tell(self, trouble: str) -> None:
        """Into the log when it begins, and when it is over: not with each mail."""
        if bool(trouble) == bool(self._trouble):
            return
        self._trouble = trouble
        fields: dict[str, object] = {"event": "history", "state": "usable"}
        if trouble:
            fields |= {"state": "unusable", "fault": trouble}
        self._log.line("warning" if trouble else "info", fields)


def row_of(record: bytes) -> Sequence[Any] | None:
    """The values of COLUMNS that a record holds; None when it is none.

    Whoever breaks out of an analyser, which reads what strangers send, may write anything here.
    """
    head, _, seen = record.partition(b"\n")
    try:
        values = json.loads(head)
        if not isinstance(values, list) or len(values) != len(COLUMNS) - 1:
            return None
        named = dict(zip(COLUMNS, (*values, seen.decode("ascii")), strict=True))
        named["sender"] = bytes.fromhex(named["sender"])
        for name, value in named.items():
            if name in _NUMBERS:
                named[name] = float(value)
                if not math.isfinite(named[name]):
                    return None
            elif name == "score":
                named[name] = int(value)
                if not -_MOST_SCORE <= named[name] <= _MOST_SCORE:
                    return None
            elif name != "sender":
                value.encode()  # SQLite takes no half of a surrogate pair
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return list(named.values())


_NUMBERS: Final = frozenset({"at", "confidence", "ms"})
_MOST_SCORE: Final = 10**6
