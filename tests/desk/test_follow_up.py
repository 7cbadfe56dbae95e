"""When a customer is told that a promise slips, and when he is asked how it went."""

from dataclasses import replace
from datetime import datetime
from functools import reduce
from operator import add
from zoneinfo import ZoneInfo

import pytest

from mailtriage.acks.promise import StaticTargets
from mailtriage.config.acks import Calendar, Targets
from mailtriage.config.follow_ups import FollowUps, ReturnsConfig, SurveysConfig, UpdatesConfig
from mailtriage.desk.follow_up import (
    Circumstances,
    Decision,
    Only,
    SendSurvey,
    SendUpdate,
    Wait,
    closing,
    daily,
    decide,
    is_sampled,
)
from mailtriage.insight import replies
from mailtriage.insight.backlog import WorkingTime
from mailtriage.insight.promises import Knowledge, MeasuredPromises, OpenMail, answer, opened
from mailtriage.state.follow_ups import Standing
from tests.support.orders import ORDER

HOUR, DAY = 3600.0, 86_400.0
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar("office", "Europe/Berlin")
TARGETS = StaticTargets(
    Targets({"urgent": 2 * HOUR, "high": 4 * HOUR, "normal": 8 * HOUR, "low": 16 * HOUR}, {})
)
SETTINGS = FollowUps(
    ReturnsConfig("triage.desk.example"),
    UpdatesConfig(2, 0.85, 0.30, ((480, 1200),), 900.0),
    SurveysConfig(DAY, 30 * DAY, 1.0, 200, 21 * DAY),
)


def at(text: str) -> float:
    """ "Wed 15:48": of the last week of November 2026, in Berlin; seconds since the epoch."""
    day, clock = text.split()
    number = 23 + ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun").index(day)
    hour, minute = map(int, clock.split(":"))
    days, hour = divmod(hour, 24)
    return datetime(2026, 11, number + days, hour, minute, tzinfo=BERLIN).timestamp()


WROTE, PROMISED = at("Wed 09:00"), at("Wed 17:00")


def waiting(**changes: object) -> Standing:
    """A customer who wrote at nine, and was promised an answer by five."""
    standing = Standing(
        conversation=1,
        order=replace(ORDER, received=WROTE, by=PROMISED, generic=""),
        wants=frozenset({"updates", "survey"}),
        told=PROMISED,
        since=WROTE,
        updates=0,
        expires=PROMISED + 14 * DAY,
        promised=PROMISED,
        answered=0.0,
        last_activity=WROTE,
        last_in=WROTE,
        waits_since=WROTE,
        ticket="",
        skills=frozenset({"delivery"}),
        shared_id=b"\x10" * 16,
        acknowledged=WROTE + 2,
        ack_owed=False,
    )
    return replace(standing, **changes)  # type: ignore[arg-type] # names of fields


def told(until: str, since: str = "Wed 09:00", **changes: object) -> Standing:
    """Another time was promised."""
    by, began = at(until), at(since)
    order = replace(ORDER, received=began, by=by, generic="")
    return waiting(
        order=order, told=by, promised=by, since=began, last_in=began, waits_since=began, **changes
    )


def answered(**changes: object) -> Standing:
    """The same customer, who had his answer on Wednesday at two."""
    return waiting(**{"answered": at("Wed 14:00"), "last_activity": at("Wed 14:00")} | changes)


def given(
    knowledge: Knowledge | None = None,
    *,
    calendar: Calendar = OFFICE,
    settings: FollowUps = SETTINGS,
    wants: frozenset[str] = frozenset({"updates", "survey"}),
) -> Circumstances:
    return Circumstances(wants, WorkingTime(calendar), knowledge or Knowledge(), TARGETS, settings)


