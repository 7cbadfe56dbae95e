"""mailtriage history: what it takes; and the option of `check` that looks at the past."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click


def _since(_ctx: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    return _moment(value, end=False)


def _until(_ctx: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    return _moment(value, end=True)


def _moment(value: str | None, *, end: bool) -> float | None:
    from mailtriage.commands.moments import moment

    try:
        return None if value is None else moment(value, time.time(), end=end)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


against_history: Final = click.option(
    "--against-history",
    "since",
    callback=_since,
    metavar="TIME",
    help='Also say which mails since then ("7d") would be tagged differently.',
)
"""The option of `check`."""


@click.command(short_help="What was decided of past mails, and why.")
@click.option("--skill", default="", metavar="NAME", help="Mails with this skill.")
@click.option(
    "--priority", type=click.Choice(["urgent", "high", "normal", "low"]), help="With this priority."
)
@click.option("--language", default="", metavar="CODE", help='In this language; "und": unsure.')
@click.option("--rule", default="", metavar="ID", help="Decided by this signal or rule.")
@click.option(
    "--ack",
    default="",
    metavar="WHAT",
    help="sent, delegated, skipped, none; or a rule such as D7.",
)
@click.option("--queue-id", default="", metavar="ID", help="The mail with this queue id.")
@click.option("--mailbox", default="", metavar="ADDRESS", help="To this mailbox of ours.")
@click.option("--sender", default="", metavar="ADDRESS", help="From this customer.")
@click.option(
    "--since",
    callback=_since,
    metavar="TIME",
    help='From then on: "2h", "7d", 2026-11-20, …T14:30.',
)
@click.option(
    "--until", callback=_until, metavar="TIME", help="Up to then; a day counts to its end."
)
@click.option(
    "--limit", type=click.IntRange(1, 10**9), default=50, show_default=True, help="Mails at most."
)
@click.option("--all", "everything", is_flag=True, help="Outbound mails, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a mail and line.")
@click.option("--follow", is_flag=True, help="Then wait, and show new ones as they come.")
@click.pass_obj
def history(
    files: Sequence[Path] | None,
    *,
    skill: str,
    priority: str | None,
    language: str,
    rule: str,
    ack: str,
    queue_id: str,
    mailbox: str,
    sender: str,
    since: float | None,
    until: float | None,
    limit: int,
    everything: bool,
    as_json: bool,
    follow: bool,
) -> None:
    """Show what was decided of past mails, newest first: priority, skill, language, the
    acknowledgement, and the rules that decided. They are kept for history.keep, without any text.

    With --follow the newest comes last, as in a log.
    """
    from mailtriage.commands.history import Query, run_history_command

    query = Query(
        skill=skill.lower(),
        priority=priority or "",
        language=language.lower(),
        rule=rule,
        ack=ack,
        queue_id=queue_id,
        mailbox=mailbox.lower(),
        sender=sender,
        since=since,
        until=until,
        direction="any" if everything else "",
    )
    sys.exit(run_history_command(files, query, limit=limit, as_json=as_json, follow=follow))
