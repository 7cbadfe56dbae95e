"""mailtriage kb test: questions with known answers, and how often the knowledge base is right."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from mailtriage.commands.kb import limits_of, read_config
from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.knowledge.answer_index import open_answers
from mailtriage.knowledge.ingest_csv import MAX_FILE, read_text
from mailtriage.knowledge.model import Entry, KnowledgeError
from mailtriage.knowledge.search import Hit, KnowledgeIndex, Limits, open_index
from mailtriage.mail.model import Mail
from mailtriage.triage.language import detect

GOOD: Final = 0.9
"""Precision below which the command fails."""
THRESHOLDS: Final = (0.20, 0.25, 0.30, 0.35, 0.40, 0.50)


@dataclass(frozen=True, slots=True)
class Question:
    """A row of the file."""

    line: int
    text: str
    language: str
    right: tuple[str, ...]
    """Ids, addresses or headings in lower case; none: nothing is to be said."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what came of it."""

    question: Question
    confidence: float
    is_right: bool
    """Whether the best section is one of the right ones, however sure."""
    said: str
    """Its id and heading."""


def run_kb_test(
    files: Sequence[Path] | None,
    questions: Path,
    *,
    index: Path | None,
    answers: bool,
    verbose: bool,
) -> int:
    """Ask all questions, of the templates with `answers`; 1 when precision is below 0.9, or
    something cannot be read."""
    config = read_config(files)
    if config is None:
        return 1
    limits = Limits(config.answers.threshold) if answers else limits_of(config.kb)
    setting = "answers.threshold" if answers else "kb.threshold"
    try:
        if answers:
            opened = open_answers(index or config.answers.index).knowledge
        else:
            opened = open_index(index or config.kb.index)
        asked = [_ask(opened, one, limits) for one in read_questions(questions)]
    except KnowledgeError as error:
        to_terminal(f"mailtriage: {harmless(str(error))}")
        return 1
    if not asked:
        to_terminal(f"mailtriage: {questions}: no questions in it")
        return 1
    for one in asked:
        _print(one, limits.threshold, verbose=verbose)
    precision = _print_figures(asked, limits.threshold, setting)
    return 0 if precision >= GOOD else 1


def read_questions(file: Path) -> Iterator[Question]:
    """The questions of a file. Raises KnowledgeError when it cannot be read as such."""
    text = read_text(file, MAX_FILE)
    first = text.split("\n", 1)[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    names = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    if not {"question", "answer"} <= names.keys():
        raise KnowledgeError(f"{file}:1: the first line must name columns question and answer")
    try:
        for row in rows:
            said = {known: (row.get(name) or "").strip() for known, name in names.items()}
            if said["question"]:
                right = tuple(
                    one.strip().lower() for one in said["answer"].split("|") if one.strip()
                )
                yield Question(rows.line_num, said["question"], said.get("language", ""), right)
    except csv.Error as error:
        raise KnowledgeError(f"{file}:{rows.line_num}: not CSV: {error}") from None


def _ask(opened: KnowledgeIndex, question: Question, limits: Limits) -> Asked:
    language = question.language
    if not language:
        language = detect(Mail(text=question.text, newest_text=question.text)).code
    hits = opened.rank(question.text, language, limits=limits, most=1)
    if not hits:
        return Asked(question, 0.0, is_right=False, said="nothing")
    return _compared(opened.entry(hits[0].section), hits[0], question)


def _compared(found: Entry, hit: Hit, question: Question) -> Asked:
    names = {found.id, found.heading.lower(), *(one.link.lower() for one in found.passages)}
    names |= {link.partition("#")[0] for link in names if "://" in link}
    is_right = any(right and right in names for right in question.right)
    return Asked(question, hit.confidence, is_right, f"{found.id} {found.heading or found.title}")


def _print(one: Asked, threshold: float, *, verbose: bool) -> None:
    says = one.confidence >= threshold
    if says and one.is_right:
        verdict = "right"
    elif says:
        verdict = "WRONG"
    elif one.question.right:
        verdict = "silent" if one.is_right else "not found"
    else:
        verdict = "silent, rightly"
    if verbose or verdict not in {"right", "silent, rightly"}:
        click.echo(
            f"{one.question.line}: {verdict}, {one.confidence:.2f}: "
            f"{harmless(one.question.text[:100])} → {harmless(one.said)}"
        )


def _print_figures(asked: Sequence[Asked], threshold: float, setting: str) -> float:
    """A line for each threshold, and the precision at the one in force."""
    answerable = sum(bool(one.question.right) for one in asked)
    first = sum(one.is_right for one in asked)
    click.echo(f"{len(asked)} questions, {answerable} with an answer; best section right: {first}")
    click.echo("threshold  precision  coverage  said  wrong")
    chosen = 1.0
    for level in sorted({*THRESHOLDS, threshold}):
        said = [one for one in asked if one.confidence >= level]
        right = sum(one.is_right for one in said)
        precision = right / len(said) if said else 1.0
        coverage = right / answerable if answerable else 0.0
        mark = f"  ← {setting}" if level == threshold else ""
        click.echo(
            f"{level:9.2f}  {precision:9.2f}  {coverage:8.2f}  {len(said):4}  "
            f"{len(said) - right:5}{mark}"
        )
        if level == threshold:
            chosen = precision
    return chosen
