"""What the model sees: the hashing is pinned, for a model is useless with any other."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from mailtriage.classifier.features import (
    BUCKETS,
    MAX_END,
    MAX_START,
    VERSION,
    Block,
    Text,
    hashed,
    signal_columns,
)
from mailtriage.classifier.model import BLOCK_SCALE, row_table, vector_of

MAIL = Text(b" where is my parcel ", "Where is my PARCEL?! :-)", ("parcel-word", "own-rule"))

WORDS = [
    8072,
    17557,
    72047,
    75607,
    128092,
    234831,
    239339,
    315711,
    325147,
    326275,
    421869,
    436441,
    463544,
    515706,
]
LETTERS = [562903, 577534, 631317, 641580, 703497, 753122]
MARKS = [844242, 850687, 861512, 887255]
SIGNALS = [995946, 937578]


def columns(block: Block) -> list[int]:
    return [int(column) for column in block[0]]


class TestPinned:
    """Numbers that changed mean that every model in the field is refused or wrong: raise VERSION."""

    def test_version(self) -> None:
        assert VERSION == 1

    def test_words_and_their_pairs_whole_and_as_stems(self) -> None:
        assert columns(hashed(MAIL)[0]) == WORDS

    def test_letters(self) -> None:
        assert columns(hashed(Text(b" my "))[1]) == LETTERS

    def test_marks(self) -> None:
        assert columns(hashed(MAIL)[2]) == MARKS

    def test_signals(self) -> None:
        assert [int(column) for column in signal_columns(MAIL.signals)] == SIGNALS


def test_blocks_keep_to_their_part_of_the_columns() -> None:
    words, letters, marks, signals = hashed(MAIL)
    assert words[0].max() < BUCKETS // 2 <= letters[0].min()
    assert letters[0].max() < BUCKETS // 4 * 3 <= marks[0].min()
    assert marks[0].max() < BUCKETS // 8 * 7 <= signals[0].min()
    assert signals[0].max() < BUCKETS


def test_columns_ascend_and_stand_once() -> None:
    for found, counts in hashed(Text(b" a b a b " * 50, "!?" * 40)):
        assert (np.diff(found.astype(np.int64)) > 0).all()
        assert found.shape == counts.shape


def test_what_is_there_often_counts_more_and_less_than_so_often() -> None:
    once, often = hashed(Text(b" parcel "))[0], hashed(Text(b" parcel parcel parcel parcel "))[0]
    place = np.searchsorted(often[0], once[0])
    assert (once[1] == 1).all()
    assert often[1][place] == pytest.approx(1 + np.log(4), abs=1e-6)


def test_an_empty_mail_has_nothing() -> None:
    for text in (Text(b""), Text(b"    ", "  \n ")):
        words, _, marks, signals = hashed(text)
        assert words[0].size == marks[0].size == signals[0].size == 0


def test_the_middle_of_a_long_text_is_not_read() -> None:
    start, end = b"a " * (MAX_START // 2), b"z " * (MAX_END // 2)
    long = hashed(Text(start + b"hidden " * 5000 + end))
    assert columns(long[0]) == columns(hashed(Text(start + end))[0])


def test_capitals_and_exclamation_marks_are_seen_though_folding_loses_them() -> None:
    calm, loud = Text(b" help me ", "help me"), Text(b" help me ", "HELP me!!")
    assert hashed(calm)[2][0].size == 0
    assert hashed(loud)[2][0].size > 0


class TestVector:
    def test_each_block_has_its_length(self) -> None:
        blocks = hashed(MAIL)
        known = np.unique(np.concatenate([block[0] for block in blocks]))
        idf = np.linspace(1, 5, known.size, dtype=np.float32)
        rows, values = vector_of(blocks, row_table(known), idf)
        start = 0
        for (found, _), scale in zip(blocks[:-1], BLOCK_SCALE[:-1], strict=True):
            end = start + found.size
            assert np.linalg.norm(values[start:end]) == pytest.approx(scale, rel=1e-5)
            start = end
        assert (values[start:] == np.float32(BLOCK_SCALE[-1])).all()
        assert rows.size == values.size

    def test_columns_without_weights_are_left_out(self) -> None:
        nothing = np.zeros(0, np.uint32)
        rows, values = vector_of(hashed(MAIL), row_table(nothing), np.zeros(0, np.float32))
        assert rows.size == values.size == 0


def seconds(work: Callable[[], object]) -> float:
    """Of processor time, the best of five."""
    found = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(20):
            work()
        found.append(time.process_time() - started)
    return min(found)


@pytest.mark.alone
@pytest.mark.parametrize(
    "piece", [b"parcel ", b"a ", b"a", b"aaaa bbbb "], ids=["words", "letters", "one word", "two"]
)
def test_time_is_in_line_with_the_length(piece: bytes) -> None:
    """Four times the text takes far less than the sixteen times that a square would be."""
    short = Text((piece * 1000)[:1000], "x")
    long = Text((piece * 4000)[:4000], "x")
    assert seconds(lambda: hashed(long)) < 8 * seconds(lambda: hashed(short))


def test_a_hostile_text_takes_no_longer_than_the_longest_that_is_read() -> None:
    longest = Text(b"ab " * 1333, "!?:)A" * 800)
    hostile = Text(b"ab " * 100_000, "!?:)A" * 60_000)
    assert seconds(lambda: hashed(hostile)) < 3 * seconds(lambda: hashed(longest))
