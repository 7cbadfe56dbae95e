"""What holds for any opening hours, in any zone, at any moment."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mailtriage.acks.calendar import add_open_time, is_open, state
from mailtriage.config.acks import Calendar, Hours
from tests.support.opening_hours import open_seconds

OFFICE: Hours = ((9 * 60, 17 * 60),)
ALL_DAY: Hours = ((0, 24 * 60),)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",  # puts its clocks forward by half an hour
    "Asia/Kathmandu",  # five hours and three quarters ahead
    "Africa/Casablanca",  # puts its clocks back for Ramadan
    "America/Havana",  # puts its clocks forward at midnight, and back to midnight
    "America/Santiago",  # the same from 24:00 on
)

_MINUTES = st.lists(st.integers(0, 96), min_size=0, max_size=6, unique=True).map(sorted)


def _pairs(points: list[int]) -> Hours:
    quarter = 15
    return tuple(
        (start * quarter, end * quarter)
        for start, end in zip(points[::2], points[1::2], strict=False)
    )


DAYS = st.one_of(_MINUTES.map(_pairs), st.sampled_from([OFFICE, ALL_DAY, ()]))
CALENDARS = st.builds(
    Calendar,
    name=st.just("any"),
    timezone=st.sampled_from(ZONES),
    country=st.sampled_from(["", "DE", "SE", "US"]),
    week=st.tuples(DAYS, DAYS, DAYS, DAYS, DAYS, DAYS, DAYS).filter(any),
    closed=st.frozensets(st.dates(date(2026, 1, 1), date(2028, 12, 31)), max_size=5),
    special=st.dictionaries(st.dates(date(2026, 1, 1), date(2028, 12, 31)), DAYS, max_size=5),
)
ANY_TIME = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31))  # noqa: DTZ001  made aware below
# Near the weekends on which clocks are changed, at which most mistakes would show.
NEAR_A_CHANGE = st.builds(
    lambda day, minutes: datetime.combine(day, time()) + timedelta(minutes=minutes),
    st.sampled_from([
        date(2026, 2, 15), date(2026, 3, 8), date(2026, 3, 22), date(2026, 3, 29),
        date(2026, 4, 5), date(2026, 9, 6), date(2026, 10, 4), date(2026, 10, 25),
        date(2026, 11, 1), date(2028, 2, 29),
    ]),
    st.integers(-3000, 3000),
)  # fmt: skip
MOMENTS = st.one_of(ANY_TIME, NEAR_A_CHANGE).map(lambda naive: naive.replace(tzinfo=UTC))
SECONDS = st.integers(0, 40 * 3600)
TICK = timedelta.resolution

any_calendar = settings(deadline=None, max_examples=100)


def add(calendar: Calendar, start: datetime, seconds: float) -> datetime:
    found = add_open_time(calendar, start, seconds)
    assume(found is not None)
    assert found is not None
    # In one zone datetimes are compared by the wall clock, and in two a moment in a repeated hour
    # equals none (PEP 495).
    return found.astimezone(UTC)


@any_calendar
@given(CALENDARS, MOMENTS, SECONDS, SECONDS)
def test_adding_twice_is_adding_the_sum(
    calendar: Calendar, start: datetime, a: int, b: int
) -> None:
    assert add(calendar, add(calendar, start, a), b) == add(calendar, start, a + b)


@any_calendar
@given(CALENDARS, MOMENTS, MOMENTS, SECONDS, SECONDS)
def test_later_or_longer_never_ends_earlier(
    calendar: Calendar, one: datetime, other: datetime, a: int, b: int
) -> None:
    early, late = sorted((one, other))
    less, more = sorted((a, b))
    assert add(calendar, early, less) <= add(calendar, early, more)
    assert add(calendar, early, less) <= add(calendar, late, less)


@any_calendar
@given(CALENDARS, MOMENTS, SECONDS)
def test_what_was_added_is_what_was_worked(
    calendar: Calendar, start: datetime, worked: int
) -> None:
    end = add(calendar, start, worked)
    assert end >= start
    assert open_seconds(calendar, start, end) == worked


@any_calendar
@given(CALENDARS, MOMENTS, SECONDS)
def test_no_end_is_at_a_closed_moment(calendar: Calendar, start: datetime, seconds: int) -> None:
    end = add(calendar, start, seconds)
    assert is_open(calendar, end) or is_open(calendar, end - TICK)


@any_calendar
@given(CALENDARS, MOMENTS, st.integers(0, 10 * 86400), st.integers(0, 10 * 86400))
def test_time_worked_adds_up(calendar: Calendar, start: datetime, a: int, b: int) -> None:
    middle, end = start + timedelta(seconds=a), start + timedelta(seconds=a + b)
    # As timedeltas: sums of seconds with fractions are not exact.
    first, second, whole = (
        timedelta(seconds=open_seconds(calendar, *both))
        for both in ((start, middle), (middle, end), (start, end))
    )
    assert first + second == whole
    assert timedelta() <= whole <= end - start
    assert open_seconds(calendar, end, start) == 0.0


@any_calendar
@given(CALENDARS, MOMENTS)
def test_open_is_when_time_counts(calendar: Calendar, at: datetime) -> None:
    assert is_open(calendar, at) == (open_seconds(calendar, at, at + TICK) > 0)


@any_calendar
@given(CALENDARS, MOMENTS)
def test_the_next_opening_is_the_first(calendar: Calendar, at: datetime) -> None:
    opening = state(calendar, at)
    assert (opening.kind == "open") == is_open(calendar, at)
    if opening.kind == "open":
        assert opening.opens is None
        return
    assume(opening.opens is not None)
    assert opening.opens is not None
    assert opening.opens > at
    assert is_open(calendar, opening.opens)
    assert open_seconds(calendar, at, opening.opens) == 0.0


@any_calendar
@given(st.sampled_from(ZONES), MOMENTS, st.integers(0, 400 * 86400))
def test_a_team_that_never_closes_works_all_the_time(
    zone: str, start: datetime, seconds: int
) -> None:
    always = daily(zone, ALL_DAY)
    end = start + timedelta(seconds=seconds)
    assert open_seconds(always, start, end) == seconds
    assert add(always, start, seconds) == end
    assert is_open(always, start)


@any_calendar
@given(st.sampled_from(ZONES), MOMENTS)
def test_clocks_on_the_wall_say_when_it_is_open(zone: str, at: datetime) -> None:
    """Where the clock was not changed that day, the hours are what stands in the configuration."""
    wall = at.astimezone(ZoneInfo(zone))
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    assume(midnight.utcoffset() == (midnight + timedelta(days=1)).utcoffset())
    assert is_open(daily(zone, OFFICE), at) == (9 <= wall.hour < 17)


def daily(zone: str, hours: Hours) -> Calendar:
    """A team that works at these hours every day of the year."""
    return Calendar("daily", zone, week=(hours, hours, hours, hours, hours, hours, hours))
