"""What `mailtriage top` shows, as data: scrapes → Page. Pure; `--json` prints it as it is."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mailtriage.commands.top_scrape import Scrape
from mailtriage.commands.top_spans import WINDOW, Span, long_span, short_span
from mailtriage.service import metrics_names as names
from mailtriage.state.outbox import OWED
from mailtriage.triage.model import Priority

Level = Literal["good", "warn", "bad"]

LATE: Final = 90.0
"""Seconds after which a self-test that passed says nothing any more."""
OLD: Final = 300.0
"""Seconds after which an acknowledgement that is owed is late."""


@dataclass(frozen=True, slots=True)
class Note:
    """One statement about the service's health."""

    text: str
    level: Level


@dataclass(frozen=True, slots=True)
class Flow:
    """Mails of one span."""

    seconds: float
    since_start: bool
    """Whether the span is the whole life of the service."""
    inbound: int
    outbound: int
    per_second: float
    unsure: int
    fail_open: int
    reasons: tuple[tuple[str, int], ...]
    """Why some failed open, the most frequent first."""
    p50: float | None
    """Seconds in which half of the mails were judged; None without mails."""
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Share:
    """How many mails had one value."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Held:
    """What the outbox holds in one state."""

    state: str
    count: int
    oldest: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Store:
    """Something that is remembered, and how well it can be reached."""

    backend: str
    op: str
    errors: int
    """In the long span."""
    open: bool
    """Whether it is left alone, or does not work."""
    p95: float | None
    """Seconds of a question to it, in the long span."""


@dataclass(frozen=True, slots=True)
class Row:
    """One decision."""

    at: float
    queue_id: str
    mailbox: str
    priority: str
    skill: str
    language: str
    ack: str
    ack_rule: str
    why: tuple[str, ...]
    ms: float
    status: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """The last decisions, newest first."""

    rows: tuple[Row, ...] = ()
    note: str = ""
    """Why there are none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the metrics do not say."""

    where: str
    """The address that was asked."""
    interval: float
    redis: frozenset[str] = frozenset()
    """What the configuration asks Redis for: the `op` of the metrics."""
    fault: str = ""
    """Why the service does not answer at present."""
    now: float = 0.0
    """Seconds since the epoch; of the last scrape unless it is later."""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the screen."""

    at: float
    version: str
    where: str
    interval: float
    fault: str
    health: tuple[Note, ...]
    short: Flow
    long: Flow
    stages: tuple[tuple[str, float], ...]
    """Mean seconds of each part of an analysis, in the long span."""
    skills: tuple[Share, ...]
    priorities: tuple[Share, ...]
    languages: tuple[Share, ...]
    announced: tuple[tuple[str, str, int], ...]
    """What the doors announced of acknowledgements: result, rule, and how often."""
    decided: tuple[tuple[str, str, int], ...]
    """The same of what the desk decided, of mail that Postfix accepted."""
    deliveries: tuple[tuple[str, int], ...]
    """What became of acknowledgements at the mail server."""
    ack_server: bool | None
    """Whether the mail server takes them; None: nobody has tried."""
    outbox: tuple[Held, ...]
    stores: tuple[Store, ...]
    decisions: Decisions


def make_page(past: Sequence[Scrape], decisions: Decisions, facts: Facts) -> Page:
    """The page of these scrapes, the newest last; at least one."""
    new, short, long = past[-1], short_span(past), long_span(past)
    stores = _stores(long, facts.redis)
    outbox = _outbox(new)
    return Page(
        at=max(new.at, facts.now),
        version=next((key[0] for key in new.by(names.BUILD, "version")), ""),
        where=facts.where,
        interval=facts.interval,
        fault=facts.fault,
        health=_health(new, long, stores, outbox, facts.fault),
        short=_flow(short),
        long=_flow(long),
        stages=_stages(long),
        skills=_shares(long.by(names.TAGS, "skill")),
        priorities=_priorities(long),
        languages=_shares(long.by(names.LANGUAGE, "language")),
        announced=_results(long, names.DECISIONS),
        decided=_results(long, names.ACKS),
        deliveries=_most(long.by(names.DELIVERIES, "result")),
        ack_server=bool(new.total(names.ACK_SERVER)) if new.has(names.ACK_SERVER) else None,
        outbox=outbox,
        stores=stores,
        decisions=decisions,
    )


