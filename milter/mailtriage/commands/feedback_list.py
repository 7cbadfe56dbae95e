"""mailtriage feedback list, mailtriage feedback address: what was corrected, and how to by mail."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console

from mailtriage.acks.returns import Return, return_address
from mailtriage.acks.tokens import Tokens
from mailtriage.classifier.store import ModelError
from mailtriage.commands.feedback import skills_of, template_ids
from mailtriage.commands.moments import shown
from mailtriage.commands.tables import plain, table_of
from mailtriage.commands.terminal import to_terminal
from mailtriage.config import ConfigError, load
from mailtriage.desk.feedback_values import BAD, GOOD
from mailtriage.policies.load import PolicyError
from mailtriage.state.feedback import (
    Confusion,
    Correction,
    Facet,
    FeedbackError,
    feedback_file,
    open_feedback,
)
from mailtriage.state.secret import SecretError, read_secret
from mailtriage.triage.model import Priority

NOT_KNOWN = "-"
_SHORT = 12


def run_feedback_list(
    files: Sequence[Path] | None, *, since: float | None, limit: int, as_json: bool
) -> int:
    """Print the corrections, newest first, and what was taken for what; 1 when they cannot be
    read."""
    try:
        config = load(files).config
        feedback = open_feedback(feedback_file(config.state.database))
        if feedback is None:
            to_terminal("nothing has been corrected yet")
            return 0
        with feedback:
            found = feedback.corrections(since or 0.0, limit=limit)
            if as_json:
                for one in found:
                    click.echo(json.dumps(_as_object(one)))
                return 0
            confusions = feedback.confusions(since or 0.0)
            more = feedback.count(since or 0.0) - len(found)
    except ConfigError as error:
        to_terminal(str(error))
        return 1
    except FeedbackError as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    if not found:
        to_terminal("nothing has been corrected since then")
        return 0
    _print(found, more, confusions)
    return 0


def run_feedback_address(files: Sequence[Path] | None) -> int:
    """Print an address for each correction; 1 when there can be none."""
    try:
        config = load(files).config
        domain = config.follow_ups.returns.domain
        if not domain:
            to_terminal(
                "mailtriage: there are no such addresses without a domain for them: "
                "set [return_addresses] domain"
            )
            return 1
        tokens = Tokens(read_secret(config.state.secret))
        rows = list(_wanted(skills_of(config), template_ids(config)))
    except (ConfigError, PolicyError) as error:
        to_terminal(str(error))
        return 1
    except (ModelError, OSError, SecretError) as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    code = 0
    width = max(len(value) for _, value in rows)
    for facet, value in rows:
        try:
            what = Return("correction", facet=facet, value=value)
            address = return_address(tokens, domain, what)
        except ValueError:
            to_terminal(f"mailtriage: {facet} {value}: is too long for an address")
            code = 1
            continue
        click.echo(f"{facet:<8}  {value:<{width}}  {address}")
    return code


def _wanted(skills: Sequence[str], templates: Sequence[str]) -> Iterator[tuple[Facet, str]]:
    yield from (("skill", skill) for skill in skills)
    yield from (("priority", str(level)) for level in Priority)
    yield from (("answer", value) for value in (GOOD, BAD, *templates))


def _print(found: Sequence[Correction], more: int, confusions: Sequence[Confusion]) -> None:
    console = Console(highlight=False)
    table = table_of("time", "facet", "we said", "it is", "by", "mail", texts=6)
    for one in found:
        table.add_row(
            shown(one.at),
            one.facet,
            plain(one.said or NOT_KNOWN),
            plain(one.value),
            one.source,
            one.message.hex()[:_SHORT],
        )
    console.print(table)
    if more:
        console.print(plain(f"… and {more} more; --limit shows them"))
    console.print()
    table = table_of("facet", "we said", "it is", "mails", texts=3)
    for pair in confusions:
        said, value = plain(pair.said or NOT_KNOWN), plain(pair.value)
        table.add_row(pair.facet, said, value, str(pair.count))
    console.print(table)


def _as_object(one: Correction) -> dict[str, object]:
    return {
        "at": shown(one.at).replace(" ", "T"),
        "message": one.message.hex(),
        "facet": one.facet,
        "value": one.value,
        "said": one.said,
        "source": one.source,
    }
