"""The time that an acknowledgement names, out of how fast this helpdesk has answered of late.

The clock (desk/clock.py) measures, in a thread of its own; what it has found is one immutable
value, which is put in here whole. Whoever composes an acknowledgement reads it without waiting.
"""

from typing import Final

from mailtriage.acks.promise import TARGETS_ALONE, Promise, PromiseSource
from mailtriage.config.acks import Calendar
from mailtriage.insight.backlog import WorkingTime
from mailtriage.insight.promises import Knowledge, MeasuredPromises, renewed

SOON: Final = 15 * 60.0
"""Seconds: a promise nearer than that has as good as passed when the acknowledgement is read."""

FAR: Final = 60 * 86_400.0
"""Seconds: no promise is longer. One that is was made while the clock was wrong."""

_MOST_CALENDARS: Final = 100


class MeasuredAnswers:
    """`acks.promise.Answers` that were measured. For one thread, but for `knowledge`."""

    def __init__(self) -> None:
        self.knowledge = Knowledge()
        """What is known; any thread may put another one here."""
        self._work: Final[dict[int, tuple[Calendar, WorkingTime]]] = {}

    def expect(
        self,
        calendar: Calendar,
        targets: PromiseSource,
        kind: tuple[str, str],
        received: float,
        earlier: float,
    ) -> tuple[Promise | None, bool]:
        """See `acks.promise.Answers`. The targets hold where what was measured makes no sense."""
        if not received + SOON <= earlier <= received + FAR:
            earlier = 0.0
        try:
            work = self._work_of(calendar)
            source = MeasuredPromises(self.knowledge, work, received, targets)
            return renewed(source, work, kind, received, earlier), source.is_busy(*kind)
        except (ArithmeticError, LookupError, ValueError):
            return TARGETS_ALONE.expect(calendar, targets, kind, received, earlier)

    def _work_of(self, calendar: Calendar) -> WorkingTime:
        found = self._work.get(id(calendar))
        if found is None:
            if len(self._work) >= _MOST_CALENDARS:
                self._work.clear()
            # The calendar is kept beside it, so that no other one can get its id.
            found = self._work[id(calendar)] = (calendar, WorkingTime(calendar))
        return found[1]
