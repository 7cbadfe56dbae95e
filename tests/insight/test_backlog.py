"""What waits, how fast it goes, and working time by the clocks and calendars of people."""

import math
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.acks.calendar import add_open_time
from mailtriage.config.acks import Calendar, Hours
from mailtriage.insight.backlog import (
    HANDLING,
    LEAST_REPLIES,
    LONGEST,
    Line,
    WorkingTime,
    estimate,
    rate,
    with_all_waiting,
    with_reply,
    with_waiting,
)

HOUR, DAY = 3600.0, 86_400.0
NINE: Hours = ((540, 1020),)
ALL_DAY: Hours = ((0, 1440),)


def office(zone: str = "UTC", country: str = "", **more: object) -> Calendar:
    """Monday to Friday, 9 to 17."""
    week = (NINE, NINE, NINE, NINE, NINE, (), ())
    return Calendar("office", zone, country, week=week, **more)  # type: ignore[arg-type]  # fields


def always(zone: str) -> Calendar:
    return Calendar("always", zone, week=(ALL_DAY,) * 7)


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-11-23T10:00", "2026-11-23T12:30", 2.5),
        ("2026-11-23T05:00", "2026-11-23T10:00", 1),
        ("2026-11-23T16:00", "2026-11-24T10:00", 2),
        ("2026-11-20T16:00", "2026-11-23T10:00", 2),  # over a weekend
        ("2026-11-21T10:00", "2026-11-22T10:00", 0),
        ("2026-11-23T12:00", "2026-11-23T10:00", 0),  # backwards
        ("2026-01-01T00:00", "2026-12-31T23:00", 8 * 261),  # over a dozen months
    ],
)
def test_working_time(start: str, end: str, hours: float) -> None:
    assert WorkingTime(office()).between(at(start), at(end)) == pytest.approx(hours * HOUR)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-01", 24)]
)
def test_days_on_which_the_clock_is_changed(day: str, hours: float) -> None:
    begins, zone = date.fromisoformat(day), ZoneInfo("Europe/Berlin")
    start, end = (
        datetime(each.year, each.month, each.day, tzinfo=zone).timestamp()
        for each in (begins, begins + timedelta(1))
    )
    assert WorkingTime(always("Europe/Berlin")).between(start, end) == hours * HOUR


def test_office_hours_do_not_change_with_the_clock() -> None:
    work = WorkingTime(office("Europe/Berlin"))
    for friday, monday in (("2026-03-27", "2026-03-30"), ("2026-10-23", "2026-10-26")):
        start, end = at(f"{friday}T16:00", "Europe/Berlin"), at(f"{monday}T10:00", "Europe/Berlin")
        assert work.between(start, end) == 2 * HOUR


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        # Midsummer Eve and Christmas Eve are no public holidays by law, and everybody is away.
        ("2026-06-18T16:00", "2026-06-22T10:00", 2),
        ("2026-12-23T16:00", "2026-12-28T10:00", 2),
        ("2026-04-02T16:00", "2026-04-07T10:00", 2),  # Easter
        ("2026-11-20T16:00", "2026-11-23T10:00", 2),
    ],
)
def test_public_holidays_and_those_that_are_kept(start: str, end: str, hours: float) -> None:
    work, zone = WorkingTime(office("Europe/Stockholm", "SE")), "Europe/Stockholm"
    assert work.between(at(start, zone), at(end, zone)) == pytest.approx(hours * HOUR)


def test_dated_exceptions() -> None:
    special = {date(2026, 11, 28): ((600, 840),), date(2026, 11, 30): ()}
    work = WorkingTime(office(special=special))
    assert work.between(at("2026-11-27T16:00"), at("2026-12-01T10:00")) == (1 + 4 + 1) * HOUR


moments = st.floats(at("2025-01-01T00:00"), at("2028-01-01T00:00"))
teams = st.sampled_from(
    [
        office(),
        office("Europe/Stockholm", "SE"),
        office("America/New_York", "US"),
        always("Europe/Berlin"),
        Calendar("night", "Australia/Lord_Howe", week=(((0, 180), (1380, 1440)),) * 7),
    ]
)


