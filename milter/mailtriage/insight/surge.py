"""Whether more mail of one kind comes in than does at this hour: a negative-binomial CUSUM.

Expected in an hour: the series' own level (half-life a week) × the shape of the organisation's week
(profile.py) × what the series' own week looks like, as far as it has shown. The score adds up, hour
by hour, how much better "twice as much" explains the mail than "as usual" does; it never falls
below nought, so a rise of any length is found, and a quiet month buys no credit.

Mail does not come in like raindrops: hours and whole days are busier than others for no reason that
matters. Both spreads are learnt. That of hours is part of the likelihood; that of days discounts
it, and so one threshold gives about the same number of false alarms at 5 and at 200 mails a day.

Source of the form and its constants: simulations against five other methods; docs/early-warning.md
has the figures and what was changed since. All state is O(1): `SurgeState`, which surge_bytes.py
writes.
"""

from array import array
from dataclasses import dataclass, field
from math import log, sqrt
from typing import Final, Literal

from mailtriage.insight.counts import Counts, counted_mails, sender_count
from mailtriage.insight.profile import HOURS

ON: Final = 6.0
"""A surge begins at this score: 0.08 to 0.26 false alarms a month and series, by volume."""
OFF: Final = 2.0
FACTOR: Final = 2.0
"""What the score looks for; a rise to 1.4 times as much makes it hover, a higher one climb."""
CEILING: Final = 60.0
FROZEN: Final = 4.0
"""Above this score nothing is learnt, or the outbreak would become the rule."""

FEWEST_MAILS: Final = 5
FEWEST_SENDERS: Final = 4
_MORE_PEOPLE: Final = 1.25
"""A surge has that many times as many writers as mails were expected: a mail loop beside ordinary
mail has not."""
_PEOPLE_TOLD_APART: Final = 500
"""Above, the map of writers is too full to compare."""

WARM_UP: Final = 14 * 24
"""Hours in which a series is only compared with the same weekday."""
WARM_UP_FACTOR: Final = 4
_SETTLING: Final = 7 * 24
"""First hours: nothing is cut off, since what is usual is not known. Also: a rise that lasts so
many hours is what is usual from now on."""

_LEVEL_KEPT: Final = 0.5 ** (1 / _SETTLING)
_LEAST_RATE: Final = 0.02
"""Mails an hour; one in two days. Rarer series are treated as that."""
_OWN_SHRINK: Final = 30.0
"""Expected mails in an hour of the week at which the series' own habit weighs half."""
_OWN_KEPT: Final = 0.5 ** (1 / 8)
"""A week."""

_SPREAD_KEPT: Final = 1 - 1 / (21 * 24)
_SPREAD_BASE: Final = 30.0
"""Squared expectation for which the first guess of a spread counts."""
_HOUR_GUESS: Final = 0.14
_DAY_GUESS: Final = 0.044
_SPREAD_BOUNDS: Final = (0.02, 1.5)
_BURSTS: Final = 1.6
"""Hours of a day resemble each other a little, even where no day is special."""
_CUT_HIGH: Final = 2.5
_CUT_LOW: Final = -3.0

Event = Literal["", "started", "ended", "settled"]


@dataclass(frozen=True, slots=True)
class Quarter:
    """Which quarter of an hour, in all the ways that are needed."""

    hour: int
    """Hours since 1970, UTC."""
    number: int
    """0 to 3."""
    hour_of_week: int
    """On the organisation's clock; public holidays are Sundays."""
    day: int
    """The local date's ordinal."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one quarter's evaluation found."""

    score: float
    threshold: float
    surging: bool
    event: Event
    """"settled": the rise has lasted a week, and is what is usual from now on."""
    observed: int
    """Mails that count, since `since`."""
    expected: float
    senders: int
    since: int
    """The hour (since 1970) in which the rise began; at most 24 hours back."""
    hour_expected: float
    """In the whole of this hour: for the metric."""


def _floats(count: int) -> "array[float]":
    return array("f", bytes(4 * count))  # 4 bytes each, so that writing and reading loses nothing


