"""mailtriage outbox: what an administrator sees and can do."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.commands.outbox import (
    run_outbox_drop,
    run_outbox_list,
    run_outbox_retry,
    run_outbox_show,
)
from mailtriage.state.outbox import Outbox, key_text
from mailtriage.state.sqlite import open_database
from mailtriage.state.store import Store
from tests.state.conftest import HOUR, ack_of, inbound, key_of

TOKENS = Tokens(b"only for the tests of the outbox")
READY, SENDING, RETRY, DEAD, SENT, WAITING = (
    "ready", "sending", "retry", "dead", "sent", "waiting",
)  # fmt: skip


def short(name: str) -> str:
    """A key as the table shows it."""
    return key_text(key_of(name))[:10]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A configuration with its state in the directory of the test."""
    config = tmp_path / "mailtriage.toml"
    config.write_text(f'[state]\nurl = "sqlite://{tmp_path}/state.db"\n')
    return [config]


@pytest.fixture
def outbox(files: list[Path]) -> Iterator[Outbox]:
    """One row in each of six states, each for a customer of its own; the first is the oldest."""
    now = time.time()
    with closing(open_database(files[0].with_name("state.db"))) as connection:
        store, outbox = Store(connection, TOKENS), Outbox(connection)
        for age, name in enumerate((WAITING, READY, SENDING, RETRY, DEAD, SENT)):
            mail = inbound(name, now - 600 + age, address=f"{name}@customer.example")
            due = now - HOUR if name in (SENDING, RETRY, DEAD, SENT) else now + HOUR
            with store.transaction():
                ack = ack_of(mail, due=due, waiting=name == WAITING, expires=now + HOUR)
                store.record_inbound(mail, ack)
        outbox.claim(now, 60, 9)
        outbox.retry(key_of(RETRY), now + HOUR, "450 4.2.0 try\x1b[2J later")
        outbox.dead(key_of(DEAD), "550 5.1.1 unknown", undeliverable=True, now=now)
        outbox.sent([key_of(SENT)], now)
        yield outbox


Captured = pytest.CaptureFixture[str]


def test_the_list_has_what_is_owed_and_what_is_dead(
    files: list[Path], outbox: Outbox, capsys: Captured
) -> None:
    assert run_outbox_list(files, all_rows=False, as_json=False) == 0
    heading, *rows, summary = capsys.readouterr().out.splitlines()
    assert heading.split() == ["KEY", "STATE", "AGE", "TRIED", "KIND", "TO", "FROM", "WHY"]
    table = [row.split(maxsplit=7) for row in rows]
    assert [row[:2] for row in table] == [
        [short(name), name.upper()] for name in (DEAD, RETRY, SENDING, READY, WAITING)
    ]
    assert table[0][3:] == [
        "1",
        "ack",
        "dead@customer.example",
        "help@desk.example",
        "550 5.1.1 unknown",
    ]
    assert table[1][7] == r"450 4.2.0 try\x1b[2J later"
    assert summary == "4 owed, 1 dead, 1 sent in the last week"


def test_with_all_the_others_too_without_their_address(
    files: list[Path], outbox: Outbox, capsys: Captured
) -> None:
    assert run_outbox_list(files, all_rows=True, as_json=False) == 0
    out = capsys.readouterr().out
    assert short(SENT) in out
    assert "sent@customer.example" not in out
    assert "(@customer.example)" in out


def test_as_json(files: list[Path], outbox: Outbox, capsys: Captured) -> None:
    assert run_outbox_list(files, all_rows=True, as_json=True) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["state"] for row in rows] == [
        "SENT", "DEAD", "RETRY", "SENDING", "READY", "WAITING",
    ]  # fmt: skip
    sent, dead = rows[:2]
    assert dead["key"] == key_text(key_of(DEAD))
    assert (dead["to"], dead["error"], dead["due"]) == (
        "dead@customer.example", "550 5.1.1 unknown", None,
    )  # fmt: skip
    assert sent["to"] == ""
    assert sent["finished"].endswith("+00:00")