@given(teams, moments, st.floats(0, 100 * DAY), st.floats(0, 100 * DAY))
def test_working_time_adds_up(team: Calendar, start: float, first: float, then: float) -> None:
    work, middle = WorkingTime(team), start + first
    whole = work.between(start, middle + then)
    parts = work.between(start, middle) + work.between(middle, middle + then)
    assert whole == pytest.approx(parts, abs=1e-3)
    assert 0 <= whole <= first + then + 1e-3


@given(teams, moments, st.floats(0, 40 * 8 * HOUR))
def test_it_is_the_inverse_of_what_the_calendar_adds(
    team: Calendar, start: float, seconds: float
) -> None:
    end = add_open_time(team, datetime.fromtimestamp(start, UTC), seconds)
    assert end is not None
    work = WorkingTime(team)
    assert work.between(start, end.timestamp()) == pytest.approx(seconds, abs=1e-3)


@given(teams, moments, st.floats(1, 40 * 8 * HOUR))
def test_backwards_too(team: Calendar, end: float, seconds: float) -> None:
    work = WorkingTime(team)
    begin = work.back(end, seconds)
    assert begin <= end
    assert work.between(begin, end) == pytest.approx(seconds, abs=1e-3)


def test_a_team_that_never_opens_never_works() -> None:
    work = WorkingTime(Calendar("none", "UTC", week=((),) * 7))
    now = at("2026-11-23T12:00")
    assert work.between(now - 30 * DAY, now) == 0
    assert work.back(now, HOUR) == now - LONGEST
    assert 0 < estimate(Line(), "normal", now, work) < math.inf


def test_only_a_year_is_looked_back() -> None:
    work, now = WorkingTime(office()), at("2026-11-23T12:00")
    assert work.between(0.0, now) == work.between(now - LONGEST, now)


def test_the_usual_day() -> None:
    assert WorkingTime(office()).day == 8 * HOUR
    assert WorkingTime(always("UTC")).day == 24 * HOUR
    half_friday = Calendar("c", "UTC", week=(NINE, NINE, NINE, NINE, ((540, 780),), (), ()))
    assert WorkingTime(half_friday).day == pytest.approx(7.2 * HOUR)


def busy_days(*days: str, hourly: int = 1) -> Line:
    """So many answers in each of eight hours."""
    work, line = WorkingTime(office()), Line(began=at("2026-11-02T09:00"))
    for day in days:
        for hour in range(9, 17):
            for _ in range(hourly):
                line = with_reply(line, at(f"{day}T{hour:02}:30"), work)
    return line


def test_the_estimate_by_hand() -> None:
    """Sixteen answers in two days of eight hours are one an hour; three wait before the new one."""
    line, now = busy_days("2026-11-24", "2026-11-25"), at("2026-11-25T17:00")
    line = with_all_waiting(line, [("normal", 3.0)])
    assert estimate(line, "normal", now, WorkingTime(office())) == pytest.approx(20 * 60 + 4 * HOUR)
    assert HANDLING == 20 * 60


def test_urgent_mail_waits_only_for_its_like() -> None:
    line = with_all_waiting(Line(), [("urgent", 1), ("high", 2), ("normal", 4), ("low", 8)])
    assert [line.ahead(each) for each in ("urgent", "high", "normal", "low")] == [1, 3, 7, 15]
    assert line.ahead("unheard-of") == line.ahead("normal")


def test_older_answers_than_two_working_days_do_not_count() -> None:
    work, now = WorkingTime(office()), at("2026-11-25T17:00")
    line = busy_days("2026-11-24", "2026-11-25")
    assert rate(busy_days("2026-11-20", "2026-11-23"), now, work) == pytest.approx(
        LEAST_REPLIES / (16 * HOUR)
    )
    assert rate(line, now, work) == pytest.approx(1 / HOUR)
    # A weekend is no working time.
    friday = busy_days("2026-11-26", "2026-11-27")
    assert rate(friday, at("2026-11-30T09:00"), work) == pytest.approx(1 / HOUR)


