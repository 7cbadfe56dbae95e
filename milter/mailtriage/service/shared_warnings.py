"""One of many nodes watches the mail of all: what each node does for that, every half minute.

Each tells Redis what it counted. Whoever holds the lease adds that up, evaluates it, writes down
what it has learnt together with the alerts that follow, and delivers them. When it is gone another
node takes the lease, and goes on with what is written there. What is not written was not told.

All times are those of Redis' clock. A node whose own is minutes off corrects what it counts by the
difference, as its history has its own times.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config
from mailtriage.faults import place_of
from mailtriage.insight import surge_bytes
from mailtriage.insight.budget import Budget
from mailtriage.insight.count_bytes import to_bytes
from mailtriage.insight.counts import Counts, Series, merge
from mailtriage.insight.evaluator import (
    GRACE,
    LEASE,
    LONGEST_GAP,
    NEWS,
    QUARTER,
    Board,
    Finding,
    Lease,
    Teller,
    alone_name,
    claim,
    complete,
    duty,
    evaluate,
    release,
)
from mailtriage.insight.profile import Week
from mailtriage.service import shared_state
from mailtriage.service.log import Log
from mailtriage.service.shared_alerts import SharedOutbox
from mailtriage.state.history import HistoryError
from mailtriage.state.redis_link import RedisError, RedisLink
from mailtriage.state.redis_warnings import FORGOTTEN, AllCounts, RedisWarnings, Sight
from mailtriage.state.shared_records import SharedDataError
from mailtriage.state.shared_tables import machine
from mailtriage.state.warnings import Owed

ALONE_AFTER: Final = 420
"""Seconds without Redis, or without anybody who evaluates, until a node goes on alone: longer than
it takes another one to step in."""
CLOCKS_APART: Final = 5
"""Seconds by which clocks may differ and still be taken for one."""
CLOCKS_WILD: Final = 3600
"""Seconds from which on this node is left out, and watches alone."""
WRITTEN: Final = 5
"""Seconds after a quarter until its last mails are in the history: that writes once a second."""
RENEWED: Final = 30.0
"""Seconds of work after which the lease is renewed on the way."""
DAY: Final = 96
"""Quarters: what is told, or evaluated, in one step."""
UNFIT: Final = 600
"""Seconds for which a node that cannot read the board leaves the lease to others."""
_NEW_NODE: Final = 24
"""Hours of mail in which a node is a new one, and takes over a part of the others' mail."""
OTHERS_FIRST: Final = 45
"""Seconds for which a node that knows nothing leaves an empty Redis to one that does."""

CountsOf = Callable[[int, int], Mapping[Series, Counts]]
"""What this node counted: of a quarter, by a clock that many seconds ahead."""


class Telling(Protocol):
    """What follows from an evaluation, for people and metrics."""

    def owed(self, finding: Finding, counts: Counts, now: int) -> list[Owed]:
        """What is to be said of it; nothing when nothing began or ended."""

    def show(self, findings: list[Finding]) -> None:
        """In metrics and log."""

    def deliver(self, one: Owed, now: int) -> float | None:
        """See `Alerting.deliver`."""


