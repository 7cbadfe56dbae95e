"""From what was measured to the time that a customer is told, and what the desk tells of."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mailtriage.acks.calendar import is_open
from mailtriage.acks.promise import PromiseSource, StaticTargets, promise
from mailtriage.config.acks import Calendar, Targets
from mailtriage.insight.backlog import Line, WorkingTime, with_all_waiting, with_reply
from mailtriage.insight.kept import Kept, Outcome
from mailtriage.insight.promises import (
    BUSY,
    HORIZON_DAYS,
    Knowledge,
    MeasuredPromises,
    OpenMail,
    aged,
    answer,
    closed,
    opened,
    renewed,
)
from mailtriage.insight.replies import EMPTY, Cell, answered, bucket, estimated, quantile, weight

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
STATIC = StaticTargets(Targets({"urgent": 2 * HOUR, "high": 4 * HOUR, "normal": 8 * HOUR, "low": 16 * HOUR}, {}))  # fmt: skip
WORK = WorkingTime(Calendar("office", "UTC"))  # Monday to Friday, 9 to 17
KIND = ("billing", "normal")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW = at("2026-11-25T10:00")  # a Wednesday


def mail(key: bytes = b"m1", when: float = NOW, **changes: object) -> OpenMail:
    found = OpenMail(key, *KIND, calendar="office", opened=when, estimate=2 * HOUR)
    return replace(found, **changes)  # type: ignore[arg-type]  # names of fields


def cell_of(*quotients: float, when: float = NOW - HOUR) -> Cell:
    return sum((answered(each, when) for each in quotients), EMPTY)


def source(knowledge: Knowledge, now: float = NOW) -> MeasuredPromises:
    return MeasuredPromises(knowledge, WORK, now, STATIC)


def steady(hourly: int = 4) -> Line:
    """So many answers an hour, in the last two working days."""
    line = Line(began=NOW - 30 * DAY)
    for day in ("23", "24"):
        for hour in range(9, 17):
            for _ in range(hourly):
                line = with_reply(line, at(f"2026-11-{day}T{hour:02}:30"), WORK)
    return line


class TestTarget:
    """How long an answer takes."""

    def test_it_is_what_the_administrator_wrote_until_twenty_answers_are_known(self) -> None:
        few = Knowledge(cells={KIND: cell_of(*[1.0] * 19)})
        measured: PromiseSource = source(few)
        assert measured.target(*KIND) == 8 * HOUR
        assert measured.target("billing", "urgent") == 2 * HOUR
        enough = Knowledge(cells={KIND: cell_of(*[1.0] * 20)})
        assert source(enough).target(*KIND) != 8 * HOUR

    def test_it_is_the_estimate_times_the_quantile(self) -> None:
        cell = cell_of(*[0.5] * 10, *[1.0] * 10, *[3.0] * 5)
        known = Knowledge(cells={KIND: cell}, lines={"billing": steady()})
        found = source(known)
        assert found.target(*KIND) == pytest.approx(found.estimate(*KIND) * quantile(cell, 0.8))

    def test_more_open_mails_make_it_longer_at_once(self) -> None:
        cell, line = cell_of(*[1.0] * 50), steady()
        quiet = Knowledge(cells={KIND: cell}, lines={"billing": line})
        pile = replace(quiet, lines={"billing": with_all_waiting(line, [("normal", 40.0)])})
        assert source(pile).target(*KIND) > 5 * source(quiet).target(*KIND)

    def test_it_backs_off_to_the_skill_to_all_and_to_what_was_written(self) -> None:
        own, skill, everything = cell_of(*[1.0] * 30), cell_of(*[2.0] * 60), cell_of(*[4.0] * 900)
        few = cell_of(*[0.1] * 3)
        cells = {
            KIND: own,
            ("billing", "high"): few,
            ("legal", "low"): few,
            ("technical", "low"): everything,
            ("billing", "low"): skill,
        }
        known = Knowledge(cells=cells)
        assert known.known(*KIND, NOW) == own
        by_skill = known.known("billing", "high", NOW)
        assert by_skill is not None
        assert by_skill.numbers() == pytest.approx((own + few + skill).numbers())
        by_all = known.known("legal", "low", NOW)
        assert by_all is not None
        assert by_all.answers == 30 + 3 + 3 + 900 + 60
        assert Knowledge(cells={KIND: few}).known("legal", "low", NOW) is None

    def test_it_is_never_longer_than_is_waited_for(self) -> None:
        pile = with_all_waiting(steady(1), [("normal", 40.0)])
        slow = Knowledge(cells={KIND: cell_of(*[50.0] * 30)}, lines={"billing": pile})
        assert source(slow).target(*KIND) == HORIZON_DAYS * 8 * HOUR
        stuck = replace(cell_of(*[1.0] * 30), censored=(0.0,) * 47 + (1e6 * weight(NOW),))
        assert quantile(stuck, 0.8) == math.inf
        assert source(Knowledge(cells={KIND: stuck})).target(*KIND) == HORIZON_DAYS * 8 * HOUR

    def test_answers_of_last_year_are_forgotten(self) -> None:
        old = Knowledge(cells={KIND: cell_of(*[1.0] * 500, when=NOW - 400 * DAY)})
        assert source(old).target(*KIND) == 8 * HOUR


class TestPromise:
    """The time that is named."""

    quick = Knowledge(cells={KIND: cell_of(*[0.02] * 50)}, lines={"billing": steady(60)})
    slow = Knowledge(cells={KIND: cell_of(*[40.0] * 50)}, lines={"billing": steady(1)})

    def test_never_sooner_than_in_an_hour(self) -> None:
        assert source(self.quick).target(*KIND) < 10 * MINUTE
        for received in (NOW, at("2026-11-25T16:40"), at("2026-11-28T12:00")):
            found = renewed(source(self.quick, received), WORK, KIND, received, 0.0)
            assert found is not None
            assert found.by.timestamp() >= received + HOUR

    def test_rounded_up_to_a_time_that_people_name(self) -> None:
        known = Knowledge(cells={KIND: cell_of(*[2.0] * 50)}, lines={"billing": steady(2)})
        target = source(known).target(*KIND)
        assert HOUR < target < 2 * HOUR
        found = renewed(source(known), WORK, KIND, NOW + 7 * MINUTE, 0.0)
        assert found is not None
        assert found.by.minute in (0, 30)
        assert found == promise(WORK.calendar, target, datetime.fromtimestamp(NOW + 420, UTC))

    def test_beyond_five_working_days_it_is_late(self) -> None:
        found = renewed(source(self.slow), WORK, KIND, NOW, 0.0)
        assert found is not None
        assert found.late
        assert not is_open(WORK.calendar, found.by) or found.by.hour in (12, 17)

    def test_a_conversation_keeps_its_promise(self) -> None:
        earlier = at("2026-11-25T17:00")
        for knowledge in (self.quick, self.slow):
            found = renewed(source(knowledge), WORK, KIND, NOW, earlier)
            assert found is not None
            assert found.by.timestamp() == earlier
            assert not found.late

    def test_also_when_little_of_it_is_left(self) -> None:
        found = renewed(source(self.slow), WORK, KIND, NOW, NOW + 60)
        assert found is not None
        assert found.by.timestamp() == NOW + 60

    def test_a_promise_that_was_late_is_still_late(self) -> None:
        found = renewed(source(self.quick), WORK, KIND, NOW, at("2026-12-09T17:00"))
        assert found is not None
        assert found.late

    def test_a_promise_that_has_passed_is_renewed(self) -> None:
        fresh = renewed(source(self.slow), WORK, KIND, NOW, 0.0)
        for passed in (NOW - HOUR, NOW):
            assert renewed(source(self.slow), WORK, KIND, NOW, passed) == fresh

    def test_a_team_that_never_opens_promises_nothing(self) -> None:
        never = WorkingTime(Calendar("none", "UTC", week=((),) * 7))
        assert renewed(STATIC, never, KIND, NOW, 0.0) is None
        assert renewed(STATIC, never, KIND, NOW, NOW + DAY) is None


class TestBusy:
    """ "We have unusually much to do." """

    def knowledge(self, times: float) -> Knowledge:
        line = with_all_waiting(steady(), [("normal", 11.0)])  # 12 / 4 h + 20 min
        usual = source(Knowledge(lines={"billing": line})).estimate(*KIND) / times
        cell = cell_of(*[1.0] * 30) + sum((estimated(usual, NOW - HOUR) for _ in range(30)), EMPTY)
        return Knowledge(cells={KIND: cell}, lines={"billing": line})

    def test_when_much_more_waits_than_usual(self) -> None:
        assert source(self.knowledge(BUSY * 1.05)).is_busy(*KIND)
        assert not source(self.knowledge(BUSY * 0.95)).is_busy(*KIND)

    def test_nothing_is_unusual_as_long_as_little_is_known(self) -> None:
        assert not source(Knowledge()).is_busy(*KIND)
        assert not source(Knowledge(cells={KIND: cell_of(*[1.0] * 30)})).is_busy(*KIND)


class TestWhatHappens:
    """What the desk tells of."""

    def test_the_first_answer_of_a_human_is_learnt(self) -> None:
        waiting = mail(promised=NOW + 4 * HOUR)
        before = opened(Knowledge(), waiting)
        assert before.lines["billing"].ahead("normal") == pytest.approx(0.9)
        after, what = answer(before, waiting, NOW + 3 * HOUR, WORK, human=True)
        assert what is Outcome.KEPT
        cell = after.cells[KIND]
        assert cell.answers == 1
        assert [at for at, count in enumerate(cell.events) if count] == [bucket(1.5)]
        assert after.lines["billing"].ahead("normal") == pytest.approx(0.0, abs=0.1)
        assert after.lines["billing"].replies == ((int((NOW + 3 * HOUR) // HOUR), 1.0),)
        assert after.kept["billing"] == Kept(kept=1)

    def test_what_a_machine_writes_stops_no_clock(self) -> None:
        before = opened(Knowledge(), mail())
        assert answer(before, mail(), NOW + 60, WORK, human=False) == (before, None)

    def test_nights_and_weekends_are_not_counted(self) -> None:
        friday, monday = at("2026-11-27T16:00"), at("2026-11-30T10:00")
        waiting = mail(when=friday)
        after, _ = answer(opened(Knowledge(), waiting), waiting, monday, WORK, human=True)
        assert after.cells[KIND].events[bucket(1.0)] > 0

    def test_the_very_moment_is_in_time_and_later_is_not(self) -> None:
        for late, what in ((0.0, Outcome.KEPT), (1.0, Outcome.BROKEN)):
            waiting = mail(promised=NOW + HOUR)
            after, found = answer(Knowledge(), waiting, NOW + HOUR + late, WORK, human=True)
            assert found is what
            assert after.kept["billing"] == Kept(**{what: 1})

    def test_without_a_promise_none_is_judged(self) -> None:
        after, what = answer(Knowledge(), mail(), NOW + 90 * DAY, WORK, human=True)
        assert what is None
        assert after.kept["billing"] == Kept()

    def test_an_answer_before_its_mail_took_no_time(self) -> None:
        after, _ = answer(Knowledge(), mail(), NOW - 60, WORK, human=True)
        assert after.cells[KIND].events[0] > 0

    def test_closed_without_an_answer(self) -> None:
        waiting = mail(promised=NOW + HOUR)
        before = opened(Knowledge(), waiting)
        after, what = closed(before, waiting, NOW + 60, WORK)
        assert what is None
        assert sum(after.cells[KIND].events) == 0
        assert after.cells[KIND].needless > 0
        after, what = closed(before, waiting, NOW + 2 * HOUR, WORK)
        assert what is Outcome.UNANSWERED
        assert after.kept["billing"].share is None
        assert after.lines["billing"].replies == ()

    def test_nothing_is_changed_in_place(self) -> None:
        """A transaction that fails leaves what was known before it."""
        before = opened(Knowledge(), mail())
        kept = {kind: cell.to_bytes() for kind, cell in before.cells.items()}
        answer(before, mail(), NOW + HOUR, WORK, human=True)
        closed(before, mail(), NOW + HOUR, WORK)
        opened(before, mail(b"m2"))
        aged(before, [mail()], NOW + HOUR, lambda _: WORK)
        assert {kind: cell.to_bytes() for kind, cell in before.cells.items()} == kept

    def test_a_cell_that_a_wrong_clock_filled_is_begun_anew(self) -> None:
        poisoned = Knowledge(cells={KIND: cell_of(*[1.0] * 30, when=NOW + 700 * DAY)})
        assert source(poisoned).target(*KIND) == 8 * HOUR
        good = {("billing", "high"): cell_of(*[1.0] * 30), **poisoned.cells}
        assert Knowledge(cells=good).known("billing", "low", NOW) == good["billing", "high"]
        after = opened(poisoned, mail())
        assert after.cells[KIND].answers == 0


class TestLookingThrough:
    """What is open grows older."""

    def test_open_mails_are_counted_anew(self) -> None:
        rows = [mail(bytes([each]), NOW - each * HOUR / 4) for each in range(1, 4)]
        found = aged(Knowledge(), rows, NOW, lambda _: WORK)
        assert not found.expired
        assert 2.0 < found.knowledge.lines["billing"].ahead("normal") < 3.0
        assert sum(each > 0 for each in found.knowledge.cells[KIND].censored) == 3

    def test_none_open_none_counted(self) -> None:
        some = aged(Knowledge(), [mail()], NOW + HOUR, lambda _: WORK).knowledge
        none = aged(some, [], NOW + HOUR, lambda _: WORK).knowledge
        assert none.lines["billing"].ahead("low") == 0
        assert none.cells[KIND] == EMPTY

    def test_after_ten_working_days_nobody_waits_any_more(self) -> None:
        old = mail(b"old", at("2026-11-11T10:00"), promised=at("2026-11-11T12:00"))
        young = mail(b"young", at("2026-11-11T11:00"))
        found = aged(Knowledge(), [old, young], NOW, lambda _: WORK)
        assert not found.expired  # to the minute
        later = aged(Knowledge(), [old, young], NOW + HOUR, lambda _: WORK)
        assert later.expired == ((old, Outcome.UNANSWERED),)
        assert later.knowledge.kept["billing"].unanswered == 1
        assert later.knowledge.cells[KIND].needless > 0

    def test_mails_that_are_overdue_are_counted(self) -> None:
        rows = [mail(bytes([each]), NOW, promised=NOW + each * HOUR) for each in range(4)]
        found = aged(Knowledge(), rows, NOW + 2.5 * HOUR, lambda _: WORK)
        assert found.overdue == {"billing": 3}


def test_two_servers_know_as_much_as_one() -> None:
    one, left, right = Knowledge(), Knowledge(), Knowledge()
    for number in range(60):
        row = mail(bytes([number]), NOW + number * 60, promised=NOW + 3 * HOUR)
        when = row.opened + number * 5 * MINUTE
        one, _ = answer(opened(one, row), row, when, WORK, human=True)
        if number % 2:
            left, _ = answer(opened(left, row), row, when, WORK, human=True)
        else:
            right, _ = answer(opened(right, row), row, when, WORK, human=True)
    both = left + right
    assert both.cells[KIND].numbers() == pytest.approx(one.cells[KIND].numbers())
    assert both.kept == one.kept
    assert both.lines["billing"].replies == one.lines["billing"].replies
    later = NOW + 6 * HOUR
    # How many are open is reckoned between two looks, and known again after each.
    both, one = (aged(each, [], later, lambda _: WORK).knowledge for each in (both, one))
    assert source(both, later).target(*KIND) == pytest.approx(source(one, later).target(*KIND))


@pytest.mark.parametrize("kept", [Kept(), Kept(3, 1, 2), Kept(2**62, 2**62, 0)])
def test_counts_of_promises_are_kept_and_added_up(kept: Kept) -> None:
    assert Kept.from_bytes(kept.to_bytes()) == kept
    assert kept + Kept() == kept
    assert (kept + Kept(1, 2, 3)).broken == kept.broken + 2


def test_the_share_of_promises_kept() -> None:
    assert Kept().share is None
    assert Kept(3, 1, 9).share == 0.75


@pytest.mark.parametrize("wrong", [b"", bytes(25), Kept().to_bytes() + b"\0", b"\1" + b"\xff" * 24])
def test_other_bytes_are_no_counts(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="not counts of promises"):
        Kept.from_bytes(wrong)