def _flow(span: Span) -> Flow:
    inbound = span.total(names.MESSAGES, direction="inbound")
    outbound = span.total(names.MESSAGES, direction="outbound")
    return Flow(
        seconds=span.seconds,
        since_start=span.old is None,
        inbound=round(inbound),
        outbound=round(outbound),
        per_second=(inbound + outbound) / span.seconds,
        unsure=round(span.total(names.MESSAGES, outcome="unsure")),
        fail_open=round(span.total(names.FAIL_OPEN)),
        reasons=_most(span.by(names.FAIL_OPEN, "reason")),
        p50=span.quantile(names.DURATION, 0.5),
        p95=span.quantile(names.DURATION, 0.95),
        p99=span.quantile(names.DURATION, 0.99),
    )


def _most(counts: dict[tuple[str, ...], float]) -> tuple[tuple[str, int], ...]:
    """The values that occurred, the most frequent first, and then by the alphabet."""
    found = [(key[0], round(count)) for key, count in counts.items() if round(count)]
    return tuple(sorted(found, key=lambda one: (-one[1], one[0])))


def _shares(counts: dict[tuple[str, ...], float]) -> tuple[Share, ...]:
    return tuple(Share(name, count) for name, count in _most(counts))


def _priorities(span: Span) -> tuple[Share, ...]:
    """All of them, the most urgent first: one looks for them at their places."""
    counts = {key[0]: round(count) for key, count in span.by(names.TAGS, "priority").items()}
    return tuple(Share(str(one), counts.get(str(one), 0)) for one in Priority)


def _stages(span: Span) -> tuple[tuple[str, float], ...]:
    sums = span.by(f"{names.STAGES}_sum", "stage")
    counts = span.by(f"{names.STAGES}_count", "stage")
    return tuple(
        (key[0], total / counts[key]) for key, total in sums.items() if counts.get(key, 0.0) > 0
    )


def _results(span: Span, name: str) -> tuple[tuple[str, str, int], ...]:
    counts = span.by(name, "result", "rule")
    found = [(key[0], key[1], round(count)) for key, count in counts.items() if round(count)]
    return tuple(sorted(found, key=lambda one: (-one[2], one[0], one[1])))


def _outbox(new: Scrape) -> tuple[Held, ...]:
    counts = new.by(names.OUTBOX, "state")
    oldest = new.by(names.OUTBOX_OLDEST, "state")
    return tuple(
        Held(state, round(counts[(state,)]), oldest.get((state,), 0.0))
        for state in (*OWED, "DEAD")
        if (state,) in counts
    )


def _stores(span: Span, redis: Collection[str]) -> tuple[Store, ...]:
    opened = span.new.by(names.STATE_OPEN, "op")
    found = []
    for (backend, op), errors in span.by(names.STATE_ERRORS, "backend", "op").items():
        # The gauge of Redis has a name of its own where SQLite is asked the same.
        shared = backend == "redis" and op != "customers"
        circuit = op if not shared or op == "sharing" else f"redis-{op}"
        asked = None if shared else span.quantile(names.STATE_DURATION, 0.95, op=op)
        store = Store(backend, op, round(errors), opened.get((circuit,), 0.0) > 0, asked)
        # Its series are there from the start, whether anybody uses it or not.
        if backend != "redis" or op in redis or store.errors or store.open:
            found.append(store)
    return tuple(found)


