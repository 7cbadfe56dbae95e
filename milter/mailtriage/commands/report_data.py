"""What a report is made of, read from the files of the service: nothing is made or changed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from mailtriage.acks.promise import config_calendar
from mailtriage.commands.history import opened
from mailtriage.commands.moments import shown
from mailtriage.commands.report_after import with_after
from mailtriage.config import Config
from mailtriage.config.acks import DEFAULT_CALENDAR, Calendar
from mailtriage.desk.clock import REMEMBERED, Answered, Queue, ReplyClock
from mailtriage.insight.report_model import Mail, Missing, Period, Reply, Rows, Surge, Waiting
from mailtriage.knowledge.model import KnowledgeError
from mailtriage.knowledge.search import open_index
from mailtriage.state import replies
from mailtriage.state.history import History, HistoryError
from mailtriage.state.sqlite import StateError, open_database
from mailtriage.state.warnings import APPLICATION_ID, VERSION, warnings_file

DAY: Final = 86_400.0
SURGES_KEPT: Final = 14 * DAY
"""insight/budget.py forgets alerts when they are older."""
_QUIET: Final = DAY / 2
"""A history may begin so much later than asked for: no night brings a mail every hour."""
_AT_ONCE: Final = 20_000
_OF_MAIL: Final = attrgetter(*Mail.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for: seconds since the epoch."""

    period: Period
    before: Period
    now: float


def calendar_of(config: Config, address: str) -> tuple[str, Calendar]:
    """Name and calendar of a mailbox; of the first for an address that is none any more."""
    boxes = config.mailboxes.mailboxes
    if not boxes:
        return "", DEFAULT_CALENDAR
    mailbox = next((box for box in boxes if box.address == address), boxes[0])
    return mailbox.calendar or next(iter(config.calendars), ""), config_calendar(config, mailbox)


def read_rows(config: Config, span: Span, mailbox: str) -> Rows:
    """All that there is; what is not there, `missing` tells."""
    mails, no_mails, no_before = _mails(config, span, mailbox)
    found, no_replies = _replies(config, span, mailbox)
    surges, no_surges = _surges(config, span)
    titles, no_knowledge = _titles(config, mails or [])
    is_known = span.before.start >= span.now - SURGES_KEPT - DAY / 24
    rows = Rows(
        mails=mails,
        replies=found.replies if found else None,
        open_now=found.open_now if found else {},
        open_before=found.open_before if found else {},
        surges=surges,
        surges_before=is_known,
        titles=titles,
        missing=Missing(
            volume=no_mails,
            before=no_before,
            replies=no_replies,
            surges=no_surges,
            knowledge=no_knowledge,
        ),
    )
    return with_after(rows, config, span.period, span.before, span.now, mailbox)


def _mails(config: Config, span: Span, mailbox: str) -> tuple[list[Mail] | None, str, str]:
    """The mails of both periods; why there are none; why they are not to be compared."""
    try:
        with opened(config) as history:
            oldest, newest = history.span()
            mails = list(_pages(history, span, mailbox))
    except HistoryError as error:
        return None, f"Not known: {error}.", ""
    if not newest or oldest >= span.period.end:
        return None, "Not known: the history has no decision of that time.", ""
    keep = config.history.keep
    start = span.before.start
    if oldest <= start or (oldest - start < _QUIET and 0 < span.now - keep <= start):
        return mails, "", ""
    note = f"The history goes back to {shown(oldest)} only: nothing is compared."
    if oldest > span.period.start + _QUIET:
        note = f"The history goes back to {shown(oldest)} only: these counts are incomplete."
    return mails, "", f"{note} history.keep says how long it is kept."


def _pages(history: History, span: Span, mailbox: str) -> Iterator[Mail]:
    last: int | None = None
    while True:
        page = history.newest(
            _AT_ONCE,
            since=span.before.start,
            until=span.period.end,
            before=last,
            mailbox=mailbox,
        )
        for one in page:
            yield Mail(*_OF_MAIL(one))
        if len(page) < _AT_ONCE:
            return
        last = page[-1].id


@dataclass(frozen=True, slots=True)
class _Replies:
    replies: list[Reply]
    open_now: dict[str, Waiting]
    open_before: dict[str, Waiting]


def _replies(config: Config, span: Span, mailbox: str) -> tuple[_Replies | None, str]:
    try:
        rows = _conversations(config, span.period.end - REMEMBERED)
    except (StateError, OSError) as error:
        return None, f"Not known: {error}."
    is_cut = len(rows) >= replies.MOST_AT_ONCE
    # For promises the clock takes few mails of one customer at a time; a report counts them all.
    rows = [
        replace(row, customer=b"")
        for row in rows
        if mailbox in ("", row.mailbox) and row.began < span.period.end
    ]
    if not rows:
        return None, "Not known: no conversation of that time is in the state of this node."
    clock = ReplyClock(lambda address: calendar_of(config, address))
    # Twice, so that what was open at the end of the period before is known. As of the end: what
    # was answered later was open then.
    ended = clock.feed(rows, span.before.end, replay=True)
    open_before = _waiting(clock.queues())
    ended += clock.feed(rows, span.period.end, replay=True)
    found = [_reply(one) for one in ended]
    note = f"Only the newest {replies.MOST_AT_ONCE} conversations are counted." if is_cut else ""
    return _Replies(found, _waiting(clock.queues()), open_before), note


def _conversations(config: Config, since: float) -> list[replies.Waiting]:
    with closing(open_database(config.state.database, read_only=True)) as connection:
        return replies.changed_since(connection, since)


def _reply(one: Answered) -> Reply:
    return Reply(one.skill, one.at, one.worked if one.wall else None, one.outcome)


def _waiting(queues: dict[str, Queue]) -> dict[str, Waiting]:
    return {skill: Waiting(queue.count, queue.oldest) for skill, queue in queues.items()}


def _surges(config: Config, span: Span) -> tuple[list[Surge] | None, str]:
    if not config.warnings.enabled:
        return None, "Not known: early warning is off (warnings.enabled)."
    file = warnings_file(config.state.database)
    try:
        if not file.exists():
            return None, "Not known: early warning has learnt nothing yet."
        uri = f"{file.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=2.0)) as connection:
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if (owner, version) != (APPLICATION_ID, VERSION):
                return None, f"Not known: {file} is not of this version of early warning."
            query = "SELECT time, kind, name FROM budget WHERE what = 'alert' ORDER BY time"
            found = [Surge(*row) for row in connection.execute(query)]
    except (sqlite3.Error, OSError) as error:
        return None, f"Not known: {file} cannot be read ({error})."
    if span.period.start < span.now - SURGES_KEPT:
        return found, "Surges are kept for 14 days: earlier ones are not in it."
    return found, ""


def _titles(config: Config, mails: list[Mail]) -> tuple[dict[str, str] | None, str]:
    """Titles of the sections that mails led to."""
    used = {mail.kb for mail in mails if mail.kb not in ("", "none")}
    try:
        index = open_index(config.kb.index)
    except KnowledgeError as error:
        if not used:
            return None, f"There is none: {error}."
        return {}, f"Without titles: {error}."
    entries = {one: index.named(one) for one in used}
    return {
        one: f"{entry.title}: {entry.heading}"
        if entry.heading and entry.heading != entry.title
        else entry.title
        for one, entry in entries.items()
        if entry is not None
    }, ""
