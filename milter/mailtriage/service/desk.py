"""The process that Postfix delivers the hidden copies to: one that listens, one thread that writes.

It answers "451" whenever it cannot write, for whatever reason, and recovers by itself: Postfix has
the mails until then, and is asked for them as soon as they can be taken again.
"""

import asyncio
import contextlib
import gc
import socket
import time
from typing import TYPE_CHECKING, Final

import aiosmtplib

from mailtriage.acks.promise import TARGETS_ALONE
from mailtriage.acks.returns import is_return_address
from mailtriage.acks.tokens import HIDDEN_DOMAIN, Tokens
from mailtriage.config import Config
from mailtriage.desk.answers import MeasuredAnswers
from mailtriage.desk.commit import DatabaseUnusableError, GroupCommit
from mailtriage.desk.delivery import Delivery, Judgement
from mailtriage.desk.feedback_mail import FeedbackDesk
from mailtriage.desk.feedback_values import known_skills
from mailtriage.desk.follow_up_desk import FollowUpDesk
from mailtriage.desk.handle import Handler
from mailtriage.desk.receiver import Receiver
from mailtriage.desk.report import Report
from mailtriage.desk.returns import Corrector, ReturnDesk
from mailtriage.desk.submit import ask_for_delivery
from mailtriage.doors.analysis import Analyst
from mailtriage.service.answer_clock import AnswerClock
from mailtriage.service.feedback import FeedbackKeeper
from mailtriage.service.follow_up import follow_up, follow_up_desk
from mailtriage.service.lifeline import run_process, until_told_to_leave
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_desk import CountedJudgement, counting
from mailtriage.service.metrics_names import UNSHARED

if TYPE_CHECKING:
    from mailtriage.desk.sharing import Publisher

PURGE_EVERY: Final = 60.0
"""Seconds between two looks for what may be forgotten."""

PURGE_PAUSE: Final = 0.2
"""Seconds between two steps of it, in which mails are written."""

STUCK: Final = 60.0
"""Seconds after which a mail that is neither written nor refused means that something hangs."""

FLUSH_AGAIN: Final = (5.0, 15.0, *(60.0 for _ in range(10)))
"""Seconds before Postfix is asked again that did not answer: systemd starts it after us, and it
comes by itself only after minutes (minimal_backoff_time, maximal_backoff_time)."""

_GARBAGE: Final = 20_000
"""Objects between two collections: what a mail leaves behind has few cycles. Measured: a tenth more
mails a second."""


def run_desk(analyst: Analyst, listen_fd: int, control: socket.socket, log: Log) -> None:
    """The life of the process, from the fork to the exit; never returns."""
    gc.set_threshold(_GARBAGE, 20, 50)
    config, tokens = analyst.config, analyst.tokens

    async def serve() -> None:
        if analyst.texts is None:
            raise ValueError("there are no texts to acknowledge with")
        answers = MeasuredAnswers() if config.targets.measured else None
        handler = Handler(analyst, config, tokens, analyst.texts, answers or TARGETS_ALONE)
        skills = known_skills(analyst.matcher.policies, analyst.model)
        corrector = FeedbackDesk(config, tokens, skills)
        follow_ups = follow_up_desk(config, tokens, answers)
        await serve_desk(
            handler, config, tokens, listen_fd, control, log, answers, corrector, follow_ups
        )

    run_process("desk", serve, log)


