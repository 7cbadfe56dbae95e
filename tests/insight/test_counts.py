"""Counting mails and writers, apart and together."""

import hashlib
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.insight.counts import (
    MAILS_A_SENDER,
    MOST_EXAMPLES,
    MOST_SENDERS,
    Counts,
    counted_mails,
    merge,
    one_mail,
    sender_count,
    senders_from_bytes,
    senders_to_bytes,
)


def writer(number: int) -> bytes:
    return hashlib.blake2b(b"%d" % number, digest_size=8, key=b"test").digest()


def mails(*writers: int) -> Counts:
    return merge(one_mail(writer(each), f"Q{each}") for each in writers)


def test_the_order_of_nodes_does_not_matter() -> None:
    nodes = [mails(1, 2), mails(2, 3, 4), mails(5)]
    totals = {(merge(order).mails, merge(order).senders) for order in permutations(nodes)}
    assert len(totals) == 1
    assert merge(nodes).mails == 6
    assert sender_count(merge(nodes).senders) == 5


def test_nodes_that_count_apart_find_what_one_would() -> None:
    everybody = list(range(60))
    assert merge([mails(*everybody[:20]), mails(*everybody[20:])]) == mails(*everybody)


def test_one_writer_is_one_however_often() -> None:
    assert sender_count(mails(*[7] * 50).senders) == 1


@pytest.mark.parametrize(("people", "within"), [(4, 1), (30, 3), (150, 15), (600, 60)])
def test_writers_are_counted_within_the_stated_error(people: int, within: int) -> None:
    assert abs(sender_count(mails(*range(people)).senders) - people) <= within


def test_a_full_map_says_at_least() -> None:
    assert sender_count((1 << 256) - 1) == MOST_SENDERS


def test_a_loop_counts_as_a_few_mails() -> None:
    assert counted_mails(mails(*[7] * 300)) == MAILS_A_SENDER
    assert counted_mails(mails(1, 2, 3, *[7] * 300)) == 4 * MAILS_A_SENDER


def test_two_mails_of_each_writer_all_count() -> None:
    assert counted_mails(mails(*range(20), *range(20))) == 40


def test_when_writers_cannot_be_told_apart_any_more_all_mails_count() -> None:
    assert counted_mails(Counts(9000, (1 << 256) - 1)) == 9000


def test_examples_are_few_and_differ() -> None:
    assert mails(1, 1, 2, 3, 4).examples == ("Q1", "Q2", "Q3")
    assert len(mails(*range(50)).examples) == MOST_EXAMPLES


@settings(deadline=None)
@given(st.integers(0, (1 << 256) - 1))
def test_a_map_survives_its_bytes(senders: int) -> None:
    assert senders_from_bytes(senders_to_bytes(senders)) == senders


@settings(deadline=None)
@given(st.binary(max_size=80).filter(lambda data: len(data) != 32))
def test_other_bytes_are_no_map(data: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        senders_from_bytes(data)
