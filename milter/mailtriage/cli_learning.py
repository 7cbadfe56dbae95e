"""mailtriage eval: the commands about labelled mail."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

_BY: Final = ("language", "skill", "priority", "mood", "churn", "kind", "thread")


@click.command("eval", short_help="How well labelled mail is judged.")
@click.argument("gold", metavar="GOLD", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every figure.")
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw confidence against rightness into FILE, an .svg or .png.",
)
@click.option(
    "--by",
    type=click.Choice(_BY),
    default=None,
    help="Also a table with a row for each label of that facet; languages have theirs always.",
)
@click.option(
    "--errors",
    metavar="N",
    type=click.IntRange(0, 100_000),
    default=0,
    help="List N wrong answers a facet, never with words of the mail.",
)
@click.option(
    "--floors",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="End with 1 when a figure is below its floor in this TOML file.",
)
@click.pass_obj
def evaluate(
    files: Sequence[Path] | None,
    gold: Path,
    *,
    as_json: bool,
    plot: Path | None,
    by: str | None,
    errors: int,
    floors: Path | None,
) -> None:
    """Judge labelled mail as live mail is judged, and show how often the tags are right.

    GOLD is a folder of mails with gold.jsonl or labels.jsonl, a file or folder of JSONL or CSV, an
    mbox with a CSV of the same name, or a folder or Maildir with one sub-folder a skill. Nothing is
    sent and no state is written.
    """
    from mailtriage.commands.eval import run_eval

    sys.exit(
        run_eval(
            files,
            gold,
            as_json=as_json,
            plot=plot,
            by=by or "",
            errors=errors,
            floors=floors,
        )
    )
