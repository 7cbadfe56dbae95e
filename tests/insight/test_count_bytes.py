"""What a node counted, and what an evaluator has learnt, through bytes and back."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.insight.budget import Budget, alerted
from mailtriage.insight.count_bytes import KINDS, MOST_TOLD, from_bytes, to_bytes
from mailtriage.insight.counts import Counts, Series, merge, merge_all, one_mail
from mailtriage.insight.evaluator import GRACE, QUARTER, Board, evaluate
from mailtriage.insight.profile import Week
from mailtriage.insight.surge_bytes import board_from_bytes, board_to_bytes

NAMES = st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True)
SERIES = st.builds(Series, st.sampled_from(KINDS), NAMES)
MAILS = st.lists(
    st.builds(one_mail, st.binary(min_size=1, max_size=16), NAMES, st.sampled_from(["de", "sv"])),
    max_size=60,
)
COUNTS = st.dictionaries(SERIES, MAILS.map(merge), max_size=6)
WEEK = Week(ZoneInfo("UTC"))


@settings(deadline=None)
@given(COUNTS)
def test_counts_come_back_as_they_were(counts: dict[Series, Counts]) -> None:
    assert from_bytes(to_bytes(counts)) == counts


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), SERIES, st.binary(min_size=1, max_size=4))))
def test_counts_of_nodes_add_up_to_those_of_one(
    mails: list[tuple[int, Series, bytes]],
) -> None:
    """Whichever node each mail comes to, and through bytes."""
    nodes: list[dict[Series, Counts]] = [{}, {}, {}]
    together: dict[Series, Counts] = {}
    for node, series, writer in mails:
        for counts in (nodes[node], together):
            counts[series] = merge([counts.get(series, Counts()), one_mail(writer, "", "sv")])
    assert merge_all(from_bytes(to_bytes(one)) for one in nodes) == together


@given(st.binary(max_size=200))
def test_rubbish_is_refused_and_nothing_else_happens(data: bytes) -> None:
    for whole in (data, b"\x01" + data, to_bytes({Series("skill", "a"): Counts(1, 1)})[:-1] + data):
        try:
            found = from_bytes(whole)
        except ValueError:
            continue
        assert all(series.kind in KINDS for series in found)


@given(st.binary(max_size=200))
def test_a_damaged_board_is_refused(data: bytes) -> None:
    good = board_to_bytes(Board(WEEK, 1))
    for bad in (data, good[:2] + data, good[:-1], good[:20] + data):
        with pytest.raises(ValueError, match="board"):
            board_from_bytes(bad, WEEK, 2)


def test_names_that_none_of_ours_has_are_left_out() -> None:
    odd = ["", "a" * 65, "x\r\nBcc: all", "\udcff"]
    counts = {Series("topic", name): Counts(1, 1) for name in [*odd, "parcel"]}
    assert list(from_bytes(to_bytes(counts))) == [Series("topic", "parcel")]
    poisoned = {Series("topic", "a"): Counts(1, 1, ("Q\n1", "Q2"), (("d\ne", 1), ("de", 1)))}
    (found,) = from_bytes(to_bytes(poisoned)).values()
    assert (found.examples, found.languages) == (("Q2",), (("de", 1),))


def test_of_too_many_series_the_busiest_are_told() -> None:
    counts = {Series("topic", f"t{number}"): Counts(number, 1) for number in range(MOST_TOLD + 50)}
    found = from_bytes(to_bytes(counts))
    assert len(found) == MOST_TOLD
    assert min(one.mails for one in found.values()) == 50


def test_a_board_goes_on_where_it_was_written() -> None:
    def counts_of(quarter: int) -> dict[Series, Counts]:
        mails = [one_mail(bytes([quarter * 7 % 256, 1])) for _ in range(1 + quarter % 3)]
        return {Series("skill", "billing"): merge(mails), Series("language", "sv"): merge(mails)}

    board = Board(WEEK, 400_000)
    board.budget = alerted(Budget(3), Series("skill", "billing"), 1_600_000_000)
    first = 1_600_000 + 500
    evaluate(board, counts_of, first * QUARTER + GRACE)
    again = board_from_bytes(board_to_bytes(board), WEEK, 3)
    assert board_to_bytes(again) == board_to_bytes(board)
    later = (first + 40) * QUARTER + GRACE
    assert evaluate(again, counts_of, later) == evaluate(board, counts_of, later)
    assert board_to_bytes(again) == board_to_bytes(board)
