"""The process that hands acknowledgements to the mail server."""

import asyncio
import os
import socket

from mailtriage.config import Config
from mailtriage.desk.follow_up_kept import allowed
from mailtriage.desk.outbox_thread import OutboxThread
from mailtriage.desk.sender import Sender
from mailtriage.doors.analysis import Analyst
from mailtriage.service.lifeline import run_process, until_told_to_leave
from mailtriage.service.log import AddressMask, Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_desk import counting
from mailtriage.service.metrics_names import ACK_SERVER
from mailtriage.service.metrics_outbox import watch_outbox
from mailtriage.service.metrics_surveys import watch_surveys


def run_ack_worker(analyst: Analyst, listen_fd: int, control: socket.socket, log: Log) -> None:
    """The life of the process, from the fork to the exit; never returns. It listens nowhere."""
    os.close(listen_fd)
    run_process("acks", lambda: send_acks(analyst.config, control, log), log)


async def send_acks(config: Config, control: socket.socket, log: Log) -> None:
    """Send until told to leave; then finish what is on its way."""
    outbox = OutboxThread(config.state.database, config.ack.prefer)
    mask = AddressMask(config.log.addresses, config.log.hash_key_file)
    deltas = Deltas()
    deltas.set(ACK_SERVER, value=1)  # as its circuit breaker takes it
    tell = counting(log.line, deltas)
    kinds = allowed(config.mailboxes.mailboxes, config.follow_ups)
    sender = Sender(outbox, config.ack, config.smtp.hostname, tell, mask, kinds=kinds)
    watching = asyncio.create_task(watch_outbox(config.state.database, deltas))
    surveying = asyncio.create_task(watch_surveys(config.state.database, deltas))
    sending = asyncio.create_task(sender.run(config.milter.drain))
    told = asyncio.create_task(until_told_to_leave(control, config.milter, deltas))
    # When sending ends by itself it is by a fault: then this process has nothing left to do.
    await asyncio.wait((sending, told), return_when=asyncio.FIRST_COMPLETED)
    sender.leave()
    await sending
    watching.cancel()
    surveying.cancel()
    deltas.flush(control)
