"""The clock that first answers stop, and the times that are promised by it."""

import random
from dataclasses import replace

import pytest

from mailtriage.acks.promise import StaticTargets
from mailtriage.config.acks import DEFAULT_CALENDAR, Calendar, Targets
from mailtriage.desk.answers import MeasuredAnswers
from mailtriage.desk.clock import MOST_OF_ONE, Answered, Queue, ReplyClock
from mailtriage.insight.kept import Outcome
from mailtriage.state.replies import Waiting

HOUR, DAY = 3600.0, 86400.0
MONDAY = 1_793_610_000.0
"""2 November 2026, 09:00 UTC, when the team begins to work."""
TARGETS = StaticTargets(
    Targets({"urgent": 2 * HOUR, "high": 4 * HOUR, "normal": 8 * HOUR, "low": 16 * HOUR}, {})
)


def always(_: str) -> tuple[str, Calendar]:
    """Monday to Friday, 9 to 17, UTC."""
    return "", DEFAULT_CALENDAR


@pytest.fixture
def clock() -> ReplyClock:
    return ReplyClock(always)


def mail(number: int, began: float, answered: float = 0.0, **changes: object) -> Waiting:
    row = Waiting(
        number, "help@desk.example", began, "billing", "normal", 0.0, answered,
        max(began, answered),
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type] # names of fields


def days_of_answers(days: int, hours: float) -> list[Waiting]:
    """Twelve mails on each working day, one every half hour, each answered after so many hours of
    the working day, or of the next one."""
    rows = []
    for day in range(days):
        if day % 7 > 4:
            continue
        for each in range(12):
            began = MONDAY + day * DAY + each * HOUR / 2
            answered = began + hours * HOUR
            rows.append(mail(len(rows) + 1, began, answered))
    return rows


def promised(clock: ReplyClock, at: float, earlier: float = 0.0) -> float:
    """Seconds from a mail of that moment to the time that it would be told; -1: none."""
    answers = MeasuredAnswers()
    answers.knowledge = clock.knowledge
    found, _ = answers.expect(DEFAULT_CALENDAR, TARGETS, ("billing", "normal"), at, earlier)
    return found.by.timestamp() - at if found else -1.0


def test_a_first_answer_ends_the_wait(clock: ReplyClock) -> None:
    assert clock.feed([mail(1, MONDAY)], MONDAY + 60) == []
    assert clock.queues() == {"billing": Queue(1, MONDAY)}
    (ended,) = clock.feed([mail(1, MONDAY, MONDAY + 2 * HOUR)], MONDAY + 3 * HOUR)
    assert ended == Answered("billing", "normal", MONDAY + 2 * HOUR, 2 * HOUR, 2 * HOUR, None)
    assert clock.queues() == {}


def test_the_night_is_no_working_time(clock: ReplyClock) -> None:
    (ended,) = clock.feed([mail(1, MONDAY + 7 * HOUR, MONDAY + DAY)], MONDAY + DAY)
    assert (ended.wall, ended.worked) == (17 * HOUR, HOUR)


@pytest.mark.parametrize(
    ("by", "outcome"), [(2 * HOUR, Outcome.KEPT), (2 * HOUR - 1, Outcome.BROKEN), (0, None)]
)
def test_a_promise_is_kept_or_broken(clock: ReplyClock, by: float, outcome: Outcome | None) -> None:
    row = mail(1, MONDAY, MONDAY + 2 * HOUR, promised=MONDAY + by if by else 0.0)
    (ended,) = clock.feed([row], MONDAY + 3 * HOUR)
    assert ended.outcome is outcome


def test_nothing_counts_twice(clock: ReplyClock) -> None:
    row = mail(1, MONDAY, MONDAY + HOUR)
    assert len(clock.feed([row], MONDAY + DAY)) == 1
    before = clock.knowledge
    assert clock.feed([row, replace(row, last_activity=MONDAY + DAY)], MONDAY + DAY + 1) == []
    assert clock.knowledge == before


def test_a_mail_without_an_answer_is_given_up_after_ten_working_days(clock: ReplyClock) -> None:
    clock.feed([mail(1, MONDAY, promised=MONDAY + HOUR)], MONDAY + HOUR)
    assert clock.feed([], MONDAY + 13 * DAY) == []
    (ended,) = clock.feed([], MONDAY + 15 * DAY)
    assert (ended.wall, ended.outcome) == (0.0, Outcome.UNANSWERED)
    assert clock.queues() == {}
    # An answer that comes after all is none of those that were measured.
    assert clock.feed([mail(1, MONDAY, MONDAY + 16 * DAY)], MONDAY + 16 * DAY) == []


def test_mail_of_the_future_is_not_believed(clock: ReplyClock) -> None:
    assert clock.feed([mail(1, MONDAY + DAY)], MONDAY) == []
    assert clock.queues() == {}


