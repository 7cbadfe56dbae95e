"""Phrases that nobody wrote before: found from few mails, kept only when several people wrote them."""

import hashlib
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.insight.phrase_counts import CAPACITY, FADING, FEWEST_SENDERS, PhraseCounts
from mailtriage.insight.phrases import WINDOW, Watch, g_squared, grams
from tests.insight import phrase_stream

NOUNS = ("parcel", "invoice", "refund", "password", "address", "printer", "lamp", "sofa", "order")
VERBS = ("lost", "broken", "late", "wrong", "missing", "cancelled", "changed", "returned", "paid")


def writer(number: int) -> bytes:
    return hashlib.blake2b(b"%d" % number, digest_size=8, key=b"test").digest()


def ordinary(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    while True:
        noun, verb = chance.choice(NOUNS), chance.choice(VERBS)
        yield f"Hello, my {noun} is {verb}. Please help, best regards"


def known(seed: int = 1, mails: int = 1000) -> Watch:
    """A watch that has seen ordinary mail for a while."""
    watch, texts = Watch("en"), ordinary(seed)
    for number in range(mails):
        watch.add(next(texts), number, writer(number))
    return watch


NEW = "Hello, the loyalty card shows error {} again. Please help, best regards"


def add_new(watch: Watch, writers: list[int], begin: int = 10_000) -> None:
    texts = ordinary(99)
    for index, each in enumerate(writers):
        watch.add(NEW.format(index), begin + index, writer(each), f"NEW{index}", ["billing"])
        for step in range(4):
            watch.add(next(texts), begin + index, writer(50_000 + 4 * index + step))


def test_ordinary_mail_has_nothing_new() -> None:
    watch, texts = known(), ordinary(2)
    found = []
    for number in range(1000):
        watch.add(next(texts), 5000 + number, writer(5000 + number))
        found += watch.scan(5000 + number)
    assert found == []


def test_a_new_topic_is_found_with_its_words_and_its_mails() -> None:
    watch = known()
    add_new(watch, list(range(10)))
    (found,) = watch.scan(20_000)
    assert "loyalty card" in " ".join(found.phrases)
    assert (found.language, found.mails, found.senders) == ("en", 10, 10)
    assert found.since == 10_000
    assert found.queue_ids == ("NEW7", "NEW8", "NEW9")


def test_it_is_told_once() -> None:
    watch = known()
    add_new(watch, list(range(10)))
    assert len(watch.scan(20_000)) == 1
    assert watch.scan(20_001) == []
    assert len(watch.scan(20_000 + 15 * 86400)) == 1


@pytest.mark.parametrize("writers", [[1], [1, 2, 3]])
def test_what_few_people_write_is_not_shown_however_often(writers: list[int]) -> None:
    watch = known()
    add_new(watch, writers * (20 // len(writers)))
    assert watch.scan(20_000) == []
    assert watch.typical("billing") == ()


def test_few_mails_are_not_enough() -> None:
    watch = known()
    add_new(watch, [1, 2, 3, 4])
    assert watch.scan(20_000) == []


def test_before_enough_mail_is_known_nothing_is_new() -> None:
    watch = known(mails=100)
    add_new(watch, list(range(10)))
    assert watch.scan(20_000) == []


def test_phrases_of_a_label_are_those_of_its_mails() -> None:
    watch = known()
    add_new(watch, list(range(8)))
    assert any("loyalty" in phrase for phrase in watch.typical("billing"))
    assert watch.typical("delivery") == ()


def test_our_own_words_quoted_back_are_no_phrase() -> None:
    watch = known()
    watch.ignore = frozenset(grams(NEW.format(1)))
    add_new(watch, list(range(10)))
    assert watch.scan(20_000) == []


def test_numbers_addresses_and_links_are_not_kept() -> None:
    text = "Order 12345-AB of jane.doe@mail.example, see https://shop.example/o/12345 or AB77x"
    kept = grams(text)
    assert "#" not in kept
    assert not any(any(letter.isdigit() for letter in gram) for gram in kept)
    assert not any("jane" in gram or "doe" in gram or "shop" in gram for gram in kept)


def test_pairs_do_not_span_a_sentence() -> None:
    assert "late refund" not in grams("My parcel is late. Refund it")
    assert "parcel _ late" in grams("My parcel is late. Refund it")


def test_stems_count_and_words_are_shown() -> None:
    found = grams("cards shaking", phrase_stream.stem)
    assert found == {"card": "cards", "shak": "shaking", "card shak": "cards shaking"}


def test_words_of_other_scripts_are_words() -> None:
    assert "påminnelse faktura" in grams("Påminnelse: Påminnelse faktura")
    assert "возврат денег" in grams("возврат денег")


@pytest.mark.parametrize(
    ("recent", "mails", "before", "mails_before", "expected"),
    [
        (10, 150, 0, 3000, 61.6),
        (5, 150, 100, 3000, 0.0),  # less often than before
        (5, 0, 1, 3000, 0.0),
        (150, 150, 3000, 3000, 0.0),
    ],
)
def test_g_squared(
    recent: float, mails: float, before: float, mails_before: float, expected: float
) -> None:
    assert g_squared(recent, mails, before, mails_before) == pytest.approx(expected, abs=0.5)


def test_memory_is_bounded_and_frequent_phrases_stay_exact() -> None:
    counts = PhraseCounts()
    for number in range(4000):
        counts.add(["hello", *(f"only {number} {each}" for each in range(20))], writer(number))
    assert len(counts.counts) <= CAPACITY + 5000
    assert counts.of("hello") == pytest.approx(counts.mails())
    assert counts.mails() <= FADING


def test_a_count_is_never_too_low() -> None:
    """Thrown out and come again: not taken for something new."""
    counts, exact = PhraseCounts(), 0.0
    for number in range(3000):
        rare = number % 50 == 0
        exact = exact * (1 - 1 / FADING) + rare
        counts.add([f"{number} {each}" for each in range(25)] + ["rare"] * rare, writer(number))
    assert counts.of("rare") >= exact * 0.999
    assert counts.of("never seen") * FADING >= counts.floor / counts.unit


def test_nothing_of_fewer_than_four_people_is_written_down() -> None:
    counts = PhraseCounts()
    for number in range(40):
        secret = ["my name is kept out"] if number < FEWEST_SENDERS - 1 else []
        counts.add(["hello world", *secret], writer(number))
    data = counts.to_bytes()
    assert b"hello world" in data
    assert b"kept out" not in data
    again = PhraseCounts.from_bytes(data)
    assert again.of("hello world") == pytest.approx(counts.of("hello world"), rel=0.01)
    assert again.to_bytes() == data


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json has words of its own
        PhraseCounts.from_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"version": 2, "mails": 1, "floor": 0, "counts": {}}',
        b'{"version": 1, "mails": -1, "floor": 0, "counts": {}}',
        b'{"version": 1, "mails": NaN, "floor": 0, "counts": {}}',
        b'{"version": 1, "mails": 1, "floor": 0, "counts": {"<script>": 1}}',
        b'{"version": 1, "mails": 1, "floor": 0, "counts": []}',
        b"[" * 100_000,
    ],
)
def test_impossible_counts_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json has words of its own
        PhraseCounts.from_bytes(data)


@settings(deadline=None)
@given(st.text(max_size=3000))
def test_no_text_breaks_it(text: str) -> None:
    watch = Watch("en")
    watch.add(text, 0, writer(1))
    assert len(watch.window) == 1
    assert len(grams(text)) <= 3 * 80


def test_long_mails_cost_no_more_than_their_beginning() -> None:
    assert grams("refund parcel " * 500_000) == grams("refund parcel " * 100)
    assert len(grams("a@" * 200_000)) <= 3 * 80


def test_the_window_is_bounded() -> None:
    assert len(known().window) == WINDOW


@pytest.mark.skipif(not phrase_stream.QUESTIONS.exists(), reason="shared data not here")
def test_a_new_topic_among_questions_to_a_bank_is_found() -> None:
    """12 % of the mails; every 20th of 77 topics. More in the long form."""
    topics = phrase_stream.questions()
    streams = [
        phrase_stream.stream(topics, new, 0.12, seed)
        for seed, new in enumerate(sorted(topics)[::20])
    ]
    assert all(each.found_after and each.found_after <= 60 for each in streams)
    assert sum(len(each.false) for each in streams) <= 1
