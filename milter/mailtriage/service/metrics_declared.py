"""The series that are there from the start, at 0: every value that the configuration knows."""

from itertools import product
from typing import Final

from mailtriage.acks.decide import RULES
from mailtriage.acks.model import Announced
from mailtriage.acks.returns import VOTES
from mailtriage.doors.analysis import Analyst
from mailtriage.insight.kept import Outcome
from mailtriage.policies.model import GENERAL
from mailtriage.service import metrics_names as names
from mailtriage.service.metrics_counting import NO_RULE
from mailtriage.service.metrics_registry import Registry
from mailtriage.service.phrases import watches_phrases
from mailtriage.state.feedback import FACETS, SOURCES
from mailtriage.triage.language import UNDETERMINED
from mailtriage.triage.model import Churn, Direction, Kind, Mood, Priority, Thread, Tier
from mailtriage.triage.skill import NO_TOPIC

OUTCOMES: Final = ("tagged", "unsure", "unread", "fail_open")
REASONS: Final = ("timeout", "overload", "crash", "bug")
KB_RESULTS: Final = ("suggested", "maybe", "abstained")
STAGES: Final = ("parse", "language", "policy", "state", "judge", "header", "answer")
DELIVERIES: Final = ("sent", "retry", "held", "dead", "suppressed", "expired", "waited")
STATE_OPS: Final = (
    ("sqlite", "ledger"),
    ("sqlite", "desk"),
    ("sqlite", "outbox"),
    ("redis", "customers"),
    ("redis", "ledger"),
    ("redis", "desk"),
    ("redis", "sharing"),
)
UPDATE_RESULTS: Final = (
    "owed", "sent", "unsent", "suppressed", "late", "escalated", "withheld", "failed",
)  # fmt: skip
SURVEY_RESULTS: Final = ("owed", "sent", "unsent", "suppressed", "withheld", "failed")
HISTORY_REASONS: Final = ("queue", "waiting", "file", "damaged", "text", "answer")
RETURNS: Final = {
    "vote": (
        "counted", "changed", "repeated", "late", "closed", "void", "unknown", "robot", "own",
        "unauthenticated",
    ),
    "opt-out": ("kept", "repeated", "author", "unknown"),
    "bounce": (
        "undeliverable", "stopped", "temporary", "delivered", "no-report", "unreadable", "unknown",
    ),
    "correction": ("kept", "refused", "off"),
    "none": ("unsigned",),
}  # fmt: skip
_UNLABELLED: Final = (
    names.DURATION,
    names.SIZE,
    names.ACK_DELAY,
    names.NO_RESULTS,
    names.DOUBLE_ACKS,
    names.ANSWERED,
    names.COMPLAINTS,
    names.DESK_FAILURES,
    names.HISTORY_RECORDS,
)


def declare_all(registry: Registry, analyst: Analyst) -> None:
    """Declare them; again after a reload, which may bring new skills and signals."""
    _declare_tags(registry, analyst)
    _declare_acks(registry, analyst)
    for name in _UNLABELLED:
        registry.declare(name, [()])
    registry.declare(
        names.MESSAGES,
        [
            *product([Direction.INBOUND], (*OUTCOMES, "skipped")),
            *product([Direction.OUTBOUND], ("skipped", "fail_open")),
        ],
    )
    registry.declare(
        names.DRY_RUN,
        [
            ("tags", "tagged"),
            *product(["acknowledge"], Announced),
            ("route", "routed"),
            *product(["policy"], analyst.config.dry_run.policies),
        ],
    )
    _declare(registry, names.FAIL_OPEN, *REASONS)
    _declare(registry, names.STAGES, *STAGES)
    registry.declare(names.STATE_ERRORS, STATE_OPS)
    _declare(registry, names.STATE_DURATION, "ledger", "customers")
    _declare(registry, names.STATE_OPEN, "ledger", "desk", "outbox", "customers")
    if analyst.config.state.shared and analyst.config.mailboxes.mailboxes:
        _declare(registry, names.STATE_OPEN, "sharing", "redis-ledger", "redis-desk")
        registry.declare(names.UNSHARED, [()])
    _declare_answers(registry, analyst)
    _declare_returns(registry, analyst)
    if analyst.config.warnings.enabled and analyst.config.history.keep:
        kinds = ("topic", "skill", "language", "unsure")
        registry.declare(names.SURGES, product(kinds, ("started", "ended", "settled")))
    if watches_phrases(analyst.config):
        _declare(registry, names.EMERGING, *_languages(analyst))
    _declare(registry, names.HISTORY_DROPPED, *HISTORY_REASONS)
    _declare(registry, names.RELOADS, "done", "refused")
    _declare(registry, names.OVERFLOW, *{label for one in names.FAMILIES for label in one.labels})


