"""mailtriage config."""

from collections.abc import Sequence
from pathlib import Path

import click

from mailtriage.commands.terminal import to_terminal
from mailtriage.config import ConfigError, describe, load


def run_config(files: Sequence[Path] | None, *, changed: bool) -> int:
    """Print `key = value  # origin`, a line a key; the origins in one column."""
    try:
        loaded = load(files)
    except ConfigError as error:
        to_terminal(str(error))
        return 1
    rows = describe(loaded, changed=changed)
    width = min(max((len(f"{path} = {value}") for path, value, _ in rows), default=0), 60)
    for path, value, origin in rows:
        click.echo(f"{f'{path} = {value}':<{width}}  # {origin}")
    return 0
