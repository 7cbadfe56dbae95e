"""mailtriage history: what an administrator sees of past mails."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.commands.moments import moment, shown
from mailtriage.state.history_writer import HistoryWriter
from mailtriage.state.secret import make_secret
from mailtriage.triage.policy_set import Look, PolicySet
from tests.commands.conftest import COMMAND, Call
from tests.state.test_history import row

NOW = time.time()
ZONE = {"TZ": "Europe/Stockholm"}
SET = PolicySet("1", {("returns", True, "send-back"): Look("", {})}, ())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mailtriage.toml"
    file.write_text(
        f'[state]\nurl = "sqlite://{tmp_path}/state.db"\n'
        '[mailboxes."help@desk.example"]\naliases = ["support@desk.example"]\n'
    )
    return file


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[HistoryWriter]:
    with closing(HistoryWriter(tmp_path / "history.db")) as opened:
        opened.keep_policy_set("p1", NOW, SET.content)
        opened.add(
            [
                row(queue_id="4Wx1", at=NOW - 7200),
                row(queue_id="4Wx2", at=NOW - 60, priority="low", skill="general", ack="skipped",
                    ack_rule="B2", kind="list", why=("list-header",)),
                row(queue_id="4Wx3", at=NOW - 30, direction="outbound", priority="", skill=""),
            ]
        )  # fmt: skip
        yield opened


def test_the_newest_comes_first(call: Call, config: Path, writer: HistoryWriter) -> None:
    done = call("--config", config, "history", env=ZONE)
    assert done.code == 0
    heading, second, first = done.out.splitlines()
    assert heading.split() == [
        "TIME", "QUEUE", "ID", "PRIO", "SCORE", "SKILL", "LANG", "KIND", "ACK", "WHY",
    ]  # fmt: skip
    assert "4Wx2" in second
    assert second.endswith("skipped B2  list-header")
    assert first.split()[1].endswith("+01:00")
    assert first.split()[2:] == [
        "4Wx1", "high", "62", "billing", "de", "human", "sent", "invoice-word,", "vip",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--skill", "billing"], ["4Wx1"]),
        (["--priority", "low"], ["4Wx2"]),
        (["--rule", "list-header"], ["4Wx2"]),
        (["--rule", "b2"], ["4Wx2"]),
        (["--ack", "sent"], ["4Wx1"]),
        (["--language", "DE", "--limit", "1"], ["4Wx2"]),
        (["--queue-id", "4Wx1"], ["4Wx1"]),
        (["--mailbox", "support@desk.example"], ["4Wx2", "4Wx1"]),
        (["--since", "1h"], ["4Wx2"]),
        (["--until", "1h"], ["4Wx1"]),
        (["--since", "3d", "--all"], ["4Wx3", "4Wx2", "4Wx1"]),
        (["--skill", "returns"], []),
    ],
)
def test_what_is_asked_for(
    call: Call, config: Path, writer: HistoryWriter, arguments: list[str], found: list[str]
) -> None:
    done = call("--config", config, "history", "--json", *arguments)
    assert done.code == 0
    assert [json.loads(line)["queue_id"] for line in done.out.splitlines()] == found


def test_a_program_gets_every_fact(call: Call, config: Path, writer: HistoryWriter) -> None:
    done = call("--config", config, "history", "--json", "--queue-id", "4Wx1", env=ZONE)
    entry = json.loads(done.out)
    assert entry["at"].endswith("+01:00")
    assert entry["skills"] == [
        {"name": "billing", "score": 0.9},
        {"name": "returns", "score": 0.2},
    ]
    assert entry["why"] == ["invoice-word", "vip"]
    assert "seen" not in entry


def test_a_customers_mails(call: Call, config: Path, tmp_path: Path, writer: HistoryWriter) -> None:
    done = call("--config", config, "history", "--sender", "kim@customer.example")
    assert done.code == 1
    assert "secret" in done.err
    secret = make_secret(tmp_path / "secret")
    sender = Tokens(secret).pseudonym("address", "kim@customer.example")
    writer.add([row(queue_id="4Wx9", sender=sender)])
    done = call("--config", config, "history", "--sender", "Kim+shop@customer.example")
    assert [line.split()[2] for line in done.out.splitlines()[1:]] == ["4Wx9"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--skill", "biling"], "no skill is called 'biling' — did you mean 'billing'?"),
        (["--skill", "return"], "did you mean 'returns'?"),
        (["--rule", "send-bak"], "no rule is called 'send-bak' — did you mean 'send-back'?"),
        (["--priority", "hight"], "'hight' is not one of"),
        (["--since", "yesterday"], "'yesterday' is no time: write how long ago"),
        (["--limit", "0"], "0 is not in the range"),
    ],
)
def test_a_wrong_call(
    call: Call, config: Path, writer: HistoryWriter, arguments: list[str], told: str
) -> None:
    done = call("--config", config, "history", *arguments)
    assert done.code == 2
    assert told in done.err
    assert not done.out


def test_nothing_like_it_is_no_error(call: Call, config: Path, writer: HistoryWriter) -> None:
    done = call("--config", config, "history", "--skill", "returns")
    assert done.code == 0
    assert done.err.startswith("none of the decisions from ")


def test_there_is_no_history(call: Call, config: Path) -> None:
    done = call("--config", config, "history")
    assert done.code == 1
    assert "history.db: is not there yet; mailtriage serve makes it" in done.err
    config.write_text(config.read_text() + '[history]\nkeep = "0"\n')
    done = call("--config", config, "history")
    assert done.code == 1
    assert 'history.keep is "0": no decisions are kept' in done.err


def test_nothing_steers_the_terminal(call: Call, config: Path, writer: HistoryWriter) -> None:
    writer.add([row(queue_id="\x1b[2J\x07", why=("\x1b]0;x",))])
    done = call("--config", config, "history", "--limit", "1")
    assert "\x1b" not in done.out
    assert "\\x1b[2J\\x07" in done.out


def test_no_word_makes_a_line_of_its_own_or_turns_one_around(
    call: Call, config: Path, writer: HistoryWriter
) -> None:
    before = len(call("--config", config, "history").out.splitlines())
    writer.add([row(queue_id="4Wx4\n2026\t\u2028", why=("a\u202eb",))])
    done = call("--config", config, "history")
    assert len(done.out.splitlines()) == before + 1
    assert "4Wx4\\n2026\\t\\u2028" in done.out
    assert "a\\u202eb" in done.out


@pytest.mark.parametrize("option", ["--skill", "--queue-id", "--mailbox", "--rule", "--sender"])
def test_a_name_that_is_no_utf_8_is_a_name_that_nothing_has(
    call: Call, config: Path, tmp_path: Path, writer: HistoryWriter, option: str
) -> None:
    make_secret(tmp_path / "secret")
    done = call("--config", config, "history", option, "a\udcff")
    assert done.code in {0, 2}
    assert "fault of mailtriage" not in done.err
    assert "4Wx1" not in done.out


def test_more_mails_than_can_be_counted_are_not_asked_for(
    call: Call, config: Path, writer: HistoryWriter
) -> None:
    done = call("--config", config, "history", "--limit", "9" * 30)
    assert done.code == 2
    assert "--limit" in done.err


def test_new_ones_are_shown_as_they_come(config: Path, writer: HistoryWriter) -> None:
    command = [*COMMAND, "--config", str(config), "history", "--follow", "--skill", "billing"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout)
        assert next(lines).startswith("TIME")
        assert "4Wx1" in next(lines)
        writer.add([row(queue_id="4Wx7", skill="returns"), row(queue_id="4Wx8")])
        assert "4Wx8" in next(lines)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30) == 130


class TestMoments:
    @pytest.fixture(autouse=True)
    def zone(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("TZ", ZONE["TZ"])
        time.tzset()
        yield
        monkeypatch.undo()
        time.tzset()

    @pytest.mark.parametrize(
        ("text", "end", "wanted"),
        [
            ("2026-11-20", False, "2026-11-20 00:00:00+01:00"),
            ("2026-11-20", True, "2026-11-21 00:00:00+01:00"),
            ("2026-11-20T14:30", True, "2026-11-20 14:30:00+01:00"),
            ("2026-11-20 14:30:05", False, "2026-11-20 14:30:05+01:00"),
            ("2026-11-20T14:30Z", False, "2026-11-20 15:30:00+01:00"),
            ("2026-07-01", False, "2026-07-01 00:00:00+02:00"),
        ],
    )
    def test_a_day_is_a_local_one(self, text: str, end: bool, wanted: str) -> None:
        assert shown(moment(text, 0, end=end)) == wanted

    def test_how_long_ago(self) -> None:
        assert moment("2h", 10_000.0) == 2800.0

    @pytest.mark.parametrize("text", ["", "x", "3", "2026-13-01", "7w"])
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(ValueError, match="is no time: write how long ago"):
            moment(text, 0.0)
