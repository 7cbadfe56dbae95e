"""mailtriage report: the figures of a week, as text, as one HTML file, or as JSON."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from mailtriage.commands.report_data import DAY, Span, calendar_of, read_rows
from mailtriage.commands.report_file import moment_of, moments_of, write_page
from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.config import Config, ConfigError, load
from mailtriage.insight.report import make_report
from mailtriage.insight.report_html import html_page
from mailtriage.insight.report_model import Period, Report
from mailtriage.insight.report_text import text_page

WEEK: Final = 7 * DAY
LONGEST: Final = 4 * WEEK
"""Seconds of a period: with the one before it that is less than the time for which answers are gone
through (desk/clock.py: REMEMBERED)."""
_SLACK: Final = 3660.0
"""What seven days may be longer: an hour in autumn, and "7d" was reckoned some moments ago."""
_WRONG_CALL: Final = 2


def run_report(
    files: Sequence[Path] | None,
    *,
    since: float | None,
    week: date | None,
    mailbox: str,
    html: Path | None,
    as_json: bool,
    answers: bool = False,
    skill: str = "",
) -> int:
    """Print or write the report, or the one about answers: 0; 1 when the configuration is wrong,
    nothing can be read or the file cannot be written; 2 for a time, a mailbox or a skill that there
    is not."""
    try:
        config = load(files).config
    except ConfigError as error:
        to_terminal(str(error))
        return 1
    address = _address(config, mailbox)
    if address is None:
        to_terminal(f"mailtriage: no mailbox is called '{mailbox}'")
        return _WRONG_CALL
    zone = calendar_of(config, address)[1].timezone
    try:
        span = span_of(since, week, time.time(), ZoneInfo(zone))
    except ValueError as error:
        to_terminal(f"mailtriage: {error}")
        return _WRONG_CALL
    if answers:
        from mailtriage.commands.report_answers import run_answer_report

        return run_answer_report(config, span, zone, address, skill, html=html, as_json=as_json)
    rows = read_rows(config, span, address)
    report = make_report(span.period, span.before, zone, rows, address)
    if html is not None and not write_page(html, html_page(report)):
        return 1
    if as_json:
        click.echo(json.dumps(as_object(report)))
    elif html is None:
        click.echo(text_page(report, harmless), nl=False)
    if report.volume is None and report.answers is None:
        to_terminal("mailtriage: neither the history nor the state can be read")
        return 1
    return 0


def span_of(since: float | None, week: date | None, now: float, zone: ZoneInfo) -> Span:
    """The period, and the same days one week or several earlier: Mondays are compared with Mondays.
    `week`: its Monday, by the calendar of that zone; until now where it is not over. Raises
    ValueError, whose text says what is wrong."""
    if week is not None:
        start, end = _midnight(week, zone), min(_midnight(week + timedelta(7), zone), now)
        if start >= now:
            raise ValueError("that week has not begun")
        earlier = _days_before(start, zone, 7), _days_before(end, zone, 7)
        return Span(Period(start, end), Period(*earlier), now)
    start = now - WEEK if since is None else since
    if not 0 < now - start <= LONGEST + _SLACK:
        raise ValueError(f"the time must be in the past, {LONGEST / DAY:.0f} days at most")
    weeks = max(1, math.ceil((now - start - _SLACK) / WEEK))
    earlier = _days_before(start, zone, 7 * weeks), _days_before(now, zone, 7 * weeks)
    return Span(Period(start, now), Period(earlier[0], min(earlier[1], start)), now)


def as_object(report: Report) -> dict[str, Any]:
    """The report for programs: times with their offset."""
    zone = ZoneInfo(report.zone)
    found = asdict(report) | moments_of(report.period, report.before, report.zone)
    for surge in found["surges"] or ():
        surge["at"] = moment_of(surge["at"], zone)
    for one in found["answers"] or ():
        one["skill"] = one["skill"] or None
    return found


def _address(config: Config, mailbox: str) -> str | None:
    """The mailbox's own address; empty: all; None: there is none with that address or alias."""
    if not mailbox:
        return ""
    found = config.mailboxes.find(mailbox)
    return found.address if found else None


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def _days_before(at: float, zone: ZoneInfo, days: int) -> float:
    """The same time of the day, so many days earlier by the calendar."""
    return (datetime.fromtimestamp(at, zone) - timedelta(days)).timestamp()
