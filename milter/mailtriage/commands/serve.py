"""mailtriage serve."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mailtriage.commands.terminal import to_terminal
from mailtriage.config import Config
from mailtriage.doors.analysis import Analyst
from mailtriage.service.analyser import run_analyser
from mailtriage.service.listener import ListenError, listen, private_listener
from mailtriage.service.load import LoadError, read_everything
from mailtriage.service.log import Log
from mailtriage.service.supervisor import Role, Supervisor, share_memory
from mailtriage.service.worker import run_worker


def run_serve(files: Sequence[Path] | None) -> int:
    """Load, listen, and run the supervisor until it is told to stop."""
    try:
        everything = read_everything(files)
    except LoadError as error:
        to_terminal(str(error))
        return 1
    config = everything.config
    log = Log(config.log.level)
    for problem in everything.problems:
        log.line("warning", {"event": "configuration", "problem": problem})
    with private_listener(config.milter.queue) as (analysers, listener):
        try:
            doors = _doors(config, analysers)
        except ListenError as error:
            to_terminal(f"mailtriage: {error}")
            return 1
        analysing = Role(
            "analyser",
            listener,
            run_analyser,
            lambda analyst: analyst.config.milter.analysers or os.cpu_count() or 1,
            leaves_last=True,
        )
        analyst = everything.analyst()
        del everything
        share_memory()
        load = partial(_load, files, config)
        Supervisor(analyst, [analysing, *doors], load, log).run()
    return 0


def _load(files: Sequence[Path] | None, running: Config) -> Analyst:
    """What a reload puts in the place of the running configuration. Raises LoadError, ListenError.

    The listening sockets outlive a reload, so a new address would be believed and not be used.
    """
    everything = read_everything(files)
    wanted = everything.config
    for key, old, new in (
        ("milter.listen", running.milter.listen, wanted.milter.listen),
        ("smtp.listen", running.smtp.listen, wanted.smtp.listen),
    ):
        if old != new:
            raise ListenError(f"{key}: changed from {old} to {new}, which needs a restart")
    return everything.analyst()


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
    return doors