def _health(
    new: Scrape, span: Span, stores: Sequence[Store], outbox: Sequence[Held], fault: str
) -> tuple[Note, ...]:
    """What is wrong comes first."""
    notes = [
        *([Note(f"does not answer: {fault}", "bad")] if fault else ()),
        *(Note(line, "bad") for line in new.unready),
        *_selftest(new),
        *_workers(new, span),
        *_reload(new),
        *(Note(f"circuit open: {one.backend} {one.op}", "bad") for one in stores if one.open),
        *_owed(new, outbox),
        *_untagged(span),
    ]
    if not any(note.level == "bad" for note in notes):
        notes.insert(0, Note("ready", "good"))
    order = ("bad", "warn", "good")
    return tuple(sorted(notes, key=lambda note: order.index(note.level)))


def _selftest(new: Scrape) -> Iterable[Note]:
    if not new.has(names.SELFTEST):
        return
    passed = new.total(names.SELFTEST_TIME)
    age = max(0.0, new.at - passed)
    if not passed:
        yield Note("no self-test has passed yet", "warn")
    elif not new.total(names.SELFTEST) or age > LATE:
        yield Note(f"self-test fails, last passed {duration(age)} ago", "bad")
    else:
        took = new.total(names.SELFTEST_DURATION)
        yield Note(f"self-test passed in {duration(took)}", "good")


def _workers(new: Scrape, span: Span) -> Iterable[Note]:
    ready = new.by(names.WORKERS, "door", state="ready")
    counted = (
        f"{door} {count:.0f}" if count != 1 else door
        for (door,), count in ready.items()
        if door != "selftest" and count
    )
    yield Note(f"workers: {', '.join(counted) or 'none'}", "good" if any(ready.values()) else "bad")
    for state in ("starting", "leaving"):
        moving = new.total(names.WORKERS, state=state)
        if moving:
            yield Note(f"{moving:.0f} {state}", "warn")
    for (door, reason), count in span.by(names.RESTARTS, "door", "reason").items():
        if count and reason != "worn-out":
            yield Note(f"{door} {reason} {count:.0f}×", "warn")


def _reload(new: Scrape) -> Iterable[Note]:
    if not new.total(names.RELOAD_GOOD):
        yield Note("reload refused: mailtriage check", "bad")
    elif new.has(names.RELOAD_TIME):
        age = max(0.0, new.at - new.total(names.RELOAD_TIME))
        yield Note(f"configuration loaded {duration(age)} ago", "good")


def _untagged(span: Span) -> Iterable[Note]:
    reasons = _most(span.by(names.FAIL_OPEN, "reason"))
    if reasons:
        yield Note(f"untagged: {', '.join(f'{name} {count}' for name, count in reasons)}", "warn")


def _owed(new: Scrape, outbox: Sequence[Held]) -> Iterable[Note]:
    if new.has(names.ACK_SERVER) and not new.total(names.ACK_SERVER):
        yield Note("mail server takes no acknowledgements", "bad")
    for held in outbox:
        if held.state == "DEAD" and held.count:
            yield Note(f"{held.count} dead in the outbox", "warn")
        elif held.state in ("READY", "RETRY") and held.oldest > OLD:
            yield Note(f"an acknowledgement is owed for {duration(held.oldest)}", "warn")


def duration(seconds: float) -> str:
    """For people: `3.2 ms`, `12 s`, `4 min`, `3 h`, `9 d`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.0995 else f"{seconds * 1000:.0f} ms"
    for unit, length, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172800)):
        if seconds < most:
            if length == 1 and seconds < 9.95:
                return f"{seconds:.1f}".removesuffix(".0") + " s"
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def span_title(flow: Flow) -> str:
    """What a span is called: `last 5 min`, or `since start, 3 h`."""
    if flow.since_start:
        return f"since start, {duration(flow.seconds)}"
    # The long one begins a moment before its five minutes.
    return f"last {duration(min(WINDOW, flow.seconds))}"
