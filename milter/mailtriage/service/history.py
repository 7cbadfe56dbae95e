"""The way of a decision into the history: from an analyser to a process that writes.

Nobody waits for it anywhere. An analyser, once it has answered, hands a record to a socket that
does not block; where it is full, the record is dropped and counted. The process at the other end
reads at once and writes once a second, in a thread: a disk that hangs costs records, and no mail.

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

from mailtriage.config.history import HistoryConfig
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import Question
from mailtriage.service import metrics_names as names
from mailtriage.service.early_warning import EarlyWarning
from mailtriage.service.lifeline import run_process, until_told_to_leave
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.phrases import MARK, Phrases, Texts, watches_phrases
from mailtriage.state.history import HistoryError
from mailtriage.state.history_schema import COLUMNS, history_file, skills_text
from mailtriage.state.history_writer import (
    DamagedError,
    HistoryWriter,
    open_or_renew,
    set_aside,
)
from mailtriage.tags.vocabulary import NONE, PREFIX
from mailtriage.triage.model import Direction
from mailtriage.triage.policy_set import PolicySet
from mailtriage.triage.remembered import Remembering
from mailtriage.triage.skill import OTHER_SKILL

LONGEST: Final = 16 * 1024
"""Bytes of a record; an ordinary one has some 600."""

BUFFER: Final = 4 * 1024 * 1024
"""Bytes that the socket should hold. The kernel gives as many as net.core.wmem_max allows: with its
default of 208 KiB some 180 records."""

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

NOT_WORTH_TELLING: Final = frozenset({"language", OTHER_SKILL})
"""Facets of evidence that decided nothing: as in X-Mailtriage-Why."""

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False)
_READ_AT_ONCE: Final = 2000


class Channel:
    """The socket between analysers and writer. Made before the first fork, it outlives each of
    them: what one writer has not read, the next one reads."""

    def __init__(self) -> None:
        # A stream that keeps records apart. A datagram socket would hold net.unix.max_dgram_qlen of
        # them, which is 10 where nobody has raised it.
        self.into, self.out = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.into.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self.into.setblocking(False)  # noqa: FBT003  the signature of socket
        self.out.setblocking(False)  # noqa: FBT003  the same
        self._remembering: Remembering | None = None

    def prepare(self, analyst: Analyst) -> Analyst:
        """Before the fork, so that they are shared: the fingerprints of its policies and model,
        which take a quarter of a second and some megabytes. Returns the analyst."""
        if analyst.config.history.keep > 0:
            self._remembering = Remembering(analyst.matcher.policies, analyst.model)
        return analyst

    def remembering(self, analyst: Analyst) -> Remembering:
        """What was prepared for this analyst; it is made now where nothing was."""
        prepared, policies, model = self._remembering, analyst.matcher.policies, analyst.model
        if prepared is not None and prepared.is_of(policies, model):
            return prepared
        return Remembering(policies, model)


class Recorder:
    """An analyser's end: writes down what it decided. One mail at a time."""

    def __init__(self, analyst: Analyst, channel: Channel, deltas: Deltas) -> None:
        self._into: Final = channel.into
        self._tokens: Final = analyst.tokens
        self._deltas: Final = deltas
        self._remembering: Final = channel.remembering(analyst)
        watched = watches_phrases(analyst.config)
        self._texts: Final = Texts(channel.into, analyst.tokens, deltas) if watched else None

    def record(self, analysis: Analysis, question: Question) -> None:
        """Hand on what was decided of a mail. Never waits, and never raises: no mail depends on
        it."""
        try:
            self._into.send(self._encoded(analysis, question))
        except Exception:  # noqa: BLE001  most of the time: the socket is full
            self._deltas.add(names.HISTORY_DROPPED, "queue")
        if self._texts is not None:
            self._texts.tell(analysis, question.queue_id)

    def _encoded(self, analysis: Analysis, question: Question) -> bytes:
        triage, mail, plan = analysis.triage, analysis.mail, analysis.plan
        judged = triage.direction is Direction.INBOUND and not analysis.exempt
        address = (mail.from_address if mail else "") or question.envelope.sender
        shown = dict(analysis.edits.insert)
        mailbox = plan.case.mailbox if plan else None
        why = [f"exempt-{analysis.exempt}"] if analysis.exempt else []
        seen, policies = "", ""
        if judged and triage.seen is not None:
            seen, policies = self._remembering.text(triage.seen), self._remembering.policies.name
            deciding = (one.id for one in triage.why if one.facet not in NOT_WORTH_TELLING)
            why = list(dict.fromkeys(deciding))
        values = (
            time.time(),
            question.queue_id,
            triage.direction,
            analysis.status,
            mailbox.address if mailbox else "",
            self._tokens.pseudonym("address", address).hex() if address else "",
            triage.skill if judged else "",
            triage.skill_confidence,
            skills_text(tuple((one.name, one.score) for one in triage.skills)),
            triage.priority if judged else "",
            triage.score,
            triage.language,
            triage.tier,
            triage.churn if judged else "",
            triage.mood if judged else "",
            triage.topic if judged else "",
            triage.kind,
            triage.thread,
            shown.get(f"{PREFIX}-Kb", NONE),
            shown.get(f"{PREFIX}-Route", NONE),
            plan.verdict.announced if plan else NONE,
            plan.verdict.rule if plan else "",
            " ".join(why),
            round(analysis.milliseconds, 2),
            policies,
        )
        # What was seen is a line of JSON already.
        return f"{_ENCODER.encode(values)}\n{seen}".encode("ascii")[:LONGEST]


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
    warning = EarlyWarning(config, deltas, log, phrases)

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
        self, file: Path, config: HistoryConfig, policies: PolicySet, deltas: Deltas, log: Log
    ) -> None:
        self._file: Final = file
        self._config: Final = config
        self._policies: Final = policies
        self._deltas: Final = deltas
        self._log: Final = log
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
        rows = [row for row in map(row_of, records) if row is not None]
        if len(rows) < len(records):
            self._drop("damaged", len(records) - len(rows))
        if not rows:
            return
        try:
            try:
                self._opened().add(rows)
            except DamagedError as fault:
                self._renew(fault)
                self._opened().add(rows)
        except (HistoryError, OverflowError) as fault:
            self._drop("file", len(rows))
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
            now = time.time()
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
            self._writer.keep_policy_set(name, time.time(), content)
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
