"""mailtriage explain: the same code path as live mail, shown with every reason."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mailtriage.acks.compose import ComposeError
from mailtriage.acks.plan import Plan
from mailtriage.acks.preview import preview
from mailtriage.acks.templates import Texts
from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.files import StoredMail, UnreadablePath, stored_mails
from mailtriage.labelled.envelope import stored_envelope
from mailtriage.mail.fields import skip_mbox_line, split_fields
from mailtriage.mail.model import Client, Envelope, Mail
from mailtriage.mail.read import read_message
from mailtriage.service.load import LoadError, read_everything, stored_tokens
from mailtriage.tags.apply import header_names
from mailtriage.triage.model import Evidence

_SHOWN_TEXT: Final = 600
_COLOURS: Final = {
    "urgent": "bold red",
    "high": "yellow",
    "normal": "green",
    "low": "dim",
}


def run_explain(
    files: Sequence[Path] | None,
    paths: Sequence[str],
    *,
    as_json: bool,
    rcpt: str,
    sender: str | None,
    client: str,
) -> int:
    """Explain every message of every path; 1 when a path or the configuration cannot be read."""
    try:
        everything = read_everything(files)
    except LoadError as error:
        to_terminal(str(error))
        return 1
    analyst = everything.analyst(stored_tokens(everything.config))
    console = Console(highlight=False)
    code = 0
    for path in paths:
        try:
            for stored in stored_mails(path):
                analysis, mail = explain_one(analyst, stored, rcpt, sender, client)
                if as_json:
                    ack = _acknowledgement(analysis, analyst.texts)
                    click.echo(json_line(as_object(stored.name, mail, analysis, ack)))
                else:
                    print_page(console, stored.name, mail, analysis)
        except UnreadablePath as error:
            to_terminal(f"mailtriage: {error}")
            code = 1
    return code


def explain_one(
    analyst: Analyst, stored: StoredMail, rcpt: str, sender: str | None, client: str
) -> tuple[Analysis, Mail]:
    """Analyse a stored message as if it came in now.

    What the envelope was is taken from the call, else from Return-Path and Delivered-To or To,
    which is where a delivered mail keeps it.
    """
    first = read_message(stored.raw, limits=analyst.limits)
    stored_in_header = stored_envelope(first)
    envelope = Envelope(
        sender=stored_in_header.sender if sender is None else sender.strip("<>"),
        recipients=(rcpt.strip("<>"),) if rcpt else stored_in_header.recipients,
    )
    read = partial(
        read_message,
        stored.raw,
        envelope=envelope,
        client=Client(address=client),
        limits=analyst.limits,
    )
    body = stored.raw[split_fields(stored.raw, skip_mbox_line(stored.raw))[1] :]
    analysis = analyst.analyse(read, header_names(stored.raw), body=body, quote=True)
    return analysis, analysis.mail or first


def planned(analysis: Analysis) -> Plan | None:
    """Whether a mail is acknowledged, or would be if that were not only tried."""
    return analysis.tried.plan if analysis.tried else analysis.plan


def _acknowledgement(analysis: Analysis, texts: Texts | None) -> dict[str, Any]:
    """What would be answered, or the rule that forbids it."""
    plan = planned(analysis)
    found = {"send": False, "rule": "none", "to": "", "from": "", "subject": "", "language": "",
             "by": ""}  # fmt: skip
    if plan is None:
        return found
    found["rule"] = plan.verdict.rule or "none"
    try:
        made = preview(plan, texts) if texts is not None else None
    except ComposeError:
        return found | {"rule": "J22"}
    if made is None or plan.case.mailbox is None:
        return found
    return found | {
        "send": True,
        "to": made.order.to,
        "from": plan.case.mailbox.from_address,
        "subject": str(made.parsed["Subject"]),
        "language": str(made.parsed["Content-Language"]),
        "by": made.by.isoformat(timespec="minutes") if made.by else "",
    }


def as_object(name: str, mail: Mail, analysis: Analysis, ack: dict[str, Any]) -> dict[str, Any]:
    """One message as a JSON object; every key is always there."""
    triage, edits = analysis.triage, analysis.edits
    fields = dict(edits.insert)
    return {
        "file": name,
        "message_id": mail.message_id,
        "direction": str(triage.direction),
        "language": triage.language,
        "language_confidence": triage.language_confidence,
        "skill": triage.skill,
        "skill_confidence": triage.skill_confidence,
        "skills": [{"name": entry.name, "score": round(entry.score, 2)} for entry in triage.skills],
        "priority": str(triage.priority),
        "score": triage.score,
        "tier": str(triage.tier),
        "churn": str(triage.churn),
        "mood": str(triage.mood),
        "kind": str(triage.kind),
        "thread": str(triage.thread),
        "topic": triage.topic,
        "kb": fields.get("X-Mailtriage-Kb", "none"),
        "route": fields.get("X-Mailtriage-Route", "none"),
        "text": mail.newest_text,
        "headers": [list(field) for field in edits.insert],
        "strip": [deletion.name for deletion in edits.delete],
        "exempt": analysis.exempt,
        "dry_run": list(analysis.tried.actions) if analysis.tried else [],
        "dry_run_policies": list(analysis.tried.policies) if analysis.tried else [],
        "ack": ack,
        "why": [
            {
                "facet": entry.facet,
                "id": entry.id,
                "weight": entry.weight,
                "where": entry.where,
            }
            for entry in triage.why
        ],
        "status": str(analysis.status),
        "ms": round(analysis.milliseconds, 2),
    }


def json_line(values: dict[str, Any]) -> bytes:
    """JSON in UTF-8 whatever the locale (RFC 8259 section 8.1), without a line end.

    What UTF-8 cannot carry, the odd bytes of a file name, becomes an escape, which JSON can.
    """
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "backslashreplace")


def print_page(console: Console, name: str, mail: Mail, analysis: Analysis) -> None:
    """One message as a page for people: what was read, the tags, why, and the edits."""
    triage = analysis.triage
    console.rule(Text(harmless(name), style="bold"), align="left")
    console.print(_mail(mail))
    console.print()
    if not analysis.exempt:
        console.print(_tags(analysis))
    if triage.why:
        console.print(_reasons(triage.why))
    for deletion in analysis.edits.delete:
        console.print(Text(f"- {harmless(deletion.name)} (number {deletion.index})", style="red"))
    for header, value in analysis.edits.insert:
        console.print(Text.assemble((f"+ {header}: ", "green"), value), soft_wrap=True)
    for line in _left_out(analysis):
        console.print(Text(line, style="dim"))
    console.print()


def _left_out(analysis: Analysis) -> Iterator[str]:
    """What is not done to the mail, and why."""
    tried = analysis.tried
    if analysis.exempt:
        yield f"no headers are added: the mail is exempt by its {analysis.exempt}"
    elif not analysis.edits.insert:
        yield f"no headers are added: {analysis.triage.direction} mail"
    if tried is not None and tried.actions:
        yield f"dry run: {', '.join(tried.actions)} only tried"
    if tried is not None and tried.policies:
        yield f"dry run: with {', '.join(tried.policies)} the tags would be others"


def _tags(analysis: Analysis) -> Text:
    triage = analysis.triage
    level = str(triage.priority)
    return Text.assemble(
        (f"{level} ({triage.score})", _COLOURS[level]),
        f"  {triage.skill}",
        (f" {triage.skill_confidence:.0%}" if triage.skill_confidence else "", "dim"),
        f"  {triage.language}",
        (f" {triage.language_confidence:.0%}", "dim"),
        f"  {triage.kind}, {triage.thread}, mood {triage.mood}, churn {triage.churn}, "
        f"tier {triage.tier}, topic {triage.topic}, status {analysis.status}",
    )


def _mail(mail: Mail) -> Table:
    """What was read of the mail; a long line goes on below its beginning."""
    text = mail.newest_text.strip()
    shown = text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]} …"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("From", Text(harmless(_who(mail)) or "(nobody)"))
    table.add_row("Subject", Text(harmless(mail.subject) or "(none)"))
    table.add_row("Text", Text(harmless(shown) or "(none)"))
    if mail.defects:
        table.add_row("Defects", ", ".join(mail.defects))
    return table


def _who(mail: Mail) -> str:
    return f"{mail.from_name} <{mail.from_address}>" if mail.from_name else mail.from_address


def _reasons(why: Sequence[Evidence]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("because of")
    table.add_column("rule")
    table.add_column("weight", justify="right")
    table.add_column("seen in", overflow="fold")
    for entry in why:
        table.add_row(entry.facet, entry.id, f"{entry.weight:+g}", Text(harmless(entry.where)))
    return table
