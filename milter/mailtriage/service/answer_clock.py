"""The thread beside the desk that measures how fast answers come (desk/clock.py).

It reads the desk's database as any reader, in no mail's way, and hands what it finds to whoever
composes acknowledgements, and to the metrics.
"""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from mailtriage.acks.promise import StaticTargets, config_calendar
from mailtriage.clock import Clock
from mailtriage.config import Config
from mailtriage.config.acks import Calendar
from mailtriage.config.mailboxes import Mailbox
from mailtriage.desk.answers import MeasuredAnswers
from mailtriage.desk.clock import REMEMBERED, Answered, ReplyClock
from mailtriage.faults import place_of
from mailtriage.insight.backlog import WorkingTime
from mailtriage.insight.promises import MeasuredPromises
from mailtriage.service import metrics_names as names
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.state.replies import changed_since
from mailtriage.state.sqlite import StateError, open_database
from mailtriage.triage.model import Priority

EVERY: Final = 15.0
"""Seconds between two looks at what changed."""

OVERLAP: Final = 60.0
"""Seconds that each look goes back behind the last: a transaction may end after a later mail's."""

AFTER_FAULT: Final = 60.0
"""Seconds before a database that could not be read is tried again."""


BREATH: Final = 0.005
"""Seconds of rest after as many of work while months are gone through: the desk, which shares the
interpreter, has mails to take."""

LAST_LOOK: Final = 2.0
"""Seconds that a look under way is waited for at the end. It writes nothing."""

JUMP: Final = 600.0
"""Seconds by which the clock was set: all that was reckoned by the old time is reckoned anew."""


class _LeavingError(Exception):
    """The desk is told to leave."""


class AnswerClock:
    """Measures until it is told to stop. Nothing that happens in here holds up a mail."""

    def __init__(
        self,
        config: Config,
        answers: MeasuredAnswers,
        deltas: Deltas,
        log: Log,
        clock: Clock = time.time,
    ) -> None:
        self._config: Final = config
        self._answers: Final = answers
        self._deltas: Final = deltas
        self._log: Final = log
        self._stop: Final = threading.Event()
        self._clock: Final = clock
        self._begun: Final = clock()
        self._counted = self._begun
        """What happened before is in the metrics already, should all be gone through again."""
        self._skills: set[str] = set()
        self._work: Final[dict[str, WorkingTime]] = {}
        self._thread: Final = threading.Thread(target=self._run, name="answers", daemon=True)

    def start(self) -> None:
        """Begin, with the answers of the last two months."""
        self._thread.start()

    def stop(self) -> None:
        """End; a look that is under way is given a moment."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(LAST_LOOK)

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                self._measure()
            except _LeavingError:
                return
            except (StateError, OSError):
                pass  # the desk, which needs it more, has told already
            except Exception as fault:  # noqa: BLE001  targets stand in for what is not measured
                fields = {"event": "answer-clock", "fault": place_of(fault)}
                self._log.line("error", fields)
            pause = AFTER_FAULT

    def _measure(self) -> None:
        """From the beginning, for as long as it is the same database, and time runs on."""
        clock = ReplyClock(self._calendar_of)
        file = self._config.state.database
        place = _place(file)
        with closing(open_database(file, read_only=True)) as connection:
            now, ticks = self._clock(), time.monotonic()
            self._look(clock, connection, now - REMEMBERED, now, replay=True)
            while not self._stop.wait(EVERY):
                last, now = now, self._clock()
                before, ticks = ticks, time.monotonic()
                if abs((now - last) - (ticks - before)) > JUMP or _place(file) != place:
                    return
                self._look(clock, connection, min(last, now) - OVERLAP, now, replay=False)

    def _look(
        self,
        clock: ReplyClock,
        connection: sqlite3.Connection,
        since: float,
        now: float,
        *,
        replay: bool,
    ) -> None:
        rows = changed_since(connection, since)
        ended = clock.feed(rows, now, replay=replay, pause=self._breathe)
        self._answers.knowledge = clock.knowledge
        since = self._counted if replay else self._begun  # before that, by who ran then
        for one in ended:
            if one.at >= since:
                self._count(one)
        self._counted = now
        self._show(clock, now)

    def _breathe(self) -> None:
        if self._stop.wait(BREATH):
            raise _LeavingError

    def _count(self, one: Answered) -> None:
        if one.wall:
            labels = (one.skill, one.priority)
            self._deltas.observe(names.FIRST_REPLY, *labels, value=one.wall)
            self._deltas.observe(names.FIRST_REPLY_WORKED, *labels, value=one.worked)
        if one.outcome is not None:
            self._deltas.add(names.PROMISES, one.skill, str(one.outcome))

    def _show(self, clock: ReplyClock, now: float) -> None:
        queues = clock.queues()
        self._skills |= queues.keys()
        for skill in self._skills:
            queue = queues.get(skill)
            self._deltas.set(names.OPEN, skill, value=queue.count if queue else 0)
            age = now - queue.oldest if queue else 0.0
            self._deltas.set(names.OPEN_OLDEST, skill, value=age)
        targets = StaticTargets(self._config.targets)
        for skill in self._skills | clock.knowledge.lines.keys():
            source = MeasuredPromises(clock.knowledge, self._usual_work(), now, targets)
            seconds = source.target(skill, str(Priority.NORMAL))
            self._deltas.set(names.EXPECTED_REPLY, skill, value=seconds)

    def _usual_work(self) -> WorkingTime:
        """By the calendar of the first mailbox."""
        name, calendar = self._calendar_of("")
        return self._work.setdefault(name, WorkingTime(calendar))

    def _calendar_of(self, address: str) -> tuple[str, Calendar]:
        boxes = self._config.mailboxes.mailboxes
        mailbox = next((box for box in boxes if box.address == address), boxes[0])
        return _calendar_name(self._config, mailbox), config_calendar(self._config, mailbox)


def _calendar_name(config: Config, mailbox: Mailbox) -> str:
    """Of the calendar that `config_calendar` finds; empty: the default one."""
    if mailbox.calendar in config.calendars:
        return mailbox.calendar
    return next(iter(config.calendars)) if len(config.calendars) == 1 else ""


def _place(file: Path) -> tuple[int, int]:
    """Which file it is: whoever replaces a database leaves us reading one that nobody writes.
    Raises OSError."""
    status = file.stat()
    return status.st_dev, status.st_ino
