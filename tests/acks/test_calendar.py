"""Opening hours, on ordinary days and on those on which clocks are put forward or back."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mailtriage.acks.calendar import (
    HORIZON,
    Opening,
    add_open_time,
    calendar_problems,
    hours_on,
    is_open,
    next_opening,
    public_holidays,
    state,
)
from mailtriage.config import ConfigError, load
from mailtriage.config.acks import Calendar, Hours
from tests.support.opening_hours import open_seconds

HOUR = 3600.0
OFFICE: Hours = ((9 * 60, 17 * 60),)
ALL_DAY: Hours = ((0, 24 * 60),)


def every_day(hours: Hours) -> tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours]:
    return (hours, hours, hours, hours, hours, hours, hours)


def daily(zone: str, hours: Hours) -> Calendar:
    """A team that works at these hours every day of the year."""
    return Calendar("daily", zone, week=every_day(hours))


def in_berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


BERLIN = Calendar(
    "berlin",
    "Europe/Berlin",
    country="DE",
    region="BY",
    closed=frozenset({date(2026, 12, 28)}),
    special={
        date(2026, 12, 24): ((9 * 60, 12 * 60),),  # a public holiday nowhere in Germany
        date(2026, 12, 26): ((10 * 60, 14 * 60),),  # a public holiday, and a Saturday
        date(2026, 12, 28): ((13 * 60, 15 * 60),),
        date(2026, 12, 29): (),
    },
)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T08:59:59.999999", False),
        ("2026-11-23T09:00", True),
        ("2026-11-23T16:59:59.999999", True),
        ("2026-11-23T17:00", False),
        ("2026-11-22T12:00", False),  # a Sunday
        ("2026-12-24T11:00", True),
        ("2026-12-24T12:00", False),
        ("2026-12-25T12:00", False),
        ("2026-12-26T12:00", True),  # dated hours go before holidays
        ("2026-12-28T12:00", False),
        ("2026-12-28T14:00", True),  # and before closed days
        ("2026-12-29T12:00", False),
        ("2026-12-30T12:00", True),
        ("2027-01-06T12:00", False),  # Epiphany, in Bavaria
    ],
)
def test_open_or_not(at: str, expected: bool) -> None:
    assert is_open(BERLIN, in_berlin(at)) is expected


def test_the_zone_of_the_question_does_not_matter() -> None:
    assert is_open(BERLIN, datetime(2026, 11, 23, 8, 30, tzinfo=UTC))
    assert not is_open(BERLIN, datetime(2026, 11, 23, 16, 30, tzinfo=UTC))
    assert is_open(BERLIN, datetime(2026, 11, 23, 21, 0, tzinfo=ZoneInfo("Asia/Tokyo")))


def test_a_region_has_holidays_of_its_own() -> None:
    at = in_berlin("2027-01-06T12:00")
    assert is_open(Calendar("prussia", "Europe/Berlin", "DE", "HH"), at)
    assert is_open(Calendar("none", "Europe/Berlin"), in_berlin("2026-12-25T12:00"))


def test_what_a_team_is_doing() -> None:
    monday = in_berlin("2026-11-23T09:00")
    assert state(BERLIN, in_berlin("2026-11-23T10:00")) == Opening("open")
    assert state(BERLIN, in_berlin("2026-11-22T10:00")) == Opening("closed", monday)
    assert state(BERLIN, in_berlin("2026-12-25T20:00")) == Opening(
        "holiday", in_berlin("2026-12-26T10:00")
    )
    # Early on a day on which the team does work, holiday or not, it is just closed.
    assert state(BERLIN, in_berlin("2026-12-26T08:00")).kind == "closed"
    assert state(BERLIN, in_berlin("2026-12-28T08:00")).kind == "closed"


@pytest.mark.parametrize(
    ("country", "day"),
    [
        ("DE", date(2026, 12, 25)),
        ("SE", date(2026, 6, 19)),  # Midsummer Eve
        ("SE", date(2026, 12, 31)),
        ("NO", date(2026, 5, 17)),
        ("GB", date(2026, 12, 28)),  # Boxing Day is a Saturday
        # The first of January 2028 is a Saturday: the day off is in the year before.
        ("US", date(2027, 12, 31)),
    ],
)
def test_days_off(country: str, day: date) -> None:
    assert day in public_holidays(country, "", day.year)


def test_days_that_only_custom_keeps_free_are_free_where_all_keep_to_it() -> None:
    stockholm = Calendar("stockholm", "Europe/Stockholm", "SE")
    assert hours_on(stockholm, date(2026, 6, 19)) == ()
    assert hours_on(stockholm, date(2026, 6, 18)) == OFFICE


def test_no_sunday_is_a_holiday_for_being_one() -> None:
    for country in ("SE", "NO", "DE"):
        sundays = [day for day in public_holidays(country, "", 2026) if day.weekday() == 6]
        assert len(sundays) < 10


def test_a_country_that_is_not_known_has_no_holidays() -> None:
    assert public_holidays("XX", "", 2026) == frozenset()
    assert public_holidays("DE", "XX", 2026) == frozenset()


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-23T10:00", 2, "2026-11-23T12:00"),
        ("2026-11-23T10:00", 7, "2026-11-23T17:00"),  # used up exactly: closing time
        ("2026-11-23T10:00", 7.5, "2026-11-24T09:30"),
        ("2026-11-23T05:00", 1, "2026-11-23T10:00"),
        ("2026-11-20T16:00", 2, "2026-11-23T10:00"),  # over a weekend
        ("2026-12-23T16:00", 2, "2026-12-24T10:00"),
        ("2026-12-23T16:00", 11, "2026-12-30T10:00"),  # 1 + 3 + 4 + 2 + 1 hours
        ("2028-02-28T16:00", 9, "2028-02-29T17:00"),
        ("2028-02-29T16:00", 2, "2028-03-01T10:00"),
        ("2026-11-23T17:00", 0, "2026-11-23T17:00"),
        ("2026-11-23T17:01", 0, "2026-11-24T09:00"),
    ],
)
def test_adding_opening_hours(start: str, hours: float, end: str) -> None:
    found = add_open_time(BERLIN, in_berlin(start), hours * HOUR)
    assert found == in_berlin(end)
    assert found is not None
    assert found.tzinfo == ZoneInfo("Europe/Berlin")


def test_a_day_may_end_at_midnight() -> None:
    evening = Calendar(
        "evening",
        "Europe/Berlin",
        special={date(2026, 11, 23): ((18 * 60, 1440),)},
        week=every_day(()),
    )
    assert is_open(evening, in_berlin("2026-11-23T23:59:59"))
    assert not is_open(evening, in_berlin("2026-11-24T00:00"))
    end = add_open_time(evening, in_berlin("2026-11-23T22:00"), 2 * HOUR)
    assert end == in_berlin("2026-11-24T00:00")


def test_hours_that_touch_are_one_stretch() -> None:
    night = daily("Europe/Berlin", ((0, 6 * 60), (6 * 60, 24 * 60)))
    for at in ("2026-11-23T06:00", "2026-11-23T00:00", "2026-11-22T23:59:59"):
        assert is_open(night, in_berlin(at))


@pytest.mark.parametrize(
    ("zone", "day", "hours", "worked"),
    [
        # Put forward at 2:00 to 3:00.
        ("Europe/Berlin", date(2026, 3, 29), (0, 8), 7.0),
        ("Europe/Berlin", date(2026, 3, 29), (2.5, 10), 7.0),  # begins when clocks have passed 2:30
        ("Europe/Berlin", date(2026, 3, 29), (2, 2.75), 0.0),  # never on any clock
        ("Europe/Berlin", date(2026, 3, 29), (1, 2.5), 1.0),
        # Put back at 3:00 to 2:00: what comes twice begins and ends the first time.
        ("Europe/Berlin", date(2026, 10, 25), (0, 8), 9.0),
        ("Europe/Berlin", date(2026, 10, 25), (2.5, 10), 8.5),
        ("Europe/Berlin", date(2026, 10, 25), (1, 2.5), 1.5),
        ("Europe/London", date(2026, 3, 29), (0, 8), 7.0),
        ("Europe/London", date(2026, 10, 25), (0, 8), 9.0),
        ("America/New_York", date(2026, 3, 8), (0, 8), 7.0),
        ("America/New_York", date(2026, 11, 1), (0, 8), 9.0),
        ("Australia/Lord_Howe", date(2026, 10, 4), (0, 8), 7.5),
        ("Australia/Lord_Howe", date(2026, 4, 5), (0, 8), 8.5),
        ("Asia/Kathmandu", date(2026, 3, 29), (0, 8), 8.0),
        ("America/Havana", date(2026, 3, 8), (0, 24), 23.0),  # no midnight
        ("America/Havana", date(2026, 11, 1), (0, 24), 25.0),  # two midnights
        ("Pacific/Apia", date(2011, 12, 30), (9, 17), 0.0),  # Samoa left this day out
        ("Pacific/Apia", date(2011, 12, 31), (9, 17), 8.0),
    ],
)
def test_days_on_which_clocks_are_changed(
    zone: str, day: date, hours: tuple[float, float], worked: float
) -> None:
    span = (int(hours[0] * 60), int(hours[1] * 60))
    once = Calendar("once", zone, week=every_day(()), special={day: (span,)})
    noon = datetime.combine(day, datetime.min.time(), UTC)
    assert open_seconds(once, noon - timedelta(days=3), noon + timedelta(days=3)) == worked * HOUR


def test_a_gap_is_where_the_clock_jumps() -> None:
    early = daily("Europe/Berlin", ((150, 600),))  # from 2:30
    before = in_berlin("2026-03-29T01:00")
    assert next_opening(early, before) == datetime(
        2026, 3, 29, 1, 0, tzinfo=UTC
    )  # 3:00 summer time


def test_a_team_that_never_opens_is_given_up() -> None:
    never = daily("Europe/Berlin", ())
    at = in_berlin("2026-11-23T10:00")
    assert next_opening(never, at) is None
    assert add_open_time(never, at, 0.0) is None
    assert state(never, at) == Opening("closed")
    assert open_seconds(never, at, at + timedelta(days=10_000)) == 0.0


@pytest.mark.parametrize(("days", "found"), [(HORIZON.days - 2, True), (HORIZON.days + 2, False)])
def test_the_horizon(days: int, found: bool) -> None:
    at = in_berlin("2026-11-23T10:00")
    far = (at + timedelta(days=days)).date()
    once = Calendar("once", "Europe/Berlin", week=every_day(()), special={far: OFFICE})
    assert (next_opening(once, at) is not None) is found
    assert (add_open_time(once, at, HOUR) is not None) is found


def test_more_than_ten_years_of_work_are_given_up() -> None:
    a_minute_a_day = daily("UTC", ((0, 1),))
    assert (
        add_open_time(a_minute_a_day, datetime(2026, 11, 23, tzinfo=UTC), 365 * 24 * HOUR) is None
    )


def test_what_check_says_of_calendars(problems: Callable[[str], list[str]]) -> None:
    assert problems("") == []
    assert problems('[calendars.a]\ncountry = "DE"\nregion = "BY"') == []
    assert problems('[calendars.a]\ncountry = "XX"')[0].startswith("calendars.a.country: no public")
    assert problems('[calendars.a]\ncountry = "DE"\nregion = "XX"')[0].startswith(
        'calendars.a.region: "XX" is no region of DE'
    )
    assert problems('[calendars.a]\nregion = "BY"') == [
        "calendars.a.region: a region without its country"
    ]


def test_what_check_says_of_a_team_that_never_works(problems: Callable[[str], list[str]]) -> None:
    closed = "".join(
        f'{day} = ""\n' for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    )
    found = ["calendars.a: never opens: no answer can be promised"]
    assert problems(f"[calendars.a]\n{closed}") == found
    assert problems(f'[calendars.a]\n{closed}saturday = "10:00-12:00"') == []
    assert problems(f'[calendars.a]\n{closed}special = {{ 2026-12-24 = "10:00-12:00" }}') == []


def test_what_check_says_of_a_mailbox(problems: Callable[[str], list[str]]) -> None:
    mailbox = '[mailboxes."help@desk.example"]\ncalendar = "berlin"\n'
    assert problems(f"{mailbox}[calendars.berlin]") == []
    assert problems(f"{mailbox}[calendars.berlim]") == [
        'mailboxes.help@desk.example.calendar: there is no calendar "berlin"'
    ]


@pytest.fixture
def problems(tmp_path: Path) -> Callable[[str], list[str]]:
    """What is wrong with the calendars of a mailtriage.toml of that text."""

    def find(text: str) -> list[str]:
        file = tmp_path / "mailtriage.toml"
        file.write_text(text, encoding="utf-8")
        try:
            config = load([file]).config
        except ConfigError as error:
            config = error.understood
        return [
            f"{'.'.join(map(str, path))}: {what}" for path, what, _ in calendar_problems(config)
        ]

    return find