def quick(hours: float, many: int = 40) -> Knowledge:
    """Many answers of the last days, each of which took so many working hours."""
    work, known = WorkingTime(OFFICE), Knowledge()
    for number in range(many):
        came = at("Mon 09:00") + number
        mail = OpenMail(bytes([number]), "delivery", "normal", "", came, 2 * HOUR)
        known = opened(known, mail)
        done = came + hours * HOUR * (0.8 + 0.4 * number / many)
        known, _ = answer(known, mail, done, work, human=True)
    return known


# Updates: when.


@pytest.mark.parametrize("clock", ["Wed 09:20", "Wed 12:00", "Wed 15:40"])
def test_nobody_is_told_early_while_nothing_is_known(clock: str) -> None:
    assert isinstance(decide(waiting(), given(), at(clock)), Wait)


def test_when_85_per_cent_of_the_time_are_over_the_customer_is_told() -> None:
    found = decide(waiting(), given(), at("Wed 15:48"))
    assert isinstance(found, SendUpdate)
    assert found.by > PROMISED


def test_the_time_is_that_in_which_the_team_works() -> None:
    """By the wall clock it would be over on Thursday night, when nobody could have answered."""
    standing = told("Thu 17:00", "Wed 16:00")
    assert isinstance(decide(standing, given(), at("Thu 13:00")), Wait)
    assert isinstance(decide(standing, given(), at("Thu 15:40")), SendUpdate)


def test_an_unlikely_answer_is_told_before() -> None:
    slow = quick(30.0)
    assert isinstance(decide(waiting(), given(slow), at("Wed 11:00")), SendUpdate)
    assert isinstance(decide(waiting(), given(), at("Wed 11:00")), Wait)


def answers_after(standing: Standing, clock: str, hours: float) -> Knowledge:
    """Such mails are answered when they have waited so many working hours longer than this one."""
    work, now = WorkingTime(OFFICE), at(clock)
    source = MeasuredPromises(Knowledge(), work, now, TARGETS)
    waited = work.between(standing.waits_since, now) + hours * HOUR
    one = replies.answered(waited / source.estimate("delivery", "normal"), now)
    return Knowledge(cells={("delivery", "normal"): reduce(add, [one] * 40)})


def test_while_an_answer_is_all_but_certain_nobody_is_alarmed() -> None:
    early = replace(SETTINGS, updates=replace(SETTINGS.updates, share=0.6))
    now = at("Wed 14:00")
    assert isinstance(decide(waiting(), given(settings=early), now), SendUpdate)
    in_time = answers_after(waiting(), "Wed 14:00", 1.5)
    assert isinstance(decide(waiting(), given(in_time, settings=early), now), Wait)
    too_late = answers_after(waiting(), "Wed 14:00", 6.0)
    assert isinstance(decide(waiting(), given(too_late, settings=early), now), SendUpdate)


def test_nothing_is_said_in_the_quarter_of_an_hour_after_the_customer_wrote() -> None:
    now = at("Wed 16:00")
    standing = waiting(last_in=now - 60, last_activity=now - 60)
    assert decide(standing, given(), now) == Wait(now - 60 + 900)


def test_not_once_it_is_too_late() -> None:
    assert decide(waiting(), given(), PROMISED - 30) == Only(frozenset({"survey"}), "late")
    assert decide(waiting(), given(), PROMISED + HOUR) == Only(frozenset({"survey"}), "late")


NIGHTS = Calendar("nights", "Europe/Berlin", week=(((0, 1440),),) * 7)  # type: ignore[arg-type] # seven, as the type wants


def test_what_would_have_to_be_said_in_the_night_is_said_in_the_evening() -> None:
    """Ten to six in the morning: 85 per cent are over at three."""
    standing = told("Thu 06:00", "Wed 10:00")
    around = given(calendar=NIGHTS)
    assert isinstance(decide(standing, around, at("Wed 19:00")), Wait)
    assert isinstance(decide(standing, around, at("Wed 19:45")), Wait), "less than half is over"
    standing = told("Thu 06:00", "Wed 13:30")
    assert isinstance(
        decide(replace(standing, since=at("Wed 11:00")), around, at("Wed 19:45")), Wait
    )
    later = told("Thu 04:00", "Wed 11:00")
    assert isinstance(decide(later, around, at("Wed 19:45")), SendUpdate)


