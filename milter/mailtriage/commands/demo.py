"""mailtriage demo."""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.demo.embedded import RECIPIENT, Delivered, EmbeddedMail, sample_files, send
from mailtriage.doors.smtp_settings import Endpoint
from mailtriage.mail.model import Mail
from mailtriage.service.load import LoadError, read_everything
from mailtriage.tags.model import Status
from mailtriage.triage.model import Churn, Kind, Mood, Thread, Tier, Triage

_COLOURS: Final = {"urgent": "bold red", "high": "yellow", "normal": "green", "low": "dim"}
_COLUMNS: Final = (
    ("from", 18),
    ("subject", 30),
    ("lang", 4),
    ("skill", 12),
    ("priority", 10),
    ("besides", 32),
    ("acknowledged", 34),
)
_NARROWEST: Final = sum(width + 3 for _, width in _COLUMNS) + 1


def run_demo(files: Sequence[Path] | None, *, once: bool, listen: str) -> int:
    """Send the samples through, show them, and keep listening unless `once`."""
    try:
        where = Endpoint.parse(listen)
        if where.path:
            raise ValueError("write HOST:PORT")
    except ValueError as error:
        to_terminal(f"mailtriage demo: --listen: {error}")
        return 2
    try:
        analyst = read_everything(files).analyst()
    except LoadError as error:
        to_terminal(str(error))
        return 1
    console = Console(highlight=False)
    if console.width < _NARROWEST:
        console = Console(highlight=False, width=_NARROWEST)
    deliveries: asyncio.Queue[Delivered] = asyncio.Queue()
    mails = EmbeddedMail(analyst, deliveries.put_nowait)
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(_demo(mails, deliveries, where, console, once=once))
    return 0


async def _demo(
    mails: EmbeddedMail,
    deliveries: asyncio.Queue[Delivered],
    where: Endpoint,
    console: Console,
    *,
    once: bool,
) -> int:
    try:
        try:
            listening = await mails.start(where)
        except OSError as error:
            to_terminal(
                f"mailtriage demo: cannot listen on {where}: {_reason(error).lower()}; "
                "choose another place with --listen"
            )
            return 1
        table = _table(title="Sample mails: in by SMTP, out tagged, and acknowledged")
        delivered = []
        for file in sample_files():
            await send(file.read_bytes(), listening)
            delivered.append(await deliveries.get())
            table.add_row(*_row(delivered[-1]))
        console.print(table)
        telling = max(delivered, key=lambda mail: mail.analysis.triage.score)
        _print_headers(console, telling)
        _print_acknowledgement(console, telling)
        if once:
            return 0
        _print_invitation(console, listening)
        while True:
            _show(console, await deliveries.get())
    finally:
        await mails.stop()


def _reason(error: OSError) -> str:
    """Why, in the system's words; Python adds to them where it happened."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return (error.strerror or str(error)).partition(" (")[0]


def _show(console: Console, delivered: Delivered) -> None:
    table = _table(title="")
    table.add_row(*_row(delivered))
    console.print(table)
    _print_headers(console, delivered)
    _print_acknowledgement(console, delivered)


def _table(title: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=SIMPLE_HEAD,
        padding=(0, 1),
    )
    for name, width in _COLUMNS:
        table.add_column(name, width=width, overflow="ellipsis", no_wrap=name != "besides")
    return table


def _row(delivered: Delivered) -> tuple[Text, ...]:
    analysis = delivered.analysis
    triage, mail = analysis.triage, analysis.mail or Mail()
    level = str(triage.priority)
    return (
        Text(harmless(mail.from_name or mail.from_address) or "<>"),
        Text(harmless(mail.subject) or "(none)"),
        Text(triage.language),
        Text(triage.skill),
        Text(f"{level} {triage.score}", style=_COLOURS[level]),
        Text(_besides(triage, analysis.status, len(analysis.edits.delete))),
        _acknowledged(delivered),
    )


def _acknowledged(delivered: Delivered) -> Text:
    """The language and subject of the acknowledgement, or the rule that forbids one."""
    if delivered.acknowledgement:
        sent = _parsed(delivered.acknowledgement)
        return Text(f"{sent['Content-Language']}: {harmless(str(sent['Subject']))}")
    plan = delivered.analysis.plan
    if plan is None or not plan.verdict.rule:
        return Text("no", style="dim")
    return Text(f"no, {plan.verdict.rule}: {plan.verdict.why}", style="dim")


def _parsed(message: bytes) -> EmailMessage:
    parsed = message_from_bytes(message, policy=policy.SMTP)
    assert isinstance(parsed, EmailMessage)  # noqa: S101  what the policy makes
    return parsed


def _print_acknowledgement(console: Console, delivered: Delivered) -> None:
    """What the customer reads."""
    if not delivered.acknowledgement:
        return
    sent = _parsed(delivered.acknowledgement)
    console.print(Text("\nWhat the customer gets at once:", style="bold"))
    lines = [f"{name}: {sent[name]}" for name in ("From", "To", "Subject")]
    body = sent.get_body(("plain",))
    lines += ["", *(str(body.get_content()) if body else "").splitlines()]
    console.print(Text("\n".join(f"  {harmless(line)}" for line in lines)), soft_wrap=True)


def _besides(triage: Triage, status: Status, stripped: int) -> str:
    """What is out of the ordinary about a mail, in a few words."""
    words = []
    if triage.kind is not Kind.HUMAN:
        words.append(str(triage.kind))
    if triage.tier is not Tier.UNKNOWN:
        words.append(triage.tier.upper() if triage.tier is Tier.VIP else str(triage.tier))
    if triage.churn is not Churn.LOW:
        words.append(f"churn {triage.churn}")
    if triage.mood is not Mood.NEUTRAL:
        words.append(str(triage.mood))
    if triage.thread is not Thread.NEW:
        words.append(str(triage.thread))
    if triage.topic != "none":
        words.append(f"topic {triage.topic}")
    if triage.sender_marked is not None:
        words.append(f"sender says {triage.sender_marked}")
    if stripped:
        words.append(f"{stripped} forged removed")
    if status is not Status.OK:
        words.append(str(status))
    return ", ".join(words)


def _print_headers(console: Console, delivered: Delivered) -> None:
    subject = harmless(delivered.analysis.mail.subject if delivered.analysis.mail else "")
    console.print(Text(f"\nThe top of “{subject}” as the helpdesk gets it:", style="bold"))
    count = len(delivered.analysis.edits.insert)
    head = delivered.raw.decode("utf-8", "replace").splitlines()[: count + 3]
    console.print(Text("\n".join(f"  {harmless(line)}" for line in head)), soft_wrap=True)


def _print_invitation(console: Console, listening: Endpoint) -> None:
    console.print(
        Text.assemble(
            (f"\nListening on {listening}. Send a mail of your own:\n", "bold"),
            f"  curl smtp://{listening} --mail-from you@example.com --mail-rcpt {RECIPIENT} "
            "--upload-file mail.eml\n",
            f"  swaks --server {listening} --from you@example.com --to {RECIPIENT} "
            "--header 'Subject: Where is my parcel?'\n",
            ("It is shown here and goes nowhere else. Ctrl-C ends this.", "dim"),
        ),
        soft_wrap=True,
    )
