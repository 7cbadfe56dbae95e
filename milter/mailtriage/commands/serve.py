"""mailtriage serve."""

import os
from collections.abc import Sequence
from pathlib import Path

from mailtriage.config import Config
from mailtriage.service.listener import ListenError, listen
from mailtriage.service.load import LoadError, read_everything
from mailtriage.service.log import Log, to_terminal
from mailtriage.service.smtp_worker import run_smtp_worker
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
    try:
        roles = _roles(config)
    except ListenError as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    analyst = everything.analyst()
    share_memory()
    Supervisor(analyst, roles, lambda: read_everything(files).analyst(), log).run()
    return 0


def _roles(config: Config) -> list[Role]:
    """The doors that this configuration opens, listening already. Raises ListenError."""
    mode, group = config.milter.socket_mode, config.milter.socket_group
    roles = [
        Role(
            "milter",
            listen(config.milter.listen, mode=mode, group=group, inherit=True),
            run_worker,
            lambda analyst: analyst.config.milter.workers or os.cpu_count() or 1,
        )
    ]
    if config.smtp.listen is not None:
        listener = listen(config.smtp.listen, mode=mode, group=group, inherit=False)
        roles.append(Role("smtp", listener, run_smtp_worker, lambda _: 1))
    return roles
