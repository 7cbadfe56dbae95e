"""The last decisions for `mailtriage top`, out of the history that the service keeps."""

from typing import Final

from mailtriage.commands.top_page import Decisions, Row
from mailtriage.config import Config
from mailtriage.state.history import Decision, HistoryError, open_history
from mailtriage.state.history_schema import history_file

MOST: Final = 100
"""As many as the tallest terminal shows."""


def read_decisions(config: Config, limit: int = MOST) -> Decisions:
    """The newest first. Where there are none to be had, it says why. Never raises."""
    if not config.history.keep:
        return Decisions(note="history.keep is 0: no decisions are kept")
    try:
        with open_history(history_file(config.state.database)) as history:
            rows = tuple(_row(decision) for decision in history.newest(limit))
    except HistoryError as error:
        return Decisions(note=str(error))
    return Decisions(rows, "" if rows else "no mail has been judged yet")


def _row(decision: Decision) -> Row:
    return Row(
        at=decision.at,
        queue_id=decision.queue_id,
        mailbox=decision.mailbox,
        priority=decision.priority,
        skill=decision.skill,
        language=decision.language,
        ack=decision.ack,
        ack_rule=decision.ack_rule,
        why=decision.why,
        ms=decision.ms,
        status=decision.status,
    )
