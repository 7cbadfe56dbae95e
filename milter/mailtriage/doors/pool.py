"""The analysis threads of a worker: a deadline for each mail, and no mail waits for another for long.

libmilter's own threads must not analyse: Debian's libmilter moves a connection between native threads,
and a C extension that takes the GIL there deadlocks the whole process. So they hand the mail over
and wait here, with a deadline.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Final

from mailtriage.doors.analysis import Analysis

MAX_REPLACEMENTS: Final = 4
"""Threads that may stand in for stuck ones before the worker has to be replaced."""


class _Job:
    __slots__ = ("abandoned", "done", "replaced", "result", "started", "work")

    def __init__(self, work: Callable[[], Analysis]) -> None:
        self.work: Final = work
        # A bare lock costs a third of what an Event or a Future does, and this is every mail's way.
        self.done: Final = threading.Lock()
        self.done.acquire()
        self.result: Analysis | None = None
        self.abandoned = False
        self.replaced = False
        self.started = 0.0


class Overload(Exception):  # noqa: N818  a state, not a fault
    """More mails wait than the pool takes."""


class AnalysisPool:
    """A few threads that analyse mails."""

    def __init__(self, threads: int, waiting: int, deadline: float) -> None:
        """`waiting` mails may queue; `deadline` is in seconds, from hand-over to answer."""
        self._jobs: Final[queue.SimpleQueue[_Job | None]] = queue.SimpleQueue()
        self._waiting: Final = waiting
        self._deadline: Final = deadline
        self._lock: Final = threading.Lock()
        self._replaced = 0
        for _ in range(threads):
            self._start_thread()

    def run(self, work: Callable[[], Analysis]) -> Analysis | None:
        """The result of `work`, computed in a thread of the pool; None when the deadline passed.

        Raises Overload at once when too many mails wait.
        """
        if self._jobs.qsize() >= self._waiting:
            raise Overload
        job = _Job(work)
        self._jobs.put(job)
        if job.done.acquire(timeout=self._deadline):
            return job.result
        job.abandoned = True
        if job.started:
            self._replace_stuck_thread(job)
        return None

    @property
    def worn_out(self) -> bool:
        """True when so many threads are stuck that the worker should be replaced."""
        return self._replaced >= MAX_REPLACEMENTS

    def _start_thread(self) -> None:
        threading.Thread(target=self._work, name="analysis", daemon=True).start()

    def _replace_stuck_thread(self, job: _Job) -> None:
        """Start a thread in the place of one that is over the deadline with its mail."""
        with self._lock:
            if job.result is None and self._replaced < MAX_REPLACEMENTS:
                self._replaced += 1
                job.replaced = True
                self._start_thread()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            if job.abandoned:
                continue
            job.started = time.monotonic()
            result = job.work()
            with self._lock:
                job.result = result
                if job.replaced:
                    # Late, and somebody else has taken this thread's place.
                    self._replaced -= 1
                    return
            job.done.release()
