"""The thread that sees a topic rise: from the history to surges, and to whoever is to be told.

It lives in the process that writes the history, reads that as any reader would, and is in no mail's
way. The reckoning is in insight/; service/surge_telling.py says what follows from it. Where several
nodes share a Redis, service/shared_warnings.py watches the mail of all, and this node looks at its
own beside it, in silence, so that it can go on alone.
"""

import threading
import time
from collections import defaultdict
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from mailtriage.acks.calendar import public_holidays
from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config
from mailtriage.config.acks import DEFAULT_CALENDAR, Calendar
from mailtriage.faults import place_of
from mailtriage.insight.budget import Budget
from mailtriage.insight.counts import Counts, Series, merge, one_mail
from mailtriage.insight.evaluator import (
    GRACE,
    NEWS,
    QUARTER,
    Board,
    CountsOf,
    Finding,
    alone_name,
    evaluate,
)
from mailtriage.insight.profile import Week
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.phrases import Phrases, series_named
from mailtriage.service.surge_telling import Telling
from mailtriage.state.history import History, HistoryError, open_history
from mailtriage.state.history_schema import Decision, history_file
from mailtriage.state.warnings import Owed, WarningsError, WarningsFile, warnings_file
from mailtriage.triage.model import Direction
from mailtriage.triage.model import Kind as Writer

if TYPE_CHECKING:
    from mailtriage.service.shared_warnings import SharedWarnings

EVERY: Final = 30.0
"""Seconds between two looks at whether a quarter of an hour is over, or an alert is due."""
AFTER_FAULT: Final = 300.0
LEARNT_AT_ONCE: Final = 86_400
"""Seconds of the past that are gone through in one step, when nothing was learnt yet."""
LEARNT_FROM: Final = 60 * 86_400
"""Seconds of the past that are gone through, at most: a machine that started in 1970 may have
written into the history before its clock was set."""
AHEAD: Final = 8
"""Quarters of an hour by which what was learnt may be ahead of the clock: else that was wrong."""
MOST_MAILS: Final = 50_000
"""Of one quarter of an hour that are counted: more than any helpdesk gets."""


