"""mailtriage report: what the command takes."""

import re
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import click

_WEEK: Final = re.compile(r"([0-9]{4})-?W([0-9]{2})", re.IGNORECASE)


def _since(_ctx: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    from mailtriage.commands.moments import moment

    try:
        return None if value is None else moment(value, time.time())
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def _week(_ctx: click.Context, _option: click.Parameter, value: str | None) -> date | None:
    """Its Monday."""
    if value is None:
        return None
    found = _WEEK.fullmatch(value)
    try:
        if found is None:
            raise ValueError
        return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise click.BadParameter(f"'{value}' is no week: write 2026-W47.") from None


@click.command(short_help="The figures of a week, beside the week before.")
@click.option(
    "--since",
    callback=_since,
    metavar="TIME",
    help='From then until now: "7d" (as without), "24h", 2026-11-16; 28 days at most.',
)
@click.option("--week", callback=_week, metavar="WEEK", help="That week, Monday first: 2026-W47.")
@click.option("--mailbox", default="", metavar="ADDRESS", help="Only what came to it.")
@click.option(
    "--answers", is_flag=True, help="How the team answers instead: a page for each skill."
)
@click.option("--skill", default="", metavar="SKILL", help="With --answers: only its page.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one HTML file, for a mail or a printer; - for standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def report(
    files: Sequence[Path] | None,
    *,
    since: float | None,
    week: date | None,
    mailbox: str,
    answers: bool,
    skill: str,
    html: Path | None,
    as_json: bool,
) -> None:
    """Show the figures of a week: what came in, languages, skills, moods, how fast first answers
    came and whether promises were kept, surges, updates, surveys, corrections, and what the
    knowledge base was asked for.

    With --answers: in which language answers are, greeting and closing, links that lead nowhere,
    templates and what becomes of them, the mood of customers who write again, and where help is
    needed.

    Each figure stands beside that of the period before. Nobody is ranked, and no customer shows.
    What there is no data for is said in its place.
    """
    from mailtriage.commands.report import run_report

    if since is not None and week is not None:
        raise click.UsageError("--since and --week exclude each other.")
    if as_json and html is not None and str(html) == "-":
        raise click.UsageError("--json and --html - would both print.")
    if skill and not answers:
        raise click.UsageError("--skill belongs to --answers.")
    sys.exit(
        run_report(
            files,
            since=since,
            week=week,
            mailbox=mailbox,
            html=html,
            as_json=as_json,
            answers=answers,
            skill=skill,
        )
    )
