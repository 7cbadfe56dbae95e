"""mailtriage eval, mailtriage train: the commands about labelled mail."""

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


@click.command("train", short_help="Learn skills from your own mail.")
@click.argument(
    "labelled", metavar="LABELLED", required=False, type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "--feedback",
    metavar="MAIL",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Learn from the corrected mails in MAIL, too: a Maildir, a folder or an mbox. May be "
    "given twice.",
)
@click.option("--only", is_flag=True, help="No skills but those of LABELLED.")
@click.option("--force", is_flag=True, help="Install the model even when the one in use is better.")
@click.option("--dry-run", is_flag=True, help="Show the figures, write nothing.")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Install to FILE instead of the file of [model].",
)
@click.option("--rollback", is_flag=True, help="Bring the model back that was there before.")
@click.option("--shipped", is_flag=True, help="Make the shipped model anew, for developers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every figure.")
@click.pass_obj
def train(
    files: Sequence[Path] | None,
    labelled: Path | None,
    *,
    feedback: tuple[Path, ...],
    only: bool,
    force: bool,
    dry_run: bool,
    output: Path | None,
    rollback: bool,
    shipped: bool,
    as_json: bool,
) -> None:
    """Learn from labelled mail, show how well, and install the model unless it is a worse one.

    LABELLED is a folder or Maildir with one sub-folder a skill, an mbox with a CSV of the same
    name, or JSONL or CSV, a file or a folder of them. 20 mails a skill are a good start. The model
    before is kept beside the new one. No mail is stored.

    With --feedback the mails of an archive that were corrected (mailtriage feedback) are learnt
    from as well, and corrections go before the labels of LABELLED, which may then be left out.
    """
    learns = labelled is not None or bool(feedback)
    ways = [learns, rollback, shipped]
    if sum(ways) != 1:
        raise click.UsageError("Give one of LABELLED, --feedback, --rollback and --shipped.")
    others = {"--only": only, "--force": force, "--dry-run": dry_run, "--json": as_json}
    given = [name for name, is_given in others.items() if is_given]
    given += ["--output"] if output and shipped else []
    if given and not learns:
        raise click.UsageError(f"{given[0]} goes with LABELLED.")

    from mailtriage.commands.train import Wish, run_rollback, run_shipped, run_train

    if rollback:
        sys.exit(run_rollback(files, output))
    if shipped:
        sys.exit(run_shipped())
    wish = Wish(
        only=only, force=force, dry_run=dry_run, output=output, as_json=as_json, feedback=feedback
    )
    sys.exit(run_train(files, labelled, wish))
