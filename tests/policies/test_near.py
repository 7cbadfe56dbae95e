"""near: two phrases within some words of each other, in either order, in one sentence."""

from collections.abc import Callable

import pytest

from mailtriage.policies.matcher import Hit

Hits = Callable[..., list[Hit]]

NEAR = """
within = {within}
near.en = {{ a = ["wrong", "incorrect*"], b = ["amount*", "*sum"] }}
"""


@pytest.mark.parametrize(
    ("within", "body"),
    [
        (0, "wrong amount"),
        (0, "amount wrong"),
        (0, "wrong\namount"),
        (0, "wrong, amount"),
        (0, "amounts incorrectly"),
        (1, "wrong total amount"),
        (1, "incorrectly billed amounts"),
        (1, "wrong or subsum"),
        (3, "the amount you took is wrong, sorry"),
        (5, "wrong one two three four five amount"),
        (5, "It is wrong on invoice no. 5, the amount"),
        (5, "Wrong on the 3. of October amount"),
        (4, "wrong by 3.50 in amount"),
    ],
)
def test_near_hits(hits: Hits, within: int, body: str) -> None:
    assert hits(NEAR.format(within=within), body)


@pytest.mark.parametrize(
    ("within", "body"),
    [
        (0, "wrong total amount"),
        (1, "wrong or total amount"),
        (5, "wrong one two three four five six amount"),
        (5, "That is wrong. The amount is fine"),
        (5, "Wrong! Amount follows"),
        (5, "Is it wrong? Amount follows"),
        (5, 'He said "wrong." The amount is fine'),
        (5, "wrong …  amount"),
        (5, "wrong\n\namount"),
        (5, "wrong"),
        (5, "amount"),
        (5, "wrong wrong"),
    ],
)
def test_near_does_not_hit(hits: Hits, within: int, body: str) -> None:
    assert not hits(NEAR.format(within=within), body)


def test_near_does_not_reach_from_the_subject_into_the_body(hits: Hits) -> None:
    assert not hits(NEAR.format(within=5), "amount", subject="wrong")


def test_both_words_in_the_subject_count_as_a_hit_in_the_subject(hits: Hits) -> None:
    found = hits(NEAR.format(within=5), "", subject="Wrong amount")
    assert [(hit.points, hit.where) for hit in found] == [(1.5, 'subject "Wrong amount"')]


def test_each_pair_counts_up_to_max_hits(hits: Hits) -> None:
    body = "wrong amount. incorrect amounts. wrong sum."
    for max_hits, points in ((1, 1.0), (2, 2.0), (3, 3.0), (9, 3.0)):
        found = hits(NEAR.format(within=1) + f"max_hits = {max_hits}", body)
        assert found[0].points == points


def test_a_pair_is_found_behind_many_lone_words(hits: Hits) -> None:
    body = "wrong. " * 200 + "amount. " * 200 + "wrong amount."
    assert hits(NEAR.format(within=0), body)


def test_a_pair_in_the_body_is_found_though_one_word_is_in_the_subject(hits: Hits) -> None:
    assert hits(NEAR.format(within=1) + 'where = ["body"]', "wrong amount", subject="wrong amount")


def test_one_word_is_not_near_itself(hits: Hits) -> None:
    assert not hits('near.en = { a = ["refund*"], b = ["refund"] }', "a refund")


def test_each_language_has_its_own_pair(hits: Hits) -> None:
    near = 'near = { sv = { a = ["fel"], b = ["belopp"] }, en = { a = ["wrong"], b = ["amount"] } }'
    assert hits(near, "fel belopp", language="sv")
    assert not hits(near, "fel amount", language="sv")
    assert not hits(near, "fel belopp", language="en")
