"""How long a team works: what adding opening hours is checked against."""

from datetime import UTC, datetime, timedelta

from mailtriage.acks.calendar import open_spans
from mailtriage.config.acks import Calendar


def open_seconds(calendar: Calendar, start: datetime, end: datetime) -> float:
    """For how many seconds the team works between two moments (aware); 0 when they are the wrong
    way round."""
    # Two datetimes of one zone are subtracted by the wall clock: not so in UTC.
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    worked = timedelta()
    for opens, closes in open_spans(calendar, start):
        if opens >= end:
            break
        worked += max(timedelta(), min(closes, end) - max(opens, start))
    return worked.total_seconds()
