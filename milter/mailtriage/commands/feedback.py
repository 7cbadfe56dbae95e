"""mailtriage feedback FILE…: what these mails should have been tagged."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import click

from mailtriage.acks.tokens import Tokens
from mailtriage.classifier.store import ModelError
from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.config import Config, ConfigError, load
from mailtriage.desk.feedback_said import Memory, about
from mailtriage.desk.feedback_values import BAD, GOOD, corrected_value, known_skills
from mailtriage.doors.files import UnreadablePath, stored_mails
from mailtriage.knowledge.answers import TemplateError, read_templates
from mailtriage.mail.fields import skip_mbox_line, split_fields
from mailtriage.mail.model import Limits
from mailtriage.policies.load import PolicyError, load_policies
from mailtriage.service.load import policy_directories, read_model
from mailtriage.state.feedback import (
    Correction,
    Facet,
    FeedbackError,
    feedback_file,
    forget,
    write_corrections,
)
from mailtriage.state.secret import SecretError, read_secret
from mailtriage.toml_source import did_you_mean

_WRONG_CALL = 2
_AT_ONCE = 500
_MOST_HEADER = Limits().max_header_bytes


def run_feedback(
    files: Sequence[Path] | None, paths: Sequence[str], wanted: Mapping[Facet, str]
) -> int:
    """Correct every mail of every path; 1 when one cannot be, 2 for a value that there is not."""
    try:
        config = load(files).config
        try:
            values = _values(config, wanted)
        except ValueError as error:
            to_terminal(f"mailtriage: {harmless(str(error))}")
            return _WRONG_CALL
        tokens = Tokens(read_secret(config.state.secret))
        return _correct(config, tokens, paths, values)
    except (ConfigError, PolicyError) as error:
        to_terminal(str(error))
    except (FeedbackError, ModelError, OSError, SecretError) as error:
        to_terminal(f"mailtriage: {error}")
    return 1


def skills_of(config: Config) -> tuple[str, ...]:
    """Every skill that a mail may get. Raises PolicyError, ModelError, OSError."""
    policies, _ = load_policies(policy_directories(config), disable=config.policies.disable)
    return known_skills(policies, read_model(config))


def template_ids(config: Config) -> tuple[str, ...]:
    """The ids of the answer templates; none where there are none, or they cannot be read."""
    if config.answers.folder is None:
        return ()
    try:
        found = read_templates(config.answers.folder)
    except TemplateError:
        return ()
    return tuple(dict.fromkeys(template.id for template in found.all))


def _values(config: Config, wanted: Mapping[Facet, str]) -> dict[Facet, str]:
    """The values as they are kept. Raises ValueError, and what `skills_of` raises."""
    skills: Collection[str] = skills_of(config) if "skill" in wanted else ()
    values = {facet: corrected_value(facet, text, skills) for facet, text in wanted.items()}
    answer = values.get("answer", GOOD)
    known = template_ids(config)
    if known and answer not in (GOOD, BAD, *known):
        hint = did_you_mean(answer, known) or "write good, bad or the id of one"
        raise ValueError(f"no answer template has the id '{answer}' — {hint}")
    return values


def _correct(
    config: Config, tokens: Tokens, paths: Sequence[str], values: Mapping[Facet, str]
) -> int:
    file = feedback_file(config.state.database)
    memory, now = Memory(config, tokens), time.time()
    code = mails = 0
    waiting: list[Correction] = []
    for path in paths:
        try:
            for name, fields in _headers(path):
                meant = about(fields)
                if meant is None:
                    to_terminal(f"mailtriage: {harmless(name)}: has no Message-ID to know it by")
                    code = 1
                    continue
                mails += 1
                said = memory.said(meant)
                message = tokens.pseudonym("message-id", meant.message_id)
                waiting += [
                    Correction(message, facet, value, "command", now, said.get(facet, ""))
                    for facet, value in values.items()
                ]
                if len(waiting) >= _AT_ONCE:
                    write_corrections(file, waiting)
                    waiting.clear()
        except UnreadablePath as error:
            to_terminal(f"mailtriage: {error}")
            code = 1
    if waiting:
        write_corrections(file, waiting)
    forget(file, now - config.desk.retention)
    what = ", ".join(f"{facet} {value}" for facet, value in values.items())
    click.echo(f"{what}: {mails} {'mail' if mails == 1 else 'mails'}")
    return code


def _headers(path: str) -> Iterator[tuple[str, tuple[tuple[bytes, bytes], ...]]]:
    for stored in stored_mails(path):
        end = min(len(stored.raw), _MOST_HEADER)
        fields, _, _ = split_fields(stored.raw, skip_mbox_line(stored.raw), end)
        yield stored.name, tuple(fields)
