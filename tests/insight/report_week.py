"""An invented week of a helpdesk, as full as a report gets; and pictures of its page.

`python -m tests.insight.report_week docs/images/report.png` makes that of the docs, by Chromium.
"""

import random
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zoneinfo import ZoneInfo

from mailtriage.insight.kept import Outcome
from mailtriage.insight.report import make_report
from mailtriage.insight.report_html import html_page
from mailtriage.insight.report_model import (
    Asked,
    Corrected,
    Mail,
    Period,
    Reply,
    Report,
    Rows,
    Surge,
    Told,
    Waiting,
)

HOUR, DAY = 3600.0, 86400.0
ZONE = "Europe/Stockholm"
START = datetime(2026, 11, 16, tzinfo=ZoneInfo(ZONE)).timestamp()
PERIOD, BEFORE = Period(START, START + 7 * DAY), Period(START - 7 * DAY, START)

_SKILLS: Final = {"delivery": 9, "billing": 8, "returns": 5, "account": 4, "technical": 4,
                  "order": 3, "complaint": 2, "general": 2}  # fmt: skip
_LANGUAGES: Final = {"sv": 14, "de": 9, "en": 7, "da": 3, "nb": 2, "fi": 1, "fr": 1, "und": 1}
_TITLES: Final = {
    "faq-12": "Delivery: Where is my parcel?",
    "faq-31": "Returns: How to send something back",
    "faq-07": "Invoices: Pay later, or in parts",
    "faq-44": "My account: A new password",
    "faq-18": "Delivery: Another address",
    "faq-52": "Warranty: What is covered",
}
CHROMIUM: Final = shutil.which("chromium")


def week() -> Report:
    """The same at each call."""
    chance = random.Random(47)
    mails = [_mail(chance, day) for day, share in enumerate(_SHARES) for _ in range(share)]
    rows = Rows(
        mails=mails,
        replies=[_reply(chance, day) for day in range(14) if day % 7 < 5 for _ in range(60)],
        open_now={
            skill: Waiting(3 * part, START + (7 - part / 3) * DAY)
            for skill, part in _SKILLS.items()
        },
        open_before={skill: Waiting(2 * part, START - DAY) for skill, part in _SKILLS.items()},
        surges=[
            Surge(START + DAY + 10 * HOUR, "topic", "delivery-delay"),
            Surge(START + 3 * DAY + 14 * HOUR, "language", "da"),
            Surge(START - 4 * DAY, "topic", "invoice-reminder"),
        ],
        surges_before=True,
        titles=_TITLES,
        surveys=[_asked(chance, day) for day in range(14) for _ in range(15)],
        opt_outs=[START + 2 * DAY],
        updates=[_told(chance, number) for number in range(14)],
        courses=[_course(chance, day) for day in range(14) for _ in range(9)],
        corrections=[_corrected(chance, number) for number in range(40)],
    )
    return make_report(PERIOD, BEFORE, ZONE, rows)


_SHARES: Final = (88, 81, 84, 79, 66, 21, 18, 97, 121, 104, 92, 71, 24, 19)


def _mail(chance: random.Random, day: int) -> Mail:
    hour = min(23.9, max(0.0, chance.gauss(12.5, 3.6)))
    skill = chance.choices(list(_SKILLS), list(_SKILLS.values()))[0]
    kb = chance.choices(list(_TITLES), [9, 7, 5, 4, 3, 2])[0]
    is_human = chance.random() < 0.86
    ack, rule = ("sent", "") if is_human and chance.random() < 0.9 else ("skipped", "B2")
    if rule and is_human:
        rule = chance.choice(["D7", "F2", "C4"])
    return Mail(
        at=START - 7 * DAY + day * DAY + hour * HOUR,
        queue_id=f"4fW{chance.randrange(16**8):08X}",
        kind="human" if is_human else "machine",
        skill=skill,
        priority=chance.choices(["normal", "high", "low", "urgent"], [12, 4, 2, 1])[0],
        language=chance.choices(list(_LANGUAGES), list(_LANGUAGES.values()))[0],
        mood=chance.choices(["neutral", "negative", "positive"], [10, 5, 2])[0],
        churn=chance.choices(["low", "medium", "high"], [20, 4, 1])[0],
        thread=chance.choices(["new", "reply", "chaser"], [10, 4, 1])[0],
        kb=kb if chance.random() < 0.3 else "none",
        ack=ack,
        ack_rule=rule,
    )


def _reply(chance: random.Random, day: int) -> Reply:
    at = START - 7 * DAY + day * DAY + chance.uniform(8, 17) * HOUR
    skill = chance.choices(list(_SKILLS), list(_SKILLS.values()))[0]
    if chance.random() < 0.03:
        return Reply(skill, at, None, Outcome.UNANSWERED)
    what = Outcome.KEPT if chance.random() < 0.91 else Outcome.BROKEN
    return Reply(skill, at, chance.lognormvariate(0.9, 0.7) * HOUR, what)


def _asked(chance: random.Random, day: int) -> Asked:
    at = START - 7 * DAY + day * DAY + chance.uniform(8, 20) * HOUR
    skill = chance.choices(list(_SKILLS), list(_SKILLS.values()))[0]
    vote = chance.choices([0, 1, 2, 3, 4, 5], [14, 1, 1, 2, 4, 6])[0]
    return Asked(at, skill, vote, at + 5 * HOUR if vote else 0.0)


def _told(chance: random.Random, number: int) -> Told:
    at = START + number * DAY / 2
    return Told(at, number, at + 6 * HOUR, at + chance.uniform(1, 8) * HOUR)


def _course(chance: random.Random, day: int) -> list[tuple[float, str]]:
    at = START - 7 * DAY + day * DAY
    moods = chance.choices(["neutral", "negative", "positive"], [5, 3, 2], k=3)
    return [(at + number * HOUR, mood) for number, mood in enumerate(moods)]


def _corrected(chance: random.Random, number: int) -> Corrected:
    at = START - 7 * DAY + number * DAY / 3
    facet, said, value = chance.choice(
        [
            ("skill", "delivery", "returns"),
            ("skill", "general", "billing"),
            ("priority", "normal", "high"),
            ("answer", "refund-14-days", "bad"),
            ("skill", "billing", "billing"),
        ]
    )
    return Corrected(at, bytes([number]), facet, said, value)


def chromium(page: str, *arguments: str) -> None:
    """Show a page to Chromium, without a window and without a network."""
    assert CHROMIUM is not None
    with TemporaryDirectory() as folder:
        file = Path(folder, "report.html")
        file.write_text(page)
        subprocess.run(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--disable-dev-shm-usage", "--proxy-server=127.0.0.1:9",
                f"--user-data-dir={folder}/profile", *arguments, file.as_uri(),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


if __name__ == "__main__":
    chromium(html_page(week()), f"--screenshot={sys.argv[1]}", "--window-size=1000,1640")
