"""mailtriage report: a made history and state of three weeks, whose figures are known by hand."""

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mailtriage.commands.report import span_of
from mailtriage.state.history_writer import HistoryWriter
from mailtriage.state.sqlite import open_database
from mailtriage.state.warnings import WarningsFile
from tests.commands.conftest import Call
from tests.state.conftest import HELP, TOKENS, Desk, inbound, outbound
from tests.state.test_history import row

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
_TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MONDAY = (_TODAY - timedelta(_TODAY.weekday() + 7)).timestamp()
"""Of the last week that is over. The team works from 9 to 17, UTC, as nothing else is said."""
BEFORE, EARLIER = MONDAY - 7 * DAY, MONDAY - 14 * DAY
NAME = "{0.year}-W{0.week:02d}".format(datetime.fromtimestamp(MONDAY, UTC).isocalendar())
HOSTILE = "</td><script>alert(1)</script>"


def mails(count: int, at: float, **facts: Any) -> list[list[Any]]:
    """So many, a minute apart."""
    human = {"ack": "sent", "mood": "neutral", "churn": "low", "thread": "new", "kb": "none"}
    return [
        row(queue_id=f"4W{int(at) % 100000}x{n}", at=at + n * MINUTE, **{**human, **facts})
        for n in range(count)
    ]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mailtriage.toml"
    file.write_text(
        f'[state]\nurl = "sqlite://{tmp_path}/state.db"\n[history]\nkeep = "30d"\n'
        f'[kb]\nindex = "{tmp_path}/none.kb"\n'
        f'[mailboxes."{HELP}"]\n[mailboxes."sales@desk.example"]\n'
    )
    return file


