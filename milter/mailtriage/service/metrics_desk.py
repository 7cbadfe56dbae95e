"""What is counted of the events that the desk and the ack worker report."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from mailtriage.desk.copy import Copy
from mailtriage.desk.delivery import Judgement
from mailtriage.desk.handle import NO_RESULTS, Outcome, Prepared
from mailtriage.desk.report import Level, Report
from mailtriage.service import metrics_names as names
from mailtriage.service.metrics_counting import NO_RULE
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.state.store import Store


class CountedJudgement:
    """The desk's judgement, which adds to its outcome the language that is counted."""

    def __init__(self, judgement: Judgement) -> None:
        self._judgement: Final = judgement

    def prepare(self, copy: Copy, now: float) -> Prepared | None:
        """See `Judgement`."""
        return self._judgement.prepare(copy, now)

    def apply(self, prepared: Prepared, store: Store, now: float) -> Outcome:
        """See `Judgement`. Counted is only what `counting` is told of: what is committed."""
        outcome = self._judgement.apply(prepared, store, now)
        if prepared.case is None or "rule" not in outcome.fields:
            return outcome
        language = prepared.case.triage.language
        return replace(outcome, fields={**outcome.fields, "language": language})


def counting(report: Report, deltas: Deltas) -> Report:
    """The same report, whose events are counted as well: what the log tells is what is counted."""

    def counted(level: Level, fields: Mapping[str, object]) -> None:
        _count_event(fields, deltas)
        report(level, fields)

    return counted


def _count_event(fields: Mapping[str, object], deltas: Deltas) -> None:
    state = str(fields.get("state", ""))
    match fields.get("event"):
        case "desk":
            _count_desk(fields, deltas)
        case "ack":
            deltas.add(names.DELIVERIES, state)
            if state == "sent":
                delay = float(str(fields["delay"]))
                deltas.observe(names.ACK_DELAY, value=delay)
        case "ack-server":
            deltas.set(names.ACK_SERVER, value=int(state == "up"))
        case "ack-limit" if state == "begins":
            deltas.add(names.ACK_LIMITED, str(fields["limit"]))
        case "complaint":
            deltas.add(names.COMPLAINTS)
        case "return" | "follow-up":
            _count_later(fields, deltas)
        case "desk-failed":
            deltas.add(names.DESK_FAILURES)
        case "desk-database":
            _count_trouble("desk", deltas, troubled=state == "unusable")
        case "shared-state" | "shared-unanswered" | "shared-circuit":
            _count_shared(fields, state, deltas)
        case "outbox-unusable" | "outbox-usable" as event:
            _count_trouble("outbox", deltas, troubled=event == "outbox-unusable")


def _count_desk(fields: Mapping[str, object], deltas: Deltas) -> None:
    result = str(fields["outcome"])
    if result == "double-ack":
        deltas.add(names.DOUBLE_ACKS)
    elif result == "answered":
        deltas.add(names.ANSWERED)
    elif result not in ("nothing", "known"):
        rule = str(fields.get("rule", "-"))
        deltas.add(names.ACKS, result, NO_RULE if rule == "-" else rule)
        if "language" in fields:
            deltas.add(names.ACK_LANGUAGES, result, str(fields["language"]))
        if rule == NO_RESULTS:
            deltas.add(names.NO_RESULTS)


def _count_later(fields: Mapping[str, object], deltas: Deltas) -> None:
    """What follows an acknowledgement, and what comes back of that."""
    if fields["event"] == "follow-up":
        name = names.UPDATES if fields["kind"] == "update" else names.SURVEYS
        deltas.add(name, str(fields["skill"]), str(fields["result"]))
        return
    deltas.add(names.RETURNS, str(fields["kind"]), str(fields["result"]))
    if "vote" in fields:
        deltas.add(names.VOTES, str(fields["skill"]), str(fields["vote"]))


def _count_shared(fields: Mapping[str, object], state: str, deltas: Deltas) -> None:
    match fields["event"]:
        case "shared-state":
            _count_trouble("sharing", deltas, troubled=state == "unusable", backend="redis")
        case "shared-unanswered":
            deltas.add(names.STATE_ERRORS, "redis", "desk", amount=float(str(fields["mails"])))
        case _:
            deltas.set(names.STATE_OPEN, "redis-desk", value=int(state == "open"))


def _count_trouble(op: str, deltas: Deltas, *, troubled: bool, backend: str = "sqlite") -> None:
    if troubled:
        deltas.add(names.STATE_ERRORS, backend, op)
    deltas.set(names.STATE_OPEN, op, value=int(troubled))
