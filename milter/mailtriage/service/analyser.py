"""One analyser process: takes one mail after the other from the doors, and logs a line for each.

It has no threads that touch a mail and keeps nothing of one. What a mail can do to it, at worst, is
end it; the supervisor starts another, and the door lets that mail pass.
"""

import contextlib
import gc
import math
import os
import select
import signal
import socket
import time
from functools import partial
from typing import Final

from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import (
    Answer,
    Question,
    decode_question,
    encode_answer,
    receive,
)
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Mail
from mailtriage.mail.read import read_mail, read_message
from mailtriage.service.channel import ALIVE, DRAIN, READY, RECYCLE, TICK
from mailtriage.service.log import AddressMask, Log, mail_fields
from mailtriage.service.metrics_counting import Watch
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_selftest import QUEUE_ID
from mailtriage.service.recorder import Channel, Recorder
from mailtriage.service.worker import is_worn_out
from mailtriage.tags.apply import header_names

_GARBAGE: Final = 5_000
"""Objects between two collections: a mail leaves no cycles behind, so they find next to nothing."""


def run_analyser(
    history: Channel, analyst: Analyst, listen_fd: int, control: socket.socket, log: Log
) -> None:
    """The life of an analyser, from the fork to the exit; never returns.

    `history` takes what it decided.
    """
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    gc.set_threshold(_GARBAGE, 20, 50)
    log.start_thread()
    _Analyser(history, analyst, listen_fd, control, log).run()
    log.line("info", {"event": "worker-left", "pid": os.getpid(), "door": "analyser"})
    log.flush()
    os._exit(0)


class _Analyser:
    def __init__(
        self, history: Channel, analyst: Analyst, listen_fd: int, control: socket.socket, log: Log
    ) -> None:
        config = analyst.config
        self._deltas: Final = Deltas()
        keeps = config.history.keep > 0
        self._recorder: Final = Recorder(analyst, history, self._deltas) if keeps else None
        self._watch: Final = Watch(analyst, self._deltas)
        self._analyst: Final = self._watch.analyst
        self._listener: Final = socket.socket(fileno=listen_fd)
        self._control: Final = control
        self._log: Final = log
        self._mask: Final = AddressMask(config.log.addresses, config.log.hash_key_file)
        self._deadline: Final = config.milter.deadline
        self._drain: Final = config.milter.drain
        self._mails = 0
        self._asked = False

    def run(self) -> None:
        """Serve until the supervisor says so."""
        self._serve()
        self._deltas.flush(self._control)

    def _serve(self) -> None:
        with select.epoll() as poll:
            # Only one of the idle analysers wakes up for a mail.
            poll.register(self._listener.fileno(), select.EPOLLIN | select.EPOLLEXCLUSIVE)
            poll.register(self._control.fileno(), select.EPOLLIN)
            self._control.sendall(READY)
            next_sign = time.monotonic() + TICK
            ends = math.inf
            while time.monotonic() < ends:
                ready = {descriptor for descriptor, _ in poll.poll(TICK)}
                if self._listener.fileno() in ready:
                    self._serve_one()
                if self._control.fileno() in ready:
                    if self._control.recv(1) == DRAIN:
                        return
                    # The supervisor was killed. The doors finish their sessions, and need us.
                    poll.unregister(self._control.fileno())
                    ends = time.monotonic() + self._drain
                elif ends == math.inf and time.monotonic() >= next_sign:
                    next_sign = time.monotonic() + TICK
                    self._report()

    def _serve_one(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return  # another analyser was quicker
        with connection:
            connection.settimeout(self._deadline)
            with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
                question = decode_question(receive(connection))
                if _gave_up(connection):
                    return
                body = b"".join(question.body)
                analysis = self._analyst.analyse(
                    self._watch.reading(partial(_read, question, body, self._analyst)),
                    _field_names(question, body),
                    # Without the empty line, as a milter gets it: a mail's key is made of this.
                    body=body[split_fields(body)[1] :] if question.whole else body,
                )
                begun = time.perf_counter()
                connection.sendall(encode_answer(Answer(analysis.status, analysis.edits)))
                answering = time.perf_counter() - begun
                self._mails += 1
                if question.queue_id == QUEUE_ID:
                    return
                # Told after the answer: nobody waits for log and history.
                self._tell(analysis, question)
                if self._recorder is not None:
                    self._recorder.record(analysis, question)
                self._watch.count(analysis, question.queue_id, answering)

    def _tell(self, analysis: Analysis, question: Question) -> None:
        envelope = question.envelope
        self._log.line(
            "info" if analysis.mail is not None else "warning",
            mail_fields(
                analysis, question.queue_id, envelope.sender, envelope.recipients, self._mask
            ),
        )

    def _report(self) -> None:
        """A sign of life, and a request to be replaced when worn out."""
        with contextlib.suppress(OSError):
            self._control.sendall(ALIVE)
            self._deltas.flush(self._control)
            if not self._asked and is_worn_out(self._analyst.config.milter, self._mails):
                self._asked = True
                self._control.sendall(RECYCLE)


def _gave_up(connection: socket.socket) -> bool:
    """Whether the door has hung up already: its deadline passed while the mail waited."""
    limit = connection.gettimeout()
    connection.settimeout(0)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    finally:
        # Without its limit a door that stopped reading would hold the analyser for ever.
        connection.settimeout(limit)


def _field_names(question: Question, body: bytes) -> list[str]:
    if question.whole:
        return header_names(body)
    return [name for name, _ in question.headers]


def _read(question: Question, body: bytes, analyst: Analyst) -> Mail:
    if question.whole:
        return read_message(
            body,
            envelope=question.envelope,
            client=question.client,
            queue_id=question.queue_id,
            limits=analyst.limits,
            body_complete=question.complete,
        )
    return read_mail(
        question.headers,
        body,
        envelope=question.envelope,
        client=question.client,
        queue_id=question.queue_id,
        limits=analyst.limits,
        body_complete=question.complete,
    )
