"""mailtriage eval: how well labelled mail is judged, as tables or JSON, with floors for CI."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from mailtriage.commands.eval_table import print_report
from mailtriage.commands.explain import json_line
from mailtriage.commands.terminal import to_terminal
from mailtriage.doors.analysis import Analyst
from mailtriage.evaluation.floors import Floors, FloorsError, read_floors
from mailtriage.evaluation.judged import judge_all
from mailtriage.evaluation.plot import NO_MATPLOTLIB, SUFFIXES, png_is_possible, write_plot
from mailtriage.evaluation.report import Report, as_object, make_report
from mailtriage.labelled import LabelledError, LabelledSet, read_labelled
from mailtriage.service.load import LoadError, read_everything, stored_tokens


def run_eval(
    files: Sequence[Path] | None,
    gold: Path,
    *,
    as_json: bool,
    plot: Path | None,
    by: str,
    errors: int,
    floors: Path | None,
) -> int:
    """Judge every labelled mail at `gold` and measure; 1 when something cannot be read or a figure
    is on the wrong side of its bound, 2 when the plot cannot be what the call wants."""
    wrong = _plot_problem(plot) if plot else ""
    if wrong:
        to_terminal(f"mailtriage: --plot: {wrong}")
        return 2
    try:
        everything = read_everything(files)
        bounds = read_floors(floors) if floors else Floors({}, {})
        analyst = everything.analyst(stored_tokens(everything.config))
        labelled = read_labelled(gold, analyst.limits)
    except (LoadError, FloorsError, LabelledError) as error:
        to_terminal(str(error))
        return 1
    report = _evaluate(analyst, labelled, ("language", by) if by else ("language",))
    if as_json:
        click.echo(json_line(as_object(report, errors)))
    else:
        print_report(Console(highlight=False), report, errors)
    failures = bounds.failures(report.measured)
    for failure in failures:
        to_terminal(f"mailtriage: {failure}")
    drawn = _write(plot, report) if plot else True
    return 0 if drawn and not failures else 1


def _evaluate(analyst: Analyst, labelled: LabelledSet, by: Sequence[str]) -> Report:
    unreadable = list(labelled.unreadable)
    outcomes = track(
        judge_all(analyst, labelled.examples, unreadable.append),
        "judging",
        total=len(labelled.examples),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    return make_report(
        labelled.path, list(outcomes), by=by, unreadable=unreadable, notes=labelled.notes
    )


def _plot_problem(file: Path) -> str:
    """Why no plot could be written there: told before an evaluation that may take minutes."""
    if file.suffix.lower() not in SUFFIXES:
        return f"'{file}' ends neither in .svg nor in .png"
    if file.suffix.lower() == ".png" and not png_is_possible():
        return NO_MATPLOTLIB
    with suppress(OSError):
        if file.parent.is_dir() and not file.is_dir():
            return ""
    return f"there is no folder '{file.parent}' to write a file in"


def _write(file: Path, report: Report) -> bool:
    try:
        write_plot(file, report.bins)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        to_terminal(f"mailtriage: {file}: cannot be written: {reason}")
    except ImportError as error:
        to_terminal(f"mailtriage: {file}: matplotlib does not work: {error}")
    else:
        return True
    return False
