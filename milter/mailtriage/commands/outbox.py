"""mailtriage outbox: the mails that are owed to customers, and those that could not be sent."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.config import Config, ConfigError, load
from mailtriage.state.outbox import OWED, Outbox, OutboxEntry, State, key_text
from mailtriage.state.sqlite import StateError, open_database

_SHOWN_KEY: Final = 10
"""Characters of a key in the table: 50 bits, alike by no chance, and yet short enough to type."""
_MOST_SHOWN: Final = 1000
"""Rows of the table; --json has them all."""
_HEADINGS: Final = ("KEY", "STATE", "AGE", "TRIED", "KIND", "TO", "FROM", "WHY")


class _CallError(Exception):
    """What the caller is told instead of a result."""


def run_outbox_list(files: Sequence[Path] | None, *, all_rows: bool, as_json: bool) -> int:
    """List what is owed and what is dead, newest first; with `all_rows` also what became of others
    in the last week."""

    def answer(outbox: Outbox, _config: Config) -> int:
        entries = outbox.rows(finished=all_rows)
        if as_json:
            for entry in entries:
                click.echo(json.dumps(_as_object(entry), ensure_ascii=False))
            return 0
        _print_table(entries[:_MOST_SHOWN], time.time())
        if len(entries) > _MOST_SHOWN:
            click.echo(f"… and {len(entries) - _MOST_SHOWN} more")
        click.echo(_summary(outbox.counts()))
        return 0

    return _with_outbox(files, answer)


def run_outbox_show(files: Sequence[Path] | None, key: str) -> int:
    """Show one row, by the beginning of its key, with the message as long as it is owed."""

    def answer(outbox: Outbox, _config: Config) -> int:
        entry = _find(outbox, key)
        for name, value in _as_object(entry).items():
            if value not in ("", None):
                click.echo(f"{name}: {harmless(str(value))}")
        if entry.message:
            click.echo()
            click.echo(harmless(entry.message.decode("utf-8", "replace").replace("\r\n", "\n")))
        return 0

    return _with_outbox(files, answer)


def run_outbox_retry(files: Sequence[Path] | None, keys: Sequence[str], *, every: bool) -> int:
    """Have rows tried again at once: those that are dead, and those that wait for their next
    attempt. With `every` all that are dead."""

    def one(outbox: Outbox, entry: OutboxEntry, config: Config, now: float) -> str:
        if outbox.revive(entry.key, now, now + config.ack.expire):
            return "is tried again now"
        raise _CallError(f"{_short(entry)}: {_why_not(entry)}, so that it cannot be tried again")

    return _change(files, keys, ("DEAD",) if every else (), one)


def run_outbox_drop(files: Sequence[Path] | None, keys: Sequence[str], *, every: bool) -> int:
    """Give rows up: their customers get no acknowledgement. With `every` all that are not on their
    way at this moment."""

    def one(outbox: Outbox, entry: OutboxEntry, _config: Config, now: float) -> str:
        if outbox.drop(entry.key, now):
            return "is dropped"
        raise _CallError(f"{_short(entry)}: {_why_not(entry)}, so that it cannot be dropped")

    waiting: tuple[State, ...] = ("WAITING", "READY", "RETRY", "DEAD")
    return _change(files, keys, waiting if every else (), one)


_One = Callable[[Outbox, OutboxEntry, Config, float], str]
_Answer = Callable[[Outbox, Config], int]


def _change(
    files: Sequence[Path] | None, keys: Sequence[str], states: tuple[State, ...], one: _One
) -> int:
    """Do something with the rows that were named, and with all that are in one of these states."""
    if not keys and not states:
        to_terminal("mailtriage: name keys, as outbox list shows them, or all of them with --all")
        return 2

    def answer(outbox: Outbox, config: Config) -> int:
        # Those that were named, before anything is changed: a slip of the pen changes nothing.
        entries = [_find(outbox, key) for key in keys]
        named = {entry.key for entry in entries}
        if states:
            entries += [
                entry
                for entry in outbox.rows(finished=False)
                if entry.state in states and entry.key not in named
            ]
        code = 0
        for entry in entries:
            try:
                click.echo(f"{_short(entry)}: {one(outbox, entry, config, time.time())}")
            except _CallError as refused:
                to_terminal(f"mailtriage: {refused}")
                code = 1
        return code

    return _with_outbox(files, answer, read_only=False)


def _with_outbox(files: Sequence[Path] | None, answer: _Answer, *, read_only: bool = True) -> int:
    """Open the outbox of this configuration; 1 when that cannot be done."""
    try:
        config = load(files).config
        with _open(config.state.database, read_only=read_only) as outbox:
            return answer(outbox, config)
    except ConfigError as error:
        to_terminal(str(error))
    except (StateError, _CallError) as error:
        to_terminal(f"mailtriage: {error}")
    return 1


@contextmanager
def _open(database: Path, *, read_only: bool) -> Iterator[Outbox]:
    try:
        there = database.exists()
    except OSError as error:
        raise _CallError(f"{database}: {(error.strerror or 'cannot be read').lower()}") from error
    if not there:
        # Made by whoever calls this, root for one, it would not be the service's own.
        raise _CallError(f"{database}: is not there yet; mailtriage serve makes it")
    with closing(open_database(database, read_only=read_only)) as connection:
        yield Outbox(connection)


def _find(outbox: Outbox, prefix: str) -> OutboxEntry:
    found = outbox.get(prefix)
    if not found:
        raise _CallError(f"{prefix}: no row of the outbox has a key that begins so")
    if len(found) > 1:
        raise _CallError(f"{prefix}: more than one key begins so; give more of it")
    return found[0]


def _why_not(entry: OutboxEntry) -> str:
    if entry.state == "SENDING":
        return "it is on its way"
    return f"it is {entry.state.lower()}"


def _short(entry: OutboxEntry) -> str:
    return key_text(entry.key)[:_SHOWN_KEY]


def _print_table(entries: Sequence[OutboxEntry], now: float) -> None:
    """Columns as wide as what is in them, the last one open: fit for grep and cut."""
    if not entries:
        return
    table = [_HEADINGS, *(_cells(entry, now) for entry in entries)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADINGS) - 1)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())


def _cells(entry: OutboxEntry, now: float) -> tuple[str, ...]:
    return (
        _short(entry),
        entry.state,
        _age(now - entry.created),
        str(entry.attempts),
        entry.kind,
        harmless(entry.address or f"(@{entry.domain})"),
        harmless(entry.mailbox),
        harmless(" ".join((entry.rule or entry.error).split())),
    )


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"


def _summary(counts: dict[State, int]) -> str:
    tally = Counter(counts)
    owed = sum(tally[state] for state in OWED)
    return f"{owed} owed, {tally['DEAD']} dead, {tally['SENT']} sent in the last week"


def _as_object(entry: OutboxEntry) -> dict[str, object]:
    """Times in ISO 8601, UTC; None for what has not happened."""
    return {
        "key": key_text(entry.key),
        "kind": entry.kind,
        "state": entry.state,
        "mailbox": entry.mailbox,
        "to": entry.address,
        "domain": entry.domain,
        "attempts": entry.attempts,
        "rule": entry.rule,
        "error": entry.error,
        "created": _time(entry.created),
        "due": _time(entry.due),
        "expires": _time(entry.expires),
        "finished": _time(entry.finished),
    }


def _time(seconds: float) -> str | None:
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
