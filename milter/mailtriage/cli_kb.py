"""mailtriage kb: the group of commands about the knowledge base."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click


class _InOrder(click.Group):
    """Lists the commands in the order of their use, not by the alphabet."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, short_help="The knowledge base: build it, ask it, test it.")
def kb() -> None:
    """Make the knowledge base out of your help pages, and see what it would say.

    Suggestions stand in X-Mailtriage-Kb. Nothing here is needed for mail to be tagged.
    """


@kb.command(short_help="Make the index out of all sources.")
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write FILE instead of the file of kb.index.",
)
@click.pass_obj
def build(files: Sequence[Path] | None, sources: Sequence[str], *, output: Path | None) -> None:
    """Read Markdown, HTML, PDF, CSV, JSON Lines and Zammad's JSON, and make the index.

    SOURCE is a folder or file, PATH or PATH=URL, where URL is the address at which customers find
    it. Without any, those of kb.sources are read, and the pages that kb fetch brought; and without
    SOURCE and --output the templates of answers.folder as well, into the file of answers.index. A
    running mailtriage takes the new index with its next reload.
    """
    from mailtriage.commands.kb import run_kb_build

    sys.exit(run_kb_build(files, sources, output))


@kb.command(short_help="What it says to a text or a mail.")
@click.argument("text", metavar="TEXT|FILE.eml")
@click.option("--language", default="", metavar="CODE", help="Of the text; else it is made out.")
@click.option(
    "--index",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Ask FILE instead of the file of kb.index, or answers.index.",
)
@click.option("--answers", is_flag=True, help="Ask the answer templates, not the help pages.")
@click.option(
    "--skill",
    default="",
    metavar="SKILL",
    help="With --answers: of the text; only its templates and those of 'general' are asked.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def find(
    files: Sequence[Path] | None,
    text: str,
    *,
    language: str,
    index: Path | None,
    answers: bool,
    skill: str,
    as_json: bool,
) -> None:
    """Show the section that a text finds, how sure that is, and the two behind it.

    Exit code 1 when nothing would be said.
    """
    from mailtriage.commands.kb import run_answers_find, run_kb_find

    if answers:
        done = run_answers_find(
            files, text, language=language, skill=skill, index=index, as_json=as_json
        )
    else:
        done = run_kb_find(files, text, language=language, index=index, as_json=as_json)
    sys.exit(done)


@kb.command(short_help="How often it is right, on questions of your own.")
@click.argument(
    "questions", metavar="QUESTIONS.csv", type=click.Path(dir_okay=False, path_type=Path)
)
@click.option(
    "--index",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Ask FILE instead of the file of kb.index, or answers.index.",
)
@click.option("--answers", is_flag=True, help="Ask the answer templates, not the help pages.")
@click.option("-v", "--verbose", is_flag=True, help="Every question; else those that went wrong.")
@click.pass_obj
def test(
    files: Sequence[Path] | None,
    questions: Path,
    *,
    index: Path | None,
    answers: bool,
    verbose: bool,
) -> None:
    """Ask every question of a CSV file, and compare.

    Its columns are question, answer (an id, a URL, or the heading; several parted by "|"; empty:
    the right thing is to say nothing), and, where you like, language. Exit code 1 when precision
    is below 0.9.
    """
    from mailtriage.commands.kb_test import run_kb_test

    sys.exit(run_kb_test(files, questions, index=index, answers=answers, verbose=verbose))


@kb.command(short_help="Fetch the pages of kb.sitemaps.")
@click.option("-q", "--quiet", is_flag=True, help="Print problems only.")
@click.pass_obj
def fetch(files: Sequence[Path] | None, *, quiet: bool) -> None:
    """Fetch the pages of kb.sitemaps into the folder kb.pages, for kb build.

    Keeps to robots.txt, to kb.hosts and to the limits of [kb]. Exit code 1 when anything was left
    out.
    """
    from mailtriage.commands.kb import run_kb_fetch

    sys.exit(run_kb_fetch(files, quiet=quiet))
