"""Whether `mailtriage serve` will find its secret and a place for its database, or refuse to start.

What may be otherwise for the user of the service is a warning: `check` is run by anybody.
"""

import dataclasses
import os
import stat
from pathlib import Path
from typing import Final

from mailtriage.config import Loaded
from mailtriage.insight.alert import KEY_AT_LEAST
from mailtriage.state.secret import SecretError, read_secret
from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import Problem

_OWNER: Final = "the user of the service must own it"


def state_problems(loaded: Loaded) -> list[Problem]:
    """What is in the way of the secret and the database; nothing without a mailbox, as neither is
    needed then."""
    state, warnings = loaded.config.state, loaded.config.warnings
    problems = []
    if warnings.enabled and warnings.webhook and warnings.webhook_secret_file is not None:
        at_key = ("warnings", "webhook_secret_file")
        # Whatever is wrong with it costs calls of a webhook, which are made again, and no mail.
        problems = _kept_problems(loaded, at_key, warnings.webhook_secret_file, least=KEY_AT_LEAST)
        problems = [dataclasses.replace(one, warning=True) for one in problems]
    if not loaded.config.mailboxes.mailboxes:
        return problems
    at_url = ("state", "url")
    at_secret = ("state", "secret_file") if state.secret_file else at_url
    problems += _directory_problems(loaded, at_url, state.database.parent)
    if os.path.exists(state.secret):  # noqa: PTH110  Path.exists raises where we may not look
        problems += _secret_problems(loaded, at_secret, state.secret)
    elif state.secret.parent != state.database.parent:
        # Only the directory of the database is made at the start.
        if state.secret.parent.is_dir():
            problems += _directory_problems(loaded, at_secret, state.secret.parent)
        else:
            what = f"there is no directory {state.secret.parent}, so no secret can be made there"
            problems.append(loaded.problem(at_secret, what, f"make it; {_OWNER}"))
    if state.shared and state.password_file is not None:
        problems += _kept_problems(loaded, ("state", "password_file"), state.password_file)
    return problems


def _kept_problems(loaded: Loaded, path: KeyPath, file: Path, least: int = 1) -> list[Problem]:
    """Of a file with a password or a key of so many bytes at least."""
    try:
        with file.open("rb") as stream:
            mode, content = os.fstat(stream.fileno()).st_mode, stream.read(4096)
    except PermissionError:
        what = f"{file}: cannot be read: permission denied"
        return [loaded.problem(path, what, _OWNER, warning=True)]
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        return [loaded.problem(path, f"{file}: cannot be read: {reason}")]
    if not content.strip():
        return [loaded.problem(path, f"{file}: is empty")]
    if len(content.strip()) < least:
        return [loaded.problem(path, f"{file}: is shorter than {least} bytes")]
    if mode & stat.S_IROTH:
        what = f"{file}: every user of this machine may read it"
        return [loaded.problem(path, what, f"run chmod o= {file}", warning=True)]
    return []


def _secret_problems(loaded: Loaded, path: KeyPath, secret: Path) -> list[Problem]:
    try:
        read_secret(secret)
    except SecretError as error:
        closed = isinstance(error.__cause__, PermissionError)
        return [loaded.problem(path, str(error), _OWNER if closed else "", warning=closed)]
    return []


def _directory_problems(loaded: Loaded, path: KeyPath, directory: Path) -> list[Problem]:
    """Whether files can be made there, or it can be made where what is above it ends."""
    there = next(
        above
        for above in (directory, *directory.parents)
        if os.path.exists(above)  # noqa: PTH110  as above
    )
    if not there.is_dir():
        return [loaded.problem(path, f"{there} is not a directory")]
    if os.access(there, os.W_OK | os.X_OK, effective_ids=True):
        return []
    what = f"nothing can be written in {there}: permission denied"
    if there != directory:
        what = f"{directory} cannot be made: permission denied"
    return [loaded.problem(path, what, _OWNER, warning=True)]
