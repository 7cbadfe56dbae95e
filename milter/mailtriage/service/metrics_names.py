"""Every metric: its name, its labels, and what it says. docs/metrics.md explains them to people.

Names and units are as prometheus.io/docs/practices/naming wants them. There are several families of
one or two labels rather than one of six: topics times languages times priorities would be ten
thousand series.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric; its series differ in the values of its labels."""

    name: str
    """As it is exposed, a counter's "_total" included."""
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, without the last, which has none."""


SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
MICROSECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
DELAYS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0)
REPLIES: Final = tuple(hours * 3600.0 for hours in (0.25, 0.5, 1, 2, 4, 8, 16, 24, 48, 72, 120))
BYTES: Final = (1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0)

# What is tagged.
MESSAGES: Final = "mailtriage_messages_total"
FAIL_OPEN: Final = "mailtriage_fail_open_total"
DURATION: Final = "mailtriage_message_duration_seconds"
STAGES: Final = "mailtriage_stage_duration_seconds"
SIZE: Final = "mailtriage_message_size_bytes"
TAGS: Final = "mailtriage_tags_total"
LANGUAGE: Final = "mailtriage_language_total"
TOPIC: Final = "mailtriage_topic_messages_total"
MOOD: Final = "mailtriage_mood_total"
TIER: Final = "mailtriage_tier_total"
CHURN: Final = "mailtriage_churn_risk_total"
KIND: Final = "mailtriage_kind_total"
THREAD: Final = "mailtriage_thread_total"
SIGNALS: Final = "mailtriage_policy_signal_hits_total"
TIME_LIMITS: Final = "mailtriage_policy_time_limit_total"
DRY_RUN: Final = "mailtriage_dry_run_total"

KB_SUGGESTIONS: Final = "mailtriage_kb_suggestions_total"

# Acknowledgements.
DECISIONS: Final = "mailtriage_ack_decisions_total"
DECISION_LANGUAGES: Final = "mailtriage_ack_decision_languages_total"
ACKS: Final = "mailtriage_acks_total"
ACK_LANGUAGES: Final = "mailtriage_ack_languages_total"
DELIVERIES: Final = "mailtriage_ack_deliveries_total"
ACK_DELAY: Final = "mailtriage_ack_delay_seconds"
ACK_SERVER: Final = "mailtriage_ack_server_up"
ACK_LIMITED: Final = "mailtriage_ack_limited_total"
OUTBOX: Final = "mailtriage_outbox_messages"
OUTBOX_OLDEST: Final = "mailtriage_outbox_oldest_seconds"
NO_RESULTS: Final = "mailtriage_no_trusted_results_total"
DOUBLE_ACKS: Final = "mailtriage_double_acks_total"
ANSWERED: Final = "mailtriage_answers_seen_total"
COMPLAINTS: Final = "mailtriage_complaints_total"
DESK_FAILURES: Final = "mailtriage_desk_failures_total"

# What customers hear after the acknowledgement.
UPDATES: Final = "mailtriage_updates_total"
SURVEYS: Final = "mailtriage_surveys_total"

# What comes back of updates and surveys.
RETURNS: Final = "mailtriage_returns_total"
VOTES: Final = "mailtriage_survey_votes_total"
CSAT: Final = "mailtriage_csat_ratio"

# How fast answers come.
FIRST_REPLY: Final = "mailtriage_first_reply_seconds"
FIRST_REPLY_WORKED: Final = "mailtriage_first_reply_business_seconds"
PROMISES: Final = "mailtriage_reply_promises_total"
OPEN: Final = "mailtriage_open_messages"
OPEN_OLDEST: Final = "mailtriage_oldest_open_seconds"
EXPECTED_REPLY: Final = "mailtriage_promised_seconds"

# What comes more often than it should.
SURGE: Final = "mailtriage_topic_surge"
SURGE_SCORE: Final = "mailtriage_topic_surge_score"
EXPECTED_MAILS: Final = "mailtriage_topic_expected"
SURGES: Final = "mailtriage_surges_total"
EMERGING: Final = "mailtriage_emerging_phrases"

# What is remembered.
STATE_ERRORS: Final = "mailtriage_state_errors_total"
STATE_DURATION: Final = "mailtriage_state_duration_seconds"
STATE_OPEN: Final = "mailtriage_state_circuit_open"
UNSHARED: Final = "mailtriage_state_unshared_rows"
HISTORY_RECORDS: Final = "mailtriage_history_records_total"
HISTORY_DROPPED: Final = "mailtriage_history_dropped_total"
HISTORY_SIZE: Final = "mailtriage_history_size_bytes"

FEEDBACK: Final = "mailtriage_feedback_total"

# The service itself.
BUILD: Final = "mailtriage_build_info"
STARTED: Final = "process_start_time_seconds"
WORKERS: Final = "mailtriage_workers"
SESSIONS: Final = "mailtriage_sessions"
RESTARTS: Final = "mailtriage_worker_restarts_total"
RELOADS: Final = "mailtriage_config_reloads_total"
RELOAD_GOOD: Final = "mailtriage_config_last_reload_successful"
RELOAD_TIME: Final = "mailtriage_config_last_reload_success_timestamp_seconds"
SELFTEST: Final = "mailtriage_selftest_success"
SELFTEST_TIME: Final = "mailtriage_selftest_last_success_timestamp_seconds"
SELFTEST_ANSWER: Final = "mailtriage_selftest_last_answer_timestamp_seconds"
SELFTEST_DURATION: Final = "mailtriage_selftest_duration_seconds"
OVERFLOW: Final = "mailtriage_label_overflow_total"

FAMILIES: Final = (
    Family(
        MESSAGES,
        "counter",
        "Mails through a door, by direction and by what became of them.",
        ("direction", "outcome"),
    ),
    Family(FAIL_OPEN, "counter", "Mails that passed without their tags, by reason.", ("reason",)),
    Family(DURATION, "histogram", "Time in which an analyser judged a mail.", (), SECONDS),
    Family(STAGES, "histogram", "The same, by the part of the work.", ("stage",), SECONDS),
    Family(SIZE, "histogram", "Size of mail bodies as far as they are read.", (), BYTES),
    Family(TAGS, "counter", "Inbound mails by skill and priority.", ("skill", "priority")),
    Family(LANGUAGE, "counter", "Inbound mails by language.", ("language",)),
    Family(TOPIC, "counter", "Inbound mails by topic.", ("topic",)),
    Family(MOOD, "counter", "Inbound mails by the mood of the writer.", ("mood",)),
    Family(TIER, "counter", "Inbound mails by the tier of the customer.", ("tier",)),
    Family(CHURN, "counter", "Inbound mails by how likely the writer is to leave.", ("level",)),
    Family(KIND, "counter", "Inbound mails by who wrote them.", ("kind",)),
    Family(THREAD, "counter", "Inbound mails by their place in a conversation.", ("thread",)),
    Family(SIGNALS, "counter", "Mails in which a signal spoke.", ("policy", "signal")),
    Family(
        TIME_LIMITS,
        "counter",
        "Times that a pattern was given up because it took too long.",
        ("policy", "signal"),
    ),
    Family(
        DRY_RUN,
        "counter",
        "What would have been done to inbound mails, and was only tried.",
        ("action", "result"),
    ),
    Family(
        KB_SUGGESTIONS,
        "counter",
        "Inbound mails by what the knowledge base said to them.",
        ("result", "language"),
    ),
    Family(
        DECISIONS,
        "counter",
        "What the doors announced about acknowledgements, by the rule that forbade one.",
        ("result", "rule"),
    ),
    Family(DECISION_LANGUAGES, "counter", "The same, by language.", ("result", "language")),
    Family(
        ACKS,
        "counter",
        "What the desk decided about mails that Postfix accepted, by the rule that forbade one.",
        ("result", "rule"),
    ),
    Family(ACK_LANGUAGES, "counter", "The same, by language.", ("result", "language")),
    Family(
        DELIVERIES, "counter", "What became of acknowledgements at the mail server.", ("result",)
    ),
    Family(
        ACK_DELAY,
        "histogram",
        "Time from a customer's mail to the mail server having its acknowledgement.",
        (),
        DELAYS,
    ),
    Family(ACK_SERVER, "gauge", "Whether the mail server takes acknowledgements."),
    Family(
        ACK_LIMITED, "counter", "Times that a limit began to hold acknowledgements.", ("limit",)
    ),
    Family(OUTBOX, "gauge", "Acknowledgements that are owed or dead, by state.", ("state",)),
    Family(OUTBOX_OLDEST, "gauge", "Age of the oldest of them; 0 without any.", ("state",)),
    Family(
        NO_RESULTS,
        "counter",
        "Mails nobody was answered for because no trusted server says who sent them, rule D7.",
    ),
    Family(DOUBLE_ACKS, "counter", "Mails that the helpdesk acknowledged beside us."),
    Family(ANSWERED, "counter", "Answers of the helpdesk to a conversation that is known."),
    Family(COMPLAINTS, "counter", "Acknowledgements that were reported as spam."),
    Family(DESK_FAILURES, "counter", "Times that the desk could not digest a mail."),
    Family(
        UPDATES,
        "counter",
        "Updates before a promise slips, and promises that slipped without one.",
        ("skill", "result"),
    ),
    Family(SURVEYS, "counter", "Questions to customers after the answer.", ("skill", "result")),
    Family(
        RETURNS,
        "counter",
        "Mails to our return addresses, by what for and what became of them.",
        ("kind", "result"),
    ),
    Family(
        VOTES, "counter", "Votes of customers, 1 to 5, when they first came.", ("skill", "vote")
    ),
    Family(
        CSAT,
        "gauge",
        "Share of votes of 4 and 5 in the last 90 days; NaN below ten votes.",
        ("skill",),
    ),
    Family(
        FIRST_REPLY,
        "histogram",
        "Time from a customer's mail to the first answer of a human.",
        ("skill", "priority"),
        REPLIES,
    ),
    Family(
        FIRST_REPLY_WORKED,
        "histogram",
        "The same in opening hours.",
        ("skill", "priority"),
        REPLIES,
    ),
    Family(
        PROMISES,
        "counter",
        "Promised times, by whether a human answered by then.",
        ("skill", "result"),
    ),
    Family(OPEN, "gauge", "Conversations that wait for their first answer.", ("skill",)),
    Family(OPEN_OLDEST, "gauge", "Age of the oldest of them; 0 without any.", ("skill",)),
    Family(
        EXPECTED_REPLY,
        "gauge",
        "Opening hours within which a normal mail of now is promised an answer.",
        ("skill",),
    ),
    Family(
        SURGE,
        "gauge",
        "Whether a topic, a skill or a language brings more mail than it should.",
        ("kind", "name"),
    ),
    Family(SURGE_SCORE, "gauge", "The evidence for that; 6 is much.", ("kind", "name")),
    Family(EXPECTED_MAILS, "gauge", "Mails that this hour should bring.", ("kind", "name")),
    Family(SURGES, "counter", "Surges that began or ended.", ("kind", "state")),
    Family(EMERGING, "gauge", "New phrases that were found in the last 24 hours.", ("language",)),
    Family(
        STATE_ERRORS,
        "counter",
        "Times that something remembered could not be read or written.",
        ("backend", "op"),
    ),
    Family(
        STATE_DURATION,
        "histogram",
        "Time of one question to what is remembered.",
        ("op",),
        MICROSECONDS,
    ),
    Family(STATE_OPEN, "gauge", "Whether it is left alone after a failure.", ("op",)),
    Family(HISTORY_RECORDS, "counter", "Decisions written to the history."),
    Family(HISTORY_DROPPED, "counter", "Decisions that it has not got, by reason.", ("reason",)),
    Family(HISTORY_SIZE, "gauge", "Bytes that it takes."),
    Family(FEEDBACK, "counter", "Corrections of tags by people.", ("facet", "source")),
    Family(UNSHARED, "gauge", "Rows that the other nodes have not been told of yet."),
    Family(
        BUILD, "gauge", "Always 1; the labels are the versions.", ("version", "python", "libmilter")
    ),
    Family(STARTED, "gauge", "When the service was started, in seconds since the epoch."),
    Family(
        WORKERS, "gauge", "Processes, by door and by where in life they are.", ("door", "state")
    ),
    Family(SESSIONS, "gauge", "Open sessions at the milter and at the SMTP door."),
    Family(RESTARTS, "counter", "Processes replaced, by door and reason.", ("door", "reason")),
    Family(RELOADS, "counter", "Reloads of the configuration.", ("result",)),
    Family(RELOAD_GOOD, "gauge", "Whether the last reload took effect."),
    Family(RELOAD_TIME, "gauge", "When the configuration in use was loaded."),
    Family(SELFTEST, "gauge", "Whether the last self-test mail came back with its tags."),
    Family(SELFTEST_TIME, "gauge", "When one last did; 0: not yet."),
    Family(SELFTEST_ANSWER, "gauge", "When one last got a verdict, with its tags or without."),
    Family(SELFTEST_DURATION, "gauge", "How long the last self-test mail took."),
    Family(OVERFLOW, "counter", 'Values counted as "other": a label had too many.', ("label",)),
)

SUMMED: Final = frozenset({SESSIONS})
"""Gauges of which each worker tells its share; of all others the highest counts."""

BY_NAME: Final = {family.name: family for family in FAMILIES}
