"""Dates and times as a native speaker writes them in a letter."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.acks.wording import moment

BERLIN = ZoneInfo("Europe/Berlin")
LANGUAGES = ("da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "pl", "pt", "sv")


def at(
    year: int, month: int, day: int, hour: int, minute: int, zone: str = "Europe/Berlin"
) -> float:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("da", "onsdag den 25. november 2026 kl. 12.00 CET"),
        ("de", "Mittwoch, 25. November 2026, 12:00 Uhr MEZ"),
        ("en", "Wednesday, 25 November 2026 at 12:00 CET"),
        ("es", "miércoles, 25 de noviembre de 2026, a las 12:00 CET"),
        ("fi", "keskiviikkona 25. marraskuuta 2026 klo 12.00 (UTC+1)"),
        ("fr", "mercredi 25 novembre 2026 à 12:00 (UTC+1)"),
        ("it", "mercoledì 25 novembre 2026 alle ore 12:00 CET"),
        ("nb", "onsdag 25. november 2026 kl. 12.00 CET"),
        ("nl", "woensdag 25 november 2026 om 12.00 uur CET"),
        ("pl", "25 listopada 2026 r. (środa), godz. 12:00 CET"),
        ("pt", "quarta-feira, 25 de novembro de 2026, às 12:00 CET"),
        ("sv", "onsdag 25 november 2026 kl. 12.00 CET"),
    ],
)
def test_each_shipped_language(language: str, expected: str) -> None:
    assert moment(at(2026, 11, 25, 12, 0), BERLIN, language) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("es", "sábado, 1 de agosto de 2026, a la 1:05 CEST"),
        ("pt", "sábado, 1 de agosto de 2026, à 01:05 CEST"),
        ("fr", "samedi 1er août 2026 à 01:05 (UTC+2)"),
        ("it", "sabato 1 agosto 2026 alle ore 01:05 CEST"),
    ],
)
def test_one_o_clock_on_the_first_of_a_month(language: str, expected: str) -> None:
    assert moment(at(2026, 8, 1, 1, 5), BERLIN, language) == expected


@pytest.mark.parametrize(
    ("zone", "language", "expected"),
    [
        ("UTC", "fr", "UTC"),
        ("Etc/UTC", "en", "UTC"),
        ("America/New_York", "en", "EDT"),
        ("America/New_York", "de", "(UTC-4)"),
        ("Asia/Kathmandu", "sv", "(UTC+5:45)"),
        ("Europe/London", "en", "BST"),
        ("Europe/Lisbon", "pt", "WEST"),
        ("Europe/Helsinki", "fi", "(UTC+3)"),
        ("Africa/Abidjan", "fi", "(UTC+0)"),
    ],
)
def test_the_zone_has_the_name_that_people_know_or_its_offset(
    zone: str, language: str, expected: str
) -> None:
    assert moment(at(2026, 7, 1, 9, 5, zone), ZoneInfo(zone), language).endswith(f" {expected}")


def test_the_hour_that_comes_twice_is_told_apart_by_the_zone() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()
    assert moment(first, BERLIN, "de").endswith("02:30 Uhr MESZ")
    assert moment(first + 3600, BERLIN, "de").endswith("02:30 Uhr MEZ")


def test_a_language_without_a_style_of_ours_is_written_as_cldr_has_it() -> None:
    assert moment(at(2026, 11, 25, 12, 0), BERLIN, "uk") == (
        "середа, 25 листопада 2026 р., 12:00 (UTC+1)"
    )


def test_a_language_that_cldr_lacks_is_written_in_english() -> None:
    noon = at(2026, 11, 25, 12, 0)
    assert moment(noon, BERLIN, "xx") == moment(noon, BERLIN, "en")


@given(
    at=st.floats(min_value=0, max_value=4e9),
    language=st.sampled_from((*LANGUAGES, "cs", "ja", "ar")),
    zone=st.sampled_from(("Europe/Berlin", "America/St_Johns", "Pacific/Apia", "UTC")),
)
def test_blanks_are_plain_and_the_year_is_there(at: float, language: str, zone: str) -> None:
    words = moment(at, ZoneInfo(zone), language)
    assert words == " ".join(words.split())
    assert words.isprintable()
    assert str(datetime.fromtimestamp(at, ZoneInfo(zone)).year) in words
