"""mailtriage check --against-history: which past mails would be tagged differently today.

Their decisions are made again from what was written down of each mail (triage/remembered.py), by
the same arithmetic that judges a mail.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from mailtriage import __version__
from mailtriage.commands.history import opened
from mailtriage.commands.moments import shown
from mailtriage.commands.tables import plain, table_of
from mailtriage.commands.terminal import to_terminal
from mailtriage.config import Config
from mailtriage.doors.analysis import Analyst
from mailtriage.service.load import Everything
from mailtriage.state.history import Decision, History, HistoryError
from mailtriage.triage.judge import conclude
from mailtriage.triage.model import Triage
from mailtriage.triage.policy_set import Key, PolicySet, policy_set, read_policy_set
from mailtriage.triage.remembered import Recalling, heard_in

FACETS: Final = ("skill", "priority", "mood", "churn", "kind", "thread", "topic", "skills")
"""What is compared, in the order of the table."""

_PAGE: Final = 1000
_EXAMPLES: Final = 3
_MOST_LINES: Final = 40
"""Lines of one table; what is beyond is counted."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """A signal of which old hits tell nothing."""

    policy: str
    signal: str
    what: str
    """new or changed."""


@dataclass(slots=True)
class Comparison:
    """What came of judging the past mails again."""

    judged: int = 0
    different: int = 0
    other_score: int = 0
    """Mails of which nothing changes but the score."""
    changes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Facet, from, to."""
    examples: dict[tuple[str, str, str], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Queue ids, the newest first."""
    unsure: Counter[Unsure] = field(default_factory=Counter)
    """Mails in whose language each of these signals looks for something."""
    unsure_mails: int = 0
    other_model: int = 0
    """Mails of which today's model would say something that the one of then has not said."""
    other_version: int = 0
    not_judged: Counter[str] = field(default_factory=Counter)
    """Mails that cannot be judged again, by reason."""


def run_against_history(everything: Everything, since: float) -> int:
    """Print which mails since then would be tagged differently; 1 when there is no history."""
    config = everything.config
    try:
        with opened(config) as history:
            oldest, _ = history.span()
            found = compare(history, everything.analyst(), since)
    except HistoryError as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    show(found, max(since, oldest))
    return 0


def compare(history: History, analyst: Analyst, since: float) -> Comparison:
    """Judge all mails since then again. Raises HistoryError."""
    again = _Again(history, analyst)
    found = Comparison()
    for one in _decisions(history, since):
        _compare_one(one, again, found)
    return found


class _Again:
    """Judges by what is in use today."""

    def __init__(self, history: History, analyst: Analyst) -> None:
        self._policies: Final = analyst.matcher.policies
        self._model: Final = analyst.model
        self._config: Final[Config] = analyst.config
        self._now: Final = policy_set(self._policies, self._model)
        self.recalling: Final = cache(self._recalling)
        self.unsure: Final = cache(self._unsure)
        self._was: Final = cache(lambda name: read_policy_set(history.policy_set(name)))

    def _recalling(self, name: str) -> Recalling | None:
        was = self._was(name)
        return Recalling(was, self._now, self._policies, self._model) if was else None

    def _unsure(self, name: str, language: str) -> tuple[Unsure, ...]:
        """The signals of which hits of that set tell nothing in mails of that language."""
        was = self._was(name)
        return tuple(_unsure_signals(was, self._now, language)) if was and language else ()

    def is_other_version(self, name: str) -> bool:
        """Whether another mailtriage judged by that set."""
        was = self._was(name)
        return was is not None and was.version != __version__

    def triage(self, one: Decision, recalling: Recalling) -> Triage:
        """The decision of today. Raises ValueError when what was written down is damaged."""
        mailbox = self._config.mailboxes.find(one.mailbox) if one.mailbox else None
        seen = recalling.seen(
            one.seen, direction=one.direction, skills=mailbox.skills if mailbox else None
        )
        return conclude(seen, self._policies)


def _decisions(history: History, since: float) -> Iterator[Decision]:
    before: int | None = None
    while page := history.newest(_PAGE, since=since, before=before):
        yield from page
        before = page[-1].id


def _compare_one(one: Decision, again: _Again, found: Comparison) -> None:
    if not one.seen:
        found.not_judged["they were not judged then, or by a fault of ours passed unread"] += 1
        return
    recalling = again.recalling(one.policies)
    if recalling is None:
        found.not_judged["it is not known any more what they were judged by"] += 1
        return
    try:
        today = again.triage(one, recalling)
        unsure = again.unsure(one.policies, heard_in(one.seen))
    except (ValueError, ArithmeticError, RecursionError):
        found.not_judged["what was written down of them is damaged"] += 1
        return
    found.judged += 1
    found.unsure.update(unsure)
    found.unsure_mails += bool(unsure)
    found.other_model += recalling.model_differs
    found.other_version += again.is_other_version(one.policies)
    changed = False
    now = _facts(today)
    for facet, value in _facts_then(one).items():
        if value != now[facet]:
            changed = True
            change = facet, value, now[facet]
            found.changes[change] += 1
            if len(found.examples[change]) < _EXAMPLES:
                found.examples[change].append(one.queue_id or "-")
    found.different += changed
    found.other_score += not changed and today.score != one.score


def _facts(triage: Triage) -> dict[str, str]:
    others = sorted(entry.name for entry in triage.skills if entry.name != triage.skill)
    facts = {name: str(getattr(triage, name)) for name in FACETS if name != "skills"}
    return facts | {"skills": ", ".join(others) or "none"}


def _facts_then(one: Decision) -> dict[str, str]:
    others = sorted(name for name, _ in one.skills if name != one.skill)
    facts = {name: str(getattr(one, name)) for name in FACETS if name != "skills"}
    return facts | {"skills": ", ".join(others) or "none"}


def _unsure_signals(was: PolicySet, now: PolicySet, language: str) -> Iterator[Unsure]:
    for key, look in now.signals.items():
        old = was.signals.get(key)
        if old is None:
            if look.speaks(language):
                yield _named(key, "new")
        elif look.differs(old, language):
            yield _named(key, "changed")


def _named(key: Key, what: str) -> Unsure:
    policy, _, signal = key
    return Unsure(policy, signal, what)


def show(found: Comparison, since: float) -> None:
    """Print the comparison."""
    mails = _mails(found.judged)
    click.echo(
        f"{mails} since {shown(since)} judged again: {found.different} would be tagged differently"
    )
    if found.changes:
        click.echo()
        _print(_changes(found))
    if found.other_score:
        click.echo(f"\n{_mails(found.other_score)} more would have another score and no other tag")
    if found.unsure:
        click.echo(
            "\nCannot be said from hits: what these signals look for is new or has changed since. "
            f"New ones count as no hit, changed ones as they hit then; {_mails(found.unsure_mails)}"
            " may be tagged otherwise."
        )
        _print(_unsure_table(found.unsure))
    if found.other_model:
        click.echo(
            f"\nThe trained model is another one: what it would say of {_mails(found.other_model)} "
            "cannot be said; that of the old one counts."
        )
    if found.other_version:
        click.echo(
            f"\n{_mails(found.other_version)} judged by another version of mailtriage: what it"
            " reads beside the policies, such as dates, counts as it was read then."
        )
    for reason, number in found.not_judged.items():
        click.echo(f"\n{_mails(number)} not judged again: {reason}.")


def _changes(found: Comparison) -> Table:
    table = table_of("FACET", "FROM", "TO", "FOR EXAMPLE", "MAILS", texts=4)
    ordered = sorted(found.changes.items(), key=lambda one: (FACETS.index(one[0][0]), -one[1]))
    for change, number in ordered[:_MOST_LINES]:
        facet, old, new = change
        examples = ", ".join(found.examples[change])
        table.add_row(facet, plain(old), plain(new), plain(examples), str(number))
    _count_the_rest(table, [number for _, number in ordered], 5)
    return table


def _unsure_table(unsure: Mapping[Unsure, int]) -> Table:
    table = table_of("SIGNAL", "POLICY", "WHAT", "MAILS", texts=3)
    ordered = sorted(unsure.items(), key=lambda one: (-one[1], one[0].policy, one[0].signal))
    for one, number in ordered[:_MOST_LINES]:
        table.add_row(plain(one.signal), plain(one.policy), one.what, str(number))
    _count_the_rest(table, [number for _, number in ordered], 4)
    return table


def _count_the_rest(table: Table, numbers: Sequence[int], columns: int) -> None:
    rest = numbers[_MOST_LINES:]
    if rest:
        cells = [f"… {len(rest)} more", *("" for _ in range(columns - 2)), str(sum(rest))]
        table.add_row(*cells)


def _mails(number: int) -> str:
    return f"{number} mail" if number == 1 else f"{number} mails"


def _print(table: Table) -> None:
    # Folds into the terminal's width; in a pipe no line is broken.
    console = Console(highlight=False)
    Console(highlight=False, width=None if console.is_terminal else 160).print(table)