def test_of_very_many_the_table_says_how_many_it_leaves_out(
    files: list[Path], outbox: Outbox, capsys: Captured
) -> None:
    now = time.time()
    with closing(open_database(files[0].with_name("state.db"))) as connection:
        store = Store(connection, TOKENS)
        with store.transaction():
            for number in range(1005):
                mail = inbound(f"more{number}", now)
                store.record_inbound(mail, ack_of(mail, due=now + HOUR, expires=now + HOUR))
    assert run_outbox_list(files, all_rows=False, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 1000 + 1 + 1
    assert lines[-2:] == ["… and 10 more", "1009 owed, 1 dead, 1 sent in the last week"]
    assert run_outbox_list(files, all_rows=True, as_json=True) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1005 + 6


def test_an_empty_one(files: list[Path], capsys: Captured) -> None:
    open_database(files[0].with_name("state.db")).close()
    assert run_outbox_list(files, all_rows=False, as_json=False) == 0
    assert capsys.readouterr().out == "0 owed, 0 dead, 0 sent in the last week\n"


def test_show_gives_the_message_while_it_is_owed(
    files: list[Path], outbox: Outbox, capsys: Captured
) -> None:
    assert run_outbox_show(files, short(RETRY)) == 0
    out = capsys.readouterr().out
    assert "to: retry@customer.example\n" in out
    assert "\n\nSubject: received\n\nYour message has arrived." in out
    assert "\x1b" not in out
    assert run_outbox_show(files, short(SENT)) == 0
    assert "arrived" not in capsys.readouterr().out


@pytest.mark.parametrize("key", ["zzzzzzzz", "", "1"])
def test_show_what_is_not_there(
    files: list[Path], outbox: Outbox, capsys: Captured, key: str
) -> None:
    assert run_outbox_show(files, key) == 1
    assert "no row of the outbox" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        (DEAD, 0, "is tried again now"),
        (RETRY, 0, "is tried again now"),
        (SENDING, 1, "it is on its way, so that it cannot be tried again"),
        (SENT, 1, "it is sent, so that it cannot be tried again"),
    ],
)
def test_retry(
    files: list[Path], outbox: Outbox, capsys: Captured, name: str, code: int, said: str
) -> None:
    assert run_outbox_retry(files, [short(name)], every=False) == code
    assert said in "".join(capsys.readouterr())
    claimed = {row.key for row in outbox.claim(time.time(), 60, 9).rows}
    assert (key_of(name) in claimed) == (code == 0)


def test_retry_all_that_are_dead(files: list[Path], outbox: Outbox) -> None:
    assert run_outbox_retry(files, [], every=True) == 0
    assert {row.key for row in outbox.claim(time.time(), 60, 9).rows} == {key_of(DEAD)}


@pytest.mark.parametrize(
    ("name", "code"), [(READY, 0), (WAITING, 0), (RETRY, 0), (DEAD, 0), (SENDING, 1), (SENT, 1)]
)
def test_drop(files: list[Path], outbox: Outbox, name: str, code: int) -> None:
    before = outbox.counts()
    assert run_outbox_drop(files, [short(name)], every=False) == code
    after = outbox.counts()
    assert after.get("DROPPED", 0) == (1 if code == 0 else 0)
    assert sum(after.values()) == sum(before.values())


def test_drop_all(files: list[Path], outbox: Outbox) -> None:
    assert run_outbox_drop(files, [], every=True) == 0
    assert outbox.counts() == {"DROPPED": 4, "SENDING": 1, "SENT": 1}


def test_a_slip_of_the_pen_changes_nothing(
    files: list[Path], outbox: Outbox, capsys: Captured
) -> None:
    before = outbox.counts()
    assert run_outbox_drop(files, [short(READY), "zzzz"], every=False) == 1
    assert "zzzz" in capsys.readouterr().err
    assert outbox.counts() == before


def test_nothing_named(files: list[Path], outbox: Outbox, capsys: Captured) -> None:
    for run in (run_outbox_drop, run_outbox_retry):
        assert run(files, [], every=False) == 2
        assert "--all" in capsys.readouterr().err


def test_before_the_first_start(files: list[Path], capsys: Captured) -> None:
    assert run_outbox_list(files, all_rows=False, as_json=False) == 1
    assert "mailtriage serve makes it" in capsys.readouterr().err
    assert run_outbox_drop(files, [], every=True) == 1
    assert not files[0].with_name("state.db").exists()


def test_a_database_that_is_none(files: list[Path], capsys: Captured) -> None:
    files[0].with_name("state.db").write_text("nothing of the kind" * 100)
    assert run_outbox_list(files, all_rows=False, as_json=False) == 1
    assert "no SQLite database" in capsys.readouterr().err


def test_a_configuration_with_mistakes(files: list[Path], capsys: Captured) -> None:
    files[0].write_text("[stat]\n")
    assert run_outbox_list(files, all_rows=False, as_json=False) == 1
    assert "mailtriage.toml:1" in capsys.readouterr().err
