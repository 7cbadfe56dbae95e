"""The shortcuts that spare a search must never hide what the search would find."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.mail import small_print
from mailtriage.mail.htmltext import _HINTS, _MARKS
from mailtriage.mail.phrases import any_of
from mailtriage.mail.signature import _AROUND, _FOOTER_OR_DISCLAIMER, _SMALL_PRINT, _TAGLINES

WORDS = st.text(alphabet="ab.(", min_size=1, max_size=4)


@given(phrases=st.lists(WORDS, min_size=1, max_size=8), text=st.text(alphabet="ab.(", max_size=12))
def test_any_of_finds_what_in_would_find(phrases: list[str], text: str) -> None:
    found = re.search(any_of(phrases), text)
    assert (found is not None) == any(phrase in text for phrase in phrases)


@pytest.mark.parametrize("mark", [mark for marks in _MARKS.values() for mark in marks])
def test_every_mark_of_html_has_a_hint(mark: str) -> None:
    assert any(hint in mark for hint in _HINTS)


@pytest.mark.parametrize(
    "mark",
    [
        *small_print.FOOTER_MARKS,
        *small_print.RECEIVED_BECAUSE,
        *small_print.LINK_MARKS,
        *small_print.DISCLAIMER_TOPICS[0],
    ],
)
def test_every_mark_of_small_print_is_noticed(mark: str) -> None:
    assert _FOOTER_OR_DISCLAIMER.search(f"x{mark}x")


def test_no_first_word_is_decorated() -> None:
    """Lines are compared by their first word without decoration, so that no table may have any."""
    words = [*_SMALL_PRINT, *_TAGLINES]
    assert [word for word in words if word != word.strip(_AROUND)] == []
