"""One replay: from the seed to the record."""

import time
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from mailtriage.commands.report import span_of
from mailtriage.commands.report_data import read_rows
from mailtriage.insight.report import make_report
from mailtriage.insight.report_html import html_page
from tests.replay.helpdesk import Helpdesk
from tests.replay.place import Place
from tests.replay.record import Record
from tests.replay.simulated import FIRST, ZONE, SimulatedClock, moment
from tests.replay.world import TAUGHT_DAYS, World

STEP: Final = 300.0
"""Seconds after which time is told to pass, though nobody writes."""


async def replay(folder: Path, *, weeks: int = 4, seed: int = 1, first: date = FIRST) -> Record:
    """Play so many weeks; what the installation wrote lies in `folder` then."""
    days = 7 * weeks
    record = Record(moment(first), moment(first + timedelta(days)))
    clock = SimulatedClock(moment(first - timedelta(TAUGHT_DAYS)))
    world = World(seed, record)
    place = Place(folder, clock, seed, world.take)
    world.bind(place, Helpdesk(world, world.writer.random))
    begun = time.monotonic()
    await place.start()
    await world.teach(first)
    clock.set(record.begins)
    place.begin(record.begins)
    world.plan(first, days)
    await world.run(record.ends, STEP)
    write_report(place, record.ends, first + timedelta(days - 7))
    await place.stop()
    record.seconds = time.monotonic() - begun
    record.metrics = place.samples()
    record.logged = place.logged
    with suppress(OSError):
        record.log = (folder / "log").read_text(encoding="utf-8")
    return record


def write_report(place: Place, now: float, week: date) -> None:
    """The weekly page of that week, as `mailtriage report --html` would write it at that moment."""
    span = span_of(None, week, now, ZoneInfo(str(ZONE)))
    report = make_report(span.period, span.before, str(ZONE), read_rows(place.config, span, ""), "")
    (place.folder / "week.html").write_text(html_page(report), encoding="utf-8")
