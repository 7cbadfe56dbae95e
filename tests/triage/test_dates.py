"""Dates in twelve languages, seen from the day on which the mail was sent."""

import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.policies.model import LANGUAGES
from mailtriage.triage.date_words import Words, read_words, shipped_words
from mailtriage.triage.dates import sent_at, writes_month_first
from mailtriage.triage.deadline import Times, times
from tests.triage.texts import text_of

TUESDAY = datetime(2026, 11, 24, 10, 0)  # noqa: DTZ001  the writer's own clock

BY = [
    ("en", "I need it by Friday.", 72),
    ("en", "before 5 pm today, please", 7),
    ("en", "Please answer within two days.", 48),
    ("en", "no later than 3 December", 216),
    ("en", "by December 3rd", 216),
    ("en", "due on 2026-11-26", 48),
    ("sv", "Jag vill ha svar senast den 5 december.", 264),
    ("sv", "före klockan 15 i övermorgon", 48),
    ("sv", "senast i övermorgon", 48),
    ("de", "bis zum 24.12.", 720),
    ("de", "spätestens am Freitag um 12 Uhr", 72),
    ("de", "binnen 48 Stunden", 48),
    ("da", "senest på fredag kl. 12", 72),
    ("da", "inden den 1. december", 168),
    ("nb", "innen fredag kl 14", 72),
    ("nb", "senest 26.11.", 48),
    ("fi", "viimeistään perjantaina", 72),
    ("fi", "perjantaihin mennessä", 72),
    ("fi", "kahden päivän kuluessa", 48),
    ("fr", "avant le 26/11 à 14h30", 48),
    ("fr", "au plus tard vendredi", 72),
    ("fr", "sous 48 heures", 48),
    ("es", "dentro de 48 horas", 48),
    ("es", "antes del 3 de diciembre", 216),
    ("es", "para el viernes", 72),
    ("it", "entro venerdì alle 12", 72),
    ("it", "entro il 3 dicembre", 216),
    ("nl", "uiterlijk vrijdag om 17.00 uur", 72),
    ("nl", "voor 3 december", 216),
    ("pt", "até sexta-feira às 18h", 72),
    ("pt", "até ao dia 3 de dezembro", 216),
    ("pl", "do piątku do godziny 12:00", 72),
    ("pl", "w ciągu 24 godzin", 24),
    ("pl", "najpóźniej 3 grudnia", 216),
]


def read(language: str, text: str, sent: datetime | None = TUESDAY, **options: bool) -> Times:
    return times(text_of(text), shipped_words()[language], sent, **options)


def hours(
    language: str, text: str, sent: datetime | None = TUESDAY, **options: bool
) -> float | None:
    deadline = read(language, text, sent, **options).deadline
    return deadline.hours if deadline else None


@pytest.mark.parametrize(("language", "text", "expected"), BY)
def test_a_word_ties_a_date_to_a_deadline(language: str, text: str, expected: float) -> None:
    assert hours(language, text) == expected


def test_every_language_is_tried() -> None:
    assert {language for language, _, _ in BY} == set(LANGUAGES) == set(shipped_words())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_its_months_days_and_numbers(language: str) -> None:
    words = shipped_words()[language]
    assert set(words.numbers.values()) == set(range(1, 13))
    assert set(words.ordinals.values()) >= {1, 2, 3, 4, 5}
    assert words["by"]
    assert words.weekdays


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "We are open until Friday 18:00."),
        ("en", "I was born on 3.4.1980."),
        ("en", "The invoice is dated 12 November."),
        ("en", "I am here from Monday until Friday."),
        ("en", "It came on Monday."),
        ("en", "by 3 November 2025"),
        ("en", "I ordered 12.12 metres of it, number 2026-11."),
        ("en", "by last Friday"),
        ("de", "Ihre Rechnung vom 12.11.2026"),
        ("sv", "Öppet till fredag"),
        ("fr", "Ouvert jusqu'au vendredi 18 h"),
        ("en", "by 31 February"),
        ("en", "by 45:99"),
    ],
)
def test_other_dates_are_no_deadlines(language: str, text: str) -> None:
    assert hours(language, text) is None