def test_never_in_the_night() -> None:
    standing, around = told("Thu 06:00", "Wed 10:00"), given(calendar=NIGHTS)
    for hour in range(20, 30):
        assert not isinstance(decide(standing, around, at(f"Wed {hour}:30")), SendUpdate)


def test_a_promise_for_the_morning_can_wait_for_the_morning() -> None:
    standing, around = told("Thu 12:00", "Wed 10:00"), given(calendar=NIGHTS)
    assert isinstance(decide(standing, around, at("Wed 19:55")), Wait)
    assert isinstance(decide(standing, around, at("Thu 08:10")), SendUpdate)


# Updates: what they promise.


def test_the_new_time_is_in_opening_hours_and_much_later() -> None:
    found = decide(waiting(), given(), at("Wed 15:48"))
    assert isinstance(found, SendUpdate)
    by = datetime.fromtimestamp(found.by, BERLIN)
    assert by >= datetime(2026, 11, 26, 11, 0, tzinfo=BERLIN)
    assert by.hour in (12, 17)


def test_where_answers_take_long_it_is_later_still() -> None:
    soon = decide(waiting(), given(), at("Wed 15:48"))
    late = decide(waiting(), given(quick(30.0)), at("Wed 15:48"))
    assert isinstance(soon, SendUpdate)
    assert isinstance(late, SendUpdate)
    assert late.by > soon.by + DAY


def test_a_team_that_never_opens_again_promises_nothing() -> None:
    never = Calendar("never", "UTC", week=((),) * 7)  # type: ignore[arg-type] # seven, as the type wants
    found = decide(waiting(), given(calendar=never), at("Wed 16:59"))
    assert not isinstance(found, SendUpdate)


# Updates: how many.


def test_the_second_one_comes_only_when_the_first_slips_too() -> None:
    standing = told("Thu 17:00", "Wed 17:00", updates=1)
    assert isinstance(decide(standing, given(), at("Thu 16:30")), Wait)
    assert isinstance(decide(standing, given(), at("Thu 16:40")), SendUpdate)


def test_an_unlikely_answer_alone_brings_no_second_one() -> None:
    standing = told("Thu 17:00", "Wed 17:00", updates=1)
    assert isinstance(decide(standing, given(quick(30.0)), at("Thu 12:00")), Wait)


def test_after_the_second_a_human_has_to_look() -> None:
    standing = told("Thu 17:00", "Wed 17:00", updates=2)
    assert decide(standing, given(), at("Thu 16:40")) == Only(frozenset({"survey"}), "escalated")


# Updates: to whom not.


