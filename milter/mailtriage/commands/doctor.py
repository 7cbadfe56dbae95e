"""mailtriage doctor: what was found, for a tired administrator or for a program."""

import getpass
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from mailtriage.commands.terminal import harmless
from mailtriage.config import ConfigError, load
from mailtriage.doctor.checks import CHECKS, examine
from mailtriage.doctor.collect import collect
from mailtriage.doctor.model import Finding, Shell, Undone

_COLOURS: Final = {"error": "bold red", "warning": "yellow", "info": "cyan", "unchecked": "cyan"}


def run_doctor(
    files: Sequence[Path] | None, *, as_json: bool, postfix_config: Path | None, probe: bool
) -> int:
    """Look, print, and return 1 when there is an error."""
    undone: Sequence[Undone] = ()
    try:
        config = load(files).config
    except ConfigError as error:
        findings = _of_configuration(error, files)
    else:
        facts = collect(config, files, postfix_config=postfix_config, probe=probe)
        findings, undone = examine(facts), facts.undone
    if as_json:
        _print_json(findings, undone)
    else:
        _print(Console(highlight=False), findings, undone)
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def _of_configuration(error: ConfigError, files: Sequence[Path] | None) -> list[Finding]:
    shell = Shell(tuple(str(file) for file in files or ()))
    return [
        Finding(
            "configuration",
            "error",
            str(problem),
            "mailtriage does not start with it, and nothing else could be looked at",
            shell.mailtriage("check"),
        )
        for problem in error.problems
        if not problem.warning
    ]


def _print_json(findings: Sequence[Finding], undone: Sequence[Undone]) -> None:
    rows = [asdict(finding) for finding in findings]
    rows += [
        {"id": one.id, "severity": "unchecked", "what": "", "why": one.why, "command": ""}
        for one in undone
    ]
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False))


def _print(console: Console, findings: Sequence[Finding], undone: Sequence[Undone]) -> None:
    for finding in findings:
        _line(console, finding.severity, finding.id, finding.what)
        _more(console, finding.why, style="dim", indent=2)
        _more(console, finding.command, style="", indent=4)
    for one in undone:
        _line(console, "unchecked", one.id, one.why)
    _summary(console, findings, undone)


def _line(console: Console, severity: str, name: str, words: str) -> None:
    line = Text(f"{severity}: ", style=_COLOURS[severity])
    line.append(f"{name}: ", style="bold")
    line.append(harmless(words).replace("\n", " "), style="not bold default")
    console.print(line, soft_wrap=True)


def _more(console: Console, words: str, *, style: str, indent: int) -> None:
    for line in harmless(words).split("\n"):
        console.print(Text(" " * indent + line, style=style), soft_wrap=True)


def _summary(console: Console, findings: Sequence[Finding], undone: Sequence[Undone]) -> None:
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    left = f", {_many(len(undone), 'check')} not made (as {_user()})" if undone else ""
    if errors or warnings:
        words = f"{_many(errors, 'error')}, {_many(warnings, 'warning')}{left}"
        console.print(Text(words, style="bold red" if errors else "yellow"))
    else:
        words = f"fine: {len(CHECKS)} checks, nothing to mend{left}"
        console.print(Text(words, style="bold green"))


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "this user"
