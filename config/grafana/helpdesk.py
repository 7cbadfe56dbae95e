# ruff: noqa: INP001  a directory of scripts
"""The dashboard for those who lead a team. No word of it is about machines."""

from typing import Final

from parts import (
    BLUE,
    GREEN,
    GREY,
    INBOUND,
    MOODS,
    ORANGE,
    OUTBOX,
    PRIORITIES,
    RED,
    RESULTS,
    WHY_NOT,
    YELLOW,
    Panel,
    compared,
    happened,
    hourly,
    lines,
    now,
    of,
    part_of,
    quantile,
    ranking,
    stat,
    table,
    total,
)

FEW: Final = "15m"
"""The shortest step of figures that are counted by the hour."""

RECEIVED: Final = total("mailtriage_messages_total", "", INBOUND)
MISSED: Final = total("mailtriage_messages_total", "", INBOUND, 'outcome="fail_open"')
PRESSING: Final = total("mailtriage_tags_total", "", 'priority=~"urgent|high"')
OWED: Final = total("mailtriage_acks_total", "", 'result="owed"')
SENT: Final = total("mailtriage_ack_deliveries_total", "", 'result="sent"')
DELAY: Final = "mailtriage_ack_delay_seconds"
REPLY: Final = "mailtriage_first_reply_business_seconds"
PROMISES: Final = "mailtriage_reply_promises_total"
UPDATES: Final = "mailtriage_updates_total"
SURVEYS: Final = "mailtriage_surveys_total"
VOTES: Final = "mailtriage_survey_votes_total"
SUGGESTED: Final = "mailtriage_kb_suggestions_total"
KEPT: Final = ('result="kept"', 'result=~"kept|broken"')
RISING: Final = "max by (kind, name) (" + of("mailtriage_topic_surge_score") + ") > 2"
USUAL: Final = "max by (kind, name) (" + of("mailtriage_topic_expected") + ")"
GROUP: Final = (
    "sum by (group) (label_replace("
    + total("mailtriage_acks_total", "rule", 'result="skipped"')
    + ', "group", "$1", "rule", "([A-Z]).*"))'
)


def named(query: str) -> str:
    """Series with the labels kind and name, under one of both: "topic outage"."""
    return f'label_join({query}, "series", " ", "kind", "name")'


def this_hour(kind: str, metric: str) -> str:
    """Mails of the last hour, by what they are about, as "topic outage"."""
    counted = hourly(metric, kind)
    return f'label_replace({counted}, "series", "{kind} $1", "{kind}", "(.*)")'


def of_the_rising(query: str) -> str:
    """Only what rises of those series."""
    return f"({query}) and on (series) {named(RISING)}"


OBSERVED: Final = " or ".join(
    this_hour(kind, metric)
    for kind, metric in (
        ("topic", "mailtriage_topic_messages_total"),
        ("skill", "mailtriage_tags_total"),
        ("language", "mailtriage_language_total"),
    )
)

HEALTHY: Final[tuple[Panel, ...]] = (
    stat(
        "Is mail being tagged?",
        "A test mail goes the way of real mail twice a minute. No: the last one came back without "
        "its tags; tell whoever runs the mail server.",
        now("min", "mailtriage_selftest_success"),
        unit="bool_yes_no",
        steps=((None, RED), (1, GREEN)),
    ),
    stat(
        "Mails with their tags",
        "Part of the mails received that got their tags. The others reached the helpdesk all the "
        "same, unsorted.",
        f"1 - {MISSED} / ({RECEIVED} > 0)",
        unit="percentunit",
        steps=((None, RED), (0.99, YELLOW), (0.999, GREEN)),
        decimals=2,
    ),
    stat("Mails received", "All mails from outside, in the time that is shown.", RECEIVED),
    stat(
        "Urgent or high",
        "Mails of these two priorities, in the time that is shown.",
        PRESSING,
        steps=((None, ORANGE),),
    ),
    stat(
        "Acknowledged",
        "Acknowledgements that were sent, in the time that is shown.",
        SENT,
        steps=((None, GREEN),),
    ),
    stat(
        "Could not be sent",
        "Acknowledgements that were given up in the last week: somebody should look.",
        now("sum", "mailtriage_outbox_messages", "", 'state="DEAD"'),
        steps=((None, GREEN), (1, RED)),
    ),
)

