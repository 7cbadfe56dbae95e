"""Sentences, words and keys."""

import pytest

from mailtriage.knowledge.quote import quoted
from mailtriage.knowledge.text import content_words, gram_keys, gram_keys_of, sentences, stem_keys


def split(text: str) -> list[str]:
    """The sentences of a text."""
    return [one.text for one in sentences(text, 100)]


def test_sentences_end_at_their_marks_and_at_empty_lines() -> None:
    text = "Hello,\n\nwhere is it? I wait!\nRegards"
    assert split(text) == ["Hello,", "where is it?", "I wait!", "Regards"]


def test_lines_that_a_mail_program_wrapped_are_one() -> None:
    text = (
        "I would like to know how long it takes until the money that I\npaid for the shoes is back?"
    )
    assert split(text) == [" ".join(text.split())]


@pytest.mark.parametrize("text", ["Where is it?", "Where is it?!?", 'He said "where?"', "本当？"])
def test_what_ends_in_a_question_mark_asks(text: str) -> None:
    assert [one.asks for one in sentences(text, 9)] == [True]


def test_no_more_sentences_than_wanted() -> None:
    assert len(sentences("One. " * 50, 7)) == 7


def test_courtesy_is_no_content() -> None:
    assert content_words("Hello, could you please tell me about refunds?", "en") == [
        "tell",
        "refunds",
    ]
    assert content_words("Vielen Dank im Voraus, mit freundlichen Grüßen", "de") == ["voraus"]  # fmt: skip


def test_forms_of_a_word_share_a_key() -> None:
    assert len(set(stem_keys(["refund", "refunds", "refunded"], "en"))) == 1
    assert len(set(stem_keys(["refund", "refunds"], "xx"))) == 2


def test_grams_stay_within_words_and_do_not_mind_accents() -> None:
    assert len(gram_keys(["abc"])) == 2  # _abc abc_
    assert set(gram_keys(["ab", "cdef"])) == {*gram_keys(["ab"]), *gram_keys(["cdef"])}
    assert set(gram_keys(["återbetalning"])) == set(gram_keys(["aterbetalning"]))
    assert not gram_keys([]).size
    assert not set(gram_keys(["abcd"]).tolist()) & set(stem_keys(["abcd"], "en"))


def test_grams_of_many_texts_are_those_of_each() -> None:
    texts = [["ab", "cdef"], [], ["x"], ["überall", "x"]]
    numbers, keys = gram_keys_of(texts)
    for number, text in enumerate(texts):
        assert set(keys[numbers == number]) == set(gram_keys(text))


def test_a_quote_ends_at_a_sentence_or_word() -> None:
    assert quoted("Short.  And\nsweet.") == "Short. And sweet."
    long = "This is one sentence of some length. " * 20
    assert quoted(long).endswith("length.")
    assert 200 < len(quoted(long)) <= 300
    endless = quoted("word, " * 100)
    assert endless.endswith("word…")
    assert len(endless) <= 300
    assert len(quoted("x" * 1000)) <= 300
