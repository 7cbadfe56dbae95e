"""Half a year of a helpdesk: are promises kept as often as they say, and not bought with time?

Open mails are looked through once an hour here, to save time. `python -m tests.bench.insight_promises`
is the long form, with other seeds and beside other ways.
"""

import math
from collections import defaultdict

import numpy as np
import pytest

from mailtriage.insight.backlog import WorkingTime
from tests.insight.helpdesk_simulation import (
    CALENDAR,
    DAY,
    DAYS,
    HOUR,
    LEARNT,
    Figures,
    Mail,
    Played,
    figures,
    helpdesk,
    measured,
    replay,
    rounded,
)


@pytest.fixture(scope="module")
def mails() -> list[Mail]:
    return helpdesk(5)


@pytest.fixture(scope="module")
def played(mails: list[Mail]) -> Played:
    return replay(mails, {"exact": measured, "told": rounded}, tick=3600.0)


@pytest.fixture(scope="module")
def exact(played: Played) -> Figures:
    return figures(played.promised["exact"])


@pytest.fixture(scope="module")
def told(played: Played) -> Figures:
    return figures(played.promised["told"])


def test_the_helpdesk_is_the_one_that_is_described(mails: list[Mail]) -> None:
    assert 0.10 < np.mean([mail.replied == math.inf for mail in mails]) < 0.14
    skills = [mail.skill for mail in mails]
    for skill, usual in (("billing", 140), ("technical", 60), ("legal", 14)):
        assert skills.count(skill) / DAYS == pytest.approx(usual, rel=0.1)
    assert helpdesk(5, 21) == helpdesk(5, 21)
    assert helpdesk(6, 21) != helpdesk(5, 21)


def test_eight_of_ten_promises_are_kept(exact: Figures) -> None:
    assert 0.78 <= exact.kept <= 0.84
    assert exact.worst_kind >= 0.72


def test_rounding_up_keeps_more(exact: Figures, told: Figures) -> None:
    assert exact.kept < told.kept <= 0.90
    assert told.worst_kind >= 0.80


def test_also_while_four_of_ten_are_ill(exact: Figures, told: Figures) -> None:
    assert exact.shortage >= 0.45
    assert told.shortage >= 0.45


def test_promises_are_no_longer_than_those_of_a_plain_percentile(
    mails: list[Mail], exact: Figures
) -> None:
    """The plain one is, for each mail, the 80th percentile of its kind in the 30 days before its
    day; it even knows the answers that were still to come."""
    work = WorkingTime(CALENDAR)
    by_kind: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for mail in mails:
        if mail.replied < math.inf:
            taken = work.between(mail.came, mail.replied)
            by_kind[mail.skill, mail.priority].append((mail.day, taken))
    hours, kept = [], []
    for rows in by_kind.values():
        day, taken = np.array(rows).T
        for today in np.unique(day[day >= LEARNT / DAY]):
            plain = np.quantile(taken[(today - 30 <= day) & (day < today)], 0.8)
            judged = taken[day == today]
            hours += [plain / HOUR] * len(judged)
            kept += list(judged <= plain)
    assert exact.hours <= np.mean(hours)
    assert exact.kept > np.mean(kept)


def test_busy_is_said_when_it_is(told: Figures) -> None:
    assert told.busy_shortage >= 0.5
    assert told.busy <= 0.06


def test_what_is_known_stays_small(played: Played) -> None:
    known = played.knowledge
    assert len(known.cells) == 6
    size = sum(len(each.to_bytes()) for each in (*known.cells.values(), *known.lines.values()))
    assert size < 10_000
