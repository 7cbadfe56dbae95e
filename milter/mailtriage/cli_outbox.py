"""mailtriage outbox: the group of commands about acknowledgements that are owed."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click


class _InOrder(click.Group):
    """Lists the commands in the order of their use, not by the alphabet."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, short_help="Acknowledgements that are owed, or could not be sent.")
def outbox() -> None:
    """List, show, retry and drop acknowledgements.

    A KEY may be shortened, as long as it is that of one only.
    """


@outbox.command("list", short_help="What is owed and what is dead.")
@click.option("--all", "all_rows", is_flag=True, help="Also what else was owed in the last week.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row and line.")
@click.pass_obj
def list_rows(files: Sequence[Path] | None, *, all_rows: bool, as_json: bool) -> None:
    """List what is owed and what is dead, newest first."""
    from mailtriage.commands.outbox import run_outbox_list

    sys.exit(run_outbox_list(files, all_rows=all_rows, as_json=as_json))


@outbox.command(short_help="One of them, with its message.")
@click.argument("key", metavar="KEY")
@click.pass_obj
def show(files: Sequence[Path] | None, key: str) -> None:
    """Show one row, with the message as long as it is owed."""
    from mailtriage.commands.outbox import run_outbox_show

    sys.exit(run_outbox_show(files, key))


@outbox.command(short_help="Send again at once.")
@click.argument("keys", metavar="[KEY]…", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every one that is dead.")
@click.pass_obj
def retry(files: Sequence[Path] | None, keys: Sequence[str], *, every: bool) -> None:
    """Try again, at once, what is dead or waits for its next attempt."""
    from mailtriage.commands.outbox import run_outbox_retry

    sys.exit(run_outbox_retry(files, keys, every=every))


@outbox.command(short_help="Give them up.")
@click.argument("keys", metavar="[KEY]…", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every one that is not being sent right now.")
@click.pass_obj
def drop(files: Sequence[Path] | None, keys: Sequence[str], *, every: bool) -> None:
    """Give rows up: their customers get no acknowledgement."""
    from mailtriage.commands.outbox import run_outbox_drop

    sys.exit(run_outbox_drop(files, keys, every=every))
