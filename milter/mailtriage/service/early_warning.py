"""The thread that sees a topic rise: from the history to surges, and to whoever is to be told.

It lives in the process that writes the history, reads that as any reader would, and is in no mail's
way. The reckoning is in insight/; service/alerting.py delivers.
"""

import threading
import time
from collections import Counter, defaultdict
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from mailtriage.acks.calendar import public_holidays
from mailtriage.config import Config
from mailtriage.config.acks import DEFAULT_CALENDAR, Calendar
from mailtriage.faults import place_of
from mailtriage.insight.alert import Alert, mail_text, webhook_body
from mailtriage.insight.budget import Budget
from mailtriage.insight.counts import Counts, Series, merge, one_mail
from mailtriage.insight.evaluator import GRACE, QUARTER, Board, Finding, alert, evaluate
from mailtriage.insight.profile import Week
from mailtriage.service import metrics_names as names
from mailtriage.service.alerting import Alerting
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.phrases import Phrases, series_named
from mailtriage.state.history import History, HistoryError, open_history
from mailtriage.state.history_schema import Decision, history_file
from mailtriage.state.warnings import Owed, WarningsError, WarningsFile, warnings_file
from mailtriage.triage.model import Direction
from mailtriage.triage.model import Kind as Writer

EVERY: Final = 30.0
"""Seconds between two looks at whether a quarter of an hour is over, or an alert is due."""
AFTER_FAULT: Final = 300.0
LEARNT_AT_ONCE: Final = 86_400
"""Seconds of the past that are gone through in one step, when nothing was learnt yet."""
NEWS: Final = 7200
"""Seconds after which a surge is past: it is not told of when the service was down for so long."""
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
        self, config: Config, deltas: Deltas, log: Log, phrases: Phrases | None = None
    ) -> None:
        self._phrases: Final = phrases
        self._config: Final = config
        self._deltas: Final = deltas
        self._log: Final = log
        self._zone, self._week = _week_of(config)
        self._alerting: Final = Alerting(config, log)
        self._stop: Final = threading.Event()
        self._surging: set[Series] = set()
        self._board: Board | None = None
        self._trouble = ""
        self._thread: Final = threading.Thread(target=self._run, name="warnings", daemon=True)

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
        with closing(WarningsFile(warnings_file(database))) as kept:
            while not self._stop.is_set():
                self.look(kept, history_file(database), int(time.time()))
                self._trouble = ""
                self._stop.wait(EVERY)

    def look(self, kept: WarningsFile, file: Path, now: int) -> None:
        """Deliver what is due, and evaluate what is over; `file`: the history; `now`: seconds since
        the epoch. Raises HistoryError and WarningsError."""
        for one in kept.due(now):
            if self._stop.is_set():
                return
            again = self._alerting.deliver(one, now)
            kept.done(one) if again is None else kept.again(one, now + again)
        over = (now - GRACE) // QUARTER - 1
        if self._board is not None and over <= self._board.done <= over + AHEAD:
            return
        with open_history(file) as history:
            board = self._board or kept.read(self._week, self._config.warnings.alerts_a_week)
            if board is None or max(board.done, 4 * board.began) > over + AHEAD:
                board = self._learnt(history, now)
            if board is None:
                return
            found = evaluate(board, lambda quarter: counts_of(history, quarter), now)
            news = [one for one in found if (one.quarter + 1) * QUARTER >= now - NEWS]
            alerts = [told for one in news if (told := self._alert(history, one)) is not None]
        self._board = None  # what cannot be written is reckoned again
        kept.write(board, self._owed(alerts, now))
        self._board = board
        self._show(news, alerts)

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
            evaluate(board, lambda quarter: counts_of(history, quarter), past)
            if self._stop.is_set():
                return None
        return board

    def _alert(self, history: History, finding: Finding) -> Alert | None:
        if not finding.reading.event:
            return None
        since = float(finding.reading.since * 3600)
        until = float((finding.quarter + 1) * QUARTER)
        mails = [one for one in _mails(history, since, until) if finding.series in series_of(one)]
        languages = Counter(one.language for one in mails).most_common(5)
        examples = tuple(one.queue_id for one in mails if one.queue_id)[:3]
        phrases: tuple[str, ...] = ()
        if self._phrases is not None and finding.reading.event == "started":
            phrases = self._phrases.typical(finding.series)
        try:
            return alert(finding, tuple(languages), phrases, examples)
        except ValueError as unfit:  # a name or a queue id that is none of ours
            self._tell(str(unfit))
        try:
            return alert(finding)
        except ValueError:
            return None

    def _owed(self, alerts: list[Alert], now: float) -> list[Owed]:
        owed = []
        for one in alerts:
            if self._config.warnings.mail_to:
                subject, body = mail_text([one], self._zone)
                body += self._phrases.paragraph(now) if self._phrases is not None else ""
                content = f"{subject}\n{body}".encode()
                owed.append(Owed(one.id, "mail", content, 0, now))
            if self._config.warnings.webhook:
                owed.append(Owed(one.id, "webhook", webhook_body(one), 0, now))
        return owed

    def _show(self, findings: list[Finding], alerts: list[Alert]) -> None:
        for finding in findings:
            series, reading = finding.series, finding.reading
            labels = (series.kind, series.name)
            self._deltas.set(names.SURGE, *labels, value=int(reading.surging))
            self._deltas.set(names.SURGE_SCORE, *labels, value=reading.score)
            self._deltas.set(names.EXPECTED_MAILS, *labels, value=reading.hour_expected)
        for one in alerts:
            self._deltas.add(names.SURGES, one.series.kind, one.state)
            fields: dict[str, object] = {
                "event": "surge",
                "state": one.state,
                "series": f"{one.series.kind}:{one.series.name}",
                "observed": one.observed,
                "expected": f"{one.expected:.1f}",
                "senders": one.senders,
            }
            self._log.line("warning" if one.state == "started" else "info", fields)


def counts_of(history: History, quarter: int) -> dict[Series, Counts]:
    """What a quarter of an hour (counted since 1970) brought, from the history. Raises
    HistoryError."""
    parts: dict[Series, list[Counts]] = defaultdict(list)
    begins = float(quarter * QUARTER)
    for one in _mails(history, begins, begins + QUARTER):
        mail = one_mail(one.sender or b"\0", one.queue_id)
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
