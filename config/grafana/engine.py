# ruff: noqa: INP001  a directory of scripts
"""The dashboard for those who run the service."""

from typing import Final

from parts import (
    GREEN,
    GREY,
    INBOUND,
    ORANGE,
    OUTBOX,
    OUTCOMES,
    RED,
    RESULTS,
    YELLOW,
    Panel,
    happened,
    heatmap,
    hourly,
    lines,
    now,
    of,
    quantile,
    ranking,
    stat,
    total,
)

DURATION: Final = "mailtriage_message_duration_seconds"
STAGES: Final = "mailtriage_stage_duration_seconds"
SIZE: Final = "mailtriage_message_size_bytes"
REMEMBERED: Final = "mailtriage_state_duration_seconds"
INBOUND_MAIL: Final = total("mailtriage_messages_total", "", INBOUND)
MISSED: Final = total("mailtriage_messages_total", "", INBOUND, 'outcome="fail_open"')
SLOWEST: Final = (
    "histogram_quantile(0.99, sum by (le) (increase(" + of(DURATION + "_bucket") + "[$__range])))"
)
SHARED: Final = 'op=~"redis-ledger|redis-desk|sharing|customers"'
STAGE_MEAN: Final = (
    f"sum by (stage) (rate({of(STAGES + '_sum')}[$__rate_interval])) / "
    f"(sum by (stage) (rate({of(STAGES + '_count')}[$__rate_interval])) > 0)"
)


HEALTHY: Final[tuple[Panel, ...]] = (
    stat(
        "Version",
        "What runs. Two of them: not every machine is up to date.",
        now("count", "mailtriage_build_info", "version"),
        width=3,
        legend="{{version}}",
    ),
    stat(
        "Up since",
        "The last start of a supervisor.",
        f"max({of('process_start_time_seconds')}) * 1000",
        unit="dateTimeFromNow",
        width=3,
        decimals=None,
    ),
    stat(
        "Self-test, age",
        "Since the last test mail that came back with its tags; one is sent every 30 s.",
        f"time() - min({of('mailtriage_selftest_last_success_timestamp_seconds')})",
        unit="s",
        width=3,
        steps=((None, GREEN), (90, RED)),
    ),
    stat(
        "Passed without tags",
        "Part of the inbound mail, in the time that is shown.",
        f"{MISSED} / ({INBOUND_MAIL} > 0)",
        unit="percentunit",
        width=3,
        steps=((None, GREEN), (0.001, YELLOW), (0.01, RED)),
        decimals=2,
    ),
    stat(
        "99 of 100 mails within",
        "Time in which an analyser judged them, in the time that is shown.",
        SLOWEST,
        unit="s",
        width=3,
        steps=((None, GREEN), (0.25, YELLOW), (1, RED)),
        decimals=None,
    ),
    stat(
        "Last reload took effect",
        "No: the configuration has mistakes, and the one before is still in use.",
        now("min", "mailtriage_config_last_reload_successful"),
        unit="bool_yes_no",
        width=3,
        steps=((None, RED), (1, GREEN)),
    ),
    stat(
        "Server takes acks",
        "Whether the mail server at ack.submit takes acknowledgements.",
        now("min", "mailtriage_ack_server_up"),
        unit="bool_yes_no",
        width=3,
        steps=((None, RED), (1, GREEN)),
    ),
    stat(
        "State left alone",
        "Whether ledger, desk or outbox could not be used last time: the log says why.",
        now("max", "mailtriage_state_circuit_open"),
        unit="bool_yes_no",
        width=3,
        steps=((None, GREEN), (1, RED)),
    ),
)

MAIL: Final[tuple[Panel, ...]] = (
    lines(
        "Inbound mail by outcome",
        "Mails an hour. Unsure: a human's mail without a skill; unread: nothing could be read; "
        "fail_open: passed without its tags.",
        (hourly("mailtriage_messages_total", "outcome", INBOUND), "{{outcome}}"),
        bars=True,
        stack="normal",
        every="15m",
        colours=OUTCOMES,
    ),
    lines(
        "Passed without tags, by reason",
        "The deadline passed, too many waited, an analyser crashed, or a fault.",
        (happened("mailtriage_fail_open_total", "reason"), "{{reason}}"),
        bars=True,
        stack="normal",
        every="15m",
        colours={"timeout": ORANGE, "overload": YELLOW, "crash": RED, "bug": "#8F3BB8"},
    ),
    lines(
        "Size of bodies",
        "As far as they are read: milter.max_scan_bytes.",
        (quantile(0.5, SIZE), "p50"),
        (quantile(0.95, SIZE), "p95"),
        unit="bytes",
        every="15m",
        colours={"p50": GREEN, "p95": ORANGE},
    ),
    lines(
        "Time to judge a mail",
        "In an analyser; the wait for one is not in it. milter.deadline is 2 s.",
        (quantile(0.5, DURATION), "p50"),
        (quantile(0.9, DURATION), "p90"),
        (quantile(0.99, DURATION), "p99"),
        unit="s",
        every="15m",
        logarithmic=True,
        colours={"p50": GREEN, "p90": YELLOW, "p99": RED},
    ),
    lines(
        "Mean time by stage",
        "Parse: bytes to text; policy: phrases; state: what is remembered; header: the fields; "
        "judge: model, facets, rules; answer: handing it to the door.",
        (STAGE_MEAN, "{{stage}}"),
        unit="s",
        every="15m",
        logarithmic=True,
    ),
    heatmap(
        "Times to judge, all of them",
        "Mails by the time that they took; a second band is a second kind of mail.",
        f"sum by (le) (increase({of(DURATION + '_bucket')}[$__rate_interval]))",
        unit="s",
    ),
)

