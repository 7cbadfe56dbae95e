"""What a report tells of updates, surveys, moods over a conversation and corrections: its rows.

All is read, nothing is made or changed. What is off and has no rows is left out without a word.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Final, Literal

from mailtriage.config import Config
from mailtriage.insight.mood_trend import Course
from mailtriage.insight.report_model import Asked, Corrected, Period, Rows, Told
from mailtriage.state.feedback import FeedbackError, feedback_file, open_feedback
from mailtriage.state.forgetting import UPDATES_KEPT
from mailtriage.state.sqlite import StateError, open_database, state_errors

_HOUR: Final = 3600.0
_GONE: Final = f"Updates are kept for {UPDATES_KEPT / 86_400:.0f} days: earlier ones are not in it."

_SURVEYS: Final = """
    SELECT asked, skill, vote, voted FROM survey
    WHERE asked >= :since AND :mailbox IN ('', mailbox)"""
_OPT_OUTS: Final = "SELECT at FROM opt_out WHERE purpose = 'survey' AND at >= ?"

# Of a conversation that was answered and acknowledged again nobody knows what was promised before.
_UPDATES: Final = """
    SELECT finished, id, iif(0 < answer AND answer < acknowledged, 0.0, promised), answer FROM (
        SELECT outbox.finished, conversation.id, conversation.promised, conversation.acknowledged,
               coalesce((SELECT min(at) FROM mail AS sent WHERE sent.conversation = conversation.id
                         AND way = 'out' AND kind = 'human' AND at >= outbox.created),
                        iif(conversation.answered >= outbox.created, conversation.answered, 0.0))
               AS answer
        FROM outbox JOIN mail ON mail.key = outbox.about
             JOIN conversation ON conversation.id = mail.conversation
        WHERE outbox.kind = 'update' AND outbox.state = 'SENT' AND outbox.finished >= :since
              AND :mailbox IN ('', outbox.mailbox)) ORDER BY finished"""

# Cross join and index: what has not been touched since then is not looked at.
_MOODS: Final = """
    SELECT conversation.id, mail.at, mail.mood
    FROM conversation INDEXED BY conversation_age CROSS JOIN mail
         ON mail.conversation = conversation.id AND way = 'in' AND kind = 'human' AND mood != ''
    WHERE conversation.last_activity >= :since AND :mailbox IN ('', conversation.mailbox)
    ORDER BY conversation.id, mail.at"""


@dataclass(frozen=True, slots=True)
class _State:
    surveys: list[Asked]
    opt_outs: list[float]
    updates: list[Told]
    courses: list[Course]


def with_after(
    rows: Rows, config: Config, period: Period, before: Period, now: float, mailbox: str
) -> Rows:
    """The same rows with these beside them. `mailbox`: of that address alone; empty: of all."""
    missing = rows.missing
    try:
        state, why = _read(config, before.start, mailbox), ""
    except (StateError, OSError) as error:
        state, why = None, f"Not known: {error}."
    has_updates = _is_on(config, mailbox, "updates") or bool(state and state.updates)
    has_surveys = _is_on(config, mailbox, "survey") or bool(state and state.surveys)
    late = "" if period.start >= now - UPDATES_KEPT - _HOUR else _GONE
    corrections, no_corrections = _corrections(config, period, before)
    return replace(
        rows,
        surveys=state.surveys if state and has_surveys else None,
        opt_outs=state.opt_outs if state else (),
        updates=state.updates if state and has_updates else None,
        courses=state.courses if state else None,
        corrections=corrections,
        missing=replace(
            missing,
            surveys=why if has_surveys else "",
            updates=(why or late) if has_updates else "",
            corrections=no_corrections,
        ),
    )


def _is_on(config: Config, mailbox: str, what: Literal["updates", "survey"]) -> bool:
    return any(
        getattr(box, what) == "send"
        for box in config.mailboxes.mailboxes
        if mailbox in ("", box.address)
    )


def _read(config: Config, since: float, mailbox: str) -> _State:
    asked = since - config.follow_ups.surveys.valid
    wanted = {"since": since, "mailbox": mailbox}
    with (
        closing(open_database(config.state.database, read_only=True)) as connection,
        state_errors(connection),
    ):
        read = connection.execute
        return _State(
            [Asked(*row) for row in read(_SURVEYS, {**wanted, "since": asked})],
            [at for (at,) in read(_OPT_OUTS, (since,))],
            [Told(*row) for row in read(_UPDATES, wanted)],
            list(_courses(read(_MOODS, wanted))),
        )


def _courses(mails: Iterable[tuple[int, float, str]]) -> Iterator[Course]:
    for _, conversation in groupby(mails, itemgetter(0)):
        course = [(at, mood) for _, at, mood in conversation]
        if len(course) > 1:
            yield course


def _corrections(
    config: Config, period: Period, before: Period
) -> tuple[list[Corrected] | None, str]:
    try:
        feedback = open_feedback(feedback_file(config.state.database))
        if feedback is None:
            is_on = config.follow_ups.returns.domain
            return None, "No mail was ever corrected." if is_on else ""
        with feedback:
            found = feedback.corrections(before.start, period.end)
    except FeedbackError as error:
        return None, f"Not known: {error}."
    return [Corrected(one.at, one.message, one.facet, one.said, one.value) for one in found], ""
