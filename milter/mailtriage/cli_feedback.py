"""mailtriage feedback: the group of commands about what mails should have been tagged."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from mailtriage.state.feedback import Facet

_CORRECT: Final = "correct"


class _Feedback(click.Group):
    """Whose first command may be left out: `mailtriage feedback --skill billing FILE`."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, once the command is there."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [_CORRECT, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Feedback, short_help="Say what a mail should have been tagged.")
def feedback() -> None:
    """Correct the tags of mails, see what was corrected, and print the addresses to do it by mail.

    \b
      mailtriage feedback --skill billing FILE…
      mailtriage feedback list --since 7d
      mailtriage feedback address

    No text and no address is kept, and nobody's name: only the hash of the Message-ID, what it
    was tagged and what it should have been. mailtriage train --feedback learns from it.
    """


def _since(_ctx: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    from mailtriage.commands.moments import moment

    try:
        return None if value is None else moment(value, time.time())
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


@feedback.command(_CORRECT, short_help="Correct mails; the word itself may be left out.")
@click.argument("paths", nargs=-1, required=True, metavar="FILE…")
@click.option("--skill", metavar="S", help="The skill that it needs.")
@click.option("--priority", metavar="P", help="urgent, high, normal or low.")
@click.option("--language", metavar="L", help='Its language, such as "sv" or "pt-BR".')
@click.option(
    "--answer",
    metavar="ID|good|bad",
    help="The answer template that fits; or whether the suggested one did.",
)
@click.pass_obj
def correct(
    files: Sequence[Path] | None,
    paths: Sequence[str],
    *,
    skill: str | None,
    priority: str | None,
    language: str | None,
    answer: str | None,
) -> None:
    """Say what mails should have been tagged; what was right may be said as well.

    FILE is an .eml file, a folder of them, a Maildir, an mbox, or - for standard input. Of a mail
    and a facet the last that was said counts.
    """
    given: dict[Facet, str | None] = {
        "skill": skill,
        "priority": priority,
        "language": language,
        "answer": answer,
    }
    wanted = {facet: value for facet, value in given.items() if value is not None}
    if not wanted:
        raise click.UsageError("Give one of --skill, --priority, --language and --answer.")

    from mailtriage.commands.feedback import run_feedback

    sys.exit(run_feedback(files, paths, wanted))


@feedback.command("list", short_help="What was corrected, and to what.")
@click.option(
    "--since", callback=_since, metavar="TIME", help='From then on: "7d", 2026-11-20; else all.'
)
@click.option(
    "--limit", type=click.IntRange(1, 10**9), default=50, show_default=True, help="Rows at most."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a correction and line.")
@click.pass_obj
def list_rows(
    files: Sequence[Path] | None, *, since: float | None, limit: int, as_json: bool
) -> None:
    """List corrections, newest first; then how often what was taken for what.

    The second table counts all of that time, and a dash is a tag that is not known any more.
    """
    from mailtriage.commands.feedback_list import run_feedback_list

    sys.exit(run_feedback_list(files, since=since, limit=limit, as_json=as_json))


@feedback.command(short_help="The addresses by which mails are corrected.")
@click.pass_obj
def address(files: Sequence[Path] | None) -> None:
    """Print an address for each skill and priority, and for good and bad answers, one a line.

    Who forwards or redirects a mail to one of them corrects it, if the mail comes from the
    organisation's own side. Needs [return_addresses] domain.
    """
    from mailtriage.commands.feedback_list import run_feedback_address

    sys.exit(run_feedback_address(files))
