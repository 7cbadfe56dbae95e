"""The installation: every part that `serve` has, in one process and at one simulated time."""

import asyncio
import contextlib
import dataclasses
import email.utils
import os
import smtplib
import socket
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import aiosmtplib
from prometheus_client.parser import text_string_to_metric_families

from mailtriage.acks.returns import is_return_address
from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config
from mailtriage.desk.answers import MeasuredAnswers
from mailtriage.desk.clock import ReplyClock
from mailtriage.desk.commit import GroupCommit
from mailtriage.desk.delivery import Delivery as DeskDelivery
from mailtriage.desk.handle import Handler
from mailtriage.desk.outbox_thread import OutboxThread
from mailtriage.desk.receiver import Receiver
from mailtriage.desk.returns import ReturnDesk
from mailtriage.desk.sender import Sender
from mailtriage.doors.smtp import SmtpDoor, SmtpDoorSettings
from mailtriage.doors.smtp_desk import DeskNews
from mailtriage.doors.smtp_settings import Endpoint, TlsPolicy
from mailtriage.doors.smtp_tagging import Tagger
from mailtriage.mail.model import Client, Envelope
from mailtriage.service.analyser import _Analyser
from mailtriage.service.answer_clock import OVERLAP, AnswerClock
from mailtriage.service.channel import DRAIN
from mailtriage.service.early_warning import EarlyWarning
from mailtriage.service.follow_up import FollowUpTask, follow_up_desk
from mailtriage.service.history import Writing, read_records
from mailtriage.service.listener import private_listener
from mailtriage.service.load import read_everything
from mailtriage.service.log import AddressMask, Log
from mailtriage.service.metrics_declared import declare_all
from mailtriage.service.metrics_deltas import MARK, MAX_MESSAGE, Deltas, decode
from mailtriage.service.metrics_desk import CountedJudgement, counting
from mailtriage.service.metrics_registry import Registry
from mailtriage.service.phrases import Phrases
from mailtriage.service.recorder import Channel
from mailtriage.state.history_schema import history_file
from mailtriage.state.secret import read_secret
from mailtriage.state.sqlite import open_database
from mailtriage.state.sqlite_ledger import SqliteLedger
from mailtriage.state.warnings import WarningsFile, warnings_file
from tests.replay.configuration import RETURNS, write_configuration
from tests.replay.simulated import SimulatedClock, local
from tests.replay.sinks import SmtpSink
from tests.support.sink import Delivery

OFFICE: Final = "192.0.2.10"
"""What the mail of the helpdesk comes from."""
QUARTER: Final = 900.0
PATIENCE: Final = 60.0
"""Real seconds that the record of a mail is waited for."""


