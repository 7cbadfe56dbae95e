"""The organisation's week: on its own clock, through changes of that clock, and from few mails."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.insight.profile import HOURS, SUNDAY, Profile, Week

STOCKHOLM = Week(ZoneInfo("Europe/Stockholm"))
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def hour(moment: datetime) -> int:
    return int(moment.timestamp()) // 3600


def office(week: Week, weeks: int, start: datetime = MONDAY) -> Profile:
    """Ten mails an hour from 9 to 17 on working days by the wall clock, one at other times."""
    profile = Profile()
    for each in range(hour(start), hour(start + timedelta(weeks=weeks))):
        local = week.local(each)
        open_now = local.weekday() < 5 and 9 <= local.hour < 17
        profile.add(week.bin(each), 10 if open_now else 1)
    return profile


def test_hours_are_those_of_the_wall_clock() -> None:
    assert STOCKHOLM.bin(hour(datetime(2026, 1, 5, 8, tzinfo=UTC))) == 9  # a Monday in winter
    assert STOCKHOLM.bin(hour(datetime(2026, 7, 6, 7, tzinfo=UTC))) == 9  # and in summer


def test_the_hour_that_is_put_forward_is_skipped() -> None:
    """29 March 2026, 02:00 to 03:00 does not exist."""
    day = [
        STOCKHOLM.bin(hour(datetime(2026, 3, 28, 23, tzinfo=UTC)) + each) % 24 for each in range(23)
    ]
    assert day == [0, 1, *range(3, 24)]


def test_the_hour_that_is_put_back_is_there_twice() -> None:
    """25 October 2026 has 25 hours."""
    day = [
        STOCKHOLM.bin(hour(datetime(2026, 10, 24, 22, tzinfo=UTC)) + each) % 24
        for each in range(25)
    ]
    assert day == [0, 1, 2, 2, *range(3, 24)]


def test_changes_of_the_clock_leave_no_trace_in_the_shape() -> None:
    """Rates are per hour seen: nine weeks with both changes in them look like nine without."""
    plain = office(Week(ZoneInfo("UTC")), 9).shape()
    spring = office(STOCKHOLM, 9, datetime(2026, 2, 15, 23, tzinfo=UTC)).shape()
    autumn = office(STOCKHOLM, 9, datetime(2026, 9, 20, 22, tzinfo=UTC)).shape()
    for changed in (spring, autumn):
        assert changed == pytest.approx(plain, rel=0.05)


def test_public_holidays_are_sundays() -> None:
    christmas = Week(ZoneInfo("Europe/Stockholm"), frozenset({date(2026, 12, 25)}))
    friday = hour(datetime(2026, 12, 25, 9, tzinfo=UTC))
    assert christmas.bin(friday) == SUNDAY * 24 + 10
    assert STOCKHOLM.bin(friday) == 4 * 24 + 10


def test_before_the_first_mail_all_hours_are_alike() -> None:
    assert Profile().shape() == (1.0,) * HOURS


def test_the_shape_is_found() -> None:
    shape = office(STOCKHOLM, 4).shape()
    assert shape[10] / shape[3] == pytest.approx(10, rel=0.25)
    assert shape[10] / shape[5 * 24 + 10] == pytest.approx(10, rel=0.3)


def test_its_mean_is_one_and_no_hour_is_dead() -> None:
    profile = Profile()
    for each in range(HOURS * 3):
        profile.add(each % HOURS, 40 if each % HOURS == 10 else 0)
    shape = profile.shape()
    assert sum(shape) / HOURS == pytest.approx(1)
    assert min(shape) > 0


def test_an_hour_without_a_mail_of_its_own_leans_on_its_neighbours() -> None:
    """One week of a small helpdesk: Thursday at ten has seen nothing, by chance."""
    profile = Profile()
    for each in range(HOURS):
        day, clock = divmod(each, 24)
        busy = day < 5 and 9 <= clock < 17
        profile.add(each, 0 if each == 3 * 24 + 10 else 2 if busy else 0)
    shape = profile.shape()
    assert shape[3 * 24 + 10] > 2 * shape[3 * 24 + 2]


def test_old_habits_fade() -> None:
    profile = office(STOCKHOLM, 8)
    for each in range(HOURS * 26):  # half a year of nights instead
        profile.add(each % HOURS, 10 if each % 24 < 6 else 1)
    shape = profile.shape()
    assert shape[3] > 5 * shape[12]


def test_it_survives_its_bytes() -> None:
    profile = office(STOCKHOLM, 3)
    again = Profile.from_bytes(profile.to_bytes())
    assert again.shape() == profile.shape()
    assert again.to_bytes() == profile.to_bytes()


@settings(deadline=None)
@given(st.binary(max_size=100) | st.binary(min_size=2689, max_size=2689))
def test_foreign_bytes_are_refused_or_harmless(data: bytes) -> None:
    try:
        shape = Profile.from_bytes(data).shape()
    except ValueError:
        return
    assert all(rate > 0 for rate in shape)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=300))
def test_every_shape_is_positive_with_mean_one(mails: list[int]) -> None:
    profile = Profile()
    for index, count in enumerate(mails):
        profile.add(index * 7 % HOURS, count)
    shape = profile.shape()
    assert min(shape) > 0
    assert sum(shape) == pytest.approx(HOURS)