ACKS: Final[tuple[Panel, ...]] = (
    lines(
        "Announced at the door, decided at the desk",
        "Acknowledgements an hour. Fewer are owed than announced when something changes between, "
        "or when copies wait in Postfix's queue.",
        (hourly("mailtriage_ack_decisions_total", "", 'result="sent"'), "announced"),
        (hourly("mailtriage_acks_total", "", 'result="owed"'), "owed"),
        every="15m",
        colours={"announced": GREY, "owed": GREEN},
    ),
    lines(
        "Attempts at the mail server",
        "An hour, by what came of them.",
        (hourly("mailtriage_ack_deliveries_total", "result"), "{{result}}"),
        bars=True,
        stack="normal",
        every="15m",
        colours=RESULTS,
    ),
    ranking(
        "Rules that forbade one",
        "Mails at the desk, by rule, in the time that is shown.",
        total("mailtriage_acks_total", "rule", 'result="skipped"'),
        "{{rule}}",
        most=10,
    ),
    lines(
        "Outbox",
        "Rows by state. Dead ones are kept for a week.",
        (now("sum", "mailtriage_outbox_messages", "state"), "{{state}}"),
        stack="normal",
        colours=OUTBOX,
    ),
    lines(
        "Oldest that is owed",
        "Its age. At ack.expire (30 minutes) it is not sent any more.",
        (
            now("max", "mailtriage_outbox_oldest_seconds", "state", 'state!="DEAD"'),
            "{{state}}",
        ),
        unit="s",
        colours=OUTBOX,
    ),
    lines(
        "Trouble",
        "Copies that the desk cannot digest, limits that begin to hold back, mails that "
        "no trusted server vouches for (D7), a second acknowledgement by the helpdesk, complaints.",
        (happened("mailtriage_desk_failures_total", ""), "desk failures"),
        (happened("mailtriage_ack_limited_total", "limit"), "limit {{limit}}"),
        (happened("mailtriage_no_trusted_results_total", ""), "no trusted results"),
        (happened("mailtriage_double_acks_total", ""), "double acks"),
        (happened("mailtriage_complaints_total", ""), "complaints"),
        every="15m",
    ),
)

STATE: Final[tuple[Panel, ...]] = (
    lines(
        "Questions to what is remembered, p99",
        "While a mail waits: the ledger in SQLite, customers in Redis.",
        (quantile(0.99, REMEMBERED, "op"), "{{op}}"),
        unit="s",
        every="15m",
    ),
    lines(
        "Errors of what is remembered",
        "The mail is tagged from its content alone.",
        (happened("mailtriage_state_errors_total", "backend, op"), "{{backend}} {{op}}"),
        bars=True,
        stack="normal",
        every="15m",
    ),
    lines(
        "Redis left alone",
        "1: nodes share nothing for the moment, as analysers, the desk or the background find; of "
        "customers: their tiers are not known.",
        (now("max", "mailtriage_state_circuit_open", "op", SHARED), "{{op}}"),
    ),
    lines(
        "Not told to other nodes yet",
        "Rows that wait for Redis; none of them is lost.",
        (now("sum", "mailtriage_state_unshared_rows", "instance"), "{{instance}}"),
    ),
    lines(
        "Missing in the history",
        "Decisions that it has not got. Queue: its process hangs; waiting, file: the disk.",
        (happened("mailtriage_history_dropped_total", "reason"), "{{reason}}"),
        bars=True,
        stack="normal",
        every="15m",
    ),
    ranking(
        "Patterns given up",
        "Regular expressions of policies that took longer than policies.time_limit, and how often, "
        "in the time that is shown.",
        total("mailtriage_policy_time_limit_total", "policy, signal"),
        "{{signal}}",
    ),
    ranking(
        "Signals that spoke most",
        "Mails in which a signal of a policy spoke, in the time that is shown.",
        total("mailtriage_policy_signal_hits_total", "policy, signal"),
        "{{signal}}",
        most=10,
    ),
)

PROCESSES: Final[tuple[Panel, ...]] = (
    lines(
        "Processes at work, by door",
        "Those that are ready, and have been heard of.",
        (now("sum", "mailtriage_workers", "door", 'state="ready"'), "{{door}}"),
        stack="normal",
    ),
    lines(
        "Processes replaced",
        "Worn-out: after milter.recycle_messages, as it should be; all else is in the log.",
        (happened("mailtriage_worker_restarts_total", "reason"), "{{reason}}"),
        bars=True,
        stack="normal",
        every="15m",
    ),
    lines(
        "Open sessions at the milter",
        "Connections that Postfix holds.",
        (now("sum", "mailtriage_sessions", "instance"), "{{instance}}"),
    ),
    lines(
        "Self-test mail",
        "How long one takes, through the socket and back.",
        (now("max", "mailtriage_selftest_duration_seconds", "instance"), "{{instance}}"),
        unit="s",
    ),
    lines(
        "Reloads",
        "Refused: the configuration had mistakes.",
        (happened("mailtriage_config_reloads_total", "result"), "{{result}}"),
        bars=True,
        stack="normal",
        every="15m",
        colours={"done": GREEN, "refused": RED},
    ),
    lines(
        "Labels with too many values",
        'What was counted as "other"; mailtriage_label_overflow_total tells which label it was.',
        (happened("mailtriage_label_overflow_total", ""), "values"),
        bars=True,
        every="15m",
    ),
)

ENGINE: Final = (
    ("Is all well?", HEALTHY),
    ("Mail", MAIL),
    ("Acknowledgements", ACKS),
    ("What is remembered", STATE),
    ("Processes", PROCESSES),
)
