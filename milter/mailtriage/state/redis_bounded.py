"""Questions to Redis that take no longer than they may, whatever happens to it or on the way to it.

Limits of sockets bound neither the look-up of a name, nor how many pieces an answer comes in. So a
thread asks, and whoever waits for it waits for so long and no longer; what comes later is dropped.
After a failure nobody waits at all (a circuit breaker) until Redis has been seen to answer in time:
the thread tries that by itself, on occasion of a question that nobody waits for.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mailtriage.state.redis_link import RedisError, RedisLink, Value
from mailtriage.state.redis_scripts import Script

PAUSE: Final = 5.0
"""Seconds from a failure to the first trial, and from one trial to the next."""

_starting: Final = threading.Lock()

NO_ANSWER: Final = "it did not answer in time"


@dataclass(slots=True)
class _Question:
    script: Script
    values: Sequence[Value]
    answer: list[Any] | None = None
    done: threading.Event = field(default_factory=threading.Event)


class BoundedRedis:
    """May be asked by any thread of a process; a fork begins anew."""

    def __init__(
        self, link: Callable[[], RedisLink], limit: float, *, pause: float = PAUSE
    ) -> None:
        """`link` makes the connection of a process; `limit`: seconds for one question."""
        self._link: Final = link
        self._limit: Final = limit
        self._pause: Final = pause
        self._begin()

    def _begin(self) -> None:
        self._process = 0
        self._lock = threading.Lock()
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._busy = False
        self._try_at = 0.0
        self.problem = ""
        """Why nobody asks at present; empty when all is well."""
        self.failures = 0
        """Questions that failed, or were not answered in time."""

    def ask(self, script: Script, values: Sequence[Value]) -> list[Any] | None:
        """What the script returned; None: not known, now or in time. Never raises RedisError."""
        if self._process != os.getpid():
            with _starting:
                if self._process != os.getpid():
                    self._start()
        question = _Question(script, values)
        if self.problem:
            self._try(question)
            return None
        self._questions.put(question)
        if not question.done.wait(self._limit):
            self._failed(NO_ANSWER)
            return None
        return question.answer

    def look_again(self, script: Script, values: Sequence[Value]) -> None:
        """Somebody has reason to believe that it is well again: try that now, with this question,
        without waiting for the answer."""
        if self.problem and self._process == os.getpid():
            self._try_at = 0.0
            self._try(_Question(script, values))

    def close(self) -> None:
        """The thread ends when it is through with what it does."""
        if self._process == os.getpid():
            self._questions.put(None)
            self._process = 0

    def _start(self) -> None:
        self._begin()
        threading.Thread(
            target=self._serve, args=(self._questions,), name="redis", daemon=True
        ).start()
        self._process = os.getpid()

    def _try(self, question: _Question) -> None:
        """A question for whose answer nobody waits, when it is time for one."""
        with self._lock:
            now = time.monotonic()
            if now < self._try_at or self._busy:
                return
            self._try_at = now + self._pause
        self._questions.put(question)

    def _failed(self, problem: str) -> None:
        with self._lock:
            self.failures += 1
            self.problem = problem
            self._try_at = time.monotonic() + self._pause

    # In the thread.

    def _serve(self, questions: "queue.SimpleQueue[_Question | None]") -> None:
        link = self._link()
        while (question := questions.get()) is not None:
            self._busy = True
            try:
                question.answer = link.run(question.script, "", question.values)
                question.done.set()
                if self.problem:
                    self._is_well_again(link, question)
            except RedisError as error:
                self._failed(str(error))
                question.done.set()
            except Exception as fault:  # noqa: BLE001  a bug of ours must not end the thread
                self._failed(type(fault).__name__)
                question.done.set()
            finally:
                self._busy = False
        link.close()

    def _is_well_again(self, link: RedisLink, question: _Question) -> None:
        """Once more, without the time that connecting took: who waits would have had it in time."""
        begun = time.monotonic()
        link.run(question.script, "", question.values)
        if time.monotonic() - begun <= self._limit:
            self.problem = ""