COMING: Final[tuple[Panel, ...]] = (
    lines(
        "Mails an hour, by skill",
        "What customers write about. Mails of which no skill is sure are general.",
        (hourly("mailtriage_tags_total", "skill"), "{{skill}}"),
        width=16,
        bars=True,
        stack="normal",
        every=FEW,
    ),
    lines(
        "Mails an hour, and a week before",
        "Much more than at this hour a week ago is worth a look at the topics below.",
        (hourly("mailtriage_tags_total", ""), "now"),
        (hourly("mailtriage_tags_total", "", offset=" offset 1w"), "a week before"),
        every=FEW,
        colours={"now": BLUE, "a week before": GREY},
    ),
    lines(
        "Urgent and high, an hour",
        "Mails that should not wait.",
        (hourly("mailtriage_tags_total", "priority", 'priority=~"urgent|high"'), "{{priority}}"),
        bars=True,
        stack="normal",
        every=FEW,
        colours=PRIORITIES,
    ),
    compared(
        "Topics",
        "What most mails are about, in the time that is shown and in as long a time a week before.",
        total("mailtriage_topic_messages_total", "topic", 'topic!="none"'),
        total("mailtriage_topic_messages_total", "topic", 'topic!="none"', offset=" offset 1w"),
        "topic",
    ),
    ranking(
        "Languages",
        "Mails by language, in the time that is shown; und: too short to say.",
        total("mailtriage_language_total", "language"),
        "{{language}}",
    ),
    lines(
        "Mood",
        "How customers sound, as parts of all mails.",
        (hourly("mailtriage_mood_total", "mood"), "{{mood}}"),
        stack="percent",
        every="1h",
        colours=MOODS,
    ),
    lines(
        "Customers about to leave, an hour",
        "Mails whose writers speak of leaving, or have every reason to.",
        (hourly("mailtriage_churn_risk_total", "level", 'level=~"high|medium"'), "{{level}}"),
        bars=True,
        stack="normal",
        every="30m",
        colours={"high": RED, "medium": YELLOW},
    ),
    lines(
        "Important customers, an hour",
        "Mails of customers whom your list calls vip or gold.",
        (hourly("mailtriage_tier_total", "tier", 'tier=~"vip|gold"'), "{{tier}}"),
        bars=True,
        stack="normal",
        every="30m",
        colours={"vip": "#8F3BB8", "gold": YELLOW},
    ),
    table(
        "What rises",
        "Topics, skills and languages that bring more mail than they should, and how sure that is: "
        "from 6 on you get an alert. Mails and expected ones are those of the last hour.",
        "series",
        ("Score", named(RISING), ""),
        ("Mails", of_the_rising(OBSERVED), ""),
        ("Expected", of_the_rising(named(USUAL)), ""),
        width=16,
        every="1h",
        hidden=("kind", "name", "topic", "skill", "language"),
    ),
    stat(
        "A help page fits",
        "Part of the mails for which one of your help pages was suggested, in the time that is "
        "shown.",
        part_of(SUGGESTED, 'result="suggested"', "", window="$__range"),
        unit="percentunit",
        width=8,
        height=8,
    ),
)

ANSWERED: Final[tuple[Panel, ...]] = (
    lines(
        "Acknowledgements an hour",
        "What became of them: sent; to be tried again (retry); held back by a limit; waiting too "
        "long for a ticket number (waited); given up (dead). Withdrawn ones are not shown.",
        (
            hourly(
                "mailtriage_ack_deliveries_total", "result", 'result=~"sent|retry|held|waited|dead"'
            ),
            "{{result}}",
        ),
        bars=True,
        stack="normal",
        every=FEW,
        colours=RESULTS,
    ),
    lines(
        "Time until the acknowledgement",
        "From the customer's mail to the acknowledgement being sent.",
        (quantile(0.5, DELAY), "half of them within"),
        (quantile(0.95, DELAY), "19 of 20 within"),
        unit="s",
        every=FEW,
        logarithmic=True,
        colours={"half of them within": GREEN, "19 of 20 within": ORANGE},
    ),
    ranking(
        "Why there was none",
        "Mails that were not acknowledged, by the reason, in the time that is shown. "
        "docs/acknowledgements.md has every rule.",
        GROUP,
        "{{group}}",
        names=WHY_NOT,
    ),
    lines(
        "Waiting to be sent",
        "Acknowledgements that are owed at this moment: waiting for a ticket number, ready, or to "
        "be tried again.",
        (now("sum", "mailtriage_outbox_messages", "state", 'state!="DEAD"'), "{{state}}"),
        stack="normal",
        colours=OUTBOX,
    ),
    lines(
        "Answers, and customers who ask again",
        "Answers that your team sent to known conversations, and mails of customers who wait.",
        (hourly("mailtriage_answers_seen_total", ""), "answers"),
        (hourly("mailtriage_thread_total", "", 'thread="chaser"'), "asked again"),
        every="30m",
        colours={"answers": GREEN, "asked again": ORANGE},
    ),
    stat(
        "Acknowledged twice",
        "The helpdesk sent an acknowledgement beside ours: switch one of the two off.",
        total("mailtriage_double_acks_total", ""),
        height=8,
        steps=((None, GREEN), (1, RED)),
    ),
    stat(
        "Reported as spam",
        "Acknowledgements that somebody reported; they are not answered again.",
        total("mailtriage_complaints_total", ""),
        height=8,
        steps=((None, GREEN), (1, RED)),
    ),
)