def _declare_tags(registry: Registry, analyst: Analyst) -> None:
    policies = analyst.matcher.policies
    learned = analyst.model.labels("skill") if analyst.model else ()
    skills = [GENERAL, *(policy.name for policy in policies.skills), *learned]
    registry.declare(names.TAGS, product(dict.fromkeys(skills), Priority))
    topics = (signal.topic for policy in policies.skills for signal in policy.signals)
    _declare(registry, names.TOPIC, NO_TOPIC, *filter(None, topics))
    _declare(registry, names.LANGUAGE, *_languages(analyst))
    if analyst.knowledge is not None:
        languages = analyst.knowledge.languages
        registry.declare(names.KB_SUGGESTIONS, product(KB_RESULTS, languages))
    _declare(registry, names.MOOD, *Mood)
    _declare(registry, names.TIER, *Tier)
    _declare(registry, names.CHURN, *Churn)
    _declare(registry, names.KIND, *Kind)
    _declare(registry, names.THREAD, *Thread)
    signals = [(policy.name, signal.id) for policy in policies.all() for signal in policy.signals]
    registry.declare(names.SIGNALS, signals)
    patterns = [
        (policy.name, signal.id)
        for policy in policies.all()
        for signal in policy.signals
        if signal.regex
    ]
    registry.declare(names.TIME_LIMITS, patterns)


def _declare_answers(registry: Registry, analyst: Analyst) -> None:
    if not analyst.config.mailboxes.mailboxes or not analyst.config.targets.measured:
        return
    skills = [GENERAL, *(policy.name for policy in analyst.matcher.policies.skills)]
    registry.declare(names.PROMISES, product(skills, Outcome))
    _declare(registry, names.OPEN, *skills)
    _declare(registry, names.OPEN_OLDEST, *skills)


def _declare_acks(registry: Registry, analyst: Analyst) -> None:
    if not analyst.config.mailboxes.mailboxes:
        return  # there is no desk, and whoever draws its lines sees that
    rules = [rule.id for rule in RULES]
    decided = [(str(Announced.SENT), NO_RULE), (str(Announced.DELEGATED), NO_RULE)]
    forbidden = [*product([str(Announced.SKIPPED)], rules)]
    registry.declare(names.DECISIONS, [*decided, *forbidden])
    owed = [("owed", NO_RULE), (str(Announced.DELEGATED), NO_RULE)]
    registry.declare(names.ACKS, [*owed, *forbidden, (str(Announced.SKIPPED), "J22")])
    languages = _languages(analyst)
    registry.declare(names.DECISION_LANGUAGES, product(["sent", "skipped"], languages))
    registry.declare(names.ACK_LANGUAGES, product(["owed", "skipped"], languages))
    _declare(registry, names.DELIVERIES, *DELIVERIES)
    registry.declare(names.FEEDBACK, product(FACETS, SOURCES))
    _declare(registry, names.ACK_LIMITED, "per_domain", "per_hour")


def _declare_returns(registry: Registry, analyst: Analyst) -> None:
    if not analyst.config.mailboxes.mailboxes or not analyst.config.follow_ups.returns.domain:
        return
    registry.declare(names.RETURNS, [(kind, one) for kind, ends in RETURNS.items() for one in ends])
    skills = [GENERAL, *(policy.name for policy in analyst.matcher.policies.skills)]
    registry.declare(names.VOTES, product(skills, map(str, VOTES)))
    registry.declare(names.UPDATES, product(skills, UPDATE_RESULTS))
    registry.declare(names.SURVEYS, product(skills, SURVEY_RESULTS))


def _languages(analyst: Analyst) -> list[str]:
    written = analyst.texts.by_language if analyst.texts else ()
    return [UNDETERMINED, *written]


def _declare(registry: Registry, name: str, *values: str) -> None:
    registry.declare(name, [(str(value),) for value in values])
