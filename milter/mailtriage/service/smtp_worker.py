"""The process that runs the SMTP door."""

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Final

from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import Question
from mailtriage.doors.smtp import SmtpDoor
from mailtriage.doors.smtp_desk import DeskNews
from mailtriage.doors.smtp_tagging import Tagger, door_settings
from mailtriage.service.channel import ALIVE, READY, TICK
from mailtriage.service.log import AddressMask, Log, mail_fields
from mailtriage.service.metrics_counting import of_mail
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_names import SESSIONS

DESK_PATIENCE: Final = 5.0
"""Seconds that a leaving door waits for the desk to hear of its last mails."""


def run_smtp_worker(
    analysers: Path, analyst: Analyst, listen_fd: int, control: socket.socket, log: Log
) -> None:
    """The life of the process, from the fork to the exit; never returns."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    log.start_thread()
    try:
        asyncio.run(_serve(analysers, analyst, listen_fd, control, log))
    except (OSError, ValueError) as fault:
        log.line("error", {"event": "worker-failed", "door": "smtp", "fault": fault})
        log.flush()
        os._exit(1)
    log.line("info", {"event": "worker-left", "pid": os.getpid(), "door": "smtp"})
    log.flush()
    os._exit(0)


async def _serve(
    analysers: Path, analyst: Analyst, listen_fd: int, control: socket.socket, log: Log
) -> None:
    config = analyst.config
    mask = AddressMask(config.log.addresses, config.log.hash_key_file)
    deltas = Deltas()

    def report(passed: Analysis, question: Question) -> None:
        deltas.add_all(of_mail(passed, {}))
        envelope = question.envelope
        log.line(
            "warning",
            mail_fields(passed, question.queue_id, envelope.sender, envelope.recipients, mask),
        )

    desk = DeskNews(config)
    tagger = Tagger(analyst, analysers, report, desk.expect)
    door = SmtpDoor(door_settings(config), tagger, desk.committed)
    await door.start(socket.socket(fileno=listen_fd))
    loop = asyncio.get_running_loop()
    leave = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, leave.set)
    control.setblocking(False)  # noqa: FBT003  the signature of socket
    # Whatever the supervisor says, and its end too, means: leave.
    loop.add_reader(control.fileno(), leave.set)
    await loop.sock_sendall(control, READY)
    while not leave.is_set():
        try:
            await asyncio.wait_for(leave.wait(), TICK)
        except TimeoutError:
            deltas.set(SESSIONS, value=door.sessions)
            deltas.flush(control)
            try:
                await loop.sock_sendall(control, ALIVE)
            except OSError:
                break
    await door.stop(config.milter.drain)
    await desk.stop(DESK_PATIENCE)
    deltas.flush(control)
