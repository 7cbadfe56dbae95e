"""Opening hours: whether a team works at a moment, when it does next, and how its time adds up.

Clocks that are put forward or back make days of 23 and 25 hours, so nothing is added up by the wall
clock: each edge of the opening hours becomes an instant in UTC, and only those are compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from mailtriage.config.acks import Calendar, Hours
from mailtriage.config.sections import Config
from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import did_you_mean

HORIZON: Final = timedelta(days=60)
"""A team that does not open for so long is taken never to open."""

_FARTHEST: Final = 3660
"""Days that a search goes ahead, however often the team opens: ten years."""

_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)

# "De facto" days, such as Christmas Eve and Midsummer Eve in Sweden, are no public holidays by law,
# yet every office is closed. What a country does not have of these it ignores.
_CATEGORIES: Final = ("public", "de_facto")

OpeningKind = Literal["open", "closed", "holiday"]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a calendar says about a moment."""

    kind: OpeningKind
    """"holiday": closed all day, and the day is a public holiday."""
    opens: datetime | None = None
    """When the team works next, in the calendar's zone; None while it works, and when it does not
    within `HORIZON`."""


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Whether the team works at that moment (aware). The moment of closing counts as closed."""
    for opens, closes in open_spans(calendar, at):
        if at < closes:
            return opens <= at
    return False


def state(calendar: Calendar, at: datetime) -> Opening:
    """Whether the team works at that moment (aware), and if not, why, and when it does next."""
    if is_open(calendar, at):
        return Opening("open")
    opens = next_opening(calendar, at)
    today = at.astimezone(ZoneInfo(calendar.timezone)).date()
    is_holiday = today in public_holidays(calendar.country, calendar.region, today.year)
    return Opening("holiday" if is_holiday and not hours_on(calendar, today) else "closed", opens)


def next_opening(calendar: Calendar, at: datetime) -> datetime | None:
    """The first moment from `at` (aware) on at which the team works, in the calendar's zone.

    None when there is none within `HORIZON`.
    """
    for opens, closes in open_spans(calendar, at):
        if at < closes:
            return max(opens, at).astimezone(ZoneInfo(calendar.timezone))
    return None


def add_open_time(calendar: Calendar, start: datetime, seconds: float) -> datetime | None:
    """When the team will have worked for so many seconds since `start` (aware).

    In the calendar's zone. A stretch that is used up exactly ends at the moment of closing, not at
    the next opening; 0 seconds lead from a closed moment to the next opening. None when the team
    does not open for `HORIZON`, or the end is more than ten years away.
    """
    start = start.astimezone(UTC)
    left = timedelta(seconds=seconds)
    for opens, closes in open_spans(calendar, start):
        begins = max(opens, start)
        if left <= closes - begins:
            return (begins + left).astimezone(ZoneInfo(calendar.timezone))
        left -= closes - begins
    return None


def open_spans(calendar: Calendar, since: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Opening and closing moments, in UTC and in order, of all stretches that end at or after
    `since` (aware). Stops when the team does not open for `HORIZON`, and after ten years."""
    zone = ZoneInfo(calendar.timezone)
    start = since.astimezone(UTC)
    # The day before, too: a clock that is put back over midnight shows yesterday's date again.
    day = start.astimezone(zone).date() - _DAY
    last_worked = day
    for _ in range(_FARTHEST):
        for first_minute, last_minute in hours_on(calendar, day):
            opens, closes = _instant(zone, day, first_minute), _instant(zone, day, last_minute)
            if opens < closes and start <= closes:
                yield opens, closes
                last_worked = day
        day += _DAY
        if day - last_worked > HORIZON:
            return


def hours_on(calendar: Calendar, day: date) -> Hours:
    """The opening hours of one day: dated ones before closed days, public holidays and the week."""
    special = calendar.special.get(day)
    if special is not None:
        return special
    if day in calendar.closed:
        return ()
    if day in public_holidays(calendar.country, calendar.region, day.year):
        return ()
    return calendar.week[day.weekday()]


@lru_cache(maxsize=128)
def public_holidays(country: str, region: str, year: int) -> frozenset[date]:
    """Days off.

    None for a country or region that the holidays package does not know: `calendar_problems` says
    so when the configuration is read.
    """
    if not country:
        return frozenset()
    # Imported here: it takes a tenth of a second and 20 MB, and most processes never ask.
    import holidays

    entity = getattr(holidays, country, None)
    if entity is None:
        return frozenset()
    try:
        found = entity(
            subdiv=region or None,
            years=year,
            expand=False,
            categories=[each for each in _CATEGORIES if each in entity.supported_categories],
        )
    except NotImplementedError:  # how the library says that it has no such region; see `check`
        return frozenset()
    return frozenset(found)


def calendar_problems(config: Config) -> list[tuple[KeyPath, str, str]]:
    """What only shows when calendars are used: the key, what is wrong with it, and a hint."""
    found: list[tuple[KeyPath, str, str]] = []
    for name, calendar in config.calendars.items():
        found += _country_problems(name, calendar)
        if not any(calendar.week) and not any(calendar.special.values()):
            what = "never opens: no answer can be promised"
            found.append((("calendars", name), what, 'write monday = "09:00-17:00"'))
    for mailbox in config.mailboxes.mailboxes:
        if mailbox.calendar and mailbox.calendar not in config.calendars:
            path = (*mailbox.path, "calendar")
            what = f'there is no calendar "{mailbox.calendar}"'
            hint = did_you_mean(mailbox.calendar, config.calendars)
            found.append((path, what, hint or f"write a section [calendars.{mailbox.calendar}]"))
    return found


def _country_problems(name: str, calendar: Calendar) -> list[tuple[KeyPath, str, str]]:
    country, region = calendar.country, calendar.region
    if not country:
        what = "a region without its country"
        hint = 'write country = "DE"'
        return [(("calendars", name, "region"), what, hint)] if region else []
    import holidays

    known = holidays.list_supported_countries(include_aliases=False)
    if country not in known:
        what = f'no public holidays are known of "{country}"'
        hint = "write its code of two letters (ISO 3166-1), or leave it out and list closed days"
        return [(("calendars", name, "country"), what, hint)]
    if region and region not in known[country]:
        what = f'"{region}" is no region of {country} with public holidays of its own'
        hint = f"one of {', '.join(known[country])}" if known[country] else "leave it out"
        return [(("calendars", name, "region"), what, hint)]
    return []


# Each promise asks for some sixteen of them, and the next one for the same.
@lru_cache(maxsize=4096)
def _instant(zone: ZoneInfo, day: date, minute: int) -> datetime:
    """When a clock on the wall first shows that minute of the day, or has passed it.

    Of an hour that comes twice the first counts, for openings and closings alike, and an hour that
    is left out ends where it begins: so what is in order on paper is in order in time.
    """
    # Adding to an aware datetime moves the hands of the clock: 24:00 is the next midnight.
    wall = datetime.combine(day, time(), zone) + minute * _MINUTE
    before, after = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    if before is None or after is None or before >= after:
        return wall.astimezone(UTC)
    # PEP 495: in a gap, fold=0 reckons with the offset from before it, which leads beyond it, and
    # fold=1 the other way round. The clock was put forward between the two.
    early, late = wall.replace(fold=1).astimezone(UTC), wall.astimezone(UTC)
    while late - early > _MINUTE:
        middle = early + (late - early) // 2 // _MINUTE * _MINUTE
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late
