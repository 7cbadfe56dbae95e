"""mailtriage report: updates, surveys, moods and corrections of a made state, known by hand."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailtriage.state.feedback import Correction, Facet, write_corrections
from mailtriage.state.follow_ups import OwedMail
from mailtriage.state.outbox import Outbox
from mailtriage.state.records import FollowUp
from mailtriage.state.sqlite import open_database
from tests.commands.conftest import Call
from tests.state.conftest import DAY, HELP, HOUR, JOE, TOKENS, Desk, inbound, key_of, outbound
from tests.support.orders import ORDER

SALES = "sales@desk.example"
_TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
NOW = _TODAY.timestamp()
"""The end of yesterday: all that is made here lies in the seven days before, or the seven before
those."""
THIS, BEFORE = NOW - 2 * DAY, NOW - 9 * DAY


class Site:
    """A desk whose mail of the last days is made by hand."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.desk = Desk(connection, TOKENS)
        self.outbox = Outbox(connection)

    def acknowledge(self, name: str, at: float, mailbox: str = HELP) -> None:
        """A mail that may be followed up."""
        mail = inbound(name, at, mailbox=mailbox, skill="billing")
        order = replace(ORDER, key=mail.key, mailbox=mailbox, to=JOE, skill="billing",
                        received=at, by=mail.promised)  # fmt: skip
        kept = FollowUp(order.to_json(), "updates survey", mail.promised, at, at + 30 * DAY)
        self.desk.acknowledge(mail, follow_up=kept)
        self.send(at + 1)

    def follow(self, name: str, kind: str, at: float, promised: float = 0.0) -> bytes:
        """An update or a survey goes out; its key."""
        ((conversation,),) = self.connection.execute(
            "SELECT conversation FROM mail WHERE key = ?", (key_of(name),)
        )
        key = key_of(f"{kind}-{name}-{at}")
        with self.desk.transaction():
            standing = self.desk.follow_ups.standing(conversation, at)
            assert standing is not None
            mail = OwedMail(key, kind, b"x", f"<{key.hex()}@desk.example>", "", at + HOUR, promised)  # type: ignore[arg-type] # one of the two kinds
            self.desk.follow_ups.owe(standing, mail, at)
        self.send(at + 1)
        return key

    def send(self, at: float) -> None:
        self.outbox.sent([row.key for row in self.outbox.claim(at, 60.0, 10).rows], at)

    def answer(self, name: str, at: float) -> None:
        self.desk.goes_out(outbound(f"answer-{name}", at, (f"<{name}@customer.example>",)))

    def survey(self, name: str, at: float, vote: int = 0, mailbox: str = HELP) -> None:
        """Somebody is asked, and votes an hour later."""
        self.acknowledge(name, at - DAY, mailbox)
        self.answer(name, at - HOUR)
        key = self.follow(name, "survey", at)
        if vote:
            with self.desk.transaction():
                self.desk.surveys.vote(key, vote, at + HOUR, 30 * DAY)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(open_database(tmp_path / "state.db")) as connection:
        yield Site(connection)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, "")


def written(directory: Path, more: str) -> Path:
    file = directory / "mailtriage.toml"
    file.write_text(
        f'[state]\nurl = "sqlite://{directory}/state.db"\n[kb]\nindex = "{directory}/none.kb"\n'
        f'[mailboxes."{SALES}"]\n{more}[mailboxes."{HELP}"]\n{more}'
    )
    return file


SENDING = 'updates = "send"\nsurvey = "send"\n'
RETURNS = '[return_addresses]\ndomain = "triage.desk.example"\n'


def told(call: Call, config: Path, *arguments: object) -> dict[str, Any]:
    done = call("--config", config, "report", "--json", *arguments)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert isinstance(found, dict)
    return found


def test_promises_that_were_moved_and_kept(call: Call, config: Path, site: Site) -> None:
    for name, answered in (("kept", 9.0), ("late", 11.0), ("never", 0.0)):
        site.acknowledge(name, THIS)
        site.follow(name, "update", THIS + 7 * HOUR, THIS + 10 * HOUR)
        if answered:
            site.answer(name, THIS + answered * HOUR)
    site.acknowledge("waits", THIS)
    site.follow("waits", "update", THIS + 7 * HOUR, THIS + 9 * HOUR)
    site.follow("waits", "update", THIS + 8 * HOUR, NOW + 30 * DAY)
    site.acknowledge("not-told", THIS)
    found = told(call, config)["updates"]
    assert found == {"told": 4, "again": 1, "kept": 1, "broken": 2, "waiting": 1}


def test_what_was_promised_before_a_new_question_is_not_known(
    call: Call, config: Path, site: Site
) -> None:
    """The customer writes again after the answer, and is promised something else."""
    site.acknowledge("m1", THIS)
    site.follow("m1", "update", THIS + 7 * HOUR, THIS + 10 * HOUR)
    site.answer("m1", THIS + 11 * HOUR)
    told_again = inbound("m2", THIS + 20 * HOUR, references=("<m1@customer.example>",))
    site.desk.acknowledge(told_again)
    found = told(call, config)["updates"]
    assert (found["told"], found["kept"], found["broken"]) == (1, 0, 0)