class Place:
    """Belongs to one event loop. `start`, then mails and `pass_time` in turn, then `stop`."""

    def __init__(
        self, folder: Path, clock: SimulatedClock, seed: int, take: Callable[[Delivery], str]
    ) -> None:
        """`take` is given every mail that mailtriage itself sends, and says what the customer's
        server replies."""
        self.folder: Final = folder
        self.clock: Final = clock
        self.logged: Final[list[dict[str, object]]] = []
        """What desk and ack worker reported."""
        self.registry: Final = Registry()
        self.mails = 0
        """That went through a door."""
        self._helpdesk: list[Delivery] = []
        self._seed: Final = seed
        self._take: Final = take
        self._listening: Final = {
            name: socket.create_server(("127.0.0.1", 0)) for name in ("desk", "submit", "hop")
        }
        self._listening_at: Final = {
            name: sock.getsockname() for name, sock in self._listening.items()
        }
        self._stack: Final = contextlib.ExitStack()
        self._records = 0
        self._told = 0
        self._answered, self._measured = 0.0, 0
        self._quarter = 0.0
        self._warner: Final = ThreadPoolExecutor(1, "warner")
        self._kept: WarningsFile | None = None

    # Life.

    async def start(self) -> None:
        """Open every door."""
        config = self._read()
        self._start_analyser(config)
        await self._start_desk(config)
        await self._start_doors(config)
        self._start_history(config)
        self._clients = {name: await self._client(port) for name, port in self._ports.items()}

    async def stop(self) -> None:
        """Close every door; the counts are complete then."""
        for client in self._clients.values():
            await client.quit()
        for door in self._doors:
            await door.stop(1.0)
        await self._news.stop(5.0)
        await self._receiver.stop(1.0)
        self._delivery.close()
        await self._commit.stop()
        self._sender.leave()
        await self._sending
        for sink in self._sinks:
            sink.close()
        self._control.send(DRAIN)
        await asyncio.to_thread(self._analyser.join)
        for deltas in self._deltas:
            deltas.flush(self._theirs)
        self._hear()
        if self._kept is not None:
            await asyncio.get_running_loop().run_in_executor(self._warner, self._kept.close)
        self._warner.shutdown()
        self._reading.close()
        self._stack.close()

    def _read(self) -> Config:
        ports = {name: port for name, (_, port) in self._listening_at.items()}
        file, secret = write_configuration(self.folder, self._seed, ports)
        everything = read_everything([file])
        config = everything.config
        self.tokens = Tokens(read_secret(secret))
        ledger = SqliteLedger(config.state.database, self.tokens)
        analyst = everything.analyst(self.tokens, ledger)
        self._analyst = dataclasses.replace(analyst, clock=self.clock.now)
        self.config = config
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._stack.callback(os.close, log)
        self._log = Log("info", log)
        self._log.start_thread()
        self._stack.callback(self._log.flush)
        declare_all(self.registry, self._analyst)
        return config

    def _start_analyser(self, config: Config) -> None:
        self._channel = Channel()
        self._channel.prepare(self._analyst)
        path, listener = self._stack.enter_context(private_listener(config.milter.queue))
        self._analysers = path
        self._control, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)  # noqa: FBT003  the signature of socket
        worker = _Analyser(
            self._channel, self._analyst, os.dup(listener.fileno()), self._theirs, self._log
        )
        self._analyser = threading.Thread(target=worker.run, name="analyser", daemon=True)
        self._analyser.start()

    async def _start_desk(self, config: Config) -> None:
        texts = self._analyst.texts
        assert texts is not None
        answers = MeasuredAnswers()
        desk, acks, history = Deltas(), Deltas(), Deltas()
        self._deltas = (desk, acks, history)
        self.handler = Handler(self._analyst, config, self.tokens, texts, answers)
        tell = counting(self._report, desk)
        self._commit = GroupCommit(config.state.database, self.tokens, self._database)
        judgement = CountedJudgement(ReturnDesk(self.handler, config, self.tokens))
        self._delivery = DeskDelivery(judgement, self._commit, tell, self.clock.now)
        self._receiver = Receiver(self._is_ours, self._delivery.deliver)
        self._commit.start()
        await self._commit.run(lambda store: store.sharing)  # makes the file
        await self._receiver.start(self._listening["desk"])
        follow_ups = follow_up_desk(config, self.tokens, answers)
        assert follow_ups is not None
        self._follow_ups = FollowUpTask(follow_ups, self._commit, tell, clock=self.clock.now)
        self._answers = AnswerClock(config, answers, desk, self._log, self.clock.now)
        self._replies = ReplyClock(self._answers._calendar_of)
        self._reading = open_database(config.state.database, read_only=True)
        self._sinks = [SmtpSink(self._take), SmtpSink(self._hop)]
        await self._sinks[0].serve(self._listening["submit"])
        await self._sinks[1].serve(self._listening["hop"])
        outbox = OutboxThread(config.state.database, config.ack.prefer)
        mask = AddressMask("hashed", None)
        self._sender = Sender(
            outbox, config.ack, "desk.example", counting(self._report, acks), mask, self.clock.now
        )
        self._sending = asyncio.create_task(self._sender.run(5.0))

    async def _start_doors(self, config: Config) -> None:
        self._news = DeskNews(config, self.clock.now)
        tagger = Tagger(self._analyst, self._analysers, lambda *_: None, self._news.expect)
        self._unheard = Tagger(self._analyst, self._analysers, lambda *_: None, lambda *_: None)

        async def from_office(
            raw: bytes, envelope: Envelope, _client: Client, mail_id: str
        ) -> bytes:
            return await tagger(raw, envelope, Client(OFFICE), mail_id)

        hop = Endpoint(*self._listening_at["hop"])
        settings = SmtpDoorSettings(
            next_hop=hop,
            next_hop_tls=TlsPolicy.NONE,
            listen=Endpoint("127.0.0.1", 0),
            hostname="mx.desk.example",
            tag_deadline=config.milter.deadline + 1.0,
        )
        self._doors = [
            SmtpDoor(settings, tag, self._news.committed) for tag in (tagger, from_office)
        ]
        self._ports = {
            name: (await door.start()).port
            for name, door in zip(("in", "out"), self._doors, strict=True)
        }

    def _start_history(self, config: Config) -> None:
        deltas = self._deltas[2]
        file = history_file(config.state.database)
        policies = self._channel.remembering(self._analyst).policies
        self._writing = Writing(file, config.history, policies, deltas, self._log, self.clock.now)
        self._phrases = Phrases(self._analyst, deltas, self._log)
        self._warning = EarlyWarning(config, deltas, self._log, self._phrases)

    async def _client(self, port: int) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=30)
        await client.connect()
        return client

    def _is_ours(self, address: str) -> bool:
        tokens = self.tokens
        hidden = tokens.read_hidden_recipient(address) or tokens.read_sweeper_recipient(address)
        return bool(hidden) or is_return_address(RETURNS, address)

    def _report(self, level: str, fields: object) -> None:
        self.logged.append({"level": level, "at": self.clock.now(), **dict(fields)})

    def _database(self, fault: str) -> None:
        if fault:
            self.logged.append({"level": "error", "event": "desk-database", "fault": fault})

    def _hop(self, delivery: Delivery) -> str:
        self._helpdesk.append(delivery)
        return ""

    # Mail.

    async def receive(self, sender: str, recipients: list[str], raw: bytes) -> Delivery:
        """A mail of the outside through the door; returns what the helpdesk got of it."""
        return await self._through("in", sender, recipients, raw)

    async def give_back(self, sender: str, recipient: str, raw: bytes) -> None:
        """A mail to a return address: through the door as any, then where Postfix delivers that
        domain, to the desk."""
        delivery = await self._through("in", sender, [recipient], raw)
        stamp = email.utils.format_datetime(local(self.clock.now()))
        received = (
            "Received: from mail.customer.example (mail.customer.example [203.0.113.9])\r\n"
            f"\tby mx.desk.example (Postfix) with ESMTP id 4R{self.mails:08d}; {stamp}\r\n"
        )
        message = received.encode() + delivery.content
        await asyncio.to_thread(self._to_desk, sender, recipient, message)

    def _to_desk(self, sender: str, recipient: str, message: bytes) -> None:
        host, port = self._listening_at["desk"]
        with smtplib.LMTP(host, port, local_hostname="mx.desk.example") as session:
            session.sendmail(sender, [recipient], message)

    async def submit(self, sender: str, recipients: list[str], raw: bytes) -> Delivery:
        """A mail of the helpdesk's through the door; returns what left."""
        return await self._through("out", sender, recipients, raw)

    async def teach(self, sender: str, recipients: list[str], raw: bytes, number: int) -> None:
        """A mail of the time before: it was tagged, and the desk heard nothing of it."""
        await self._unheard(raw, Envelope(sender, tuple(recipients)), Client(), f"T{number:09d}")
        self.mails += 1
        await self._settled()

    async def _through(self, door: str, sender: str, recipients: list[str], raw: bytes) -> Delivery:
        self._helpdesk.clear()
        await self._clients[door].sendmail(sender, recipients, raw)
        (delivery,) = self._helpdesk
        self.mails += 1
        await self._settled()
        return delivery

    async def _settled(self) -> None:
        """Wait until everything that follows from the mails so far is done."""
        # Neither tells anybody when it is done.
        while self._news._telling or self._delivery.longest_under_way():  # noqa: ASYNC110  two parts, and no event of both
            await asyncio.sleep(0.0005)
        await self._sent()
        self._hear()  # an analyser whose counts nobody takes stands still
        async with asyncio.timeout(PATIENCE):
            while self._records < self.mails:
                self._read_history()
                await asyncio.sleep(0.0005)

    async def _sent(self) -> None:
        query = "SELECT count(*) FROM outbox WHERE due <= ? OR state = 'SENDING'"
        while self._reading.execute(query, (self.clock.now(),)).fetchone()[0]:
            self._sender._look_again = True
            self._sender._wake.set()
            await asyncio.sleep(0.001)

    # Time.

    async def pass_time(self, at: float) -> None:
        """It is later now; what is done every few seconds or minutes is done."""
        while self._quarter + QUARTER + 60 <= at:
            await self._reach(max(self.clock.now(), self._quarter + QUARTER + 60))
            self._quarter = self._quarter + QUARTER
            await self._each_quarter()
        await self._reach(at)

    async def _reach(self, at: float) -> None:
        self.clock.set(at)
        if self._measured != self.mails or at - self._answered >= QUARTER:
            since = (self._answered or at) - OVERLAP
            self._answers._look(self._replies, self._reading, since, at, replay=False)
            self._answered, self._measured = at, self.mails
        await self._follow_ups.look()
        await self._sent()
        self._hear()

    async def _each_quarter(self) -> None:
        now = int(self.clock.now())
        self._writing.write()
        self._phrases.scan(now)
        await asyncio.get_running_loop().run_in_executor(self._warner, self._warn, now)
        if now % 86_400 < QUARTER:
            self._writing.forget()
            retention = self.config.desk.retention
            await self._commit.run_alone(lambda store: store.purge(now, retention))

    def _warn(self, now: int) -> None:
        database = self.config.state.database
        if history_file(database).exists():
            if self._kept is None:
                self._kept = WarningsFile(warnings_file(database))
            self._warning.look(self._kept, history_file(database), now)

    def begin(self, at: float) -> None:
        """Quarters of an hour are counted from that moment on, with all that was taught."""
        while self._writing._waiting:
            self._writing.write()
        self._quarter = at // QUARTER * QUARTER

    def _read_history(self) -> None:
        read_records(self._channel.out, self, self._phrases)
        while self._phrases._waiting:
            self._phrases.look(int(self.clock.now()))

    def take(self, record: bytes) -> None:
        """One record of the analyser, on its way to the history; decisions begin with "["."""
        self._records += record.startswith(b"[")
        self._writing.take(record)

    def _hear(self) -> None:
        """What the analyser has counted."""
        with contextlib.suppress(BlockingIOError):
            while message := self._control.recv(MAX_MESSAGE):
                if message.startswith(MARK):
                    self.registry.take(1, decode(message))

    # What is known at the end.

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample of the metrics."""
        families = text_string_to_metric_families(self.registry.text().decode())
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def promised(self, key: bytes) -> float:
        """What the conversation of the mail with that key is promised now; 0: nothing."""
        query = "SELECT promised FROM conversation JOIN mail ON conversation = id WHERE key = ?"
        row = self._reading.execute(query, (key,)).fetchone()
        return float(row[0]) if row else 0.0

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Of the state database."""
        return self._reading.execute(query, values).fetchall()
