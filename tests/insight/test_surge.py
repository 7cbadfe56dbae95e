"""The detector: what is a surge, what is not, and what it learns from.

The last tests are simulations with fixed seeds (surge_simulation.py); `python -m
tests.bench.insight_warning` runs the long form.
"""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.insight.counts import Counts, merge
from mailtriage.insight.surge import (
    FEWEST_MAILS,
    ON,
    Quarter,
    Reading,
    SurgeState,
    expect,
    newborn,
    observe,
)
from mailtriage.insight.surge_bytes import SIZE, from_bytes, to_bytes
from tests.insight.surge_simulation import (
    Found,
    detection,
    false_alarms,
    run,
    simulate,
    week_learner,
    writer_bit,
)

BORN = 500_000 - 500_000 % 168
WARM = 15 * 24
"""Hours after which a series is known."""


def quarter(index: int) -> Quarter:
    hour = BORN + index // 4
    return Quarter(hour, index % 4, hour % 168, hour // 24)


def people(number: int, first: int = 0) -> int:
    bits = 0
    for each in range(first, first + number):
        bits |= 1 << writer_bit(each)
    return bits


def feed(state: SurgeState, mails: Iterable[int], begin: int = 0) -> list[Reading]:
    """Mails by the hour, four quarters alike or nearly so, every mail of another writer."""
    readings = []
    for hour, count in enumerate(mails, begin // 4):
        for number in range(4):
            now = count // 4 + (number < count % 4)
            counts = Counts(now, people(now, hour * 1000 + number * 100))
            readings.append(observe(state, counts, quarter(hour * 4 + number), 1.0))
    return readings


def known(an_hour: int = 4, hours: int = WARM) -> SurgeState:
    """A series that has had so many mails every hour for more than two weeks."""
    state = newborn(BORN, BORN)
    feed(state, [an_hour] * hours)
    return state


def events(readings: Iterable[Reading]) -> list[str]:
    return [each.event for each in readings if each.event]


def test_steady_mail_is_no_surge_and_is_expected_exactly() -> None:
    state = known(4)
    readings = feed(state, [4] * 24 * 30, WARM * 4)
    assert events(readings) == []
    assert readings[-1].hour_expected == pytest.approx(4, rel=0.02)


def test_twice_as_much_is_found_and_its_end_too() -> None:
    state = known(4)
    readings = feed(state, [8] * 24 + [4] * 48, WARM * 4)
    assert events(readings) == ["started", "ended"]
    started = next(each for each in readings if each.event == "started")
    assert started.score >= ON
    assert started.since == BORN + WARM
    assert started.observed / started.expected == pytest.approx(2, rel=0.15)
    assert started.senders == pytest.approx(started.observed, rel=0.2)


def test_a_burst_is_found_before_its_hour_is_over() -> None:
    state = known(4)
    first = observe(state, Counts(30, people(30)), quarter(WARM * 4), 1.0)
    assert first.event == "started"
    assert first.expected == pytest.approx(1, rel=0.05)  # a quarter of the hour's


@pytest.mark.parametrize(("writers", "found"), [(1, False), (3, False), (60, True)])
def test_a_loop_or_an_angry_writer_is_no_surge(writers: int, found: bool) -> None:
    state = known(1)
    readings = []
    for index in range(WARM * 4, WARM * 4 + 24):
        readings.append(observe(state, Counts(60, people(writers)), quarter(index), 1.0))
    assert ("started" in events(readings)) is found


def test_a_loop_beside_ordinary_mail_is_no_surge() -> None:
    """Ordinary mail brings four writers along: the loop itself must not count."""
    state = known(4)
    readings = []
    for index in range(WARM * 4, WARM * 4 + 24 * 4):
        ordinary, loop = Counts(1, people(1, 1000 + index)), Counts(100, people(1))
        readings.append(observe(state, merge([ordinary, loop]), quarter(index), 1.0))
    assert events(readings) == []


def test_few_mails_are_no_surge_whatever_was_expected() -> None:
    state = newborn(BORN, BORN + WARM)
    few = FEWEST_MAILS - 1
    reading = observe(state, Counts(few, people(few)), quarter(WARM * 4), 1.0, threshold=0.5)
    assert reading.score > 0.5
    assert not reading.surging


def test_what_never_occurred_is_known_never_to_occur() -> None:
    """A topic of which there was no mail for weeks needs no warm-up."""
    state = newborn(BORN, BORN + WARM)
    readings = feed(state, [6, 6, 6], WARM * 4)
    assert events(readings) == ["started"]


def test_nothing_is_learnt_from_a_surge() -> None:
    state = known(4)
    before = expect(state, 0, 1.0)
    readings = feed(state, [16] * 72, WARM * 4)
    assert readings[-1].surging
    assert expect(state, 0, 1.0) == pytest.approx(before, rel=0.08)


def test_a_rise_that_stays_is_the_new_usual_after_a_week() -> None:
    state = known(4)
    readings = feed(state, [12] * 24 * 14, WARM * 4)
    assert events(readings) == ["started", "settled"]
    assert readings[-1].hour_expected == pytest.approx(12, rel=0.15)


def test_a_rise_too_small_to_tell_does_not_freeze_for_ever() -> None:
    state = known(4)
    feed(state, [6] * 24 * 40, WARM * 4)
    assert expect(state, 0, 1.0) == pytest.approx(6, rel=0.1)


@pytest.mark.parametrize(
    ("day", "factor", "found"), [(3, 8, False), (9, 3, False), (9, 5, True), (12, 5, True)]
)
def test_in_the_first_weeks_only_four_times_a_like_day_is_told(
    day: int, factor: int, found: bool
) -> None:
    state = newborn(BORN, BORN)
    readings = feed(state, [2] * day * 24 + [2 * factor] * 24)
    assert ("started" in events(readings)) is found


def test_a_warm_up_alarm_ends() -> None:
    state = newborn(BORN, BORN)
    assert events(feed(state, [2] * 216 + [12] * 24 + [2] * 24 * 10)) == ["started", "ended"]


def test_hours_that_nobody_evaluated_are_not_taken_for_silence() -> None:
    one, other = known(4), known(4)
    gap = 10 * 24 * 4
    feed(one, [4] * 48, WARM * 4 + gap)
    feed(other, [4] * 48, WARM * 4)
    assert expect(one, 0, 1.0) == pytest.approx(expect(other, 0, 1.0), rel=0.01)
    assert one.score == pytest.approx(other.score, abs=0.5)


def test_a_higher_threshold_waits_longer() -> None:
    def delay(threshold: float) -> int:
        state = known(4)
        for index in range(WARM * 4, WARM * 4 + 400):
            counts = Counts(2, people(2, index * 3))
            if observe(state, counts, quarter(index), 1.0, threshold).surging:
                return index
        raise AssertionError("never found")

    assert delay(6) < delay(9) < delay(12)


counts_strategy = st.builds(
    lambda mails, first: Counts(mails, people(mails, first)),
    st.integers(0, 40),
    st.integers(0, 255),
)


@settings(deadline=None)
@given(st.lists(counts_strategy, min_size=1, max_size=40), st.integers(0, 400))
def test_a_state_goes_on_after_its_bytes_as_if_it_had_never_stopped(
    counts: list[Counts], skip: int
) -> None:
    one = newborn(BORN, BORN + WARM)
    other = newborn(BORN, BORN + WARM)
    for step, each in enumerate(counts):
        at = quarter(WARM * 4 + step + (skip if step > 20 else 0))
        other = from_bytes(to_bytes(other))
        assert observe(one, each, at, 0.7) == observe(other, each, at, 0.7)
    assert to_bytes(one) == to_bytes(other)


@pytest.mark.parametrize("hours", [1, 100, 1000])
def test_a_state_never_grows(hours: int) -> None:
    assert len(to_bytes(known(4, hours))) == SIZE < 3000


@settings(deadline=None)
@given(st.binary(max_size=400) | st.binary(min_size=SIZE, max_size=SIZE))
def test_foreign_bytes_are_refused_and_nothing_else(data: bytes) -> None:
    try:
        state = from_bytes(data)
    except ValueError:
        return
    observe(state, Counts(3, people(3)), quarter(WARM * 4), 1.0)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"\2" + data[1:],
        lambda data: data[:90] + b"\xff" * 8 + data[98:],
        lambda data: b"",
    ],
)
def test_damaged_bytes_are_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match="surge state"):
        from_bytes(damage(to_bytes(known())))


