"""What is counted of a mail."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Final, Protocol, TypeVar, runtime_checkable

from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.tried import Tried
from mailtriage.policies.model import GENERAL, Policies
from mailtriage.service import metrics_names as names
from mailtriage.service.metrics_deltas import Deltas, Series
from mailtriage.service.metrics_stages import clock_stages
from mailtriage.state.ledger import History, Ledger, LedgerQuestion
from mailtriage.tags.model import Status
from mailtriage.triage.customer import CustomerList
from mailtriage.triage.model import Direction, Kind, Tier

NO_RULE: Final = "none"
"""The label of what no rule forbade."""

FAIL_OPEN: Final = (Status.TIMEOUT, Status.ERROR, Status.OVERLOAD)

_T = TypeVar("_T")


@runtime_checkable
class _Failing(Protocol):
    """A customer list on another machine."""

    @property
    def failures(self) -> int:
        """Look-ups that failed."""

    @property
    def resting(self) -> bool:
        """Whether it is left alone at this moment."""


@runtime_checkable
class _Troubled(Protocol):
    """A ledger in a file."""

    @property
    def problem(self) -> str:
        """Why nothing is known at present; empty when all is well."""


@runtime_checkable
class _Shared(Protocol):
    """A ledger of several nodes, in Redis."""

    @property
    def failures(self) -> int:
        """Questions that were not answered."""

    @property
    def shared_problem(self) -> str:
        """Why Redis is left alone at present; empty when all is well."""


class Watch:
    """Counts what the analyser does. One mail at a time."""

    def __init__(self, analyst: Analyst, deltas: Deltas) -> None:
        self._deltas: Final = deltas
        # Asked once: what isinstance() does for a protocol takes microseconds.
        self._ledger: Final = analyst.ledger if isinstance(analyst.ledger, _Troubled) else None
        self._shared: Final = analyst.ledger if isinstance(analyst.ledger, _Shared) else None
        self._shared_failures = 0
        customers = analyst.customers
        self._customers: Final = customers if isinstance(customers, _Failing) else None
        self._signals: Final = _signals(analyst.matcher.policies)
        self._reading = 0.0
        self._asked: Final[list[tuple[str, float]]] = []
        self._spent: Final[dict[str, float]] = {}
        self._failures = 0
        self._troubled = False
        clock_stages(self._spent)
        if self._customers is not None:
            resting = self._customers
            deltas.follow(names.STATE_OPEN, "customers", read=lambda: int(resting.resting))
        self.analyst: Final = replace(
            analyst,
            matcher=analyst.matcher.watched(partial(deltas.add, names.TIME_LIMITS)),
            ledger=_TimedLedger(analyst.ledger, self),
            customers=_TimedCustomers(analyst.customers, self),
        )
        """The same analyst, whose questions to what is remembered are timed, and whose matcher
        tells of patterns that it gave up."""

    def reading(self, read: Callable[[], _T]) -> Callable[[], _T]:
        """`read`, timed; begins a mail."""
        self._reading = 0.0
        self._asked.clear()
        self._spent.clear()

        def timed() -> _T:
            begun = perf_counter()
            try:
                return read()
            finally:
                self._reading = perf_counter() - begun

        return timed

    def asked(self, op: str, seconds: float) -> None:
        """One question to what is remembered is through."""
        self._asked.append((op, seconds))

    def count(self, analysis: Analysis, queue_id: str, answering: float) -> None:
        """A mail is judged and answered for; `answering`: seconds that the answer took."""
        deltas = self._deltas
        seconds = analysis.milliseconds / 1000
        deltas.observe(names.DURATION, value=seconds, queue_id=queue_id)
        asking = sum(part for _, part in self._asked)
        judging = max(0.0, seconds - self._reading - asking - sum(self._spent.values()))
        parts = {
            "parse": self._reading,
            "state": asking,
            "judge": judging,
            "answer": answering,
            **self._spent,
        }
        for stage, part in parts.items():
            deltas.observe(names.STAGES, stage, value=part)
        for op, part in self._asked:
            deltas.observe(names.STATE_DURATION, op, value=part)
        deltas.add_all(of_mail(analysis, self._signals))
        if analysis.mail is not None:
            size = analysis.mail.body_bytes
            deltas.observe(names.SIZE, value=size, queue_id=queue_id)
        self._count_failures()

    def _count_failures(self) -> None:
        if self._customers is not None:
            failures = self._customers.failures
            if failures > self._failures:
                more = failures - self._failures
                self._deltas.add(names.STATE_ERRORS, "redis", "customers", amount=more)
            self._failures = failures
        troubled = self._ledger is not None and bool(self._ledger.problem)
        if troubled and not self._troubled:
            self._deltas.add(names.STATE_ERRORS, "sqlite", "ledger")
        if troubled != self._troubled:
            self._deltas.set(names.STATE_OPEN, "ledger", value=int(troubled))
        self._troubled = troubled
        if self._shared is not None:
            self._count_shared(self._shared)

    def _count_shared(self, ledger: _Shared) -> None:
        more = ledger.failures - self._shared_failures
        if more:
            self._deltas.add(names.STATE_ERRORS, "redis", "ledger", amount=more)
        self._deltas.set(names.STATE_OPEN, "redis-ledger", value=int(bool(ledger.shared_problem)))
        self._shared_failures += more


def of_mail(analysis: Analysis, signals: Mapping[str, str]) -> Iterator[Series]:
    """The counters that one mail adds to; `signals`: id of a signal to the name of its policy."""
    triage = analysis.triage
    yield names.MESSAGES, (triage.direction, outcome(analysis))
    if analysis.exempt:
        return
    if analysis.status in FAIL_OPEN:
        yield names.FAIL_OPEN, (reason(analysis),)
    if triage.direction is not Direction.INBOUND or analysis.mail is None:
        return
    if analysis.tried is not None:
        yield from _would(analysis.tried)
    yield names.TAGS, (triage.skill, triage.priority)
    yield names.LANGUAGE, (triage.language,)
    yield names.TOPIC, (triage.topic,)
    yield names.MOOD, (triage.mood,)
    yield names.TIER, (triage.tier,)
    yield names.CHURN, (triage.churn,)
    yield names.KIND, (triage.kind,)
    yield names.THREAD, (triage.thread,)
    for signal in {entry.id for entry in triage.why}:
        if signal in signals:
            yield names.SIGNALS, (signals[signal], signal)
    if analysis.suggested.result:
        yield names.KB_SUGGESTIONS, (analysis.suggested.result, triage.language)
    if analysis.plan is not None:
        verdict = analysis.plan.verdict
        yield names.DECISIONS, (verdict.announced, verdict.rule or NO_RULE)
        yield names.DECISION_LANGUAGES, (verdict.announced, triage.language)


def _would(tried: Tried) -> Iterator[Series]:
    """What would have been done to a mail."""
    if "tags" in tried.actions:
        yield names.DRY_RUN, ("tags", "tagged")
    if "acknowledge" in tried.actions and tried.plan is not None:
        yield names.DRY_RUN, ("acknowledge", tried.plan.verdict.announced)
    if "route" in tried.actions and tried.reroute:
        yield names.DRY_RUN, ("route", "routed")
    for policy in tried.policies:
        yield names.DRY_RUN, ("policy", policy)


def outcome(analysis: Analysis) -> str:
    """tagged, unsure, unread, skipped or fail_open."""
    if analysis.exempt:
        return "skipped"
    if analysis.status in FAIL_OPEN:
        return "fail_open"
    if analysis.triage.direction is Direction.OUTBOUND:
        return "skipped"
    if analysis.status is Status.UNREAD:
        return "unread"
    unsure = analysis.triage.kind is Kind.HUMAN and analysis.triage.skill == GENERAL
    return "unsure" if unsure else "tagged"


def reason(analysis: Analysis) -> str:
    """Why a mail passed without its tags: timeout, overload, crash or bug."""
    if analysis.status is not Status.ERROR:
        return str(analysis.status)
    return "crash" if analysis.detail == "analyser ended" else "bug"


def _signals(policies: Policies) -> dict[str, str]:
    # Should two policies have a signal of one name, the first has it all.
    pairs = [(signal.id, policy.name) for policy in policies.all() for signal in policy.signals]
    return dict(reversed(pairs))


class _TimedLedger:
    """A ledger, and the time that it takes."""

    def __init__(self, ledger: Ledger, watch: Watch) -> None:
        self._ledger: Final = ledger
        self._watch: Final = watch

    def look_up(self, question: LedgerQuestion) -> History:
        """See `Ledger`."""
        begun = perf_counter()
        found = self._ledger.look_up(question)
        self._watch.asked("ledger", perf_counter() - begun)
        return found

    def original_id(self, key: bytes, address: str) -> str:
        """See `Ledger`."""
        begun = perf_counter()
        found = self._ledger.original_id(key, address)
        self._watch.asked("ledger", perf_counter() - begun)
        return found


class _TimedCustomers:
    """A customer list, and the time that it takes."""

    def __init__(self, customers: CustomerList, watch: Watch) -> None:
        self._customers: Final = customers
        self._watch: Final = watch

    def tier(self, keys: tuple[str, ...]) -> tuple[Tier, str]:
        """See `CustomerList`."""
        begun = perf_counter()
        found = self._customers.tier(keys)
        self._watch.asked("customers", perf_counter() - begun)
        return found
