"""mailtriage history: past decisions as a table, as JSON, or as they come."""

import json
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from mailtriage.acks.tokens import Tokens
from mailtriage.commands.moments import shown
from mailtriage.commands.terminal import to_terminal
from mailtriage.config import Config, ConfigError, load
from mailtriage.policies.model import GENERAL
from mailtriage.state.history import Decision, History, HistoryError, open_history
from mailtriage.state.history_schema import history_file
from mailtriage.state.secret import SecretError, read_secret
from mailtriage.toml_source import did_you_mean
from mailtriage.triage.policy_set import read_policy_set

_HEADINGS: Final = ("TIME", "QUEUE ID", "PRIO", "SCORE", "SKILL", "LANG", "KIND", "ACK", "WHY")
_WIDTHS: Final = (25, 12, 6, 5, 12, 4, 7, 9)
"""Of the columns where what comes is not known yet."""
_POLL: Final = 0.5
"""Seconds between two looks for what is new."""
_AT_ONCE: Final = 1000
_WRONG_CALL: Final = 2


@dataclass(frozen=True, slots=True)
class Query:
    """Which decisions are asked for; what is empty asks for nothing."""

    skill: str = ""
    priority: str = ""
    language: str = ""
    rule: str = ""
    ack: str = ""
    queue_id: str = ""
    mailbox: str = ""
    sender: str = ""
    since: float | None = None
    until: float | None = None
    direction: str = ""

    def filters(self, config: Config) -> dict[str, Any]:
        """As `History.newest` takes them. Raises SecretError: senders are kept as keyed hashes."""
        sender = b""
        if self.sender:
            sender = Tokens(read_secret(config.state.secret)).pseudonym("address", self.sender)
        mailbox = config.mailboxes.find(self.mailbox) if self.mailbox else None
        return {
            "skill": self.skill,
            "priority": self.priority,
            "language": self.language,
            "rule": self.rule,
            "ack": self.ack,
            "queue_id": self.queue_id,
            "mailbox": mailbox.address if mailbox else self.mailbox,
            "sender": sender,
            "since": self.since,
            "until": self.until,
            "direction": self.direction,
        }


def run_history_command(
    files: Sequence[Path] | None, query: Query, *, limit: int, as_json: bool, follow: bool
) -> int:
    """Print what is asked for: 0, also when there is nothing; 1 when there is no history; 2 for a
    name that nothing has."""
    try:
        config = load(files).config
        filters = query.filters(config)
        with opened(config) as history:
            found = history.newest(limit, **filters)
            unknown = "" if found else _unknown(history, query)
            if unknown:
                to_terminal(f"mailtriage: {unknown}")
                return _WRONG_CALL
            if follow:
                _follow(history, found, filters, as_json=as_json)
            _print(found, as_json=as_json)
            if not found and not as_json:
                to_terminal(_nothing(history))
            elif len(found) == limit and not as_json:
                more = history.count(**filters) - limit
                if more > 0:
                    to_terminal(f"… and {more} more; --limit shows them")
    except ConfigError as error:
        to_terminal(str(error))
        return 1
    except (HistoryError, SecretError) as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    return 0


def opened(config: Config) -> History:
    """The history of this configuration. Raises HistoryError, also where none is kept."""
    file = history_file(config.state.database)
    try:
        return open_history(file)
    except HistoryError as error:
        if config.history.keep <= 0:
            raise HistoryError(f'history.keep is "0": no decisions are kept ({error})') from None
        raise


def _follow(
    history: History, found: list[Decision], filters: dict[str, Any], *, as_json: bool
) -> None:
    """Print the oldest first, then each new one, until somebody stops it."""
    rows: Sequence[Decision] = found[::-1]
    last = rows[-1].id if rows else max((one.id for one in history.newest(1)), default=0)
    if not as_json:
        click.echo(_line(_HEADINGS, _WIDTHS))
    while True:
        for row in rows:
            text = json.dumps(as_object(row)) if as_json else _line(_cells(row), _WIDTHS)
            click.echo(text)
        sys.stdout.flush()
        last = max([last, *(row.id for row in rows)])
        time.sleep(_POLL)
        rows = history.newest(_AT_ONCE, **{**filters, "after": last})[::-1]