def test_twice_the_mail_is_felt_within_the_hour() -> None:
    work, line = WorkingTime(office()), busy_days("2026-11-24", "2026-11-25", hourly=5)
    now = at("2026-11-26T10:00")
    quiet = estimate(line, "normal", now, work)
    for _ in range(50):
        line = with_waiting(line, "normal", 1.0, now)
    assert estimate(line, "normal", now, work) > 8 * quiet


def test_fewer_never_wait_than_none() -> None:
    line = with_waiting(with_waiting(Line(), "high", 0.4, 1.0), "high", -1.0, 2.0)
    assert line.ahead("low") == 0.0
    assert line.began == 1.0


def test_on_the_first_morning_an_hour_is_reckoned_with() -> None:
    work, now = WorkingTime(office()), at("2026-11-23T09:10")
    assert estimate(Line(), "normal", now, work) == pytest.approx(20 * 60 + HOUR / LEAST_REPLIES)
    first = with_reply(Line(), now, work)
    assert estimate(first, "normal", now + 60, work) < 2 * HOUR


@given(st.lists(st.floats(0, 400 * DAY), max_size=60))
def test_the_line_stays_small(gaps: list[float]) -> None:
    work, line, now = WorkingTime(always("UTC")), Line(), at("2026-01-01T00:00")
    for gap in gaps:
        now += gap % (3 * DAY)
        line = with_reply(line, now, work)
        assert len(line.replies) <= 50  # two days of 24 hours, and both ends


def test_many_hours_outside_working_time_are_cut_off() -> None:
    closed = Calendar("closed", "UTC", week=((),) * 7)
    work, line, start = WorkingTime(closed), Line(), at("2026-01-01T00:00")
    for hour in range(1000):
        line = with_reply(line, start + hour * HOUR, work)
    assert len(line.replies) == 336
    assert line.began == line.replies[0][0] * HOUR
    assert Line.from_bytes(line.to_bytes()) == line


def test_a_clock_that_ran_ahead_is_forgotten() -> None:
    work, now = WorkingTime(office()), at("2026-11-25T17:00")
    ahead = with_reply(Line(), at("2031-11-25T17:00"), work)
    assert rate(ahead, now, work) == pytest.approx(LEAST_REPLIES / (16 * HOUR))
    assert with_reply(ahead, now, work).replies == ((int(now // HOUR), 1.0),)


def test_answers_that_are_told_of_late_take_nothing_away() -> None:
    work, line = WorkingTime(office()), busy_days("2026-11-24", "2026-11-25")
    late = with_reply(line, at("2026-11-25T09:10"), work)
    assert sum(count for _, count in late.replies) == 17


lines = st.builds(
    Line,
    began=st.floats(0, 2e9),
    waiting=st.tuples(*[st.floats(0, 1e6)] * 4),
    replies=st.dictionaries(st.integers(0, 600_000), st.floats(0.5, 1e6), max_size=6).map(
        lambda each: tuple(sorted(each.items()))
    ),
)


@given(lines, lines, lines)
def test_lines_are_added_in_any_order(a: Line, b: Line, c: Line) -> None:
    left, right = (a + b) + c, a + (b + c)
    assert left.began == right.began
    assert left.waiting == pytest.approx(right.waiting)
    assert dict(left.replies) == pytest.approx(dict(right.replies))
    assert a + b == b + a
    assert a + Line() == a


@given(lines)
def test_what_is_kept_is_read_again(line: Line) -> None:
    assert Line.from_bytes(line.to_bytes()) == line


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(kept: bytes) -> None:
    with pytest.raises(ValueError, match="not a line of mails"):
        Line.from_bytes(kept)


def test_cut_off_out_of_order_or_none_at_all() -> None:
    good = busy_days("2026-11-24")
    kept = good.to_bytes()
    for wrong in (
        *(kept[:length] for length in range(len(kept))),
        kept + b"\0",
        bytes([9]) + kept[1:],
        Line(waiting=(math.nan, 0.0, 0.0, 0.0)).to_bytes(),
        Line(waiting=(-1.0, 0.0, 0.0, 0.0)).to_bytes(),
        Line(replies=((5, 1.0), (5, 1.0))).to_bytes(),
        Line(replies=((-5, 1.0),)).to_bytes(),
    ):
        with pytest.raises(ValueError, match="not a line of mails"):
            Line.from_bytes(wrong)