class EarlyWarning:
    """Watches until it is told to stop."""

    def __init__(
        self,
        config: Config,
        deltas: Deltas,
        log: Log,
        phrases: Phrases | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        """`tokens`: of the installation; where nodes share a Redis, it is known by them."""
        self._config: Final = config
        self._log: Final = log
        zone, self._week = _week_of(config)
        self._telling: Final = Telling(config, deltas, log, phrases, zone)
        self._stop: Final = threading.Event()
        self._board: Board | None = None
        self._trouble = ""
        self._shared: Final = self._sharing(tokens)
        self._was_alone = self._shared is None
        self._thread: Final = threading.Thread(target=self._run, name="warnings", daemon=True)

    def _sharing(self, tokens: Tokens | None) -> "SharedWarnings | None":
        if tokens is None or not self._config.state.shared:
            return None
        # 18 MB of library, for those who use it.
        from mailtriage.service.shared_warnings import shared_warnings

        settings = (self._week, self._config.warnings.alerts_a_week)
        return shared_warnings(
            self._config, tokens, settings, self._telling, self._log, self._stop.is_set
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is under way is given a moment."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        pause = EVERY
        while not self._stop.wait(pause):
            try:
                self._watch()
            except (HistoryError, WarningsError) as fault:
                self._tell(str(fault))
            except Exception as fault:  # noqa: BLE001  whatever it is, the history goes on
                self._tell(place_of(fault))
            self._board = None
            pause = AFTER_FAULT

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._log.line("warning", {"event": "early-warning", "fault": trouble})
        self._trouble = trouble

    def _watch(self) -> None:
        """For as long as nothing goes wrong."""
        database = self._config.state.database
        try:
            with closing(WarningsFile(warnings_file(database))) as kept:
                while not self._stop.is_set():
                    self.look(kept, history_file(database), int(time.time()))
                    self._trouble = ""
                    self._stop.wait(EVERY)
        finally:
            if self._shared is not None:
                self._shared.leave()

    def look(self, kept: WarningsFile, file: Path, now: int) -> None:
        """Deliver what is due, and evaluate what is over; `file`: the history; `now`: seconds since
        the epoch. Raises HistoryError and WarningsError."""
        until = time.monotonic() + EVERY
        for one in kept.due(now):
            if self._stop.is_set():
                return
            again = self._telling.deliver(one, now)
            kept.done(one) if again is None else kept.again(one, now + again)
            if time.monotonic() > until:
                break
        to = over = (now - GRACE) // QUARTER - 1
        if self._shared is not None:
            to = self._share(self._shared, file, now, over)
        if self._board is not None and to <= self._board.done <= over + AHEAD:
            return
        with open_history(file) as history:
            board = self._board or kept.read(self._week, self._config.warnings.alerts_a_week)
            if board is None or max(board.done, 4 * board.began) > over + AHEAD:
                board = self._learnt(history, now)
            if board is None:
                return
            ahead = self._shared.ahead if self._shared is not None else 0
            count = partial(counts_of, history, ahead=ahead)
            found = evaluate(board, count, (to + 1) * QUARTER + GRACE)
            news = [one for one in found if (one.quarter + 1) * QUARTER >= now - NEWS]
            if not self._was_alone:
                news = []  # whoever watches the mail of all tells it
            owed = [sent for one in news for sent in self._owed(one, count, now)]
        self._board = None  # what cannot be written is reckoned again
        kept.write(board, owed)
        self._board = board
        self._telling.show(news)
        self._remember(news)

    def _share(self, shared: "SharedWarnings", file: Path, now: int, over: int) -> int:
        """What is to be done for all nodes; returns the quarter up to which this node is to look at
        its own mail. It follows what was evaluated for all, so that it can go on alone from there
        at any time."""
        with open_history(file) as history:
            oldest = int(history.span()[0])
            oldest = max(oldest, now - LEARNT_FROM) if 0 < oldest < now else 0
            shared.turn(partial(counts_of, history), oldest, now)
        is_alone = shared.is_alone(now)
        if is_alone != self._was_alone or not (is_alone or shared.holds):
            self._telling.hide()
        self._was_alone = is_alone
        return over if is_alone else min(over, shared.done)

    def _remember(self, news: list[Finding]) -> None:
        """The others need not tell it again."""
        if self._shared is not None:
            told = {alone_name(one): one.quarter for one in news if one.reading.event}
            self._shared.alone_told.update(told)

    def _learnt(self, history: History, now: int) -> Board | None:
        """What the history teaches, when nothing was learnt yet; None when there is none, or it is
        time to leave. Nothing that lies behind us is told of."""
        oldest = int(history.span()[0])
        if not 0 < oldest < now:
            return None
        oldest = max(oldest, now - LEARNT_FROM)
        budget = Budget(self._config.warnings.alerts_a_week)
        board = Board(self._week, oldest // 3600, budget=budget)
        for past in range(oldest, now, LEARNT_AT_ONCE):
            evaluate(board, partial(counts_of, history), past)
            if self._stop.is_set():
                return None
        return board

    def _owed(self, finding: Finding, count: CountsOf, now: int) -> list[Owed]:
        if not finding.reading.event:
            return []
        quarters = range(4 * finding.reading.since, finding.quarter + 1)
        parts = [count(one).get(finding.series, Counts()) for one in quarters]
        return self._telling.owed(finding, merge(parts), now)


def counts_of(history: History, quarter: int, ahead: int = 0) -> dict[Series, Counts]:
    """What a quarter of an hour (counted since 1970) brought, from the history, whose clock is
    `ahead` seconds ahead of that of the quarter. Raises HistoryError."""
    parts: dict[Series, list[Counts]] = defaultdict(list)
    begins = float(quarter * QUARTER + ahead)
    for one in _mails(history, begins, begins + QUARTER):
        mail = one_mail(one.sender or b"\0", one.queue_id, one.language)
        for series in series_of(one):
            parts[series].append(mail)
    return {series: merge(mails) for series, mails in parts.items()}


def series_of(mail: Decision) -> tuple[Series, ...]:
    """What a mail counts for: its skill, language and topic, or what nobody could name."""
    return series_named(mail.skill, mail.topic, mail.language)


def _mails(history: History, since: float, until: float) -> list[Decision]:
    return history.newest(
        MOST_MAILS, since=since, until=until, direction=Direction.INBOUND, kind=Writer.HUMAN
    )[::-1]


def _week_of(config: Config) -> tuple[ZoneInfo, Week]:
    """The organisation's week: by the calendar of the first mailbox, or the first there is."""
    calendar = _calendar(config)
    zone = ZoneInfo(calendar.timezone)
    this = date.today().year  # noqa: DTZ011  the years around are taken as well
    holidays = [
        public_holidays(calendar.country, calendar.region, year)
        for year in (this - 1, this, this + 1)
    ]
    return zone, Week(zone, frozenset().union(*holidays, calendar.closed))


def _calendar(config: Config) -> Calendar:
    for mailbox in config.mailboxes.mailboxes:
        if mailbox.calendar in config.calendars:
            return config.calendars[mailbox.calendar]
    return next(iter(config.calendars.values()), DEFAULT_CALENDAR)
