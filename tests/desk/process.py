"""One process of the desk, started by the tests: `python process.py desk|acks CONFIG LISTEN CONTROL`.

It is the real thing but for the judgement, which does what a mail tells it to in its X-Test field:
nothing special, "boom" (our code has a bug), "breaks" (what it writes breaks a constraint), "slow".
"""

import asyncio
import os
import signal
import sys
import time
from email.utils import parseaddr
from pathlib import Path
from socket import socket
from types import SimpleNamespace

from mailtriage.acks.tokens import Tokens
from mailtriage.config import load
from mailtriage.desk.copy import Copy
from mailtriage.desk.handle import Outcome, Prepared
from mailtriage.service.log import Log
from mailtriage.state.secret import make_secret
from mailtriage.state.store import Inbound, NewAck, Store


class ObedientJudgement:
    """Acknowledges every mail, unless the mail wants something else."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._mails: dict[bytes, Copy] = {}

    def prepare(self, copy: Copy, now: float) -> Prepared | None:
        hidden = self._tokens.read_hidden_recipient(copy.recipient)
        if hidden is None:
            return None
        if b"X-Test: slow" in copy.message:
            time.sleep(0.5)
        self._mails[hidden.key] = copy
        return Prepared(hidden.key, now)

    def apply(self, prepared: Prepared, store: Store, now: float) -> Outcome:
        copy, key = self._mails[prepared.key], prepared.key
        inbound = Inbound(
            key, "help@desk.example", copy.sender, "", "", f"<{key.hex()}@example.org>", (), now,
            "", "sent", "human", "general", "normal", "en", "none", "new", 0.0,
        )  # fmt: skip
        address = parseaddr(copy.sender)[1] or "nobody@example.org"
        ack = NewAck(
            key, "help@desk.example", address, address.rpartition("@")[2],
            f"Message-ID: <{key.hex()}@desk.example>\r\n\r\n.dot\r\nsize {len(copy.message)}\r\n"
            .encode(), now, now, now + 1800,
        )  # fmt: skip
        store.record_inbound(inbound, ack)
        if b"X-Test: boom" in copy.message:
            raise KeyError("something out of the mail")
        if b"X-Test: breaks" in copy.message:
            store._connection.execute("INSERT INTO outbox (key) VALUES (NULL)")
        return Outcome("info", {"event": "desk", "outcome": "owed", "rule": "-"})


def main() -> None:
    role, config_file, listen_fd, control_fd = sys.argv[1:5]
    config = load([Path(config_file)]).config
    control = socket(fileno=int(control_fd))
    log = Log("debug")
    if role == "acks":
        from mailtriage.service.ack_worker import run_ack_worker

        analyst = SimpleNamespace(config=config)
        run_ack_worker(analyst, int(listen_fd), control, log)  # type: ignore[arg-type]
    from mailtriage.service.desk import serve_desk

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.start_thread()
    tokens = Tokens(make_secret(config.state.secret))
    judgement = ObedientJudgement(tokens)
    asyncio.run(serve_desk(judgement, config, tokens, int(listen_fd), control, log))
    log.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
