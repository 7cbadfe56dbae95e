"""A working day of a helpdesk as its metrics tell it: invented mail, counted by the real registry.

What happens: a reload that is refused at 9:05, and the one that mends it at 9:12; no mail server for
acknowledgements from 11:00 to 11:25; an outage that customers write about from 13:00; a machine
that is short of CPU at 16:05; Redis away at 18:20. People answer from 8 to 17.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Final

from prometheus_client import Metric

from mailtriage.doors.analysis import Analyst
from mailtriage.knowledge.index_build import build_index
from mailtriage.knowledge.model import Document, Section
from mailtriage.service import metrics_names as names
from mailtriage.service.load import read_everything
from mailtriage.service.metrics_counting import NO_RULE
from mailtriage.service.metrics_declared import declare_all
from mailtriage.service.metrics_monitor import REASONS
from mailtriage.service.metrics_registry import Registry
from mailtriage.state.outbox import OWED
from mailtriage.triage.skill import NO_TOPIC
from tests.support.metrics_learnt import Learnt, observe, poisson
from tests.support.prometheus import Recording

BEGIN: Final = 1_794_873_600
"""Tuesday, 17 November 2026, 0:00 UTC."""
HOUR: Final = 3600
WEEK: Final = 7 * 24 * HOUR
SCRAPE: Final = 60
"""Seconds between two scrapes."""

DOORS: Final = {"milter": 2, "analyser": 2, "desk": 1, "acks": 1, "selftest": 1}
BY_HOUR: Final = (
    0.1, 0.06, 0.05, 0.05, 0.08, 0.15, 0.4, 0.9, 1.7, 2.2, 2.3, 2.1,
    1.6, 1.8, 1.9, 1.7, 1.5, 1.2, 0.9, 0.8, 0.7, 0.6, 0.4, 0.2,
)  # fmt: skip
"""Mails a minute."""
SKILLS: Final = {
    "billing": 22, "delivery": 20, "technical": 14, "account": 11, "returns": 10, "sales": 8,
    "cancellation": 5, "complaint": 4, "privacy": 2, "general": 4,
}  # fmt: skip
LANGUAGES: Final = {
    "sv": 38, "en": 24, "de": 14, "da": 7, "nb": 6, "fi": 4, "fr": 3, "nl": 2, "und": 2,
}  # fmt: skip
FORBIDDEN: Final = {
    "B1": 6, "B2": 14, "B3": 9, "A4": 7, "A1": 3, "C1": 4, "D5": 3, "D9": 2, "F2": 5, "F14": 2,
    "G1": 21, "G3": 6, "G4": 4, "G5": 3, "E6": 4,
}  # fmt: skip
STAGES: Final = {
    "parse": 0.3, "language": 0.06, "policy": 0.12, "state": 0.08, "header": 0.05, "judge": 0.32,
    "answer": 0.07,
}  # fmt: skip
SHELVES: Final = ("en", "sv", "de")
"""Languages of the help pages."""
MANY: Final = frozenset(
    {
        *(names.SIGNALS, names.TIME_LIMITS, names.ACKS, names.DECISIONS),
        *(names.ACK_LANGUAGES, names.DECISION_LANGUAGES),
    }
)
"""Families with hundreds of series, most of them 0 for ever: those are not recorded."""


def analyst(directory: Path) -> Analyst:
    """As a service with one mailbox has it, on one of several nodes, with help pages, updates and
    surveys."""
    file = directory / "mailtriage.toml"
    sections = (
        Section("Banks take three days.", "When is it back?", id=f"kb-{one}", language=one)
        for one in SHELVES
    )
    build_index([Document((section,)) for section in sections], directory / "kb.idx")
    state = f'[state]\nurl = "redis://127.0.0.1:1/0"\nfile = "{directory}/state.db"\n'
    help_pages = f'[kb]\nindex = "{directory}/kb.idx"\n'
    follow_ups = '[return_addresses]\ndomain = "triage.desk.example"\n'
    mailbox = '[mailboxes."help@desk.example"]\nupdates = "send"\nsurvey = "send"\n'
    file.write_text(f"{state}{help_pages}{follow_ups}{mailbox}")
    return read_everything([file]).analyst()


def recorded_day(analyst: Analyst, first: int = 0, last: int = 24) -> Recording:
    """Those hours of the day, with all that happens."""
    day = Day(analyst, Random(7))
    recording = Recording()
    for second in range(BEGIN + first * HOUR, BEGIN + last * HOUR + 1, SCRAPE):
        day.minute(second)
        recording.scrape(second, day.exposed())
    return recording


def recorded_week_before(analyst: Analyst, first: int = 0, last: int = 24) -> Recording:
    """The same hours a week before, a quiet day; only what is compared."""
    day = Day(analyst, Random(8), quiet=True)
    recording = Recording()
    for second in range(BEGIN + first * HOUR, BEGIN + last * HOUR + 1, SCRAPE):
        day.minute(second)
        compared = (names.TAGS, names.TOPIC)
        kept = [each for each in day.exposed() if f"{each.name}_total" in compared]
        recording.scrape(second - WEEK, kept)
    return recording


class Day:
    """The registry of a supervisor, and the mail that it counts, a minute at a time."""

    def __init__(self, analyst: Analyst, random: Random, *, quiet: bool = False) -> None:
        self.registry: Final = Registry()
        self._random: Final = random
        self._quiet: Final = quiet
        self._waiting: Final[list[int]] = []
        policies = analyst.matcher.policies
        self._topics: Final = {
            policy.name: sorted({signal.topic for signal in policy.signals if signal.topic})
            for policy in policies.skills
        }
        self._signals: Final = {
            policy.name: [signal.id for signal in policy.signals] for policy in policies.skills
        }
        self._pattern: Final = next(
            (policy.name, signal.id)
            for policy in policies.skills
            for signal in policy.signals
            if signal.regex
        )
        declare_all(self.registry, analyst)
        self._learnt: Final = Learnt(self.registry, random, SKILLS, quiet=quiet)
        self.registry.declare(
            names.RESTARTS, [(door, reason) for door in DOORS for reason in REASONS]
        )
        self.registry.set(names.BUILD, "0.1.0", "3.11.7", "1.0.1", value=1)
        self.registry.set(names.STARTED, value=BEGIN - 3 * 24 * HOUR)
        self._loaded = float(BEGIN - 3 * 24 * HOUR)
        self._reload_good = 1

    def exposed(self) -> Iterator[Metric]:
        """What a scrape gets."""
        for metric in self.registry.collect():
            if f"{metric.name}_total" in MANY:
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric

    def minute(self, second: int) -> None:
        """All that happens in the minute before that second."""
        clock = (second - BEGIN) / HOUR
        self._events(clock, second)
        number = self._poisson(BY_HOUR[int(clock) % 24] * (0.92 if self._quiet else 1))
        for _ in range(number):
            self._mail(clock, second, self._pick(SKILLS))
        if not self._quiet and 13 <= clock < 15:
            for _ in range(self._poisson(2.2 if clock < 14 else 0.9)):
                self._mail(clock, second, "technical", topic="outage")
        for _ in range(self._poisson(BY_HOUR[int(clock) % 24] * 0.6 if 7 < clock < 19 else 0)):
            self.registry.add(names.MESSAGES, "outbound", "skipped")
            self.registry.add(names.ANSWERED)
        self._send(clock, second)
        self._gauges(clock, second)
        self._learnt.minute(clock, second, BY_HOUR[int(clock) % 24])

    def _mail(self, clock: float, second: int, skill: str, topic: str = "") -> None:
        registry, random = self.registry, self._random
        slow = not self._quiet and 16.08 < clock < 16.25
        seconds = random.lognormvariate(-6.1, 0.55) * (random.choice((40, 200, 900)) if slow else 1)
        if seconds > 2:
            registry.add(names.MESSAGES, "inbound", "fail_open")
            registry.add(names.FAIL_OPEN, random.choice(("timeout", "timeout", "overload")))
            return
        registry.add(names.MESSAGES, "inbound", "unsure" if skill == "general" else "tagged")
        registry.add(names.HISTORY_RECORDS)
        if random.random() < (0.2 if slow else 0.01):
            registry.add(names.TIME_LIMITS, *self._pattern)
        self._observe(names.DURATION, seconds)
        for stage, part in STAGES.items():
            self._observe(names.STAGES, seconds * part * random.uniform(0.7, 1.3), stage)
        self._observe(names.SIZE, random.lognormvariate(8.6, 1.2))
        self._observe(names.STATE_DURATION, random.lognormvariate(-10.2, 0.5), "ledger")
        self._observe(names.STATE_DURATION, random.lognormvariate(-9.1, 0.4), "customers")
        pressing = {"urgent": 20, "high": 60, "normal": 20, "low": 0.01}
        usual = {"urgent": 2, "high": 11, "normal": 72, "low": 15}
        registry.add(names.TAGS, skill, self._pick(pressing if topic else usual))
        found = topic or random.choice(self._topics.get(skill) or [NO_TOPIC])
        registry.add(names.TOPIC, found)
        language = self._pick(LANGUAGES)
        registry.add(names.LANGUAGE, language)
        if language in SHELVES:
            said = self._pick({"suggested": 31, "maybe": 12, "abstained": 57})
            registry.add(names.KB_SUGGESTIONS, said, language)
        self._learnt.mail(skill, second)
        cross = {"positive": 2, "neutral": 30, "negative": 60}
        moods = {"positive": 12, "neutral": 70, "negative": 18}
        registry.add(names.MOOD, self._pick(cross if topic else moods))
        registry.add(names.CHURN, self._pick({"high": 3, "medium": 7, "low": 90}))
        registry.add(names.TIER, self._pick({"vip": 3, "gold": 9, "standard": 58, "unknown": 30}))
        registry.add(names.KIND, self._pick({"human": 80, "machine": 10, "bounce": 3, "list": 7}))
        registry.add(names.THREAD, self._pick({"new": 74, "reply": 20, "chaser": 6}))
        if skill in self._signals:
            signals = self._signals[skill]
            for signal in {signals[int(random.random() ** 3 * len(signals))] for _ in range(2)}:
                registry.add(names.SIGNALS, skill, signal)
        self._decide(language, second)

    def _decide(self, language: str, second: int) -> None:
        registry = self.registry
        if self._random.random() < 0.38:
            rule = self._pick(FORBIDDEN)
            for name in (names.DECISIONS, names.ACKS):
                registry.add(name, "skipped", rule)
            return
        registry.add(names.DECISIONS, "sent", NO_RULE)
        registry.add(names.DECISION_LANGUAGES, "sent", language)
        if self._random.random() < 0.06:  # what the desk sees, and the door did not
            registry.add(names.ACKS, "skipped", "F2")
            return
        registry.add(names.ACKS, "owed", NO_RULE)
        registry.add(names.ACK_LANGUAGES, "owed", language)
        self._waiting.append(second)

    def _send(self, clock: float, second: int) -> None:
        if self._away(clock):
            for _ in self._waiting[:6]:
                self.registry.add(names.DELIVERIES, "retry")
            return
        for since in self._waiting:
            waited = max(0, second - since)
            self._observe(names.ACK_DELAY, waited + self._random.lognormvariate(-0.7, 0.7))
            self.registry.add(names.DELIVERIES, "sent")
        self._waiting.clear()

    def _events(self, clock: float, second: int) -> None:
        if self._quiet:
            return
        registry, at = self.registry, round(clock * 60)
        if at == 9 * 60 + 5:
            registry.add(names.RELOADS, "refused")
            self._reload_good = 0
        elif at == 9 * 60 + 12:
            registry.add(names.RELOADS, "done")
            self._reload_good, self._loaded = 1, float(second)
        elif at == 15 * 60 + 40:
            registry.add(names.RESTARTS, "analyser", "died")
            registry.add(names.MESSAGES, "inbound", "fail_open")
            registry.add(names.FAIL_OPEN, "crash")
        elif at == 20 * 60:
            registry.add(names.RESTARTS, "milter", "worn-out")
        elif at == 13 * 60 + 20:
            registry.add(names.ACK_LIMITED, "per_hour")
        elif 18 * 60 + 20 <= at < 18 * 60 + 26:
            registry.add(names.STATE_ERRORS, "redis", "customers", amount=3)
            registry.add(names.HISTORY_DROPPED, "queue", amount=at % 3)

    def _gauges(self, clock: float, second: int) -> None:
        registry, random = self.registry, self._random
        registry.set(names.RELOAD_GOOD, value=self._reload_good)
        registry.set(names.RELOAD_TIME, value=self._loaded)
        registry.set(names.SESSIONS, value=self._poisson(BY_HOUR[int(clock) % 24] * 1.4))
        for door, wanted in DOORS.items():
            for state in ("starting", "ready", "leaving"):
                registry.set(names.WORKERS, door, state, value=wanted if state == "ready" else 0)
        registry.set(names.SELFTEST, value=1)
        registry.set(names.SELFTEST_TIME, value=second - random.uniform(1, 29))
        registry.set(names.SELFTEST_ANSWER, value=second - random.uniform(1, 29))
        registry.set(names.SELFTEST_DURATION, value=random.lognormvariate(-5.2, 0.25))
        away = self._away(clock)
        registry.set(names.ACK_SERVER, value=int(not away))
        for op in ("ledger", "desk", "outbox"):
            registry.set(names.STATE_OPEN, op, value=0)
        apart = 0 if self._quiet else round(clock * 60) - 18 * 60 - 20
        for op in ("customers", "redis-ledger", "redis-desk", "sharing"):
            registry.set(names.STATE_OPEN, op, value=int(0 <= apart < 6))
        registry.set(names.UNSHARED, value=9 * apart if 0 <= apart < 7 else 0)
        held = {"RETRY": len(self._waiting)} if away else {"READY": random.choice((0, 0, 1))}
        for state in (*OWED, "DEAD"):
            oldest = second - self._waiting[0] if state == "RETRY" and self._waiting else 0
            registry.set(names.OUTBOX, state, value=held.get(state, 0))
            registry.set(names.OUTBOX_OLDEST, state, value=oldest)

    def _away(self, clock: float) -> bool:
        return not self._quiet and 11 <= clock < 11.4

    def _observe(self, name: str, value: float, *labels: str) -> None:
        observe(self.registry, name, value, *labels)

    def _pick(self, weights: Mapping[str, float]) -> str:
        return self._random.choices(list(weights), list(weights.values()))[0]

    def _poisson(self, mean: float) -> int:
        return poisson(self._random, mean)
