"""mailtriage kb: making the knowledge base, and asking it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from mailtriage.commands.kb_answers import find_answer, run_answers_build
from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.config import Config, ConfigError, load
from mailtriage.config.kb import KbConfig, Source, parse_source
from mailtriage.knowledge.answer_index import open_answers
from mailtriage.knowledge.fetch import fetch
from mailtriage.knowledge.index_build import build_index
from mailtriage.knowledge.ingest import ingest, unstemmed
from mailtriage.knowledge.ingest_folder import MANIFEST
from mailtriage.knowledge.model import KnowledgeError, Suggestion
from mailtriage.knowledge.search import KnowledgeIndex, Limits, open_index
from mailtriage.mail.model import Mail
from mailtriage.mail.read import read_message
from mailtriage.triage.language import detect

_MOST_PROBLEMS: Final = 50
_SHOWN: Final = 3


def run_kb_build(files: Sequence[Path] | None, sources: Sequence[str], output: Path | None) -> int:
    """Make the index, and that of the answer templates unless sources or a file are named; 1 when
    something cannot be read, ids clash or nothing is left to write."""
    config = read_config(files)
    if config is None:
        return 1
    chosen = [parse_source(one) for one in sources] or _configured(config.kb)
    with_answers = config.answers.folder is not None and not sources and output is None
    if not chosen and not with_answers:
        to_terminal("mailtriage: no sources: name some, here or in kb.sources")
        return 2
    done = _build(config.kb, chosen, output or config.kb.index) if chosen else 0
    return max(done, run_answers_build(config)) if with_answers else done


def _build(config: KbConfig, chosen: Sequence[Source], target: Path) -> int:
    try:
        read = ingest(chosen, language=config.language)
        _print_problems(read.problems)
        if not read.documents:
            raise KnowledgeError(f"no section was found, so {target} is left as it is")
        built = build_index(read.documents, target, heading_weight=config.heading_weight)
    except KnowledgeError as error:
        to_terminal(f"mailtriage: {harmless(str(error))}")
        return 1
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        to_terminal(f"mailtriage: {target}: {reason}")
        return 1
    spoken = ", ".join(f"{code} {count}" for code, count in sorted(built.languages.items()))
    click.echo(f"{target}: {built.sections} sections ({spoken}), {built.size / 1e6:.1f} MB")
    for code in unstemmed(read.documents):
        click.echo(f"{code}: no stemmer; found by parts of words alone")
    if built.without_link:
        click.echo(
            f"{built.without_link} sections have no address: agents see their id, customers are"
            " told nothing. Give the source as PATH=URL."
        )
    return 0


def run_kb_find(
    files: Sequence[Path] | None, text: str, *, language: str, index: Path | None, as_json: bool
) -> int:
    """Show what a text, or the mail in a file of that name, finds; 1 when nothing would be said."""
    config = read_config(files)
    if config is None:
        return 1
    try:
        opened = open_index(index or config.kb.index)
        mail = _mail(text)
    except KnowledgeError as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    spoken = language or detect(mail).code
    limits = limits_of(config.kb)
    found = opened.find(mail.newest_text, spoken, subject=mail.subject, limits=limits)
    if as_json:
        kept = asdict(found) if found else None
        click.echo(json.dumps({"language": spoken, "found": kept}, ensure_ascii=False))
        return 0 if found and found.sure else 1
    if spoken not in opened.languages:
        there = ", ".join(sorted(opened.languages))
        click.echo(f"nothing: the text is in {spoken}, the knowledge base in {there} (--language)")
        return 1
    _print_found(opened, found, mail, spoken, limits)
    return 0 if found and found.sure else 1


def run_answers_find(
    files: Sequence[Path] | None,
    text: str,
    *,
    language: str,
    skill: str,
    index: Path | None,
    as_json: bool,
) -> int:
    """Show which template a text, or the mail in a file of that name, finds; 1 for none."""
    config = read_config(files)
    if config is None:
        return 1
    try:
        opened = open_answers(index or config.answers.index)
        mail = _mail(text)
    except KnowledgeError as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    spoken = language or detect(mail).code
    return find_answer(opened, mail, spoken, skill, config.answers.threshold, as_json=as_json)


def run_kb_fetch(files: Sequence[Path] | None, *, quiet: bool) -> int:
    """Fetch the pages of the sitemaps; 1 when something was left out."""
    config = read_config(files)
    if config is None:
        return 1

    def say(url: str) -> None:
        if not quiet:
            click.echo(harmless(url))

    try:
        done = fetch(config.kb, say)
    except KnowledgeError as error:
        to_terminal(f"mailtriage: {harmless(str(error))}")
        return 1
    _print_problems(done.problems)
    if not quiet:
        click.echo(
            f"{config.kb.pages}: {done.new} new, {done.unchanged} unchanged, {done.removed} removed"
        )
    return 1 if done.problems else 0


def read_config(files: Sequence[Path] | None) -> Config | None:
    """The configuration; None, and said why, when it has errors."""
    try:
        return load(files).config
    except ConfigError as error:
        to_terminal(str(error))
        return None


def limits_of(config: KbConfig) -> Limits:
    """The limits of live mail."""
    return Limits(threshold=config.threshold, maybe=config.maybe)


def _configured(config: KbConfig) -> list[Source]:
    pages = [Source(config.pages)] if (config.pages / MANIFEST).is_file() else []
    return [*config.sources, *pages]


def _mail(text: str) -> Mail:
    """The mail of that file, or one that says nothing but the text. Raises KnowledgeError."""
    if not text.lower().endswith(".eml"):
        return Mail(text=text, newest_text=text)
    try:
        return read_message(Path(text).read_bytes())
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise KnowledgeError(f"{text}: {reason}") from None


def _print_found(
    opened: KnowledgeIndex, found: Suggestion | None, mail: Mail, language: str, limits: Limits
) -> None:
    hits = opened.rank(mail.newest_text, language, subject=mail.subject, limits=limits, most=_SHOWN)
    if found is None:
        click.echo("nothing: no section comes near")
    elif found.sure:
        click.echo(f"{found.id}  {found.confidence:.2f}  {harmless(found.heading)}")
        click.echo(harmless(found.url) or "(no address)")
        click.echo(f"“{harmless(found.quote)}”")
    else:
        click.echo(f"nothing sure ({found.confidence:.2f} of {limits.threshold:.2f}); may help:")
        for one in found.maybe:
            click.echo(f"  {one.id}  {harmless(one.heading)}  {harmless(one.url)}".rstrip())
    if hits:
        click.echo()
        sure = f"{hits[0].confidence:.2f}"
        click.echo(f"confidence {sure}, by the sentence “{harmless(hits[0].sentence[:200])}”")
        for hit in hits:
            section = opened.entry(hit.section)
            click.echo(
                f"  {hit.score:6.2f}  {section.id}  {harmless(section.heading or section.title)}"
            )


def _print_problems(problems: Sequence[str]) -> None:
    for problem in problems[:_MOST_PROBLEMS]:
        to_terminal(harmless(problem))
    if len(problems) > _MOST_PROBLEMS:
        to_terminal(f"… and {len(problems) - _MOST_PROBLEMS} more")