@settings(deadline=None)
@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=60))
def test_no_number_of_mails_breaks_it(mails: list[int]) -> None:
    state = newborn(BORN, BORN + WARM)
    for index, count in enumerate(mails):
        reading = observe(state, Counts(count, (1 << 256) - 1), quarter(WARM * 4 + index), 0.02)
        assert 0 <= reading.score <= 60
    from_bytes(to_bytes(state))


def found(topics: int, a_day: float, factor: float, seed: int) -> Found:
    town = simulate(topics, a_day, seed, factor)
    shapes = week_learner(town.quarters.sum(axis=0))
    return detection([run(each, shapes) for each in town.quarters], town.surges)


MONTHS = 60
"""Topic-months of each volume; the second of two months counts."""


@pytest.fixture(scope="module")
def quiet() -> dict[int, float]:
    """False alarms a topic and month, by mails a day."""
    rates = {}
    for a_day in (5, 30, 200):
        town = simulate(MONTHS, a_day, seed=a_day)
        shapes = week_learner(town.quarters.sum(axis=0))
        rates[a_day] = false_alarms(run(each, shapes) for each in town.quarters)
    return rates


def test_false_alarms_are_at_most_three_in_ten_topic_months(quiet: dict[int, float]) -> None:
    """Over all volumes, 180 topic-months. Chance alone: ± 0.04 (one standard error)."""
    assert sum(quiet.values()) / 3 <= 0.3


def test_no_volume_is_much_noisier_than_another(quiet: dict[int, float]) -> None:
    """One threshold for all. 60 topic-months each: 0.3 plus two standard errors of 0.07."""
    assert max(quiet.values()) <= 0.44


def test_twice_as_much_of_thirty_mails_a_day_is_found_within_three_days() -> None:
    """94 of 100 in the long form (± 1.5). Here of 60 surges 52: 2.5 standard errors (3 %) off."""
    assert found(60, 30, 2, seed=1).share >= 52 / 60


def test_four_times_as_much_is_found_within_hours() -> None:
    result = found(40, 30, 4, seed=2)
    assert result.share == 1
    assert result.median <= 4