@pytest.fixture
def history(tmp_path: Path) -> Iterator[HistoryWriter]:
    with closing(HistoryWriter(tmp_path / "history.db")) as opened:
        opened.add(
            [
                *mails(50, EARLIER + 9 * HOUR, mailbox=HELP),
                *mails(8, BEFORE + 9 * HOUR, mailbox=HELP, skill="billing", language="de"),
                *mails(10, MONDAY + 9 * HOUR, mailbox=HELP, skill="billing", language="de",
                       kb="faq-7"),
                *mails(6, MONDAY + DAY + 14 * HOUR, mailbox=HELP, skill="delivery", language="en",
                       mood="negative", churn="high"),
                *mails(2, MONDAY + DAY + 15 * HOUR, mailbox=HELP, skill="returns", language="sv",
                       thread="chaser", ack="skipped", ack_rule="D7"),
                *mails(3, MONDAY + 2 * DAY, mailbox="sales@desk.example", kind="machine",
                       ack="skipped", ack_rule="B2"),
                *mails(1, MONDAY + 3 * DAY, direction="outbound", skill=""),
            ]
        )  # fmt: skip
        yield opened


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Five answers in each of two weeks, two mails that are open, one that is given up."""
    with closing(open_database(tmp_path / "state.db")) as connection:
        desk = Desk(connection, TOKENS)
        desk.acknowledge(inbound("given-up", EARLIER + 9 * HOUR))
        for number in range(5):
            for week, began, worked in (
                ("b", BEFORE + 9 * HOUR, 2.0),
                ("n", MONDAY + 9 * HOUR, number + 1.0),
            ):
                name, at = f"{week}{number}", began + number * MINUTE
                desk.acknowledge(inbound(name, at, skill="billing", promised=at + 4 * HOUR))
                told = (f"<{name}@customer.example>",)
                desk.goes_out(outbound(f"{name}-answer", at + worked * HOUR, told))
        for number in range(2):
            at = MONDAY + 2 * DAY + 10 * HOUR + number
            desk.acknowledge(inbound(f"open{number}", at, skill="delivery", promised=0.0))
            told = (f"<open{number}@customer.example>",)
            desk.goes_out(outbound(f"late{number}", MONDAY + 7 * DAY + HOUR, told))
        yield connection


@pytest.fixture
def surges(tmp_path: Path) -> None:
    file = tmp_path / "warnings.db"
    WarningsFile(file).close()
    with closing(sqlite3.connect(file)) as connection:
        marks = [("alert", int(MONDAY + DAY), "topic", "parcel"),
                 ("raise", int(MONDAY + DAY), "topic", "parcel"),
                 ("alert", int(MONDAY - DAY), "skill", "billing")]  # fmt: skip
        connection.executemany("INSERT INTO budget VALUES (?, ?, ?, ?)", marks)
        connection.commit()


def told(call: Call, config: Path, *arguments: object) -> dict[str, Any]:
    done = call("--config", config, "report", "--week", NAME, "--json", *arguments)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert isinstance(found, dict)
    return found


def named(rows: list[dict[str, Any]]) -> dict[str, tuple[int, int | None]]:
    return {one["name"]: (one["figure"]["now"], one["figure"]["before"]) for one in rows}


@pytest.mark.usefixtures("history")
def test_what_came_in_beside_the_week_before(call: Call, config: Path) -> None:
    volume = told(call, config)["volume"]
    assert volume["mails"] == {"now": 21, "before": 8}
    assert volume["human"] == {"now": 18, "before": 8}
    assert volume["chasers"] == {"now": 2, "before": 0}
    assert volume["churn_high"] == {"now": 6, "before": 0}
    assert named(volume["skills"]) == {"billing": (10, 8), "delivery": (6, 0), "returns": (2, 0)}
    assert named(volume["languages"]) == {"de": (10, 8), "en": (6, 0), "sv": (2, 0)}
    assert named(volume["moods"]) == {"neutral": (12, 8), "negative": (6, 0)}
    assert named(volume["acks"]) == {"sent": (16, 8), "skipped": (5, 0)}
    assert named(volume["rules"]) == {"B2": (3, 0), "D7": (2, 0)}
    days = [(one["figure"]["now"], one["figure"]["before"]) for one in volume["days"]]
    assert days == [(10, 8), (8, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]
    hours = {hour: one["now"] for hour, one in enumerate(volume["hours"]) if one["now"]}
    assert hours == {9: 10, 14: 6, 15: 2}


@pytest.mark.usefixtures("answers")
def test_answers_in_opening_hours_and_promises(call: Call, config: Path) -> None:
    every, billing, delivery = told(call, config)["answers"]
    assert every["skill"] is None
    assert (every["answers"], every["open"]) == ({"now": 5, "before": 5}, {"now": 2, "before": 1})
    assert billing["skill"] == "billing"
    assert billing["half"] == {"now": 3 * HOUR, "before": 2 * HOUR}
    assert billing["most"] == {"now": 4 * HOUR, "before": 2 * HOUR}
    assert (billing["kept"]["now"], billing["judged"]["now"]) == (4, 5)
    # Answered after the week was over: open at its end.
    assert (delivery["skill"], delivery["open"]["now"]) == ("delivery", 2)
    assert delivery["oldest"] == 4 * DAY + 14 * HOUR
    assert delivery["half"] == {"now": None, "before": None}


@pytest.mark.usefixtures("history", "surges")
def test_surges_and_the_knowledge_base(call: Call, config: Path) -> None:
    found = told(call, config)
    ((surge),) = found["surges"]
    assert (surge["kind"], surge["name"]) == ("topic", "parcel")
    knowledge = found["knowledge"]
    assert (knowledge["found"]["now"], knowledge["asked"]["now"]) == (10, 18)
    assert [(one["id"], one["figure"]["now"]) for one in knowledge["sections"]] == [("faq-7", 10)]
    gaps = [(one["skill"], one["language"], one["figure"]["now"], one["of"])
            for one in knowledge["gaps"]]  # fmt: skip
    assert gaps == [("delivery", "en", 6, 6), ("returns", "sv", 2, 2)]
    assert "titles" in found["missing"]
    assert len(knowledge["gaps"][0]["examples"]) == 2


@pytest.mark.usefixtures("history", "answers")
def test_one_mailbox(call: Call, config: Path) -> None:
    found = told(call, config, "--mailbox", "sales@desk.example")
    assert found["volume"]["mails"] == {"now": 3, "before": 0}
    assert found["answers"] is None
    assert found["missing"]["replies"]
    assert told(call, config, "--mailbox", HELP)["volume"]["mails"]["now"] == 18


def test_what_is_not_there_is_said_in_its_place(call: Call, config: Path) -> None:
    done = call("--config", config, "report")
    assert done.code == 1
    assert done.out.count("Not known:") == 3
    for title in ("WHAT CAME IN", "FIRST ANSWERS", "SURGES", "KNOWLEDGE BASE"):
        assert title in done.out


@pytest.mark.usefixtures("answers")
def test_without_a_history_answers_still_show(call: Call, config: Path) -> None:
    done = call("--config", config, "report", "--week", NAME)
    assert done.code == 0
    assert "Not known: " in done.out
    assert "80 %, 4 of 5" not in done.out  # four is too few for a share
    assert "4 of 5" in done.out


def test_a_history_that_begins_in_between_is_not_compared(
    call: Call, config: Path, tmp_path: Path
) -> None:
    with closing(HistoryWriter(tmp_path / "history.db")) as history:
        history.add(mails(10, BEFORE + 4 * DAY))
        history.add(mails(20, MONDAY + 9 * HOUR))
    found = told(call, config)
    assert found["volume"]["mails"] == {"now": 20, "before": None}
    assert "nothing is compared" in found["missing"]["before"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--week", "2026-W60"],
        ["--week", "last"],
        ["--week", "2199-W01"],
        ["--since", "29d"],
        ["--since", "2d", "--week", "2026-W40"],
        ["--mailbox", "nobody@desk.example"],
    ],
)
def test_a_wrong_call(call: Call, config: Path, arguments: list[str]) -> None:
    assert call("--config", config, "report", *arguments).code == 2


@pytest.mark.usefixtures("history")
def test_four_weeks_are_the_most(call: Call, config: Path) -> None:
    done = call("--config", config, "report", "--since", "28d", "--json")
    assert done.code == 0
    assert json.loads(done.out)["volume"]["mails"]["now"] >= 29


@pytest.mark.parametrize(("days", "weeks"), [(1, 1), (7, 1), (8, 2), (28, 4)])
def test_mondays_are_compared_with_mondays(days: int, weeks: int) -> None:
    zone = ZoneInfo("Europe/Stockholm")
    now = datetime(2026, 10, 28, 12, tzinfo=zone)  # clocks went back on the 25th
    start = now - timedelta(days)
    span = span_of(start.timestamp() - 1, None, now.timestamp(), zone)
    earlier = now - timedelta(7 * weeks)
    assert span.before.end == min(earlier.timestamp(), span.period.start)
    assert span.before.start == (start - timedelta(7 * weeks)).timestamp() - 1


class Page(HTMLParser):
    """What a reader of the page meets; every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.usefixtures("answers", "surges")
