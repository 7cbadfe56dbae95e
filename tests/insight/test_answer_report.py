"""The page about answers: rows in, figures and text out."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.insight.answer_report import LEAST_LINKED, edited, make_answer_report
from mailtriage.insight.answer_report_blocks import answer_sheets
from mailtriage.insight.answer_report_help import ENOUGH
from mailtriage.insight.answer_report_model import (
    Answer,
    AnswerPage,
    AnswerReport,
    AnswerRows,
    AnswersMissing,
    Known,
    Seen,
)
from mailtriage.insight.report_html import html_sheets
from mailtriage.insight.report_model import ALL, Figure, Named, Period, Times
from mailtriage.insight.report_text import text_sheet
from tests.insight.answers_week import page as html_of
from tests.insight.answers_week import week
from tests.insight.report_week import CHROMIUM, chromium

HOUR, DAY = 3600.0, 86_400.0
PERIOD, BEFORE = Period(700 * DAY, 707 * DAY), Period(693 * DAY, 700 * DAY)
NOW, THEN = PERIOD.start + 10 * HOUR, BEFORE.start + 10 * HOUR
SEEN = Seen("en", greeting=True, closing=True, links=(), template="", is_old=False, kept=0.0,
            added=0.0)  # fmt: skip
MADE = replace(SEEN, template="refund-14-days", kept=0.9, added=0.1)
ANSWER = Answer(NOW, "returns", "en", "", 2 * HOUR, "", SEEN)


def seen(count: int, at: float = NOW, **changes: object) -> list[Answer]:
    """So many answers; changes of what was seen of them."""
    return [replace(ANSWER, at=at, seen=replace(SEEN, **changes))] * count  # type: ignore[arg-type] # names of fields


def made(count: int, **changes: object) -> list[Answer]:
    """The same for answers made of a template."""
    return [replace(ANSWER, seen=replace(MADE, **changes))] * count  # type: ignore[arg-type] # names of fields


def report_of(answers: list[Answer] | None, skill: str = "", **more: object) -> AnswerReport:
    rows = replace(AnswerRows(answers), **more)  # type: ignore[arg-type] # names of fields
    return make_answer_report(PERIOD, BEFORE, "UTC", rows, skill=skill)


def page_of(answers: list[Answer], **more: object) -> AnswerPage:
    """That of all skills."""
    pages = report_of(answers, **more).pages
    assert pages is not None
    return pages[0]


def text_of(report: AnswerReport) -> str:
    return "\n".join(text_sheet(sheet, str) for sheet in answer_sheets(report))


def test_each_skill_with_answers_enough_has_a_page() -> None:
    answers = [ANSWER] * 6 + [replace(ANSWER, skill="billing")] * 9
    answers += [replace(ANSWER, skill="privacy")] * 4
    found = report_of(answers)
    assert found.pages is not None
    assert [(page.skill, page.answers.now) for page in found.pages] == [
        (ALL, 19), ("billing", 9), ("returns", 6),
    ]  # fmt: skip
    assert found.others == 4
    assert "4 more answers are of skills with too few for one." in text_of(found)


def test_a_page_of_one_skill() -> None:
    found = report_of([ANSWER] * 6 + [replace(ANSWER, skill="privacy")] * 2, "privacy")
    assert found.pages is not None
    assert [(page.skill, page.answers.now) for page in found.pages] == [("privacy", 2)]
    assert "Answers: privacy" in text_of(found)


def test_greeting_and_closing_of_what_was_looked_at() -> None:
    answers = [*seen(6, greeting=False), *seen(2, closing=False), replace(ANSWER, seen=None)]
    found = page_of([*answers, *seen(3, THEN)])
    assert (found.answers, found.seen) == (Figure(9, 3), Figure(8, 3))
    assert (found.greeting.part, found.closing.part) == (Figure(2, 3), Figure(6, 3))


def test_languages_count_where_both_could_be_told() -> None:
    answers = [
        *[replace(one, language="fr") for one in seen(3, language="en")],
        *[replace(one, language="fr") for one in seen(5, language="fr-ca")],
        *[replace(one, language="fr") for one in seen(2, language="und")],
        *[replace(one, language="") for one in seen(2, language="en")],
        *[replace(one, language="no") for one in seen(1, language="nb")],
    ]
    found = page_of(answers)
    assert (found.same_language.part.now, found.same_language.whole.now) == (6, 9)
    french = found.languages[0]
    assert (french.language, french.same.part.now, french.same.whole.now) == ("fr", 5, 8)
    assert (french.other, french.other_count) == ("en", 3)


def test_times_are_those_of_half_and_of_eight_in_ten() -> None:
    answers = [replace(ANSWER, worked=HOUR * number) for number in range(1, 11)]
    found = page_of([*answers, *seen(4, THEN)])
    assert (found.half, found.most) == (Times(5 * HOUR, None), Times(8 * HOUR, None))


def test_a_day_with_few_answers_has_a_number_and_no_time() -> None:
    tuesday = [replace(ANSWER, at=NOW + DAY, worked=HOUR)] * 5
    found = page_of([*seen(4), *tuesday])
    assert [day.answers.now for day in found.days] == [4, 5, 0, 0, 0, 0, 0]
    assert [day.half.now for day in found.days[:2]] == [None, HOUR]
    assert found.days[0].name == "1971-12-02"


def test_links_that_lead_nowhere_are_shown_when_they_stand_in_several_answers() -> None:
    often, once = "https://help.desk.example/old?x=1#y", "https://help.desk.example/order/4711"
    answers = [*seen(LEAST_LINKED, links=(often, often)), *seen(2, links=(once,))]
    found = page_of([*answers, *seen(1, THEN, links=(often,))])
    assert found.links == (Named("help.desk.example/old", Figure(LEAST_LINKED, 1)),)
    assert found.rare_links == 1
    assert found.nowhere.part == Figure(LEAST_LINKED + 2, 1)
    assert "4711" not in text_of(report_of(answers))


def test_what_becomes_of_a_template() -> None:
    told = [replace(one, suggested="refund-14-days") for one in (*made(4), *seen(2))]
    answers = [*told, *made(3, is_old=True, kept=0.5, added=0.5)]
    answers[0] = replace(answers[0], mood_after="negative")
    answers[1] = replace(answers[1], mood_after="positive")
    found = page_of(answers)
    (use,) = found.templates
    assert (use.id, use.used.now, use.suggested.now, use.taken.now) == ("refund-14-days", 7, 6, 4)
    assert (use.old.now, use.much) == (3, 3)
    assert (use.kept, use.added) == (0.9, 0.1)
    assert (use.after.wrote.now, use.after.negative.now, use.after.positive.now) == (2, 1, 1)
    assert (found.made.part.now, found.made.whole.now) == (7, 9)
    assert (found.suggested.part.now, found.suggested.whole.now) == (4, 6)
    assert found.with_template.wrote.now == 2
    assert found.without.wrote.now == 0


@pytest.mark.parametrize(
    ("kept", "added", "share"), [(1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (1.0, 0.5, 1 / 3), (0, 1, 1.0)]
)
def test_an_edit_is_the_share_of_words_that_only_one_of_both_has(
    kept: float, added: float, share: float
) -> None:
    assert edited(replace(MADE, kept=kept, added=added)) == pytest.approx(share)


def test_few_answers_have_no_medians_and_no_shares() -> None:
    text = text_of(report_of(made(4)))
    assert "%" not in text.replace("more than 40 %", "")


def test_what_is_not_kept_so_long_is_not_compared() -> None:
    found = page_of([*seen(6), *seen(6, THEN)], is_compared=False)
    assert found.answers == Figure(6, 6)
    assert found.greeting.part == Figure(6, None)


def test_where_nobody_looked_it_is_said() -> None:
    answers = [replace(ANSWER, seen=None)] * 6
    text = text_of(report_of(answers, missing=AnswersMissing(seen="checks are off")))
    assert "checks are off" in text
    assert "TEMPLATES" not in text
    assert "ANSWERS BY DAY" in text


def test_a_team_without_templates_is_told_so() -> None:
    missing = AnswersMissing(templates="there are no templates")
    lines = text_of(report_of(seen(6), missing=missing)).splitlines()
    place = lines.index("TEMPLATES")
    assert lines[place + 1 : place + 3] == [
        "No answer was made of a template.",
        "there are no templates",
    ]


def test_an_empty_week_and_no_state_are_pages_too() -> None:
    assert "No answer of a human was seen" in text_of(report_of([]))
    missing = AnswersMissing(answers="no state")
    assert "no state" in text_of(report_of(None, missing=missing))


def french(count: int, spoken: str) -> list[Answer]:
    return [replace(one, language="fr") for one in seen(count, language=spoken)]


TEMPLATES = (
    Known("refund-14-days", "en", "returns"),
    Known("send-back", "en", "returns"),
    Known("send-back", "fr", "returns"),
    Known("invoice-copy", "en", "billing"),
)


def test_a_language_that_needs_templates() -> None:
    answers = [*french(14, "fr"), *french(6, "en")]
    found = report_of(answers, "returns", templates=TEMPLATES).pages
    assert found is not None
    (said,) = found[0].help
    assert said.startswith("Answers to mails in French are in English in 3 of 10 cases: ")
    assert said.endswith("templates in French are missing for refund-14-days.")
    assert "templates in French would help." in page_of(answers).help[0]
    all_there = (*TEMPLATES, Known("refund-14-days", "fr", "returns"))
    found = report_of(answers, "returns", templates=all_there).pages
    assert found is not None
    assert "somebody who writes French would help." in found[0].help[0]


HELP = [
    (made(ENOUGH, kept=0.55, added=0.4), "half of the answers change more than 40 % of it"),
    (made(10) + made(10, is_old=True), "5 of 10 answers are made of an earlier version"),
    (
        [replace(ANSWER, suggested="send-back")] * ENOUGH,
        "send-back was suggested for 20 answers and used in 0 of them",
    ),
    (
        seen(ENOUGH, links=("https://help.desk.example/old",)),
        "20 answers link to help.desk.example/old, which the knowledge base does not have",
    ),
    (seen(ENOUGH, greeting=False), "9 of 10 answers have no greeting"),
    (seen(10) + seen(10, closing=False), "5 of 10 answers have no closing"),
    (
        [replace(one, mood_after="negative") for one in made(ENOUGH)]
        + [replace(one, mood_after="neutral") for one in seen(ENOUGH)],
        "customers who wrote again were displeased",
    ),
    (
        [replace(ANSWER, worked=9 * HOUR)] * ENOUGH
        + [replace(ANSWER, at=THEN, worked=3 * HOUR)] * ENOUGH,
        "came within 9 h of opening hours, in the period before within 3 h",
    ),
    (french(14, "fr") + french(6, "en"), "Answers to mails in French are in English"),
]


@pytest.mark.parametrize(("answers", "said"), HELP)
def test_help_is_asked_for_by_a_rule(answers: list[Answer], said: str) -> None:
    (sentence,) = page_of(answers).help
    assert said in sentence


@pytest.mark.parametrize("answers", [one for one, _ in HELP])
def test_help_is_not_asked_for_because_of_a_few_answers(answers: list[Answer]) -> None:
    few = [one for one in answers if one.at in PERIOD][-ENOUGH + 1 :]
    few += [one for one in answers if one.at in BEFORE]
    assert page_of(few).help == ()
    assert f"Too few answers to say; {ENOUGH} are needed." in text_of(report_of(few))


def test_a_usual_week_needs_no_help() -> None:
    answers = [*made(30), *seen(30), *[replace(one, at=THEN) for one in seen(30)]]
    assert page_of(answers).help == ()
    assert "Nothing stands out." in text_of(report_of(answers))


def test_three_sentences_are_the_most_and_what_concerns_most_comes_first() -> None:
    answers = [
        *made(40, kept=0.55, added=0.4, is_old=True, closing=False),
        *seen(30, links=("https://help.desk.example/old",), greeting=False, closing=False),
    ]
    found = page_of(answers).help
    assert len(found) == 3
    assert "half of the answers change" in found[0]
    assert "link to" in found[1]


ANY = st.one_of(
    st.sampled_from(
        ["Anna Svensson", "anna@customer.example", "https://help.desk.example/u/anna@customer.example",
         "https://anna@help.desk.example/x", "https://help.desk.example/a%40b", "<b>", "\x1b[2J"]
    ),
    st.text(max_size=30),
)  # fmt: skip


@given(skill=ANY, language=ANY, template=ANY, link=ANY, spoken=ANY, mood=ANY)
def test_no_name_and_no_address_shows_whatever_the_rows_hold(
    skill: str, language: str, template: str, link: str, spoken: str, mood: str
) -> None:
    one = Seen(spoken, greeting=True, closing=True, links=(link,), template=template, is_old=False,
               kept=0.9, added=0.1)  # fmt: skip
    answer = Answer(NOW, skill, language, template, HOUR, mood, one)
    found = report_of([answer] * ENOUGH)
    text = text_of(found)
    assert "@" not in text
    assert "%40" not in text
    assert "Anna" not in text
    assert "svensson" not in text.lower()
    assert "\x1b" not in text
    assert found.pages is not None
    for page in found.pages:
        words = [page.skill, *(use.id for use in page.templates)]
        words += [one.language for one in page.languages]
        assert all(re.fullmatch(r"[a-z0-9_-]{0,40}", word) for word in words)


def test_hostile_words_are_words_of_the_page() -> None:
    link = "https://help.desk.example/<script>alert(1)</script>"
    html = html_of(report_of(seen(ENOUGH, links=(link,))))
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_no_line_is_too_long_for_a_mail() -> None:
    period = Period(PERIOD.start, PERIOD.start + 28 * DAY)
    link = "https://help.desk.example/" + '"' * 170
    answers = [
        replace(one, at=NOW + day * DAY) for day in range(28) for one in seen(6, links=(link,))
    ]
    rows = AnswerRows(answers)
    sheets = answer_sheets(make_answer_report(period, BEFORE, "UTC", rows))
    page = html_sheets("Answers", sheets)
    assert max(len(line.encode()) for line in page.split("\n")) <= 998


def test_ids_of_plots_differ() -> None:
    ids = re.findall(r' id="([^"]+)"', html_of(week()))
    assert len(ids) > 20
    assert len(ids) == len(set(ids))


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_each_page_is_one_sheet_of_paper(tmp_path: Path) -> None:
    file = tmp_path / "answers.pdf"
    report = week()
    chromium(html_of(report), f"--print-to-pdf={file}", "--no-pdf-header-footer")
    assert report.pages is not None
    assert len(re.findall(rb"/Type\s*/Page\b", file.read_bytes())) == len(report.pages) == 6
