"""What follows from an evaluation: mails and calls about a surge, metrics, and lines of the log."""

from typing import Final
from zoneinfo import ZoneInfo

from mailtriage.config import Config
from mailtriage.insight.alert import Alert, mail_text, webhook_body
from mailtriage.insight.counts import Counts, Series
from mailtriage.insight.evaluator import Finding, alert
from mailtriage.service import metrics_names as names
from mailtriage.service.alerting import Alerting
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.phrases import Phrases
from mailtriage.state.warnings import Owed

LANGUAGES_SHOWN: Final = 5
_GAUGES: Final = (names.SURGE, names.SURGE_SCORE, names.EXPECTED_MAILS)


class Telling:
    """For one thread."""

    def __init__(
        self, config: Config, deltas: Deltas, log: Log, phrases: Phrases | None, zone: ZoneInfo
    ) -> None:
        self._settings: Final = config.warnings
        self._deltas: Final = deltas
        self._log: Final = log
        self._phrases: Final = phrases
        self._zone: Final = zone
        self._alerting: Final = Alerting(config, log)
        self._shown: set[Series] = set()

    def deliver(self, one: Owed, now: int) -> float | None:
        """See `Alerting.deliver`."""
        return self._alerting.deliver(one, now)

    def owed(self, finding: Finding, counts: Counts, now: int) -> list[Owed]:
        """What is to be said of it, and at once; `counts`: of its series, since its rise began.
        Nothing where nothing began or ended, or nobody is to be told."""
        told = self._alert(finding, counts)
        owed: list[Owed] = []
        if told is not None and self._settings.mail_to:
            subject, body = mail_text([told], self._zone)
            body += self._phrases.paragraph(now) if self._phrases is not None else ""
            owed.append(Owed(told.id, "mail", f"{subject}\n{body}".encode(), 0, now))
        if told is not None and self._settings.webhook:
            owed.append(Owed(told.id, "webhook", webhook_body(told), 0, now))
        return owed

    def show(self, findings: list[Finding]) -> None:
        """In metrics, and what began or ended in the log."""
        for finding in findings:
            series, reading = finding.series, finding.reading
            values = (int(reading.surging), reading.score, reading.hour_expected)
            for name, value in zip(_GAUGES, values, strict=True):
                self._deltas.set(name, series.kind, series.name, value=value)
            self._shown.add(series)
            self._log_event(finding)

    def hide(self) -> None:
        """This node shows nothing any more: another one does."""
        for series in self._shown:
            for name in _GAUGES:
                self._deltas.set(name, series.kind, series.name, value=0.0)
        self._shown.clear()

    def _log_event(self, finding: Finding) -> None:
        try:
            one = alert(finding)
        except ValueError:
            one = None
        if one is None:
            return
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

    def _alert(self, finding: Finding, counts: Counts) -> Alert | None:
        phrases: tuple[str, ...] = ()
        if self._phrases is not None and finding.reading.event == "started":
            phrases = self._phrases.typical(finding.series)
        languages = counts.languages[:LANGUAGES_SHOWN]
        try:
            return alert(finding, languages, phrases, counts.examples)
        except ValueError as unfit:  # a name or a queue id that is none of ours
            self._log.line("warning", {"event": "early-warning", "fault": str(unfit)})
        try:
            return alert(finding)
        except ValueError:
            return None
