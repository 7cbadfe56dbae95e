"""From one LMTP recipient to a committed transaction, or to "come again"."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from mailtriage.clock import Clock
from mailtriage.desk.commit import DatabaseUnusableError, GroupCommit
from mailtriage.desk.copy import Copy
from mailtriage.desk.handle import Outcome, Prepared
from mailtriage.desk.report import Level, Report
from mailtriage.faults import place_of
from mailtriage.state.outbox import key_text
from mailtriage.state.store import Store

PREPARERS: Final = 2
"""Threads that take mails apart while another writes; with two, a slow mail holds up no other."""

REMEMBERED_FAILURES: Final = 1000
"""Mails of which it is known how often they failed; for the log."""


class Judgement(Protocol):
    """What follows from a mail: `handle.Handler`."""

    def prepare(self, copy: Copy, now: float) -> Prepared | None:
        """Everything that can be known without the database; None when nothing follows."""

    def apply(self, prepared: Prepared, store: Store, now: float) -> Outcome:
        """Write it down, inside a transaction."""


class Delivery:
    """Delivers hidden copies. A mail over which our code stumbles stays in Postfix's queue, where
    it expires in the end, and delays no other."""

    def __init__(
        self,
        judgement: Judgement,
        commit: GroupCommit,
        report: Report,
        clock: Clock = time.time,
    ) -> None:
        self._judgement: Final = judgement
        self._commit: Final = commit
        self._report: Final = report
        self._clock: Final = clock
        self._threads: Final = ThreadPoolExecutor(PREPARERS, "prepare")
        self._failures: Final[dict[str, int]] = {}
        self._under_way: Final[dict[int, float]] = {}
        self._number = 0

    async def deliver(self, sender: str, recipient: str, message: bytes) -> bool:
        """Whether all that follows from the mail is on the disk. Never raises.

        `sender`: reverse-path; `recipient`: a hidden one with our signature, or one in
        the domain of our return addresses; `message`: as received.
        """
        self._number += 1
        number, begun = self._number, time.monotonic()
        self._under_way[number] = begun
        try:
            fields, level = await self._delivered(Copy(sender, recipient, message))
        except DatabaseUnusableError:
            return False  # GroupCommit tells, once for all mails
        except Exception as fault:  # noqa: BLE001  a bug of ours: Postfix keeps the mail
            self._tell_failure(recipient, fault)
            return False
        finally:
            del self._under_way[number]
        fields["ms"] = f"{(time.monotonic() - begun) * 1000:.1f}"
        self._report(level, fields)
        return True

    def longest_under_way(self) -> float:
        """Seconds for which the oldest delivery that is not done has been under way; 0: none is."""
        now = time.monotonic()
        return now - min(self._under_way.values(), default=now)

    def close(self) -> None:
        """No more mails will come."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _delivered(self, copy: Copy) -> tuple[dict[str, object], Level]:
        now = self._clock()
        prepared = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._judgement.prepare, copy, now
        )
        if prepared is None:
            return {"event": "desk", "outcome": "nothing", "key": _named(copy.recipient)}, "debug"
        outcome = await self._commit.run(lambda store: self._judgement.apply(prepared, store, now))
        return {**outcome.fields, "key": key_text(prepared.key) or "-"}, outcome.level

    def _tell_failure(self, recipient: str, fault: Exception) -> None:
        name = _named(recipient)
        failures = self._failures.pop(name, 0) + 1
        self._failures[name] = failures
        if len(self._failures) > REMEMBERED_FAILURES:
            del self._failures[next(iter(self._failures))]
        self._report(
            "error",
            {"event": "desk-failed", "key": name, "failures": failures, "fault": place_of(fault)},
        )


def _named(recipient: str) -> str:
    """The part of a hidden recipient that says which mail, or which mailbox: no signature."""
    return recipient.split(".", 2)[1] if recipient.count(".") > 1 else "-"
