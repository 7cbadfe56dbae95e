"""How likely an answer in time is."""

from functools import reduce
from operator import add

import numpy as np
import pytest

from mailtriage.insight.chance import chance_of_answer, share_longer, time_left
from mailtriage.insight.promises import Knowledge
from mailtriage.insight.replies import EDGES, EMPTY, Cell, answered, quantile

NOW = 1_795_596_000.0
KIND = ("billing", "normal")
HOUR = 3600.0


def cell_of(*quotients: float) -> Cell:
    return reduce(add, (answered(one, NOW) for one in quotients), EMPTY)


def known(*quotients: float) -> Knowledge:
    return Knowledge(cells={KIND: cell_of(*quotients)})


def drawn(many: int, seed: int = 1) -> list[float]:
    random = np.random.default_rng(seed)
    return [float(one) for one in random.lognormal(0.0, 0.7, many)]


def test_of_few_answers_nothing_is_concluded() -> None:
    assert chance_of_answer(known(*[1.0] * 19), KIND, NOW, HOUR, HOUR, HOUR) is None
    assert chance_of_answer(known(*[1.0] * 20), KIND, NOW, 0.5 * HOUR, HOUR, HOUR) is not None
    assert time_left(Knowledge(), KIND, NOW, HOUR, HOUR, 0.9) == 0.0


def test_what_has_waited_longer_than_any_other_is_not_judged_by_them() -> None:
    assert chance_of_answer(known(*[1.0] * 40), KIND, NOW, 5 * HOUR, HOUR, HOUR) is None


@pytest.mark.parametrize("waited", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("left", [0.1, 0.5, 1.5])
def test_it_is_the_share_of_those_that_waited_as_long(waited: float, left: float) -> None:
    """Against the answers themselves, counted one by one."""
    fresh = np.array(drawn(20_000, seed=2))
    longer = fresh[fresh > waited]
    really = float(np.mean(longer <= waited + left))
    found = chance_of_answer(known(*drawn(4000)), KIND, NOW, waited * HOUR, left * HOUR, HOUR)
    assert found == pytest.approx(really, abs=0.05)


def test_more_time_is_never_less_likely() -> None:
    base = known(*drawn(500))
    chances = [
        chance_of_answer(base, KIND, NOW, HOUR, left * 300.0, HOUR) or 0.0 for left in range(60)
    ]
    assert chances == sorted(chances)
    assert chances[0] == pytest.approx(0.0, abs=1e-9)
    assert chances[-1] <= 1.0


def test_when_more_is_to_be_expected_now_the_chance_falls() -> None:
    base = known(*drawn(500))
    usual = chance_of_answer(base, KIND, NOW, HOUR, HOUR, HOUR)
    ill = chance_of_answer(base, KIND, NOW, HOUR, HOUR, 3 * HOUR)
    assert usual is not None
    assert ill is not None
    assert ill < usual


def test_the_share_is_the_inverse_of_the_quantile() -> None:
    cell = cell_of(*drawn(500))
    for share in (0.1, 0.3, 0.5, 0.8, 0.9):
        assert share_longer(cell, quantile(cell, share)) == pytest.approx(1 - share, abs=1e-6)


@pytest.mark.parametrize("waited", [0.0, 0.5, 1.0])
def test_so_much_time_has_that_chance(waited: float) -> None:
    base = known(*drawn(500))
    left = time_left(base, KIND, NOW, waited * HOUR, HOUR, 0.9)
    found = chance_of_answer(base, KIND, NOW, waited * HOUR, left, HOUR)
    assert found == pytest.approx(0.9, abs=1e-6)


def test_edges_and_nonsense() -> None:
    cell = cell_of(*drawn(100))
    assert share_longer(cell, 0.0) == 1.0
    assert share_longer(cell, -1.0) == 1.0
    assert 0.0 <= share_longer(cell, EDGES[-1] * 10) <= share_longer(cell, EDGES[0]) <= 1.0
    assert chance_of_answer(known(*drawn(100)), KIND, NOW, HOUR, HOUR, 0.0) is None
    assert chance_of_answer(known(*drawn(100)), KIND, NOW, HOUR, -HOUR, HOUR) == 0.0
