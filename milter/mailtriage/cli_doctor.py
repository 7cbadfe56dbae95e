"""mailtriage doctor: what the command takes."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click


@click.command(short_help="What is wrong with the live wiring, and what mends it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding and line.")
@click.option(
    "--postfix-config",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Postfix's configuration directory, as for postconf -c; else Postfix's own.",
)
@click.option(
    "--probe",
    is_flag=True,
    help="Also pass a canned mail through the milters, as Postfix would; nobody gets it.",
)
@click.pass_obj
def doctor(
    files: Sequence[Path] | None, *, as_json: bool, postfix_config: Path | None, probe: bool
) -> None:
    """Look at Postfix, sockets, desk, port, state, clock and disks, and say what is wrong.

    Each finding comes with its reason and the command that mends it. Nothing is changed and no mail
    is sent. Best run as root; as anybody else it says what it could not see.

    Exit code 1 when there is an error; warnings alone leave it 0.
    """
    from mailtriage.commands.doctor import run_doctor

    sys.exit(run_doctor(files, as_json=as_json, postfix_config=postfix_config, probe=probe))
