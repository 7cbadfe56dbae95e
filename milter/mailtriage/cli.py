"""The mailtriage command: what each subcommand takes; the work is done in `commands`."""

import io
import ipaddress
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from mailtriage import __version__
from mailtriage.cli_doctor import doctor
from mailtriage.cli_feedback import feedback
from mailtriage.cli_history import against_history, history
from mailtriage.cli_kb import kb
from mailtriage.cli_learning import evaluate, train
from mailtriage.cli_outbox import outbox
from mailtriage.cli_report import report
from mailtriage.cli_top import top

FINE, WRONG, WRONG_CALL = 0, 1, 2
TEMPFAIL: Final = 75
"""EX_TEMPFAIL of sysexits.h, upon which Postfix's pipe(8) keeps a mail and tries again."""
INTERRUPTED: Final = 130
"""What a shell makes of a program that ended on SIGINT: 128 + 2."""


class _Commands(click.Group):
    """Lists the commands in the order of a first day with mailtriage, not by the alphabet."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, but for two ends that it would call a failure (exit code 1)."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Somebody piped us into head(1). What is left to flush at exit goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(TEMPFAIL if ctx.invoked_subcommand == "pipe" else FINE)
        except KeyboardInterrupt:
            sys.stderr.write("\n")
            ctx.exit(INTERRUPTED)


def _ip_address(_ctx: click.Context, _option: click.Parameter, value: str) -> str:
    """An IP address, or nothing: a client with any other address would count as unknown."""
    try:
        return str(ipaddress.ip_address(value)) if value else ""
    except ValueError:
        raise click.BadParameter(f"'{value}' is not an IP address.") from None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine, 1 the thing checked is wrong, 2 the call is wrong.",
)
@click.option(
    "--config",
    "files",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read FILE instead of /etc/mailtriage/mailtriage.toml and conf.d/*.toml. "
    "Given twice, later files override earlier ones key by key.",
)
@click.version_option(__version__, prog_name="mailtriage")
@click.pass_context
def cli(ctx: click.Context, files: Sequence[Path]) -> None:
    """Reads customer-service mail as Postfix delivers it and tags it: priority, language, skill,
    tier, churn risk, mood, topic. The mail goes on to the helpdesk, otherwise untouched.

    Try `mailtriage demo` first; it needs neither Postfix nor a configuration.
    """
    ctx.obj = list(files) or None


@cli.command(short_help="Sample mails through the whole program, as a table; then yours.")
@click.option("--once", is_flag=True, help="Leave when the samples are through.")
@click.option(
    "--listen",
    default="127.0.0.1:2525",
    metavar="HOST:PORT",
    show_default=True,
    help="Where to listen for mail by SMTP.",
)
@click.pass_obj
def demo(files: Sequence[Path] | None, *, once: bool, listen: str) -> None:
    """Send sample mails through and show what becomes of them; then wait for yours.

    Everything runs in this one process: no Postfix, no Redis, nothing is written, nobody is mailed.
    """
    from mailtriage.commands.demo import run_demo

    _leave(run_demo(files, once=once, listen=listen))


@cli.command(short_help="How a mail is tagged, and why.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a message and line.")
@click.option("--rcpt", default="", metavar="ADDRESS", help="Envelope recipient.")
@click.option("--sender", default=None, metavar="ADDRESS", help='Envelope sender; "" for <>.')
@click.option(
    "--client", default="", metavar="IP", callback=_ip_address, help="Address of the SMTP client."
)
@click.pass_obj
def explain(
    files: Sequence[Path] | None,
    paths: Sequence[str],
    *,
    as_json: bool,
    rcpt: str,
    sender: str | None,
    client: str,
) -> None:
    """Show how a mail is tagged, and why: every rule, its weight and the words that it hit.

    PATH is an .eml file, a folder of them, a Maildir, an mbox, or - for standard input. The code is
    the one that live mail goes through; nothing is sent and no state is written.
    """
    from mailtriage.commands.explain import run_explain

    _leave(run_explain(files, paths, as_json=as_json, rcpt=rcpt, sender=sender, client=client))


@cli.command(short_help="The acknowledgement of a mail, or the rule that forbids it.")
@click.argument("path", metavar="FILE")
@click.option("--rcpt", default="", metavar="ADDRESS", help="Envelope recipient.")
@click.option("--sender", default=None, metavar="ADDRESS", help='Envelope sender; "" for <>.')
@click.option(
    "--client", default="", metavar="IP", callback=_ip_address, help="Address of the SMTP client."
)
@click.option("--raw", is_flag=True, help="The message as it is sent, byte for byte.")
@click.option("--update", "then", flag_value="update", help="The update, should its promise slip.")
@click.option("--survey", "then", flag_value="survey", help="The survey after the answer.")
@click.pass_obj
def ack(
    files: Sequence[Path] | None,
    path: str,
    *,
    rcpt: str,
    sender: str | None,
    client: str,
    raw: bool,
    then: str | None,
) -> None:
    """Show the acknowledgement that a mail would get, or the rule that forbids one.

    FILE is an .eml file, or - for standard input. Nothing is sent. Earlier mails are not looked at:
    limits on how often somebody is answered show in the log of live mail.
    """
    from mailtriage.commands.ack import run_ack

    _leave(run_ack(files, path, rcpt=rcpt, sender=sender, client=client, raw=raw, then=then))


@cli.command(short_help="Check configuration, policies and customer lists.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@against_history
@click.pass_obj
def check(files: Sequence[Path] | None, *, quiet: bool, since: float | None) -> None:
    """Check configuration, policies and customer lists, and run the policies' own tests.

    Every problem is one line: file:line: key: what is wrong — how to mend it.
    """
    from mailtriage.commands.check import run_check

    _leave(run_check(files, quiet=quiet, since=since))


@cli.command(short_help="Run the tests that stand in the policy files.")
@click.option("--coverage", is_flag=True, help="Also list the signals that no test hits.")
@click.pass_obj
def test(files: Sequence[Path] | None, *, coverage: bool) -> None:
    """Run the tests that stand in the policy files."""
    from mailtriage.commands.check import run_policy_tests

    _leave(run_policy_tests(files, coverage=coverage))


@cli.command(short_help="The effective configuration, and where each value comes from.")
@click.option("--changed", is_flag=True, help="Only what differs from the defaults.")
@click.pass_obj
def config(files: Sequence[Path] | None, *, changed: bool) -> None:
    """Print the effective configuration, and where each value comes from."""
    from mailtriage.commands.config import run_config

    _leave(run_config(files, changed=changed))


@cli.command(short_help="What Postfix has to be told; prints, changes nothing.")
@click.pass_obj
def postfix(files: Sequence[Path] | None) -> None:
    """Print the postconf commands and map files that this configuration needs; changes nothing."""
    from mailtriage.commands.postfix import run_postfix

    _leave(run_postfix(files))


@cli.command(short_help="Run the milter.")
@click.pass_obj
def serve(files: Sequence[Path] | None) -> None:
    """Run the milter: a supervisor and its workers. SIGHUP reloads, SIGTERM finishes and leaves.

    Neither loses a session: workers are replaced while others answer, and leave when their last
    mail is through. A configuration with errors never replaces a good one.
    """
    from mailtriage.commands.serve import run_serve

    _leave(run_serve(files))


@cli.command(short_help="Our facts as arguments of a helpdesk's mail gateway.")
@click.option("--profile", default="", metavar="NAME", help="Whose words; else the mailbox's.")
@click.option(
    "--sender", default=None, metavar="ADDRESS", help="Envelope sender; else Return-Path."
)
@click.option("--trusted", is_flag=True, help="Believe the header without a seal.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND…")
@click.pass_obj
def pipe(
    files: Sequence[Path] | None,
    command: Sequence[str],
    *,
    profile: str,
    sender: str | None,
    trusted: bool,
) -> None:
    """Hand the mail on standard input to COMMAND, with our facts in its arguments.

    For helpdesks whose gateway has options where others read headers. In the arguments {queue} is
    an entry of the helpdesk's profile or a fact (skill, language, priority ...), and
    {queue:General} has a word for where there is none. The mail itself goes through unchanged, and
    COMMAND's exit code comes back. The header is believed only with a valid seal. For master.cf:

    \b
      user=mailtriage argv=mailtriage pipe --profile rt5 --sender ${sender} --
        rt-mailgate --queue={queue:General} --action correspond --url http://127.0.0.1/rt

    There, write no word that begins with a brace: Postfix takes it away. Exit code 75, upon which
    Postfix keeps the mail and tries again, when COMMAND cannot be run.
    """
    from mailtriage.commands.pipe import run_pipe

    raise _GatewayEnded(run_pipe(files, command, profile=profile, sender=sender, trusted=trusted))


cli.add_command(doctor)
cli.add_command(outbox)
cli.add_command(kb)
cli.add_command(history)
cli.add_command(top)
cli.add_command(report)
cli.add_command(feedback)
cli.add_command(evaluate)
cli.add_command(train)


def _leave(code: int) -> NoReturn:
    sys.exit(code)


class _GatewayEnded(SystemExit):
    """With the exit code of the command behind `pipe`, which is not ours to judge."""


def main() -> None:
    """Entry point of the command; nobody is ever shown a traceback."""
    # Numerical libraries start a pool of threads when loaded, and `serve` forks afterwards.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Mail has letters that not every locale has, and file names may have bytes that are none.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        cli(prog_name="mailtriage")
    except SystemExit as end:
        is_ours = not isinstance(end, _GatewayEnded)
        if is_ours and end.code == WRONG_CALL and _delivers(sys.argv[1:]):
            sys.exit(TEMPFAIL)
        raise
    except Exception as fault:
        if os.environ.get("MAILTRIAGE_DEBUG"):
            raise
        sys.stderr.write(
            f"mailtriage: {type(fault).__name__}: {fault}\n"
            "This is a fault of mailtriage. MAILTRIAGE_DEBUG=1 shows where it is.\n"
        )
        sys.exit(TEMPFAIL if _delivers(sys.argv[1:]) else WRONG)


def _delivers(arguments: Sequence[str]) -> bool:
    """Whether this is `pipe`: a mistake in its call must not bounce a mail, but leave it in
    Postfix's queue until somebody has mended the line in master.cf."""
    words = iter(arguments)
    for word in words:
        if word == "--config":
            next(words, None)
        elif not word.startswith("-"):
            return word == "pipe"
    return False
