"""Updates, surveys, moods over a conversation and corrections in the weekly report."""

from dataclasses import replace

import pytest

from mailtriage.insight.report import make_report
from mailtriage.insight.report_after import corrections_of, moods_of, surveys_of, updates_of
from mailtriage.insight.report_after_blocks import after_blocks
from mailtriage.insight.report_html import html_page
from mailtriage.insight.report_model import (
    Asked,
    Corrected,
    Figure,
    Missing,
    Period,
    Report,
    Rows,
    Told,
)
from mailtriage.insight.report_text import text_page

HOUR = 3600.0
PERIOD, BEFORE = Period(1000 * HOUR, 1168 * HOUR), Period(832 * HOUR, 1000 * HOUR)
NOW, THEN = PERIOD.start + HOUR, BEFORE.start + HOUR


def page_of(**more: object) -> str:
    return text_page(report_of(**more), str)


def report_of(**more: object) -> Report:
    rows = replace(Rows([], []), **more)  # type: ignore[arg-type] # names of fields
    return make_report(PERIOD, BEFORE, "UTC", rows)


def asked(vote: int, count: int = 1, at: float = NOW, skill: str = "billing") -> list[Asked]:
    return [Asked(at, skill, vote, at + HOUR if vote else 0.0)] * count


def test_votes_of_four_and_five_are_satisfied_customers() -> None:
    rows = [*asked(5, 6), *asked(4, 3), *asked(3, 2), *asked(1), *asked(0, 8), *asked(-1, 2)]
    found = surveys_of(rows, [], PERIOD, BEFORE)
    assert (found.asked.now, found.answered.now, found.satisfied.now) == (22, 12, 9)


def test_a_vote_counts_in_the_week_in_which_it_came() -> None:
    rows = [Asked(THEN, "billing", 5, NOW), Asked(NOW, "billing", 5, PERIOD.end + HOUR)]
    found = surveys_of(rows, [THEN, NOW, NOW], PERIOD, BEFORE)
    assert found.asked == Figure(1, 1)
    assert found.answered == Figure(1, 0)
    assert found.opt_outs == Figure(2, 1)


def test_a_skill_with_few_votes_is_not_shown_by_itself() -> None:
    rows = [*asked(5, 5), *asked(5, 4, skill="returns")]
    assert [one.name for one in surveys_of(rows, [], PERIOD, BEFORE).skills] == ["billing"]


def test_satisfaction_stands_with_the_range_in_which_it_probably_is() -> None:
    page = page_of(surveys=[*asked(5, 14), *asked(2, 3)], opt_outs=[NOW])
    assert "17 customers were asked (before: 0); 17 votes came (before: 0)" in page
    # Wilson's interval for 14 of 17.
    assert "14 of 17 (82 %). Of all customers it is probably between 59 and 94 %." in page
    assert "59 to 94 %" in page
    assert "Asked not to be asked again: 1" in page


def test_few_votes_are_no_satisfaction() -> None:
    page = page_of(surveys=asked(5, 4))
    assert "Too few votes" in page
    assert "probably" not in page


def test_nobody_was_asked() -> None:
    assert "Nobody was asked" in page_of(surveys=[])


def told(promised: float, answered: float, at: float = NOW, conversation: int = 1) -> Told:
    return Told(at, conversation, promised, answered)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (told(NOW + 5, NOW + 5), (1, 0, 0)),
        (told(NOW + 5, NOW + 6), (0, 1, 0)),
        (told(NOW + 5, 0.0), (0, 1, 0)),
        (told(PERIOD.end + 5, 0.0), (0, 0, 1)),
        (told(PERIOD.end + 5, PERIOD.end + 1), (0, 0, 1)),
        (told(0.0, NOW + 5), (0, 0, 0)),
        (told(0.0, 0.0), (0, 0, 0)),
    ],
)
def test_what_was_told_last_is_kept_broken_or_still_to_come(
    row: Told, found: tuple[int, int, int]
) -> None:
    updates = updates_of([row], PERIOD)
    assert (updates.kept, updates.broken, updates.waiting) == found
    assert updates.told == 1


def test_who_is_told_twice_is_one_customer() -> None:
    rows = [told(NOW + 5, 0.0), told(PERIOD.end + 9, 0.0, NOW + 4), told(9.0, 9.0, THEN, 2)]
    updates = updates_of(rows, PERIOD)
    assert (updates.told, updates.again, updates.waiting) == (1, 1, 1)
    assert "1 customer was told before a promise slipped, 1 of them twice." in page_of(updates=rows)


def test_moods_stand_beside_those_of_the_week_before() -> None:
    up = [(NOW, "negative"), (NOW + 1, "positive")]
    down = [(THEN, "neutral"), (THEN + 1, "negative")]
    found = {one.name: one.figure for one in moods_of([up, up, down], PERIOD, BEFORE)}
    assert found == {"better": Figure(2, 0), "same": Figure(0, 0), "worse": Figure(0, 1)}
    assert "No conversation had two mails" in page_of(courses=[])


def corrected(mail: str, said: str, value: str, facet: str = "skill", at: float = NOW) -> Corrected:
    return Corrected(at, mail.encode(), facet, said, value)


def test_the_most_frequent_confusion_of_each_tag() -> None:
    rows = [
        corrected("a", "delivery", "returns"),
        corrected("b", "delivery", "returns"),
        corrected("c", "general", "billing"),
        corrected("c", "normal", "high", "priority"),
        corrected("d", "billing", "billing"),
        corrected("e", "refund", "good", "answer"),
        corrected("f", "general", "billing", at=THEN),
    ]
    found = corrections_of(rows, PERIOD, BEFORE)
    assert (found.mails, found.confirmed) == (Figure(3, 1), 2)
    assert [(one.facet, one.said, one.value, one.count, one.mails) for one in found.facets] == [
        ("skill", "delivery", "returns", 2, Figure(3, 1)),
        ("priority", "normal", "high", 1, Figure(1, 0)),
    ]
    assert "3 mails were corrected (before: 1), 2 tags confirmed." in page_of(corrections=rows)


def test_what_was_said_and_is_not_known_is_a_dash() -> None:
    assert "skill  –                returns" in page_of(corrections=[corrected("a", "", "returns")])


def test_what_is_off_is_left_out_without_a_word() -> None:
    assert not list(after_blocks(report_of()))


def test_what_is_missing_is_said() -> None:
    missing = Missing(updates="no updates", surveys="no votes", corrections="none at all")
    found = {one.title: one.notes for one in after_blocks(report_of(missing=missing))}
    assert found == {
        "Updates": ("no updates",),
        "Surveys": ("no votes",),
        "Corrections": ("none at all",),
    }


def test_a_correction_that_is_no_word_is_a_word_of_the_page() -> None:
    page = html_page(report_of(corrections=[corrected("a", "<script>", "</td>")]))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