class SharedWarnings:
    """For the thread of early warning. `stopped` says whether it is time to leave."""

    def __init__(
        self,
        redis: RedisWarnings,
        settings: tuple[Week, int],
        telling: Telling,
        log: Log,
        stopped: Callable[[], bool],
    ) -> None:
        """`settings`: the organisation's week, and the alerts it wants in one."""
        self._redis: Final = redis
        self._week, self._a_week = settings
        self._telling: Final = telling
        self._log: Final = log
        self._stopped: Final = stopped
        self.redis_clock: Callable[[float], float] = float
        """What time it is when Redis says one. A replay of weeks says its own."""
        self.alone_told: dict[str, int] = {}
        """What this node has told by itself, and the quarter of it."""
        self.done = 0
        """The last quarter that was evaluated for all."""
        self.ahead = 0
        """Seconds by which this node's clock is ahead of Redis'."""
        self._problem: str | None = None
        self._well_at: float | None = None
        self._lease: Lease | None = None
        self._held = False
        self._time, self._timed = 0, 0.0
        self._told = 0
        self._board: Board | None = None
        self._saved: tuple[int, bytes] = (0, b"")
        """The last board that this node has written or read, and its quarter."""
        self._outbox: Final = SharedOutbox(redis, telling.deliver, stopped)
        self._learnt_from: set[str] = set()
        self._unfit_until = 0
        self._empty_since = 0

    @property
    def holds(self) -> bool:
        """Whether this node is the one that evaluates, as far as it has heard."""
        return self._held

    def is_alone(self, now: float) -> bool:
        """Whether this node is to go by its own mail; `now`: seconds, by its clock."""
        return self._well_at is not None and now - self._well_at >= ALONE_AFTER

    def turn(self, counts_of: CountsOf, oldest: float, now: float) -> None:
        """All that there is to do. `oldest`: when this node's mail began, 0: there is none; `now`:
        by its clock. Raises HistoryError; what else goes wrong is said in the log once."""
        if self._well_at is None or self._well_at > now:
            self._well_at = now
        problem = ""
        try:
            self._turn(counts_of, oldest, now)
        except HistoryError:
            raise
        except (RedisError, SharedDataError) as fault:
            problem = str(fault)
        except Exception as fault:  # noqa: BLE001  whatever it is, this node goes on alone
            problem = f"fault at {place_of(fault)}"
        if problem:
            self._lease = self._board = None
        self._say(problem)

    def leave(self) -> None:
        """This node ends: the next one need not wait for it."""
        mine, self._lease, self._held = self._lease, None, False
        with suppress(RedisError):  # then they wait until the lease is over
            if not self._problem:
                left = release(mine, self._redis.holder, self._now()) if mine else None
                self._redis.leave(left)
        self._redis.close()

    def _turn(self, counts_of: CountsOf, oldest: float, now: float) -> None:
        sight = self._redis.look()
        redis_time = self.redis_clock(sight.time)
        self._time, self._timed = int(redis_time), time.monotonic()
        self.ahead = self._clock_difference(now - redis_time)
        self._look_back(sight)
        began = max(0, int(oldest - self.ahead) // 3600) if oldest else 0
        self._tell(sight, counts_of, began)
        self._lease, since = self._claimed(sight)
        self._held = self._lease is not None
        self.done = sight.done
        if self._held:
            self._evaluate(self._restored(sight), since, began)
        if self._lease is not None:
            ends = time.monotonic() + self._lease.until - self._now() - LEASE // 4
            self._outbox.deliver(sight.owed, self._now, ends)
        else:
            self._outbox.give_up()
        if self.done >= (self._now() - GRACE) // QUARTER - 2:
            self._well_at = now

    def _look_back(self, sight: Sight) -> None:
        """What of this node's own memory is still of use."""
        is_anothers = sight.lease is not None and sight.lease.holder != self._redis.holder
        if sight.done > self._saved[0] or (is_anothers and sight.done == self._saved[0]):
            self._saved = (0, b"")
        if sight.done:
            self._learnt_from = set(sight.learnt_from)
        elif self.done and not self._saved[0]:
            self._told = 0  # it is all to be learnt again

    def _now(self) -> int:
        """By Redis' clock."""
        return self._time + int(time.monotonic() - self._timed)

    def _clock_difference(self, apart: float) -> int:
        """Raises RedisError where it is so much that one of the two is out of its mind."""
        if abs(apart) > CLOCKS_WILD:
            hours = abs(apart) / 3600
            raise RedisError(f"its clock is {hours:.0f} hours from ours: this node watches alone")
        if abs(apart) <= CLOCKS_APART:
            return 0
        # A second of difference from look to look is the way there, and no other clock.
        return self.ahead if abs(apart - self.ahead) <= 2 else round(apart)

    def _tell(self, sight: Sight, counts_of: CountsOf, began: int) -> None:
        """What is not told yet; and the last quarter once more, as mails may have come late."""
        last = (self._now() - WRITTEN) // QUARTER - 1
        known = sight.tellers.get(self._redis.node)
        told = min(self._told, known.told) if known else 0
        done = sight.done or self._saved[0]
        first = max(done + 1, told + 1, 4 * began)
        if done:
            first = max(first, last - LONGEST_GAP)
        first = min(first, last) if began else last
        for begin in range(first, last + 1, DAY):
            if self._stopped():
                return
            end = min(begin + DAY - 1, last)
            rows = [(at, counts_of(at, self.ahead)) for at in range(begin, end + 1)]
            packed = [(at, to_bytes(counts)) for at, counts in rows if counts]
            self._redis.tell(packed, end, began, self._now(), self.alone_told)
            self._told = end
        self.alone_told.clear()

    def _claimed(self, sight: Sight) -> tuple[Lease | None, int]:
        """The lease, if it is this node's; and since when."""
        now, holder, lease = self._now(), self._redis.holder, sight.lease
        if now < self._unfit_until or not self._may_begin(sight, now):
            return None, 0
        if duty(lease, holder, now, sight.done) != "renew":
            return (lease, sight.since) if lease and lease.holder == holder else (None, 0)
        wanted = claim(lease, holder, now)
        if wanted is None:
            return None, 0
        goes_on = lease is not None and lease.term == wanted.term
        since = sight.since if goes_on else now
        return (wanted, since) if self._redis.claim(lease, wanted, since) else (None, 0)

    def _may_begin(self, sight: Sight, now: int) -> bool:
        if sight.lease is not None or sight.done or self._saved[0]:
            self._empty_since = 0
            return True
        self._empty_since = self._empty_since or now
        return now - self._empty_since >= OTHERS_FIRST

    def _restored(self, sight: Sight) -> Sight:
        """Where Redis has lost what was learnt, it is given what this node has of it."""
        if not sight.done < self._saved[0]:
            return sight
        board = self._board_of(sight, 0)
        return replace(sight, done=board.done) if self._commit(board, sight.done, [], []) else sight

    def _evaluate(self, sight: Sight, since: int, began: int) -> None:
        now, node = self._now(), self._redis.node
        tellers = {**sight.tellers, node: Teller(self._told, now)}
        ready = complete(tellers.values(), since, now)
        begins = [hour for hour in (*sight.begins.values(), began) if hour]
        learning = not sight.done
        if self._lease is not None and not learning and self._has_company(sight, now):
            # Its mail would look like a rise of everything: it is to be learnt as well.
            self._redis.begin_anew(self._lease.term, now)
            self._lease, self._saved, self._told = None, (0, b""), 0
            return
        if learning and ready < (now - GRACE) // QUARTER - 1:
            return  # what lies behind us is learnt at once, and nothing of it is told
        if self._lease is None or ready <= sight.done or not begins:
            return
        board = self._board_of(sight, min(begins))
        before = sight.done
        self._learnt_from |= tellers.keys()
        forget = [name for name, one in tellers.items() if now - one.heard > FORGOTTEN]
        while board.done < ready and not self._stopped():
            to = min(ready, max(board.done, 4 * board.began - 1) + DAY)
            if board.done and ready - board.done > LONGEST_GAP:
                to = ready  # the evaluator leaves out what is too old
            counts = AllCounts(self._redis, to)
            found = evaluate(board, counts.total, (to + 1) * QUARTER + GRACE)
            news = [] if learning else self._news(found)
            owed = [one for each in news for one in self._owed_for(each, counts)]
            if not self._commit(board, before, owed, forget):
                return
            before, forget = board.done, []
            self._telling.show(news)
            self._renew(since)

    def _has_company(self, sight: Sight, now: int) -> bool:
        """Whether there is a node that had mail before, and of which nothing was learnt."""
        return any(
            0 < began < now // 3600 - _NEW_NODE and name not in self._learnt_from
            for name, began in sight.begins.items()
        )

    def _board_of(self, sight: Sight, began: int) -> Board:
        """What was learnt: where Redis has lost it, what this node has of it. Raises
        SharedDataError."""
        board, self._board = self._board, None  # what cannot be written is reckoned again
        if board is not None and board.done == sight.done:
            return board
        done, data = self._saved
        if not data or done < sight.done:
            data = self._redis.board()
        if not data:
            return Board(self._week, began, budget=Budget(self._a_week))
        try:
            return surge_bytes.board_from_bytes(data, self._week, self._a_week)
        except ValueError as fault:
            self._unfit_until, self._held = self._now() + UNFIT, False
            raise SharedDataError(f"the board of early warning cannot be read: {fault}") from fault

    def _news(self, found: list[Finding]) -> list[Finding]:
        """What is not past, and was not told by a node alone meanwhile."""
        since = self._now() - NEWS
        news = [one for one in found if (one.quarter + 1) * QUARTER >= since]
        if not any(one.reading.event for one in news):
            return news
        alone = self._redis.alone()

        def is_told(one: Finding) -> bool:
            told = alone.get(alone_name(one))
            return told is not None and abs(one.quarter - told) <= NEWS // QUARTER

        return [one for one in news if not (one.reading.event and is_told(one))]

    def _owed_for(self, finding: Finding, counts: AllCounts) -> list[Owed]:
        if not finding.reading.event:
            return []
        quarters = range(4 * finding.reading.since, finding.quarter + 1)
        parts = [counts.total(one).get(finding.series, Counts()) for one in quarters[-DAY:]]
        return self._telling.owed(finding, merge(parts), self._now())

    def _commit(self, board: Board, before: int, owed: list[Owed], forget: list[str]) -> bool:
        """With what waits already: where Redis has lost it, it has it again."""
        if self._lease is None:
            return False
        waiting = [*self._outbox.waiting, *owed]
        saved = (board.done, surge_bytes.board_to_bytes(board))
        term, at, sent = self._lease.term, self._now(), self._outbox.sent
        nodes = self._learnt_from
        if not self._redis.commit(
            term, before, saved, at, nodes=nodes, forget=forget, owed=waiting, sent=sent
        ):
            self._lease, self._held = None, False
            return False
        self._board, self._saved = board, saved
        self._outbox.add(owed)
        self.done = board.done
        return True

    def _renew(self, since: int) -> None:
        """On the way, when there is much to do. Raises RedisError when the lease is gone."""
        lease, now = self._lease, self._now()
        if lease is None or lease.until - now > LEASE - RENEWED:
            return
        wanted = claim(lease, self._redis.holder, now)
        if wanted is None or wanted.term != lease.term:
            raise RedisError("the lease of early warning has run out meanwhile")
        if not self._redis.claim(lease, wanted, since):
            raise RedisError("another node has taken the lease of early warning")
        self._lease = wanted

    def _say(self, problem: str) -> None:
        """When it begins, when it ends, and when it is another one."""
        if problem and problem != self._problem:
            fields = {"event": "early-warning", "state": "alone", "fault": problem}
            self._log.line("warning", fields)
        elif not problem and self._problem:
            self._log.line("info", {"event": "early-warning", "state": "shared"})
        self._problem = problem


def shared_warnings(
    config: Config,
    tokens: Tokens,
    settings: tuple[Week, int],
    telling: Telling,
    log: Log,
    stopped: Callable[[], bool],
) -> SharedWarnings:
    """For the Redis of the configuration."""
    link = RedisLink(shared_state.place_of(config, tokens), shared_state.ANSWER)
    node = _node(config.state.database)
    redis = RedisWarnings(link, node, f"{node}.{secrets.token_hex(4)}")
    return SharedWarnings(redis, settings, telling, log, stopped)


def _node(database: Path) -> str:
    """The same after every restart: what it tells anew is not added to what it has told."""
    name = machine() + b"\n" + str(database.absolute()).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(name, digest_size=8).hexdigest()