def _print(found: Sequence[Decision], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            click.echo(json.dumps(as_object(one)))
        return
    if not found:
        return
    table = [_HEADINGS, *map(_cells, found)]
    # Columns as wide as what is in them, the last one open: fit for grep and cut.
    widths = [max(len(row[place]) for row in table) for place in range(len(_HEADINGS) - 1)]
    for row in table:
        click.echo(_line(row, widths))


def _line(cells: Sequence[str], widths: Iterable[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    line = "  ".join([*padded, cells[-1]]).rstrip()
    # On a terminal one line a mail; whoever reads a pipe gets all of it.
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns
        return line if len(line) <= room else f"{line[: room - 1]}…"
    return line


def _cells(one: Decision) -> tuple[str, ...]:
    cells = (
        shown(one.at),
        one.queue_id or "-",
        one.priority or "-",
        str(one.score) if one.priority else "-",
        one.skill or "-",
        one.language,
        (one.kind or "exempt") if one.direction == "inbound" else one.direction,
        f"{one.ack} {one.ack_rule}".strip(),
        ", ".join(one.why) if one.status == "ok" else " ".join((f"[{one.status}]", *one.why)),
    )
    return tuple(map(_of_one_line, cells))


def _of_one_line(text: str) -> str:
    """Words of a record, which no mail should have a hand in: nothing that breaks a line, hides, or
    turns the rest around."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def as_object(one: Decision) -> dict[str, object]:
    """A decision for programs."""
    return {
        "at": shown(one.at).replace(" ", "T"),
        "queue_id": one.queue_id,
        "direction": one.direction,
        "status": one.status,
        "mailbox": one.mailbox,
        "sender": one.sender.hex(),
        "priority": one.priority,
        "score": one.score,
        "skill": one.skill,
        "skill_confidence": one.confidence,
        "skills": [{"name": name, "score": score} for name, score in one.skills],
        "language": one.language,
        "tier": one.tier,
        "churn": one.churn,
        "mood": one.mood,
        "kind": one.kind,
        "thread": one.thread,
        "topic": one.topic,
        "kb": one.kb,
        "route": one.route,
        "ack": one.ack,
        "ack_rule": one.ack_rule,
        "why": list(one.why),
        "ms": one.ms,
        "policies": one.policies,
    }


def _nothing(history: History) -> str:
    oldest, newest = history.span()
    if not newest:
        return "no decision has been written down yet"
    return f"none of the decisions from {shown(oldest)} to {shown(newest)} is like that"


def _unknown(history: History, query: Query) -> str:
    """What is said of a name that nothing has; empty where every name is known."""
    skills, rules = _known(history)
    for what, name, known in (("skill", query.skill, skills), ("rule", query.rule, rules)):
        if name and known and name not in known and name.upper() not in known:
            hint = did_you_mean(name, known)
            return f"no {what} is called '{name}'" + (f" — {hint}" if hint else "")
    return ""


def _known(history: History) -> tuple[set[str], set[str]]:
    """The skills and rules that decisions were made by, or have."""
    skills = {GENERAL, *filter(None, history.values("skill"))}
    rules = {rule for rule in history.values("ack_rule") if rule}
    for name in history.values("policies"):
        found = read_policy_set(history.policy_set(name))
        if found is not None:
            skills |= {policy for policy, is_skill, _ in found.keys if is_skill}
            skills |= {
                label for head in found.heads if head.facet == "skill" for label in head.labels
            }
            rules |= {signal for _, _, signal in found.keys}
    # Rules in code have no list: those that are met often stand for them.
    rules |= {rule for one in history.newest(_AT_ONCE) for rule in one.why}
    return skills, rules
