"""The process that Postfix delivers the hidden copies to: one that listens, one thread that writes.

It answers "451" whenever it cannot write, for whatever reason, and recovers by itself: Postfix has
the mails until then, and is asked for them as soon as they can be taken again.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import time
from collections.abc import Coroutine
from typing import Final

import aiosmtplib

from mailtriage.acks.tokens import HIDDEN_DOMAIN, Tokens
from mailtriage.config import Config
from mailtriage.desk.commit import DatabaseUnusableError, GroupCommit
from mailtriage.desk.delivery import Delivery, Judgement
from mailtriage.desk.handle import Handler
from mailtriage.desk.receiver import Receiver
from mailtriage.desk.submit import ask_for_delivery
from mailtriage.doors.analysis import Analyst
from mailtriage.service.lifeline import until_told_to_leave
from mailtriage.service.log import Log

PURGE_EVERY: Final = 60.0
"""Seconds between two looks for what may be forgotten."""

PURGE_PAUSE: Final = 0.2
"""Seconds between two steps of it, in which mails are written."""

STUCK: Final = 60.0
"""Seconds after which a mail that is neither written nor refused means that something hangs."""

_GARBAGE: Final = 20_000
"""Objects between two collections: what a mail leaves behind has few cycles. Measured: a tenth more
mails a second."""


def run_desk(analyst: Analyst, listen_fd: int, control: socket.socket, log: Log) -> None:
    """The life of the process, from the fork to the exit; never returns."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    gc.set_threshold(_GARBAGE, 20, 50)
    log.start_thread()
    config, tokens = analyst.config, analyst.tokens
    try:
        if analyst.texts is None:
            raise ValueError("there are no texts to acknowledge with")
        handler = Handler(analyst, config, tokens, analyst.texts)
        asyncio.run(serve_desk(handler, config, tokens, listen_fd, control, log))
    except Exception as fault:  # noqa: BLE001  whatever it was: we are started again
        log.line("error", {"event": "worker-failed", "door": "desk", "fault": repr(fault)})
        log.flush()
        os._exit(1)
    log.line("info", {"event": "worker-left", "pid": os.getpid(), "door": "desk"})
    log.flush()
    os._exit(0)


async def serve_desk(
    judgement: Judgement,
    config: Config,
    tokens: Tokens,
    listen_fd: int,
    control: socket.socket,
    log: Log,
) -> None:
    """Deliver until told to leave; then finish what is on its way."""
    flush = _Flush(config, log)

    def report(fault: str) -> None:
        if fault:
            log.line("error", {"event": "desk-database", "state": "unusable", "fault": fault})
        else:
            log.line("info", {"event": "desk-database", "state": "usable"})
            flush.ask()

    commit = GroupCommit(config.state.database, tokens, report)
    delivery = Delivery(judgement, commit, log.line)

    def is_ours(address: str) -> bool:
        return bool(tokens.read_hidden_recipient(address) or tokens.read_sweeper_recipient(address))

    receiver = Receiver(is_ours, delivery.deliver)
    commit.start()
    await receiver.start(socket.socket(fileno=listen_fd))
    flush.ask()
    purging = asyncio.create_task(_purge(commit, config.desk.retention))
    await until_told_to_leave(control, config.milter, lambda: delivery.longest_under_way() < STUCK)
    purging.cancel()
    await receiver.stop(config.milter.drain)
    delivery.close()
    await commit.stop()


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

    def ask(self) -> None:
        """Now, in the background; nothing depends on it."""
        if self._asking is None or self._asking.done():
            asking: Coroutine[None, None, None] = self._ask()
            self._asking = asyncio.create_task(asking)

    async def _ask(self) -> None:
        fields: dict[str, object] = {"event": "desk-flush"}
        try:
            fields["answer"] = await ask_for_delivery(self._server, HIDDEN_DOMAIN, self._hostname)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as fault:
            self._log.line("warning", fields | {"fault": fault})
        else:
            self._log.line("info", fields)
