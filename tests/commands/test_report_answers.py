"""mailtriage report --answers: a made state and history of two weeks, known by hand."""

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailtriage.knowledge.answer_index import build_answers
from mailtriage.knowledge.answers import read_templates
from mailtriage.state.history_writer import HistoryWriter
from mailtriage.state.sqlite import open_database
from tests.commands.conftest import Call
from tests.commands.test_report import Page
from tests.state.conftest import DAY, HELP, HOUR, MINUTE, TOKENS, Desk, inbound, key_of, outbound
from tests.state.test_history_answers import answer_row

_TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MONDAY = (_TODAY - timedelta(_TODAY.weekday() + 7)).timestamp()
"""Of the last week that is over. The team works from 9 to 17, UTC, as nothing else is said."""
BEFORE = MONDAY - 7 * DAY
WEEK = "{0.year}-W{0.week:02d}".format(datetime.fromtimestamp(MONDAY, UTC).isocalendar())
TEMPLATE = """+++
id = "refund"
title = "Refunds"
language = "{language}"
skill = "billing"
+++
Your refund is on its way and will reach you within fourteen days of today, {{{{ name }}}}.
"""


class Week:
    """Answers, with what was seen of them."""

    def __init__(self, directory: Path) -> None:
        self.connection: sqlite3.Connection = open_database(directory / "state.db")
        self.desk = Desk(self.connection, TOKENS)
        self.history = HistoryWriter(directory / "history.db")

    def close(self) -> None:
        self.connection.close()
        self.history.close()

    def answered(
        self, name: str, at: float, worked: float = HOUR, mood: str = "", **seen: Any
    ) -> None:
        """A mail of French customers at that time, its answer, and perhaps the next mail."""
        facts = seen.pop("facts", {})
        mail = {"skill": "billing", "language": "fr", "mood": "neutral", **facts}
        self.desk.refuse(inbound(name, at, **mail))
        about = (f"<{name}@customer.example>",)
        self.desk.goes_out(outbound(f"{name}-a", at + worked, about))
        if seen:
            self.history.add([], [answer_row(key=key_of(f"{name}-a"), at=at + worked, **seen)])
        if mood:
            self.desk.refuse(inbound(f"{name}-n", at + worked + HOUR, mood=mood, references=about))


@pytest.fixture
def week(tmp_path: Path) -> Iterator[Week]:
    made = Week(tmp_path)
    links = ("https://help.desk.example/old",)
    none: dict[str, Any] = {"unknown_links": (), "template": "", "version": 0, "current": 0}
    for number in range(24):
        spoken = "en" if number < 8 else "fr"
        mood = "negative" if number < 6 else ""
        at = MONDAY + 9 * HOUR + number * MINUTE
        facts = {"answer": "refund"}
        made.answered(f"n{number}", at, 2 * HOUR, mood, language=spoken, facts=facts,
                      unknown_links=links, template="refund", version=1, current=1 + number % 2,
                      kept=0.9, added=0.1)  # fmt: skip
    for number in range(6):
        at = BEFORE + 9 * HOUR + number * MINUTE
        made.answered(f"b{number}", at, language="fr", **none)
        facts = {"skill": "delivery", "language": "de"}
        at = MONDAY + DAY + 16 * HOUR + number * MINUTE
        # Over night: an hour before it closes, and one after it opens.
        made.answered(f"d{number}", at, 18 * HOUR, facts=facts, language="de", **none)
    yield made
    made.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "refund.md").write_text(TEMPLATE.format(language="en"))
    build_answers(read_templates(folder), tmp_path / "answers.idx", heading_weight=2.0)
    file = tmp_path / "mailtriage.toml"
    file.write_text(
        f'[state]\nurl = "sqlite://{tmp_path}/state.db"\n[history]\nkeep = "30d"\n'
        f'[answers]\nfolder = "{folder}"\nindex = "{tmp_path}/answers.idx"\n'
        f'[mailboxes."{HELP}"]\n[mailboxes."sales@desk.example"]\n'
    )
    return file


def told(call: Call, config: Path, *arguments: object) -> list[dict[str, Any]]:
    done = call("--config", config, "report", "--answers", "--week", WEEK, "--json", *arguments)
    assert done.code == 0, done.err
    pages = json.loads(done.out)["pages"]
    assert isinstance(pages, list)
    return pages


@pytest.mark.usefixtures("week")
def test_a_page_of_all_and_one_for_each_skill(call: Call, config: Path) -> None:
    pages = told(call, config)
    assert [(one["skill"], one["answers"]) for one in pages] == [
        (None, {"now": 30, "before": 6}),
        ("billing", {"now": 24, "before": 6}),
        ("delivery", {"now": 6, "before": 0}),
    ]


@pytest.mark.usefixtures("week")
def test_the_figures_of_a_skill(call: Call, config: Path) -> None:
    (page,) = told(call, config, "--skill", "billing")
    assert page["half"] == {"now": 2 * HOUR, "before": HOUR}
    assert page["same_language"]["part"] == {"now": 16, "before": 6}
    assert page["same_language"]["whole"] == {"now": 24, "before": 6}
    assert page["greeting"]["part"] == {"now": 24, "before": 6}
    (link,) = page["links"]
    assert (link["name"], link["figure"]) == ("help.desk.example/old", {"now": 24, "before": 0})
    (use,) = page["templates"]
    assert (use["id"], use["used"]["now"], use["taken"]["now"], use["old"]["now"]) == (
        "refund", 24, 24, 12,
    )  # fmt: skip
    assert (use["kept"], use["added"]) == (0.9, 0.1)
    assert use["after"]["negative"]["now"] == 6
    assert page["days"][0]["half"]["now"] == 2 * HOUR


