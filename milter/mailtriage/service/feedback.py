"""What the desk's process does about corrections beside taking them: forgets, counts, mends.

Two write the file, the desk and `mailtriage feedback`. What both wrote stands in it, so that the
metric is told from there.
"""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mailtriage.clock import Clock
from mailtriage.desk.report import Report
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_names import FEEDBACK
from mailtriage.state.feedback import (
    DamagedFeedbackError,
    FeedbackError,
    feedback_file,
    forget,
    open_feedback,
    set_aside,
)

EVERY: Final = 60.0
"""Seconds between two looks."""

Written = Mapping[tuple[str, str], int]


class FeedbackKeeper:
    """Looks after the file. `look` blocks; for one thread at a time."""

    def __init__(
        self,
        database: Path,
        retention: float,
        deltas: Deltas,
        report: Report,
        clock: Clock = time.time,
    ) -> None:
        """`database`: of the state; `retention`: seconds for which corrections are kept."""
        self._file: Final = feedback_file(database)
        self._retention: Final = retention
        self._deltas: Final = deltas
        self._report: Final = report
        self._clock: Final = clock
        self._seen: Written | None = None
        self._fault = ""

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(EVERY)

    def look(self) -> None:
        """Once. A file that is damaged makes way for a new one: else each correction by mail would
        wait in Postfix's queue until it bounced."""
        try:
            forget(self._file, self._clock() - self._retention)
            self._count()
            self._fault = ""
        except DamagedFeedbackError as fault:
            self._mend(fault)
        except FeedbackError as fault:
            self._tell(str(fault))

    def _count(self) -> None:
        feedback = open_feedback(self._file)
        written: Written = {}
        if feedback is not None:
            with feedback:
                written = feedback.written()
        # What was there when the process began, an earlier one has counted.
        seen = written if self._seen is None else self._seen
        for (facet, source), number in written.items():
            more = number - seen.get((facet, source), 0)
            if more > 0:
                self._deltas.add(FEEDBACK, facet, source, amount=more)
        self._seen = written

    def _mend(self, fault: DamagedFeedbackError) -> None:
        try:
            aside = set_aside(self._file)
        except FeedbackError as worse:
            self._tell(str(worse))
            return
        self._seen = {}
        self._tell(f"{fault}; it is {aside} now, and a new one is made")

    def _tell(self, fault: str) -> None:
        """Once, until there is something else to say."""
        if fault != self._fault:
            self._report("error", {"event": "feedback-file", "fault": fault})
        self._fault = fault
