"""By when a human answers, as people would say it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mailtriage.acks.calendar import add_open_time, is_open
from mailtriage.acks.promise import (
    Promise,
    PromiseSource,
    StaticTargets,
    config_calendar,
    promise,
)
from mailtriage.config import load
from mailtriage.config.acks import DEFAULT_CALENDAR, Calendar, Hours, Targets

HOUR = 3600.0
BERLIN = ZoneInfo("Europe/Berlin")


def calendar(hours: Hours = ((540, 1020),), *, zone: str = "Europe/Berlin") -> Calendar:
    """Monday to Friday at these hours, 9 to 17 unless given."""
    return Calendar("office", zone, "DE", week=(hours, hours, hours, hours, hours, (), ()))


def always(zone: str = "Europe/Berlin") -> Calendar:
    """A team that never closes."""
    day: Hours = ((0, 1440),)
    return Calendar("always", zone, week=(day, day, day, day, day, day, day))


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def promised(hours: float, received: str, by: Calendar | None = None) -> Promise:
    found = promise(by or calendar(), hours * HOUR, berlin(received))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("received", "hours", "by"),
    [
        # The same day: the next half hour.
        ("2026-11-23T09:12", 3, "2026-11-23T12:30"),
        ("2026-11-23T09:30", 3, "2026-11-23T12:30"),
        ("2026-11-23T09:30:01", 3, "2026-11-23T13:00"),
        ("2026-11-23T05:00", 4, "2026-11-23T13:00"),
        ("2026-11-23T12:50", 4, "2026-11-23T17:00"),  # the team goes home
        # Another day: noon, or the end of the day.
        ("2026-11-23T15:00", 4, "2026-11-24T12:00"),
        ("2026-11-23T15:00", 5, "2026-11-24T12:00"),
        ("2026-11-23T15:00", 5.5, "2026-11-24T17:00"),
        ("2026-11-23T20:12", 4, "2026-11-24T17:00"),
        ("2026-11-20T16:00", 8, "2026-11-23T17:00"),  # over a weekend
        ("2026-12-24T16:00", 2, "2026-12-28T12:00"),  # over Christmas
        ("2028-02-28T16:00", 4, "2028-02-29T12:00"),
        # Never sooner than in an hour, and never when nobody is there.
        ("2026-11-23T10:05", 0.1, "2026-11-23T11:30"),
        ("2026-11-23T10:00", 0.1, "2026-11-23T11:00"),
        ("2026-11-23T16:30", 0.1, "2026-11-24T12:00"),
        ("2026-11-23T16:00", 0.1, "2026-11-23T17:00"),
        ("2026-11-23T08:30", 0.1, "2026-11-23T09:30"),
    ],
)
def test_a_time_that_people_would_name(received: str, hours: float, by: str) -> None:
    assert promised(hours, received).by == berlin(by)


LUNCH: Hours = ((8 * 60, 11 * 60 + 30), (13 * 60, 16 * 60))
LATE: Hours = ((8 * 60, 20 * 60),)
EVENING: Hours = ((18 * 60, 24 * 60),)


@pytest.mark.parametrize(
    ("hours_of_day", "received", "hours", "by"),
    [
        # Nobody is there at noon: before lunch, or when they go home.
        (LUNCH, "2026-11-23T15:00", 3, "2026-11-24T11:30"),
        (LUNCH, "2026-11-23T15:00", 5, "2026-11-24T16:00"),
        (LUNCH, "2026-11-23T11:00", 0.1, "2026-11-23T13:00"),
        # Open beyond five.
        (LATE, "2026-11-23T19:00", 3, "2026-11-24T12:00"),
        (LATE, "2026-11-23T19:00", 7, "2026-11-24T17:00"),
        (LATE, "2026-11-23T19:00", 11, "2026-11-24T20:00"),
        # Until midnight, which would be tomorrow's date.
        (EVENING, "2026-11-23T12:00", 2, "2026-11-23T20:00"),
        (EVENING, "2026-11-22T12:00", 7.2, "2026-11-24T19:30"),
        (EVENING, "2026-11-22T12:00", 6, "2026-11-24T00:00"),
    ],
)
def test_other_opening_hours(hours_of_day: Hours, received: str, hours: float, by: str) -> None:
    assert promised(hours, received, calendar(hours_of_day)).by == berlin(by)


@pytest.mark.parametrize(
    ("received", "hours", "by"),
    [
        ("2026-11-23T23:10", 2, "2026-11-24T01:30"),  # tomorrow's date, but soon
        ("2026-11-23T23:10", 8, "2026-11-24T12:00"),
        ("2026-11-23T15:00", 24, "2026-11-24T17:00"),
        ("2026-11-23T18:10", 24, "2026-11-24T18:30"),  # not "by Wednesday, 0:00"
    ],
)
def test_a_team_that_never_closes(received: str, hours: float, by: str) -> None:
    assert promised(hours, received, always()).by == berlin(by)


def test_half_hours_are_those_of_the_clock_on_the_wall() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")  # 5:45 ahead of UTC
    received = datetime(2026, 11, 23, 10, 10, tzinfo=kathmandu)
    found = promise(calendar(zone="Asia/Kathmandu"), 2 * HOUR, received)
    assert found is not None
    assert found.by == datetime(2026, 11, 23, 12, 30, tzinfo=kathmandu)


def test_what_the_team_was_doing_when_the_mail_came() -> None:
    open_now = promised(1, "2026-11-23T10:00")
    assert (open_now.opening, open_now.opens) == ("open", None)
    evening = promised(1, "2026-11-23T20:00")
    assert (evening.opening, evening.opens) == ("closed", berlin("2026-11-24T09:00"))
    christmas = promised(1, "2026-12-25T10:00")
    assert (christmas.opening, christmas.opens) == ("holiday", berlin("2026-12-28T09:00"))


@pytest.mark.parametrize(
    ("received", "days", "late"),
    [
        ("2026-11-23T09:00", 1, False),
        ("2026-11-23T10:00", 5, False),  # Monday to Monday
        ("2026-11-23T10:00", 6, True),
        ("2026-11-21T10:00", 5, False),  # Saturday to Friday
        ("2026-11-21T10:00", 6, True),
    ],
)
def test_more_than_five_working_days_are_late(received: str, days: float, late: bool) -> None:
    assert promised(days * 8, received).late is late


def test_nothing_is_promised_for_a_team_that_never_opens() -> None:
    assert promise(calendar(()), HOUR, berlin("2026-11-23T09:00")) is None


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana"]
HOURS: list[Hours] = [((540, 1020),), LUNCH, LATE, EVENING, ((0, 1440),), ((130, 170),)]
CALENDARS = st.one_of(
    st.builds(lambda hours, zone: calendar(hours, zone=zone), st.sampled_from(HOURS), st.sampled_from(ZONES)),
    st.sampled_from(ZONES).map(always),
)  # fmt: skip
MOMENTS = st.builds(
    lambda day, seconds: datetime.combine(day, time(), UTC) + timedelta(seconds=seconds),
    st.one_of(
        st.dates(date(2026, 1, 1), date(2028, 12, 31)),
        # Around the changes of clocks.
        st.sampled_from([date(2026, 3, 8), date(2026, 3, 29), date(2026, 10, 25), date(2026, 10, 4)]),
    ),
    st.integers(-86_400, 86_400),
)  # fmt: skip
SECONDS = st.integers(0, 60 * 3600)


@settings(deadline=None, max_examples=150)
@given(CALENDARS, MOMENTS, SECONDS)
def test_every_promise_can_be_kept(team: Calendar, received: datetime, target: int) -> None:
    found = promise(team, target, received)
    due = add_open_time(team, received, target)
    assume(found is not None and due is not None)
    assert found is not None
    assert due is not None
    by = found.by.astimezone(UTC)
    assert by >= due.astimezone(UTC)
    assert by >= received + timedelta(hours=1)
    assert is_open(team, by) or is_open(team, by - timedelta.resolution)
    assert found.by.tzinfo == ZoneInfo(team.timezone)
    assert (found.opening == "open") == is_open(team, received) == (found.opens is None)


@settings(deadline=None, max_examples=150)
@given(CALENDARS, MOMENTS, SECONDS, SECONDS)
def test_what_takes_longer_is_not_promised_earlier(
    team: Calendar, received: datetime, a: int, b: int
) -> None:
    less, more = (promise(team, seconds, received) for seconds in sorted((a, b)))
    assume(less is not None and more is not None)
    assert less is not None
    assert more is not None
    assert less.by.astimezone(UTC) <= more.by.astimezone(UTC)


def test_targets_of_the_configuration() -> None:
    targets = Targets({"normal": 8 * HOUR, "urgent": HOUR}, {"billing": {"normal": 4 * HOUR}})
    source: PromiseSource = StaticTargets(targets)
    assert source.target("billing", "normal") == 4 * HOUR
    assert source.target("billing", "urgent") == HOUR
    assert source.target("general", "normal") == 8 * HOUR


@pytest.fixture
def calendar_name(tmp_path: Path) -> Callable[..., str]:
    """Name of the calendar of help@desk.example that says it wants `wanted`."""

    def find(wanted: str, *calendars: str) -> str:
        file = tmp_path / "mailtriage.toml"
        mailbox = f'[mailboxes."help@desk.example"]\ncalendar = "{wanted}"\n'
        sections = (f"[calendars.{name}]\n" for name in calendars)
        file.write_text(mailbox + "".join(sections), encoding="utf-8")
        config = load([file]).config
        return config_calendar(config, config.mailboxes.mailboxes[0]).name

    return find


def test_the_calendar_of_a_mailbox(calendar_name: Callable[..., str]) -> None:
    assert calendar_name("berlin", "paris", "berlin") == "berlin"
    assert calendar_name("", "paris") == "paris"
    assert calendar_name("") == DEFAULT_CALENDAR.name
    assert calendar_name("", "paris", "berlin") == DEFAULT_CALENDAR.name