@pytest.mark.usefixtures("week")
def test_time_is_that_of_opening_hours(call: Call, config: Path) -> None:
    (page,) = told(call, config, "--skill", "delivery")
    assert page["half"]["now"] == pytest.approx(2 * HOUR, abs=10 * MINUTE)


@pytest.mark.usefixtures("week")
def test_where_help_is_needed_knows_the_templates_that_there_are(call: Call, config: Path) -> None:
    (page,) = told(call, config, "--skill", "billing")
    assert (
        "Answers to mails in French are in English in 3 of 10 cases: templates in French are"
        " missing for refund." in page["help"]
    )


@pytest.mark.usefixtures("week")
def test_the_text_has_every_page_and_no_address(call: Call, config: Path) -> None:
    done = call("--config", config, "report", "--answers", "--week", WEEK)
    assert done.code == 0
    titles = re.findall(r"^Answers: .+", done.out, re.MULTILINE)
    assert titles == ["Answers: all skills", "Answers: billing", "Answers: delivery"]
    assert done.out.count("WHERE HELP IS NEEDED") == 3
    assert "@" not in done.out


def test_the_html_page_stands_alone_and_hostile_names_do_not_show(
    call: Call, config: Path, tmp_path: Path, week: Week
) -> None:
    hostile = "</td><script>alert(1)</script>"
    for number in range(6):
        week.answered(f"h{number}", MONDAY + 9 * HOUR, language=hostile, template=hostile,
                      unknown_links=("https://help.desk.example/<img/src=x>",),
                      facts={"skill": hostile, "answer": hostile})  # fmt: skip
    done = call("--config", config, "report", "--answers", "--week", WEEK, "--html", "a.html")
    assert (done.code, done.out) == (0, "")
    page = Page()
    page.feed((tmp_path / "a.html").read_text())
    page.close()
    assert page.open == []
    tags = {tag for tag, _ in page.met}
    assert not tags & {"script", "img", "link", "iframe", "object", "image", "use", "a"}
    names = {name for _, attributes in page.met for name in attributes}
    assert not {one for one in names if one.startswith("on") or one in ("src", "href", "style")}
    assert "alert" not in page.text
    plots = [attributes for tag, attributes in page.met if tag == "svg"]
    assert len(plots) == 8
    ids = {attributes.get("id") for _, attributes in page.met}
    assert all(set(str(plot["aria-labelledby"]).split()) <= ids for plot in plots)


@pytest.mark.usefixtures("week")
def test_a_mailbox_without_answers(call: Call, config: Path) -> None:
    done = call("--config", config, "report", "--answers", "--mailbox", "sales@desk.example")
    assert done.code == 0
    assert "No answer of a human was seen" in done.out


def test_without_a_history_the_times_still_show(
    call: Call, config: Path, tmp_path: Path, week: Week
) -> None:
    week.history.close()
    for file in tmp_path.glob("history.db*"):
        file.unlink()
    done = call("--config", config, "report", "--answers", "--week", WEEK, "--skill", "billing")
    assert done.code == 0
    assert "Not known: " in done.out
    assert "2 h 00 min" in done.out
    assert "TEMPLATES" not in done.out


@pytest.mark.usefixtures("week")
def test_what_was_forgotten_is_not_compared(call: Call, config: Path) -> None:
    config.write_text(config.read_text().replace("30d", "7d"))
    done = call("--config", config, "report", "--answers", "--since", "7d", "--json")
    found = json.loads(done.out)
    assert found["pages"][0]["seen"]["before"] is None
    assert found["pages"][0]["answers"]["before"] is not None
    assert "nothing of it is compared" in found["missing"]["before"]


def test_answers_that_nobody_looks_at(call: Call, config: Path, week: Week) -> None:
    for number in range(5):
        at = MONDAY + 9 * HOUR + number * MINUTE
        week.answered(f"p{number}", at, facts={"skill": "privacy"})
    config.write_text(config.read_text().replace("[answers]", "[answers]\nchecks = false"))
    done = call("--config", config, "report", "--answers", "--week", WEEK, "--skill", "privacy")
    assert done.code == 0
    assert "Answers are not looked at now (answers.checks)." in done.out


def test_no_state_is_said_and_is_an_error(call: Call, config: Path) -> None:
    done = call("--config", config, "report", "--answers")
    assert done.code == 1
    assert "Not known: " in done.out


@pytest.mark.usefixtures("week")
@pytest.mark.parametrize("arguments", [["--skill", "billing"], ["--answers", "--skill", "biling"]])
def test_a_wrong_call(call: Call, config: Path, arguments: list[str]) -> None:
    done = call("--config", config, "report", *arguments)
    assert done.code == 2
    assert "billing" in done.err or "--answers" in done.err


@pytest.mark.usefixtures("week")
def test_a_skill_without_answers_is_a_page(call: Call, config: Path) -> None:
    done = call("--config", config, "report", "--answers", "--week", WEEK, "--skill", "privacy")
    assert done.code == 0
    assert "No answer of a human was seen" in done.out
