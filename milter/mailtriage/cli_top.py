"""mailtriage top: what the command takes."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from mailtriage.config.units import seconds

SHORTEST: Final = 0.2
LONGEST: Final = 300.0
"""Seconds of `--interval`."""


def _interval(_ctx: click.Context, _option: click.Parameter, value: str) -> float:
    try:
        found = seconds(value)
    except ValueError as error:
        raise click.BadParameter(f'{error}; write "500ms", "2s", "1m".') from None
    if not SHORTEST <= found <= LONGEST:
        raise click.BadParameter(f"'{value}' is not between 200ms and 5m.")
    return found


@click.command(short_help="A live page of what the service does.")
@click.option("--once", is_flag=True, help="One page, after one interval; no terminal needed.")
@click.option(
    "--interval",
    default="2s",
    metavar="TIME",
    show_default=True,
    callback=_interval,
    help="Between two looks: 500ms, 2s, 1m.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object an interval and line.")
@click.pass_obj
def top(files: Sequence[Path] | None, *, once: bool, interval: float, as_json: bool) -> None:
    """Watch the running service: health, rate, latencies, tags, acknowledgements, outbox, state,
    and the last decisions with their reasons.

    Reads the metrics of the service (metrics.listen) and its history. Keys: q leaves, p pauses,
    + and - change the interval.

    Exit code 1 when the service does not answer at the start.
    """
    from mailtriage.commands.top import run_top

    sys.exit(run_top(files, once=once, interval=interval, as_json=as_json))