async def serve_desk(
    judgement: Judgement,
    config: Config,
    tokens: Tokens,
    listen_fd: int,
    control: socket.socket,
    log: Log,
    answers: MeasuredAnswers | None = None,
    corrector: Corrector | None = None,
    follow_ups: FollowUpDesk | None = None,
) -> None:
    """Deliver until told to leave; then finish what is on its way.

    `answers`: filled with what is measured while the desk runs; None: nothing is measured.
    `corrector`: takes corrections by mail; None: they change nothing. `follow_ups`: what is written
    to customers later; None: nothing.
    """
    flush = _Flush(config, log)
    deltas = Deltas()
    tell = counting(log.line, deltas)

    def report(fault: str) -> None:
        if nodes is not None:
            nodes.database_usable = not fault
        if fault:
            tell("error", {"event": "desk-database", "state": "unusable", "fault": fault})
        else:
            tell("info", {"event": "desk-database", "state": "usable"})
            flush.recovered = time.monotonic()
            flush.ask()

    nodes = _nodes(judgement, config, tokens, tell, deltas)
    commit = GroupCommit(config.state.database, tokens, report)
    judging = ReturnDesk(nodes.judgement if nodes else judgement, config, tokens, corrector)
    delivery = Delivery(CountedJudgement(judging), commit, tell)

    def is_ours(address: str) -> bool:
        hidden = tokens.read_hidden_recipient(address) or tokens.read_sweeper_recipient(address)
        return bool(hidden) or is_return_address(config.follow_ups.returns.domain, address)

    clock = AnswerClock(config, answers, deltas, log) if answers else None
    receiver = Receiver(is_ours, delivery.deliver)
    commit.start()
    if nodes is not None:
        await nodes.begin(commit)
    await receiver.start(socket.socket(fileno=listen_fd))
    flush.ask()
    if clock is not None:
        clock.start()
    tasks = [asyncio.create_task(_purge(commit, config.desk.retention))]
    keeper = FeedbackKeeper(config.state.database, config.desk.retention, deltas, tell)
    tasks.append(asyncio.create_task(keeper.run()))
    tasks.append(asyncio.create_task(nodes.run(commit) if nodes else _share_nothing(commit)))
    ask = nodes.judgement.pulled_about if nodes else None
    later = follow_up(follow_ups, commit, tell, ask, lambda: flush.recovered)
    tasks.append(asyncio.create_task(later))
    await until_told_to_leave(
        control, config.milter, deltas, lambda: delivery.longest_under_way() < STUCK
    )
    for task in tasks:
        task.cancel()
    await receiver.stop(config.milter.drain)
    delivery.close()
    if nodes is not None:
        await nodes.close(commit)
    await commit.stop()
    if clock is not None:
        await asyncio.to_thread(clock.stop)
    deltas.flush(control)


def _nodes(
    judgement: Judgement, config: Config, tokens: Tokens, tell: Report, deltas: Deltas
) -> "Publisher | None":
    """What makes this node one of several; None where it is alone."""
    if not config.state.shared or not isinstance(judgement, Handler):
        return None
    # 18 MB of library, for those who use it.
    from mailtriage.desk.sharing import Publisher, SharedJudgement
    from mailtriage.service.shared_state import desk_link, place_of

    link = desk_link(place_of(config, tokens))
    return Publisher(
        SharedJudgement(judgement, link, tokens, config.ack.limits.cool_down),
        link,
        config.desk.retention,
        tell,
        lambda count: deltas.set(UNSHARED, value=count),
    )


async def _share_nothing(commit: GroupCommit) -> None:
    """Where nodes shared before, this one no longer notes what it would have to tell."""
    with contextlib.suppress(DatabaseUnusableError):
        await commit.run_alone(lambda store: store.sharing.switch(on=False))


async def _purge(commit: GroupCommit, retention: float) -> None:
    """Forget, in steps small enough to hold up no mail."""
    while True:
        gone = 0
        with contextlib.suppress(DatabaseUnusableError):  # told already; later, then
            gone = await commit.run_alone(lambda store: store.purge(time.time(), retention))
        await asyncio.sleep(PURGE_PAUSE if gone else PURGE_EVERY)


class _Flush:
    """Asks Postfix for what waited while we could not take it, or after minutes it comes itself."""

    def __init__(self, config: Config, log: Log) -> None:
        self._server: Final = config.ack.submit
        self._hostname: Final = config.smtp.hostname
        self._log: Final = log
        self._asking: asyncio.Task[None] | None = None
        self.recovered = 0.0
        """When the database could be written again after it could not, by `time.monotonic`."""

    def ask(self) -> None:
        """Now, in the background, and again until Postfix answers; nothing depends on it."""
        if self._asking is not None:
            self._asking.cancel()
        self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        if await self._is_answered(tell=True):
            return
        for pause in FLUSH_AGAIN:
            await asyncio.sleep(pause)
            if await self._is_answered(tell=False):
                return

    async def _is_answered(self, *, tell: bool) -> bool:
        """`tell`: whether a failure goes into the log; the answer does in any case."""
        fields: dict[str, object] = {"event": "desk-flush"}
        try:
            fields["answer"] = await ask_for_delivery(self._server, HIDDEN_DOMAIN, self._hostname)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as fault:
            if tell:
                self._log.line("warning", fields | {"fault": fault})
            return False
        self._log.line("info", fields)
        return True