@dataclass(slots=True)
class SurgeState:
    """All that is known of a series; `observe` changes it."""

    born: int
    """The hour from which its mails were counted, whether or not there were any."""
    hour: int = 0
    mails: int = 0
    senders: int = 0
    score: float = 0.0
    rising_since: int = 0
    """The hour in which the score left nought; 0: it is nought."""
    surging: bool = False
    level_mails: float = 0.0
    level_weight: float = 0.0
    hour_excess: float = _HOUR_GUESS * _SPREAD_BASE
    hour_square: float = _SPREAD_BASE
    day_excess: float = _DAY_GUESS * _SPREAD_BASE
    day_square: float = _SPREAD_BASE
    frozen_hours: int = 0
    frozen_mails: float = 0.0
    frozen_expected: float = 0.0
    done: int = 0
    """The last hour that was seen to its end."""
    learnt: float = 0.0
    """What that hour taught: its mails, or fewer. The profile is to learn the same."""
    day: int = 0
    day_slot: int = 0
    """Its weekday, 0 to 6."""
    day_began: int = 0
    day_mails: int = 0
    ring_mails: "array[float]" = field(default_factory=lambda: _floats(24))
    ring_expected: "array[float]" = field(default_factory=lambda: _floats(24))
    ring_senders: list[int] = field(default_factory=lambda: [0] * 24)
    weekdays: "array[float]" = field(default_factory=lambda: _floats(7))
    own_mails: "array[float]" = field(default_factory=lambda: _floats(HOURS))
    own_expected: "array[float]" = field(default_factory=lambda: _floats(HOURS))


def newborn(born: int, now: int) -> SurgeState:
    """A series that is met for the first time in the hour `now`, and could have been since `born`.

    That it did not occur is knowledge: after `WARM_UP` it starts warm, at the lowest level.
    """
    age = max(0, now - born)
    return SurgeState(born, level_weight=(1 - _LEVEL_KEPT**age) / (1 - _LEVEL_KEPT))


def observe(
    state: SurgeState, counts: Counts, at: Quarter, rate: float, threshold: float = ON
) -> Reading:
    """Takes in one quarter of an hour, in order, each at most once; `rate` is the profile's.

    Quarters that are never handed in (nothing was evaluated) are left out, not taken as silence.
    """
    if at.hour != state.hour:
        _next_hour(state, at)
    state.mails += counts.mails
    state.senders |= counts.senders
    mails = counted_mails(Counts(state.mails, state.senders))
    expected = expect(state, at.hour_of_week, rate)
    part = (at.number + 1) / 4
    is_whole = at.number == 3
    if at.hour - state.born < WARM_UP:
        reading = _warm_up(state, at, mails, expected)
    else:
        step = _evidence(state, mails, expected * part)
        score = min(max(state.score + step, 0.0), CEILING)
        since = max(state.rising_since or at.hour, at.hour - 23)
        reading = _judge(state, at, (score, threshold), (since, mails, expected, part))
        if is_whole:
            state.score = score
            state.rising_since = (state.rising_since or at.hour) if score > 0 else 0
    state.surging = reading.surging
    if is_whole:
        if state.frozen_hours >= _SETTLING:
            _settle(state)
        _learn(state, at, mails, expected, rate)
    return reading


def expect(state: SurgeState, hour_of_week: int, rate: float) -> float:
    """Mails in the whole of an hour."""
    level = max(state.level_mails / max(state.level_weight, 1.0), _LEAST_RATE)
    own = (state.own_mails[hour_of_week] + _OWN_SHRINK) / (
        state.own_expected[hour_of_week] + _OWN_SHRINK
    )
    return level * rate * own


def _evidence(state: SurgeState, mails: int, expected: float) -> float:
    """Log-likelihood ratio of `FACTOR` times as much to as usual, discounted by the days."""
    hours = _spread(state.hour_excess, state.hour_square)
    days = _spread(state.day_excess, state.day_square)
    r = 1 / hours
    ratio = (r + FACTOR * expected) / (r + expected)
    evidence = mails * log(FACTOR / ratio) - r * log(ratio)
    day = max(sum(state.ring_expected), 1e-3)
    discount = (1 + days * day) / (1 + _BURSTS * hours * day / 24)
    return evidence / max(1.0, discount)


def _spread(excess: float, square: float) -> float:
    low, high = _SPREAD_BOUNDS
    return min(max(excess / square, low), high)


def _judge(
    state: SurgeState,
    at: Quarter,
    level: tuple[float, float],
    window: tuple[int, int, float, float],
) -> Reading:
    """Started, going on, ended; `window` is (since, mails, expected, part) of hour and run."""
    score, threshold = level
    since, mails, expected, part = window
    past = [hour % 24 for hour in range(since, at.hour)]
    observed = mails + round(sum(state.ring_mails[i] for i in past))
    senders, surging = 0, state.surging
    event: Event = ""
    if surging or score >= threshold:
        people = state.senders
        for i in past:
            people |= state.ring_senders[i]
        senders = sender_count(people)
    usual = expected * part + sum(state.ring_expected[i] for i in past)
    if surging and score < OFF:
        event, surging = "ended", False
    elif state.frozen_hours >= _SETTLING and at.number == 3:
        event, surging = "settled" if surging else "", False
    elif not surging and score >= threshold:
        surging = is_enough(observed, senders, usual)
        event = "started" if surging else ""
    return Reading(score, threshold, surging, event, observed, usual, senders, since, expected)