ANSWERS: Final[tuple[Panel, ...]] = (
    table(
        "First answers, by skill",
        "How many mails wait for their first answer, and the oldest of them; within which time, in "
        "opening hours, half and 8 of 10 were answered in the time that is shown; how many of the "
        "promised times were kept; and what a mail of now is promised.",
        "skill",
        ("Open", now("sum", "mailtriage_open_messages", "skill"), ""),
        ("Oldest", now("max", "mailtriage_oldest_open_seconds", "skill"), "s"),
        ("Half within", quantile(0.5, REPLY, "skill", whole=True), "s"),
        ("8 of 10 within", quantile(0.8, REPLY, "skill", whole=True), "s"),
        ("Kept", part_of(PROMISES, *KEPT, by="skill", window="$__range"), "percentunit"),
        ("Promised now", now("max", "mailtriage_promised_seconds", "skill"), "s"),
        width=16,
    ),
    stat(
        "Promises kept",
        "Of the times that acknowledgements named, in the time that is shown. 85 to 90 in 100 are "
        "usual.",
        part_of(PROMISES, *KEPT, window="$__range"),
        unit="percentunit",
        width=8,
        height=8,
        steps=((None, RED), (0.7, YELLOW), (0.8, GREEN)),
    ),
    lines(
        "Time until the first answer",
        "In opening hours, of all skills together.",
        (quantile(0.5, REPLY), "half of them within"),
        (quantile(0.8, REPLY), "8 of 10 within"),
        unit="s",
        every="1h",
        colours={"half of them within": GREEN, "8 of 10 within": ORANGE},
    ),
    lines(
        "Waiting for the first answer, by skill",
        "Conversations that nobody has answered yet.",
        (now("sum", "mailtriage_open_messages", "skill"), "{{skill}}"),
        stack="normal",
    ),
    lines(
        "The oldest of them, by skill",
        "How long it has been waiting, nights and weekends included.",
        (now("max", "mailtriage_oldest_open_seconds", "skill"), "{{skill}}"),
        unit="s",
    ),
)

AFTERWARDS: Final[tuple[Panel, ...]] = (
    lines(
        "Updates, and what needed one",
        "Customers who were told that an answer takes longer (sent). Late: a time passed and "
        "nobody had been told. Escalated: it slips once more; somebody has to look. Only where "
        "updates are switched on.",
        (happened(UPDATES, "result", 'result=~"sent|late|escalated"'), "{{result}}"),
        bars=True,
        stack="normal",
        every="1h",
        colours={"sent": GREEN, "late": ORANGE, "escalated": RED},
    ),
    lines(
        "Promises kept and broken, an hour",
        "Beside the updates on the left: a time that was moved counts as broken all the same.",
        (hourly(PROMISES, "result", 'result=~"kept|broken"'), "{{result}}"),
        bars=True,
        stack="normal",
        every="1h",
        colours={"kept": GREEN, "broken": RED},
    ),
    lines(
        "Surveys, and votes",
        "Customers who were asked how satisfied they were, and votes that came. Only where surveys "
        "are switched on.",
        (happened(SURVEYS, "", 'result="sent"'), "asked"),
        (happened(VOTES, ""), "votes"),
        bars=True,
        every="1h",
        colours={"asked": GREY, "votes": BLUE},
    ),
    table(
        "Satisfied, by skill",
        "Part of the votes of the last 90 days that are 4 or 5 of 5; without ten votes there is "
        "none. Beside it the surveys and the votes of the time that is shown.",
        "skill",
        ("Satisfied", now("max", "mailtriage_csat_ratio", "skill"), "percentunit"),
        ("Asked", total(SURVEYS, "skill", 'result="sent"'), ""),
        ("Votes", total(VOTES, "skill"), ""),
        width=16,
    ),
    ranking(
        "Corrected by your team",
        "What was corrected, by a command or by forwarding the mail, in the time that is shown.",
        total("mailtriage_feedback_total", "facet"),
        "{{facet}}",
    ),
)

HELPDESK: Final = (
    ("Is all well?", HEALTHY),
    ("What is coming in?", COMING),
    ("Do they hear that their mail has come?", ANSWERED),
    ("Are they answered, and in time?", ANSWERS),
    ("Are they told, and satisfied?", AFTERWARDS),
)