@pytest.mark.parametrize(
    "changes",
    [
        {"acknowledged": 0.0},
        {"unwelcome": True},
        {"expires": at("Wed 12:00")},
        {"wants": frozenset({"survey"})},
        {"answered": WROTE + 60},
        {"promised": PROMISED + HOUR},
        {"told": 0.0, "promised": 0.0},
        {"told": PROMISED + 90 * DAY, "promised": PROMISED + 90 * DAY},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_who_is_told_nothing(changes: dict[str, object]) -> None:
    found = decide(waiting(**changes), given(), at("Wed 16:30"))
    assert not isinstance(found, SendUpdate)


def test_an_acknowledgement_that_is_still_owed_is_waited_for() -> None:
    now = at("Wed 16:30")
    assert decide(waiting(acknowledged=0.0, ack_owed=True), given(), now) == Wait(now + 60)


def test_a_mailbox_that_has_switched_it_off_sends_nothing_more() -> None:
    assert decide(waiting(), given(wants=frozenset()), at("Wed 16:30")) == Only()


# Surveys.


def ask(standing: Standing, clock: str, settings: FollowUps = SETTINGS) -> Decision:
    return decide(standing, given(settings=settings), at(clock))


def test_a_day_after_the_answer_the_customer_is_asked() -> None:
    assert ask(answered(), "Thu 13:59") == Wait(at("Thu 14:00"), at("Thu 14:00") + 7 * DAY)
    assert isinstance(ask(answered(), "Thu 14:00"), SendSurvey)


def test_a_clock_that_knows_less_than_microseconds_is_no_reason_to_wait() -> None:
    """`time.time` says 1795471943.5056617, and a datetime of it 1795471943.505662."""
    hours = daily(((0, 1440),), "UTC")
    for tick in range(1000):
        now = at("Thu 15:00") + tick * 3.7e-7
        assert closing(hours, now, now + 600) == pytest.approx(now + 600)
        assert isinstance(decide(answered(), given(), now), SendSurvey)


def test_a_day_after_the_last_mail_of_either_side() -> None:
    standing = answered(last_activity=at("Wed 18:00"))
    assert isinstance(ask(standing, "Thu 17:00"), Wait)
    assert isinstance(ask(standing, "Thu 18:00"), SendSurvey)


def test_not_while_the_matter_is_open_again() -> None:
    assert isinstance(ask(answered(last_in=at("Wed 15:00")), "Fri 10:00"), Wait)


def test_not_in_the_night() -> None:
    standing = answered(answered=at("Wed 22:00"), last_activity=at("Wed 22:00"))
    assert ask(standing, "Thu 22:30") == Wait(at("Fri 08:00"), at("Thu 22:00") + 7 * DAY)


@pytest.mark.parametrize(
    "changes",
    [
        {"wants": frozenset({"updates"})},
        {"asked": True},
        {"opted_out": True},
        {"unwelcome": True},
        {"acknowledged": 0.0},
        {"skills": frozenset({"delivery", "complaint"})},
        {"skills": frozenset({"cancellation"})},
        {"skills": frozenset({"privacy"})},
        {"asked_last": at("Wed 10:00") - 27 * DAY},
        {"order": replace(ORDER, received=WROTE, generic="encrypted")},
    ],
    ids=lambda changes: " ".join(map(str, changes)),
)
def test_who_is_not_asked(changes: dict[str, object]) -> None:
    assert isinstance(ask(answered(**changes), "Fri 10:00"), Only)


def test_whoever_was_asked_long_ago_may_be_asked_again() -> None:
    standing = answered(asked_last=at("Wed 10:00") - 31 * DAY)
    assert isinstance(ask(standing, "Fri 10:00"), SendSurvey)


def test_when_enough_were_asked_today_it_waits() -> None:
    assert isinstance(ask(answered(asked_today=200), "Fri 10:00"), Wait)
    assert isinstance(ask(answered(asked_today=199), "Fri 10:00"), SendSurvey)


def test_a_week_later_nobody_is_asked_any_more() -> None:
    standing = answered(answered=at("Wed 14:00") - 9 * DAY, last_activity=at("Wed 14:00"))
    standing = replace(standing, order=replace(standing.order, received=WROTE - 10 * DAY))
    standing = replace(standing, last_in=WROTE - 10 * DAY)
    assert ask(standing, "Thu 14:30") == Only()


def test_a_share_of_the_conversations_is_always_the_same() -> None:
    ids = [number.to_bytes(2) + bytes(14) for number in range(0, 65536, 16)]
    chosen = [one for one in ids if is_sampled(one, 0.25)]
    assert len(chosen) == len(ids) // 4
    assert [one for one in ids if is_sampled(one, 0.25)] == chosen
    assert all(is_sampled(one, 1.0) for one in (*ids, b"\xff" * 16))
    assert not any(is_sampled(one, 0.0) for one in ids)
    half = replace(SETTINGS, surveys=replace(SETTINGS.surveys, share=0.01))
    assert ask(answered(), "Fri 10:00", half) == Only()
