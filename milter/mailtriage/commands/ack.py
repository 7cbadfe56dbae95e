"""mailtriage ack: what a customer would be answered, or the rule that forbids it; and what could
follow that answer."""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Literal

import click

from mailtriage.acks.compose import ComposeError
from mailtriage.acks.follow_up_texts import FollowUpTexts, load_follow_up_texts
from mailtriage.acks.model import Announced
from mailtriage.acks.plan import Plan
from mailtriage.acks.preview import Preview, preview
from mailtriage.commands.explain import explain_one, planned
from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.desk.follow_up_preview import preview_follow_up
from mailtriage.doors.analysis import Analyst
from mailtriage.doors.files import StoredMail, UnreadablePath, stored_mails
from mailtriage.policies.load import ACKS
from mailtriage.service.load import LoadError, read_everything, stored_tokens
from mailtriage.shipped import shipped_directory

NO_RESULTS: Final = "D7"
_SHOWN: Final = ("From", "Reply-To", "To", "Subject", "Content-Language")


def run_ack(
    files: Sequence[Path] | None,
    path: str,
    *,
    rcpt: str,
    sender: str | None,
    client: str,
    raw: bool,
    then: str | None = None,
) -> int:
    """Show the acknowledgement of every mail at that path; 1 when it cannot be read.

    `then`: "update" or "survey", to show what could follow it instead.
    """
    texts = None
    try:
        everything = read_everything(files)
        if then is not None:
            shipped = shipped_directory("policies") / ACKS
            own = everything.config.ack.templates
            texts = load_follow_up_texts(shipped, own, only_own=True)
    except LoadError as error:
        to_terminal(str(error))
        return 1
    analyst = everything.analyst(stored_tokens(everything.config))
    try:
        mails = stored_mails(path)
        what = then or "acknowledgement"
        make = partial(_made, then=then, texts=texts)
        return _show_all(analyst, path, mails, rcpt, sender, client, raw=raw, make=make, what=what)
    except UnreadablePath as error:
        to_terminal(f"mailtriage: {error}")
        return 1


def _made(
    analyst: Analyst, plan: Plan | None, *, then: str | None, texts: FollowUpTexts | None
) -> Preview | None:
    """The message to be shown; None when there is none. Raises ComposeError."""
    ack = preview(plan, analyst.texts) if plan and analyst.texts else None
    if ack is None or texts is None:
        return ack
    kind: Literal["update", "survey"] = "update" if then == "update" else "survey"
    mailbox = plan.case.mailbox if plan else None
    if mailbox is not None and {"update": mailbox.updates, "survey": mailbox.survey}[kind] == "off":
        to_terminal(f"{mailbox.address}: {kind}s are switched off: nobody is sent this")
    return preview_follow_up(kind, ack.order, analyst.config, texts, analyst.tokens)


def _show_all(
    analyst: Analyst,
    path: str,
    mails: Iterable[StoredMail],
    rcpt: str,
    sender: str | None,
    client: str,
    *,
    raw: bool,
    make: Callable[[Analyst, Plan | None], Preview | None],
    what: str,
) -> int:
    code = 0
    for stored in mails:
        if stored.name != path and not raw:
            click.echo(f"{harmless(stored.name)}:")
        analysis, _ = explain_one(analyst, stored, rcpt, sender, client)
        plan = planned(analysis)
        try:
            made = make(analyst, plan)
        except ComposeError as error:
            to_terminal(f"{stored.name}: no {what} can be made: {error}")
            code = 1
            continue
        if made is not None and analysis.tried and "acknowledge" in analysis.tried.actions:
            to_terminal(f"{harmless(stored.name)}: dry run: nobody is sent this")
        if made is not None and raw:
            sys.stdout.buffer.write(made.message)
        elif made is not None:
            click.echo(_letter(made))
        elif analysis.exempt:
            click.echo(f"no acknowledgement: the mail is exempt by its {analysis.exempt}")
        elif plan is None:
            click.echo("no acknowledgement: the mail is your own (outbound)")
        else:
            click.echo(verdict_line(plan))
    return code


def verdict_line(plan: Plan) -> str:
    """Why nothing is sent: the rule's id, what it hit, and what that means."""
    verdict, mailbox = plan.verdict, plan.case.mailbox
    if verdict.announced is Announced.DELEGATED and mailbox is not None:
        return f"delegated: the helpdesk of {mailbox.address} acknowledges; no rule forbids it"
    detail = f" ({verdict.detail})" if verdict.detail else ""
    line = f"no acknowledgement: rule {verdict.rule}{detail}: {verdict.why}"
    server = plan.case.authentication.covered_by
    if verdict.rule == NO_RESULTS and server:
        # Of a stored mail that may be the line of our own Postfix, which a milter never sees.
        line += (
            f"\nThere is one, but below a Received of {harmless(server)}: "
            "if that is a server of yours, name it in authentication.own_hosts."
        )
    return line


def _letter(made: Preview) -> str:
    """The message as its reader sees it."""
    parsed = made.parsed
    head = [f"{name}: {harmless(str(parsed[name]))}" for name in _SHOWN if name in parsed]
    return "\n".join((*head, "", harmless(made.text)))
