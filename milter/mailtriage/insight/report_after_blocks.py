"""The parts of the weekly report about updates, surveys, moods over a conversation and corrections.

A part is there only where there is something to say: figures, or why there are none.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from mailtriage.insight.csat import wilson
from mailtriage.insight.report_model import (
    LEAST,
    AskedOf,
    Confused,
    Corrections,
    Figure,
    Named,
    Report,
    Surveys,
    Updates,
)
from mailtriage.insight.report_parts import (
    NOTHING,
    Block,
    Table,
    before,
    cut,
    in_percent,
    share,
    shares,
)

_UPDATES: Final = "Updates"
_SURVEYS: Final = "Surveys"
_MOODS: Final = "Moods over a conversation"
_CORRECTIONS: Final = "Corrections"


def after_blocks(report: Report) -> Iterator[Block]:
    """Those that there are."""
    missing = report.missing
    if report.updates is not None:
        yield _updates(report.updates, missing.updates)
    elif missing.updates:
        yield Block(_UPDATES, notes=(missing.updates,))
    if report.surveys is not None:
        yield _surveys(report.surveys)
    elif missing.surveys:
        yield Block(_SURVEYS, notes=(missing.surveys,))
    if report.moods is not None:
        yield _moods(report.moods)
    elif missing.moods:
        yield Block(_MOODS, notes=(missing.moods,))
    if report.corrections is not None:
        yield _corrections(report.corrections)
    elif missing.corrections:
        yield Block(_CORRECTIONS, notes=(missing.corrections,))


def _updates(found: Updates, missing: str) -> Block:
    if not found.told:
        said = "Nobody had to be told that an answer takes longer."
        return Block(_UPDATES, notes=tuple(filter(None, (said, missing))))
    judged = found.kept + found.broken
    again = f", {found.again} of them twice" if found.again else ""
    notes = [f"{_customers(found.told)} told before a promise slipped{again}."]
    if judged:
        notes.append(
            f"By the new time {found.kept} of {judged} were answered"
            f"{in_percent(found.kept, judged)}."
        )
    if found.waiting:
        notes.append(f"For {found.waiting} that time is still to come.")
    return Block(_UPDATES, notes=tuple(filter(None, (*notes, missing))))


def _customers(count: int) -> str:
    return "1 customer was" if count == 1 else f"{count} customers were"


def _surveys(found: Surveys) -> Block:
    asked, votes = found.asked, found.answered
    if not (asked.now or votes.now or found.opt_outs.now):
        return Block(_SURVEYS, notes=("Nobody was asked, and no vote came.",))
    came = f"{votes.now} votes came{_then(votes)}, also to earlier questions"
    notes = [f"{_customers(asked.now)} asked{_then(asked)}; {came}."]
    if votes.now >= LEAST:
        notes.append(
            f"Satisfied (4 or 5 of 5): {found.satisfied.now} of"
            f" {votes.now}{in_percent(found.satisfied.now, votes.now)}. Of all customers it is"
            f" probably between {_between(found.satisfied.now, votes.now)}."
        )
    elif votes.now:
        notes.append("Too few votes to say how satisfied customers are.")
    if found.opt_outs.now:
        notes.append(f"Asked not to be asked again: {found.opt_outs.now}{_then(found.opt_outs)}.")
    table = Table(
        ("skill", "asked", "satisfied", "probably", "before"),
        tuple(map(_skill, found.skills)),
    )
    return Block(_SURVEYS, table=table if found.skills else None, notes=tuple(notes))


def _skill(one: AskedOf) -> tuple[str, ...]:
    satisfied, votes = one.satisfied.now, one.answered.now
    return (
        cut(one.name or NOTHING),
        str(one.asked.now),
        f"{satisfied} of {votes}{in_percent(satisfied, votes)}",
        _between(satisfied, votes, " to "),
        share(one.satisfied.before, one.answered.before),
    )


def _between(part: int, whole: int, word: str = " and ") -> str:
    """The bounds of the interval, in percent."""
    low, high = wilson(part, whole)
    return f"{round(100 * low)}{word}{round(100 * high)} %"


def _then(figure: Figure) -> str:
    return "" if figure.before is None else f" (before: {figure.before})"


def _moods(found: Sequence[Named]) -> Block:
    whole = Figure(
        sum(one.figure.now for one in found), sum(one.figure.before or 0 for one in found)
    )
    if not whole.now:
        return Block(_MOODS, notes=("No conversation had two mails of a customer.",))
    return Block(
        _MOODS,
        table=shares("in the end", found, whole, "cases"),
        notes=("Where a customer wrote more than once: the last mood beside the first.",),
    )


def _corrections(found: Corrections) -> Block:
    mails = found.mails
    if not (mails.now or found.confirmed):
        return Block(_CORRECTIONS, notes=(f"No mail was corrected{_then(mails)}.",))
    said = f"{mails.now} mails were corrected{_then(mails)}"
    said += f", {found.confirmed} tags confirmed." if found.confirmed else "."
    table = Table(
        ("tag", "most often from", "to", "mails", "of all", "before"),
        tuple(map(_confused, found.facets)),
        texts=3,
    )
    return Block(_CORRECTIONS, table=table if found.facets else None, notes=(said,))


def _confused(one: Confused) -> tuple[str, ...]:
    return (
        one.facet,
        cut(one.said or NOTHING),
        cut(one.value),
        str(one.count),
        str(one.mails.now),
        before(one.mails),
    )