def test_until_twenty_answers_are_known_the_targets_hold(clock: ReplyClock) -> None:
    static = promised(clock, MONDAY + 28 * DAY)
    assert static == 8 * HOUR
    clock.feed(days_of_answers(28, 1.0)[:19], MONDAY + 28 * DAY, replay=True)
    assert promised(clock, MONDAY + 28 * DAY) == static


def test_a_quick_helpdesk_promises_less_than_its_targets(clock: ReplyClock) -> None:
    clock.feed(days_of_answers(28, 1.0), MONDAY + 28 * DAY, replay=True)
    assert HOUR <= promised(clock, MONDAY + 28 * DAY) < 4 * HOUR


def test_a_slow_helpdesk_promises_more(clock: ReplyClock) -> None:
    wednesday = MONDAY + 23 * DAY + 6 * HOUR
    rows = [row for row in days_of_answers(28, 49.0) if row.began < wednesday]
    clock.feed(rows, wednesday, replay=True)
    assert promised(clock, wednesday) > DAY


def test_a_conversation_keeps_what_it_was_promised(clock: ReplyClock) -> None:
    clock.feed(days_of_answers(28, 1.0), MONDAY + 28 * DAY, replay=True)
    now = MONDAY + 28 * DAY
    assert promised(clock, now, earlier=now + 5.5 * HOUR) == 5.5 * HOUR
    assert promised(clock, now, earlier=now - HOUR) == promised(clock, now)


def test_in_whatever_portions_it_is_fed_it_learns_the_same() -> None:
    """The desk that ran all the time, and the one that was started a moment ago."""
    rows = days_of_answers(28, 3.0)
    at_once, day_by_day = ReplyClock(always), ReplyClock(always)
    end = MONDAY + 28 * DAY
    at_once.feed(rows, end, replay=True)
    for day in range(29):
        now = MONDAY + day * DAY
        seen = [
            replace(row, answered=row.answered if row.answered <= now else 0.0)
            for row in rows
            if now - 2 * DAY <= row.began <= now
        ]
        random.Random(day).shuffle(seen)
        day_by_day.feed(seen, now)
    assert promised(at_once, end) == promised(day_by_day, end)
    cells = at_once.knowledge.cells, day_by_day.knowledge.cells
    assert cells[0].keys() == cells[1].keys()
    assert [cell.answers for cell in cells[0].values()] == [
        cell.answers for cell in cells[1].values()
    ]


def test_one_customer_does_not_put_off_what_the_others_are_promised(clock: ReplyClock) -> None:
    now = MONDAY + 28 * DAY
    clock.feed(days_of_answers(28, 1.0), now, replay=True)
    before = promised(clock, now)
    flood = [mail(10_000 + each, now, customer=b"one") for each in range(1000)]
    clock.feed(flood, now)
    assert clock.queues()["billing"].count == MOST_OF_ONE
    assert promised(clock, now) <= before + HOUR
    crowd = [mail(20_000 + each, now, customer=b"%d" % each) for each in range(1000)]
    clock.feed(crowd, now)
    assert promised(clock, now) > before + DAY


def test_a_customer_whose_mails_were_answered_counts_again(clock: ReplyClock) -> None:
    first = [mail(each, MONDAY, MONDAY + HOUR, customer=b"one") for each in range(MOST_OF_ONE)]
    assert len(clock.feed(first, MONDAY + HOUR)) == MOST_OF_ONE
    clock.feed([mail(100, MONDAY + HOUR, customer=b"one")], MONDAY + HOUR)
    assert clock.queues()["billing"].count == 1


def test_who_goes_through_months_can_be_stopped_on_the_way(clock: ReplyClock) -> None:
    pauses = []

    def stop() -> None:
        pauses.append(1)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        clock.feed(days_of_answers(28, 1.0), MONDAY + 28 * DAY, replay=True, pause=stop)
    assert len(pauses) == 1


@pytest.mark.parametrize("earlier", [366 * DAY, 10 * 366 * DAY, 1e300, float("inf"), 60.0])
def test_an_absurd_promise_of_before_is_not_repeated(clock: ReplyClock, earlier: float) -> None:
    """Made by a clock that was years ahead; or over before the acknowledgement is read."""
    assert promised(clock, MONDAY, earlier=MONDAY + earlier) == promised(clock, MONDAY)


def test_knowledge_that_makes_no_sense_leaves_the_targets(clock: ReplyClock) -> None:
    class Broken:
        def known(self, *_: object) -> None:
            raise OverflowError

    answers = MeasuredAnswers()
    answers.knowledge = Broken()  # type: ignore[assignment] # it breaks
    found, busy = answers.expect(DEFAULT_CALENDAR, TARGETS, ("billing", "normal"), MONDAY, 0.0)
    assert found is not None
    assert (found.by.timestamp(), busy) == (MONDAY + 8 * HOUR, False)
