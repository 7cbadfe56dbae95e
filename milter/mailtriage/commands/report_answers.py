"""mailtriage report --answers: how the team answers, for each skill."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from mailtriage.commands.history import opened
from mailtriage.commands.report_data import DAY, Span, calendar_of
from mailtriage.commands.report_file import moments_of, write_page
from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.config import Config
from mailtriage.insight.answer_report import make_answer_report
from mailtriage.insight.answer_report_blocks import answer_sheets
from mailtriage.insight.answer_report_model import (
    Answer,
    AnswerReport,
    AnswerRows,
    AnswersMissing,
    Known,
    Seen,
)
from mailtriage.insight.backlog import WorkingTime
from mailtriage.insight.report_html import html_sheets
from mailtriage.insight.report_text import text_sheet
from mailtriage.knowledge.answer_index import open_answers
from mailtriage.knowledge.model import KnowledgeError
from mailtriage.state.answers import HumanAnswer, human_answers
from mailtriage.state.history import HistoryError
from mailtriage.state.sqlite import StateError, open_database
from mailtriage.toml_source import did_you_mean

_WRONG_CALL: Final = 2
_QUIET: Final = DAY / 2
"""The history may begin so much later than asked for: no night brings an answer every hour."""


def run_answer_report(
    config: Config,
    span: Span,
    zone: str,
    mailbox: str,
    skill: str,
    *,
    html: Path | None,
    as_json: bool,
) -> int:
    """Print or write it: 0; 1 when the state cannot be read or the file cannot be written; 2 for a
    skill that there is not."""
    rows = read_answer_rows(config, span, mailbox)
    if skill and not any(one.skill == skill for one in rows.answers or ()):
        known = _skills(config)
        if known and skill not in known:
            hint = did_you_mean(skill, known)
            to_terminal(f"mailtriage: there is no skill '{skill}'{f' — {hint}' if hint else ''}")
            return _WRONG_CALL
    report = make_answer_report(span.period, span.before, zone, rows, skill=skill, mailbox=mailbox)
    sheets = answer_sheets(report)
    if html is not None:
        title = f"Answers{f': {skill}' if skill else ''}, {sheets[0].lines[0]}"
        if not write_page(html, html_sheets(title, sheets)):
            return 1
    if as_json:
        click.echo(json.dumps(answers_object(report)))
    elif html is None:
        click.echo("\n\n".join(text_sheet(sheet, harmless) for sheet in sheets), nl=False)
    return 1 if rows.answers is None else 0


def answers_object(report: AnswerReport) -> dict[str, Any]:
    """The report for programs: times with their offset, and no skill as null."""
    found = asdict(report) | moments_of(report.period, report.before, report.zone)
    for page in found["pages"] or ():
        page["skill"] = page["skill"] or None
    return found


def read_answer_rows(config: Config, span: Span, mailbox: str) -> AnswerRows:
    """All that there is of both periods; what is not there, `missing` tells."""
    templates, no_templates = _templates(config)
    try:
        answers, no_checks = _answers(config, span)
    except (StateError, OSError) as error:
        return AnswerRows(None, missing=AnswersMissing(answers=f"Not known: {error}."))
    oldest = span.now - config.history.keep
    is_compared = oldest - span.before.start <= _QUIET
    note = "What is seen of answers is kept for history.keep: nothing of it is compared."
    if oldest - span.period.start > _QUIET:
        note = "What is seen of answers is kept for history.keep: these counts are incomplete."
    return AnswerRows(
        answers=_measured(config, [one for one in answers if mailbox in ("", one.mailbox)]),
        templates=templates,
        is_compared=is_compared,
        missing=AnswersMissing(
            seen=no_checks,
            before="" if is_compared else note,
            templates=no_templates,
        ),
    )


def _answers(config: Config, span: Span) -> tuple[list[HumanAnswer], str]:
    """The answers, and why it is not known what was seen of them. Raises StateError, OSError."""
    since, until = span.before.start, span.period.end
    off = "" if config.answers.checks else "Answers are not looked at now (answers.checks)."
    with closing(open_database(config.state.database, read_only=True)) as connection:
        try:
            with opened(config) as history:
                return human_answers(connection, history, since, until), off
        except HistoryError as error:
            return human_answers(connection, None, since, until), off or f"Not known: {error}."


def _measured(config: Config, answers: list[HumanAnswer]) -> list[Answer]:
    """With the time that they took in opening hours of their mailbox."""
    between: dict[str, Callable[[float, float], float]] = {}
    work: dict[str, WorkingTime] = {}
    found = []
    for one in answers:
        if one.mailbox not in between:
            name, calendar = calendar_of(config, one.mailbox)
            between[one.mailbox] = work.setdefault(name, WorkingTime(calendar)).between
        found.append(
            Answer(
                at=one.at,
                skill=one.skill,
                language=one.language,
                suggested=one.suggested,
                worked=between[one.mailbox](one.at - one.seconds, one.at),
                mood_after=one.mood_after,
                seen=_seen(one),
            )
        )
    return found


def _seen(one: HumanAnswer) -> Seen | None:
    seen = one.seen
    if seen is None:
        return None
    return Seen(
        language=seen.language,
        greeting=seen.greeting,
        closing=seen.closing,
        links=seen.unknown_links,
        template=seen.template,
        is_old=seen.version < seen.current,
        kept=seen.kept,
        added=seen.added,
    )


def _templates(config: Config) -> tuple[tuple[Known, ...], str]:
    if config.answers.folder is None:
        return (), "There are no templates (answers.folder)."
    try:
        index = open_answers(config.answers.index)
    except KnowledgeError as error:
        return (), f"Templates are not known: {error}."
    return tuple(Known(one.id, one.language, one.skill) for one in index.told), ""


def _skills(config: Config) -> tuple[str, ...]:
    """Empty when the policies cannot be read: then any name will do."""
    # Half of what there is to import, for a name that nothing has.
    from mailtriage.classifier.store import ModelError
    from mailtriage.commands.feedback import skills_of
    from mailtriage.policies.load import PolicyError

    try:
        return skills_of(config)
    except (PolicyError, ModelError, OSError):
        return ()
