"""The template in an answer: which one, which version, and how far the answer went from it."""

import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.knowledge.answer_match import (
    LEAST_KEPT,
    MOST_WORDS,
    Matched,
    Matcher,
    common_words,
    is_recognisable,
    matching_of,
)
from mailtriage.knowledge.answers import Template, read_templates
from mailtriage.knowledge.text import words

TEMPLATES = read_templates(Path(__file__).parent / "data" / "answers").all
MATCHER = Matcher(*matching_of(TEMPLATES))


def template(name: str, language: str, version: int) -> Template:
    key = (name, language, version)
    return next(one for one in TEMPLATES if (one.id, one.language, one.version) == key)


def filled(one: Template, value: str) -> str:
    """The template with that in place of every placeholder."""
    return f" {value} ".join(one.pieces)


def found(text: str) -> Matched:
    match = MATCHER.match(text)
    assert match is not None
    return match


@pytest.mark.parametrize("one", TEMPLATES, ids=lambda one: f"{one.id}-{one.language}-{one.version}")
@pytest.mark.parametrize("value", ["", "Zaphod", "Mr and Mrs Beeblebrox of Betelgeuse"])
def test_a_template_that_was_only_filled_in_is_kept_whole(one: Template, value: str) -> None:
    match = found(filled(one, value))
    assert (match.id, match.language, match.version) == (one.id, one.language, one.version)
    assert match.kept == 1.0
    own = len(words(value)) * (len(one.pieces) - 1)
    assert match.added == pytest.approx(own / len(words(filled(one, value))))


def test_of_an_old_version_the_current_one_is_told_too() -> None:
    match = found(filled(template("return-label", "en", 1), "Ann"))
    assert (match.version, match.current) == (1, 2)


def test_words_that_are_taken_out_count_as_lost_and_others_as_new() -> None:
    one = template("return-label", "en", 2)
    text = filled(one, "").replace("The return costs you nothing.", "")
    match = found(f"{text} Zaphod was here")
    number = len(words(filled(one, "")))
    assert match.kept == pytest.approx((number - 5) / number)
    assert match.added == pytest.approx(3 / (number - 5 + 3))


def test_less_than_half_of_a_template_is_no_use_of_it() -> None:
    spoken = filled(template("return-label", "en", 2), "").split()
    assert found(" ".join(spoken[: int(len(spoken) * 0.6)])).kept >= LEAST_KEPT
    assert MATCHER.match(" ".join(spoken[: int(len(spoken) * 0.4)])) is None


def test_phrases_that_all_answers_have_are_no_use_of_a_template() -> None:
    text = (
        "Hello Ms Smith, thank you for your message. I have asked our warehouse and will write as"
        " soon as I know more. Kind regards Tom"
    )
    assert MATCHER.match(text) is None


def test_the_words_of_a_template_strewn_over_a_long_text_are_no_use_of_it() -> None:
    spoken = words(filled(template("return-label", "en", 2), ""))
    assert MATCHER.match(" and then ".join(spoken)) is None


def test_of_two_templates_in_one_answer_the_one_that_explains_more_is_told() -> None:
    long, short = template("return-label", "en", 2), template("opening-hours", "en", 1)
    for text in (
        f"{filled(long, 'x')} {filled(short, 'y')}",
        f"{filled(short, 'y')} {filled(long, 'x')}",
    ):
        match = found(text)
        assert match.id == "return-label"
        assert match.added > 0.3


def test_a_version_that_only_adds_to_another_is_told_from_it() -> None:
    body = "you will find all of it in your account below the second heading from the top"
    more = f"{body} and if you do not find it there please write to us again with your number"
    both = [
        Template("a", "A", "en", "general", number, (), (), (), (text,), "a.md")
        for number, text in ((1, body), (2, more))
    ]
    matcher = Matcher(*matching_of(both))
    for number, text in ((1, body), (2, more)):
        match = matcher.match(text)
        assert match is not None
        assert (match.version, match.kept, match.added) == (number, 1.0, 0.0)


def test_a_template_of_a_few_words_is_never_told() -> None:
    short = Template("a", "A", "en", "general", 1, (), (), (), ("Hello", "kind regards"), "a.md")
    assert not is_recognisable(short)
    assert Matcher(*matching_of([short])).match("Hello you, kind regards") is None


def test_without_templates_nothing_is_told() -> None:
    assert Matcher(*matching_of([])).match("Hello, how are you today my friend?") is None


def longest_common(first: list[int], second: list[int]) -> int:
    """The textbook's way."""
    row = [0] * (len(second) + 1)
    for one in first:
        before = 0
        for number, other in enumerate(second):
            before, row[number + 1] = (
                row[number + 1],
                (before + 1 if one == other else max(row[number], row[number + 1])),
            )
    return row[-1]


NUMBERS = st.lists(st.integers(0, 6), max_size=80)


@given(NUMBERS, NUMBERS)
def test_common_words_are_the_longest_common_subsequence(
    first: list[int], second: list[int]
) -> None:
    assert common_words(first, second) == longest_common(first, second)


@given(st.text(max_size=400))
def test_any_text_can_be_asked(text: str) -> None:
    match = MATCHER.match(text)
    assert match is None or (LEAST_KEPT <= match.kept <= 1 and 0 <= match.added < 1)


@pytest.mark.alone
def test_a_text_made_to_be_slow_costs_what_its_words_cost() -> None:
    """All words of all templates, in any order, so that everything has to be looked at closely."""
    every = [word for one in TEMPLATES for word in words(one.text)]
    shuffled = random.Random(7).choices(every, k=MOST_WORDS)
    repeated = words(filled(TEMPLATES[-1], "")) * 40
    ordinary = filled(TEMPLATES[-1], "x")

    def cost(text: str) -> float:
        times = []
        for _ in range(5):
            began = time.process_time()
            for _ in range(20):
                MATCHER.match(text)
            times.append(time.process_time() - began)
        return min(times)

    per_word = cost(ordinary) / len(words(ordinary))
    for text in (" ".join(shuffled), " ".join(repeated)):
        assert cost(text) < 12 * per_word * MOST_WORDS
    assert cost(" ".join(repeated * 20)) < 3 * cost(" ".join(repeated))