def is_enough(observed: int, senders: int, expected: float) -> bool:
    """Whether enough people are behind a score for a surge to begin."""
    needed = max(FEWEST_SENDERS, min(_MORE_PEOPLE * expected, _PEOPLE_TOLD_APART))
    return observed >= FEWEST_MAILS and senders >= needed


def _warm_up(state: SurgeState, at: Quarter, mails: int, expected: float) -> Reading:
    """Before a profile is known: four times the mail of the same weekday, and of the mean day."""
    today = state.day_mails + mails
    usual = max(state.weekdays[at.hour_of_week // 24], sum(state.weekdays) / 7)
    people = state.senders
    since = max(state.day_began, at.hour - 23)
    for hour in range(since, at.hour):
        people |= state.ring_senders[hour % 24]
    senders = sender_count(people)
    surging = (
        at.hour - state.born >= _SETTLING
        and today >= max(FEWEST_MAILS, WARM_UP_FACTOR * usual)
        and senders >= FEWEST_SENDERS
    )
    event: Event = "" if surging == state.surging else "started" if surging else "ended"
    return Reading(0.0, 0.0, surging, event, today, usual, senders, since, expected)


def _next_hour(state: SurgeState, at: Quarter) -> None:
    """An hour begins; those that nobody looked at are no part of the last 24 any more."""
    for hour in range(max(state.done + 1, at.hour - 24), at.hour):
        state.ring_mails[hour % 24] = state.ring_expected[hour % 24] = 0.0
        state.ring_senders[hour % 24] = 0
    state.hour, state.mails, state.senders = at.hour, 0, 0
    if at.day != state.day:
        state.weekdays[state.day_slot] = state.day_mails
        state.day, state.day_slot = at.day, at.hour_of_week // 24
        state.day_began, state.day_mails = at.hour, 0


def _learn(state: SurgeState, at: Quarter, mails: int, expected: float, rate: float) -> None:
    """A whole hour becomes part of what is usual, as far as it was."""
    slot = at.hour % 24
    state.ring_mails[slot], state.ring_expected[slot] = mails, expected
    state.ring_senders[slot] = state.senders
    state.done = at.hour
    state.day_mails += mails
    if state.score > FROZEN:
        state.learnt = expected
        state.frozen_hours += 1
        state.frozen_mails += mails
        state.frozen_expected += expected
        return
    state.frozen_hours, state.frozen_mails, state.frozen_expected = 0, 0.0, 0.0
    state.learnt = float(mails)
    if at.hour - state.born >= _SETTLING:
        spread = _spread(state.hour_excess, state.hour_square)
        cut = 1 + _CUT_HIGH * sqrt(expected + spread * expected**2)
        state.learnt = min(state.learnt, expected + cut)
        _learn_spreads(state, mails, expected)
        own = at.hour_of_week
        state.own_mails[own] = state.own_mails[own] * _OWN_KEPT + state.learnt
        level = state.level_mails / max(state.level_weight, 1.0)
        state.own_expected[own] = state.own_expected[own] * _OWN_KEPT + level * rate
    state.level_mails = state.level_mails * _LEVEL_KEPT + state.learnt
    state.level_weight = state.level_weight * _LEVEL_KEPT + rate


def _learn_spreads(state: SurgeState, mails: int, expected: float) -> None:
    """Moments, cut off on both sides: E[(x-m)²] - m = c·m², of hours and of sums of 24 hours."""
    kept = _SPREAD_KEPT
    excess = _cut_square(mails, expected, _spread(state.hour_excess, state.hour_square))
    state.hour_excess = max(state.hour_excess * kept + excess, 0.0)
    state.hour_square = state.hour_square * kept + expected**2
    # The sums overlap: each hour is in 24 of them, and they count for a 24th.
    day, usual = sum(state.ring_mails), sum(state.ring_expected)
    excess = _cut_square(day, usual, _spread(state.day_excess, state.day_square))
    state.day_excess = max(state.day_excess * kept + excess / 24, 0.0)
    state.day_square = state.day_square * kept + usual**2 / 24


def _cut_square(found: float, expected: float, spread: float) -> float:
    deviation = sqrt(expected + spread * expected**2)
    error = min(max(found - expected, _CUT_LOW * deviation), _CUT_HIGH * deviation)
    return error**2 - expected


def _settle(state: SurgeState) -> None:
    """Takes what has come in since the rise began as the new level."""
    state.level_mails *= state.frozen_mails / max(state.frozen_expected, 1e-3)
    state.score, state.rising_since = 0.0, 0
    state.frozen_hours, state.frozen_mails, state.frozen_expected = 0, 0.0, 0.0