def test_the_html_page_stands_alone_and_hostile_names_are_words(
    call: Call, config: Path, tmp_path: Path, history: HistoryWriter
) -> None:
    history.add(mails(90, MONDAY + 4 * DAY, skill=HOSTILE, language='"><img src=x>', kb=HOSTILE))
    done = call("--config", config, "report", "--week", NAME, "--html", "report.html")
    assert (done.code, done.out) == (0, "")
    page = Page()
    page.feed((tmp_path / "report.html").read_text())
    page.close()
    assert page.open == []
    tags = {tag for tag, _ in page.met}
    assert not tags & {"script", "img", "link", "iframe", "object", "image", "use", "a"}
    names = {name for _, attributes in page.met for name in attributes}
    assert not {one for one in names if one.startswith("on") or one in ("src", "href", "style")}
    assert HOSTILE in page.text
    plots = [attributes for tag, attributes in page.met if tag == "svg"]
    assert len(plots) == 2
    ids = {attributes.get("id") for _, attributes in page.met}
    assert all(set(str(plot["aria-labelledby"]).split()) <= ids for plot in plots)
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) & 0o600 == 0o600
    assert not list(tmp_path.glob(".report-*"))


@pytest.mark.usefixtures("history", "answers")
def test_no_address_of_a_customer_and_no_escape_sequence_is_shown(
    call: Call, config: Path, history: HistoryWriter
) -> None:
    history.add(mails(90, MONDAY + 4 * DAY, skill="\x1b[2J"))
    done = call("--config", config, "report", "--week", NAME)
    assert "@" not in done.out
    assert "\x1b" not in done.out


def test_a_file_that_cannot_be_written(call: Call, config: Path, tmp_path: Path) -> None:
    done = call("--config", config, "report", "--html", tmp_path / "no" / "report.html")
    assert done.code == 1
    assert "cannot be written" in done.err
