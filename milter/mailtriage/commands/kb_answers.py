"""mailtriage kb, for answer templates: making their index, and asking it."""

import json
from collections import Counter
from typing import Final

import click

from mailtriage.classifier.store import ModelError
from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.config import Config
from mailtriage.knowledge.answer_index import AnswerIndex, build_answers, too_short
from mailtriage.knowledge.answers import TemplateError, Templates, read_templates
from mailtriage.knowledge.search import Limits
from mailtriage.mail.model import Mail
from mailtriage.policies.load import PolicyError, load_policies
from mailtriage.service.load import policy_directories, read_model

_MOST_PROBLEMS: Final = 50
_SHOWN: Final = 3


def run_answers_build(config: Config) -> int:
    """Make the index of the folder in the configuration; 1 when a file is wrong, or it cannot be
    written: the old index stays as it is then."""
    settings = config.answers
    if settings.folder is None:
        return 0
    try:
        read = read_templates(settings.folder, _skills(config))
        built = build_answers(read, settings.index, heading_weight=config.kb.heading_weight)
    except TemplateError as error:
        for problem in error.problems[:_MOST_PROBLEMS]:
            to_terminal(harmless(str(problem)))
        if len(error.problems) > _MOST_PROBLEMS:
            to_terminal(f"… and {len(error.problems) - _MOST_PROBLEMS} more")
        to_terminal(f"mailtriage: {settings.index} is left as it is")
        return 1
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        to_terminal(f"mailtriage: {settings.index}: {reason}")
        return 1
    _print_built(config, read, built.size)
    return 0


def find_answer(
    opened: AnswerIndex, mail: Mail, language: str, skill: str, threshold: float, *, as_json: bool
) -> int:
    """Show which template a mail of this skill would get; of any skill where none is named. 1 when
    it would get none."""
    knowledge = opened.knowledge
    among = opened.mask(skill, "") if skill else None
    hits = knowledge.rank(
        mail.newest_text,
        language,
        subject=mail.subject,
        limits=Limits(threshold),
        most=_SHOWN,
        among=among,
    )
    is_sure = bool(hits) and hits[0].confidence >= threshold
    if as_json:
        found = None
        if hits:
            best = opened.told[hits[0].section]
            found = {
                "id": best.id if is_sure else "",
                "version": best.version,
                "skill": best.skill,
                "confidence": hits[0].confidence,
            }
        click.echo(json.dumps({"language": language, "found": found}, ensure_ascii=False))
        return 0 if is_sure else 1
    if not hits:
        there = ", ".join(sorted(knowledge.languages))
        click.echo(f"nothing: the text is in {language}; there are templates in {there}")
        return 1
    if is_sure:
        best = opened.told[hits[0].section]
        click.echo(f"{best.id}  {hits[0].confidence:.2f}  version {best.version}, {best.skill}")
    else:
        click.echo(f"nothing sure ({hits[0].confidence:.2f} of {threshold:.2f})")
    click.echo(f"\nby the sentence “{harmless(hits[0].sentence[:200])}”")
    for hit in hits:
        told, entry = opened.told[hit.section], knowledge.entry(hit.section)
        click.echo(f"  {hit.score:6.2f}  {told.id}  {told.skill}  {harmless(entry.title)}")
    return 0 if is_sure else 1


def _print_built(config: Config, read: Templates, size: int) -> None:
    current = read.current
    spoken = Counter(one.language for one in current)
    shown = ", ".join(f"{code} {count}" for code, count in sorted(spoken.items()))
    older = len(read.all) - len(current)
    names = len({one.id for one in current})
    click.echo(
        f"{config.answers.index}: {names} templates, {len(current)} texts ({shown}),"
        f" {older} earlier versions, {size / 1e6:.1f} MB"
    )
    for file in too_short(read):
        click.echo(
            f"{harmless(file)}: too short to be told in answers; it is suggested all the same"
        )


def _skills(config: Config) -> list[str]:
    """Every skill that a mail can get; none where that is not known: no template is wrong because a
    policy is, and `check` says what is wrong with that."""
    try:
        policies, _ = load_policies(policy_directories(config), disable=config.policies.disable)
        model = read_model(config)
    except (PolicyError, ModelError, OSError):
        return []
    return [*(one.name for one in policies.skills), *(model.labels("skill") if model else ())]
