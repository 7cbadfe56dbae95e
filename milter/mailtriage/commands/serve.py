"""mailtriage serve."""

import contextlib
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mailtriage.acks.tokens import Tokens
from mailtriage.commands.terminal import to_terminal
from mailtriage.config import Config
from mailtriage.doors.analysis import Analyst
from mailtriage.service.analyser import run_analyser
from mailtriage.service.history import run_history
from mailtriage.service.listener import Listener, ListenError, listen, private_listener
from mailtriage.service.load import LoadError, read_everything
from mailtriage.service.log import Log
from mailtriage.service.metrics_monitor import Monitor
from mailtriage.service.metrics_selftest import run_selftest
from mailtriage.service.notify import watchdog_interval
from mailtriage.service.recorder import Channel
from mailtriage.service.supervisor import Role, Supervisor, share_memory
from mailtriage.service.worker import run_worker
from mailtriage.state.ledger import NO_LEDGER, Ledger
from mailtriage.state.secret import SecretError, make_secret
from mailtriage.state.sqlite_ledger import SqliteLedger


def run_serve(files: Sequence[Path] | None) -> int:
    """Load, listen, and run the supervisor until it is told to stop."""
    try:
        everything = read_everything(files)
    except LoadError as error:
        to_terminal(str(error))
        return 1
    config = everything.config
    try:
        tokens, ledger = _memory(config)
    except SecretError as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    log = Log(config.log.level)
    for problem in everything.problems:
        log.line("warning", {"event": "configuration", "problem": problem})
    with private_listener(config.milter.queue) as (analysers, listener):
        try:
            doors = _doors(config, analysers)
        except ListenError as error:
            to_terminal(f"mailtriage: {error}")
            return 1
        _say_where_the_milter_is(config, doors[0].listener, log)
        history = Channel()
        analysing = Role(
            "analyser",
            listener,
            partial(run_analyser, history),
            lambda analyst: analyst.config.milter.analysers or os.cpu_count() or 1,
            leaves_last=True,
        )
        doors.append(
            Role(
                "history",
                listener,
                partial(run_history, history),
                lambda analyst: int(analyst.config.history.keep > 0),
                leaves_last=True,
            )
        )
        analyst = history.prepare(everything.analyst(tokens, ledger))
        del everything
        metrics = _metrics(config, log)
        # Whoever watches us wants to know whether mail is tagged, and not only that we are there.
        tested = metrics is not None or watchdog_interval() > 0
        if tested:
            address = doors[0].listener.name()
            run = partial(run_selftest, address)
            doors.append(Role("selftest", doors[0].listener, run, lambda _: 1))
        monitor = Monitor(analyst, metrics, selftest=tested)
        share_memory()

        def load() -> Analyst:
            return history.prepare(_load(files, config, tokens, ledger))

        Supervisor(analyst, [analysing, *doors], load, log, monitor).run()
    return 0


def _memory(config: Config) -> tuple[Tokens | None, Ledger]:
    """The secret, made at the first start, and the ledger. Raises SecretError.

    Without a service mailbox nothing is ever remembered, and neither is needed.
    """
    if not config.mailboxes.mailboxes:
        return None, NO_LEDGER
    with contextlib.suppress(OSError):  # what cannot be made, make_secret explains
        config.state.database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    tokens = Tokens(make_secret(config.state.secret))
    ledger = SqliteLedger(config.state.database, tokens)
    if not config.state.shared:
        return tokens, ledger
    # 18 MB of library, for those who use it.
    from mailtriage.service.shared_state import shared_ledger

    return tokens, shared_ledger(config, tokens, ledger)


def _load(
    files: Sequence[Path] | None, running: Config, tokens: Tokens | None, ledger: Ledger
) -> Analyst:
    """What a reload puts in the place of the running configuration. Raises LoadError, ListenError.

    The listening sockets and the database outlive a reload, so a new place would be believed and
    not be used.
    """
    everything = read_everything(files)
    wanted = everything.config
    for key, old, new in (
        ("milter.listen", running.milter.listen, wanted.milter.listen),
        ("smtp.listen", running.smtp.listen, wanted.smtp.listen),
        ("desk.listen", running.desk.listen, wanted.desk.listen),
        ("metrics.listen", running.metrics.listen, wanted.metrics.listen),
        ("state.url", running.state.database, wanted.state.database),
        ("state.secret_file", running.state.secret, wanted.state.secret),
    ):
        if old != new:
            raise ListenError(f"{key}: changed from {old} to {new}, which needs a restart")
    if running.state != wanted.state:
        raise ListenError("state: changed, which needs a restart")
    if tokens is None and wanted.mailboxes.mailboxes:
        raise ListenError("mailboxes: the first ones need a restart: there is no desk yet")
    return everything.analyst(tokens, ledger)


def _doors(config: Config, analysers: Path) -> list[Role]:
    """The doors that this configuration opens, listening already. Raises ListenError."""
    mode, group = config.milter.socket_mode, config.milter.socket_group
    doors = [
        Role(
            "milter",
            listen(config.milter.listen, mode=mode, group=group, inherit=True),
            partial(run_worker, analysers),
            lambda analyst: analyst.config.milter.workers or os.cpu_count() or 1,
        )
    ]
    if config.smtp.listen is not None:
        # Only those who use the SMTP door pay for its libraries.
        from mailtriage.service.smtp_worker import run_smtp_worker

        listener = listen(config.smtp.listen, mode=mode, group=group, inherit=False)
        doors.append(Role("smtp", listener, partial(run_smtp_worker, analysers), lambda _: 1))
    if config.mailboxes.mailboxes:
        doors += _desk(config)
    return doors


def _metrics(config: Config, log: Log) -> Listener | None:
    """Where HTTP is spoken; None: nowhere. A port that is taken is no reason not to tag mail."""
    wanted = config.metrics.listen
    if wanted is None:
        return None
    try:
        return listen(wanted, mode=0o660, group="", inherit=False)
    except ListenError as error:
        log.line("error", {"event": "metrics", "state": "off", "fault": error})
        return None


def _say_where_the_milter_is(config: Config, listener: Listener, log: Log) -> None:
    """Warn that Postfix may have been told another place: with default_action=accept nobody would
    notice that no mail is tagged."""
    told = config.milter.listen
    if listener.inherited and told.kind != "fd" and listener.name() != told.postfix():
        what = (
            f"milter.listen: warning: {told} is not used: systemd passed {listener.name()}"
            ' — write milter.listen = "fd:3", and paste again what mailtriage postfix prints'
        )
        log.line("warning", {"event": "configuration", "problem": what})


def _desk(config: Config) -> list[Role]:
    """The desk and the process that sends. Raises ListenError.

    They leave last: what the doors have accepted still reaches them.
    """
    # Only those who have a service mailbox pay for their libraries.
    from mailtriage.service.ack_worker import run_ack_worker
    from mailtriage.service.desk import run_desk

    mode, group = config.desk.socket_mode, config.desk.socket_group
    listener = listen(
        config.desk.listen,
        mode=mode,
        group=group,
        inherit=False,
        group_key="desk.socket_group",
    )
    return [
        Role("desk", listener, run_desk, lambda _: 1, leaves_last=True),
        Role("acks", listener, run_ack_worker, lambda _: 1, leaves_last=True),
    ]
