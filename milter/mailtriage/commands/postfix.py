"""mailtriage postfix: what Postfix has to be told, for this configuration. Changes nothing."""

from collections.abc import Sequence
from pathlib import Path

import click

from mailtriage.commands.postfix_wiring import milter_part, preamble, route_part, strip_part
from mailtriage.commands.postfix_wiring_desk import desk_part, port_part, sweeper_part
from mailtriage.commands.postfix_wiring_returns import returns_part
from mailtriage.commands.terminal import to_terminal
from mailtriage.config import Config
from mailtriage.service.load import LoadError, read_everything

_CHECK = """\
# 8. All of it at once; check, and let it take effect.
postconf -e "$@"
postfix check && postfix reload
"""


def run_postfix(files: Sequence[Path] | None) -> int:
    """Print the commands; what is printed may be pasted into a root shell."""
    try:
        config = read_everything(files).config
    except LoadError as error:
        to_terminal(str(error))
        return 1
    click.echo(wiring(config), nl=False)
    return 0


def wiring(config: Config) -> str:
    """The whole page: a script for sh, with the reasons in its comments."""
    parts = (
        preamble(config),
        strip_part(config),
        desk_part(config),
        sweeper_part(config),
        port_part(config),
        milter_part(config),
        *filter(None, [route_part(config), returns_part(config)]),
        _CHECK,
    )
    return "\n".join(parts)
