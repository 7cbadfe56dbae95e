"""An invented week of answers, and pictures of its pages.

`python -m tests.insight.answers_week docs/images/report-answers.png` makes that of the docs.
"""

import random
import sys
from dataclasses import replace
from typing import Final

from mailtriage.insight.answer_report import make_answer_report
from mailtriage.insight.answer_report_blocks import answer_sheets
from mailtriage.insight.answer_report_model import Answer, AnswerReport, AnswerRows, Known, Seen
from mailtriage.insight.report_html import html_sheets
from tests.insight.report_week import BEFORE, DAY, HOUR, PERIOD, START, ZONE, chromium

_SKILLS: Final = {"delivery": 9, "billing": 8, "returns": 6, "account": 4, "technical": 4}
_TEMPLATES: Final = {
    "delivery": ["parcel-late", "parcel-lost", "other-address"],
    "billing": ["invoice-copy", "pay-later"],
    "returns": ["refund-14-days", "send-back"],
    "account": ["new-password"],
    "technical": ["restart-first"],
}
_LINKS: Final = [
    "https://help.desk.example/returns/how-to-send-back",
    "https://help.desk.example/delivery/christmas-2024",
    "https://help.desk.example/account/reset",
]


def rows() -> AnswerRows:
    """The same at each call."""
    chance = random.Random(48)
    answers = [
        _answer(chance, day, skill)
        for day in range(14)
        if day % 7 < 5
        for skill, part in _SKILLS.items()
        for _ in range(chance.randint(2 * part, 4 * part))
    ]
    languages = {"fr": ["parcel-late", "invoice-copy"]}
    known = [
        Known(name, language, skill)
        for skill, names in _TEMPLATES.items()
        for name in names
        for language in ("en", "de", "sv", "fr")
        if name in languages.get(language, names)
    ]
    return AnswerRows(answers, known)


def _answer(chance: random.Random, day: int, skill: str) -> Answer:
    template = chance.choice(_TEMPLATES[skill])
    language = chance.choices(["sv", "de", "en", "fr"], [5, 4, 3, 3])[0]
    spoken = "en" if language == "fr" and chance.random() < 0.35 else language
    suggested = template if chance.random() < 0.6 else ""
    is_drifting = template == "refund-14-days"
    seen = Seen(
        language=spoken,
        greeting=chance.random() < 0.93,
        closing=chance.random() < 0.88,
        links=(chance.choices(_LINKS, [6, 2, 1])[0],) if chance.random() < 0.06 else (),
        template=template if chance.random() < (0.75 if suggested else 0.15) else "",
        is_old=chance.random() < 0.12,
        kept=chance.uniform(0.5, 0.75) if is_drifting else chance.uniform(0.8, 1.0),
        added=chance.uniform(0.3, 0.7) if is_drifting else chance.uniform(0.05, 0.3),
    )
    mood = chance.choices(["", "neutral", "positive", "negative"], [6, 3, 2, 1])[0]
    return Answer(
        at=START - 7 * DAY + day * DAY + chance.uniform(8, 17) * HOUR,
        skill=skill,
        language=language,
        suggested=suggested,
        worked=chance.lognormvariate(0.9, 0.7) * HOUR,
        mood_after=mood,
        seen=seen if seen.template else replace(seen, is_old=False, kept=0.0, added=0.0),
    )


def week(skill: str = "") -> AnswerReport:
    """The report of it."""
    return make_answer_report(PERIOD, BEFORE, ZONE, rows(), skill=skill)


def page(report: AnswerReport) -> str:
    """As HTML."""
    return html_sheets("Answers", answer_sheets(report))


if __name__ == "__main__":
    first = html_sheets("Answers", answer_sheets(week())[:1])
    chromium(first, f"--screenshot={sys.argv[1]}", "--window-size=1000,1500")