def test_questions_and_votes(call: Call, config: Path, site: Site) -> None:
    for number, vote in enumerate((5, 4, 4, 5, 2, 0)):
        site.survey(f"n{number}", THIS + number, vote)
    site.survey("b", BEFORE, 5)
    site.survey("s", THIS, 1, SALES)
    with site.desk.transaction():
        site.desk.surveys.opt_out_address(JOE, THIS)
    found = told(call, config, "--mailbox", HELP)["surveys"]
    assert found["asked"] == {"now": 6, "before": 1}
    assert found["answered"] == {"now": 5, "before": 1}
    assert found["satisfied"] == {"now": 4, "before": 1}
    assert found["opt_outs"] == {"now": 1, "before": 0}
    assert [one["name"] for one in found["skills"]] == ["billing"]
    assert told(call, config)["surveys"]["answered"]["now"] == 6


def test_moods_of_customers_who_wrote_more_than_once(call: Call, config: Path, site: Site) -> None:
    for name, first, last in (("a", "negative", "positive"), ("b", "neutral", "negative")):
        site.desk.refuse(inbound(name, THIS, mood=first))
        again = (f"<{name}@customer.example>",)
        site.desk.refuse(inbound(f"{name}2", THIS + HOUR, mood="neutral", references=again))
        site.desk.refuse(inbound(f"{name}3", THIS + 2 * HOUR, mood=last, references=again))
        machine = inbound(f"{name}4", THIS + 3 * HOUR, mood="positive", kind="machine",
                          references=again)  # fmt: skip
        site.desk.refuse(machine)
    site.desk.refuse(inbound("once", THIS, mood="negative"))
    found = {one["name"]: one["figure"]["now"] for one in told(call, config)["moods"]}
    assert found == {"better": 1, "same": 0, "worse": 1}


@pytest.mark.usefixtures("site")
def test_corrections(call: Call, config: Path, tmp_path: Path, site: Site) -> None:
    site.acknowledge("m", THIS)

    def one(mail: str, facet: Facet, value: str, said: str, at: float = THIS) -> Correction:
        return Correction(mail.encode(), facet, value, "mail", at, said)

    rows = [one("a", "skill", "returns", "delivery"), one("a", "priority", "high", "normal"),
            one("b", "skill", "billing", "billing"),
            one("c", "skill", "returns", "delivery", BEFORE)]  # fmt: skip
    write_corrections(tmp_path / "feedback.db", rows)
    found = told(call, config)["corrections"]
    assert found["mails"] == {"now": 1, "before": 1}
    assert found["confirmed"] == 1
    assert [(one["facet"], one["said"], one["value"]) for one in found["facets"]] == [
        ("priority", "normal", "high"), ("skill", "delivery", "returns"),
    ]  # fmt: skip


def test_what_is_off_does_not_show(call: Call, config: Path, site: Site) -> None:
    site.desk.acknowledge(inbound("m", THIS))
    page = call("--config", config, "report").out
    assert not {"UPDATES", "SURVEYS", "CORRECTIONS"} & set(page.splitlines())


def test_what_is_on_and_has_nothing_to_tell_says_so(call: Call, tmp_path: Path, site: Site) -> None:
    site.desk.acknowledge(inbound("m", THIS))
    config = written(tmp_path, SENDING)
    config.write_text(config.read_text() + RETURNS)
    page = call("--config", config, "report").out
    for said in ("Nobody had to be told", "Nobody was asked", "No mail was ever corrected",
                 "No conversation had two mails"):  # fmt: skip
        assert said in page


def test_a_state_that_cannot_be_read_is_said_where_something_is_on(
    call: Call, tmp_path: Path
) -> None:
    config = written(tmp_path, SENDING)
    config.write_text(config.read_text() + RETURNS)
    (tmp_path / "feedback.db").write_bytes(b"no database, and long enough to be none" * 9)
    lines = call("--config", config, "report").out.splitlines()
    for title in ("UPDATES", "SURVEYS", "CORRECTIONS"):
        assert lines[lines.index(title) + 1].startswith("Not known: ")


def test_updates_of_long_ago_are_said_to_be_gone(call: Call, tmp_path: Path, site: Site) -> None:
    site.acknowledge("m", NOW - 20 * DAY)
    since = datetime.fromtimestamp(NOW, UTC) - timedelta(20)
    config = written(tmp_path, SENDING)
    config.write_text(config.read_text() + RETURNS)
    page = call("--config", config, "report", "--since", f"{since:%Y-%m-%d}").out
    assert "Updates are kept for 15 days: earlier ones are not in it." in page
