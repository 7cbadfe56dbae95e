"""The figures of a period, from rows; and how they are written down."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mailtriage.insight.kept import Outcome
from mailtriage.insight.report import make_report, percent, quantile
from mailtriage.insight.report_blocks import blocks
from mailtriage.insight.report_html import html_page
from mailtriage.insight.report_model import (
    Figure,
    Mail,
    Missing,
    Period,
    Reply,
    Report,
    Rows,
    Surge,
    Waiting,
)
from mailtriage.insight.report_parts import age, hours
from mailtriage.insight.report_svg import BARS, LINE
from mailtriage.insight.report_text import text_page
from tests.insight.report_week import CHROMIUM, chromium, week

HOUR, DAY = 3600.0, 86400.0
ZONE = "Europe/Stockholm"
START = datetime(2026, 10, 19, tzinfo=ZoneInfo(ZONE)).timestamp()
"""A Monday; the week ends with an hour more than usual."""
END = datetime(2026, 10, 26, tzinfo=ZoneInfo(ZONE)).timestamp()
PERIOD, BEFORE = Period(START, END), Period(START - 7 * DAY, START)
MAIL = Mail(
    START, "4Wx1", "human", "billing", "normal", "de", "neutral", "low", "new", "none", "sent", ""
)


def report_of(
    mails: list[Mail] | None = None,
    replies: list[Reply] | None = None,
    **more: object,
) -> Report:
    rows = Rows(mails, replies, titles={})
    rows = replace(rows, **more)  # type: ignore[arg-type] # names of fields
    return make_report(PERIOD, BEFORE, ZONE, rows)


def text_of(report: Report) -> str:
    return text_page(report, lambda text: text)


@pytest.mark.parametrize(
    ("part", "whole", "share"),
    [(4, 100, None), (5, 100, 5), (4, 4, None), (5, 5, 100), (0, 0, None), (1, 3, None)],
)
def test_small_numbers_are_no_shares(part: int, whole: int, share: int | None) -> None:
    assert percent(part, whole) == share


@pytest.mark.parametrize(
    ("figure", "change"),
    [
        (Figure(110, 100), 10),
        (Figure(50, 100), -50),
        (Figure(100, 100), 0),
        (Figure(4, 100), None),
        (Figure(100, 4), None),
        (Figure(100, 0), None),
        (Figure(100, None), None),
    ],
)
def test_a_change_needs_two_numbers(figure: Figure, change: int | None) -> None:
    assert figure.change == change


@pytest.mark.parametrize("count", [5, 10, 35, 1000])
def test_of_ten_answers_eight_are_within_the_time(count: int) -> None:
    times = [float(number) for number in range(1, count + 1)]
    found = quantile(times, 0.8)
    assert found is not None
    assert sum(time <= found for time in times) >= 0.8 * count
    assert sum(time < found for time in times) < 0.8 * count
    assert quantile(times[:4], 0.8) is None


def test_the_end_of_a_period_belongs_to_the_next() -> None:
    found = report_of([MAIL, replace(MAIL, at=END), replace(MAIL, at=START - 1)])
    assert found.volume is not None
    assert found.volume.mails == Figure(1, 1)


def test_days_and_hours_are_those_of_the_team() -> None:
    at = datetime(2026, 10, 25, 22, 30, tzinfo=UTC).timestamp()  # 23:30 in Stockholm, winter time
    found = report_of([replace(MAIL, at=at)]).volume
    assert found is not None
    assert [one.figure.now for one in found.days] == [0, 0, 0, 0, 0, 0, 1]
    assert found.hours[23].now == 1


def test_parts_of_days_are_called_so() -> None:
    assert "not a whole one" not in text_of(report_of([MAIL]))
    rows = Rows([MAIL], None)
    shifted = [Period(each.start + HOUR, each.end + HOUR) for each in (PERIOD, BEFORE)]
    assert "not a whole one" in text_of(make_report(shifted[0], shifted[1], ZONE, rows))


def test_promises_that_nobody_answered_count_neither_way() -> None:
    replies = [
        Reply("billing", START + HOUR, HOUR, Outcome.KEPT),
        Reply("billing", START + HOUR, HOUR, Outcome.BROKEN),
        Reply("billing", START + HOUR, HOUR, None),
        Reply("billing", START + HOUR, None, Outcome.UNANSWERED),
        Reply("billing", START + HOUR, None, None),
    ]
    found = report_of(replies=replies)
    assert found.answers is not None
    every = found.answers[0]
    assert (every.answers.now, every.kept.now, every.judged.now, every.unanswered) == (3, 1, 2, 1)


def test_where_no_answer_was_seen_it_is_said() -> None:
    found = report_of(replies=[], open_now={"billing": Waiting(3, END - 3 * DAY)})
    page = text_of(found)
    assert "No answer of a human was seen in this period" in page
    assert "3 days" in page


def test_what_is_missing_is_said_in_its_place() -> None:
    missing = Missing(
        volume="no mails", replies="no answers", surges="no surges", knowledge="no kb"
    )
    found = report_of(titles=None, missing=missing)
    notes = {block.title: block.notes for block in blocks(found)}
    assert notes == {
        "What came in": ("no mails",),
        "First answers, in opening hours": ("no answers",),
        "Surges": ("no surges",),
        "Knowledge base": ("no kb",),
    }
    for page in (text_of(found), html_page(found)):
        assert all(said in page for (said,) in notes.values())


def test_an_incomplete_week_before_is_not_compared() -> None:
    mails = [replace(MAIL, at=START + number) for number in range(10)]
    mails += [replace(MAIL, at=START - 1 - number) for number in range(5)]
    found = report_of(mails, missing=Missing(before="half of it is gone"))
    assert found.volume is not None
    assert found.volume.mails == Figure(10, None)
    page = html_page(found)
    assert "half of it is gone" in page
    assert "polyline" not in page


def test_examples_of_questions_are_the_newest_and_few() -> None:
    mails = [replace(MAIL, at=START + number, queue_id=f"4W{number}") for number in range(9)]
    found = report_of([*mails, replace(MAIL, kb="faq-1")]).knowledge
    assert found is not None
    (gap,) = found.gaps
    assert (gap.figure.now, gap.of, gap.examples) == (9, 10, ("4W8", "4W7"))


def test_a_section_that_is_no_more_keeps_its_id() -> None:
    found = report_of([replace(MAIL, kb="faq-1"), replace(MAIL, kb="faq-2")],
                      titles={"faq-2": "Change your address"})  # fmt: skip
    page = text_of(found)
    assert "faq-1" in page
    assert "Change your address" in page


def test_surges_of_the_period_alone() -> None:
    found = report_of(
        surges=[Surge(START + HOUR, "topic", "parcel"), Surge(START - HOUR, "skill", "billing")],
        surges_before=True,
    )
    assert found.surges is not None
    assert [one.name for one in found.surges] == ["parcel"]
    assert found.surges_count == Figure(1, 1)


def test_an_empty_week_is_a_page_too() -> None:
    found = report_of([], [], surges=[])
    assert "None was noticed." in text_of(found)
    assert html_page(found).count("<svg") == 2


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0.0, "0 min"), (59.7 * 60, "1 h 00 min"), (12_000.0, "3 h 20 min"),
     (26.4 * HOUR, "26 h")],
)  # fmt: skip
def test_times_as_people_say_them(seconds: float | None, said: str) -> None:
    assert hours(seconds) == said


def test_long_waits_are_told_in_days() -> None:
    assert (age(47 * HOUR), age(50 * HOUR)) == ("47 h", "2 days")


def test_no_line_is_too_long_for_a_mail() -> None:
    hostile = '"' * 500
    mails = [
        replace(MAIL, at=START + number, skill=hostile, language=hostile, kb=kb, queue_id=hostile)
        for number in range(20)
        for kb in (hostile, "none")
    ]
    more = {"titles": {hostile: hostile}, "surges": [Surge(START, "topic", hostile)]}
    month = Period(START - 30 * DAY, END)
    rows = replace(Rows(mails, [Reply(hostile, START, HOUR, None)]), **more)  # type: ignore[arg-type] # names of fields
    page = html_page(make_report(month, BEFORE, ZONE, rows))
    assert max(len(line.encode()) for line in page.split("\n")) <= 998


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_full_week_is_one_sheet_of_paper(tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    chromium(html_page(week()), f"--print-to-pdf={file}", "--no-pdf-header-footer")
    printed = file.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    (box,) = re.findall(rb"/MediaBox\s*\[0 0 ([0-9.]+) ([0-9.]+)\]", printed)
    assert [round(float(side) / 72 * 25.4) for side in box] == [210, 297]


@pytest.mark.parametrize("colour", [BARS, LINE])
@pytest.mark.parametrize("page", ["#ffffff", "#121212"])
def test_plots_are_seen_on_dark_and_on_light(colour: str, page: str) -> None:
    """WCAG 2.2, 1.4.11 and its definition of contrast."""
    lights = sorted((_light(colour), _light(page)))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 3


def _light(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