@pytest.mark.parametrize(
    ("text", "sent", "expected"),
    [
        ("by 9:00", "2026-11-24 08:00", 1),
        ("by 9:00", "2026-11-24 16:00", 17),  # the next nine o'clock
        ("by tonight", "2026-11-24 20:00", 4),
        ("by 4 pm today", "2026-11-24 17:00", None),
        ("by Tuesday", "2026-11-24 10:00", 14),  # the rest of this one
        ("by the 2nd of January", "2026-12-30 10:00", 72),  # the next year's
        ("by the end of the week", "2026-11-24 10:00", 72),
        ("by the end of the month", "2026-11-24 10:00", 144),
        ("by the day after tomorrow", "2026-11-24 10:00", 48),
        ("by tomorrow at 17:30", "2026-11-24 10:00", 24),
    ],
)
def test_seen_from_when_it_was_sent(text: str, sent: str, expected: float | None) -> None:
    assert hours("en", text, datetime.fromisoformat(sent)) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("by tomorrow", 24), ("within two hours", 2), ("by Friday", None),
                           ("by 3 December", None), ("by 2026-12-03", None)]
)  # fmt: skip
def test_without_a_date_header_nothing_that_needs_a_calendar(
    text: str, expected: float | None
) -> None:
    assert hours("en", text, None) == expected


@pytest.mark.parametrize(
    ("text", "month_first", "expected"),
    [
        ("by 3/12/2026", False, 216),
        ("by 12/3/2026", True, 216),
        ("by 11/26/2026", False, 48),  # there is no 26th month
        ("by 26/11/2026", True, 48),
        ("by 26/11", False, 48),
        ("by 26-11-2026", False, 48),
        ("by 26.11.26", False, 48),
    ],
)
def test_day_and_month(text: str, month_first: bool, expected: float) -> None:
    assert hours("en", text, month_first=month_first) == expected


@pytest.mark.parametrize(
    ("value", "language", "first"),
    [
        ("Tue, 24 Nov 2026 10:00:00 -0500", "en", True),
        ("Tue, 24 Nov 2026 10:00:00 +0000", "en", False),
        ("Tue, 24 Nov 2026 10:00:00 -0300", "pt", False),
        ("Tue, 24 Nov 2026 10:00:00 -0500", "es", False),
        ("", "en", False),
    ],
)
def test_who_writes_the_month_first(value: str, language: str, first: bool) -> None:
    assert writes_month_first(value, language) is first


@pytest.mark.parametrize(
    ("value", "hour"),
    [
        ("Tue, 24 Nov 2026 10:00:00 +0900", 10),  # on the writer's own clock
        ("Tue, 24 Nov 2026 10:00:00 -0000", 10),
        ("24 Nov 2026 10:00:00 GMT", 10),
        ("", None),
        ("yesterday", None),
        ("Thu, 01 Jan 1970 00:00:00 +0000", None),
        ("Tue, 24 Nov 2199 10:00:00 +0000", None),
        ("Tue, 99 Nov 2026 10:00:00 +0000", None),
    ],
)
def test_the_date_header(value: str, hour: int | None) -> None:
    sent = sent_at(value)
    assert (sent.hour if sent else None) == hour


HOSTILE = [
    "by 5.12. or before Friday 3 December at 5 pm within two days ",
    "12.12.",
    "1",
    "1.",
    "third mail ",
    "by ",
    "hours ",
    "monday ",
    "3 december ",
    "5 pm ",
    "from monday until friday . ",
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.alone
def test_time_grows_with_the_length_and_no_faster(piece: str) -> None:
    def seconds(size: int) -> float:
        text = text_of((piece * (size // len(piece) + 1))[:size])
        best = 1.0
        for _ in range(5):
            begin = time.perf_counter()
            times(text, shipped_words()["en"], TUESDAY)
            best = min(best, time.perf_counter() - begin)
        return best

    assert seconds(64 * 1024) < 12 * seconds(16 * 1024) + 0.002


@given(
    st.text(alphabet="abc 0123456789./:-¶,é", max_size=80),
    st.sampled_from(
        ["by", "bis", "mennessä", "do", "hours", "december", "friday", "today", "5 pm"]
    ),
    st.sampled_from(LANGUAGES),
)
def test_nothing_that_is_written_breaks_it(noise: str, word: str, language: str) -> None:
    found = read(language, f"{noise} {word} {noise}")
    assert found.deadline is None or 0 < found.deadline.hours <= 24 * 400 * 30
    assert found.waited >= 0


def test_a_file_of_words_says_what_is_wrong_with_it(tmp_path: object) -> None:
    with pytest.raises(ValueError, match="unknown keys: mnths"):
        Words({"mnths": "january"})


@pytest.mark.parametrize("line", ["no colon here", "by: a\nby: b"])
def test_a_broken_line_is_named(line: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("dates") / "xx.txt"
    file.write_text(f"# a comment\n{line}\n")
    with pytest.raises(ValueError, match=r"xx\.txt:\d"):
        read_words(file)
